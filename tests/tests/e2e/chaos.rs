//! SIGKILL under load, again and again on one data directory, and then the reckoning: every acknowledged submission is in the
//! ledger exactly once, nothing foreign is, and each tenant's sums are those of the distinct reports that arrived.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex},
};

use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use serde_json::json;
use tlsrpt_tests::{
    Encoding, Generator, Ledger, Operator, Report, Sender, Service, Setup, Size, Totals, all_submissions, caught_up, until, wide_period,
};
use tokio_util::sync::CancellationToken;

use crate::seed::seed;

const ROUNDS: usize = 10;
const SENDERS: usize = 6;
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

/// What a payload says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    /// The report of this number.
    Report(usize),
    /// Nothing countable.
    Nothing,
}

/// What the senders know.
struct Record {
    random: SmallRng,
    generator: Generator,
    reports: Vec<Report>,
    acknowledged: BTreeMap<String, Said>,
    /// Sent, and neither acknowledged nor known to be lost: the answer never came.
    unanswered: Vec<(Vec<u8>, Said)>,
    number: usize,
}

impl Record {
    /// What to send next: most often a new report, often one that was sent before, now and then one that cannot be counted.
    fn next(&mut self) -> (Vec<u8>, Said) {
        self.number += 1;
        let dice = self.random.random_range(0..100);
        let encoding = Encoding::ALL[self.random.random_range(0..Encoding::ALL.len())];
        if dice < 5 {
            return (json!({"organization-name": format!("sender {}", self.number)}).to_string().into_bytes(), Said::Nothing);
        }
        let number = if dice < 35 && !self.reports.is_empty() {
            self.random.random_range(0..self.reports.len())
        } else {
            let domain = DOMAINS[self.random.random_range(0..DOMAINS.len())];
            let size = [Size::Small, Size::Medium, Size::Large][usize::from(dice > 70) + usize::from(dice > 97)];
            let report = self.generator.report(domain, size);
            self.reports.push(report);
            self.reports.len() - 1
        };
        (self.reports[number].encode(encoding), Said::Report(number))
    }
}

/// Sends until the service is gone.
async fn send_on(sender: Sender, record: Arc<Mutex<Record>>, gone: CancellationToken) {
    while !gone.is_cancelled() {
        let (payload, said) = record.lock().unwrap().next();
        let answer = sender.try_post(None, payload.clone()).await;
        let mut record = record.lock().unwrap();
        match answer {
            Ok(answer) if answer.status == 201 => {
                let id = answer.json()["submission_id"].as_str().unwrap().to_owned();
                let before = record.acknowledged.insert(id.clone(), said);
                assert_eq!(before, None, "the id {id} was given twice");
            }
            // Told to come back: what became of it is not known.
            Ok(answer) if answer.status == 503 => record.unanswered.push((payload, said)),
            Ok(answer) => panic!("{}: {}", answer.status, answer.text()),
            Err(_) => {
                record.unanswered.push((payload, said));
                return;
            }
        }
    }
}

