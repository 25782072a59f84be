//! Durable 201s of the receiver against a bare axum handler that reads the body and answers 201, under the same load.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Bytes, http::StatusCode, routing::post};
use tlsrpt_edge::{EdgeConfig, Https, HttpsParts, Intake, Metrics};
use tlsrpt_log::{EmbeddedConfig, EmbeddedLog, Log};
use tlsrpt_record::{RECORD_MAX_BYTES, SUBMISSIONS};
use tlsrpt_registry::Registry;
use tlsrpt_telemetry::{Health, otlp::Tracer, prometheus};
use tokio_util::sync::CancellationToken;

use crate::{kafka, load, samples, table};

/// Rounds of each, in turns.
const ROUNDS: usize = 3;
/// Length of a round.
const ROUND: Duration = Duration::from_secs(6);
const CONNECTIONS: usize = 64;
const AIM: f64 = 0.4;
const AIM_OVER_KAFKA: f64 = 0.3;

/// What is tried over Kafka, the default first.
const LINGERS_MS: [&str; 4] = ["1", "0", "5", "20"];

pub(crate) fn run() {
    table::heading("durable 201s against a bare axum handler, 64 connections, reports of 650 B, both cores shared with the load");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let log = EmbeddedConfig { dir: dir.path().join("log"), record_max_bytes: RECORD_MAX_BYTES, in_flight_max_bytes: 128 << 20 };
    let log = EmbeddedLog::open(log).unwrap();
    compare(&runtime, "201s, each fsynced", log, AIM);
    runtime.shutdown_timeout(Duration::from_secs(2));
}

pub(crate) fn run_over_kafka() {
    table::heading(
        "durable 201s over Kafka, one broker on the same two cores, against a bare axum handler, 64 connections, reports of 650 B",
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let broker = runtime.block_on(kafka::broker());
    for linger_ms in LINGERS_MS {
        let log = runtime.block_on(kafka::log(&broker, &[("linger.ms", linger_ms)], &[]));
        compare(&runtime, &format!("201s, each on the broker, linger.ms={linger_ms}"), log, AIM_OVER_KAFKA);
    }
    drop(broker);
    runtime.shutdown_timeout(Duration::from_secs(2));
}

/// The receiver over `log` and the reference, in turns, under the same load.
fn compare(runtime: &tokio::runtime::Runtime, what: &str, log: Arc<dyn Log>, aim: f64) {
    let bodies = Arc::new((0..2_000).map(|n| samples::gzip(samples::report(n, "bench.example", 0).as_bytes())).collect::<Vec<_>>());
    let shutdown = CancellationToken::new();
    let ours = runtime.block_on(edge(log, Tracer::off(), shutdown.clone()));
    let reference = runtime.block_on(bare());
    let plan = load::Plan { connections: CONNECTIONS, length: ROUND, per_second: None, repeat: true };
    let (mut our_rates, mut reference_rates) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        reference_rates.push(load::post(reference, "/v1/tlsrpt", &bodies, plan).rate());
        let outcome = load::post(ours, "/v1/tlsrpt", &bodies, plan);
        assert_eq!(outcome.refused, 0, "the receiver refused");
        our_rates.push(outcome.rate());
    }
    shutdown.cancel();
    table::ratio(what, table::median(&mut our_rates), table::median(&mut reference_rates), "201s/s", aim);
}

/// A receiver over `log`.
pub(crate) async fn edge(log: Arc<dyn Log>, tracer: Tracer, shutdown: CancellationToken) -> SocketAddr {
    log.declare(&SUBMISSIONS).await.unwrap();
    let registry = Registry::open(Arc::clone(&log)).await.unwrap();
    let EdgeConfig { intake, https, .. } = EdgeConfig::default();
    let metrics = Metrics::register(&prometheus::Registry::new()).unwrap();
    let intake = Intake::open(intake, &*log, registry, metrics, None, tracer).await.unwrap();
    let parts = HttpsParts { config: https, tls: None, intake, health: Health::new() };
    let edge = Https::bind(SocketAddr::from(([127, 0, 0, 1], 0)), parts).await.unwrap();
    let address = edge.local_addr();
    tokio::spawn(edge.serve(shutdown));
    address
}

async fn bare() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let handler = post(async |body: Bytes| {
        std::hint::black_box(body.len());
        (StatusCode::CREATED, r#"{"submission_id":"01890a5d-ac96-774b-bcce-b302099a8057"}"#)
    });
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/v1/tlsrpt", handler)).await.unwrap() });
    address
}
