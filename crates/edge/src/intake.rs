//! What the receivers share: who is let in, and the way to the log.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use tlsrpt_log::{Log, ProduceError, Producer, Record};
use tlsrpt_record::{Channel, MailFacts, SUBMISSIONS, Submission, SubmissionId, TenantId, set_traceparent};
use tlsrpt_registry::Registry;
use tlsrpt_report::Trust;
use tlsrpt_telemetry::{Dependency, otlp::Tracer};
use tokio_util::sync::CancellationToken;

use crate::{
    bytes_in_flight::BytesInFlight,
    config::IntakeConfig,
    error::EdgeError,
    metrics::{ChannelMetrics, Metrics},
    peer::Peer,
    rate::Rates,
    refusal::Refusal,
    spans,
    spool::Spool,
};

/// How often those are forgotten whose rate has rested.
const FORGET_RESTED_EVERY: Duration = Duration::from_secs(5);

/// How often readiness is looked at.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// What the receivers share.
pub struct Intake {
    config: IntakeConfig,
    registry: Arc<Registry>,
    producer: Arc<dyn Producer>,
    rates: Rates,
    /// None when the log alone makes submissions durable.
    spool: Option<Spool>,
    log_is_away: AtomicBool,
    pub(crate) bytes: BytesInFlight,
    pub(crate) metrics: Metrics,
    pub(crate) tracer: Tracer,
}

/// A payload and what is known beside it.
pub(crate) struct Received {
    pub(crate) address: Option<String>,
    /// Whom it came from; none when that was a mail server of the operator's own.
    pub(crate) remote_ip: Option<IpAddr>,
    pub(crate) content_type: Option<String>,
    pub(crate) trust: Trust,
    /// What is known of a mail beside its text.
    pub(crate) mail: Option<MailFacts>,
    pub(crate) payload: Bytes,
}

