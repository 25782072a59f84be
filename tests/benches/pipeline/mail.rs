//! Durable 250s of the SMTP receiver against Postfix's `smtp-sink`, which keeps nothing, both under Postfix's `smtp-source`.

use std::{
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroU32,
    path::Path,
    sync::Arc,
    time::Instant,
};

use tlsrpt_edge::{CertificateSource, EdgeConfig, Intake, Metrics, Smtp, SmtpListen, SmtpParts, Tls};
use tlsrpt_log::{EmbeddedConfig, EmbeddedLog, Log};
use tlsrpt_mail_peers::{Authority, Clients, Envelope, Peers, Sink};
use tlsrpt_record::{RECORD_MAX_BYTES, SUBMISSIONS};
use tlsrpt_registry::Registry;
use tlsrpt_telemetry::{Health, otlp::Tracer, prometheus};
use tokio_util::sync::CancellationToken;

use crate::table;

/// Rounds of each, in turns.
const ROUNDS: usize = 3;
const SESSIONS: usize = 64;
/// About as long as a mail with a small report.
const MAIL_BYTES: &str = "2000";
const AIM: f64 = 0.5;

pub(crate) fn run() {
    table::heading("durable 250s against smtp-sink, 64 sessions of smtp-source, mails of 2 KB, both cores shared with the load");
    let Some(peers) = Peers::here() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let shutdown = CancellationToken::new();
    let ours = runtime.block_on(receiver(dir.path(), shutdown.clone()));
    let sink = Sink::forgetful(&peers);
    let clients = Clients::new(&peers, &Authority::new());
    // One mail a connection, as senders of reports have it; and all mails of a session over its connection.
    for (what, mails, more) in [("250s, a connection each", 20_000, &[][..]), ("250s, connections kept", 60_000, &["-d"])] {
        let (mut our_rates, mut reference_rates) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            reference_rates.push(rate(&clients, sink.smtp(), mails, more));
            our_rates.push(rate(&clients, ours, mails, more));
        }
        table::ratio(what, table::median(&mut our_rates), table::median(&mut reference_rates), "250s/s", AIM);
    }
    shutdown.cancel();
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
}

/// Mails a second that `server` takes.
fn rate(clients: &Clients, server: SocketAddr, mails: u32, more: &[&str]) -> f64 {
    let (sessions, count) = (SESSIONS.to_string(), mails.to_string());
    let own = ["-s", &sessions, "-m", &count, "-l", MAIL_BYTES];
    let envelope = Envelope { from: "reports@sender.example", to: "postmaster@reports.example" };
    let begun = Instant::now();
    clients.smtp_source(server, envelope, &[&own, more].concat()).succeeded();
    f64::from(mails) / begun.elapsed().as_secs_f64()
}

async fn receiver(dir: &Path, shutdown: CancellationToken) -> SocketAddr {
    let log = EmbeddedConfig { dir: dir.join("log"), record_max_bytes: RECORD_MAX_BYTES, in_flight_max_bytes: 128 << 20 };
    let log: Arc<dyn Log> = EmbeddedLog::open(log).unwrap();
    log.declare(&SUBMISSIONS).await.unwrap();
    let registry = Registry::open(Arc::clone(&log)).await.unwrap();
    let EdgeConfig { mut intake, smtp, tls, .. } = EdgeConfig::default();
    // All mails are for one address.
    intake.rate.per_address_per_second = NonZeroU32::MAX;
    intake.rate.per_address_burst = NonZeroU32::MAX;
    let intake =
        Intake::open(intake, &*log, registry, Metrics::register(&prometheus::Registry::new()).unwrap(), None, Tracer::off()).await.unwrap();
    let tls = Tls::new(&tls, &CertificateSource::SelfSigned, &[], dir).unwrap();
    let listen = SmtpListen { smtp: (Ipv4Addr::LOCALHOST, 0).into(), smtps: None, lmtp: None };
    let parts = SmtpParts { config: smtp, tls, hosts: Vec::new(), intake, health: Health::new() };
    let receiver = Smtp::bind(listen, parts).await.unwrap();
    let address = receiver.listens().smtp;
    tokio::spawn(receiver.serve(shutdown));
    address
}
