//! Durable 201s of a receiver that traces against those of one that does not, under the same load; the receiver of the spans is in this
//! process and takes its part of the cores.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tlsrpt_log::{EmbeddedConfig, EmbeddedLog, Log};
use tlsrpt_record::RECORD_MAX_BYTES;
use tlsrpt_telemetry::{
    otlp::{Otlp, OtlpConfig, OtlpProtocol, Tracer},
    prometheus,
};
use tlsrpt_tests::OtlpReceiver;
use tokio_util::sync::CancellationToken;

use crate::{durable, load, samples, table};

/// Rounds with tracing off and with it on, in turns, for each part.
const ROUNDS: usize = 5;
/// Length of a round.
const ROUND: Duration = Duration::from_secs(5);
const CONNECTIONS: usize = 64;
/// Parts that are traced, with the aim for each: everything is for a quiet service or a short look.
const RATIOS: [(f64, &str, Option<f64>); 2] = [(0.01, "1 % traced", Some(0.95)), (1.0, "100 % traced", None)];

pub(crate) fn run() {
    table::heading("durable 201s with tracing on, against the same with tracing off, 64 connections, reports of 650 B, both cores shared");
    // The little before the much: what the receiver is left with would weigh on the next.
    for (ratio, what, aim) in RATIOS {
        compare(ratio, what, aim);
    }
}

fn compare(ratio: f64, what: &str, aim: Option<f64>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let log = EmbeddedConfig { dir: dir.path().join("log"), record_max_bytes: RECORD_MAX_BYTES, in_flight_max_bytes: 128 << 20 };
    let log: Arc<dyn Log> = EmbeddedLog::open(log).unwrap();
    let shutdown = CancellationToken::new();
    let _entered = runtime.enter();
    let receiver = runtime.block_on(OtlpReceiver::start());
    let mut config = OtlpConfig::new(&receiver.endpoint(), OtlpProtocol::Grpc, &BTreeMap::new()).unwrap();
    config.sample_ratio = ratio;
    let metrics = prometheus::Registry::new();
    let dropped = Otlp::register(&metrics).unwrap();
    let otlp = Otlp::start(&config, "edge", "bench", &metrics, dropped.clone()).unwrap();
    let edges = [Tracer::off(), otlp.tracer()].map(|tracer| runtime.block_on(durable::edge(Arc::clone(&log), tracer, shutdown.clone())));
    let bodies = Arc::new((0..2_000).map(|n| samples::gzip(samples::report(n, "bench.example", 0).as_bytes())).collect::<Vec<_>>());
    let plan = load::Plan { connections: CONNECTIONS, length: ROUND, per_second: None, repeat: true };
    let mut rates = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (edge, rates) in edges.into_iter().zip(&mut rates) {
            // The load has a runtime of its own, which cannot be started within another.
            let bodies = Arc::clone(&bodies);
            let outcome = std::thread::spawn(move || load::post(edge, "/v1/tlsrpt", &bodies, plan)).join().unwrap();
            assert_eq!(outcome.refused, 0, "the receiver refused");
            rates.push(outcome.rate());
        }
    }
    shutdown.cancel();
    let [off, on] = rates.each_mut().map(|rates| table::median(rates));
    table::ratio(what, on, off, "201s/s", aim);
    let arrived = receiver.spans().len();
    assert!(arrived > 0, "nothing was traced");
    println!("{what}: {arrived} spans arrived, {} were dropped since the receiver was slower than the load", dropped.get());
    runtime.shutdown_timeout(Duration::from_secs(2));
}
