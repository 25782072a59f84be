//! Rows through the writer against inserting the same rows, encoded beforehand, straight into the engine.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tlsrpt_log::{EmbeddedConfig, EmbeddedLog, Log};
use tlsrpt_normalizer::{Owners, Setting, normalize};
use tlsrpt_record::{Channel, NORMALIZED, RECORD_MAX_BYTES, Submission, SubmissionId, TenantId, WRITER_GROUP};
use tlsrpt_report::{Domain, Trust};
use tlsrpt_store::{Store, StoreConfig, embedded};
use tlsrpt_telemetry::{Health, otlp::Tracer, prometheus};
use tlsrpt_writer::{Metrics, WriterConfig};
use tokio_util::sync::CancellationToken;

use crate::{samples, table};

/// Submissions of one policy each, so as many rows of `reports`.
const ROWS: usize = 200_000;
const AIM: f64 = 0.6;
/// Rows of one direct insert: as many as the writer's batches hold.
const BATCH_ROWS: usize = 20_000;

pub(crate) struct OneTenant;

impl Owners for OneTenant {
    fn owner_of(&self, _domain: &Domain) -> Option<TenantId> {
        TenantId::parse("bench").ok()
    }
}

pub(crate) fn run() {
    table::heading("rows a second through the writer against inserting the same rows straight into the engine");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(measure());
    runtime.shutdown_timeout(Duration::from_secs(2));
}

#[expect(clippy::cast_precision_loss, reason = "counts of one run")]
async fn measure() {
    let dir = tempfile::tempdir().unwrap();
    let engine = embedded::Embedded::start(embedded::EmbeddedConfig::new(dir.path().join("clickhouse"))).await.unwrap();
    let config = engine.config.clone();
    let store = Store::new(&config);
    store.migrate().await.unwrap();
    let log = EmbeddedLog::open(EmbeddedConfig {
        dir: dir.path().join("log"),
        record_max_bytes: RECORD_MAX_BYTES,
        in_flight_max_bytes: 512 << 20,
    })
    .unwrap();
    log.declare(&NORMALIZED).await.unwrap();
    fill(&*log, ROWS).await;

    let started = Instant::now();
    drain(Arc::clone(&log) as Arc<dyn Log>, store).await;
    let ours = ROWS as f64 / started.elapsed().as_secs_f64();

    let http = tlsrpt_tests::http_client();
    let mut batches = Vec::new();
    for table in ["reports", "submissions"] {
        for from in (0..ROWS).step_by(BATCH_ROWS) {
            let sql = format!("SELECT * FROM {table} ORDER BY submission_id LIMIT {BATCH_ROWS} OFFSET {from} FORMAT RowBinary");
            batches.push((table, query(&http, &config, &sql, Bytes::new()).await));
        }
    }
    for table in ["reports", "submissions"] {
        query(&http, &config, &format!("TRUNCATE TABLE {table}"), Bytes::new()).await;
    }
    let started = Instant::now();
    for (table, rows) in batches {
        query(&http, &config, &format!("INSERT INTO {table} FORMAT RowBinary"), rows).await;
    }
    let reference = ROWS as f64 / started.elapsed().as_secs_f64();
    table::ratio("reports with their ledger entries", ours, reference, "rows/s", AIM);
    log.close();
    engine.stop().await;
}

/// Puts normalized records on the log.
async fn fill(log: &dyn Log, rows: usize) {
    let producer = log.producer();
    let mut acks = Vec::with_capacity(rows);
    for number in 0..rows {
        let submission = submission(number);
        let id = submission.id;
        let delivered = tlsrpt_log::Delivered {
            position: tlsrpt_log::Position { partition: 0, offset: number as u64 },
            appended_at_ms: id.received_at().0,
            record: submission.clone().into_record(),
        };
        let setting = Setting { owners: &OneTenant, mail_hosts: &[], now: id.received_at(), record_max_bytes: RECORD_MAX_BYTES };
        let work = normalize(&delivered, &Ok(submission), &setting).unwrap();
        acks.push(producer.send(NORMALIZED.name, work.record));
    }
    for ack in acks {
        ack.await.unwrap();
    }
}

/// A submission of one report.
pub(crate) fn submission(number: usize) -> Submission {
    Submission {
        id: SubmissionId::now(),
        channel: Channel::Https,
        address: None,
        remote_ip: None,
        content_type: None,
        trust: Trust::None,
        mail: None,
        replay: false,
        payload: Bytes::from(samples::gzip(samples::report(number, "bench.example", number % 3).as_bytes())),
    }
}

/// Runs the writer until it has committed everything.
pub(crate) async fn drain(log: Arc<dyn Log>, store: Store) {
    let shutdown = CancellationToken::new();
    let metrics = Metrics::register(&prometheus::Registry::new()).unwrap();
    let health = Health::new().dependency("writer");
    let role = tokio::spawn(tlsrpt_writer::run(
        WriterConfig::default(),
        Arc::clone(&log),
        store,
        metrics,
        health,
        Tracer::off(),
        shutdown.clone(),
    ));
    while log.lag(NORMALIZED.name, WRITER_GROUP).await.unwrap().records > 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    shutdown.cancel();
    role.await.unwrap().unwrap();
}

async fn query(http: &reqwest::Client, config: &StoreConfig, sql: &str, body: Bytes) -> Bytes {
    let request = http.post(&config.url).query(&[("query", sql), ("database", &config.database)]).body(body);
    let answer = request.header("X-ClickHouse-User", &config.user).header("X-ClickHouse-Key", &config.password).send().await.unwrap();
    let status = answer.status();
    let bytes = answer.bytes().await.unwrap();
    assert!(status.is_success(), "{sql}: {}", String::from_utf8_lossy(&bytes));
    bytes
}
