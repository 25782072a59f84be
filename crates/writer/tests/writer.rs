//! The writer between the real embedded log and the real embedded engine.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use tlsrpt_log::{EmbeddedConfig, EmbeddedLog, Log, Record};
use tlsrpt_record::{
    AUDIT, AUDIT_GROUP, ActorKind, AuditEntry, Channel, NORMALIZED, NORMALIZED_FORMAT, Normalized, Outcome, REASON_UNREADABLE,
    SubmissionId, WRITER_GROUP,
};
use tlsrpt_report::{Trust, UnixMillis};
use tlsrpt_store::{AuditFilter, Fates, Store, StoreConfig, SubmissionFilter, embedded};
use tlsrpt_telemetry::{Health, otlp::Tracer, prometheus::Registry};
use tlsrpt_writer::{Metrics, WriterConfig, WriterError, run, run_audit};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// One engine for the whole binary; each test has a database of its own in it.
async fn engine() -> &'static StoreConfig {
    static ENGINE: tokio::sync::OnceCell<StoreConfig> = tokio::sync::OnceCell::const_new();
    ENGINE
        .get_or_init(async || {
            // The engine outlives every test, so its runtime and its directory do too.
            let (sender, receiver) = tokio::sync::oneshot::channel();
            std::thread::spawn(move || {
                let dir = tempfile::tempdir().unwrap();
                let runtime = tokio::runtime::Runtime::new().unwrap();
                runtime.block_on(async {
                    let engine = embedded::Embedded::start(embedded::EmbeddedConfig::new(dir.path())).await.unwrap();
                    sender.send(engine.config.clone()).unwrap();
                    std::future::pending::<()>().await;
                });
            });
            receiver.await.unwrap()
        })
        .await
}

fn rejected(detail: &str) -> Record {
    rejected_of(Channel::Https, SubmissionId::now(), detail)
}

fn rejected_of(channel: Channel, submission_id: SubmissionId, detail: &str) -> Record {
    Normalized {
        submission_id,
        channel,
        address: None,
        remote_ip: None,
        content_type: None,
        trust: Trust::None,
        replay: false,
        normalized_at: UnixMillis(1),
        outcome: Outcome::Rejected { reason: "not-json", detail },
        mail: None,
    }
    .encode(b"payload")
    .unwrap()
}

struct Running {
    log: Arc<EmbeddedLog>,
    health: Health,
    shutdown: CancellationToken,
    role: JoinHandle<Result<(), WriterError>>,
    metrics: Registry,
    _dir: tempfile::TempDir,
}

async fn start(store: Store, records: impl IntoIterator<Item = Record>) -> Running {
    let dir = tempfile::tempdir().unwrap();
    let log =
        EmbeddedLog::open(EmbeddedConfig { dir: dir.path().to_owned(), record_max_bytes: 1 << 20, in_flight_max_bytes: 1 << 20 }).unwrap();
    log.declare(&NORMALIZED).await.unwrap();
    for record in records {
        log.producer().send(NORMALIZED.name, record).await.unwrap();
    }
    let (shutdown, health) = (CancellationToken::new(), Health::new());
    let registry = Registry::new();
    let metrics = Metrics::register(&registry).unwrap();
    let config = WriterConfig { batch_linger_ms: 10, ..WriterConfig::default() };
    let (as_log, writer) = (Arc::clone(&log) as Arc<dyn Log>, health.dependency("writer"));
    let role = tokio::spawn(run(config, as_log, store, metrics, writer, Tracer::off(), shutdown.clone()));
    Running { log, health, shutdown, role, metrics: registry, _dir: dir }
}

impl Running {
    async fn lag(&self) -> u64 {
        self.log.lag(NORMALIZED.name, WRITER_GROUP).await.unwrap().records
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.role.await.unwrap().unwrap();
    }
}

/// Waits until `holds`; the deadline is for a broken build only.
async fn until<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_cannot_be_read_becomes_a_reject_and_takes_nothing_along() {
    let store = Store::new(&StoreConfig { database: "unreadable".to_owned(), ..engine().await.clone() });
    store.migrate().await.unwrap();
    let stray = Record { value: Bytes::from_static(&[NORMALIZED_FORMAT, 0xff, 0xff]), ..Record::default() };
    let running = start(store.clone(), [rejected("before"), stray, rejected("after")]).await;
    until("everything is committed", async || running.lag().await == 0).await;
    assert_eq!(store.fates(None, None).await.unwrap(), Fates { rejected: 3, ..Fates::default() });
    let filter = SubmissionFilter { reason: Some(REASON_UNREADABLE.to_owned()), ..SubmissionFilter::default() };
    let (found, _) = store.submissions(&filter, 10, None).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].payload_bytes, 3, "the whole record is kept");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_a_newer_version_stops_the_role_and_is_not_passed_over() {
    let store = Store::new(&StoreConfig { database: "newer".to_owned(), ..engine().await.clone() });
    store.migrate().await.unwrap();
    let newer = Record { value: Bytes::from_static(&[NORMALIZED_FORMAT + 1]), ..Record::default() };
    let running = start(store, [newer]).await;
    let lag = || running.log.lag(NORMALIZED.name, WRITER_GROUP);
    assert_eq!(lag().await.unwrap().records, 1);
    let error = running.role.await.unwrap().unwrap_err();
    assert!(format!("{:#}", anyhow_like(&error)).contains("newer"), "{error:?}");
    assert_eq!(running.log.lag(NORMALIZED.name, WRITER_GROUP).await.unwrap().records, 1);
}

