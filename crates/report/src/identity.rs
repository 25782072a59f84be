//! What makes two reports the same report.

use std::{fmt, net::IpAddr, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    domain::Domain,
    normal::{Failure, Policy},
    policy_text::write_plain_line,
    vocabulary::{PolicyClass, ResultType},
};

/// The identity of one policy's block in one report: 128 bits of a BLAKE3 hash over organisation, report-id, policy
/// domain, policy type, policy text and period. Written as 32 lower-case hexadecimal digits.
///
/// A cryptographic hash, since anybody may post: nobody can make a report that takes another's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[schema(value_type = String, pattern = "^[0-9a-f]{32}$")]
pub struct ReportKey(pub u128);

/// A text that is not a report key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a report key: 32 hexadecimal digits, as `report_key` in the list of reports shows them")]
pub struct ReportKeyError;

impl fmt::Display for ReportKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for ReportKey {
    type Err = ReportKeyError;
    fn from_str(text: &str) -> Result<Self, ReportKeyError> {
        if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(ReportKeyError);
        }
        u128::from_str_radix(text, 16).map(ReportKey).map_err(|_| ReportKeyError)
    }
}

/// One byte before all else keeps hashes of different meaning apart. The numbers are part of stored data: never reuse one.
#[derive(Clone, Copy)]
enum Purpose {
    Group = 1,
    Document = 2,
    Policy = 3,
    Occurrence = 4,
    Content = 5,
    DerivedId = 6,
}

/// Builds the texts that identities are hashes of, in one buffer. Every field is preceded by its length, so no two lists of
/// fields run together to one text. Fields go in normalised: the same report in another encoding has the same identity.
pub(crate) struct Hasher {
    buffer: Vec<u8>,
}

impl Hasher {
    pub(crate) fn new() -> Self {
        Self { buffer: Vec::with_capacity(512) }
    }

    /// Identity of a report without its domains and policies. Texts must be trimmed.
    pub(crate) fn group(&mut self, organization: &str, report_id: &str, begin: Option<i64>, end: Option<i64>) -> ReportKey {
        self.start(Purpose::Group);
        self.field(|out| lower(organization, out));
        self.text(report_id);
        self.optional(begin.map(i64::cast_unsigned));
        self.optional(end.map(i64::cast_unsigned));
        self.finish()
    }

