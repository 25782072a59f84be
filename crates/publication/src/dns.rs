//! The questions: each has an end, and a failure is not taken for an answer.

use std::{net::IpAddr, time::Duration};

use hickory_resolver::{
    TokioResolver,
    net::{DnsError, NetError},
    proto::{
        dnssec::Proof,
        rr::{Name, RData, Record, RecordType},
    },
};

use crate::published::{Answer, Dnssec, Texts, Tlsa, Trouble};

/// Longest chain of aliases that is followed.
const ALIASES_MAX: usize = 8;

/// DNS, as it is configured.
#[derive(Clone)]
pub(crate) struct Dns {
    /// Tells what there is.
    pub(crate) plain: TokioResolver,
    /// Tells whether it is signed. Apart from the other, so that servers which pass on no signatures hide nothing else.
    pub(crate) validating: TokioResolver,
    pub(crate) timeout: Duration,
}

/// Records, and the names that the one which was asked for is an alias of.
struct Found<T> {
    aliases: Vec<String>,
    answer: Answer<Vec<T>>,
}

impl Dns {
    /// The texts of a name's TXT records, the strings of each put together.
    pub(crate) async fn texts(&self, name: &str) -> Texts {
        let text = |data: &RData| match data {
            RData::TXT(txt) => Some(String::from_utf8_lossy(&txt.txt_data.concat()).into_owned()),
            _ => None,
        };
        let Found { aliases, answer } = self.records(name, RecordType::TXT, text).await;
        Texts { name: name.to_owned(), aliases, answer }
    }

    /// Preferences and hosts of a domain's MX records, those that are tried first before the others.
    pub(crate) async fn mx(&self, domain: &str) -> Answer<Vec<(u16, String)>> {
        let mx = |data: &RData| match data {
            RData::MX(mx) => Some((mx.preference, plain(&mx.exchange))),
            _ => None,
        };
        let mut answer = self.records(domain, RecordType::MX, mx).await.answer;
        if let Answer::Found(hosts) = &mut answer {
            hosts.sort();
        }
        answer
    }

    /// A host's addresses, and what it is an alias of.
    pub(crate) async fn addresses(&self, host: &str) -> (Vec<String>, Answer<Vec<IpAddr>>) {
        let address = |data: &RData| match data {
            RData::A(a) => Some(IpAddr::V4(a.0)),
            RData::AAAA(aaaa) => Some(IpAddr::V6(aaaa.0)),
            _ => None,
        };
        let (v4, v6) = tokio::join!(self.records(host, RecordType::A, address), self.records(host, RecordType::AAAA, address));
        let answer = match (v4.answer, v6.answer) {
            (Answer::Found(mut v4), Answer::Found(v6)) => {
                v4.extend(v6);
                Answer::Found(v4)
            }
            (Answer::Found(found), _) | (_, Answer::Found(found)) => Answer::Found(found),
            (Answer::Failed(trouble), _) | (_, Answer::Failed(trouble)) => Answer::Failed(trouble),
            (Answer::Missing, Answer::Missing) => Answer::Missing,
        };
        (if v4.aliases.is_empty() { v6.aliases } else { v4.aliases }, answer)
    }

    /// A mail server's TLSA records (RFC 7672 2.2).
    pub(crate) async fn tlsa(&self, host: &str) -> Answer<Vec<Tlsa>> {
        let tlsa = |data: &RData| match data {
            RData::TLSA(tlsa) => Some(Tlsa { usage: tlsa.cert_usage.into(), text: tlsa.to_string() }),
            _ => None,
        };
        self.records(&tlsa_name(host), RecordType::TLSA, tlsa).await.answer
    }

    async fn records<T>(&self, name: &str, kind: RecordType, read: impl Fn(&RData) -> Option<T>) -> Found<T> {
        let Some(query) = full(name) else { return Found { aliases: Vec::new(), answer: Answer::Missing } };
        match self.ask(&self.plain, query, kind).await {
            Ok(records) => {
                let found: Vec<T> = records.iter().filter_map(|record| read(&record.data)).collect();
                let aliases = records.iter().filter_map(|record| alias(&record.data)).collect();
                Found { aliases, answer: if found.is_empty() { Answer::Missing } else { Answer::Found(found) } }
            }
            // An answer of nothing does not tell the aliases that lead to it.
            Err(NetError::Dns(DnsError::NoRecordsFound(_))) => Found { aliases: self.aliases(name).await, answer: Answer::Missing },
            Err(error) => Found { aliases: Vec::new(), answer: Answer::Failed(trouble(&error)) },
        }
    }

