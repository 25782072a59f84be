//! The tenants' routes over a million rows: how long each takes, beside the same question put to the database over the same client
//! without HTTP, keys and JSON.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use tlsrpt_log::{Delivered, EmbeddedConfig, EmbeddedLog, Log, Position};
use tlsrpt_normalizer::{Setting, normalize};
use tlsrpt_outbound::{Client, ClientOptions, Reach, ResolverOptions, resolver};
use tlsrpt_publication::{Checker, PublicationConfig, Receiver};
use tlsrpt_query::{Claims, Courier, NotificationsConfig, Parts, Query, QueryConfig, QueryMetrics};
use tlsrpt_record::{AUDIT, NORMALIZED, RECORD_MAX_BYTES, SUBMISSIONS, Submission, TenantId};
use tlsrpt_registry::{NewKey, Registry, Scopes};
use tlsrpt_report::{Day, Domain};
use tlsrpt_store::{FailureDimension, FailureOrder, Filter, SeriesDimension, Step, Store, StoreError, TenantQueries, embedded};
use tlsrpt_telemetry::{otlp::Tracer, prometheus};
use tokio_util::sync::CancellationToken;

use crate::{samples, table, writer};

/// Rows of all tenants; half of them are the large tenant's, so many the small one's, and the rest are others'.
const ROWS: usize = 1_000_000;
const SMALL_ROWS: usize = 1_000;
const OTHER_TENANTS: usize = 200;
const DAYS: i32 = 90;
const REPORTERS: usize = 20;
/// How far back the reports go that make a verdict.
const READINESS_DAYS: i32 = 400;
/// The API may take so many times as long as the bare question.
const AIM: f64 = 1.5;
/// More points than any series here has.
const POINTS_MAX: usize = 100_000;
/// How often each route is asked; with so few the 99th percentile is the slowest.
const ASKED: usize = 10;
/// A page of the bare export.
const EXPORT_PAGE_ROWS: usize = 1_000;
const EXPORT_PAGE_BYTES: usize = 8 << 20;
/// The last reported day: 2026-05-13.
const LAST: Day = Day(20_586);

pub(crate) fn run() {
    table::heading("tenant routes over a million rows: milliseconds, and times as long as the bare query");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(measure());
    runtime.shutdown_timeout(Duration::from_secs(2));
}

async fn measure() {
    let dir = tempfile::tempdir().unwrap();
    let engine = embedded::Embedded::start(embedded::EmbeddedConfig::new(dir.path().join("clickhouse"))).await.unwrap();
    let store = Store::new(&engine.config);
    store.migrate().await.unwrap();
    let config = EmbeddedConfig { dir: dir.path().join("log"), record_max_bytes: RECORD_MAX_BYTES, in_flight_max_bytes: 512 << 20 };
    let embedded_log = EmbeddedLog::open(config).unwrap();
    let log: Arc<dyn Log> = Arc::clone(&embedded_log) as Arc<dyn Log>;
    for topic in [&SUBMISSIONS, &NORMALIZED, &AUDIT] {
        log.declare(topic).await.unwrap();
    }
    let registry = Registry::open(Arc::clone(&log)).await.unwrap();
    let names: Vec<String> = ["large", "small"].map(str::to_owned).into_iter().chain((0..OTHER_TENANTS).map(|n| format!("t{n}"))).collect();
    let mut keys = BTreeMap::new();
    for name in &names {
        let id = TenantId::parse(name).unwrap();
        registry.create_tenant(id.clone(), name.clone()).await.unwrap();
        registry.claim_domain(&id, Domain::parse(&domain(name)).unwrap()).await.unwrap();
        if let "large" | "small" = &**name {
            keys.insert(
                name.clone(),
                registry.create_key(&id, NewKey { name: "bench".to_owned(), scopes: Scopes::ALL, expires_at: None }).await.unwrap().1,
            );
        }
    }
    fill(&log, &registry, &names).await;
    writer::drain(Arc::clone(&log), store.clone()).await;

    let parts = Parts {
        store: store.clone(),
        registry,
        log: Arc::clone(&log),
        admin_key: None,
        claims: Claims::default(),
        // Nothing is asked of others here.
        checker: Checker::new(&PublicationConfig::default(), Reach::default()).unwrap(),
        receiver: Receiver { mail_hosts: Vec::new(), https_host: None },
        courier: courier(),
        backups: None,
        metrics: QueryMetrics::register(&prometheus::Registry::new()).unwrap(),
        tracer: Tracer::off(),
    };
    let shutdown = CancellationToken::new();
    let query = Query::bind("127.0.0.1:0".parse().unwrap(), QueryConfig::default(), parts).await.unwrap();
    let url = format!("http://{}", query.local_addr());
    let server = tokio::spawn(query.serve(shutdown.clone()));
    for tenant in ["small", "large"] {
        let http = Asker { http: tlsrpt_tests::http_client(), url: url.clone(), key: keys[tenant].clone() };
        routes(tenant, &http, &store.tenant(TenantId::parse(tenant).unwrap())).await;
    }
    shutdown.cancel();
    server.await.unwrap().unwrap();
    embedded_log.close();
    engine.stop().await;
}