/// One round under load, to its kill.
async fn round(service: &mut Service, record: &Arc<Mutex<Record>>, acknowledged: usize) {
    let gone = CancellationToken::new();
    let mut senders = tokio::task::JoinSet::new();
    let before = record.lock().unwrap().acknowledged.len();
    for _ in 0..SENDERS {
        senders.spawn(send_on(service.sender(), Arc::clone(record), gone.clone()));
    }
    until("acknowledgements", async || {
        let now = record.lock().unwrap().acknowledged.len() - before;
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
    let record = Arc::new(Mutex::new(Record {
        random: SmallRng::seed_from_u64(seed ^ 1),
        generator: Generator::new(seed ^ 2),
        reports: Vec::new(),
        acknowledged: BTreeMap::new(),
        unanswered: Vec::new(),
        number: 0,
    }));

    for number in 0..ROUNDS {
        if KILLED_AT_START.contains(&number) {
            let line = ["operations endpoint is up", "query API is up", "HTTPS edge is"][random.random_range(0..3)];
            service.kill();
            service.launch_again().await;
            service.await_line(line).await;
            service.kill();
        } else {
            if number == CLAIMED_AT {
                service.operator().claim("b", LATE).await;
            }
            round(&mut service, &record, random.random_range(ACKNOWLEDGED.0..ACKNOWLEDGED.1)).await;
        }
        service.start_again().await;
    }

    let operator = service.operator();
    let ledger = caught_up(&operator).await;
    until("what was unclaimed is adopted", async || {
        let unclaimed = operator.json("/admin/v1/unclaimed").await.to_string();
        if unclaimed.contains(LATE) { Err(unclaimed) } else { Ok(()) }
    })
    .await;
    let record = Arc::try_unwrap(record).ok().expect("the senders have ended").into_inner().unwrap();
    eprintln!(
        "{} acknowledged, {} unanswered, {} distinct reports sent, {ledger:?}",
        record.acknowledged.len(),
        record.unanswered.len(),
        record.reports.len()
    );
    let arrived = reckon(&operator, &record, ledger, seed).await;
    compare(&service, &access, &record, &arrived, seed).await;
    service.finish().await;
}

/// Classes every miss, and answers what arrived.
async fn reckon(operator: &Operator, record: &Record, ledger: Ledger, seed: u64) -> Vec<Said> {
    let listed = all_submissions(operator).await;
    let mut times: HashMap<&str, usize> = HashMap::new();
    for entry in &listed {
        *times.entry(entry.submission_id.as_str()).or_default() += 1;
    }
    let mut lost: Vec<&str> = Vec::new();
    for id in record.acknowledged.keys() {
        let answer = operator.get(&format!("/admin/v1/submissions/{id}")).await;
        if answer.status != 200 || !times.contains_key(id.as_str()) {
            lost.push(id);
        }
    }
    let duplicate: Vec<&str> = times.iter().filter(|(_, times)| **times > 1).map(|(id, _)| *id).collect();

    // What is there and was never acknowledged must be something that was sent and not answered.
    let mut unanswered: HashMap<&[u8], Vec<Said>> = HashMap::new();
    for (payload, said) in &record.unanswered {
        unanswered.entry(payload).or_default().push(*said);
    }
    let mut arrived: Vec<Said> = record.acknowledged.values().copied().collect();
    let mut foreign: Vec<&str> = Vec::new();
    for id in times.keys().filter(|id| !record.acknowledged.contains_key(**id)) {
        let raw = operator.get(&format!("/admin/v1/submissions/{id}/raw")).await.is(200);
        match unanswered.get_mut(raw.body.as_ref()).and_then(Vec::pop) {
            Some(said) => arrived.push(said),
            None => foreign.push(id),
        }
    }
    assert!(
        lost.is_empty() && duplicate.is_empty() && foreign.is_empty(),
        "seed {seed}: {} lost, {} duplicate, {} foreign of {} acknowledged: lost {lost:?}, duplicate {duplicate:?}, foreign {foreign:?}",
        lost.len(),
        duplicate.len(),
        foreign.len(),
        record.acknowledged.len(),
    );
    assert!(ledger.accepted >= record.acknowledged.len() as u64, "seed {seed}: {ledger:?}");
    assert_eq!(ledger.accepted, listed.len() as u64, "seed {seed}: {ledger:?}");
    arrived
}

/// Compares what is shown with what must follow from the reports that arrived.
async fn compare(service: &Service, access: &[(&str, tlsrpt_tests::TenantAccess)], record: &Record, arrived: &[Said], seed: u64) {
    let distinct: BTreeSet<usize> =
        arrived.iter().filter_map(|said| if let Said::Report(number) = said { Some(*number) } else { None }).collect();
    let mut totals: BTreeMap<Option<&str>, Totals> = BTreeMap::new();
    for number in &distinct {
        let report = &record.reports[*number];
        totals.entry(owner(&report.policies[0].domain)).or_default().add(report);
    }
    for (id, access) in access {
        let summary = service.tenant(&access.key).json(&format!("/v1/summary?{}", wide_period())).await;
        let expected = totals.get(&Some(*id)).copied().unwrap_or_default();
        assert!(expected.reports > 0, "seed {seed}: tenant {id} has reports");
        assert_eq!(Totals::of_summary(&summary), expected, "seed {seed}: tenant {id}");
    }
    let ledger = Ledger::read(&service.operator()).await;
    let unclaimed = totals.get(&None).map_or(0, |totals| totals.reports);
    let rejected = arrived.iter().filter(|said| **said == Said::Nothing).count() as u64;
    let stored = distinct.len() as u64 - unclaimed;
    let expected = Ledger {
        accepted: arrived.len() as u64,
        stored,
        duplicate: arrived.len() as u64 - stored - unclaimed - rejected,
        unclaimed,
        rejected,
        pending: 0,
    };
    assert_eq!(ledger, expected, "seed {seed}");
}
