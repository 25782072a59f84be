//! `tlsrpt all-in-one`: every role in this process.

use std::{os::unix::fs::DirBuilderExt as _, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context as _;
use tlsrpt_edge::{Https, HttpsParts, Intake};
use tlsrpt_log::{EmbeddedConfig, EmbeddedLog, Log};
use tlsrpt_query::{AdminKey, Adoption, Claims, Fates, Parts, Query, QueryMetrics};
use tlsrpt_record::{NORMALIZED, NORMALIZER_GROUP, RECORD_MAX_BYTES, SUBMISSIONS, WRITER_GROUP};
use tlsrpt_registry::Registry;
use tlsrpt_store::Store;
use tlsrpt_telemetry::{Backoff, Dependency, Health, logs, ops, prometheus};
use tokio::{net::TcpListener, runtime::Handle};
use tokio_util::sync::CancellationToken;

use super::{
    Database,
    lag::LagMetrics,
    roles::{Ending, Roles},
    shutdown::on_signals,
    welcome,
};
use crate::{admin_key, config::Config};

/// Directory of the embedded log below the data directory.
const LOG_DIR: &str = "log";

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
    let started = Started {
        config,
        health: &health,
        metrics: &metrics,
        log: Arc::clone(&log) as Arc<dyn Log>,
        store: database.store.clone(),
        ops_addr,
        startup,
    };
    let ending = roles(started, pipeline, &shutdown).await;
    // Whatever happened, the rest is closed in order.
    shutdown.cancel();
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
    for (topic, group) in [(&SUBMISSIONS, NORMALIZER_GROUP), (&NORMALIZED, WRITER_GROUP)] {
        log.declare(topic).await?;
        // Registered before anything is appended: from here on retention spares what the group has not committed, however long
        // its role takes to start.
        drop(log.consumer(topic.name, group).await?);
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

/// Starts the roles, along a report's way, and waits until they have ended. What needs the log alone starts first: a database
/// that is away keeps no sender out.
async fn roles(started: Started<'_>, pipeline: &Pipeline, shutdown: &CancellationToken) -> anyhow::Result<Ending> {
    let Started { config, health, metrics, log, store, ops_addr, startup } = started;
    let admin_key = admin_key::load_or_create(config)?;
    let registry = Registry::open(Arc::clone(&log)).await?;
    let first_run = registry.tenants(None, 1).is_empty();
    let mut roles = Roles::new(shutdown.clone());

    let intake =
        Intake::open(config.edge.intake.clone(), &*log, Arc::clone(&registry), tlsrpt_edge::Metrics::register(metrics)?, None).await?;
    let parts = HttpsParts {
        config: config.edge.https.clone(),
        tls: config.tls.clone().into(),
        data_dir: config.data_dir.clone(),
        hosts: config.mail_hosts.clone(),
        intake,
        health: health.clone(),
    };
    let edge = Https::bind(config.listen.https, parts).await?;
    let edge_addr = edge.local_addr();
    let token = shutdown.clone();
    roles.start("edge", async move {
        edge.serve(token).await;
        Ok(())
    });

    let normalizer = tlsrpt_normalizer::run(
        config.normalizer.clone(),
        Arc::clone(&log),
        Arc::clone(&registry),
        tlsrpt_normalizer::Metrics::register(metrics)?,
        health.dependency("normalizer"),
        shutdown.clone(),
    );
    roles.start_on(&pipeline.normalizer, "normalizer", async { Ok(normalizer.await?) });
    let lag = LagMetrics::register(metrics)?.watch(Arc::clone(&log), shutdown.clone());
    roles.start("lag", async {
        lag.await;
        Ok(())
    });

    let Some(migrated) = roles.meanwhile(migrate(&store, health)).await else { return Ok(roles.finish().await) };
    migrated?;

    let writer = tlsrpt_writer::run(
        config.writer.clone(),
        Arc::clone(&log),
        store.clone(),
        tlsrpt_writer::Metrics::register(metrics)?,
        health.dependency("writer"),
        shutdown.clone(),
    );
    roles.start_on(&pipeline.writer, "writer", async { Ok(writer.await?) });

    let claims = Claims::default();
    let query_metrics = QueryMetrics::register(metrics)?;
    let adoption = Adoption::new(store.clone(), Arc::clone(&registry), claims.clone(), query_metrics.clone(), &config.query);
    let token = shutdown.clone();
    roles.start("adoption", async {
        adoption.run(token).await;
        Ok(())
    });
    let fates = Fates::register(store.clone(), metrics)?;
    let token = shutdown.clone();
    roles.start("fates", async {
        fates.run(token).await;
        Ok(())
    });
    let parts = Parts { store, registry, log, admin_key: Some(AdminKey::new(admin_key.reveal())?), claims, metrics: query_metrics };
    let query = Query::bind(config.listen.query, config.query.clone(), parts)
        .await
        .with_context(|| format!("listen on {} for the API: is the address this machine's, and free?", config.listen.query))?;
    let query_addr = query.local_addr();
    let token = shutdown.clone();
    roles.start("query", async { Ok(query.serve(token).await?) });

    startup.ready();
    if first_run {
        println!("{}", welcome::text(config, edge_addr, query_addr, ops_addr));
    }
    Ok(roles.finish().await)
}

/// Migrates the schema, waiting for a database that is away.
async fn migrate(store: &Store, health: &Health) -> anyhow::Result<()> {
    let database = health.dependency("database");
    let mut backoff = Backoff::default();
    loop {
        match store.migrate().await {
            Ok(ran) => {
                for migration in ran {
                    tracing::info!(migration, "ran a migration");
                }
                database.ready();
                return Ok(());
            }
            Err(error) if error.is_retryable() => {
                let wait = backoff.next_wait();
                tracing::warn!(error = &error as &dyn std::error::Error, wait_ms = wait.as_millis(), "the database is away; trying again");
                database.missing(error.to_string());
                tokio::time::sleep(wait).await;
            }
            Err(error) => return Err(error).context("migrate the database"),
        }
    }
}
