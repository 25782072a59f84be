//! Brokers that want a password, over TLS.

use tlsrpt_kafka_broker::{Cluster, ClusterOptions};
use tlsrpt_tests::{Encoding, Generator, Role, Size, program, settled};

use crate::parts::{Kafka, operator};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_goes_over_sasl_ssl_and_the_password_is_shown_nowhere() {
    let cluster = Cluster::start(ClusterOptions { sasl_ssl: true, ..ClusterOptions::default() }).await.unwrap();
    let properties = cluster.client_properties();
    let password = properties["sasl.password"].clone();
    let kafka = Kafka::at(&cluster.bootstrap()).with(properties.clone());
    let service = kafka.role(Role::AllInOne).start().await;
    operator(&service).tenant("acme", &["example.com"]).await;
    service.sender().send(Generator::new(6).report("example.com", Size::Small).encode(Encoding::Gzip)).await;
    settled(&operator(&service), 1).await;
    assert!(!service.log().tail().contains(&password));
    service.finish().await;

    let mut config = program();
    config.args(["config", "--kafka-brokers", "127.0.0.1:1"]);
    for (name, value) in &properties {
        config.args(["--kafka-property", &format!("{name}={value}")]);
    }
    let output = config.output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(shown.contains("sasl.username") && !shown.contains(&password), "{shown}");

    // A wrong one is waited for, in case it is put right at the brokers, and named.
    let mut wrong = properties;
    wrong.insert("sasl.password".to_owned(), "wrong".to_owned());
    let mut edge = Kafka::at(&cluster.bootstrap())
        .with(wrong)
        .role(Role::Edge)
        .allow("a dependency is away at the start")
        .allow("Kafka is away")
        .launch()
        .await;
    let line = edge.await_line("a dependency is away at the start").await.to_string();
    assert!(line.to_lowercase().contains("authentication"), "{line}");
    edge.finish().await;
}
