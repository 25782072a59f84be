//! What is published, as it is shown: the texts that are there, and what was read from them.

use std::net::IpAddr;

use serde::Serialize;
use tlsrpt_report::PolicyMode;
use utoipa::ToSchema;

use crate::{
    judge::{Judgement, covers},
    published::{Dnssec, Look, State, Texts, Unfetched},
};

/// What a domain publishes.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Published {
    /// The TLS-RPT record.
    pub tlsrpt: ShownTlsrpt,
    /// The MTA-STS record.
    pub mta_sts: ShownMtaSts,
    /// The MTA-STS policy.
    pub policy: ShownPolicy,
    /// The mail servers.
    pub mx: ShownMx,
}

/// The TXT records at `_smtp._tls.` of the domain.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ShownTlsrpt {
    /// What is there.
    #[serde(flatten)]
    pub records: ShownTexts,
    /// The addresses of the record that is in force; null when none is.
    pub rua: Option<Vec<String>>,
}

/// The TXT records at `_mta-sts.` of the domain.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ShownMtaSts {
    /// What is there.
    #[serde(flatten)]
    pub records: ShownTexts,
    /// The id of the record that is in force; null when none is.
    pub id: Option<String>,
}

/// TXT records.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ShownTexts {
    /// The name.
    pub name: String,
    /// Whether there are any.
    pub state: State,
    /// What the name is an alias of (CNAME), one leading to the next.
    pub aliases: Vec<String>,
    /// The records.
    pub texts: Vec<String>,
}

impl From<&Texts> for ShownTexts {
    fn from(texts: &Texts) -> Self {
        Self {
            name: texts.name.clone(),
            state: texts.answer.state(),
            aliases: texts.aliases.clone(),
            texts: texts.answer.as_found().cloned().unwrap_or_default(),
        }
    }
}

/// The MTA-STS policy.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ShownPolicy {
    /// Where it was looked for.
    pub url: String,
    /// Whether an answer came: any, not a good one alone.
    pub state: State,
    /// The answer's status.
    pub status: Option<u16>,
    /// The answer's media type.
    pub content_type: Option<String>,
    /// The answer's text, where it is the policy's.
    pub text: Option<String>,
    /// The policy's mode.
    pub mode: Option<PolicyMode>,
    /// The policy's `max_age`, seconds.
    pub max_age_seconds: Option<u32>,
    /// The policy's patterns of mail servers.
    pub mx: Vec<String>,
}

/// The mail servers.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ShownMx {
    /// Whether there are MX records.
    pub state: State,
    /// Whether they are signed.
    pub dnssec: Dnssec,
    /// The hosts, those that are tried first before the others.
    pub hosts: Vec<ShownHost>,
}

/// One mail server.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ShownMailServer)]
pub struct ShownHost {
    /// The MX record's preference.
    pub preference: u16,
    /// The host; empty in a null MX.
    pub host: String,
    /// What it is an alias of (CNAME).
    pub aliases: Vec<String>,
    /// Its addresses.
    #[schema(value_type = Vec<String>)]
    pub addresses: Vec<IpAddr>,
    /// Its TLSA records for port 25, as in a zone file.
    pub tlsa: Vec<String>,
    /// Whether these, or the addresses, are signed.
    pub dnssec: Dnssec,
    /// Whether the policy covers it; null where no policy asks for anything.
    pub is_covered: Option<bool>,
}

impl Published {
    /// What was found, and what was read from it.
    #[must_use]
    pub fn new(look: &Look, judgement: &Judgement) -> Self {
        let policy = judgement.policy.as_ref();
        let fetched = look.policy.answer.as_ref().ok();
        let hosts = look.mx.answer.as_found().into_iter().flatten().map(|mx| ShownHost {
            preference: mx.preference,
            host: mx.host.clone(),
            aliases: mx.aliases.clone(),
            addresses: mx.addresses.as_found().cloned().unwrap_or_default(),
            tlsa: mx.tlsa.as_found().into_iter().flatten().map(|record| record.text.clone()).collect(),
            dnssec: mx.dnssec,
            is_covered: covers(policy, &mx.host),
        });
        Self {
            tlsrpt: ShownTlsrpt { records: (&look.tlsrpt).into(), rua: judgement.tlsrpt.as_ref().map(|record| record.rua.clone()) },
            mta_sts: ShownMtaSts { records: (&look.mta_sts).into(), id: judgement.mta_sts.as_ref().and_then(|record| record.id.clone()) },
            policy: ShownPolicy {
                url: look.policy.url.clone(),
                state: match &look.policy.answer {
                    Ok(_) => State::Found,
                    Err(Unfetched::NoHost) => State::Missing,
                    Err(_) => State::Failed,
                },
                status: fetched.map(|fetched| fetched.status),
                content_type: fetched.and_then(|fetched| fetched.content_type.clone()),
                text: policy.and_then(|_| fetched?.body.as_deref()).map(|body| String::from_utf8_lossy(body).into_owned()),
                mode: policy.and_then(|policy| policy.mode),
                max_age_seconds: policy.and_then(|policy| policy.max_age_seconds),
                mx: policy.into_iter().flat_map(|policy| policy.mx.iter().map(ToString::to_string)).collect(),
            },
            mx: ShownMx { state: look.mx.answer.state(), dnssec: look.dnssec, hosts: hosts.collect() },
        }
    }
}