    /// What a name is an alias of, asked step by step.
    async fn aliases(&self, name: &str) -> Vec<String> {
        let mut aliases: Vec<String> = Vec::new();
        while aliases.len() < ALIASES_MAX
            && let Some(query) = full(aliases.last().map_or(name, String::as_str))
            && let Ok(records) = self.ask(&self.plain, query, RecordType::CNAME).await
            && let Some(target) = records.iter().find_map(|record| alias(&record.data))
        {
            aliases.push(target);
        }
        aliases
    }

    /// Whether signatures come through at all: the root is signed.
    pub(crate) async fn passes_signatures(&self) -> bool {
        self.proof(Name::root(), RecordType::NS).await == Dnssec::Secure
    }

    /// Whether the MX records of a domain are signed, or that there are none.
    pub(crate) async fn mx_dnssec(&self, domain: &str) -> Dnssec {
        match full(domain) {
            Some(name) => self.proof(name, RecordType::MX).await,
            None => Dnssec::Unknown,
        }
    }

    /// Whether a mail server's TLSA records are signed, or where there are none, its addresses.
    pub(crate) async fn host_dnssec(&self, host: &str, has_tlsa: bool, is_v4: bool) -> Dnssec {
        let (name, kind) = match (has_tlsa, is_v4) {
            (true, _) => (full(&tlsa_name(host)), RecordType::TLSA),
            (false, true) => (full(host), RecordType::A),
            (false, false) => (full(host), RecordType::AAAA),
        };
        match name {
            Some(name) => self.proof(name, kind).await,
            None => Dnssec::Unknown,
        }
    }

    async fn proof(&self, name: Name, kind: RecordType) -> Dnssec {
        match self.ask(&self.validating, name, kind).await {
            // An answer is worth what its weakest record is, aliases included.
            Ok(records) => records.iter().map(|record| record.proof).min().map_or(Dnssec::Unknown, state),
            Err(NetError::Dns(DnsError::Nsec { proof, .. })) => state(proof),
            Err(NetError::Dns(DnsError::DnssecBogus)) => Dnssec::Bogus,
            Err(_) => Dnssec::Unknown,
        }
    }

    async fn ask(&self, resolver: &TokioResolver, name: Name, kind: RecordType) -> Result<Vec<Record>, NetError> {
        match tokio::time::timeout(self.timeout, resolver.lookup(name, kind)).await {
            Ok(lookup) => Ok(lookup?.answers().to_vec()),
            Err(_) => Err(NetError::Timeout),
        }
    }
}

fn tlsa_name(host: &str) -> String {
    format!("_25._tcp.{host}")
}

/// A name to ask for as it is, without search lists.
fn full(name: &str) -> Option<Name> {
    let mut name = Name::from_str_relaxed(name).ok()?;
    name.set_fqdn(true);
    Some(name)
}

fn plain(name: &Name) -> String {
    name.to_lowercase().to_ascii().trim_end_matches('.').to_owned()
}

fn alias(data: &RData) -> Option<String> {
    match data {
        RData::CNAME(target) => Some(plain(&target.0)),
        _ => None,
    }
}

fn state(proof: Proof) -> Dnssec {
    match proof {
        Proof::Secure => Dnssec::Secure,
        Proof::Insecure => Dnssec::Insecure,
        Proof::Bogus => Dnssec::Bogus,
        Proof::Indeterminate => Dnssec::Unknown,
    }
}

fn trouble(error: &NetError) -> Trouble {
    match error {
        NetError::Timeout => Trouble::TimedOut,
        NetError::Dns(DnsError::ResponseCode(code)) => Trouble::Other(format!("the answer is {code}")),
        error => Trouble::Other(error.to_string()),
    }
}
