//! What was found, read and judged: what is in force, and what is wrong with it.

use std::net::IpAddr;

use tlsrpt_report::{Domain, PolicyMode};

use crate::{
    compare::{self, SeenPolicy},
    finding::{Code, Finding, Severity},
    policy::{self, Policy},
    published::{Answer, Dnssec, Fetched, Look, MxHost, PolicyFile, State, Texts, Unfetched, mta_sts_name, policy_host, tlsrpt_name},
    receiver::{Receiver, Whose},
    sts_record::{self, StsRecord},
    tlsrpt_record::{self, TlsrptRecord},
};

/// Certificate usages that mail servers are known by (RFC 7672 3.1).
const TLSA_USAGES: [u8; 2] = [2, 3];

/// Whose domain it is, and what is known of it from elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'e> {
    /// Where reports come in.
    pub receiver: &'e Receiver,
    /// The tenant's reporting address; none when it is not known, and then nothing is said of whose the addresses in `rua` are.
    pub address: Option<&'e str>,
    /// The policies that reporters saw in the last days, one a reporter.
    pub seen: &'e [SeenPolicy],
}

/// What is in force, and what is wrong.
#[derive(Clone, Debug, Default)]
pub struct Judgement {
    /// The TLS-RPT record.
    pub tlsrpt: Option<TlsrptRecord>,
    /// The MTA-STS record.
    pub mta_sts: Option<StsRecord>,
    /// The policy, as far as one came and could be read.
    pub policy: Option<Policy>,
    /// The worst first.
    pub findings: Vec<Finding>,
}

/// Judges what was found.
#[must_use]
pub fn judge(look: &Look, expected: Expected<'_>) -> Judgement {
    let mut findings = Vec::new();
    let tlsrpt = in_force(&look.tlsrpt, Code::TlsrptMissing, &mut findings, tlsrpt_record::read);
    if let (Some(record), Some(address)) = (&tlsrpt, expected.address) {
        whose(&tlsrpt_name(&look.domain), record, address, expected.receiver, &mut findings);
    }
    let mut of_policy = Vec::new();
    let (policy, is_valid) = policy(&look.policy, &look.domain, &mut of_policy);
    let mta_sts = in_force(&look.mta_sts, Code::MtaStsMissing, &mut findings, sts_record::read);
    let name = mta_sts_name(&look.domain);
    let is_missing = findings.iter().any(|finding| finding.code == Code::MtaStsMissing);
    match (is_missing, is_valid) {
        (true, true) => {
            findings.retain(|finding| finding.code != Code::MtaStsMissing);
            findings.push(Finding::new(Code::MtaStsWithoutRecord, &name));
            findings.append(&mut of_policy);
        }
        // Nobody looks for a policy, so what is in its place is no policy that is broken.
        (true, false) => {}
        (false, _) => {
            let is_unknown = of_policy.iter().any(|finding| matches!(finding.code, Code::DnsFailed | Code::PolicyHostForbidden));
            if mta_sts.is_some() && !is_valid && !is_unknown {
                findings.push(Finding::new(Code::MtaStsWithoutPolicy, &name));
            }
            findings.append(&mut of_policy);
        }
    }
    mail_servers(look, &mut findings);
    if let Some(policy) = policy.as_ref().filter(|_| is_valid) {
        let hosts = look.mx_hosts();
        match look.mx.answer.state() {
            State::Found if !hosts.is_empty() => compare::with_mx(&look.policy.url, policy, &hosts, &mut findings),
            // Without MX records mail goes to the domain itself (RFC 5321 5.1).
            State::Missing => compare::with_mx(&look.policy.url, policy, std::slice::from_ref(&look.domain), &mut findings),
            State::Found | State::Failed => {}
        }
        compare::with_seen(&look.policy.url, policy, expected.seen, &mut findings);
    }
    findings.sort_by_key(|finding| finding.severity);
    Judgement { tlsrpt, mta_sts, policy, findings }
}

/// Reads TXT records with `read`, unless it is not known whether there are any.
fn in_force<T>(
    texts: &Texts,
    missing: Code,
    findings: &mut Vec<Finding>,
    read: impl FnOnce(&str, &[String], &mut Vec<Finding>) -> Option<T>,
) -> Option<T> {
    match &texts.answer {
        Answer::Found(found) => read(&texts.name, found, findings),
        Answer::Missing => {
            match texts.aliases.last() {
                Some(target) => findings.push(Finding::new(Code::AliasNowhere, &texts.name).found(target)),
                None => findings.push(Finding::new(missing, &texts.name)),
            }
            None
        }
        Answer::Failed(trouble) => {
            findings.push(Finding::new(Code::DnsFailed, &texts.name).found(trouble.to_string()));
            None
        }
    }
}

/// Whether the reports come to the tenant.
fn whose(name: &str, record: &TlsrptRecord, address: &str, receiver: &Receiver, findings: &mut Vec<Finding>) {
    let of: Vec<(&String, Whose)> = record.rua.iter().map(|uri| (uri, receiver.whose(uri, address))).collect();
    let is_own = of.iter().any(|(_, whose)| *whose == Whose::Own);
    for (uri, whose) in of {
        match whose {
            Whose::Own => {}
            Whose::Wrong => findings.push(Finding::new(Code::TlsrptRuaAddress, name).found(uri)),
            Whose::Elsewhere if is_own => findings.push(Finding::new(Code::TlsrptRuaElsewhere, name).found(uri)),
            Whose::Elsewhere => findings.push(Finding::new(Code::TlsrptRuaNotHere, name).found(uri)),
        }
    }
}