/// Tells nobody anything.
fn courier() -> Courier {
    let config = NotificationsConfig::default();
    let options = ResolverOptions { timeout: config.timeout(), cache_entries_max: 1, active_requests_max: 1 };
    let resolver = resolver(&[], &options).unwrap();
    let options =
        ClientOptions { connect_timeout: config.timeout(), timeout: config.timeout(), user_agent: "tlsrpt", authorities: Vec::new() };
    Courier::new(&config, Client::new(Reach::default(), resolver, options).unwrap()).unwrap()
}

fn domain(tenant: &str) -> String {
    format!("{tenant}.example")
}

/// Puts the outcomes on the log, as the normalizer does.
async fn fill(log: &Arc<dyn Log>, registry: &Arc<Registry>, names: &[String]) {
    let producer = log.producer();
    let mut acks = Vec::with_capacity(10_000);
    for number in 0..ROWS {
        let tenant = match number {
            n if n < SMALL_ROWS => "small",
            n if n % 2 == 0 => "large",
            n => &names[2 + n / 2 % OTHER_TENANTS],
        };
        let day = LAST.plus(-i32::try_from(number % usize::try_from(DAYS).unwrap()).unwrap());
        let json = samples::report(number, &domain(tenant), number % 4)
            .replace("2026-05-13", &day.to_string())
            .replace("Bench Sender", &format!("Bench Sender {}", number / 7 % REPORTERS));
        let submission = Submission { payload: samples::gzip(json.as_bytes()).into(), ..writer::submission(0) };
        let received_at = submission.id.received_at();
        let position = Position { partition: 0, offset: number as u64 };
        let delivered = Delivered { position, appended_at_ms: received_at.0, record: submission.clone().into_record() };
        let setting = Setting { owners: &**registry, mail_hosts: &[], now: received_at, record_max_bytes: RECORD_MAX_BYTES };
        acks.push(producer.send(NORMALIZED.name, normalize(&delivered, &Ok(submission), &setting).unwrap().record));
        if acks.len() == acks.capacity() {
            for ack in acks.drain(..) {
                ack.await.unwrap();
            }
        }
    }
    for ack in acks {
        ack.await.unwrap();
    }
}

/// A tenant's client, over a connection that is kept.
struct Asker {
    http: reqwest::Client,
    url: String,
    key: String,
}

impl Asker {
    async fn get(&self, path: &str) -> bytes::Bytes {
        let answer = self.http.get(format!("{}{path}", self.url)).bearer_auth(&self.key).send().await.unwrap();
        let status = answer.status();
        let body = answer.bytes().await.unwrap();
        assert!(status.is_success(), "{path}: {}", String::from_utf8_lossy(&body));
        body
    }
}

