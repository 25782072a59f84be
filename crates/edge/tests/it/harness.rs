//! An edge with a tenant, and peers for it.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use reqwest::{Client, Response, StatusCode};
use tempfile::TempDir;
use tlsrpt_edge::{
    CertificateSource, EdgeConfig, Https, HttpsParts, Intake, LmtpAddress, Metrics, Smtp, SmtpListen, SmtpParts, Spool, Tls,
};
use tlsrpt_log::{EmbeddedConfig, EmbeddedLog, Log};
use tlsrpt_record::{SUBMISSIONS, Submission};
use tlsrpt_registry::{Registry, TenantId};
use tlsrpt_telemetry::{Health, otlp::Tracer, prometheus};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use crate::faulty_log::{FaultyLog, Mode};

/// A small payload that looks like a report.
pub(crate) const REPORT: &str = r#"{"organization-name":"Example","report-id":"1","policies":[]}"#;

/// The largest record that the log takes.
const RECORD_MAX_BYTES: usize = 2 << 20;

/// TLS of HTTPS, and where the certificate comes from.
#[derive(Clone, Default)]
pub(crate) enum TlsMode {
    Off,
    #[default]
    SelfSigned,
    Files {
        cert: PathBuf,
        key: PathBuf,
    },
}

impl TlsMode {
    fn certificate(&self) -> CertificateSource {
        match self.clone() {
            Self::Off | Self::SelfSigned => CertificateSource::SelfSigned,
            Self::Files { cert, key } => CertificateSource::Files { cert, key },
        }
    }
}

/// How an edge is set up.
#[derive(Default)]
pub(crate) struct Setup {
    pub(crate) config: EdgeConfig,
    pub(crate) tls: TlsMode,
    pub(crate) hosts: Vec<String>,
    /// Where LMTP is spoken, if it is.
    pub(crate) lmtp: Option<LmtpAddress>,
    pub(crate) log_in_flight_max_bytes: Option<usize>,
    /// Whether there is a spool, by `config.spool`.
    pub(crate) with_spool: bool,
    /// How the log is at the start.
    pub(crate) log: Mode,
}

/// Where an edge keeps its data.
pub(crate) struct Dir {
    path: PathBuf,
    _removed_at_the_end: Option<TempDir>,
}

impl Dir {
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path, _removed_at_the_end: None }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl From<TempDir> for Dir {
    fn from(dir: TempDir) -> Self {
        Self { path: dir.path().to_owned(), _removed_at_the_end: Some(dir) }
    }
}

/// A serving edge.
pub(crate) struct Edge {
    pub(crate) dir: Dir,
    /// What stands between the edge and the log.
    pub(crate) faults: Arc<FaultyLog>,
    pub(crate) intake: Arc<Intake>,
    pub(crate) spool: Option<Spool>,
    pub(crate) log: Arc<EmbeddedLog>,
    pub(crate) address: String,
    pub(crate) addr: SocketAddr,
    /// Where mail is received.
    pub(crate) mail: SmtpListen,
    pub(crate) health: Health,
    pub(crate) shutdown: CancellationToken,
    pub(crate) serving: JoinHandle<()>,
    scheme: &'static str,
    metrics: prometheus::Registry,
}

impl Edge {
    /// Plain HTTP with a changed configuration.
    pub(crate) async fn plain(change: impl FnOnce(&mut EdgeConfig)) -> Self {
        let mut setup = Setup { tls: TlsMode::Off, ..Setup::default() };
        change(&mut setup.config);
        Self::start(setup).await
    }

