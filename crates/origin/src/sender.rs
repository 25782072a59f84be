//! What the connection says of the sender: SPF (RFC 7208) and the host's name. Evidence that is shown and decides nothing.

use std::{net::IpAddr, sync::Arc};

use mail_auth::{Parameters, SpfResult, spf::verify::SpfParameters};

use crate::{
    dns::{Dns, NoAnswer},
    results::Results,
};

/// Names of an address that are looked at; a host has one.
const NAMES_MAX_COUNT: usize = 3;
/// Longest text of the session that is looked at, bytes: a longer one is no address.
const TEXT_MAX_BYTES: usize = 320;

/// What was found of the connecting host.
pub(crate) struct Sender {
    spf: Option<Spf>,
    iprev: (&'static str, Option<String>),
    ip: IpAddr,
}

struct Spf {
    result: &'static str,
    /// `smtp.mailfrom`, or `smtp.helo` when there is no reverse-path (RFC 7208 2.4).
    property: &'static str,
    domain: String,
}

/// Looks at the host that delivered a mail. None of a host in the operator's own network: that is a mail server in front of us, of
/// which neither says anything about the sender.
pub(crate) async fn look(ip: Option<IpAddr>, helo: Option<&str>, mail_from: Option<&str>, dns: &Arc<Dns>) -> Option<Sender> {
    let ip = ip.map(|ip| ip.to_canonical()).filter(|&ip| is_public(ip))?;
    let (iprev, spf) = tokio::join!(iprev(ip, dns), spf(ip, helo.unwrap_or_default(), mail_from.unwrap_or_default(), dns));
    Some(Sender { spf, iprev, ip })
}

async fn spf(ip: IpAddr, helo: &str, mail_from: &str, dns: &Arc<Dns>) -> Option<Spf> {
    let (property, domain) = match mail_from.rsplit_once('@') {
        Some((_, domain)) => ("smtp.mailfrom", domain),
        None => ("smtp.helo", helo),
    };
    if dns.is_away() || domain.is_empty() || helo.len() > TEXT_MAX_BYTES || mail_from.len() > TEXT_MAX_BYTES {
        return None;
    }
    // The library keeps the limits of RFC 7208 4.6.4: ten mechanisms that ask DNS, ten hosts of an MX.
    let parameters = match property {
        "smtp.mailfrom" => SpfParameters::verify_mail_from(ip, helo, "unknown", mail_from),
        _ => SpfParameters::verify_ehlo(ip, helo, "unknown"),
    };
    let output = dns.authenticator().check_host(Parameters::new(parameters)).await;
    let result = match output.result() {
        SpfResult::Pass => "pass",
        SpfResult::Fail => "fail",
        SpfResult::SoftFail => "softfail",
        SpfResult::Neutral => "neutral",
        SpfResult::TempError => {
            dns.suspect();
            "temperror"
        }
        SpfResult::PermError => "permerror",
        SpfResult::None => "none",
    };
    Some(Spf { result, property, domain: domain.to_owned() })
}

/// The host's name when it leads back to its address (RFC 8601 2.7.3).
async fn iprev(ip: IpAddr, dns: &Arc<Dns>) -> (&'static str, Option<String>) {
    let names = match dns.names(ip).await {
        Ok(names) => names,
        Err(NoAnswer::NotFound) => return ("permerror", None),
        Err(NoAnswer::Temporary) => return ("temperror", None),
    };
    let mut result = "fail";
    for name in names.iter().take(NAMES_MAX_COUNT) {
        match dns.addresses(name, ip).await {
            Ok(addresses) if addresses.contains(&ip) => return ("pass", Some(name.clone())),
            Ok(_) | Err(NoAnswer::NotFound) => {}
            Err(NoAnswer::Temporary) => result = "temperror",
        }
    }
    (result, None)
}

impl Sender {
    pub(crate) fn write(&self, results: &mut Results) {
        if let Some(spf) = &self.spf {
            results.method("spf", spf.result).property(spf.property, &spf.domain);
        }
        let (result, name) = &self.iprev;
        let line = results.method("iprev", result).property("policy.iprev", &self.ip.to_string());
        if let Some(name) = name {
            line.comment(name);
        }
    }
}

/// Whether an address is of the public Internet, as far as tests and documentation go by it too.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !(ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified() || ip.is_multicast()),
        IpAddr::V6(ip) => {
            !(ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_unspecified() || ip.is_multicast())
        }
    }
}