    /// Identity of a document: its group and the set of its domains, sorted.
    pub(crate) fn document<'d>(&mut self, group: ReportKey, domains: impl Iterator<Item = &'d str>) -> ReportKey {
        self.start(Purpose::Document);
        self.key(group);
        domains.for_each(|domain| self.text(domain));
        self.finish()
    }

    /// Identity of a policy's block in its group.
    pub(crate) fn policy(&mut self, group: ReportKey, policy: &Policy<'_>) -> ReportKey {
        self.start(Purpose::Policy);
        self.key(group);
        self.write_policy(policy);
        self.finish()
    }

    /// Identity of the block that comes as the `occurrence`th (from 1) after the first one of the same key.
    pub(crate) fn occurrence(&mut self, key: ReportKey, occurrence: u64) -> ReportKey {
        self.start(Purpose::Occurrence);
        self.key(key);
        self.number(occurrence);
        self.finish()
    }

    /// What tells blocks of one key apart: all that is counted in them.
    pub(crate) fn content(&mut self, policy: &Policy<'_>) -> ReportKey {
        self.start(Purpose::Content);
        self.write_policy(policy);
        self.optional(policy.successful);
        self.optional(policy.failed);
        self.number(policy.mx_hosts.len() as u64);
        policy.mx_hosts.iter().for_each(|host| self.text(host));
        self.number(policy.failures.len() as u64);
        let mut hash = blake3::Hasher::new();
        for failure in &policy.failures {
            self.write_failure(failure);
            // The buffer stays small however many failures there are.
            hash.update(&self.buffer);
            self.buffer.clear();
        }
        hash.update(&self.buffer);
        truncate(hash.finalize())
    }

    /// A report-id for a report that has none: its whole normalised content.
    pub(crate) fn derived_id(&mut self, group: ReportKey, contents: impl Iterator<Item = ReportKey>) -> ReportKey {
        let mut hash = blake3::Hasher::new();
        self.start(Purpose::DerivedId);
        self.key(group);
        hash.update(&self.buffer);
        contents.for_each(|content| {
            hash.update(&content.0.to_le_bytes());
        });
        truncate(hash.finalize())
    }

    fn write_policy(&mut self, policy: &Policy<'_>) {
        self.text(policy.domain.as_ref().map_or("", Domain::as_str));
        self.buffer.push(policy.class as u8);
        // The text says more than the class only where the class says nothing.
        match &policy.type_sent {
            Some(sent) if policy.class == PolicyClass::Other => self.field(|out| lower(sent.trim(), out)),
            _ => self.text(""),
        }
        self.number(policy.strings.len() as u64);
        for line in &policy.strings {
            self.field(|out| write_plain_line(line, out));
        }
    }

    fn write_failure(&mut self, failure: &Failure<'_>) {
        self.buffer.push(failure.result as u8);
        match &failure.result_sent {
            Some(sent) if failure.result == ResultType::Other => self.field(|out| lower(sent.trim(), out)),
            _ => self.text(""),
        }
        self.ip(failure.sending_ip);
        self.ip(failure.receiving_ip);
        let texts = [
            &failure.sending_ip_sent,
            &failure.receiving_ip_sent,
            &failure.receiving_mx,
            &failure.receiving_helo,
            &failure.reason,
            &failure.additional,
        ];
        texts.into_iter().for_each(|text| self.text(text.as_deref().unwrap_or_default()));
        self.optional(failure.sessions);
    }

    fn start(&mut self, purpose: Purpose) {
        self.buffer.clear();
        self.buffer.push(purpose as u8);
    }

    fn field(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let at = self.buffer.len();
        self.buffer.extend_from_slice(&[0; 4]);
        write(&mut self.buffer);
        // Texts are bounded far below 32 bits.
        let bytes = (self.buffer.len() - at - 4) as u32;
        if let Some(length) = self.buffer.get_mut(at..at + 4) {
            length.copy_from_slice(&bytes.to_le_bytes());
        }
    }

    fn text(&mut self, text: &str) {
        self.buffer.extend_from_slice(&(text.len() as u32).to_le_bytes());
        self.buffer.extend_from_slice(text.as_bytes());
    }

    fn number(&mut self, number: u64) {
        self.buffer.extend_from_slice(&number.to_le_bytes());
    }

    fn key(&mut self, key: ReportKey) {
        self.buffer.extend_from_slice(&key.0.to_le_bytes());
    }

    fn optional(&mut self, number: Option<u64>) {
        self.buffer.push(u8::from(number.is_some()));
        self.number(number.unwrap_or_default());
    }

    fn ip(&mut self, ip: Option<IpAddr>) {
        match ip {
            None => self.buffer.push(0),
            Some(IpAddr::V4(ip)) => {
                self.buffer.push(4);
                self.buffer.extend_from_slice(&ip.octets());
            }
            Some(IpAddr::V6(ip)) => {
                self.buffer.push(6);
                self.buffer.extend_from_slice(&ip.octets());
            }
        }
    }

    fn finish(&self) -> ReportKey {
        truncate(blake3::hash(&self.buffer))
    }
}

fn truncate(hash: blake3::Hash) -> ReportKey {
    let (&half, _) = hash.as_bytes().split_first_chunk::<16>().unwrap_or((&[0; 16], &[]));
    ReportKey(u128::from_be_bytes(half))
}

fn lower(text: &str, out: &mut Vec<u8>) {
    if text.is_ascii() {
        let at = out.len();
        out.extend_from_slice(text.as_bytes());
        if let Some(added) = out.get_mut(at..) {
            added.make_ascii_lowercase();
        }
    } else {
        out.extend_from_slice(text.to_lowercase().as_bytes());
    }
}
