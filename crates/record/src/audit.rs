//! `tlsrpt.audit`: who changed what, and who read which raw payload. One record an entry.
//!
//! A change has two entries with one id: one before it, without a status, and one after it with the answer's. A read has the one
//! with its status, written before the payload is answered. Layout of the value: one byte of format version, then the
//! [`AuditEntry`] in postcard.

use std::net::IpAddr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tlsrpt_log::{Delivered, Position, Record};
use tlsrpt_report::UnixMillis;
use uuid::Uuid;

use crate::{
    id::SubmissionId,
    poison::{DAY_MS, id_of_position},
};

/// The format that [`AuditEntry::encode`] writes. A reader knows this one and every one before it.
pub const AUDIT_FORMAT: u8 = 1;

/// Longest text in an entry, bytes; what is longer is cut.
pub const AUDIT_TEXT_MAX_BYTES: usize = 512;

/// Action of an entry for a record of the topic that cannot be read.
const ACTION_UNREADABLE: &str = "audit.unreadable";

/// Action of an entry for records that the log lost.
const ACTION_LOST: &str = "audit.lost";

/// Action of an entry for a tenant of which nothing is left.
const ACTION_ERASED: &str = "tenant.erase";

/// Whose key it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ActorKind {
    /// The operator's.
    Operator,
    /// A tenant's.
    Tenant,
    /// Nobody's: the service itself says something of the audit log, or did something by itself.
    Service,
}

impl ActorKind {
    /// The name that the API and the database use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Tenant => "tenant",
            Self::Service => "service",
        }
    }
}

/// One entry. Texts that are missing are empty; none ever holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry<'a> {
    /// Id of what was done, a UUIDv7; the entries before and after it share it.
    pub id: Uuid,
    /// When it began; the entries before and after it share this too.
    pub at: UnixMillis,
    /// Whose key it was.
    pub actor_kind: ActorKind,
    /// The key's id; `admin` for the key that the service was started with.
    pub actor_id: &'a str,
    /// The tenant concerned.
    pub tenant: &'a str,
    /// What was done, such as `tenant.create`.
    pub action: &'a str,
    /// To what: an id, a domain.
    pub target: &'a str,
    /// The answer's HTTP status; none before it is known.
    pub status: Option<u16>,
    /// The request's id, as in `X-Request-Id`.
    pub request_id: &'a str,
    /// The peer.
    pub remote_ip: Option<IpAddr>,
}

/// A record that is no audit entry.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// Written by a newer version of this program.
    #[error("decode an audit entry: format {found} is newer than {AUDIT_FORMAT}; update this role")]
    Newer {
        /// The record's format.
        found: u8,
    },
    /// Not written by this program, or damaged.
    #[error("decode an audit entry")]
    Damaged(#[source] postcard::Error),
    /// Nothing in it.
    #[error("decode an audit entry: it is empty")]
    Empty,
}

impl<'a> AuditEntry<'a> {
    /// The record to append.
    ///
    /// # Errors
    /// [`AuditError::Damaged`] when postcard cannot write it, which a value of this type never causes.
    pub fn encode(&self) -> Result<Record, AuditError> {
        let bounded = AuditEntry {
            actor_id: cut(self.actor_id),
            tenant: cut(self.tenant),
            action: cut(self.action),
            target: cut(self.target),
            request_id: cut(self.request_id),
            ..*self
        };
        let value = postcard::to_extend(&bounded, vec![AUDIT_FORMAT]).map_err(AuditError::Damaged)?;
        Ok(Record { key: None, value: Bytes::from(value), headers: Vec::new() })
    }

    /// The entry in a record's value.
    ///
    /// # Errors
    /// [`AuditError`] when the value is not one that [`AuditEntry::encode`] wrote.
    pub fn decode(value: &'a [u8]) -> Result<Self, AuditError> {
        let (&format, rest) = value.split_first().ok_or(AuditError::Empty)?;
        match format {
            ..=AUDIT_FORMAT => postcard::from_bytes(rest).map_err(AuditError::Damaged),
            found => Err(AuditError::Newer { found }),
        }
    }

    /// The entry that stands for a record of `topic` that cannot be read: the same at every delivery.
    #[must_use]
    pub fn unreadable(topic: &str, delivered: &Delivered, detail: &'a str) -> Self {
        Self::of_service(topic, delivered.position, UnixMillis(delivered.appended_at_ms), ACTION_UNREADABLE, detail)
    }

    /// The entry that stands for what `topic` lost from `first` on, before it was moved to the database; how many entries that were
    /// is lost with them. The same however often the gap is met on one day (`now`).
    #[must_use]
    pub fn lost(topic: &str, first: Position, now: UnixMillis, detail: &'a str) -> Self {
        Self::of_service(topic, first, UnixMillis(now.0 - now.0.rem_euclid(DAY_MS)), ACTION_LOST, detail)
    }

    /// The entry that says that nothing of a deleted tenant is left: the same however often it is written.
    #[must_use]
    pub fn erased(tenant: &'a str, at: UnixMillis, status: u16) -> Self {
        Self {
            id: SubmissionId::of_import(at, tenant.as_bytes()).0,
            at,
            actor_kind: ActorKind::Service,
            actor_id: "",
            tenant,
            action: ACTION_ERASED,
            target: tenant,
            status: Some(status),
            request_id: "",
            remote_ip: None,
        }
    }

    fn of_service(topic: &str, position: Position, at: UnixMillis, action: &'static str, detail: &'a str) -> Self {
        Self {
            id: id_of_position(topic, position, at.0).0,
            at,
            actor_kind: ActorKind::Service,
            actor_id: "",
            tenant: "",
            action,
            target: detail,
            status: None,
            request_id: "",
            remote_ip: None,
        }
    }
}

/// As much of a text as an entry holds.
fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(AUDIT_TEXT_MAX_BYTES)).unwrap_or_default()
}
