//! The database is a server that comes late, goes away and comes back. A process of its own, since the server is the real
//! engine inside this test and a process can run one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::net::SocketAddr;

use tempfile::TempDir;
use tlsrpt_store::embedded::{Embedded, EmbeddedConfig};
use tlsrpt_tests::{Encoding, Generator, Proxy, Setup, Size, Totals, Watch, settled, wide_period};
use tokio::sync::{Mutex, MutexGuard};

/// The engine's library expects an allocator that it does not share with its host.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// One engine a process: the tests of this suite come one after the other.
static ONE: Mutex<()> = Mutex::const_new(());

/// A database server behind a proxy.
struct Server {
    engine: Embedded,
    proxy: Proxy,
    _dir: TempDir,
    _one: MutexGuard<'static, ()>,
}

impl Server {
    async fn start() -> Self {
        let one = ONE.lock().await;
        let dir = tempfile::Builder::new().prefix("tlsrpt-e2e-server-").tempdir().unwrap();
        let engine = Embedded::start(EmbeddedConfig::new(dir.path().join("clickhouse"))).await.unwrap();
        let target: SocketAddr = engine.config.url.strip_prefix("http://").unwrap().parse().unwrap();
        Self { proxy: Proxy::reserve(target).await, engine, _dir: dir, _one: one }
    }

    /// A service that uses it.
    fn setup(&self) -> Setup {
        Setup::new()
            .flag("--clickhouse-url", &format!("http://{}", self.proxy.listen()))
            .flag("--clickhouse-user", &self.engine.config.user)
            .flag("--clickhouse-password", &self.engine.config.password)
            .allow("a dependency is away at the start")
            .allow("the database cannot take a batch now")
            .allow("adoption waits")
            .allow("deferred verdicts have to wait")
            .allow("notifications have to wait")
    }

    async fn stop(self) {
        self.engine.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_waits_visibly_for_a_database_that_comes_late() {
    let mut server = Server::start().await;
    let mut service = server.setup().launch().await;
    service.misses("database").await;
    service.await_line("a dependency is away at the start").await;
    server.proxy.restore().await;
    service.ready().await;
    service.sender().send(Generator::new(90).report("example.com", Size::Small).encode(Encoding::Gzip)).await;
    settled(&service.operator(), 1).await;
    service.finish().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_acknowledged_while_the_database_is_away_is_stored_once_when_it_is_back() {
    let mut server = Server::start().await;
    server.proxy.restore().await;
    let mut service = server.setup().allow("ask the database").start().await;
    let access = service.operator().tenant("acme", &["example.com"]).await;
    let mut reports = Generator::new(91);
    let (mut totals, mut sent) = (Totals::default(), 0);
    for round in 0..4 {
        // Cut while batches are on their way, with more coming in: each report is sent twice, before and after.
        let batch: Vec<_> = (0..25).map(|_| reports.report("example.com", Size::Medium)).collect();
        for report in &batch {
            totals.add(report);
            service.sender().send(report.encode(Encoding::Gzip)).await;
        }
        server.proxy.cut().await;
        for report in &batch {
            service.sender().send(report.encode(Encoding::Plain)).await;
        }
        sent += 2 * batch.len() as u64;
        if round == 0 {
            service.misses("database").await;
            let problem = service.operator().get("/admin/v1/ledger").await;
            assert!(!problem.header("retry-after").is_empty(), "{}", problem.text());
            problem.problem(503, "store-unavailable");
            service.tenant(&access.key).get("/v1/summary").await.problem(503, "store-unavailable");
        }
        server.proxy.restore().await;
    }
    service.ready().await;
    let ledger = settled(&service.operator(), sent).await;
    assert_eq!((ledger.stored, ledger.duplicate), (sent / 2, sent / 2), "{ledger:?}");
    let summary = service.tenant(&access.key).json(&format!("/v1/summary?{}", wide_period())).await;
    assert_eq!(Totals::of_summary(&summary), totals);
    service.finish().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_ends_in_order_while_the_database_is_away_and_goes_on_after_a_restart() {
    let mut server = Server::start().await;
    server.proxy.restore().await;
    let mut service = server.setup().start().await;
    service.operator().tenant("acme", &["example.com"]).await;
    server.proxy.cut().await;
    let mut reports = Generator::new(92);
    for _ in 0..30 {
        service.sender().send(reports.report("example.com", Size::Small).encode(Encoding::Gzip)).await;
    }
    service.misses("database").await;
    service.stop().await;
    // It also ends in order while it still waits for the database at its start.
    service.launch_again().await;
    service.misses("database").await;
    service.stop().await;
    server.proxy.restore().await;
    service.start_again().await;
    let ledger = settled(&service.operator(), 30).await;
    assert_eq!(ledger.stored, 30, "{ledger:?}");
    service.finish().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_of_all_in_one_is_told_when_nothing_can_be_written_and_when_it_can_again() {
    let mut server = Server::start().await;
    server.proxy.restore().await;
    let mut service = server.setup().start().await;
    let watch = Watch::over(&[("all-in-one", service.operations_address())]).await;
    server.proxy.cut().await;
    service.sender().send(Generator::new(93).report("example.com", Size::Small).encode(Encoding::Gzip)).await;
    let is_writer = |alert: &serde_json::Value| alert["labels"]["dependency"] == "writer";
    let told = watch.alertmanager.told("TlsrptDependencyAway", "firing", is_writer).await;
    assert_eq!((&told["labels"]["severity"], &told["labels"]["role"]), (&"page".into(), &"all-in-one".into()));
    server.proxy.restore().await;
    watch.alertmanager.told("TlsrptDependencyAway", "resolved", is_writer).await;
    drop(watch);
    service.ready().await;
    settled(&service.operator(), 1).await;
    service.finish().await;
    server.stop().await;
}
