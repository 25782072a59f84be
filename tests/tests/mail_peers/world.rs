//! A service that the world's senders find by DNS, on the usual ports.

use std::net::SocketAddr;

use tempfile::TempDir;
use tlsrpt_mail_peers::{Authority, Clients, Dns, Envelope, Machine, Peers};
use tlsrpt_tests::{Operator, Policy, Report, Service, Setup, TenantAccess, Totals, settled, until, wide_period};

use crate::report_mail::report_mail;

/// The host part of the reporting addresses.
pub(crate) const REPORTS: &str = "reports.example";
/// The host that receives for it, by mail and by HTTPS.
pub(crate) const HOST: &str = "mx.reports.example";
/// Who sends reports.
pub(crate) const SUBMITTER: &str = "sender.example";
/// What the reports are about.
pub(crate) const DOMAIN: &str = "example.com";
const SENDER: &str = "reports@sender.example";

pub(crate) struct World {
    pub(crate) peers: Peers,
    pub(crate) authority: Authority,
    pub(crate) dns: Dns,
    pub(crate) clients: Clients,
    pub(crate) service: Service,
    pub(crate) tenant: TenantAccess,
    /// Of the service's certificate.
    _files: TempDir,
    smtp: SocketAddr,
}

impl World {
    /// A service with the defaults; none when mail servers cannot run here.
    pub(crate) async fn start() -> Option<Self> {
        Self::start_with(|setup| setup).await
    }

    pub(crate) async fn start_with(more: impl FnOnce(Setup) -> Setup) -> Option<Self> {
        let peers = Peers::here()?;
        let address = peers.address();
        let dns = Dns::start(&peers, &format!("{REPORTS}. MX 10 {HOST}.\n{HOST}. A {address}"));
        let authority = Authority::new();
        let certificate = authority.issue(&[HOST, REPORTS, &address.to_string()]);
        let files = tempfile::tempdir().unwrap();
        let (chain, key) = (files.path().join("chain.pem"), files.path().join("key.pem"));
        std::fs::write(&chain, certificate.chain).unwrap();
        std::fs::write(&key, certificate.key).unwrap();
        let setup = Setup::new()
            .flag("--smtp-listen", &format!("{address}:25"))
            .flag("--https-listen", &format!("{address}:443"))
            .flag("--https-tls", "files")
            .flag("--https-cert", chain.to_str().unwrap())
            .flag("--https-key", key.to_str().unwrap())
            .flag("--mail-host", REPORTS)
            .flag("--dns-server", &dns.address().to_string());
        let service = more(setup).start().await;
        let tenant = service.operator().tenant("acme", &[DOMAIN]).await;
        let clients = Clients::new(&peers, &authority);
        clients.machine().name_server(dns.machine().address());
        Some(Self { peers, authority, dns, clients, service, tenant, _files: files, smtp: (address, 25).into() })
    }

    /// A machine that asks the name server, and trusts the authority that the service's certificate is from.
    pub(crate) fn machine(&self, name: &str) -> Machine {
        let machine = Machine::new(&self.peers, name);
        machine.name_server(self.dns.machine().address());
        machine.trust(&self.authority);
        machine
    }

    pub(crate) fn smtp(&self) -> SocketAddr {
        self.smtp
    }

    /// Where the tenant's reports go by mail.
    pub(crate) fn mailbox(&self) -> String {
        format!("{}@{REPORTS}", self.tenant.address)
    }

    pub(crate) fn envelope<'m>(&self, mailbox: &'m str) -> Envelope<'m> {
        Envelope { from: SENDER, to: mailbox }
    }

    /// A mail with the report `id` of 10 sessions that succeeded and 2 that failed.
    pub(crate) fn mail(&self, id: &str) -> String {
        let report = Report::new("Sender", id, vec![Policy::sts(DOMAIN, 10, 2)]);
        report_mail(&report, SUBMITTER, &self.mailbox())
    }

    /// swaks sends `mail` straight to the service, which takes it.
    pub(crate) fn send(&self, mail: &str) {
        let mailbox = self.mailbox();
        self.clients.swaks(self.smtp, self.envelope(&mailbox), mail.as_bytes(), &[]).succeeded();
    }

    /// Waits until the reports of [`World::mail`] with these ids are the tenant's, and nothing else; answers their trust.
    pub(crate) async fn counted(&self, ids: &[&str]) -> Vec<String> {
        let count = ids.len() as u64;
        let expected = Totals { successful: 10 * count, failed: 2 * count, reports: count };
        let tenant = self.service.tenant(&self.tenant.key);
        until(&format!("{expected:?}"), async || {
            let totals = Totals::of_summary(&tenant.json(&format!("/v1/summary?{}", wide_period())).await);
            if totals == expected { Ok(()) } else { Err(format!("{totals:?}")) }
        })
        .await;
        let answer = tenant.json(&format!("/v1/reports?{}", wide_period())).await;
        let reports = answer["reports"].as_array().unwrap();
        let trust = |id: &&str| {
            let report = reports.iter().find(|report| report["report_id"] == **id).unwrap_or_else(|| panic!("no {id}: {answer}"));
            report["trust"].as_str().unwrap().to_owned()
        };
        ids.iter().map(trust).collect()
    }

    /// The service has acknowledged so many submissions, each of which is a report that counts.
    pub(crate) async fn stored(&self, accepted: u64) {
        let ledger = settled(&self.operator(), accepted).await;
        assert_eq!(ledger.stored, accepted, "{ledger:?}");
    }

    pub(crate) fn operator(&self) -> Operator {
        self.service.operator()
    }
}
