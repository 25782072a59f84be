//! The normalizer on the real embedded log.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use tlsrpt_log::{BatchLimits, Delivered, EmbeddedConfig, EmbeddedLog, Log, Position, Record};
use tlsrpt_normalizer::{Metrics, NormalizerConfig, NormalizerError, Owners, Parts, REASON_INTERNAL, Setting, Tally, normalize, run};
use tlsrpt_origin::{OriginConfig, Verifier};
use tlsrpt_record::{
    Channel, NORMALIZED, NORMALIZER_GROUP, Normalized, Outcome, REASON_UNREADABLE, RECORD_MAX_BYTES, SUBMISSIONS, Submission, SubmissionId,
    TenantId, WRITER_GROUP,
};
use tlsrpt_report::{Domain, Trust, UnixMillis};
use tlsrpt_telemetry::{Health, otlp::Tracer, prometheus::Registry};
use tokio_util::sync::CancellationToken;

/// Owners by exact domain; the domain `boom.example` makes the look-up panic, as a fault of ours would.
struct Table(HashMap<&'static str, &'static str>);

impl Owners for Table {
    fn owner_of(&self, domain: &Domain) -> Option<TenantId> {
        assert_ne!(domain.as_str(), "boom.example", "a fault of ours");
        self.0.get(domain.as_str()).map(|tenant| TenantId::parse(tenant).unwrap())
    }
}

fn owners() -> Table {
    Table(HashMap::from([("a.example", "tenant-a"), ("b.example", "tenant-b")]))
}

fn report(domains: &[&str]) -> String {
    let policies: Vec<String> = domains
        .iter()
        .map(|domain| {
            format!(
                r#"{{"policy":{{"policy-type":"sts","policy-domain":"{domain}"}},"summary":{{"total-successful-session-count":5,"total-failure-session-count":0}}}}"#
            )
        })
        .collect();
    format!(
        r#"{{"organization-name":"Sender","report-id":"r-1","date-range":{{"start-datetime":"2026-05-13T00:00:00Z","end-datetime":"2026-05-13T23:59:59Z"}},"policies":[{}]}}"#,
        policies.join(",")
    )
}

fn submission(payload: impl Into<Bytes>) -> Submission {
    Submission {
        id: SubmissionId::now(),
        channel: Channel::Https,
        address: Some("addr".to_owned()),
        remote_ip: Some("192.0.2.1".parse().unwrap()),
        content_type: None,
        trust: Trust::None,
        mail: None,
        replay: false,
        payload: payload.into(),
    }
}

fn delivered(record: Record) -> Delivered {
    Delivered { position: Position { partition: 0, offset: 0 }, appended_at_ms: 1_790_000_000_000, record }
}

fn outcome_of(record: Record) -> (Record, Tally) {
    let submission = Submission::from_record(&record);
    let setting = Setting { owners: &owners(), mail_hosts: &[], now: UnixMillis(1), record_max_bytes: RECORD_MAX_BYTES };
    let work = normalize(&delivered(record), &submission, &setting).unwrap();
    (work.record, work.tally)
}

#[test]
fn each_policy_goes_to_the_owner_of_its_domain_and_the_payload_stays_whole() {
    let payload = report(&["a.example", "b.example", "nobody.example"]);
    let submission = submission(payload.clone());
    let id = submission.id;
    let (record, tally) = outcome_of(submission.into_record());
    assert_eq!(tally, Tally::Stored { rows: 3, warnings: Vec::new() });
    let (normalized, raw) = Normalized::decode(&record.value).unwrap();
    assert_eq!(normalized.submission_id, id);
    assert_eq!(normalized.address, Some("addr"));
    assert_eq!(raw, payload.as_bytes());
    let Outcome::Stored(rows) = normalized.outcome else { panic!("rejected") };
    let owned: Vec<_> = rows.iter().map(|row| (row.tenant, row.domain)).collect();
    assert_eq!(owned, [("tenant-a", "a.example"), ("tenant-b", "b.example"), ("", "nobody.example")]);
}

#[test]
fn what_cannot_be_counted_becomes_a_reject_with_its_reason_and_its_payload() {
    let (record, tally) = outcome_of(submission("{}").into_record());
    let (normalized, raw) = Normalized::decode(&record.value).unwrap();
    let Outcome::Rejected { reason, detail } = normalized.outcome else { panic!("stored") };
    assert!(matches!(tally, Tally::Rejected(tallied) if tallied == reason));
    assert!(!detail.is_empty());
    assert_eq!(raw, b"{}");
}

