//! An authoritative DNS server on loopback, and mails that are signed with keys made for the occasion.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, SystemTime},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hickory_server::{
    Server,
    net::runtime::TokioRuntimeProvider,
    proto::rr::{
        LowerName, Name, RData, Record,
        rdata::{A, AAAA, PTR, SOA, TXT},
    },
    store::in_memory::InMemoryZoneHandler,
    zone_handler::{AxfrPolicy, Catalog, ZoneType},
};
use mail_auth::{common::crypto::Ed25519Key, common::headers::HeaderWriter as _, dkim::DkimSigner};
use tlsrpt_origin::{Evidence, OriginConfig, Verdict, Verifier};
use tlsrpt_report::UnixMillis;
use tokio::net::{TcpListener, UdpSocket};

/// What the server knows: the whole tree of names, from the root.
#[derive(Default)]
pub(crate) struct Zone(Vec<(String, RData)>);

impl Zone {
    pub(crate) fn txt(mut self, name: &str, text: &str) -> Self {
        // A string holds 255 bytes, a key of usual size does not fit.
        let strings = text.as_bytes().chunks(200).map(|chunk| String::from_utf8(chunk.to_vec()).unwrap()).collect();
        self.0.push((name.to_owned(), RData::TXT(TXT::new(strings))));
        self
    }

    pub(crate) fn host(mut self, name: &str, ip: &str) -> Self {
        let ip: IpAddr = ip.parse().unwrap();
        let address = match ip {
            IpAddr::V4(ip) => RData::A(A(ip)),
            IpAddr::V6(ip) => RData::AAAA(AAAA(ip)),
        };
        self.0.push((name.to_owned(), address));
        self.0.push((Name::from(ip).to_ascii(), RData::PTR(PTR(Name::from_ascii(format!("{name}.")).unwrap()))));
        self
    }

    fn catalog(&self) -> Catalog {
        let root = Name::root();
        let mut handler = InMemoryZoneHandler::<TokioRuntimeProvider>::empty(root.clone(), ZoneType::Primary, AxfrPolicy::Deny);
        let soa = SOA::new(root.clone(), root.clone(), 1, 60, 60, 60, 60);
        handler.upsert_mut(Record::from_rdata(root.clone(), 60, RData::SOA(soa)), 1);
        for (name, data) in &self.0 {
            let mut name = Name::from_str_relaxed(name).unwrap();
            name.set_fqdn(true);
            assert!(handler.upsert_mut(Record::from_rdata(name, 60, data.clone()), 1));
        }
        let mut catalog = Catalog::new();
        catalog.upsert(LowerName::from(&root), vec![Arc::new(handler)]);
        catalog
    }

    /// Serves it at a free address.
    pub(crate) async fn serve(&self) -> DnsServer {
        self.serve_at("127.0.0.1:0".parse().unwrap()).await
    }

    pub(crate) async fn serve_at(&self, addr: SocketAddr) -> DnsServer {
        let socket = UdpSocket::bind(addr).await.unwrap();
        let addr = socket.local_addr().unwrap();
        let mut server = Server::new(self.catalog());
        server.register_socket(socket);
        // Another test may hold the TCP port of this number: answers here fit into UDP.
        if let Ok(listener) = TcpListener::bind(addr).await {
            server.register_listener(listener, Duration::from_secs(5), 8);
        }
        DnsServer { addr, server }
    }
}

pub(crate) struct DnsServer {
    pub(crate) addr: SocketAddr,
    server: Server<Catalog>,
}

impl DnsServer {
    /// Ends it; the address answers no more.
    pub(crate) async fn end(mut self) -> SocketAddr {
        self.server.shutdown_gracefully().await.unwrap();
        self.addr
    }
}

/// A configuration for tests: short waits, and no verdict depends on how short.
pub(crate) fn config(server: SocketAddr) -> OriginConfig {
    OriginConfig { servers: vec![server], away_retry_ms: 20, ..OriginConfig::default() }
}

pub(crate) struct Signer {
    pkcs8: Vec<u8>,
}

impl Signer {
    pub(crate) fn new() -> Self {
        Self { pkcs8: Ed25519Key::generate_pkcs8().unwrap() }
    }

    fn key(&self) -> Ed25519Key {
        Ed25519Key::from_pkcs8_der(&self.pkcs8).unwrap()
    }

    /// The record of its key, with other tags before the key.
    pub(crate) fn record(&self, tags: &str) -> String {
        format!("v=DKIM1; k=ed25519; {tags}p={}", BASE64_STANDARD.encode(self.key().public_key()))
    }

    /// A mail with a signature of `domain`, selector `s1`, on top.
    pub(crate) fn sign(&self, domain: &str, mail: &str) -> String {
        self.sign_with(domain, mail, &["From", "Subject", "TLS-Report-Submitter"], |signer| signer)
    }

    pub(crate) fn sign_with(
        &self,
        domain: &str,
        mail: &str,
        headers: &[&str],
        more: impl FnOnce(DkimSigner<Ed25519Key, mail_auth::dkim::Done>) -> DkimSigner<Ed25519Key, mail_auth::dkim::Done>,
    ) -> String {
        let signer = DkimSigner::from_key(self.key()).domain(domain).selector("s1").headers(headers.iter().map(|&name| name.to_owned()));
        format!("{}{mail}", more(signer).sign(mail.as_bytes()).unwrap().to_header())
    }
}

/// A mail of these header lines.
pub(crate) fn mail(header: &[&str]) -> String {
    format!("{}\r\nSubject: Report Domain: example.org\r\n\r\nA report.\r\n", header.join("\r\n"))
}

pub(crate) fn now() -> UnixMillis {
    UnixMillis(i64::try_from(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap())
}

pub(crate) fn evidence(raw: &str) -> Evidence<'_> {
    Evidence { raw: raw.as_bytes(), received_at: now(), remote_ip: None, helo: None, mail_from: None }
}

pub(crate) async fn verdict(server: SocketAddr, raw: &str) -> Verdict {
    Verifier::new(&config(server)).unwrap().verify(&evidence(raw)).await
}
