//! A disk that fills up, and has room again. Needs a file system of its own, which only root can mount.

use tlsrpt_tests::{Disk, Encoding, Generator, Service, Setup, Size, Totals, caught_up, until, wide_period};

/// What is mounted below the log's directory, in MiB; enough to start with, soon full.
const SMALL: u32 = 48;
const LARGE: u32 = 400;
/// More reports than the small disk holds, should it never answer that it is full.
const REPORTS_MAX: usize = 4_000;

/// What the service and its log's store say about a full disk.
const LOUD: [&str; 10] = [
    "the log takes no submissions",
    "the log cannot write and opens its store again",
    "the log cannot drop old segments yet",
    "the log cannot be read; trying again",
    "the log does not take normalized records; trying again",
    "the offset cannot be committed; trying again",
    "Flush error",
    "Compaction error",
    "Compaction failed",
    "crashed: Storage",
];

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_logs_disk_fills_up_and_has_room_again() {
    let mut service = LOUD.iter().fold(Setup::new(), |setup, line| setup.allow(line)).prepare().await;
    let at = service.data("log");
    let Some(disk) = Disk::mount(&at, SMALL) else {
        eprintln!("skipped: a small file system cannot be mounted here");
        return;
    };
    service.start_again().await;
    let access = service.operator().tenant("acme", &["example.com"]).await;

    let mut reports = Generator::new(95);
    let mut totals = Totals::default();
    let (mut acknowledged, mut refused) = (Vec::new(), None);
    while acknowledged.len() < REPORTS_MAX && refused.is_none() {
        let report = reports.report("example.com", Size::Large);
        let answer = service.sender().post(report.encode(Encoding::Plain)).await;
        match answer.status {
            201 => {
                totals.add(&report);
                acknowledged.push(answer.json()["submission_id"].as_str().unwrap().to_owned());
            }
            _ => refused = Some((answer, report)),
        }
    }
    let (refusal, refused) = refused.expect("a disk of 48 MiB is full after 1 GB of reports");
    assert!(!refusal.header("retry-after").is_empty(), "{}", refusal.text());
    assert_eq!(refusal.status, 503, "{}", refusal.text());

    // Something else on the machine takes the last byte again and again, the reserve that the log keeps included: the log's
    // store fails in the middle of its work. What is acknowledged all the same must be kept like the rest.
    for number in 0..20 {
        disk.fill(&format!("somebody-elses-{number}"));
        let answer = service.sender().post(refused.encode(Encoding::Gzip)).await;
        match answer.status {
            201 => acknowledged.push(answer.json()["submission_id"].as_str().unwrap().to_owned()),
            _ => drop(answer.problem(503, "log-unavailable")),
        }
    }
    disk.resize(LARGE);
    // The sender comes back, as it was told to.
    until("the report is taken", async || {
        let answer = service.sender().post(refused.encode(Encoding::Plain)).await;
        if answer.status == 201 { Ok(()) } else { Err(format!("{}: {}", answer.status, answer.text())) }
    })
    .await;
    totals.add(&refused);
    reckon(&service, &acknowledged, &access.key, totals).await;
    service.stop().await;
    service.start_again().await;
    reckon(&service, &acknowledged, &access.key, totals).await;
    service.stop().await;
    drop(disk);
}

async fn reckon(service: &Service, acknowledged: &[String], key: &str, totals: Totals) {
    let operator = service.operator();
    let ledger = caught_up(&operator).await;
    assert!(ledger.accepted > acknowledged.len() as u64, "the last report, acknowledged when there was room, is there too: {ledger:?}");
    for id in acknowledged {
        operator.get(&format!("/admin/v1/submissions/{id}")).await.is(200);
    }
    let summary = service.tenant(key).json(&format!("/v1/summary?{}", wide_period())).await;
    assert_eq!(Totals::of_summary(&summary), totals, "{ledger:?}");
}
