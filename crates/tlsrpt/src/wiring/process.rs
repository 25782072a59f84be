//! What every process has, whichever roles run in it: the operations endpoint, the log, and an orderly end.

use std::{error::Error, net::SocketAddr, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context as _;
use tlsrpt_log::{ConsumeError, EmbeddedLog, Log, LogError, Metered, Topic};
use tlsrpt_registry::{Registry, RegistryError};
use tlsrpt_store::{Store, StoreError};
use tlsrpt_telemetry::{
    Backoff, Dependency, Health, chain, logs, ops,
    otlp::{Otlp, Tracer},
    prometheus,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{
    Database,
    log::{OpenLog, WithoutKafka},
    open_files,
    roles::{Ending, Roles},
    runtime,
    shutdown::on_signals,
};
use crate::config::Config;

/// A process under way. Roles are started on it, along a report's way.
pub(super) struct Process<'a> {
    pub(super) config: &'a Config,
    pub(super) health: Health,
    pub(super) metrics: prometheus::Registry,
    pub(super) tracer: Tracer,
    pub(super) log: Arc<dyn Log>,
    /// The same, when it is kept in the data directory.
    pub(super) embedded_log: Option<Arc<EmbeddedLog>>,
    pub(super) roles: Roles,
    pub(super) shutdown: CancellationToken,
    pub(super) ops_addr: SocketAddr,
    /// Nothing is ready before every role has been started.
    startup: Dependency,
    /// Once it is open.
    database: Option<Database>,
}

/// Runs `start` in a process of this role and waits for the end, which a signal asks for or a role that cannot go on brings. `start` answers
/// none when the end came before it was done. `appends` are the topics that its roles append to.
pub(super) fn run(
    config: &Config,
    role: &str,
    without_kafka: WithoutKafka,
    appends: &[&'static str],
    start: impl AsyncFnOnce(&mut Process<'_>) -> anyhow::Result<Option<()>>,
) -> anyhow::Result<ExitCode> {
    logs::init(config.logs.format, &config.logs.filter)?;
    open_files::raise_limit();
    let runtime = runtime().context("start the runtime")?;
    let ending = runtime.block_on(run_until_the_end(config, role, without_kafka, appends, start));
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(ending?.into())
}

async fn run_until_the_end(
    config: &Config,
    role: &str,
    without_kafka: WithoutKafka,
    appends: &[&'static str],
    start: impl AsyncFnOnce(&mut Process<'_>) -> anyhow::Result<Option<()>>,
) -> anyhow::Result<Ending> {
    let shutdown = CancellationToken::new();
    on_signals(shutdown.clone()).context("listen for signals")?;
    let health = Health::new();
    let startup = health.dependency("startup");
    let metrics = prometheus::Registry::new();
    super::metrics::of_process(&metrics, &health, config.data_dir.clone())?;
    let dropped = Otlp::register(&metrics)?;
    let listen = config.listen.ops;
    let ops_listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("listen on {listen} for operations: is the address this machine's, and free?"))?;
    let ops_addr = ops_listener.local_addr()?;
    // The operations endpoint ends last: a probe may ask until the process is gone.
    let ops_end = CancellationToken::new();
    let ops = tokio::spawn(ops::serve(ops_listener, health.clone(), metrics.clone(), ops_end.clone()));
    tracing::info!(listen = %ops_addr, "operations endpoint is up");
    let otlp = match config.otlp.receiver()? {
        Some(receiver) => Otlp::start(&receiver, role, env!("CARGO_PKG_VERSION"), &metrics, dropped).context("send telemetry by OTLP")?,
        None => Otlp::off(),
    };

    let log = OpenLog::open(config).await?;
    log.watch(&metrics, (without_kafka == WithoutKafka::Nothing).then(|| health.dependency("kafka")), shutdown.clone())?;
    let measured: Arc<dyn Log> = match appends {
        [] => log.log(),
        topics => Metered::new(log.log(), &metrics, topics)?,
    };
    let mut process = Process {
        config,
        health,
        metrics,
        tracer: otlp.tracer(),
        log: measured,
        embedded_log: log.embedded(),
        roles: Roles::new(shutdown.clone()),
        shutdown: shutdown.clone(),
        ops_addr,
        startup,
        database: None,
    };
    let started = start(&mut process).await;
    let Process { roles, startup, database, .. } = process;
    let ending = match started {
        Ok(started) => {
            if started.is_some() {
                startup.ready();
            }
            // Whoever asks hears of the end before the listeners close.
            let asked = shutdown.clone();
            tokio::spawn(async move {
                asked.cancelled().await;
                startup.missing("ending");
            });
            Ok(roles.finish().await)
        }
        Err(error) => Err(error),
    };
    // Whatever happened, the rest is closed in order.
    shutdown.cancel();
    log.close().await;
    if let Some(database) = database {
        database.close().await;
    }
    otlp.finish().await;
    ops_end.cancel();
    let _ = ops.await;
    if matches!(ending, Ok(Ending::Asked)) {
        tracing::info!("ended: everything that was taken is safe");
    }
    ending
}

impl Process<'_> {
    /// Declares topics, waiting for a log that is away; none when the end came first.
    pub(super) async fn declare(&mut self, topics: &[&Topic]) -> anyhow::Result<Option<()>> {
        let log = Arc::clone(&self.log);
        for topic in topics {
            let topic = self.config.log.kept(topic);
            if self.patiently(|error: &LogError| matches!(error, LogError::Unavailable { .. }), || log.declare(&topic)).await?.is_none() {
                return Ok(None);
            }
        }
        Ok(Some(()))
    }

    /// Reads the registry to its end, waiting for a log that is away; none when the end came first.
    pub(super) async fn registry(&mut self) -> anyhow::Result<Option<Arc<Registry>>> {
        let away = |error: &RegistryError| {
            matches!(error, RegistryError::Open(LogError::Unavailable { .. }) | RegistryError::Read(ConsumeError::Unavailable { .. }))
        };
        let log = Arc::clone(&self.log);
        let opened = self.patiently(away, || Registry::open(Arc::clone(&log))).await?;
        if let Some(registry) = &opened {
            let shown = Arc::downgrade(registry);
            super::metrics::of_registry(&self.metrics, move || shown.upgrade().map(|registry| registry.size()).unwrap_or_default())?;
        }
        Ok(opened)
    }

    /// Starts the embedded database, or names the server that is configured.
    pub(super) async fn open_database(&mut self) -> anyhow::Result<Store> {
        Ok(self.database.insert(Database::open(self.config).await?).store.clone())
    }

    /// Brings the schema to this version, waiting for a database that is away; none when the end came first.
    pub(super) async fn migrate(&mut self, store: &Store) -> anyhow::Result<Option<()>> {
        let health = self.health.dependency("database");
        let away = |error: &StoreError| {
            let passes = error.is_retryable();
            if passes {
                health.missing(error.to_string());
            }
            passes
        };
        let days = self.config.store.audit_retention_days;
        let migrate = async || {
            let ran = store.migrate().await?;
            store.keep_audit(days).await?;
            Ok(ran)
        };
        let migrated = self.patiently(away, migrate).await.context("migrate the database")?;
        let Some(ran) = migrated else { return Ok(None) };
        for migration in ran {
            tracing::info!(migration, "ran a migration");
        }
        health.ready();
        Ok(Some(()))
    }

    /// Tries until it works, waiting longer each time, as long as the failure is one that passes.
    pub(super) async fn patiently<T, E: Error + Send + Sync + 'static, F: Future<Output = Result<T, E>>>(
        &mut self,
        passes: impl Fn(&E) -> bool,
        mut attempt: impl FnMut() -> F,
    ) -> anyhow::Result<Option<T>> {
        let startup = self.startup.clone();
        let work = async {
            let mut backoff = Backoff::default();
            let mut is_told = false;
            loop {
                match attempt().await {
                    Ok(done) => return Ok(done),
                    Err(error) if passes(&error) => {
                        let error = chain(&error);
                        if !std::mem::replace(&mut is_told, true) {
                            tracing::warn!(error, "a dependency is away at the start; it is waited for");
                        }
                        startup.missing(error);
                        tokio::time::sleep(backoff.next_wait()).await;
                    }
                    Err(error) => return Err(anyhow::Error::new(error)),
                }
            }
        };
        self.roles.meanwhile(work).await.transpose()
    }
}
