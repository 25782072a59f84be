//! Brokers that want TLS and a password.

use tlsrpt_kafka_broker::{ClusterOptions, shared};
use tlsrpt_log::{KafkaConfig, KafkaLog, Log, LogError};

use crate::conformance::*;

/// How to reach a cluster that wants TLS and a password.
async fn config() -> KafkaConfig {
    let cluster = shared(ClusterOptions { sasl_ssl: true, ..ClusterOptions::default() }).await.unwrap();
    let prefix = format!("t{:016x}.", rand::random::<u64>());
    KafkaConfig { properties: cluster.client_properties(), prefix, ..KafkaConfig::at(&cluster.bootstrap()) }
}

#[tokio::test]
async fn the_log_works_over_tls_with_a_password() {
    let log: std::sync::Arc<dyn Log> = KafkaLog::open(config().await).unwrap();
    log.declare(&kept("secret", 1)).await.unwrap();
    append_numbers(&log, "secret", 0..10).await;
    let mut consumer = log.consumer("secret", "secret-group").await.unwrap();
    let batch = take(&mut consumer, 10).await;
    check_order(&batch.records, &mut std::collections::BTreeMap::new());
    consumer.commit(&batch.positions()).await.unwrap();
    assert_eq!(log.lag("secret", "secret-group").await.unwrap().records, 0);
}

#[tokio::test]
async fn a_wrong_password_is_an_error_that_names_authentication() {
    let mut config = config().await;
    config.properties.insert("sasl.password".to_owned(), "wrong".to_owned());
    let log = KafkaLog::open(config).unwrap();
    for refused in [in_time(log.probe()).await, in_time(log.declare(&kept("refused", 1))).await] {
        let error = refused.unwrap_err();
        assert!(matches!(error, LogError::Unavailable { .. }), "{error:?}");
        assert!(error.to_string().to_lowercase().contains("authentication"), "{error}");
    }
}