/// An error with its sources, as the log shows it.
fn anyhow_like(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_is_waited_for_visibly_and_nothing_is_lost() {
    let engine = engine().await;
    // A port that nobody listens on yet.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let door = listener.local_addr().unwrap();
    drop(listener);
    let direct = Store::new(&StoreConfig { database: "away".to_owned(), ..engine.clone() });
    direct.migrate().await.unwrap();
    let through_the_door = Store::new(&StoreConfig { url: format!("http://{door}"), database: "away".to_owned(), ..engine.clone() });

    let running = start(through_the_door, (0..50).map(|_| rejected("x"))).await;
    until("the role says what is missing", async || running.health.missing().get("writer").is_some_and(|reason| reason.contains("insert")))
        .await;
    assert_eq!(direct.fates(None, None).await.unwrap(), Fates::default());
    assert_eq!(running.lag().await, 50);

    let opened = TcpListener::bind(door).await.unwrap();
    let target = engine.url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    tokio::spawn(async move {
        while let Ok((mut from, _)) = opened.accept().await {
            let mut to = TcpStream::connect(&target).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut from, &mut to).await });
        }
    });
    until("everything is committed", async || running.lag().await == 0).await;
    assert_eq!(direct.fates(None, None).await.unwrap(), Fates { rejected: 50, ..Fates::default() });
    assert!(running.health.missing().is_empty());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_imported_says_nothing_of_how_fresh_answers_are() {
    let store = Store::new(&StoreConfig { database: "imported".to_owned(), ..engine().await.clone() });
    store.migrate().await.unwrap();
    let old = SubmissionId::of_import("2019-05-13T08:30:00Z".parse().unwrap(), b"payload");
    let running = start(store, [rejected("now"), rejected_of(Channel::Import, old, "then")]).await;
    until("everything is committed", async || running.lag().await == 0).await;
    let families = running.metrics.gather();
    let fresh = families.iter().find(|family| family.name() == "tlsrpt_writer_receipt_to_queryable_seconds").unwrap();
    assert_eq!(fresh.get_metric()[0].get_histogram().get_sample_count(), 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn audit_entries_are_moved_to_the_database_once_each_and_one_that_cannot_be_read_leaves_one_that_says_so() {
    let store = Store::new(&StoreConfig { database: "audit".to_owned(), ..engine().await.clone() });
    store.migrate().await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let log =
        EmbeddedLog::open(EmbeddedConfig { dir: dir.path().to_owned(), record_max_bytes: 1 << 20, in_flight_max_bytes: 1 << 20 }).unwrap();
    log.declare(&AUDIT).await.unwrap();
    let entry = AuditEntry {
        id: SubmissionId::now().0,
        at: UnixMillis(1_790_000_000_123),
        actor_kind: ActorKind::Operator,
        actor_id: "admin",
        tenant: "acme",
        action: "tenant.create",
        target: "acme",
        status: None,
        request_id: "",
        remote_ip: None,
    };
    let done = AuditEntry { status: Some(201), ..entry.clone() };
    let stray = Record { value: Bytes::from_static(&[1, 0xff]), ..Record::default() };
    // The outcome twice, as after a redelivery.
    for record in [entry.encode().unwrap(), done.encode().unwrap(), stray, done.encode().unwrap()] {
        log.producer().send(AUDIT.name, record).await.unwrap();
    }
    let (shutdown, health) = (CancellationToken::new(), Health::new());
    let metrics = Metrics::register(&Registry::new()).unwrap();
    let config = WriterConfig { batch_linger_ms: 10, ..WriterConfig::default() };
    let log: Arc<dyn Log> = log;
    let role = run_audit(config, Arc::clone(&log), store.clone(), metrics, health.dependency("audit"), shutdown.clone());
    let role = tokio::spawn(role);
    until("everything is committed", async || log.lag(AUDIT.name, AUDIT_GROUP).await.unwrap().records == 0).await;
    let (mut items, _) = store.audit(&AuditFilter::default(), 10, None).await.unwrap();
    items.sort_by_key(|item| item.status);
    let seen: Vec<_> = items.iter().map(|item| (item.action.as_str(), item.actor.kind.as_str(), item.status)).collect();
    assert_eq!(seen, [("audit.unreadable", "service", None), ("tenant.create", "operator", Some(201))]);
    shutdown.cancel();
    role.await.unwrap().unwrap();
}
