//! The engine, and reports to put into it.

use std::{
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use tlsrpt_record::{Channel, FailureRecord, MailRecord, Normalized, Outcome, PolicyRecord, SubmissionId, TenantId};
use tlsrpt_report::{Day, Period, PolicyClass, ReportKey, ResultType, Trust, UnixMillis};
use tlsrpt_store::{
    Filter, Store, StoreConfig,
    embedded::{Embedded, EmbeddedConfig},
};
use uuid::Uuid;

/// 2026-05-13.
pub(crate) const DAY: Day = Day(20_586);
const DAY_MILLIS: i64 = 86_400_000;

pub(crate) fn config() -> StoreConfig {
    static ENGINE: OnceLock<StoreConfig> = OnceLock::new();
    static DATABASES: AtomicU64 = AtomicU64::new(0);
    let engine = ENGINE.get_or_init(|| {
        let data_dir = fresh_directory();
        let (send, receive) = std::sync::mpsc::channel();
        // A runtime of its own: a test's ends with the test.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            let engine = runtime
                .block_on(Embedded::start(EmbeddedConfig { cluster: crate::cluster(), ..EmbeddedConfig::new(data_dir) }))
                .expect("start the engine");
            send.send(engine.config.clone()).unwrap();
            runtime.block_on(std::future::pending::<()>());
        });
        receive.recv().expect("the engine starts")
    });
    let database = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    StoreConfig { database, cluster: crate::cluster(), ..engine.clone() }
}

/// A directory of this process; those of processes that ended are removed, since nothing runs when a test binary ends.
fn fresh_directory() -> PathBuf {
    let all = Path::new(env!("CARGO_TARGET_TMPDIR")).join("store-sql");
    std::fs::create_dir_all(&all).unwrap();
    for entry in std::fs::read_dir(&all).unwrap().map(Result::unwrap) {
        if !Path::new("/proc").join(entry.file_name()).exists() {
            // Another process may be removing it too.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    let own = all.join(std::process::id().to_string());
    assert!(!own.exists(), "{} is left over and cannot be removed", own.display());
    own
}

/// A store with the schema in a database of its own.
pub(crate) async fn store() -> Store {
    store_in(&config()).await
}

/// A store with the schema in this database, laid out as the suite says.
pub(crate) async fn store_in(config: &StoreConfig) -> Store {
    let store = Store::new(config);
    crate::migrate(config, &store).await;
    store
}

/// The table that holds the rows of `table`: another one in a cluster.
pub(crate) fn holding(table: &str) -> String {
    if crate::cluster().is_some() { format!("{table}_local") } else { table.to_owned() }
}

/// A client of the same database, for what only a test asks.
pub(crate) fn client(config: &StoreConfig) -> clickhouse::Client {
    clickhouse::Client::default()
        .with_url(&config.url)
        .with_user(&config.user)
        .with_password(&config.password)
        .with_database(&config.database)
        .with_compression(clickhouse::Compression::None)
}

pub(crate) fn tenant(id: &str) -> TenantId {
    TenantId::parse(id).unwrap()
}

/// The `n`th submission received at this moment.
pub(crate) fn id(at: UnixMillis, n: u128) -> SubmissionId {
    SubmissionId(Uuid::from_u128(u128::try_from(at.0).unwrap() << 80 | 7 << 76 | 2 << 62 | n))
}

/// Noon of the day that is `days` after [`DAY`].
pub(crate) fn noon(days: i64) -> UnixMillis {
    UnixMillis((i64::from(DAY.0) + days) * DAY_MILLIS + DAY_MILLIS / 2)
}

pub(crate) fn leak(text: impl Into<String>) -> &'static str {
    Box::leak(text.into().into_boxed_str())
}

/// A policy of the domain's `sts` policy in the report with this number: 10 sessions succeeded, 0 failed.
pub(crate) fn policy(tenant: &'static str, domain: &'static str, report: u128) -> PolicyRecord<'static> {
    PolicyRecord {
        tenant,
        key: key(report, domain, PolicyClass::Sts),
        document: ReportKey(report << 64 | 1),
        group: ReportKey(report << 64 | 2),
        organization: "Example Mail",
        report_id: leak(format!("report-{report}")),
        contact: "tls@example.net",
        period: Period { begin: Some(DAY.start()), end: Some(DAY.plus(1).start()) },
        key_day: Some(DAY),
        day: Some(DAY),
        domain,
        domain_sent: "",
        class: PolicyClass::Sts,
        type_sent: "",
        strings: vec!["version: STSv1", "mode: testing"],
        mode: Some(tlsrpt_report::PolicyMode::Testing),
        max_age: Some(86_400),
        mx_hosts: vec!["mx.example.com"],
        successful: Some(10),
        failed: Some(0),
        failures: Vec::new(),
        warnings: Vec::new(),
    }
}

/// An identity from what makes one.
pub(crate) fn key(report: u128, domain: &str, class: PolicyClass) -> ReportKey {
    let domain = domain.bytes().fold(7u128, |hash, byte| (hash * 257 + u128::from(byte)) % 0xffff_ffff);
    // The highest bit too, so that keys are as wide as real ones.
    ReportKey(1 << 127 | report << 64 | domain << 8 | class as u128)
}

