//! One running pipeline a test: its own log, registry and database, on the one engine of the process.

use std::{
    net::SocketAddr,
    sync::{Arc, LazyLock},
    time::Duration,
};

use ipnet::IpNet;
use reqwest::{Method, StatusCode, header::HeaderMap};
use serde_json::{Value, json};
use tempfile::TempDir;
use tlsrpt_backup::{Backups, Source};
use tlsrpt_log::{Cleanup, EmbeddedConfig as LogConfig, EmbeddedLog, Log};
use tlsrpt_origin::{OriginConfig, Verifier};
use tlsrpt_outbound::{Client, ClientOptions, Reach, ResolverOptions, resolver};
use tlsrpt_publication::{Checker, PublicationConfig, Receiver};
use tlsrpt_query::{
    AdminKey, Adoption, Claims, Courier, Erasures, Notifications, NotificationsConfig, Parts, Query, QueryConfig, QueryMetrics, Retention,
    Verdicts,
};
use tlsrpt_record::{AUDIT, Channel, MailFacts, NORMALIZED, SUBMISSIONS, Submission, SubmissionId};
use tlsrpt_registry::Registry;
use tlsrpt_report::Trust;
use tlsrpt_store::{
    Store, StoreConfig,
    embedded::{Embedded, EmbeddedConfig},
};
use tlsrpt_telemetry::{Health, otlp::Tracer, prometheus};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::audit_log::{AuditLog, Gated};

pub(crate) const ADMIN: &str = "admin-key-of-the-tests";

/// The engine, on a runtime that outlives every test.
static ENGINE: LazyLock<StoreConfig> = LazyLock::new(|| {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let dir = TempDir::new().unwrap();
        runtime.block_on(async {
            let config = EmbeddedConfig { backups_dir: Some(std::env::temp_dir()), ..EmbeddedConfig::new(dir.path()) };
            let engine = Embedded::start(config).await.expect("the engine starts");
            sender.send(engine.config.clone()).unwrap();
            std::future::pending::<()>().await;
        });
    });
    receiver.recv().expect("the engine is up")
});

/// A database of its own in the engine, without the schema.
pub(crate) async fn fresh_database() -> StoreConfig {
    let engine = tokio::task::spawn_blocking(|| ENGINE.clone()).await.unwrap();
    StoreConfig { database: format!("t{}", uuid::Uuid::now_v7().simple()), ..engine }
}

/// Nobody answers there, and says so at once.
fn publication() -> PublicationConfig {
    PublicationConfig { servers: vec!["127.0.0.1:1".parse().unwrap()], query_timeout_ms: 500, ..PublicationConfig::default() }
}

pub(crate) struct Api {
    pub(crate) addr: SocketAddr,
    pub(crate) store: Store,
    pub(crate) metrics: prometheus::Registry,
    /// Whom the normalizer asks for keys.
    pub(crate) origin: OriginConfig,
    registry: Arc<Registry>,
    log: Arc<dyn Log>,
    audit_log: AuditLog,
    client: reqwest::Client,
    shutdown: CancellationToken,
    _ends: DropGuard,
    _dir: TempDir,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{} {error}: {}", self.status, self.text()))
    }
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
    /// Checks that this is a problem of this status and kind, as RFC 9457 has it.
    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16, kind: &str) -> Value {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text());
        let problem = self.json();
        assert_eq!(
            (problem["type"].as_str(), problem["status"].as_u64()),
            (Some(&*format!("/problems/{kind}")), Some(status.into())),
            "{problem}"
        );
        assert_eq!(self.status.as_u16(), status);
        assert!(!problem["title"].as_str().unwrap().is_empty() && !problem["detail"].as_str().unwrap().is_empty());
        problem
    }
}

impl Api {
    /// Everything runs.
    pub(crate) async fn start() -> Self {
        let api = Self::start_without_pipeline(QueryConfig::default()).await;
        api.start_pipeline();
        api
    }

    /// The API and adoption run; what is submitted stays on the log.
    pub(crate) async fn start_without_pipeline(config: QueryConfig) -> Self {
        let store = Store::new(&fresh_database().await);
        store.migrate().await.unwrap();
        Self::start_on(store, config).await
    }

    /// The API on a store that may not be there.
    pub(crate) async fn start_on(store: Store, config: QueryConfig) -> Self {
        Self::start_keeping(store, config, None).await
    }

    /// The same on a log that keeps records for so long; none for as long as the pipeline does.
    pub(crate) async fn start_keeping(store: Store, config: QueryConfig, log_kept: Option<Duration>) -> Self {
        Self::start_whole(store, config, log_kept, &NotificationsConfig::default(), Vec::new()).await
    }

