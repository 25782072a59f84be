//! A report goes all the way.

use tlsrpt_tests::{Encoding, Generator, Role, Size, Totals, settled, wide_period};

use crate::parts::{Database, Kafka, Roles, broker, operator};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_goes_through_four_processes_and_counts_once() {
    let database = Database::start().await;
    let kafka = Kafka::at(&broker().await.bootstrap());
    let roles = Roles::start(&kafka, &database, |setup| setup).await;
    let access = roles.operator().tenant("acme", &["example.com"]).await;
    let report = Generator::new(1).report("example.com", Size::Medium);
    // By its address: the edge knows the tenant that another process made a moment ago.
    tlsrpt_tests::until("the edge knows the address", async || {
        let answer = roles.edge.sender().try_post(Some(&access.address), report.encode(Encoding::Gzip)).await.unwrap();
        if answer.status == 201 { Ok(()) } else { Err(answer.text()) }
    })
    .await;
    roles.edge.sender().send(report.encode(Encoding::Plain)).await;
    let ledger = settled(&roles.operator(), 2).await;
    assert_eq!((ledger.stored, ledger.duplicate), (1, 1), "{ledger:?}");
    let mut totals = Totals::default();
    totals.add(&report);
    let summary = roles.query.tenant(&access.key).json(&format!("/v1/summary?{}", wide_period())).await;
    assert_eq!(Totals::of_summary(&summary), totals);
    roles.finish().await;
    database.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_in_one_works_over_kafka() {
    let kafka = Kafka::at(&broker().await.bootstrap());
    let service = kafka.role(Role::AllInOne).start().await;
    operator(&service).tenant("acme", &["example.com"]).await;
    let mut reports = Generator::new(2);
    for _ in 0..20 {
        service.sender().send(reports.report("example.com", Size::Small).encode(Encoding::Gzip)).await;
    }
    assert_eq!(settled(&operator(&service), 20).await.stored, 20);
    service.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_straight_into_kafka_beside_the_service_counts_once_however_often_it_is_run() {
    let kafka = Kafka::at(&broker().await.bootstrap());
    let service = kafka.role(Role::AllInOne).start().await;
    operator(&service).tenant("acme", &["example.com"]).await;
    let dir = tempfile::tempdir().unwrap();
    let mut reports = Generator::new(3);
    for number in 0..20 {
        let report = reports.report("example.com", Size::Small);
        std::fs::write(dir.path().join(format!("{number}.json.gz")), report.encode(Encoding::Gzip)).unwrap();
    }
    for _ in 0..2 {
        let mut import = kafka.import(dir.path());
        let output = tokio::task::spawn_blocking(move || import.output().unwrap()).await.unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && said.contains("accepted  20"), "{output:?}");
        assert_eq!(settled(&operator(&service), 20).await.stored, 20);
    }
    service.finish().await;
}
