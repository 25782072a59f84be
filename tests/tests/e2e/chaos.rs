//! SIGKILL under load by HTTPS and by mail, again and again on one data directory, and then the reckoning: every acknowledged submission is in the
//! ledger exactly once, nothing foreign is, and each tenant's sums are those of the distinct reports that arrived.

use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use tlsrpt_tests::{Expected, Misses, Sent, Service, Setup, SharedSent, caught_up, reckon, shown, unreadable, until};
use tokio_util::sync::CancellationToken;

use crate::seed::seed;

const ROUNDS: usize = 10;
const SENDERS: usize = 4;
const MAILERS: usize = 2;
/// Rounds that are killed while they start, before a sender gets through.
const KILLED_AT_START: [usize; 2] = [3, 7];
/// The round before which [`LATE`] is claimed, so that adoption meets kills too.
const CLAIMED_AT: usize = 5;
/// Acknowledged submissions of a round, at least and at most, before the kill.
const ACKNOWLEDGED: (usize, usize) = (10, 180);

const LATE: &str = "late.example";
const NOBODYS: &str = "nobodys.example";
const DOMAINS: [&str; 5] = ["a0.example", "a1.example", "b0.example", LATE, NOBODYS];

/// The owner of each domain when all is over.
fn owner(domain: &str) -> Option<&'static str> {
    match domain {
        "a0.example" | "a1.example" => Some("a"),
        "b0.example" | LATE => Some("b"),
        _ => None,
    }
}

/// One round under load, to its kill.
async fn round(service: &mut Service, sent: &SharedSent, address: &str, acknowledged: usize) {
    let gone = CancellationToken::new();
    let mut senders = tokio::task::JoinSet::new();
    let before = sent.acknowledged();
    for _ in 0..SENDERS {
        senders.spawn(sent.clone().send_on(service.sender(), gone.clone()));
    }
    let to = format!("{address}@mx.example");
    for _ in 0..MAILERS {
        senders.spawn(sent.clone().mail_on(service.smtp_address(), to.clone(), gone.clone()));
    }
    until("acknowledgements", async || {
        let now = sent.acknowledged() - before;
        if now >= acknowledged { Ok(()) } else { Err(format!("{now} of {acknowledged}")) }
    })
    .await;
    service.kill();
    gone.cancel();
    senders.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_or_counted_twice_when_the_process_is_killed_again_and_again() {
    let seed = seed();
    let mut random = SmallRng::seed_from_u64(seed);
    let mut service = Setup::new().start().await;
    let access = [
        ("a", service.operator().tenant("a", &["a0.example", "a1.example"]).await),
        ("b", service.operator().tenant("b", &["b0.example"]).await),
    ];
    let sent = SharedSent::new(Sent::new(seed, &DOMAINS));

    for number in 0..ROUNDS {
        if KILLED_AT_START.contains(&number) {
            let line = ["operations endpoint is up", "query API is up", "HTTPS edge is", "SMTP edge is"][random.random_range(0..4)];
            service.kill();
            service.launch_again().await;
            service.await_line(line).await;
            service.kill();
        } else {
            if number == CLAIMED_AT {
                service.operator().claim("b", LATE).await;
            }
            round(&mut service, &sent, &access[0].1.address, random.random_range(ACKNOWLEDGED.0..ACKNOWLEDGED.1)).await;
        }
        service.start_again().await;
    }

    let operator = service.operator();
    caught_up(&operator).await;
    until("what was unclaimed is adopted", async || {
        let unclaimed = operator.json("/admin/v1/unclaimed").await.to_string();
        if unclaimed.contains(LATE) { Err(unclaimed) } else { Ok(()) }
    })
    .await;
    let ledger = caught_up(&operator).await;
    let sent = sent.take();
    let (acknowledged, unanswered) = (sent.acknowledged.len(), sent.unanswered.len());
    eprintln!("{acknowledged} acknowledged, {unanswered} unanswered, {} distinct reports sent, {ledger:?}", sent.reports.len());
    let (misses, arrived) = reckon(&operator, &sent).await;
    assert_eq!(misses, Misses::default(), "seed {seed}, {acknowledged} acknowledged");
    assert_eq!(unreadable(&operator, &sent).await, Vec::<String>::new(), "seed {seed}");

    let expected = Expected::of(&sent, &arrived, owner);
    assert_eq!(ledger, expected.ledger, "seed {seed}");
    for (id, access) in &access {
        let totals = expected.totals[&Some(*id)];
        assert!(totals.reports > 0, "seed {seed}: tenant {id} has reports");
        assert_eq!(shown(&service.tenant(&access.key)).await, totals, "seed {seed}: tenant {id}");
    }
    service.finish().await;
}
