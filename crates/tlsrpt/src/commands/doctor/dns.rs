//! DNS: whether it answers, and whether the mail hosts can be found.

use std::time::Duration;

use hickory_resolver::{TokioResolver, proto::rr::RecordType};
use tlsrpt_outbound::{ResolverOptions, resolver};

use super::{Finding, Role, chain};
use crate::config::Config;

const SUBJECT: &str = "dns";
const QUESTION_MAX: Duration = Duration::from_secs(4);

/// Asks for the root, then for each mail host.
pub(super) async fn check(config: Config, role: Role) -> Vec<Finding> {
    if !(role.verifies() || role.answers() || role.receives()) {
        return Vec::new();
    }
    let options = ResolverOptions { timeout: QUESTION_MAX, cache_entries_max: 64, active_requests_max: 16 };
    let resolver = match resolver(&config.origin.servers, &options) {
        Ok(resolver) => resolver,
        Err(error) => return vec![Finding::fail(SUBJECT, chain(&error), "correct origin.servers (--dns-server), or /etc/resolv.conf")],
    };
    if let Err(why) = has(&resolver, ".", RecordType::NS).await {
        let found = format!("the resolver does not answer: {why}");
        let remedy = "set origin.servers (--dns-server) to one that does; without DNS the verdicts on mails are deferred, and no domain is looked at";
        return vec![Finding::warn(SUBJECT, found, remedy)];
    }
    let mut findings = vec![Finding::ok(SUBJECT, "the resolver answers")];
    if role.receives() {
        for host in &config.mail_hosts {
            findings.push(mail_host(&resolver, host).await);
        }
    }
    findings
}

/// RFC 5321 5.1: where there is no MX the host itself is meant.
async fn mail_host(resolver: &TokioResolver, host: &str) -> Finding {
    let name = format!("{}.", host.trim_end_matches('.'));
    let mut found = Vec::new();
    for kind in [RecordType::MX, RecordType::A, RecordType::AAAA] {
        if has(resolver, &name, kind).await == Ok(true) {
            found.push(kind.to_string());
        }
    }
    if found.is_empty() {
        let remedy = "publish an MX, A or AAAA record for it that leads here: no sender finds it, and no mail comes";
        return Finding::warn(SUBJECT, format!("{host} has no MX, A or AAAA record"), remedy);
    }
    Finding::ok(SUBJECT, format!("{host} has {}", found.join(", ")))
}

/// Whether there is such a record, or why that is not known.
async fn has(resolver: &TokioResolver, name: &str, kind: RecordType) -> Result<bool, String> {
    match tokio::time::timeout(QUESTION_MAX, resolver.lookup(name, kind)).await {
        Ok(Ok(answer)) => Ok(answer.answers().iter().any(|record| record.record_type() == kind)),
        Ok(Err(error)) if error.is_no_records_found() || error.is_nx_domain() => Ok(false),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("nothing within {} s", QUESTION_MAX.as_secs())),
    }
}
