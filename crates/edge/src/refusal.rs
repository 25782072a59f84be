//! Why a submission is not taken, whichever channel it came by.

use std::{net::IpAddr, time::Duration};

/// Why a submission is not taken. The text is for the sender: what happened, to which input, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("there is no reporting address {address:?} here: send to the address in the rua of the domain's _smtp._tls record")]
    UnknownAddress { address: String },
    #[error("the submission is empty: send the report as JSON or gzip (RFC 8460 5)")]
    Empty,
    #[error("the submission has {}more than {max_bytes} bytes, the most that is taken: compress it with gzip or split it", found_text(*.found_bytes))]
    TooLarge { found_bytes: Option<u64>, max_bytes: usize },
    #[error("the submission is neither JSON nor gzip nor zip by its first bytes: send the report as RFC 8460 5 describes it")]
    UnknownForm,
    #[error("{ip} sends more often than is allowed: come back in {} s", seconds(*.wait))]
    PeerRate { ip: IpAddr, wait: Duration },
    #[error("this reporting address gets more submissions than is allowed: come back in {} s", seconds(*.wait))]
    AddressRate { wait: Duration },
    #[error("too many submissions are being received at this moment: come back in {} s", seconds(*.wait))]
    NoRoom { wait: Duration },
    #[error("the submission cannot be stored at this moment: come back in {} s", seconds(*.wait))]
    LogUnavailable { wait: Duration },
    #[error("storing the submission was not confirmed in time: send it again in {} s, it will count once", seconds(*.wait))]
    NoAck { wait: Duration },
}

/// Most that an answer repeats of an address.
const SHOWN_MAX_CHARS: usize = 80;

impl Refusal {
    /// Every code that [`Refusal::reason`] gives.
    pub(crate) const REASONS: [&'static str; 9] =
        ["unknown-address", "empty", "too-large", "unknown-form", "peer-rate", "address-rate", "no-room", "log-unavailable", "no-ack"];

    /// Nobody has this address.
    pub(crate) fn unknown_address(address: &str) -> Self {
        Self::UnknownAddress { address: address.chars().take(SHOWN_MAX_CHARS).collect() }
    }

    /// The stable code that metrics and answers carry.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::UnknownAddress { .. } => "unknown-address",
            Self::Empty => "empty",
            Self::TooLarge { .. } => "too-large",
            Self::UnknownForm => "unknown-form",
            Self::PeerRate { .. } => "peer-rate",
            Self::AddressRate { .. } => "address-rate",
            Self::NoRoom { .. } => "no-room",
            Self::LogUnavailable { .. } => "log-unavailable",
            Self::NoAck { .. } => "no-ack",
        }
    }

    /// When to come back, in whole seconds; none when the same submission would be refused again.
    pub(crate) fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::UnknownAddress { .. } | Self::Empty | Self::TooLarge { .. } | Self::UnknownForm => None,
            Self::PeerRate { wait, .. }
            | Self::AddressRate { wait }
            | Self::NoRoom { wait }
            | Self::LogUnavailable { wait }
            | Self::NoAck { wait } => Some(seconds(*wait)),
        }
    }
}

/// Whole seconds, rounded up, so that nobody comes back too early.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1)
}

fn found_text(found_bytes: Option<u64>) -> String {
    found_bytes.map(|bytes| format!("{bytes} bytes, ")).unwrap_or_default()
}
