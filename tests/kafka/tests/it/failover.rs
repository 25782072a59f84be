//! Three brokers.

use tlsrpt_kafka_broker::{Cluster, ClusterOptions};

use crate::client::{PATIENCE, append, config, create_topic, leader, read};

#[tokio::test]
async fn three_brokers_go_on_without_any_one_and_take_it_back() {
    let cluster = Cluster::start(ClusterOptions::brokers(3)).await.unwrap();
    let config = config(&cluster);
    create_topic(&config, "failover").await;
    append(&config, "failover", "by three", PATIENCE).await.unwrap();
    let lost = leader(&config, "failover").await;
    cluster.kill(lost).unwrap();
    append(&config, "failover", "by two", PATIENCE).await.unwrap();
    cluster.restart(lost).await.unwrap();
    let second = leader(&config, "failover").await;
    assert_ne!(second, lost);
    cluster.stop(second).await.unwrap();
    append(&config, "failover", "by two again", PATIENCE).await.unwrap();
    assert_eq!(read(&config, "failover", 3).await, ["by three", "by two", "by two again"]);
}
