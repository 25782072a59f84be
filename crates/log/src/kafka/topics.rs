//! Declaring a topic: created when it is missing, checked when it is there.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::{
    admin::{AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication},
    error::{KafkaError, RDKafkaErrorCode},
};

use super::{
    core::{Core, DeclaredTopic},
    failure::log_error,
    properties::REQUEST_TIMEOUT,
};
use crate::{
    error::LogError,
    topic::{Cleanup, Topic},
};

/// How long the brokers may take until a new topic has leaders, and until each of them knows it.
const NEW_TOPIC_PATIENCE: Duration = Duration::from_secs(30);

/// Wait between two looks for that.
const NEW_TOPIC_PAUSE: Duration = Duration::from_millis(50);

/// How long a tombstone is kept: a view that was cut off for less than this misses no removal.
const TOMBSTONES_MS: u64 = 7 * 86_400_000;

/// A topic's age is spread over so many files of each partition; a file is written to for a minute at least.
const SEGMENTS: u64 = 8;
const SEGMENT_MS_MIN: u64 = 60_000;

/// Copies of each partition from which one broker may be away while all keep what they acknowledge.
const REPLICAS_SAFE: usize = 3;

/// Creates or checks `topic`.
pub(super) async fn declare(core: &Arc<Core>, topic: &Topic) -> Result<(), LogError> {
    let name = core.prefixed(topic.name);
    let found = match look(core, &name).await? {
        Some(found) => found,
        None if core.config.create_topics => {
            create(core, topic, &name).await?;
            wait_for_leaders(core, &name).await?
        }
        None => {
            return Err(LogError::TopicDiffers {
                topic: name.clone(),
                found: "not been created".to_owned(),
                expected: how_to_create(core, topic, &name),
            });
        }
    };
    check_partitions(core, topic, &name, found.partitions)?;
    match settings(core, &name).await {
        Ok(settings) => check_settings(core, topic, &name, &found, &settings)?,
        Err(error) => tracing::warn!(topic = name, %error, "the topic's settings cannot be read, and are not checked"),
    }
    core.note_topic(DeclaredTopic { name, declared: topic.clone(), partitions: found.partitions });
    Ok(())
}

/// What the cluster says of a topic.
struct Found {
    partitions: u32,
    replicas: usize,
    brokers: usize,
    has_leaders: bool,
}

async fn look(core: &Arc<Core>, name: &str) -> Result<Option<Found>, LogError> {
    let action = format!("look for topic {name}");
    let (asking, name) = (Arc::clone(core), name.to_owned());
    let asked = tokio::task::spawn_blocking(move || {
        // All topics are asked for: to ask for one by name may create it.
        let metadata = asking.admin.inner().fetch_metadata(None, REQUEST_TIMEOUT)?;
        let brokers = metadata.brokers().len();
        Ok(metadata.topics().iter().find(|topic| topic.name() == name).filter(|topic| !topic.partitions().is_empty()).map(|topic| Found {
            partitions: u32::try_from(topic.partitions().len()).unwrap_or(u32::MAX),
            replicas: topic.partitions().iter().map(|partition| partition.replicas().len()).min().unwrap_or(0),
            brokers,
            has_leaders: topic.partitions().iter().all(|partition| partition.leader() >= 0),
        }))
    });
    asked.await.map_err(|_| KafkaError::Canceled).and_then(|asked| asked).map_err(|error| core.explained(log_error(action, &error)))
}

async fn wait_for_leaders(core: &Arc<Core>, name: &str) -> Result<Found, LogError> {
    let began = Instant::now();
    loop {
        match look(core, name).await? {
            Some(found) if found.has_leaders => return Ok(found),
            _ if began.elapsed() > NEW_TOPIC_PATIENCE => {
                let reason = "the new topic has partitions without a leader".to_owned();
                return Err(LogError::Unavailable { action: format!("create topic {name}"), reason });
            }
            _ => tokio::time::sleep(NEW_TOPIC_PAUSE).await,
        }
    }
}

/// What a topic must have: name of the setting, value.
fn wanted(core: &Core, topic: &Topic) -> Vec<(&'static str, String)> {
    let mut wanted = vec![
        ("max.message.bytes", core.config.batch_max_bytes().to_string()),
        // The broker's clock: a sender's may be wrong, and retention and lag go by it.
        ("message.timestamp.type", "LogAppendTime".to_owned()),
    ];
    match topic.cleanup {
        // What is old and committed is trimmed by the backend; Kafka knows nothing of commits, so by itself it must drop nothing.
        Cleanup::Delete { age_max, .. } => wanted.extend([
            ("cleanup.policy", "delete".to_owned()),
            ("retention.ms", "-1".to_owned()),
            ("retention.bytes", "-1".to_owned()),
            // What is trimmed leaves the disk with the file that it stands in, and a file that is written to stays.
            ("segment.ms", (topic_age_ms(age_max) / SEGMENTS).max(SEGMENT_MS_MIN).to_string()),
        ]),
        Cleanup::Compact => wanted.extend([
            ("cleanup.policy", "compact".to_owned()),
            ("delete.retention.ms", TOMBSTONES_MS.to_string()),
            // What was replaced or removed leaves the disk even when little else comes.
            ("max.compaction.lag.ms", TOMBSTONES_MS.to_string()),
        ]),
    }
    if core.config.replication_factor.is_some_and(|copies| usize::from(copies) >= REPLICAS_SAFE) {
        wanted.push(("min.insync.replicas", "2".to_owned()));
    }
    wanted
}

