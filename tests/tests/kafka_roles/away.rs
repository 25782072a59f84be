//! Kafka is away.

use tlsrpt_tests::{Encoding, Generator, Role, Size, settled, until};

use crate::parts::{Database, Kafka, Roles, broker_behind_a_proxy, figure};

/// What roles say loudly while Kafka is away.
const LOUD: [&str; 7] = [
    "the log takes no submissions",
    "Kafka is away",
    "a dependency is away at the start",
    "the log is away",
    "the log cannot be read; trying again",
    "the registry topic cannot be read",
    "the offset cannot be committed; trying again",
];

fn allow(setup: tlsrpt_tests::Setup) -> tlsrpt_tests::Setup {
    LOUD.iter().fold(setup, |setup, line| setup.allow(line))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_wait_visibly_for_a_kafka_that_comes_late_and_end_in_order_meanwhile() {
    let (_cluster, mut proxy) = broker_behind_a_proxy().await;
    let kafka = Kafka::at(&proxy.listen().to_string());
    for role in [Role::Edge, Role::Normalizer] {
        let mut service = allow(kafka.role(role)).launch().await;
        service.misses("startup").await;
        service.await_line("a dependency is away at the start").await;
        service.stop().await;
        service.launch_again().await;
        service.misses("open the registry topic").await;
        proxy.restore().await;
        service.ready().await;
        service.finish().await;
        proxy.cut().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_kafka_is_away_reports_are_acknowledged_and_tenants_are_answered() {
    let database = Database::start().await;
    let (_cluster, mut proxy) = broker_behind_a_proxy().await;
    proxy.restore().await;
    let kafka = Kafka::at(&proxy.listen().to_string());
    let mut roles = Roles::start(&kafka, &database, allow).await;
    let access = roles.operator().tenant("acme", &["example.com"]).await;
    let mut reports = Generator::new(3);
    roles.edge.sender().send(reports.report("example.com", Size::Small).encode(Encoding::Gzip)).await;
    settled(&roles.operator(), 1).await;

    proxy.cut().await;
    for _ in 0..30 {
        roles.edge.sender().send(reports.report("example.com", Size::Small).encode(Encoding::Gzip)).await;
    }
    assert_eq!(figure(&roles.edge, "tlsrpt_edge_spool_records").await, 30.0);
    assert!(figure(&roles.edge, "tlsrpt_edge_spool_age_seconds").await > 0.0);
    assert_eq!(roles.edge.readyz().await.0, 200, "the edge takes submissions");
    roles.normalizer.misses("kafka").await;
    assert_eq!(roles.query.readyz().await.0, 200, "the API answers tenants");
    roles.query.tenant(&access.key).json("/v1/summary").await;
    until("the API's figure of Kafka", async || {
        let up = figure(&roles.query, "tlsrpt_log_up").await;
        if up == 0.0 { Ok(()) } else { Err(up.to_string()) }
    })
    .await;

    // A machine that is lost meanwhile takes nothing of it along.
    roles.edge.kill();
    proxy.restore().await;
    roles.edge.start_again().await;
    until("the spool is empty", async || {
        let records = figure(&roles.edge, "tlsrpt_edge_spool_records").await;
        if records == 0.0 { Ok(()) } else { Err(records.to_string()) }
    })
    .await;
    assert_eq!(settled(&roles.operator(), 31).await.stored, 31);
    roles.normalizer.ready().await;
    roles.finish().await;
    database.stop().await;
}
