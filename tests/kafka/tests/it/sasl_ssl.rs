//! TLS and a password.

use std::time::Duration;

use rdkafka::{
    ClientConfig,
    client::ClientContext,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::{KafkaError, RDKafkaErrorCode},
};
use tlsrpt_kafka_broker::{Cluster, ClusterOptions};

use crate::client::{PATIENCE, append, config, create_topic, read};

/// Passes on why a connection failed.
struct Errors(std::sync::mpsc::Sender<RDKafkaErrorCode>);

impl ClientContext for Errors {
    fn error(&self, error: KafkaError, _reason: &str) {
        let _ = self.0.send(error.rdkafka_error_code().unwrap());
    }
}

impl ConsumerContext for Errors {}

/// The first error that is not merely that all brokers are away.
fn why(config: &ClientConfig) -> RDKafkaErrorCode {
    let (told, errors) = std::sync::mpsc::channel();
    let client: BaseConsumer<Errors> = config.create_with_context(Errors(told)).unwrap();
    client.fetch_metadata(None, Duration::from_secs(2)).unwrap_err();
    client.poll(Duration::from_secs(1));
    errors.try_iter().find(|code| *code != RDKafkaErrorCode::AllBrokersDown).unwrap()
}

#[tokio::test]
async fn sasl_ssl_takes_the_password_and_nothing_else() {
    let cluster = Cluster::start(ClusterOptions { sasl_ssl: true, ..ClusterOptions::default() }).await.unwrap();
    let config = config(&cluster);
    create_topic(&config, "secret").await;
    append(&config, "secret", "word", PATIENCE).await.unwrap();
    assert_eq!(read(&config, "secret", 1).await, ["word"]);

    let mut wrong = config.clone();
    wrong.set("sasl.password", "wrong");
    assert_eq!(why(&wrong), RDKafkaErrorCode::Authentication);

    let mut untrusting = config.clone();
    untrusting.remove("ssl.ca.location");
    assert_eq!(why(&untrusting), RDKafkaErrorCode::SSL);
}
