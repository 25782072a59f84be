//! One broker.

use std::time::Duration;

use tlsrpt_kafka_broker::{Cluster, ClusterError, ClusterOptions, shared};

use crate::client::{PATIENCE, append, config, create_topic, read};

#[tokio::test]
async fn a_broker_gives_back_a_record_also_after_a_kill_and_after_a_stop() {
    let cluster = Cluster::start(ClusterOptions::default()).await.unwrap();
    let config = config(&cluster);
    create_topic(&config, "records").await;
    append(&config, "records", "before", PATIENCE).await.unwrap();
    assert_eq!(read(&config, "records", 1).await, ["before"]);

    cluster.kill(0).unwrap();
    assert_eq!(cluster.pid(0), None);
    assert!(matches!(cluster.kill(0), Err(ClusterError::State { broker: 0, .. })));
    assert!(append(&config, "records", "while it is gone", Duration::from_secs(1)).await.is_err());
    cluster.restart(0).await.unwrap();
    assert_eq!(read(&config, "records", 1).await, ["before"]);

    append(&config, "records", "after", PATIENCE).await.unwrap();
    cluster.stop(0).await.unwrap();
    cluster.restart(0).await.unwrap();
    assert_eq!(read(&config, "records", 2).await, ["before", "after"]);
    assert!(matches!(cluster.restart(0).await, Err(ClusterError::State { broker: 0, .. })));
    assert!(matches!(cluster.kill(1), Err(ClusterError::NoBroker { broker: 1 })));
}

#[tokio::test]
async fn a_paused_broker_answers_when_it_is_resumed() {
    let cluster = shared(ClusterOptions::default()).await.unwrap();
    let config = config(cluster);
    create_topic(&config, "paused").await;
    cluster.pause(0).unwrap();
    assert!(append(&config, "paused", "lost", Duration::from_secs(1)).await.is_err());
    cluster.resume(0).unwrap();
    append(&config, "paused", "taken", PATIENCE).await.unwrap();
    // What was sent while it was paused may have waited in its socket.
    assert!(read(&config, "paused", 1).await.iter().all(|value| ["lost", "taken"].contains(&value.as_str())));
}

#[tokio::test]
async fn a_broker_that_ends_instead_of_answering_shows_its_log() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let ports = Some(vec![taken.local_addr().unwrap().port()]);
    let refused = Cluster::start(ClusterOptions { ports, ..ClusterOptions::default() }).await.unwrap_err().to_string();
    assert!(refused.contains("broker 0 ended") && refused.contains("Address already in use"), "{refused}");
    // log4j's own defaults put all events on one line.
    let shutdown = refused.lines().filter(|line| line.contains(" INFO ")).collect::<Vec<_>>();
    assert!(shutdown.len() > 1 && shutdown.iter().all(|line| line.matches(" INFO ").count() == 1), "{refused}");
}

#[tokio::test]
async fn a_property_that_the_broker_refuses_is_named() {
    let refused = Cluster::start(ClusterOptions::default().with("broker.session.timeout.ms", "soon")).await.unwrap_err().to_string();
    assert!(refused.contains("broker.session.timeout.ms"), "{refused}");
}
