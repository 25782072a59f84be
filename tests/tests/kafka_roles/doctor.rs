//! What `tlsrpt doctor` says of a real broker and a real database server.

use std::process::{Command, Output, Stdio};

use rdkafka::admin::{AdminOptions, NewTopic, TopicReplication};
use serde_json::Value;
use tlsrpt_tests::{Role, free_address, program};

use crate::parts::{Database, Kafka, admin, broker};

fn doctor(brokers: &str, prefix: &str) -> Command {
    let mut command = program();
    command.args(["doctor", "--json", "--role", "writer", "--ops-listen", "127.0.0.1:0"]);
    command.args(["--kafka-brokers", brokers, "--kafka-prefix", prefix]);
    command
}

async fn run(mut command: Command) -> Output {
    command.stdin(Stdio::null());
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

/// The finding of this level and subject whose words are all there.
fn check(output: &Output, level: &str, subject: &str, words: &[&str]) {
    let text = String::from_utf8_lossy(&output.stdout);
    let found: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let has = |finding: &&Value| {
        let text = format!("{}; {}", finding["found"].as_str().unwrap(), finding["remedy"].as_str().unwrap());
        finding["level"] == level && finding["subject"] == subject && words.iter().all(|word| text.contains(word))
    };
    assert!(found.iter().any(|finding| has(&finding)), "{level} {subject} {words:?}: {found:#?}");
    let has_failed = found.iter().any(|finding| finding["level"] == "fail");
    assert_eq!(output.status.code(), Some(i32::from(has_failed)), "{found:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_that_are_missing_or_break_a_promise_are_named_with_what_they_need() {
    let cluster = broker().await;
    let brokers = cluster.bootstrap();
    let prefix = format!("t{:016x}.", rand::random::<u64>());
    let missing = format!("{prefix}tlsrpt.submissions");
    check(&run(doctor(&brokers, &prefix)).await, "warn", "kafka", &[&missing, "not been created", "creates it"]);
    let mut command = doctor(&brokers, &prefix);
    command.env("TLSRPT_KAFKA__CREATE_TOPICS", "false");
    check(&run(command).await, "fail", "kafka", &[&missing, "not been created", "kafka-topics.sh --create", "retention.ms=-1"]);

    let largest = (100 << 20).to_string();
    let topic = |name: &str| format!("{prefix}{name}");
    let names = [topic("tlsrpt.submissions"), topic("tlsrpt.normalized"), topic("tlsrpt.registry")];
    let made = |name, settings: &[(&'static str, &'static str)]| {
        let new = NewTopic::new(name, 1, TopicReplication::Fixed(1)).set("message.timestamp.type", "LogAppendTime");
        settings.iter().fold(new, |new, (setting, value)| new.set(setting, value))
    };
    let topics = [
        made(&names[0], &[("retention.ms", "3600000")]).set("max.message.bytes", &largest),
        made(&names[1], &[("retention.ms", "-1"), ("max.message.bytes", "1000000")]),
        made(&names[2], &[("cleanup.policy", "delete")]).set("max.message.bytes", &largest),
    ];
    for made in admin(cluster).create_topics(&topics, &AdminOptions::new()).await.unwrap() {
        made.unwrap();
    }
    let output = run(doctor(&brokers, &prefix)).await;
    check(&output, "ok", "kafka", &["answers"]);
    check(&output, "warn", "kafka", &[&names[0], "retention.ms=3600000", "set retention.ms=-1"]);
    check(&output, "fail", "kafka", &[&names[1], "max.message.bytes=1000000", "raise it"]);
    check(&output, "fail", "kafka", &[&names[2], "cleanup.policy=delete", "compact"]);

    let gone = free_address().await.to_string();
    check(&run(doctor(&gone, &prefix)).await, "fail", "kafka", &[&gone, "kafka.brokers"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_server_is_looked_at_for_its_schema_and_its_password() {
    let database = Database::start().await;
    let kafka = Kafka::at(&broker().await.bootstrap());
    let writer = || {
        let mut command = doctor(&kafka.brokers, &kafka.prefix);
        command.args(database.flags());
        command
    };
    check(&run(writer()).await, "ok", "clickhouse", &["no schema yet"]);
    let role = database.of(kafka.role(Role::Writer)).start().await;
    let output = run(writer()).await;
    check(&output, "ok", "clickhouse", &["ClickHouse 2"]);
    check(&output, "ok", "clickhouse", &["this program's"]);
    check(&output, "ok", "clickhouse", &["clock", "agree"]);
    check(&output, "ok", "kafka", &["tlsrpt.normalized is as it should be"]);
    role.finish().await;

    let last = tlsrpt_store::Store::schema_known();
    database.run(&format!("DELETE FROM migrations WHERE version = {last}")).await;
    check(&run(writer()).await, "warn", "clickhouse", &[&format!("version {}", last - 1), "tlsrpt migrate"]);
    database.run("INSERT INTO migrations VALUES (999, '999_to_come', now64(3))").await;
    check(&run(writer()).await, "fail", "clickhouse", &["version 999", "update this program"]);

    let words: Vec<_> = writer().get_args().map(std::borrow::ToOwned::to_owned).collect();
    let at = words.iter().position(|word| word == "--clickhouse-password").unwrap();
    let mut without = program();
    without.args(&words[..at]).args(&words[at + 2..]).env("TLSRPT_CLICKHOUSE_PASSWORD", "not-it");
    let output = run(without).await;
    check(&output, "fail", "clickhouse", &["store.clickhouse_password"]);
    assert!(!String::from_utf8_lossy(&output.stdout).contains("not-it"), "no secret is shown");
    database.stop().await;
}
