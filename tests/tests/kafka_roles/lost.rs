//! What Kafka lost before a role read it.

use rdkafka::{Offset, TopicPartitionList, admin::AdminOptions, consumer::Consumer as _};
use tlsrpt_tests::{Encoding, Generator, Size, settled, until};

use crate::parts::{Database, Kafka, Roles, admin, broker};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_kafka_lost_before_it_was_normalized_is_told_in_the_ledger() {
    let database = Database::start().await;
    let cluster = broker().await;
    let kafka = Kafka::at(&cluster.bootstrap());
    let one_partition = |setup: tlsrpt_tests::Setup| setup.config("[kafka]\npartitions = 1\n").allow("the ledger tells");
    let mut roles = Roles::start(&kafka, &database, one_partition).await;
    let mut reports = Generator::new(5);
    let mut post = async |edge: &tlsrpt_tests::Service| {
        edge.sender().send(reports.report("example.com", Size::Small).encode(Encoding::Gzip)).await;
    };
    post(&roles.edge).await;
    settled(&roles.operator(), 1).await;

    roles.normalizer.stop().await;
    for _ in 0..5 {
        post(&roles.edge).await;
    }
    let topic = format!("{}tlsrpt.submissions", kafka.prefix);
    let mut upto = TopicPartitionList::new();
    upto.add_partition_offset(&topic, 0, Offset::End).unwrap();
    admin(cluster).delete_records(&upto, &AdminOptions::new()).await.unwrap();
    let client: rdkafka::consumer::BaseConsumer =
        rdkafka::ClientConfig::new().set("bootstrap.servers", cluster.bootstrap()).create().unwrap();
    let (low, high) = client.fetch_watermarks(&topic, 0, std::time::Duration::from_secs(30)).unwrap();
    assert_eq!((low, high), (6, 6));

    roles.normalizer.start_again().await;
    post(&roles.edge).await;
    roles.normalizer.await_line("submissions were lost by the log").await;
    let operator = roles.operator();
    until("the entry", async || {
        let listed = operator.json("/admin/v1/submissions?reason=lost-by-log").await;
        if listed["submissions"].as_array().unwrap().len() == 1 { Ok(()) } else { Err(listed.to_string()) }
    })
    .await;
    let ledger = settled(&operator, 3).await;
    assert_eq!((ledger.unclaimed, ledger.rejected), (2, 1), "{ledger:?}");
    roles.finish().await;
    database.stop().await;
}
