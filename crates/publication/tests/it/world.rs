//! One name server and one HTTPS host for all tests of the process.

use std::{collections::BTreeMap, io::Write as _, net::Ipv4Addr, path::PathBuf, sync::LazyLock};

use tlsrpt_mail_peers::{Dns, Peers, Zones};
use tlsrpt_outbound::Reach;
use tlsrpt_publication::{Checker, Code, Expected, Judgement, Look, PublicationConfig, Receiver, Severity, judge};
use tlsrpt_report::Domain;

use crate::{
    dnssec,
    domain::{ADDRESS, BELOW, TestDomain},
    faults_of_mail, faults_of_policy, faults_of_records, host, looks, reach,
};

/// A zone that is not signed.
pub(crate) const UNSIGNED: &str = "unsigned.example";
/// A zone that the name server fails on.
pub(crate) const FAILING: &str = "failing.example";

pub(crate) struct World {
    dns: Dns,
    authorities: PathBuf,
    trust_anchors: PathBuf,
}

static WORLD: LazyLock<Option<World>> = LazyLock::new(|| {
    // On a thread of its own, with a runtime that outlives every test.
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        sender.send(Peers::here().map(|peers| runtime.block_on(World::start(&peers)))).unwrap();
        runtime.block_on(std::future::pending::<()>());
    });
    receiver.recv().expect("the world starts")
});

/// The world; none, and a line that says so, where name servers cannot run.
pub(crate) async fn world() -> Option<&'static World> {
    tokio::task::spawn_blocking(|| WORLD.as_ref()).await.unwrap()
}

impl World {
    async fn start(peers: &Peers) -> Self {
        let (web, without_tls, silent) = (peers.address(), peers.address(), peers.address());
        let tables =
            [faults_of_records::domains(), faults_of_policy::domains(), faults_of_mail::domains(), looks::domains(), reach::domains()];
        let domains: Vec<TestDomain> = tables.into_iter().flatten().collect();
        let filled = |records: &str, domain: &str| fill(records, domain, [web, without_tls, silent]);
        let records: String = domains.iter().map(|domain| filled(&domain.records, &domain.domain()) + "\n").collect();
        let (unsigned, failing) = (format!("{UNSIGNED}."), format!("{FAILING}."));
        let below = filled(dnssec::RECORDS, UNSIGNED);
        let zones = Zones { is_signed: true, unsigned: &[(&unsigned, &below)], failing: &[&failing] };
        let dns = Dns::with(peers, &records, &zones);
        let authority = host::authority();
        host::serve(web, &domains, &authority).await;
        host::serve_without_tls(without_tls).await;
        let file = |name: &str, text: String| {
            let path = dns.machine().path(name);
            std::fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
            path
        };
        let (authorities, trust_anchors) = (file("tmp/authorities.pem", authority.pem()), file("tmp/root.keys", dns.root_keys()));
        Self { dns, authorities, trust_anchors }
    }

    /// How domains of this world are looked at.
    pub(crate) fn config(&self) -> PublicationConfig {
        PublicationConfig {
            servers: vec![self.dns.address()],
            authorities: Some(self.authorities.clone()),
            trust_anchors: Some(self.trust_anchors.clone()),
            ..PublicationConfig::default()
        }
    }

    /// A checker that may connect to this world's hosts.
    pub(crate) fn checker(&self) -> Checker {
        Checker::new(&self.config(), Reach::new(vec!["127.0.0.0/8".parse().unwrap()])).unwrap()
    }

    /// Looks at each domain of a table, and holds what is found against what is to be found.
    pub(crate) async fn check_all(&self, table: Vec<TestDomain>) {
        let checker = self.checker();
        let mut wrong = String::new();
        let mut names = BTreeMap::new();
        for domain in table {
            assert!(names.insert(domain.name, ()).is_none(), "{} is twice in the table", domain.name);
            let look = checker.check(&Domain::parse(&domain.domain()).unwrap(), false).await.look;
            let mut found: Vec<(Code, Severity)> = judged(&look).findings.iter().map(|one| (one.code, one.severity)).collect();
            let mut expected = domain.expected.clone();
            found.sort();
            expected.sort();
            if found != expected {
                wrong += &format!("{}: found {found:?}, expected {expected:?}\n{look:#?}\n", domain.name);
            }
        }
        assert!(wrong.is_empty(), "{wrong}");
    }
}

/// Replaces what records leave open.
fn fill(records: &str, domain: &str, [web, without_tls, silent]: [Ipv4Addr; 3]) -> String {
    records
        .replace("{d}", domain)
        .replace("{a}", ADDRESS)
        .replace("{below}", BELOW)
        .replace("{web}", &web.to_string())
        .replace("{without-tls}", &without_tls.to_string())
        .replace("{silent}", &silent.to_string())
}

pub(crate) fn receiver() -> Receiver {
    Receiver { mail_hosts: vec!["reports.example".to_owned()], https_host: Some("in.reports.example".to_owned()) }
}

/// Judges for the tenant.
pub(crate) fn judged(look: &Look) -> Judgement {
    judge(look, Expected { receiver: &receiver(), address: Some(ADDRESS), seen: &[] })
}
