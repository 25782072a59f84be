//! What the real binary sustains for a minute from socket to queryable, on the machine's cores, the load generator included; what
//! each stage costs; and its memory at rest without the engine.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use tlsrpt_store::embedded;
use tlsrpt_tests::{Service, Setup, until};

use crate::{load, proc_stat, samples, table};

/// A billion reports a day.
const AIM_PER_SECOND: f64 = 11_600.0;
const LENGTH: Duration = Duration::from_secs(60);
const CONNECTIONS: usize = 64;
/// Rates that are tried, the greatest first, until one is sustained.
const RATES: [f64; 4] = [1.0, 0.75, 0.5, 0.25];
/// Oldest that the newest queryable report may become.
const AGE_MAX: Duration = Duration::from_secs(5);
/// Resident memory without the engine that is aimed at, MiB.
const REST_AIM_MIB: f64 = 64.0;

pub(crate) fn run() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    rest(&runtime);
    table::heading("sustained for a minute from socket to queryable, load generator included");
    for share in RATES {
        if sustained(&runtime, AIM_PER_SECOND * share) {
            break;
        }
    }
}

/// Memory of a service whose database is another process.
fn rest(runtime: &tokio::runtime::Runtime) {
    table::heading("memory at rest, the database being another process");
    let dir = tempfile::tempdir().unwrap();
    let (engine, resident) = runtime.block_on(async {
        let engine = embedded::Embedded::start(embedded::EmbeddedConfig::new(dir.path())).await.unwrap();
        let mut service = Setup::new()
            .flag("--https-tls", "off")
            .flag("--clickhouse-url", &engine.config.url)
            .flag("--clickhouse-user", &engine.config.user)
            .flag("--clickhouse-password", &engine.config.password)
            .start()
            .await;
        // Past the start: a report has gone through.
        service.sender().send(samples::report(0, "bench.example", 1)).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        let resident = proc_stat::resident_mib(service.pid());
        service.stop().await;
        (engine, resident)
    });
    println!("resident: {resident:.0} MiB (aim below {REST_AIM_MIB:.0}, {})", if resident < REST_AIM_MIB { "reached" } else { "short" });
    runtime.block_on(engine.stop());
}

/// Posts at `per_second` for a minute; tells whether the newest queryable report stayed young.
fn sustained(runtime: &tokio::runtime::Runtime, per_second: f64) -> bool {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some hundred thousand")]
    let count = (per_second * LENGTH.as_secs_f64()) as usize;
    let bodies = Arc::new((0..count).map(|n| samples::gzip(samples::report(n, "bench.example", n % 2).as_bytes())).collect::<Vec<_>>());
    let mut service = runtime.block_on(Setup::new().flag("--https-tls", "off").start());
    runtime.block_on(service.operator().tenant("bench", &["bench.example"]));
    let address: SocketAddr = service.edge_address().parse().unwrap();
    let pid = service.pid();
    let before = proc_stat::cpu_seconds_by_thread(pid);
    let load_before = proc_stat::own_cpu_seconds();
    let loading = std::thread::Builder::new()
        .name("load".to_owned())
        .spawn(move || {
            load::post(
                address,
                "/v1/tlsrpt",
                &bodies,
                load::Plan { connections: CONNECTIONS, length: LENGTH, per_second: Some(per_second), repeat: false },
            )
        })
        .unwrap();
    let mut oldest = Duration::ZERO;
    let started = Instant::now();
    while !loading.is_finished() {
        std::thread::sleep(Duration::from_millis(500));
        // The first reports need their time before there is a newest one.
        if started.elapsed() > AGE_MAX {
            oldest = oldest.max(runtime.block_on(age_of_newest(&service)));
        }
    }
    let outcome = loading.join().unwrap();
    let after = proc_stat::cpu_seconds_by_thread(pid);
    let load_cpu = proc_stat::own_cpu_seconds() - load_before;
    runtime.block_on(caught_up(&service, outcome.created));
    runtime.block_on(service.stop());

    let kept_up = oldest < AGE_MAX && outcome.rate() >= per_second * 0.98 && outcome.refused == 0;
    println!(
        "{:.0} reports/s asked for: {:.0} acknowledged/s, {} refused, newest queryable report at most {:.1} s old: {} (aim {AIM_PER_SECOND:.0}/s)",
        per_second,
        outcome.rate(),
        outcome.refused,
        oldest.as_secs_f64(),
        if kept_up { "sustained" } else { "not sustained" }
    );
    print_cpu(&before, &after, outcome.created, load_cpu);
    kept_up
}

/// How old the newest queryable report is, by the service's own metric.
async fn age_of_newest(service: &Service) -> Duration {
    let metrics = service.operations().get("/metrics").await.text();
    let newest = metrics.lines().find_map(|line| line.strip_prefix("tlsrpt_writer_newest_queryable_timestamp_seconds ")).unwrap();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    now.saturating_sub(Duration::from_secs_f64(newest.parse().unwrap()))
}

async fn caught_up(service: &Service, acknowledged: u64) {
    until("everything acknowledged is stored", async || {
        let ledger = service.operator().0.json("/admin/v1/ledger").await;
        if ledger["pending"] == 0 && ledger["stored"] == acknowledged { Ok(()) } else { Err(ledger.to_string()) }
    })
    .await;
}

/// CPU seconds a million reports, by stage. Threads have the names that the service gives them.
fn print_cpu(before: &BTreeMap<String, f64>, after: &BTreeMap<String, f64>, reports: u64, load: f64) {
    let mut stages: BTreeMap<&str, f64> = BTreeMap::new();
    for (thread, seconds) in after {
        let spent = seconds - before.get(thread).copied().unwrap_or(0.0);
        *stages.entry(stage(thread)).or_insert(0.0) += spent;
    }
    stages.insert("load generator", load);
    #[expect(clippy::cast_precision_loss, reason = "some hundred thousand")]
    let millions = reports as f64 / 1e6;
    for (stage, seconds) in stages {
        println!("  {stage}: {:.1} CPU s a million reports", seconds / millions);
    }
}

fn stage(thread: &str) -> &'static str {
    match thread {
        "tlsrpt" => "receiver and API",
        "normalizer" => "normalizer",
        "writer" => "writer",
        name if name.starts_with("tlsrpt-log") || name.starts_with("fjall") => "log",
        _ => "database engine",
    }
}
