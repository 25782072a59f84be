//! The roles as processes of their own, over real Kafka.

use std::time::Duration;

use rdkafka::{
    ClientConfig, Message as _,
    consumer::{BaseConsumer, Consumer as _},
    message::OwnedMessage,
    producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer},
};
use tlsrpt_tests::{Encoding, Generator, OtlpReceiver, Size, settled, until};

use crate::{
    chain::Chain,
    parts::{Database, Kafka, Roles, broker},
    traced,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_is_one_trace_through_the_processes_also_when_it_comes_to_them_twice() {
    let receiver = OtlpReceiver::start().await;
    let database = Database::start().await;
    let bootstrap = broker().await.bootstrap();
    let kafka = Kafka::at(&bootstrap);
    let roles = Roles::start(&kafka, &database, |setup| traced(setup, &receiver)).await;
    roles.operator().tenant("acme", &["example.com"]).await;
    let id = roles.edge.sender().send(Generator::new(1).report("example.com", Size::Medium).encode(Encoding::Gzip)).await;
    settled(&roles.operator(), 1).await;

    let chain = Chain::of(&receiver, &id).await;
    for (span, role) in chain.spans().into_iter().zip(["edge", "edge", "normalizer", "normalizer", "writer", "writer"]) {
        assert_eq!(span.resource("service.name"), Some(format!("tlsrpt-{role}")), "{span:?}");
    }

    // The same record once more, as a log that is at least once may have it.
    let topic = format!("{}tlsrpt.submissions", kafka.prefix);
    tokio::task::spawn_blocking(move || append_again(&bootstrap, &topic)).await.unwrap();
    let inserts = until("the second copy is inserted", async || {
        let all = receiver.spans();
        let of_trace = |name: &str| all.iter().filter(|span| span.trace_id() == chain.sent.trace_id() && span.name() == name).count();
        let counts = ["process tlsrpt.submissions", "process tlsrpt.normalized", "INSERT reports, submissions"].map(of_trace);
        if counts[2] == 2 { Ok(counts) } else { Err(format!("{counts:?}")) }
    })
    .await;
    assert_eq!(inserts, [2, 2, 2]);
    for again in receiver.spans().iter().filter(|span| span.name() == "process tlsrpt.submissions") {
        assert!(again.is_below(&chain.sent), "{again:?}");
    }
    settled(&roles.operator(), 1).await;
    roles.finish().await;
    database.stop().await;
}

/// Appends a copy of the only record of a topic, headers included.
fn append_again(bootstrap: &str, topic: &str) {
    let record = only_record(bootstrap, topic);
    let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new().set("bootstrap.servers", bootstrap).create().unwrap();
    let headers = record.headers().unwrap().clone();
    let copy = BaseRecord::<(), [u8]>::to(topic).payload(record.payload().unwrap()).headers(headers);
    producer.send(copy).map_err(|(error, _)| error).unwrap();
    producer.flush(Duration::from_secs(60)).unwrap();
}

fn only_record(bootstrap: &str, topic: &str) -> OwnedMessage {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", format!("copies-{topic}"))
        .set("auto.offset.reset", "earliest")
        .create()
        .unwrap();
    consumer.subscribe(&[topic]).unwrap();
    let found = std::iter::from_fn(|| Some(consumer.poll(Duration::from_secs(1)))).take(60).flatten().find_map(Result::ok);
    found.expect("the record is in the topic").detach()
}
