//! What a domain publishes, as it was found: facts, before anybody says what they mean.

use std::net::IpAddr;

use serde::Serialize;
use tlsrpt_report::{Domain, UnixMillis};
use utoipa::ToSchema;

/// What a question brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<T> {
    /// This.
    Found(T),
    /// That there is nothing of the kind.
    Missing,
    /// Nothing: it is not known what there is.
    Failed(Trouble),
}

impl<T> Answer<T> {
    /// What was found.
    pub fn as_found(&self) -> Option<&T> {
        match self {
            Self::Found(found) => Some(found),
            Self::Missing | Self::Failed(_) => None,
        }
    }

    /// In a word.
    pub(crate) fn state(&self) -> State {
        match self {
            Self::Found(_) => State::Found,
            Self::Missing => State::Missing,
            Self::Failed(_) => State::Failed,
        }
    }
}

/// Whether a question was answered, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = AnswerState)]
pub enum State {
    /// There is something.
    Found,
    /// There is nothing.
    Missing,
    /// It is not known.
    Failed,
}

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nobody answered in time.
    TimedOut,
    /// A name server answered with a failure, such as `SERVFAIL`, or something else went wrong on the way there.
    Other(String),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TimedOut => f.write_str("no answer in time"),
            Self::Other(what) => f.write_str(what),
        }
    }
}

/// Whether answers are signed (DNSSEC), as validated here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Dnssec {
    /// They are, with a chain from the root.
    Secure,
    /// They are not, and the parent says so.
    Insecure,
    /// They should be, and do not validate.
    Bogus,
    /// It cannot be told: the DNS servers that are asked pass on no signatures, or do not answer.
    Unknown,
}

/// TXT records of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texts {
    /// The name that was asked for.
    pub name: String,
    /// The names that it is an alias of (CNAME), one leading to the next.
    pub aliases: Vec<String>,
    /// The texts, the strings of each put together.
    pub answer: Answer<Vec<String>>,
}

/// The answer of the policy's host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`, as sent.
    pub content_type: Option<String>,
    /// `Location`, as sent.
    pub location: Option<String>,
    /// The body; none when it is longer than may be.
    pub body: Option<Vec<u8>>,
}

/// Why the policy's host gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfetched {
    /// It has no address.
    NoHost,
    /// It has addresses that are not to be connected to alone.
    Forbidden,
    /// No connection, or no answer in time.
    Connection,
    /// The certificate has expired or is not valid yet.
    CertificateExpired,
    /// The certificate is for other names.
    CertificateHost,
    /// The certificate comes from no authority that is known.
    CertificateUntrusted,
    /// TLS failed otherwise.
    Tls,
    /// DNS did not answer.
    Dns,
}

/// The policy at its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFile {
    /// Where it was looked for.
    pub url: String,
    /// What came.
    pub answer: Result<Fetched, Unfetched>,
}

/// A host that an MX record names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MxHost {
    /// The record's preference; the lowest is tried first.
    pub preference: u16,
    /// The host, without the final dot; empty in a null MX (RFC 7505).
    pub host: String,
    /// What it is an alias of (CNAME), one leading to the next.
    pub aliases: Vec<String>,
    /// Its addresses.
    pub addresses: Answer<Vec<IpAddr>>,
    /// Its TLSA records for port 25.
    pub tlsa: Answer<Vec<Tlsa>>,
    /// Whether the TLSA records are signed, or where there are none, the addresses.
    pub dnssec: Dnssec,
}

/// A TLSA record (RFC 6698 2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tlsa {
    /// Its certificate usage.
    pub usage: u8,
    /// As in a zone file: usage, selector, matching type, data.
    pub text: String,
}

/// The MX records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MxRecords {
    /// The hosts, those that are tried first before the others.
    pub answer: Answer<Vec<MxHost>>,
    /// Whether there are more than were looked at.
    pub is_cut: bool,
}

/// All that was found of a domain at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The domain.
    pub domain: Domain,
    /// When.
    pub checked_at: UnixMillis,
    /// `_smtp._tls.` of the domain.
    pub tlsrpt: Texts,
    /// `_mta-sts.` of the domain.
    pub mta_sts: Texts,
    /// The policy.
    pub policy: PolicyFile,
    /// Its mail servers.
    pub mx: MxRecords,
    /// Whether its MX records are signed, or that there are none.
    pub dnssec: Dnssec,
}

impl Look {
    /// The hosts of its MX records that are names.
    #[must_use]
    pub fn mx_hosts(&self) -> Vec<Domain> {
        let hosts = self.mx.answer.as_found().into_iter().flatten();
        hosts.filter(|mx| mx.host.parse::<IpAddr>().is_err()).filter_map(|mx| Domain::parse(&mx.host).ok()).collect()
    }

    /// Whether it could not be found out what there is, of anything at all.
    #[must_use]
    pub fn is_blind(&self) -> bool {
        let states = [self.tlsrpt.answer.state(), self.mta_sts.answer.state(), self.mx.answer.state()];
        states.iter().all(|state| *state == State::Failed)
    }
}

/// The DNS name of a domain's TLS-RPT record (RFC 8460 3).
#[must_use]
pub fn tlsrpt_name(domain: &Domain) -> String {
    format!("_smtp._tls.{domain}")
}

/// The DNS name of a domain's MTA-STS record (RFC 8461 3.1).
#[must_use]
pub fn mta_sts_name(domain: &Domain) -> String {
    format!("_mta-sts.{domain}")
}

/// Where a domain's policy is (RFC 8461 3.3).
#[must_use]
pub fn policy_url(domain: &Domain) -> String {
    format!("https://{}/.well-known/mta-sts.txt", policy_host(domain))
}

/// The host of a domain's policy (RFC 8461 3.3).
pub(crate) fn policy_host(domain: &Domain) -> String {
    format!("mta-sts.{domain}")
}