fn topic_age_ms(age_max: Duration) -> u64 {
    u64::try_from(age_max.as_millis()).unwrap_or(u64::MAX)
}

fn partitions(core: &Core, topic: &Topic) -> u32 {
    match topic.cleanup {
        Cleanup::Compact => topic.partitions,
        Cleanup::Delete { .. } => core.config.partitions.unwrap_or(topic.partitions),
    }
}

async fn create(core: &Core, topic: &Topic, name: &str) -> Result<(), LogError> {
    let wanted = wanted(core, topic);
    // -1 is the brokers' default.
    let replication = TopicReplication::Fixed(core.config.replication_factor.map_or(-1, i32::from));
    let mut new = NewTopic::new(name, i32::try_from(partitions(core, topic)).unwrap_or(i32::MAX), replication);
    for (setting, value) in &wanted {
        new = new.set(setting, value);
    }
    let action = format!("create topic {name}");
    let options = AdminOptions::new().request_timeout(Some(REQUEST_TIMEOUT)).operation_timeout(Some(REQUEST_TIMEOUT));
    let created = core.admin.create_topics([&new], &options).await.map_err(|error| log_error(&action, &error))?;
    for outcome in created {
        match outcome {
            // Another process was quicker.
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => tracing::info!(topic = name, "created"),
            Err((_, code)) => {
                return Err(
                    log_error(format!("{action} ({})", how_to_create(core, topic, name)), &KafkaError::AdminOp(code)).retry_if(code)
                );
            }
        }
    }
    Ok(())
}

impl LogError {
    /// An admin's error carries no code of its own for [`log_error`] to go by.
    fn retry_if(self, code: RDKafkaErrorCode) -> Self {
        match self {
            Self::Engine { action, reason } if !super::failure::is_permanent(code) => Self::Unavailable { action, reason },
            other => other,
        }
    }
}

/// The command that makes what is missing, for whoever may.
fn how_to_create(core: &Core, topic: &Topic, name: &str) -> String {
    let settings: Vec<String> = wanted(core, topic).into_iter().map(|(setting, value)| format!("--config {setting}={value}")).collect();
    format!("a topic as made by: kafka-topics.sh --create --topic {name} --partitions {} {}", partitions(core, topic), settings.join(" "))
}

fn check_partitions(core: &Core, topic: &Topic, name: &str, found: u32) -> Result<(), LogError> {
    let differs = |expected: String| Err(LogError::TopicDiffers { topic: name.to_owned(), found: format!("{found} partitions"), expected });
    match topic.cleanup {
        Cleanup::Delete { .. } if core.config.partitions.is_some() => Ok(()),
        _ if found == topic.partitions => Ok(()),
        _ => differs(format!("{}", topic.partitions)),
    }
}

type Settings = HashMap<String, String>;

/// What the brokers say of `name`, which exists.
async fn settings(core: &Core, name: &str) -> Result<Settings, KafkaError> {
    let options = AdminOptions::new().request_timeout(Some(REQUEST_TIMEOUT));
    let began = Instant::now();
    loop {
        let described = core.admin.describe_configs([&ResourceSpecifier::Topic(name)], &options).await?;
        match described.into_iter().next() {
            Some(Ok(ConfigResource { entries, .. })) if !entries.is_empty() => {
                return Ok(entries.into_iter().filter_map(|entry| entry.value.map(|value| (entry.name, value))).collect());
            }
            // Any broker may answer, and one that has not heard of a new topic yet names no setting at all.
            Some(Ok(_) | Err(RDKafkaErrorCode::UnknownTopicOrPartition)) if began.elapsed() < NEW_TOPIC_PATIENCE => {
                tokio::time::sleep(NEW_TOPIC_PAUSE).await;
            }
            Some(Ok(_)) => return Err(KafkaError::AdminOp(RDKafkaErrorCode::UnknownTopicOrPartition)),
            Some(Err(code)) => return Err(KafkaError::AdminOp(code)),
            None => return Err(KafkaError::Canceled),
        }
    }
}

/// What is wrong with a topic that exists, or is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicFinding {
    /// Its name in the cluster.
    pub topic: String,
    /// Whether it breaks a promise, so that no role works on it; else it weakens one.
    pub is_fatal: bool,
    /// What it has.
    pub found: String,
    /// What it should have, and why.
    pub expected: String,
}

