//! The edge in a process: receivers in front of the log, with a spool for when Kafka is away.

use std::{net::SocketAddr, sync::Arc};

use tlsrpt_edge::{EdgeError, Https, HttpsParts, Intake, Spool};
use tlsrpt_log::LogError;
use tlsrpt_registry::Registry;

use super::{data_dir, process::Process};

/// Directory of the spool below the data directory.
const SPOOL_DIR: &str = "spool";

/// Starts the receivers; answers where HTTPS listens.
pub(super) async fn start(process: &mut Process<'_>, registry: Arc<Registry>) -> anyhow::Result<Option<SocketAddr>> {
    let config = process.config;
    data_dir::make(config)?;
    let metrics = tlsrpt_edge::Metrics::register(&process.metrics)?;
    let spool = match config.kafka.brokers {
        Some(_) => Spool::open(&config.edge.spool, &config.data_dir.join(SPOOL_DIR), config.log.record_max_bytes, &metrics).await?,
        // The embedded log is on the same disk.
        None => None,
    };
    let away = |error: &EdgeError| matches!(error, EdgeError::Topic(LogError::Unavailable { .. }));
    let log = Arc::clone(&process.log);
    let opened = process
        .patiently(away, || Intake::open(config.edge.intake.clone(), &*log, Arc::clone(&registry), metrics.clone(), spool.clone()))
        .await?;
    let Some(intake) = opened else { return Ok(None) };
    let parts = HttpsParts {
        config: config.edge.https.clone(),
        tls: config.tls.clone().into(),
        data_dir: config.data_dir.clone(),
        hosts: config.mail_hosts.clone(),
        intake: Arc::clone(&intake),
        health: process.health.clone(),
    };
    let edge = Https::bind(config.listen.https, parts).await?;
    let listen = edge.local_addr();
    let shutdown = process.shutdown.clone();
    if spool.is_some() {
        tokio::spawn(Arc::clone(&intake).watch(process.health.dependency("intake"), shutdown.clone()));
    }
    process.roles.start("edge", async move {
        edge.serve(shutdown).await;
        if let Some(spool) = spool {
            spool.close().await;
        }
        Ok(())
    });
    Ok(Some(listen))
}