async fn routes(tenant: &str, http: &Asker, queries: &TenantQueries) {
    let period = format!("from={}&to={LAST}", LAST.plus(1 - DAYS));
    let filter = &Filter::period(LAST.plus(1 - DAYS), LAST);
    let page: serde_json::Value = serde_json::from_slice(&http.get(&format!("/v1/reports?{period}&limit=1")).await).unwrap();
    let key = page["reports"][0]["report_key"].as_str().unwrap();
    let report_key = key.parse().unwrap();
    let line = async |path: &str, bare: &dyn AsyncQuestion| {
        let (mut ours, mut reference) = (Vec::new(), Vec::new());
        // In turns, so that what else the machine does meets both.
        for _ in 0..ASKED {
            let started = Instant::now();
            http.get(path).await;
            ours.push(started.elapsed().as_secs_f64() * 1000.0);
            let started = Instant::now();
            bare.ask().await.unwrap();
            reference.push(started.elapsed().as_secs_f64() * 1000.0);
        }
        ours.sort_by(f64::total_cmp);
        let (p50, p99) = (ours[ours.len() / 2], ours[ours.len() * 99 / 100]);
        let bare = table::median(&mut reference);
        let verdict = if p50 / bare <= AIM { "reached" } else { "short" };
        let route = path.split('?').next().unwrap().replace(key, "{report_key}");
        println!("{tenant}: {route}: p50 {p50:.1} ms, p99 {p99:.1} ms, bare {bare:.1} ms, ratio {:.2} (aim {AIM}, {verdict})", p50 / bare);
    };
    line(&format!("/v1/summary?{period}"), &async || queries.summary(filter).await.map(drop)).await;
    line(&format!("/v1/domains?{period}"), &async || queries.domains(filter).await.map(drop)).await;
    line(&format!("/v1/timeseries?{period}&step=day"), &async || queries.timeseries(filter, Step::Day, &[], POINTS_MAX).await.map(drop))
        .await;
    let by = [SeriesDimension::Reporter, SeriesDimension::PolicyType];
    line(&format!("/v1/timeseries?{period}&step=week&group_by=reporter,policy_type"), &async || {
        queries.timeseries(filter, Step::Week, &by, POINTS_MAX).await.map(drop)
    })
    .await;
    let by = [FailureDimension::ResultType, FailureDimension::ReceivingMx, FailureDimension::SendingIp];
    line(&format!("/v1/failures?{period}&group_by=result_type,receiving_mx,sending_ip"), &async || {
        queries.failures(filter, &by, FailureOrder::default()).await.map(drop)
    })
    .await;
    let longest = &Filter::period(LAST.plus(1 - READINESS_DAYS), LAST);
    let rhythm_from = LAST.plus(1 - DAYS);
    line(&format!("/v1/reporters?{period}"), &async || queries.reporters(filter, rhythm_from).await.map(drop)).await;
    line(&format!("/v1/readiness?as_of={LAST}"), &async || queries.reporter_days(longest).await.map(drop)).await;
    line(&format!("/v1/domains/{}/readiness?as_of={LAST}", domain(tenant)), &async || {
        tokio::try_join!(queries.reporter_days(longest), queries.blocking(filter)).map(drop)
    })
    .await;
    line(&format!("/v1/reports?{period}&limit=100"), &async || queries.reports(filter, 100, None).await.map(drop)).await;
    line(&format!("/v1/reports/{key}"), &async || queries.report(report_key).await.map(drop)).await;
    line(&format!("/v1/reports/{key}/raw"), &async || queries.raw(report_key).await.map(drop)).await;
    // Of one day: a whole export takes as long as it is large.
    let day = &Filter::period(LAST, LAST);
    line(&format!("/v1/export?from={LAST}&to={LAST}"), &async || {
        let mut after = None;
        loop {
            after = queries.export(day, after.as_ref(), EXPORT_PAGE_ROWS, EXPORT_PAGE_BYTES).await?.next;
            if after.is_none() {
                return Ok(());
            }
        }
    })
    .await;
    // It ends today, so it has to be long to hold the same reports. The result types are not asked for: no query is behind them.
    let by = [FailureDimension::Domain, FailureDimension::ResultType];
    line("/v1/metrics?days=3660", &async || {
        let (figures, failures) = (queries.domains(filter), queries.failures(filter, &by, FailureOrder::default()));
        tokio::try_join!(figures, failures, queries.summary(filter), queries.reporter_days(longest)).map(drop)
    })
    .await;
}

/// A question to the database, asked again and again.
trait AsyncQuestion {
    fn ask(&self) -> std::pin::Pin<Box<dyn Future<Output = Result<(), StoreError>> + '_>>;
}

impl<F: AsyncFn() -> Result<(), StoreError>> AsyncQuestion for F {
    fn ask(&self) -> std::pin::Pin<Box<dyn Future<Output = Result<(), StoreError>> + '_>> {
        Box::pin(self())
    }
}