/// What the policy says, and whether senders have it: an answer that they take, without anything that makes it none.
fn policy(file: &PolicyFile, domain: &Domain, findings: &mut Vec<Finding>) -> (Option<Policy>, bool) {
    let url = &file.url;
    let at = |code: Code| Finding::new(code, url);
    let Fetched { status, content_type, location, body } = match &file.answer {
        Ok(fetched) => fetched,
        Err(unfetched) => {
            findings.push(match unfetched {
                Unfetched::NoHost => at(Code::PolicyHostMissing).found(policy_host(domain)),
                Unfetched::Forbidden => at(Code::PolicyHostForbidden).found(policy_host(domain)),
                Unfetched::Connection => at(Code::PolicyConnection),
                Unfetched::CertificateExpired => at(Code::PolicyCertificateExpired),
                Unfetched::CertificateHost => at(Code::PolicyCertificateHost),
                Unfetched::CertificateUntrusted => at(Code::PolicyCertificateUntrusted),
                Unfetched::Tls => at(Code::PolicyTls),
                Unfetched::Dns => Finding::new(Code::DnsFailed, policy_host(domain)),
            });
            return (None, false);
        }
    };
    match status {
        200 => {}
        300..400 => {
            findings.push(at(Code::PolicyRedirect).found(location.as_deref().unwrap_or_default()));
            return (None, false);
        }
        _ => {
            findings.push(at(Code::PolicyStatus).found(status.to_string()));
            return (None, false);
        }
    }
    let media_type = content_type.as_deref().unwrap_or_default();
    if !media_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/plain") {
        findings.push(at(Code::PolicyMediaType).found(media_type));
    }
    let Some(body) = body else {
        findings.push(at(Code::PolicyTooLarge));
        return (None, false);
    };
    let Ok(text) = str::from_utf8(body) else {
        findings.push(at(Code::PolicyNotText));
        return (None, false);
    };
    let policy = policy::read(url, text, findings);
    let is_valid = !findings.iter().any(|finding| finding.severity == Severity::Error);
    (Some(policy), is_valid)
}

/// The MX records and what they name.
fn mail_servers(look: &Look, findings: &mut Vec<Finding>) {
    let name = look.domain.as_str();
    let hosts = match &look.mx.answer {
        Answer::Found(hosts) => hosts,
        Answer::Missing => {
            findings.push(Finding::new(Code::MxMissing, name));
            return;
        }
        Answer::Failed(trouble) => {
            findings.push(Finding::new(Code::DnsFailed, name).found(trouble.to_string()));
            return;
        }
    };
    if look.dnssec == Dnssec::Bogus {
        findings.push(Finding::new(Code::DnssecBogus, name));
    }
    if look.mx.is_cut {
        findings.push(Finding::new(Code::MxMany, name));
    }
    let (null, named): (Vec<&MxHost>, Vec<&MxHost>) = hosts.iter().partition(|mx| mx.host.is_empty());
    match (null.is_empty(), named.is_empty()) {
        (false, true) => findings.push(Finding::new(Code::MxNull, name)),
        (false, false) => findings.push(Finding::new(Code::MxNullAmongOthers, name)),
        (true, _) => {}
    }
    for mx in &named {
        mail_server(name, mx, findings);
    }
    let has_tlsa = |mx: &&MxHost| mx.tlsa.as_found().is_some();
    if look.dnssec == Dnssec::Insecure
        && let Some(mx) = named.iter().copied().find(has_tlsa)
    {
        findings.push(Finding::new(Code::TlsaMxWithoutDnssec, name).found(&mx.host));
    }
}

/// One host of an MX record at `name`.
fn mail_server(name: &str, mx: &MxHost, findings: &mut Vec<Finding>) {
    let host = &mx.host;
    if host.parse::<IpAddr>().is_ok() {
        findings.push(Finding::new(Code::MxIsAddress, name).found(host));
        return;
    }
    if let Some(target) = mx.aliases.last() {
        findings.push(Finding::new(Code::MxIsAlias, name).found(format!("{host} leads to {target}")));
    }
    match &mx.addresses {
        Answer::Found(_) => {}
        Answer::Missing => findings.push(Finding::new(Code::MxWithoutAddress, name).found(host)),
        Answer::Failed(trouble) => findings.push(Finding::new(Code::DnsFailed, host).found(trouble.to_string())),
    }
    let tlsa_name = format!("_25._tcp.{host}");
    match &mx.tlsa {
        Answer::Found(records) => {
            if mx.dnssec == Dnssec::Insecure {
                findings.push(Finding::new(Code::TlsaWithoutDnssec, &tlsa_name));
            }
            for record in records.iter().filter(|record| !TLSA_USAGES.contains(&record.usage)) {
                findings.push(Finding::new(Code::TlsaUsage, &tlsa_name).found(&record.text));
            }
        }
        Answer::Missing => {}
        Answer::Failed(trouble) => findings.push(Finding::new(Code::DnsFailed, &tlsa_name).found(trouble.to_string())),
    }
    if mx.dnssec == Dnssec::Bogus {
        findings.push(Finding::new(Code::DnssecBogus, host));
    }
}

/// Whether the policy covers a host, where there is a policy that asks something of it.
pub(crate) fn covers(policy: Option<&Policy>, host: &str) -> Option<bool> {
    let policy = policy.filter(|policy| !matches!(policy.mode, None | Some(PolicyMode::None)))?;
    let host = Domain::parse(host).ok()?;
    Some(policy.mx.iter().any(|pattern| pattern.matches(&host)))
}