    /// Everything runs, tells tenants what is new, as two processes would, and reaches these networks beside the public internet.
    pub(crate) async fn start_telling(notifications: &NotificationsConfig, reached: &[&str]) -> Self {
        let store = Store::new(&fresh_database().await);
        store.migrate().await.unwrap();
        let reached = reached.iter().map(|net| net.parse().unwrap()).collect();
        let api = Self::start_whole(store, QueryConfig::default(), None, notifications, reached).await;
        api.start_pipeline();
        api
    }

    async fn start_whole(
        store: Store,
        config: QueryConfig,
        log_kept: Option<Duration>,
        notifications: &NotificationsConfig,
        reached: Vec<IpNet>,
    ) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = TempDir::new().unwrap();
        let embedded =
            EmbeddedLog::open(LogConfig { dir: dir.path().join("log"), record_max_bytes: 64 << 20, in_flight_max_bytes: 64 << 20 })
                .unwrap();
        let log: Arc<dyn Log> = embedded.clone();
        for topic in [&SUBMISSIONS, &NORMALIZED, &AUDIT] {
            let mut topic = topic.clone();
            if let (Some(kept), Cleanup::Delete { age_max, .. }) = (log_kept, &mut topic.cleanup) {
                *age_max = kept;
            }
            log.declare(&topic).await.unwrap();
        }
        let registry = Registry::open(Arc::clone(&log)).await.unwrap();
        let metrics = prometheus::Registry::new();
        let query_metrics = QueryMetrics::register(&metrics).unwrap();
        let claims = Claims::default();
        let shutdown = CancellationToken::new();