#[test]
fn a_fault_of_ours_costs_one_submission_which_is_kept_as_a_reject() {
    let (record, tally) = outcome_of(submission(report(&["boom.example"])).into_record());
    assert_eq!(tally, Tally::Poison(REASON_INTERNAL));
    let (normalized, raw) = Normalized::decode(&record.value).unwrap();
    assert!(matches!(normalized.outcome, Outcome::Rejected { reason: REASON_INTERNAL, .. }));
    assert_eq!(raw, report(&["boom.example"]).as_bytes());
}

#[test]
fn a_record_that_is_no_submission_becomes_the_same_reject_at_every_delivery() {
    let stray = Record { value: Bytes::from_static(b"stray"), ..Record::default() };
    let (first, tally) = outcome_of(stray.clone());
    assert_eq!(tally, Tally::Poison(REASON_UNREADABLE));
    assert_eq!(first, outcome_of(stray).0);
}

struct Running {
    log: Arc<EmbeddedLog>,
    shutdown: CancellationToken,
    role: tokio::task::JoinHandle<Result<(), NormalizerError>>,
    _dir: tempfile::TempDir,
}

async fn start(records: impl IntoIterator<Item = Record>) -> Running {
    let dir = tempfile::tempdir().unwrap();
    let log =
        EmbeddedLog::open(EmbeddedConfig { dir: dir.path().to_owned(), record_max_bytes: 1 << 20, in_flight_max_bytes: 1 << 20 }).unwrap();
    log.declare(&SUBMISSIONS).await.unwrap();
    log.declare(&NORMALIZED).await.unwrap();
    for record in records {
        log.producer().send(SUBMISSIONS.name, record).await.unwrap();
    }
    let shutdown = CancellationToken::new();
    let parts = Parts {
        log: Arc::clone(&log) as Arc<dyn Log>,
        record_max_bytes: RECORD_MAX_BYTES,
        owners: Arc::new(owners()),
        verifier: Arc::new(Verifier::new(&OriginConfig::default()).unwrap()),
        mail_hosts: Vec::new(),
        metrics: Metrics::register(&Registry::new()).unwrap(),
        health: Health::new().dependency("normalizer"),
        tracer: Tracer::off(),
    };
    let role = tokio::spawn(run(NormalizerConfig::default(), parts, shutdown.clone()));
    Running { log, shutdown, role, _dir: dir }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_submission_leads_to_one_record_and_is_committed_when_that_is_durable() {
    const SUBMISSIONS_SENT: usize = 500;
    let mut sent = Vec::new();
    let records = (0..SUBMISSIONS_SENT).map(|n| {
        let submission = submission(if n % 3 == 0 { "{}".to_owned() } else { report(&["a.example"]) });
        sent.push(submission.id);
        submission.into_record()
    });
    let running = start(records).await;
    let mut consumer = running.log.consumer(NORMALIZED.name, WRITER_GROUP).await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < SUBMISSIONS_SENT {
        let batch = consumer.next(BatchLimits { records_max: 1000, bytes_max: 1 << 20, linger: Duration::ZERO }).await.unwrap();
        seen.extend(batch.records.iter().map(|delivered| Normalized::decode(&delivered.record.value).unwrap().0.submission_id));
    }
    seen.sort();
    sent.sort();
    assert_eq!(seen, sent);
    running.shutdown.cancel();
    running.role.await.unwrap().unwrap();
    assert_eq!(running.log.lag(SUBMISSIONS.name, NORMALIZER_GROUP).await.unwrap().records, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_full_of_records_that_we_fail_on_stops_the_role_instead_of_draining_into_rejects() {
    let running = start((0..tlsrpt_record::POISON_MAX + 1).map(|_| submission(report(&["boom.example"])).into_record())).await;
    let error = running.role.await.unwrap().unwrap_err();
    assert!(matches!(error, NormalizerError::Poison(_)), "{error}");
    let lag = running.log.lag(SUBMISSIONS.name, NORMALIZER_GROUP).await.unwrap();
    assert!(lag.records > 0, "the batch that was over the ration must come again");
}
