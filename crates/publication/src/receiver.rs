//! Where reports come in here, and what a tenant is to publish so that they do.

use serde::Serialize;
use tlsrpt_report::{Domain, UnixMillis};
use utoipa::ToSchema;

use crate::{
    published::{mta_sts_name, policy_url, tlsrpt_name},
    tlsrpt_record::Uri,
};

/// Where reports come in here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receiver {
    /// Host parts of reporting addresses; with none any host part may be right, and none is known to be.
    pub mail_hosts: Vec<String>,
    /// Host of the HTTPS receiver as senders reach it, with its port where that is not 443; none where it is not known.
    pub https_host: Option<String>,
}

/// A record to publish.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = RecordToPublish)]
pub struct Record {
    /// The DNS name.
    pub name: String,
    /// The record's type.
    #[schema(example = "TXT")]
    pub r#type: &'static str,
    /// Its text, without quotes.
    pub value: String,
    /// What it is for, and what to mind.
    pub why: String,
}

/// Whose an address in `rua` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The tenant's own.
    Own,
    /// At a host of ours, and not the tenant's.
    Wrong,
    /// Somebody else's.
    Elsewhere,
}

impl Receiver {
    /// The URIs by which reports come to the tenant with this reporting address.
    #[must_use]
    pub fn rua(&self, address: &str) -> Vec<String> {
        let mail = self.mail_hosts.first().map(|host| format!("mailto:{address}@{host}"));
        let https = self.https_host.as_ref().map(|host| format!("https://{host}/v1/tlsrpt/{address}"));
        mail.into_iter().chain(https).collect()
    }

    pub(crate) fn whose(&self, uri: &str, address: &str) -> Whose {
        let (is_here, is_address) = match Uri::parse(uri) {
            Uri::Mail { local, host } => {
                let is_here = self.mail_hosts.iter().any(|ours| ours.eq_ignore_ascii_case(host));
                // Without a list of ours the address alone tells: nobody guesses one.
                (is_here || self.mail_hosts.is_empty() && local.eq_ignore_ascii_case(address), local.eq_ignore_ascii_case(address))
            }
            Uri::Https { host, path } => {
                let host = host.strip_suffix(":443").unwrap_or(host);
                let given = path.strip_prefix("/v1/tlsrpt/").unwrap_or_default().trim_end_matches('/').eq_ignore_ascii_case(address);
                // A receiver takes reports without an address too: the report's own domain decides.
                let is_address = given || path.trim_end_matches('/') == "/v1/tlsrpt";
                let is_here = self.https_host.as_ref().map(|ours| ours.strip_suffix(":443").unwrap_or(ours).eq_ignore_ascii_case(host));
                (is_here.unwrap_or(given), is_address)
            }
            _ => (false, false),
        };
        match (is_here, is_address) {
            (true, true) => Whose::Own,
            (true, false) => Whose::Wrong,
            (false, _) => Whose::Elsewhere,
        }
    }

    /// The records that the tenant with this reporting address, if it is known, is to publish for a domain. `id` is that of the MTA-STS record that is there already.
    #[must_use]
    pub fn records(&self, domain: &Domain, address: Option<&str>, id: Option<&str>, now: UnixMillis) -> Vec<Record> {
        let rua = address.map(|address| self.rua(address)).unwrap_or_default();
        let tlsrpt = (!rua.is_empty()).then(|| Record {
            name: tlsrpt_name(domain),
            r#type: "TXT",
            value: format!("v=TLSRPTv1; rua={}", rua.join(",")),
            why: "Asks senders to report here how TLS went (RFC 8460 3). It is to be the only record of its kind; further addresses go \
                  behind a comma."
                .to_owned(),
        });
        let id = id.map_or_else(|| fresh_id(now), str::to_owned);
        let mta_sts = Record {
            name: mta_sts_name(domain),
            r#type: "TXT",
            value: format!("v=STSv1; id={id};"),
            why: format!(
                "Tells senders that there is a policy, and by another id that it changed (RFC 8461 3.1). Publish the policy first, at {}.",
                policy_url(domain)
            ),
        };
        tlsrpt.into_iter().chain([mta_sts]).collect()
    }
}

/// The date and time, in digits: later ones differ from all before.
fn fresh_id(now: UnixMillis) -> String {
    now.rfc3339().chars().take_while(|&c| c != '.').filter(char::is_ascii_alphanumeric).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    const ADDRESS: &str = "abcdefghijklmnopqrstuvwxyz";

    fn receiver(mail_hosts: &[&str], https_host: Option<&str>) -> Receiver {
        Receiver { mail_hosts: mail_hosts.iter().map(|&host| host.to_owned()).collect(), https_host: https_host.map(str::to_owned) }
    }

    #[test]
    fn the_records_to_publish_name_every_way_that_reports_come_in() {
        let domain = Domain::parse("example.com").unwrap();
        let values = |receiver: Receiver, id| {
            receiver
                .records(&domain, Some(ADDRESS), id, UnixMillis(1_780_000_000_123))
                .into_iter()
                .map(|record| record.value)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            values(receiver(&["reports.example"], Some("in.example:8443")), None),
            [
                format!("v=TLSRPTv1; rua=mailto:{ADDRESS}@reports.example,https://in.example:8443/v1/tlsrpt/{ADDRESS}"),
                "v=STSv1; id=20260528T202640;".to_owned()
            ]
        );
        assert_eq!(values(receiver(&[], None), Some("7")), ["v=STSv1; id=7;"]);
    }

    #[test]
    fn whose_an_address_is_is_told_by_host_and_address() {
        let known = receiver(&["reports.example"], Some("in.example"));
        let unknown = receiver(&[], None);
        for (uri, by_hosts, by_address) in [
            (format!("mailto:{ADDRESS}@Reports.example"), Whose::Own, Whose::Own),
            (format!("mailto:{ADDRESS}@elsewhere.example"), Whose::Elsewhere, Whose::Own),
            ("mailto:other@reports.example".to_owned(), Whose::Wrong, Whose::Elsewhere),
            ("mailto:other@elsewhere.example".to_owned(), Whose::Elsewhere, Whose::Elsewhere),
            (format!("https://in.example:443/v1/tlsrpt/{ADDRESS}"), Whose::Own, Whose::Own),
            ("https://in.example/v1/tlsrpt".to_owned(), Whose::Own, Whose::Elsewhere),
            ("https://in.example/v1/tlsrpt/other".to_owned(), Whose::Wrong, Whose::Elsewhere),
            ("https://elsewhere.example/v1/tlsrpt/other".to_owned(), Whose::Elsewhere, Whose::Elsewhere),
        ] {
            assert_eq!((known.whose(&uri, ADDRESS), unknown.whose(&uri, ADDRESS)), (by_hosts, by_address), "{uri}");
        }
    }
}
