//! Topics that are there already, with settings that break a promise.

use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
};
use tlsrpt_log::{Cleanup, KafkaLog, Log, LogError, Topic};

use crate::{Subject, conformance::*};

const GOOD: &[(&str, &str)] = &[("max.message.bytes", "20000000"), ("message.timestamp.type", "LogAppendTime")];

/// Declares `topic` after somebody made it with `settings`; answers what is wrong with it.
async fn check(topic: &Topic, settings: &[(&str, &str)]) -> Result<(), String> {
    let subject = Subject::fresh(MIB).await;
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new().set("bootstrap.servers", &subject.brokers).create().unwrap();
    let name = format!("{}{}", subject.prefix, topic.name);
    let mut new = NewTopic::new(&name, 1, TopicReplication::Fixed(1));
    for (setting, value) in GOOD.iter().filter(|(name, _)| !settings.iter().any(|(other, _)| name == other)).chain(settings) {
        new = new.set(setting, value);
    }
    admin.create_topics([&new], &AdminOptions::new()).await.unwrap()[0].as_ref().unwrap();
    let log = subject.open().await;
    // The brokers hear of a new topic one after the other.
    let declared = eventually("the topic", || async {
        match log.declare(topic).await {
            Err(LogError::Unavailable { .. }) => None,
            settled => Some(settled),
        }
    })
    .await;
    declared.map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_topic_that_somebody_made_well_is_taken() {
    assert_eq!(check(&kept("well", 1), &[]).await, Ok(()));
}

#[tokio::test]
async fn a_topic_that_would_refuse_the_largest_record_is_refused_at_the_start() {
    let refused = check(&kept("small", 1), &[("max.message.bytes", "1048588")]).await.unwrap_err();
    assert!(refused.contains("max.message.bytes=1048588") && refused.contains("raise it on the topic"), "{refused}");
}

#[tokio::test]
async fn a_topic_that_drops_what_it_must_keep_is_refused() {
    let registry = Topic { name: "registry", partitions: 1, cleanup: Cleanup::Compact };
    let refused = check(&registry, &[("cleanup.policy", "delete")]).await.unwrap_err();
    assert!(refused.contains("cleanup.policy=delete"), "{refused}");
    let refused = check(&kept("compacted", 1), &[("cleanup.policy", "compact")]).await.unwrap_err();
    assert!(refused.contains("cleanup.policy=compact"), "{refused}");
}

#[tokio::test]
async fn a_topic_that_believes_its_senders_clocks_is_refused() {
    let refused = check(&kept("clocks", 1), &[("message.timestamp.type", "CreateTime")]).await.unwrap_err();
    assert!(refused.contains("message.timestamp.type=CreateTime"), "{refused}");
}

#[tokio::test]
async fn a_missing_topic_that_may_not_be_created_is_an_error_that_tells_how() {
    let subject = Subject::fresh(MIB).await;
    let config = tlsrpt_log::KafkaConfig { create_topics: false, ..subject.config() };
    let log = KafkaLog::open(config).unwrap();
    let refused = log.declare(&kept("missing", 3)).await.unwrap_err().to_string();
    let command = format!("kafka-topics.sh --create --topic {}missing --partitions 3", subject.prefix);
    assert!(refused.contains(&command), "{refused}");
}

#[tokio::test]
async fn topics_are_created_with_what_keeps_the_promises() {
    let subject = Subject::fresh(MIB).await;
    let config = tlsrpt_log::KafkaConfig { partitions: Some(5), ..subject.config() };
    let log = KafkaLog::open(config).unwrap();
    log.declare(&kept("made", 1)).await.unwrap();
    log.declare(&Topic { name: "made-compacted", partitions: 1, cleanup: Cleanup::Compact }).await.unwrap();
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new().set("bootstrap.servers", &subject.brokers).create().unwrap();
    let described = async |name: &str| {
        let name = format!("{}{name}", subject.prefix);
        let topic = rdkafka::admin::ResourceSpecifier::Topic(&name);
        let described = admin.describe_configs([&topic], &AdminOptions::new()).await.unwrap().remove(0).unwrap();
        move |setting: &str| described.get(setting).unwrap().value.clone().unwrap()
    };
    let made = described("made").await;
    assert_eq!(made("retention.ms"), "-1", "Kafka drops nothing by itself");
    assert_eq!(made("message.timestamp.type"), "LogAppendTime");
    assert!(made("max.message.bytes").parse::<usize>().unwrap() > 16 * MIB);
    assert_eq!(described("made-compacted").await("cleanup.policy"), "compact");
    let metadata = admin.inner().fetch_metadata(Some(&format!("{}made", subject.prefix)), PATIENCE).unwrap();
    assert_eq!(metadata.topics()[0].partitions().len(), 5);
}
