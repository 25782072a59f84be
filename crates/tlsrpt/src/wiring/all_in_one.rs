//! `tlsrpt all-in-one`: every role in this process.

use std::{os::unix::fs::DirBuilderExt as _, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context as _;
use tlsrpt_edge::{Https, HttpsParts, Intake};
use tlsrpt_log::{EmbeddedConfig, EmbeddedLog, Log};
use tlsrpt_query::{AdminKey, Adoption, Claims, Fates, Parts, Query, QueryMetrics};
use tlsrpt_record::{NORMALIZED, RECORD_MAX_BYTES, SUBMISSIONS};
use tlsrpt_registry::Registry;
use tlsrpt_store::Store;
use tlsrpt_telemetry::{Backoff, Dependency, Health, logs, ops, prometheus};
use tokio::{net::TcpListener, runtime::Handle, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{
    Database,
    lag::LagMetrics,
    shutdown::{Ending, on_signals},
    welcome,
};
use crate::{admin_key, config::Config};

/// Directory of the embedded log below the data directory.
const LOG_DIR: &str = "log";
/// How long the roles may take to finish what they took.
const SHUTDOWN_MAX: Duration = Duration::from_secs(25);

/// Runs until a signal asks for the end, or a role cannot go on.
pub(crate) fn all_in_one(config: &Config) -> anyhow::Result<ExitCode> {
    logs::init(config.logs.format, &config.logs.filter)?;
    let front = super::runtime().context("start the runtime")?;
    let normalizer = super::role_runtime("normalizer").context("start the normalizer's runtime")?;
    let writer = super::role_runtime("writer").context("start the writer's runtime")?;
    let ending = front.block_on(run(config, &Pipeline { normalizer: normalizer.handle().clone(), writer: writer.handle().clone() }));
    for runtime in [normalizer, writer, front] {
        runtime.shutdown_timeout(Duration::from_secs(1));
    }
    Ok(ending?.into())
}

/// The runtimes of the roles behind the log.
struct Pipeline {
    normalizer: Handle,
    writer: Handle,
}

async fn run(config: &Config, pipeline: &Pipeline) -> anyhow::Result<Ending> {
    let shutdown = CancellationToken::new();
    on_signals(shutdown.clone()).context("listen for signals")?;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&config.data_dir)
        .with_context(|| format!("make the data directory {}", config.data_dir.display()))?;

    let health = Health::new();
    // Nothing is ready before every role has been started.
    let startup = health.dependency("startup");
    let metrics = prometheus::Registry::new();
    metrics.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
    let ops_listener = bind("operations", config.listen.ops).await?;
    let ops_addr = ops_listener.local_addr()?;
    // The operations endpoint ends last: a probe may ask until the process is gone.
    let ops_end = CancellationToken::new();
    let ops = tokio::spawn(ops::serve(ops_listener, health.clone(), metrics.clone(), ops_end.clone()));
    tracing::info!(listen = %ops_addr, "operations endpoint is up");

    let log = open_log(config).await?;
    let database = Database::open(config).await?;
    let ending = async {
        let parts = Started {
            config,
            health: &health,
            metrics: &metrics,
            log: Arc::clone(&log) as Arc<dyn Log>,
            store: database.store.clone(),
            ops_addr,
            startup,
        };
        let ended = roles(parts, pipeline, &shutdown).await;
        // Whatever happened, the rest is closed in order.
        shutdown.cancel();
        ended
    }
    .await;
    log.close();
    database.close().await;
    ops_end.cancel();
    let _ = ops.await;
    if matches!(ending, Ok(Ending::Asked)) {
        tracing::info!("ended: everything that was taken is safe");
    }
    ending
}

async fn bind(what: &str, addr: std::net::SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(addr).await.with_context(|| format!("listen on {addr} for {what}: is the address this machine's, and free?"))
}

async fn open_log(config: &Config) -> anyhow::Result<Arc<EmbeddedLog>> {
    let log = EmbeddedLog::open(EmbeddedConfig {
        dir: config.data_dir.join(LOG_DIR),
        record_max_bytes: RECORD_MAX_BYTES,
        in_flight_max_bytes: config.log.in_flight_max_bytes,
    })?;
    for topic in [&SUBMISSIONS, &NORMALIZED] {
        log.declare(topic).await?;
    }
    Ok(log)
}

/// What is open when the roles start.
struct Started<'a> {
    config: &'a Config,
    health: &'a Health,
    metrics: &'a prometheus::Registry,
    log: Arc<dyn Log>,
    store: Store,
    ops_addr: std::net::SocketAddr,
    startup: Dependency,
}

