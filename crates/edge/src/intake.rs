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
use tlsrpt_log::{Log, ProduceError, Producer};
use tlsrpt_record::{Channel, SUBMISSIONS, Submission, SubmissionId, TenantId};
use tlsrpt_registry::Registry;
use tlsrpt_report::Trust;

use crate::{
    bytes_in_flight::BytesInFlight,
    config::IntakeConfig,
    error::EdgeError,
    metrics::{ChannelMetrics, Metrics},
    peer::Peer,
    rate::Rates,
    refusal::Refusal,
};

/// How often those are forgotten whose rate has rested.
const FORGET_RESTED_EVERY: Duration = Duration::from_secs(5);

/// What the receivers share.
pub struct Intake {
    config: IntakeConfig,
    registry: Arc<Registry>,
    producer: Arc<dyn Producer>,
    rates: Rates,
    log_is_away: AtomicBool,
    pub(crate) bytes: BytesInFlight,
    pub(crate) metrics: Metrics,
}

/// A payload and what is known beside it.
pub(crate) struct Received {
    pub(crate) address: Option<String>,
    pub(crate) peer: Peer,
    pub(crate) content_type: Option<String>,
    pub(crate) trust: Trust,
    pub(crate) payload: Bytes,
}

impl Intake {
    /// Declares the submissions topic.
    ///
    /// # Errors
    /// [`EdgeError::Topic`].
    pub async fn open(config: IntakeConfig, log: &dyn Log, registry: Arc<Registry>, metrics: Metrics) -> Result<Arc<Self>, EdgeError> {
        log.declare(&SUBMISSIONS).await.map_err(EdgeError::Topic)?;
        let intake = Arc::new(Self {
            rates: Rates::new(&config.rate),
            bytes: BytesInFlight::new(config.in_flight_max_bytes, metrics.in_flight_bytes.clone()),
            config,
            registry,
            producer: log.producer(),
            log_is_away: AtomicBool::new(false),
            metrics,
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
        let tenant = self.registry.tenant_by_address(address).ok_or_else(|| Refusal::UnknownAddress { address: shown(address) })?;
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

    /// Appends a submission and waits until the log holds it durably.
    ///
    /// # Errors
    /// The [`Refusal`] to tell the sender; after [`Refusal::NoAck`] and [`Refusal::LogUnavailable`] the log may hold the
    /// submission all the same, which counts once however often it comes.
    pub(crate) async fn take(&self, channel: Channel, counters: &ChannelMetrics, received: Received) -> Result<SubmissionId, Refusal> {
        let Received { address, peer, content_type, trust, payload } = received;
        let id = SubmissionId::now();
        let bytes = payload.len();
        counters.received_bytes.inc_by(u64::try_from(bytes).unwrap_or(u64::MAX));
        let submission = Submission { id, channel, address, remote_ip: Some(peer.ip), content_type, trust, replay: false, payload };
        let handed_over = Instant::now();
        let ack = self.producer.send(SUBMISSIONS.name, submission.into_record());
        let answer = tokio::time::timeout(Duration::from_millis(self.config.ack_timeout_ms), ack).await;
        self.metrics.ack_seconds.observe(handed_over.elapsed().as_secs_f64());
        match answer {
            Ok(Ok(_)) => {
                counters.acknowledged.inc();
                self.log_answers();
                Ok(id)
            }
            Ok(Err(ProduceError::TooLarge { bytes_max, .. })) => {
                Err(Refusal::TooLarge { found_bytes: u64::try_from(bytes).ok(), max_bytes: bytes_max })
            }
            // The log bounds what is in flight as the edge does: too many at once is no failure.
            Ok(Err(ProduceError::Full)) => Err(self.no_room()),
            Ok(Err(error)) => {
                self.log_fails(&error);
                match error {
                    ProduceError::Unknown => Err(Refusal::NoAck { wait: self.retry_after() }),
                    _ => Err(Refusal::LogUnavailable { wait: self.retry_after() }),
                }
            }
            Err(_) => {
                self.log_fails(&ProduceError::Unknown);
                Err(Refusal::NoAck { wait: self.retry_after() })
            }
        }
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

/// An address as an answer repeats it: bounded.
fn shown(address: &str) -> String {
    const SHOWN_MAX_CHARS: usize = 80;
    address.chars().take(SHOWN_MAX_CHARS).collect()
}