    pub(crate) async fn start(setup: Setup) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), setup).await
    }

    pub(crate) async fn start_in(dir: impl Into<Dir>, setup: Setup) -> Self {
        let dir = dir.into();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let log = EmbeddedLog::open(EmbeddedConfig {
            dir: dir.path().join("log"),
            record_max_bytes: RECORD_MAX_BYTES,
            in_flight_max_bytes: setup.log_in_flight_max_bytes.unwrap_or(64 << 20),
        })
        .unwrap();
        let registry = Registry::open(log.clone()).await.unwrap();
        let acme = TenantId::parse("acme").unwrap();
        let tenant = match registry.tenant(&acme) {
            Some(tenant) => tenant,
            None => registry.create_tenant(acme, "Acme".to_owned()).await.unwrap(),
        };
        let metrics = prometheus::Registry::new();
        let health = Health::new();
        let EdgeConfig { intake, tls: tls_config, https, smtp, spool: spool_config } = setup.config;
        let faults = Arc::new(FaultyLog::new(log.clone(), setup.log));
        let edge_metrics = Metrics::register(&metrics).unwrap();
        let spool = match setup.with_spool {
            true => Spool::open(&spool_config, &dir.path().join("spool"), RECORD_MAX_BYTES, &edge_metrics).await.unwrap(),
            false => None,
        };
        let intake = Intake::open(intake, &*faults, registry, edge_metrics.clone(), spool.clone(), Tracer::off()).await.unwrap();
        let is_plain = matches!(setup.tls, TlsMode::Off);
        let scheme = if is_plain { "http" } else { "https" };
        let shutdown = CancellationToken::new();
        let tls = Tls::new(&tls_config, &setup.tls.certificate(), &setup.hosts, dir.path()).unwrap();
        tokio::spawn(tls.clone().follow_files(edge_metrics, shutdown.clone()));
        let parts = HttpsParts { config: https, tls: (!is_plain).then(|| tls.clone()), intake: intake.clone(), health: health.clone() };
        let free: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let https = Https::bind(free, parts).await.unwrap();
        let addr = https.local_addr();
        let parts = SmtpParts { config: smtp, tls, hosts: setup.hosts, intake: intake.clone(), health: health.clone() };
        let smtp = Smtp::bind(SmtpListen { smtp: free, smtps: Some(free), lmtp: setup.lmtp }, parts).await.unwrap();
        let mail = smtp.listens().clone();
        let token = shutdown.clone();
        let serving = tokio::spawn(async move {
            tokio::join!(https.serve(token.clone()), smtp.serve(token));
        });
        Self { dir, faults, intake, spool, log, address: tenant.address, addr, mail, health, shutdown, serving, scheme, metrics }
    }

    /// Stops in order; what it kept is in the answer.
    pub(crate) async fn stop(self) -> Dir {
        self.shutdown.cancel();
        soon("the edge has stopped", self.serving).await.unwrap();
        if let Some(spool) = &self.spool {
            soon("the spool has closed", spool.close()).await;
        }
        self.log.close();
        self.dir
    }

    /// The URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://localhost:{}{path}", self.scheme, self.addr.port())
    }

    /// The URL of the tenant's reporting address.
    pub(crate) fn rua(&self) -> String {
        self.url(&format!("/v1/tlsrpt/{}", self.address))
    }

    /// Posts to the tenant's reporting address.
    pub(crate) async fn post(&self, body: impl Into<reqwest::Body>) -> Response {
        client().post(self.rua()).body(body).send().await.unwrap()
    }

    /// Everything on the log so far.
    pub(crate) async fn submissions(&self) -> Vec<Submission> {
        let mut reader = self.log.reader(SUBMISSIONS.name).await.unwrap();
        let end = reader.end().await.unwrap();
        let mut submissions = Vec::new();
        while reader.position() < end {
            submissions
                .extend(reader.next(1_000).await.unwrap().iter().map(|delivered| Submission::from_record(&delivered.record).unwrap()));
        }
        submissions
    }

    /// The sum of a metric's samples that have all of `labels`.
    pub(crate) fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let families = self.metrics.gather();
        let samples = families.iter().filter(|family| family.name() == name).flat_map(|family| family.get_metric());
        let has = |metric: &prometheus::proto::Metric| {
            labels.iter().all(|(name, value)| metric.get_label().iter().any(|label| label.name() == *name && label.value() == *value))
        };
        samples.filter(|metric| has(metric)).map(|metric| metric.get_counter().get_value() + metric.get_gauge().get_value()).sum()
    }

    /// A bare connection.
    pub(crate) async fn connect(&self) -> Peer {
        Peer::connect(self.addr).await
    }

    /// The head of an HTTP/1.1 submission.
    pub(crate) fn head(&self, headers: &str) -> String {
        format!("POST /v1/tlsrpt/{} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n", self.address)
    }

    /// A whole HTTP/1.1 submission.
    pub(crate) fn request(&self, body: &str) -> String {
        format!("{}{body}", self.head(&format!("Content-Length: {}\r\n", body.len())))
    }
}

/// A client that trusts any certificate and speaks what is negotiated.
pub(crate) fn client() -> Client {
    Client::builder().tls_danger_accept_invalid_certs(true).build().unwrap()
}

/// Waits until `condition`; a bound far above any real wait turns a hang into a failure.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    soon(what, async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// What `future` gives; a bound far above any real wait turns a hang into a failure.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.unwrap_or_else(|_| panic!("never: {what}"))
}

/// Checks an error answer: status, problem document, its type.
pub(crate) async fn check_problem(response: Response, status: u16, reason: &str) -> serde_json::Value {
    assert_eq!(response.status(), StatusCode::from_u16(status).unwrap());
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let problem: serde_json::Value = response.json().await.unwrap();
    check_document(&problem, status, reason);
    problem
}

pub(crate) fn check_document(problem: &serde_json::Value, status: u16, reason: &str) {
    assert_eq!(problem["status"], status, "{problem}");
    assert_eq!(problem["type"], format!("/problems/{reason}"), "{problem}");
    assert!(problem["title"].as_str().is_some_and(|title| !title.is_empty()), "{problem}");
    assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem}");
}

/// The id in a 201.
pub(crate) async fn submission_id(response: Response) -> String {
    assert_eq!(response.status(), StatusCode::CREATED);
    let answer: serde_json::Value = response.json().await.unwrap();
    answer["submission_id"].as_str().unwrap().to_owned()
}

/// The other end of a bare connection.
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    read: Vec<u8>,
}

impl Peer {
    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(addr).await.unwrap(), read: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Reads until what came since the last call ends this wait contains `text`; answers it.
    pub(crate) async fn read_until(&mut self, text: &str) -> String {
        let found = soon(text, async {
            loop {
                let read = String::from_utf8_lossy(&self.read).into_owned();
                if let Some(at) = read.find(text) {
                    return at + text.len();
                }
                let mut piece = [0; 4096];
                let bytes = self.stream.read(&mut piece).await.unwrap();
                assert!(bytes > 0, "closed before {text:?}; read {read:?}");
                self.read.extend_from_slice(&piece[..bytes]);
            }
        })
        .await;
        let rest = self.read.split_off(found);
        String::from_utf8(std::mem::replace(&mut self.read, rest)).unwrap()
    }

    /// Reads until the edge closes; answers what came.
    pub(crate) async fn read_to_close(&mut self) -> String {
        soon("the edge closes the connection", async {
            let mut piece = [0; 4096];
            // A reset is a close too.
            while let Ok(bytes @ 1..) = self.stream.read(&mut piece).await {
                self.read.extend_from_slice(&piece[..bytes]);
            }
        })
        .await;
        String::from_utf8_lossy(&std::mem::take(&mut self.read)).into_owned()
    }
}
