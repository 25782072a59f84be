//! Mail, from the real binary's socket to the ledger.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tlsrpt_tests::{MailClient, Service, Setup, settled, taken};

const MAIL: &str = "From: reports@client.example\r\nSubject: no report\r\n\r\nNothing to count.\r\n";

#[tokio::test]
async fn a_mail_is_in_the_ledger_once_and_its_text_can_be_had_again() {
    let service = Setup::new().flag("--mail-host", "mx.example").start().await;
    let operator = service.operator();
    let access = operator.tenant("acme", &["acme.example"]).await;
    let mut client = MailClient::connect(&service.smtp_address()).await.unwrap();
    let to = format!("{}@mx.example", access.address);
    let id = taken(&client.send(&to, MAIL).await.unwrap()).unwrap().to_owned();
    for elsewhere in [format!("{}@other.example", access.address), "nobody@mx.example".to_owned()] {
        let reply = client.send(&elsewhere, MAIL).await.unwrap();
        assert!(reply.starts_with("550 5.1.1 "), "{reply}");
        client.ask("RSET\r\n").await.unwrap();
    }
    settled(&operator, 1).await;
    let entry = operator.json(&format!("/admin/v1/submissions/{id}")).await;
    assert_eq!((entry["channel"].as_str(), entry["fate"].as_str()), (Some("smtp"), Some("rejected")), "{entry}");
    let raw = operator.get(&format!("/admin/v1/submissions/{id}/raw")).await.is(200);
    assert_eq!(raw.body, MAIL.as_bytes());
    service.finish().await;
}

/// Memory that a process holds.
fn resident_bytes(service: &Service) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() << 10
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn honest_clients_are_served_while_a_thousand_say_nothing_and_another_sends_without_end() {
    const IDLE: usize = 1_000;
    const GROWTH_MAX_BYTES: u64 = 64 << 20;
    // Each side of a connection is an open file.
    let files = getrlimit(Resource::Nofile);
    let wanted = files.current.map_or(u64::MAX, |soft| soft.max(4 * IDLE as u64));
    setrlimit(Resource::Nofile, Rlimit { current: Some(wanted.min(files.maximum.unwrap_or(u64::MAX))), maximum: files.maximum }).unwrap();

    let service = Setup::new().start().await;
    let address = service.smtp_address();
    MailClient::connect(&address).await.unwrap().send("postmaster", MAIL).await.unwrap();
    let before = resident_bytes(&service);
    let mut idle = Vec::new();
    for _ in 0..IDLE {
        idle.push(MailClient::connect(&address).await.unwrap());
    }
    let mut endless = MailClient::connect(&address).await.unwrap();
    for command in ["MAIL FROM:<>\r\n", "RCPT TO:<postmaster>\r\n", "DATA\r\n"] {
        endless.ask(command).await.unwrap();
    }
    let flood = tokio::spawn(async move {
        let headers = "X-Header: without end\r\n".repeat(1_000);
        while endless.tell(&headers).await.is_ok() {}
    });
    let mut honest = MailClient::connect(&address).await.unwrap();
    for _ in 0..50 {
        let reply = honest.send("postmaster", MAIL).await.unwrap();
        assert!(taken(&reply).is_some(), "{reply}");
    }
    flood.await.unwrap();
    let growth = resident_bytes(&service).saturating_sub(before);
    eprintln!("{} KiB more for {IDLE} idle connections and an endless mail", growth >> 10);
    assert!(growth < GROWTH_MAX_BYTES, "{growth} bytes more");
    drop(idle);
    settled(&service.operator(), 51).await;
    service.finish().await;
}
