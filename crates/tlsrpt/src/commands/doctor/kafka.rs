//! The Kafka cluster, when one is set: whether it answers, and whether its topics keep what the log promises.

use tlsrpt_log::{KafkaLog, TopicFinding};
use tlsrpt_record::{AUDIT, NORMALIZED, REGISTRY, SUBMISSIONS};

use super::{Finding, chain};
use crate::{config::Config, wiring::kafka_config};

const SUBJECT: &str = "kafka";

/// Looks at the cluster and at each topic; creates none.
pub(super) async fn check(config: Config) -> Vec<Finding> {
    let Some(brokers) = &config.kafka.brokers else { return Vec::new() };
    let log = match KafkaLog::open(kafka_config(&config, brokers)) {
        Ok(log) => log,
        Err(error) => return vec![Finding::fail(SUBJECT, chain(&error), "correct kafka.properties")],
    };
    if let Err(error) = log.probe().await {
        let remedy = "start the brokers, or correct kafka.brokers and kafka.properties (security.protocol, sasl.*, ssl.*)";
        return vec![Finding::fail(SUBJECT, chain(&error), remedy)];
    }
    let mut findings = vec![Finding::ok(SUBJECT, format!("{brokers} answers"))];
    for topic in [&SUBMISSIONS, &NORMALIZED, &AUDIT, &REGISTRY] {
        match log.examine(&config.log.kept(topic)).await {
            Ok(found) if found.is_empty() => {
                findings.push(Finding::ok(SUBJECT, format!("{}{} is as it should be", config.kafka.prefix, topic.name)))
            }
            Ok(found) => findings.extend(found.into_iter().map(of_topic)),
            Err(error) => {
                let remedy = "give this user Describe and DescribeConfigs on the topic";
                findings.push(Finding::warn(SUBJECT, chain(&error), remedy));
            }
        }
    }
    findings
}

fn of_topic(finding: TopicFinding) -> Finding {
    let TopicFinding { topic, is_fatal, found, expected } = finding;
    let found = format!("{topic} has {found}");
    if is_fatal { Finding::fail(SUBJECT, found, format!("it needs {expected}")) } else { Finding::warn(SUBJECT, found, expected) }
}