/// Looks at `topic` without creating it; nothing is answered when all is as it should be.
pub(super) async fn examine(core: &Arc<Core>, topic: &Topic) -> Result<Vec<TopicFinding>, LogError> {
    let name = core.prefixed(topic.name);
    let Some(found) = look(core, &name).await? else {
        let (is_fatal, expected) = if core.config.create_topics {
            (false, "the first role that starts creates it".to_owned())
        } else {
            (true, how_to_create(core, topic, &name))
        };
        return Ok(vec![TopicFinding { topic: name, is_fatal, found: "not been created".to_owned(), expected }]);
    };
    let settings = settings(core, &name).await.map_err(|error| log_error(format!("read the settings of topic {name}"), &error))?;
    let mut findings = judge(core, topic, &name, &found, &settings);
    if let Err(LogError::TopicDiffers { topic, found, expected }) = check_partitions(core, topic, &name, found.partitions) {
        findings.push(TopicFinding { topic, is_fatal: true, found, expected });
    }
    Ok(findings)
}

/// Refuses what breaks a promise, and warns of what weakens one.
fn check_settings(core: &Core, topic: &Topic, name: &str, found: &Found, settings: &Settings) -> Result<(), LogError> {
    for TopicFinding { topic, is_fatal, found, expected } in judge(core, topic, name, found, settings) {
        if is_fatal {
            return Err(LogError::TopicDiffers { topic, found, expected });
        }
        tracing::warn!(topic, found, "{expected}");
    }
    Ok(())
}

/// What of the settings breaks a promise, first, and what weakens one.
fn judge(core: &Core, topic: &Topic, name: &str, found: &Found, settings: &Settings) -> Vec<TopicFinding> {
    let number = |setting: &str| settings.get(setting).and_then(|value| value.parse::<i64>().ok());
    let finding =
        |is_fatal, found: String, expected: &str| TopicFinding { topic: name.to_owned(), is_fatal, found, expected: expected.to_owned() };
    let mut findings = Vec::new();

    let needed = core.config.batch_max_bytes();
    if let Some(allowed) = number("max.message.bytes").filter(|&allowed| usize::try_from(allowed).unwrap_or(0) < needed) {
        let expected = format!("{needed} or more, so that the largest submission that is taken in goes through: raise it on the topic");
        findings.push(finding(true, format!("max.message.bytes={allowed}"), &expected));
    }
    let policy = settings.get("cleanup.policy").map_or("", String::as_str);
    let expected_policy = match topic.cleanup {
        Cleanup::Delete { .. } => "delete",
        Cleanup::Compact => "compact",
    };
    if !policy.is_empty() && policy != expected_policy {
        let expected = format!("{expected_policy}: else it loses what the pipeline relies on");
        findings.push(finding(true, format!("cleanup.policy={policy}"), &expected));
    }
    if let Some(stamps) = settings.get("message.timestamp.type").filter(|stamps| *stamps != "LogAppendTime") {
        let expected = "LogAppendTime: retention and lag go by the brokers' clock";
        findings.push(finding(true, format!("message.timestamp.type={stamps}"), expected));
    }

    if let Cleanup::Delete { .. } = topic.cleanup {
        if let Some(kept_ms) = number("retention.ms").filter(|&kept_ms| kept_ms >= 0) {
            let expected = "Kafka drops records of this topic by age, processed or not: set retention.ms=-1, and what is committed is trimmed by tlsrpt";
            findings.push(finding(false, format!("retention.ms={kept_ms}"), expected));
        }
        if let Some(kept_bytes) = number("retention.bytes").filter(|&kept| kept >= 0) {
            let expected = "Kafka drops records of this topic by size, processed or not: set retention.bytes=-1";
            findings.push(finding(false, format!("retention.bytes={kept_bytes}"), expected));
        }
    }
    let in_sync = number("min.insync.replicas").and_then(|in_sync| usize::try_from(in_sync).ok());
    let copies = format!("{} copies on {} brokers", found.replicas, found.brokers);
    if found.brokers > 1 && found.replicas < 2 {
        let expected = "the topic has one copy: what is acknowledged is lost with its broker. Give it three, and min.insync.replicas=2";
        findings.push(finding(false, copies, expected));
    } else if let Some(in_sync) = in_sync.filter(|&in_sync| found.replicas >= REPLICAS_SAFE && in_sync < 2) {
        let expected = "a record is acknowledged when one broker has it: set min.insync.replicas=2";
        findings.push(finding(false, format!("min.insync.replicas={in_sync}"), expected));
    } else if let Some(in_sync) = in_sync.filter(|&in_sync| found.replicas > 1 && in_sync >= found.replicas) {
        let expected = "one broker that is away stops the topic: min.insync.replicas must be below the number of copies";
        findings.push(finding(false, format!("min.insync.replicas={in_sync}, {copies}"), expected));
    }
    findings
}
