//! The edge in a process: receivers in front of the log, with a spool for when Kafka is away.

use std::{net::SocketAddr, sync::Arc};

use tlsrpt_edge::{EdgeError, Https, HttpsParts, Intake, Smtp, SmtpListen, SmtpParts, Spool, Tls};
use tlsrpt_log::LogError;
use tlsrpt_record::SUBMISSIONS;
use tlsrpt_registry::Registry;

use super::{data_dir, process::Process};
use crate::config::TlsMode;

/// The topics that it appends to.
pub(super) const APPENDS: [&str; 1] = [SUBMISSIONS.name];

/// Directory of the spool below the data directory.
const SPOOL_DIR: &str = "spool";

/// Where the receivers listen.
pub(super) struct Listens {
    pub(super) https: SocketAddr,
    pub(super) smtp: SocketAddr,
}

/// Starts the receivers; answers where they listen.
pub(super) async fn start(process: &mut Process<'_>, registry: Arc<Registry>) -> anyhow::Result<Option<Listens>> {
    let config = process.config;
    data_dir::make(config)?;
    let metrics = tlsrpt_edge::Metrics::register(&process.metrics)?;
    let spool = match config.kafka.brokers {
        Some(_) => Spool::open(&config.edge.spool, &config.data_dir.join(SPOOL_DIR), config.log.record_max_bytes, &metrics).await?,
        // The embedded log is on the same disk.
        None => None,
    };
    let away = |error: &EdgeError| matches!(error, EdgeError::Topic(LogError::Unavailable { .. }));
    let (log, tracer) = (Arc::clone(&process.log), process.tracer.clone());
    let opened = process
        .patiently(away, || {
            let intake = config.edge.intake.clone();
            Intake::open(intake, &*log, Arc::clone(&registry), metrics.clone(), spool.clone(), tracer.clone())
        })
        .await?;
    let Some(intake) = opened else { return Ok(None) };
    let shutdown = process.shutdown.clone();
    let tls = Tls::new(&config.edge.tls, &config.tls.certificate(), &config.mail_hosts, &config.data_dir)?;
    tokio::spawn(Arc::clone(&tls).follow_files(metrics, shutdown.clone()));
    let parts = HttpsParts {
        config: config.edge.https.clone(),
        tls: (config.tls.mode != TlsMode::Off).then(|| Arc::clone(&tls)),
        intake: Arc::clone(&intake),
        health: process.health.clone(),
    };
    let https = Https::bind(config.listen.https, parts).await?;
    let listen = SmtpListen { smtp: config.listen.smtp, smtps: config.listen.smtps, lmtp: config.listen.lmtp.clone() };
    let parts = SmtpParts {
        config: config.edge.smtp.clone(),
        tls,
        hosts: config.mail_hosts.clone(),
        intake: Arc::clone(&intake),
        health: process.health.clone(),
    };
    let smtp = Smtp::bind(listen, parts).await?;
    let listens = Listens { https: https.local_addr(), smtp: smtp.listens().smtp };
    if spool.is_some() {
        tokio::spawn(Arc::clone(&intake).watch(process.health.dependency("intake"), shutdown.clone()));
    }
    process.roles.start("edge", async move {
        tokio::join!(https.serve(shutdown.clone()), smtp.serve(shutdown));
        if let Some(spool) = spool {
            spool.close().await;
        }
        Ok(())
    });
    Ok(Some(listens))
}
