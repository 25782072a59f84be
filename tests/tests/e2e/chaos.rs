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
/// How many ask for acknowledged submissions at one time.
const ASKERS: usize = 8;
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
    fn new(seed: u64) -> Self {
        Self {
            random: SmallRng::seed_from_u64(seed ^ 1),
            generator: Generator::new(seed ^ 2),
            reports: Vec::new(),
            acknowledged: BTreeMap::new(),
            unanswered: Vec::new(),
            number: 0,
        }
    }

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
    let record = Arc::new(Mutex::new(Record::new(seed)));

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

/// Misses by what they mean.
#[derive(Debug, Default, PartialEq, Eq)]
struct Misses {
    /// Acknowledged, and not there.
    lost: Vec<String>,
    /// There more than once.
    duplicate: Vec<String>,
    /// There, and never sent by anybody.
    foreign: Vec<String>,
}

/// Classes every miss among the `listed` entries, and answers what arrived. `payloads` are those of entries that were not
/// acknowledged: each must be something that was sent and not answered.
fn classify(record: &Record, listed: &[String], payloads: &BTreeMap<String, Vec<u8>>) -> (Misses, Vec<Said>) {
    let mut times: BTreeMap<&String, usize> = BTreeMap::new();
    for id in listed {
        *times.entry(id).or_default() += 1;
    }
    let mut misses = Misses {
        lost: record.acknowledged.keys().filter(|id| !times.contains_key(id)).cloned().collect(),
        duplicate: times.iter().filter(|(_, times)| **times > 1).map(|(id, _)| (*id).clone()).collect(),
        foreign: Vec::new(),
    };
    let mut unanswered: HashMap<&[u8], Vec<Said>> = HashMap::new();
    for (payload, said) in &record.unanswered {
        unanswered.entry(payload).or_default().push(*said);
    }
    let mut arrived = Vec::new();
    for id in times.into_keys() {
        let said = record.acknowledged.get(id).copied();
        let said = said.or_else(|| payloads.get(id).and_then(|payload| unanswered.get_mut(payload.as_slice())?.pop()));
        match said {
            Some(said) => arrived.push(said),
            None => misses.foreign.push(id.clone()),
        }
    }
    (misses, arrived)
}

/// Reads the ledger's entries one by one, and fails when one is missing, doubled or foreign; answers what arrived.
async fn reckon(operator: &Operator, record: &Record, ledger: Ledger, seed: u64) -> Vec<Said> {
    let listed: Vec<String> = all_submissions(operator).await.into_iter().map(|entry| entry.submission_id).collect();
    let mut payloads = BTreeMap::new();
    for id in listed.iter().filter(|id| !record.acknowledged.contains_key(*id)) {
        payloads.insert(id.clone(), operator.get(&format!("/admin/v1/submissions/{id}/raw")).await.is(200).body.to_vec());
    }
    let (mut misses, arrived) = classify(record, &listed, &payloads);
    let mut asking = tokio::task::JoinSet::new();
    for asker in 0..ASKERS {
        let (operator, ids) = (operator.clone(), record.acknowledged.keys().skip(asker).step_by(ASKERS).cloned().collect::<Vec<_>>());
        asking.spawn(async move {
            let mut missing = Vec::new();
            for id in ids {
                if operator.get(&format!("/admin/v1/submissions/{id}")).await.status != 200 {
                    missing.push(id);
                }
            }
            missing
        });
    }
    misses.lost.extend(asking.join_all().await.into_iter().flatten());
    misses.lost.sort_unstable();
    misses.lost.dedup();
    assert_eq!(misses, Misses::default(), "seed {seed}, {} acknowledged", record.acknowledged.len());
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

#[test]
fn the_reckoning_tells_lost_duplicate_and_foreign_apart() {
    let mut record = Record::new(1);
    for (id, number) in [("kept", 0), ("lost", 1), ("twice", 2)] {
        record.acknowledged.insert(id.to_owned(), Said::Report(number));
    }
    record.unanswered.push((b"sent once".to_vec(), Said::Nothing));
    let listed = ["kept", "twice", "twice", "answer lost", "same again", "never sent"].map(str::to_owned);
    let payloads = [("answer lost", "sent once"), ("same again", "sent once"), ("never sent", "?")];
    let payloads = payloads.map(|(id, payload)| (id.to_owned(), payload.as_bytes().to_vec())).into();
    let (misses, arrived) = classify(&record, &listed, &payloads);
    let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    let expected = Misses { lost: ids(&["lost"]), duplicate: ids(&["twice"]), foreign: ids(&["never sent", "same again"]) };
    assert_eq!(misses, expected);
    assert_eq!(arrived, [Said::Nothing, Said::Report(0), Said::Report(2)]);
}