/// Starts the roles and waits until they have ended.
async fn roles(started: Started<'_>, pipeline: &Pipeline, shutdown: &CancellationToken) -> anyhow::Result<Ending> {
    let Started { config, health, metrics, log, store, ops_addr, startup } = started;
    let admin_key = admin_key::load_or_create(config)?;
    let registry = Registry::open(Arc::clone(&log)).await?;
    let first_run = registry.tenants(None, 1).is_empty();
    if !migrate(&store, health, shutdown).await? {
        return Ok(Ending::Asked);
    }

    let intake = Intake::open(config.edge.intake.clone(), &*log, Arc::clone(&registry), tlsrpt_edge::Metrics::register(metrics)?).await?;
    let edge = Https::bind(
        config.listen.https,
        HttpsParts {
            config: config.edge.https.clone(),
            tls: config.tls.clone().into(),
            data_dir: config.data_dir.clone(),
            hosts: config.mail_hosts.clone(),
            intake,
            health: health.clone(),
        },
    )
    .await?;
    let claims = Claims::default();
    let query_metrics = QueryMetrics::register(metrics)?;
    let adoption = Adoption::new(store.clone(), Arc::clone(&registry), claims.clone(), query_metrics.clone(), &config.query);
    let fates = Fates::register(store.clone(), metrics)?;
    let query = Query::bind(
        config.listen.query,
        config.query.clone(),
        Parts {
            store: store.clone(),
            registry: Arc::clone(&registry),
            log: Arc::clone(&log),
            admin_key: Some(AdminKey::new(admin_key.reveal())?),
            claims,
            metrics: query_metrics,
        },
    )
    .await
    .with_context(|| format!("listen on {} for the API: is the address this machine's, and free?", config.listen.query))?;
    let welcome = first_run.then(|| welcome::text(config, edge.local_addr(), query.local_addr(), ops_addr));

    let normalizer = tlsrpt_normalizer::run(
        config.normalizer.clone(),
        Arc::clone(&log),
        registry,
        tlsrpt_normalizer::Metrics::register(metrics)?,
        health.dependency("normalizer"),
        shutdown.clone(),
    );
    let writer = tlsrpt_writer::run(
        config.writer.clone(),
        Arc::clone(&log),
        store,
        tlsrpt_writer::Metrics::register(metrics)?,
        health.dependency("writer"),
        shutdown.clone(),
    );
    let lag = LagMetrics::register(metrics)?.watch(log, shutdown.clone());

    let mut roles: JoinSet<(&'static str, anyhow::Result<()>)> = JoinSet::new();
    let token = shutdown.clone();
    roles.spawn(async move {
        edge.serve(token).await;
        ("edge", Ok(()))
    });
    let token = shutdown.clone();
    roles.spawn(async move { ("query", query.serve(token).await.map_err(Into::into)) });
    let token = shutdown.clone();
    roles.spawn(async move {
        adoption.run(token).await;
        ("adoption", Ok(()))
    });
    let token = shutdown.clone();
    roles.spawn(async move {
        fates.run(token).await;
        ("fates", Ok(()))
    });
    roles.spawn(async move {
        lag.await;
        ("lag", Ok(()))
    });
    roles.spawn_on(async move { ("normalizer", normalizer.await.map_err(Into::into)) }, &pipeline.normalizer);
    roles.spawn_on(async move { ("writer", writer.await.map_err(Into::into)) }, &pipeline.writer);
    startup.ready();
    if let Some(welcome) = welcome {
        println!("{welcome}");
    }
    supervise(roles, shutdown).await
}

/// Migrates the schema, waiting for a database that is away; false when the end was asked for meanwhile.
async fn migrate(store: &Store, health: &Health, shutdown: &CancellationToken) -> anyhow::Result<bool> {
    let database = health.dependency("database");
    let mut backoff = Backoff::default();
    loop {
        match store.migrate().await {
            Ok(ran) => {
                for migration in ran {
                    tracing::info!(migration, "ran a migration");
                }
                database.ready();
                return Ok(true);
            }
            Err(error) if error.is_retryable() => {
                let wait = backoff.next_wait();
                tracing::warn!(error = &error as &dyn std::error::Error, wait_ms = wait.as_millis(), "the database is away; trying again");
                database.missing(error.to_string());
                tokio::select! {
                    () = shutdown.cancelled() => return Ok(false),
                    () = tokio::time::sleep(wait) => {}
                }
            }
            Err(error) => return Err(error).context("migrate the database"),
        }
    }
}

/// Waits for all roles; the first one that cannot go on ends the others, since a pipeline with a piece missing only looks
/// alive.
async fn supervise(mut roles: JoinSet<(&'static str, anyhow::Result<()>)>, shutdown: &CancellationToken) -> anyhow::Result<Ending> {
    let mut ending = Ending::Asked;
    let mut overdue = std::pin::pin!(async {
        shutdown.cancelled().await;
        tokio::time::sleep(SHUTDOWN_MAX).await;
    });
    loop {
        let ended = tokio::select! {
            ended = roles.join_next() => ended,
            () = &mut overdue => {
                tracing::error!("roles did not end within {} s; what is not committed comes again at the next start", SHUTDOWN_MAX.as_secs());
                return Ok(Ending::Failed);
            }
        };
        let Some(ended) = ended else { return Ok(ending) };
        let asked = shutdown.is_cancelled();
        match ended {
            Ok((_, Ok(()))) if asked => {}
            Ok((role, Ok(()))) => {
                tracing::error!(role, "a role ended by itself");
                ending = Ending::Failed;
            }
            Ok((role, Err(error))) => {
                tracing::error!(role, error = format!("{error:#}"), "a role cannot go on; nothing that was acknowledged is lost");
                ending = Ending::Failed;
            }
            Err(error) => {
                tracing::error!(%error, "a role broke off; nothing that was acknowledged is lost");
                ending = Ending::Failed;
            }
        }
        shutdown.cancel();
    }
}
