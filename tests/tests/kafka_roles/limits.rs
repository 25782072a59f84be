//! Sizes agree from the receiver to the broker, or a role does not start.

use std::process::Stdio;

use rdkafka::admin::{AdminOptions, NewTopic, TopicReplication};
use serde_json::json;
use tlsrpt_tests::{Role, program, settled};

use crate::parts::{Database, Kafka, Roles, admin, broker};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_largest_submission_goes_all_the_way_and_a_larger_one_is_413() {
    const MAX: usize = 3_000_000;
    let database = Database::start().await;
    let kafka = Kafka::at(&broker().await.bootstrap());
    let config = format!("[kafka]\npartitions = 1\n[edge.intake]\nsubmission_max_bytes = {MAX}\n");
    let roles = Roles::start(&kafka, &database, |setup| setup.config(&config)).await;
    // It cannot be compressed, and is a report all the same.
    let noise: String = (0..MAX / 2 - 400).map(|_| format!("{:02x}", rand::random::<u8>())).collect();
    let report = |noise: &str| {
        json!({"organization-name": "Sender", "report-id": "1", "contact-info": noise,
            "date-range": {"start-datetime": "2026-01-01T00:00:00Z", "end-datetime": "2026-01-01T23:59:59Z"},
            "policies": [{"policy": {"policy-type": "sts", "policy-domain": "example.com"},
                "summary": {"total-successful-session-count": 1, "total-failure-session-count": 0}}]})
        .to_string()
    };
    let largest = report(&noise);
    assert!(largest.len() < MAX && largest.len() > MAX - 1_000);
    let id = roles.edge.sender().send(largest.clone()).await;
    roles.edge.sender().post(report(&format!("{noise}{noise}"))).await.is(413);
    settled(&roles.operator(), 1).await;
    let raw = roles.operator().get(&format!("/admin/v1/submissions/{id}/raw")).await.is(200).body;
    assert!(raw == largest.as_bytes());
    roles.finish().await;
    database.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_would_refuse_the_largest_record_is_refused_at_the_start() {
    let cluster = broker().await;
    let kafka = Kafka::at(&cluster.bootstrap());
    let name = format!("{}tlsrpt.registry", kafka.prefix);
    let topic = NewTopic::new(&name, 1, TopicReplication::Fixed(1)).set("cleanup.policy", "compact").set("max.message.bytes", "1000000");
    admin(cluster).create_topics([&topic], &AdminOptions::new()).await.unwrap()[0].as_ref().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let output = program()
        .args(["edge", "--kafka-brokers", &cluster.bootstrap(), "--kafka-prefix", &kafka.prefix, "--data-dir"])
        .arg(dir.path().join("data"))
        .args(["--https-listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("max.message.bytes=1000000") && said.contains("raise it on the topic"), "{said}");
}

#[test]
fn a_role_without_what_it_needs_says_what_to_give() {
    let run = |args: &[&str]| {
        let output = program().args(args).stdin(Stdio::null()).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    for role in [Role::Edge, Role::Normalizer, Role::Writer, Role::Query] {
        let said = run(&[role.command()]);
        assert!(said.contains("--kafka-brokers") && said.contains("all-in-one"), "{said}");
    }
    for role in [Role::Writer, Role::Query] {
        let said = run(&[role.command(), "--kafka-brokers", "127.0.0.1:1"]);
        assert!(said.contains("--clickhouse-url"), "{said}");
    }
    let said = run(&["edge", "--kafka-brokers", "127.0.0.1:1", "--kafka-property", "acks=1"]);
    assert!(said.contains("acks") && said.contains("every replica"), "{said}");
}