impl Intake {
    /// Declares the submissions topic; with a spool, begins to send what is in it to the log. `tracer` decides which submissions are
    /// traced.
    ///
    /// # Errors
    /// [`EdgeError::Topic`].
    pub async fn open(
        config: IntakeConfig,
        log: &dyn Log,
        registry: Arc<Registry>,
        metrics: Metrics,
        spool: Option<Spool>,
        tracer: Tracer,
    ) -> Result<Arc<Self>, EdgeError> {
        log.declare(&SUBMISSIONS).await.map_err(EdgeError::Topic)?;
        if let Some(spool) = &spool {
            spool.start_draining(log.producer());
        }
        let intake = Arc::new(Self {
            rates: Rates::new(&config.rate),
            bytes: BytesInFlight::new(config.in_flight_max_bytes, metrics.in_flight_bytes.clone()),
            config,
            registry,
            producer: log.producer(),
            spool,
            log_is_away: AtomicBool::new(false),
            metrics,
            tracer,
        });
        let forgetting = Arc::downgrade(&intake);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(FORGET_RESTED_EVERY).await;
                let Some(intake) = forgetting.upgrade() else { return };
                intake.rates.forget_rested();
            }
        });
        Ok(intake)
    }

    /// Why no submission can be made durable at this moment, for readiness; none while the log or the spool takes them.
    /// Without a spool it is never told here: then senders alone ask the log, and an edge that is said not to be ready gets
    /// none.
    #[must_use]
    pub fn missing(&self) -> Option<&'static str> {
        self.spool.as_ref().and_then(Spool::missing)
    }

    /// Keeps `log` in line with [`Intake::missing`], until `shutdown`.
    pub async fn watch(self: Arc<Self>, log: Dependency, shutdown: CancellationToken) {
        loop {
            self.missing().map_or_else(|| log.ready(), |reason| log.missing(reason));
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(WATCH_EVERY) => {}
            }
        }
    }

    pub(crate) fn peer(&self, ip: IpAddr) -> Peer {
        Peer::new(ip, &self.config.rate.exempt_networks)
    }

    /// Counts a request of `peer` against its rate.
    pub(crate) fn admit_peer(&self, peer: Peer) -> Result<(), Refusal> {
        if peer.exempt {
            return Ok(());
        }
        self.rates.count_peer(peer.network).map_err(|wait| Refusal::PeerRate { ip: peer.ip, wait })
    }

    /// Looks the address up and counts a submission against its rate.
    pub(crate) fn admit_address(&self, peer: Peer, address: &str) -> Result<TenantId, Refusal> {
        let tenant = self.registry.tenant_by_address(address).ok_or_else(|| Refusal::unknown_address(address))?;
        if !peer.exempt {
            self.rates.count_address(&tenant).map_err(|wait| Refusal::AddressRate { wait })?;
        }
        Ok(tenant)
    }

    pub(crate) fn submission_max_bytes(&self) -> usize {
        self.config.submission_max_bytes
    }

    /// The refusal for want of room in memory.
    pub(crate) fn no_room(&self) -> Refusal {
        Refusal::NoRoom { wait: self.retry_after() }
    }

    /// Appends a submission and waits until the log, or the spool in its place, holds it durably.
    ///
    /// # Errors
    /// The [`Refusal`] to tell the sender; after [`Refusal::NoAck`] and [`Refusal::LogUnavailable`] the log may hold the
    /// submission all the same, which counts once however often it comes.
    pub(crate) async fn take(&self, channel: Channel, counters: &ChannelMetrics, received: Received) -> Result<SubmissionId, Refusal> {
        let Received { address, remote_ip, content_type, trust, mail, payload } = received;
        let id = SubmissionId::now();
        let bytes = payload.len();
        let submission = Submission { id, channel, address, remote_ip, content_type, trust, mail, replay: false, payload };
        let handed_over = Instant::now();
        let span = spans::send(id, bytes);
        let mut record = submission.into_record();
        // What travels beside a payload has room for it.
        set_traceparent(&mut record, span.traceparent(), usize::MAX);
        let answer = span.cover(self.append(record)).await;
        self.metrics.ack_seconds.observe(handed_over.elapsed().as_secs_f64());
        let refusal = match answer {
            Ok(()) => {
                counters.acknowledged.inc();
                return Ok(id);
            }
            Err(ProduceError::TooLarge { bytes_max, .. }) => {
                Refusal::TooLarge { found_bytes: u64::try_from(bytes).ok(), max_bytes: bytes_max }
            }
            // The log bounds what is in flight as the edge does: too many at once is no failure.
            Err(ProduceError::Full) => self.no_room(),
            Err(ProduceError::Unknown) => Refusal::NoAck { wait: self.retry_after() },
            Err(_) => Refusal::LogUnavailable { wait: self.retry_after() },
        };
        spans::refused(&span, &refusal);
        Err(refusal)
    }

    async fn append(&self, record: Record) -> Result<(), ProduceError> {
        let patience = Duration::from_millis(self.config.ack_timeout_ms);
        if let Some(spool) = self.spool.as_ref().filter(|spool| spool.takes_submissions()) {
            return spool.append(&*self.producer, record, patience).await;
        }
        let ack = self.producer.send(SUBMISSIONS.name, record);
        let answer = tokio::time::timeout(patience, ack).await.unwrap_or(Err(ProduceError::Unknown));
        match &answer {
            Ok(position) => {
                spans::logged(*position);
                self.log_answers();
            }
            Err(ProduceError::TooLarge { .. } | ProduceError::Full) => {}
            Err(error) => self.log_fails(error),
        }
        answer.map(drop)
    }

    fn retry_after(&self) -> Duration {
        Duration::from_secs(self.config.retry_after_seconds.into())
    }

    /// Says once, not for every sender, that the log does not take submissions.
    fn log_fails(&self, error: &ProduceError) {
        if !self.log_is_away.swap(true, Ordering::Relaxed) {
            tracing::error!(%error, "the log takes no submissions: senders are told to come back");
        }
    }

    fn log_answers(&self) {
        if self.log_is_away.load(Ordering::Relaxed) && self.log_is_away.swap(false, Ordering::Relaxed) {
            tracing::info!("the log takes submissions again");
        }
    }
}