pub(crate) trait PolicyExt: Sized {
    fn class(self, class: PolicyClass) -> Self;
    fn sessions(self, successful: u64, failed: u64) -> Self;
    fn day(self, day: Day) -> Self;
    fn undated(self) -> Self;
    fn from(self, organization: &'static str) -> Self;
    fn failure(self, result: ResultType, sessions: u64) -> Self;
    fn detail(self, failure: FailureRecord<'static>) -> Self;
}

impl PolicyExt for PolicyRecord<'static> {
    fn class(mut self, class: PolicyClass) -> Self {
        self.key = ReportKey(self.key.0 & !0xff | class as u128);
        self.class = class;
        self
    }
    fn sessions(mut self, successful: u64, failed: u64) -> Self {
        (self.successful, self.failed) = (Some(successful), Some(failed));
        self
    }
    fn day(mut self, day: Day) -> Self {
        (self.key_day, self.day) = (Some(day), Some(day));
        self.period = Period { begin: Some(day.start()), end: Some(day.plus(1).start()) };
        self
    }
    fn undated(mut self) -> Self {
        (self.key_day, self.day) = (None, None);
        self.period = Period::default();
        self
    }
    fn from(mut self, organization: &'static str) -> Self {
        self.organization = organization;
        self
    }
    fn failure(self, result: ResultType, sessions: u64) -> Self {
        self.detail(FailureRecord { result, sessions: Some(sessions), ..failure() })
    }
    fn detail(mut self, failure: FailureRecord<'static>) -> Self {
        self.failures.push(failure);
        self
    }
}

pub(crate) fn failure() -> FailureRecord<'static> {
    FailureRecord {
        result: ResultType::CertificateExpired,
        result_sent: "",
        sending_ip: Some("192.0.2.1".parse().unwrap()),
        sending_ip_sent: "",
        receiving_mx: "mx1.example.com",
        receiving_helo: "",
        receiving_ip: Some("2001:db8::25".parse().unwrap()),
        receiving_ip_sent: "",
        sessions: Some(1),
        reason: "",
        additional: "",
    }
}

/// A submission and what it led to.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) outcome: Normalized<'static>,
    pub(crate) payload: Vec<u8>,
}

/// The submission with this number, received at this moment over HTTPS.
pub(crate) fn sent(at: UnixMillis, n: u128, policies: Vec<PolicyRecord<'static>>) -> Sent {
    let outcome = Normalized {
        submission_id: id(at, n),
        channel: Channel::Https,
        address: Some("in-box"),
        remote_ip: Some("198.51.100.7".parse().unwrap()),
        content_type: Some("application/tlsrpt+gzip"),
        trust: Trust::None,
        replay: false,
        normalized_at: UnixMillis(at.0 + 1000),
        outcome: Outcome::Stored(policies),
        mail: None,
    };
    Sent { outcome, payload: format!("payload {n} \0\u{fffd}").into_bytes() }
}

impl Sent {
    pub(crate) fn trust(mut self, trust: Trust) -> Self {
        self.outcome.trust = trust;
        self
    }
    /// Came as a mail, with this verdict.
    pub(crate) fn mail(mut self, trust: Trust, deferred: bool) -> Self {
        self.outcome.channel = Channel::Smtp;
        self.outcome.trust = trust;
        self.outcome.mail = Some(MailRecord {
            sender: "Google <noreply@google.com>",
            subject: "Report Domain: example.com",
            helo: "mail.google.com",
            mail_from: Some(""),
            recipients: vec!["in-box@reports.example", "other@reports.example"],
            tls: "TLSv1.3",
            authentication: "dkim=pass header.d=google.com",
            signer: if trust >= Trust::DkimOther { "google.com" } else { "" },
            deferred,
        });
        self
    }
    pub(crate) fn rejected(mut self, reason: &'static str) -> Self {
        self.outcome.outcome = Outcome::Rejected { reason, detail: "nothing countable" };
        self
    }
    /// The same submission, sent through again `seconds` later with this outcome.
    pub(crate) fn replayed(mut self, seconds: i64, policies: Vec<PolicyRecord<'static>>) -> Self {
        self.outcome.replay = true;
        self.outcome.normalized_at = UnixMillis(self.outcome.normalized_at.0 + seconds * 1000);
        self.outcome.outcome = Outcome::Stored(policies);
        self
    }
    pub(crate) fn id(&self) -> SubmissionId {
        self.outcome.submission_id
    }
}

pub(crate) async fn insert(store: &Store, sent: &[Sent]) {
    let batch: Vec<(Normalized<'_>, &[u8])> = sent.iter().map(|one| (one.outcome.clone(), &one.payload[..])).collect();
    store.insert(&batch).await.expect("insert");
}

/// Everything from 2015 to a year after [`DAY`].
pub(crate) fn all() -> Filter {
    Filter::period("2015-01-01".parse().unwrap(), DAY.plus(366))
}

/// [`DAY`] alone.
pub(crate) fn day() -> Filter {
    Filter { from: DAY, to: DAY, ..all() }
}

/// More points than any series of these tests has.
pub(crate) const POINTS_MAX: usize = 100_000;

/// Successful, failed, reports, by the summary of everything.
pub(crate) async fn figures(store: &Store, owner: &str) -> (u64, u64, u64) {
    let summary = store.tenant(tenant(owner)).summary(&all()).await.expect("summary");
    (summary.successful_sessions, summary.failed_sessions, summary.reports)
}