        let adoption = Adoption::new(store.clone(), Arc::clone(&registry), claims.clone(), query_metrics.clone(), &config);
        tokio::spawn(adoption.run(shutdown.clone()));
        let verdicts = Verdicts::register(store.clone(), Arc::clone(&log), &config, &metrics).unwrap();
        tokio::spawn(verdicts.run(shutdown.clone()));
        let audit_log = AuditLog::new();
        let erasures = Erasures::register(store.clone(), Arc::clone(&registry), Arc::clone(&log), &config, &metrics).unwrap();
        tokio::spawn(erasures.run(shutdown.clone()));
        let retention = Retention::register(store.clone(), Arc::clone(&registry), &config, &metrics).unwrap();
        tokio::spawn(retention.run(shutdown.clone()));
        let courier = courier(notifications, reached);
        for metrics in [&metrics, &prometheus::Registry::new()] {
            let (registry, courier) = (Arc::clone(&registry), courier.clone());
            let task = Notifications::register(store.clone(), registry, courier, notifications, &config, metrics).unwrap();
            tokio::spawn(task.run(shutdown.clone()));
        }
        let source = Source { data_dir: dir.path().to_owned(), log: embedded, store: store.clone(), registry: Arc::clone(&registry) };
        let parts = Parts {
            store: store.clone(),
            registry: Arc::clone(&registry),
            log: Arc::new(Gated { log: Arc::clone(&log), audit: audit_log.clone() }),
            admin_key: Some(AdminKey::new(ADMIN).unwrap()),
            claims,
            checker: Checker::new(&publication(), Reach::default()).unwrap(),
            receiver: Receiver { mail_hosts: vec!["reports.example".to_owned()], https_host: None },
            courier,
            backups: Some(Backups::new(dir.path().join("backups"), source)),
            metrics: query_metrics,
            tracer: Tracer::off(),
        };
        let query = Query::bind("127.0.0.1:0".parse().unwrap(), config, parts).await.unwrap();
        let addr = query.local_addr();
        tokio::spawn(query.serve(shutdown.clone()));
        let client = reqwest::Client::builder().timeout(Duration::from_secs(60)).build().unwrap();
        let origin = OriginConfig::default();
        Self { addr, store, metrics, origin, registry, log, audit_log, client, _ends: shutdown.clone().drop_guard(), shutdown, _dir: dir }
    }

    /// Starts the normalizer and the writer.
    pub(crate) fn start_pipeline(&self) {
        let (log, registry, store) = (Arc::clone(&self.log), Arc::clone(&self.registry), self.store.clone());
        let (metrics, health, shutdown) = (prometheus::Registry::new(), Health::new(), self.shutdown.clone());
        let parts = tlsrpt_normalizer::Parts {
            log: Arc::clone(&log),
            record_max_bytes: tlsrpt_record::RECORD_MAX_BYTES,
            owners: registry,
            verifier: Arc::new(Verifier::new(&self.origin).unwrap()),
            mail_hosts: Vec::new(),
            metrics: tlsrpt_normalizer::Metrics::register(&metrics).unwrap(),
            health: health.dependency("normalizer"),
            tracer: Tracer::off(),
        };
        tokio::spawn(tlsrpt_normalizer::run(tlsrpt_normalizer::NormalizerConfig::default(), parts, shutdown.clone()));
        let config = tlsrpt_writer::WriterConfig { batch_linger_ms: 20, ..tlsrpt_writer::WriterConfig::default() };
        let metrics = tlsrpt_writer::Metrics::register(&metrics).unwrap();
        let (writer, audit) = (health.dependency("writer"), health.dependency("audit"));
        tokio::spawn(tlsrpt_writer::run_audit(config.clone(), Arc::clone(&log), store.clone(), metrics.clone(), audit, shutdown.clone()));
        tokio::spawn(tlsrpt_writer::run(config, log, store, metrics, writer, Tracer::off(), shutdown));
    }

    /// Whether the query role's log takes audit entries.
    pub(crate) fn audit_log(&self) -> &AuditLog {
        &self.audit_log
    }

    /// A GET that goes on by itself.
    pub(crate) fn asked(&self, path: &str, key: &str) -> impl Future<Output = Answer> + 'static {
        answer(self.client.get(format!("http://{}{path}", self.addr)).bearer_auth(key))
    }

    /// Asks until it is no longer told to come back.
    pub(crate) async fn until_let_in(&self, path: &str, key: &str) {
        for _ in 0..1_500 {
            if self.get(path, key).await.status == StatusCode::OK {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{path} was never let in");
    }

    pub(crate) async fn call(&self, method: Method, path: &str, key: Option<&str>, body: Option<&Value>) -> Answer {
        let mut request = self.client.request(method, format!("http://{}{path}", self.addr));
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        answer(request).await
    }

    /// A GET with these headers besides.
    pub(crate) async fn get_with(&self, path: &str, key: &str, headers: &[(&str, &str)]) -> Answer {
        let request = self.client.get(format!("http://{}{path}", self.addr)).bearer_auth(key);
        answer(headers.iter().fold(request, |request, &(name, value)| request.header(name, value))).await
    }

    pub(crate) async fn get(&self, path: &str, key: &str) -> Answer {
        self.call(Method::GET, path, Some(key), None).await
    }

    /// A GET by the operator that must succeed.
    #[track_caller]
    pub(crate) fn admin(&self, path: &str) -> impl Future<Output = Value> {
        let call = self.client.get(format!("http://{}{path}", self.addr)).bearer_auth(ADMIN);
        let path = path.to_owned();
        async move {
            let answer = answer(call).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
            answer.json()
        }
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, Some(ADMIN), Some(&body)).await
    }

    /// Posts bytes by the operator, as they are.
    pub(crate) async fn post_bytes(&self, path: &str, body: impl Into<Vec<u8>>) -> Answer {
        answer(self.client.post(format!("http://{}{path}", self.addr)).bearer_auth(ADMIN).body(body.into())).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.call(Method::DELETE, path, Some(ADMIN), None).await
    }

    /// A tenant with these domains; answers one of its keys.
    pub(crate) async fn tenant(&self, id: &str, domains: &[&str]) -> String {
        assert_eq!(self.post("/admin/v1/tenants", json!({"id": id, "name": id})).await.status, StatusCode::CREATED);
        for domain in domains {
            let answer = self.post(&format!("/admin/v1/tenants/{id}/domains"), json!({"domain": domain})).await;
            assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        }
        let answer = self.post(&format!("/admin/v1/tenants/{id}/keys"), json!({"name": "test"})).await;
        assert_eq!(answer.status, StatusCode::CREATED);
        answer.json()["key"].as_str().unwrap().to_owned()
    }

    /// Sets the least trust with which a report counts for a tenant.
    pub(crate) async fn set_minimum_trust(&self, tenant: &str, minimum: Option<Trust>) {
        let body = json!({"minimum_trust": minimum.map(Trust::as_str)});
        let answer = self.call(Method::PATCH, &format!("/admin/v1/tenants/{tenant}/settings"), Some(ADMIN), Some(&body)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    }

    /// Puts a payload on the log, as the edge does.
    pub(crate) async fn submit(&self, payload: impl Into<Vec<u8>>) -> SubmissionId {
        self.submit_with_trust(Trust::None, payload).await
    }

    /// Puts a payload on the log as one whose origin was verified so.
    pub(crate) async fn submit_with_trust(&self, trust: Trust, payload: impl Into<Vec<u8>>) -> SubmissionId {
        let id = SubmissionId::now();
        let submission = Submission {
            id,
            channel: Channel::Https,
            address: None,
            remote_ip: Some("192.0.2.1".parse().unwrap()),
            content_type: Some("application/tlsrpt+json".to_owned()),
            trust,
            mail: None,
            replay: false,
            payload: payload.into().into(),
        };
        self.log.producer().send(SUBMISSIONS.name, submission.into_record()).await.unwrap();
        id
    }

    /// Puts a mail on the log, as the edge does, from a mail server of our own.
    pub(crate) async fn submit_mail(&self, recipients: &[&str], raw: impl Into<Vec<u8>>) -> SubmissionId {
        let id = SubmissionId::now();
        let facts = MailFacts {
            helo: Some("mail.sender.example".to_owned()),
            mail_from: Some("bounce@sender.example".to_owned()),
            recipients: recipients.iter().map(|&recipient| recipient.to_owned()).collect(),
            tls: Some("TLSv1.3".to_owned()),
            origin: None,
        };
        let submission = Submission {
            id,
            channel: Channel::Smtp,
            address: None,
            remote_ip: Some("10.0.0.25".parse().unwrap()),
            content_type: None,
            trust: Trust::None,
            mail: Some(facts),
            replay: false,
            payload: raw.into().into(),
        };
        self.log.producer().send(SUBMISSIONS.name, submission.into_record()).await.unwrap();
        id
    }

    /// Waits until nothing is pending; answers the ledger.
    pub(crate) async fn settled(&self) -> Value {
        self.until("/admin/v1/ledger", |ledger| ledger["pending"] == 0).await
    }

    /// Asks as the operator until the answer is as wanted.
    pub(crate) async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.until_as(ADMIN, path, wanted).await
    }

    /// Asks until the answer is as wanted.
    pub(crate) async fn until_as(&self, key: &str, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        for _ in 0..1_500 {
            let answer = self.get(path, key).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
            last = answer.json();
            if wanted(&last) {
                return last;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{path} never became what was waited for; last: {last}");
    }
}

fn courier(config: &NotificationsConfig, reached: Vec<IpNet>) -> Courier {
    let timeout = config.timeout();
    // Nobody answers there.
    let nowhere = "127.0.0.1:9".parse().unwrap();
    let options = ResolverOptions { timeout: Duration::from_millis(200), cache_entries_max: 16, active_requests_max: 16 };
    let resolver = resolver(&[nowhere], &options).unwrap();
    let options = ClientOptions { connect_timeout: timeout, timeout, user_agent: "tlsrpt", authorities: Vec::new() };
    Courier::new(config, Client::new(Reach::new(reached), resolver, options).unwrap()).unwrap()
}

async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    Answer { status, headers, body: response.bytes().await.unwrap().to_vec() }
}

/// A policy block: type, domain, successful and failed sessions; failures are of one expired certificate.
pub(crate) type Block<'a> = (&'a str, &'a str, u64, u64);

/// A report as RFC 8460 4.4 has it.
pub(crate) fn report(organization: &str, id: &str, day: &str, blocks: &[Block<'_>]) -> String {
    let policies: Vec<Value> = blocks
        .iter()
        .map(|&(kind, domain, successful, failed)| {
            let failures = json!([{
                "result-type": "certificate-expired", "sending-mta-ip": "198.51.100.7", "receiving-mx-hostname": format!("mx.{domain}"),
                "receiving-ip": "203.0.113.9", "failed-session-count": failed, "failure-reason-code": "X509_V_ERR"
            }]);
            json!({
                "policy": {"policy-type": kind, "policy-domain": domain, "policy-string": ["version: STSv1", "mode: testing", format!("mx: mx.{domain}"), "max_age: 86400"], "mx-host": [format!("mx.{domain}")]},
                "summary": {"total-successful-session-count": successful, "total-failure-session-count": failed},
                "failure-details": if failed == 0 { json!([]) } else { failures }
            })
        })
        .collect();
    json!({
        "organization-name": organization, "contact-info": "postmaster@reporter.example", "report-id": id,
        "date-range": {"start-datetime": format!("{day}T00:00:00Z"), "end-datetime": format!("{day}T23:59:59Z")},
        "policies": policies
    })
    .to_string()
}

/// A mail with these reports attached.
pub(crate) fn mail(subject: &str, reports: &[String]) -> String {
    let parts = reports.iter().map(|report| format!("--b\r\nContent-Type: application/tlsrpt+json\r\n\r\n{report}\r\n"));
    format!(
        "From: Reports <noreply@sender.example>\r\nSubject: {subject}\r\n\
         Content-Type: multipart/report; report-type=tlsrpt; boundary=b\r\n\r\n{}--b--\r\n",
        parts.collect::<String>()
    )
}
