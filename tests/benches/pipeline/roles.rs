//! Messages a second through the normalizer and through the writer, over Kafka against over the embedded log: what the step to a
//! cluster costs one process on one machine. There is no aim.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tlsrpt_log::{EmbeddedConfig, EmbeddedLog, Log};
use tlsrpt_normalizer::{Metrics, NormalizerConfig, Parts};
use tlsrpt_origin::{OriginConfig, Verifier};
use tlsrpt_record::{NORMALIZED, NORMALIZER_GROUP, RECORD_MAX_BYTES, SUBMISSIONS};
use tlsrpt_store::{Store, embedded};
use tlsrpt_telemetry::{Health, otlp::Tracer, prometheus};
use tokio_util::sync::CancellationToken;

use crate::{
    kafka, table,
    writer::{self, OneTenant},
};

/// Messages of a run.
const MESSAGES: usize = 200_000;

pub(crate) fn run() {
    table::heading("messages a second through a role, over Kafka (broker on the same two cores) against over the embedded log");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(measure());
    runtime.shutdown_timeout(Duration::from_secs(2));
}

async fn measure() {
    let broker = kafka::broker().await;
    let dir = tempfile::tempdir().unwrap();
    let topics = [&SUBMISSIONS, &NORMALIZED];
    let over_kafka = kafka::log(&broker, &[], &topics).await;
    let embedded = EmbeddedLog::open(EmbeddedConfig {
        dir: dir.path().join("log"),
        record_max_bytes: RECORD_MAX_BYTES,
        in_flight_max_bytes: 512 << 20,
    })
    .unwrap();
    for topic in topics {
        embedded.declare(topic).await.unwrap();
    }
    let embedded: Arc<dyn Log> = embedded;

    let (ours, reference) = (normalized(&over_kafka).await, normalized(&embedded).await);
    table::ratio("normalizer, its joining included", ours, reference, "messages/s", None);

    // What the normalizer left behind is what the writer takes.
    let engine = embedded::Embedded::start(embedded::EmbeddedConfig::new(dir.path().join("clickhouse"))).await.unwrap();
    let mut rates = Vec::new();
    for (log, database) in [(&over_kafka, "over_kafka"), (&embedded, "over_embedded")] {
        let store = Store::new(&tlsrpt_store::StoreConfig { database: database.to_owned(), ..engine.config.clone() });
        store.migrate().await.unwrap();
        let started = Instant::now();
        writer::drain(Arc::clone(log), store).await;
        rates.push(rate(started));
    }
    table::ratio("writer, its joining included", rates[0], rates[1], "messages/s", None);
    engine.stop().await;
    drop(over_kafka);
}

/// Fills the submissions and runs the normalizer until it has committed them all.
async fn normalized(log: &Arc<dyn Log>) -> f64 {
    let producer = log.producer();
    let acks: Vec<_> = (0..MESSAGES).map(|number| producer.send(SUBMISSIONS.name, writer::submission(number).into_record())).collect();
    for ack in acks {
        ack.await.unwrap();
    }
    let shutdown = CancellationToken::new();
    let parts = Parts {
        log: Arc::clone(log),
        record_max_bytes: RECORD_MAX_BYTES,
        owners: Arc::new(OneTenant),
        verifier: Arc::new(Verifier::new(&OriginConfig::default()).unwrap()),
        mail_hosts: Vec::new(),
        metrics: Metrics::register(&prometheus::Registry::new()).unwrap(),
        health: Health::new().dependency("normalizer"),
        tracer: Tracer::off(),
    };
    let started = Instant::now();
    let role = tokio::spawn(tlsrpt_normalizer::run(NormalizerConfig::default(), parts, shutdown.clone()));
    kafka::drained(&**log, SUBMISSIONS.name, NORMALIZER_GROUP).await;
    let rate = rate(started);
    shutdown.cancel();
    role.await.unwrap().unwrap();
    rate
}

#[expect(clippy::cast_precision_loss, reason = "counts of one run")]
fn rate(started: Instant) -> f64 {
    MESSAGES as f64 / started.elapsed().as_secs_f64()
}
