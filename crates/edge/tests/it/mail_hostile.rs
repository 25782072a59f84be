//! Clients that mean no good, over real sockets; what they send is tried in every split by the session's own tests.

use std::net::SocketAddr;

use tlsrpt_edge::EdgeConfig;

use crate::{
    harness::{Edge, Setup, TlsMode, soon, until},
    mail_client::{MAIL_IN_DATA, MailClient, taken},
};

fn cert(edge: &Edge) -> String {
    std::fs::read_to_string(edge.dir.path().join("tls/self-signed.crt")).unwrap()
}

#[tokio::test]
async fn smuggled_mails_are_text_of_a_mail_that_is_refused() {
    let edge = Edge::plain(|_| {}).await;
    let address = format!("{}@mx.example", edge.address);
    for smuggled in ["\n.\n", "\r\n.\n", "\n.\r\n", "\r.\r", "\r.\r\n", "\r\n.\r", "\n\n.\r\n"] {
        let mut client = MailClient::connect(&edge).await;
        client.begin(&[&address]).await;
        client.expect("DATA", "354 ").await;
        for piece in ["From: a@client.example\r\n\r\ntext", smuggled, "MAIL FROM:<evil@client.example>\r\n"] {
            client.send(piece).await;
        }
        client.send(format!("RCPT TO:<{address}>\r\nDATA\r\nsmuggled\r\n.\r\n")).await;
        assert!(client.reply().await.starts_with("554 5.6.0 "), "{smuggled:?}");
        client.expect("NOOP", "250 ").await;
    }
    assert_eq!(edge.submissions().await, []);
}

#[tokio::test]
async fn a_mail_over_starttls_is_told_from_one_in_plain_text_and_nothing_before_tls_counts() {
    let edge = Edge::start(Setup::default()).await;
    let address = format!("{}@mx.example", edge.address);
    let injected = format!("MAIL FROM:<evil@client.example>\r\nRCPT TO:<{address}>\r\n");
    let mut client = MailClient::starttls(&edge, &cert(&edge), &injected).await;
    client.expect("MAIL FROM:<>", "503 5.5.1 ").await;
    let greeting = client.ask("EHLO client.example").await;
    assert!(!greeting.contains("STARTTLS"), "{greeting}");
    client.expect("STARTTLS", "503 5.5.1 ").await;
    taken(&client.deliver(&address).await);
    let facts = edge.submissions().await.pop().unwrap().mail.unwrap();
    assert_eq!((facts.tls.as_deref(), facts.helo.as_deref()), (Some("TLSv1.3"), Some("client.example")));
    assert_eq!(edge.metric("tlsrpt_edge_smtp_starttls_total", &[("outcome", "done")]), 1.0);

    let mut broken = MailClient::connect(&edge).await;
    broken.expect("STARTTLS", "220 ").await;
    broken.send("this is no TLS\r\n").await;
    while broken.try_reply().await.is_some() {}
    assert_eq!(edge.metric("tlsrpt_edge_smtp_starttls_total", &[("outcome", "failed")]), 1.0);
}

#[tokio::test]
async fn mail_has_tls_while_https_has_none_and_within_tls_from_the_start_too() {
    let edge = Edge::start(Setup { tls: TlsMode::Off, ..Setup::default() }).await;
    let address = format!("{}@mx.example", edge.address);
    taken(&MailClient::connect_tls(&edge, &cert(&edge), "").await.deliver(&address).await);
    assert_eq!(edge.submissions().await.pop().unwrap().mail.unwrap().tls.as_deref(), Some("TLSv1.3"));
    assert_eq!(edge.metric("tlsrpt_edge_smtp_sessions_total", &[("listener", "smtps")]), 1.0);
}

fn behind_proxy(config: &mut EdgeConfig) {
    config.smtp.proxy_networks = vec!["127.0.0.0/8".parse().unwrap()];
    config.smtp.proxy_timeout_ms = 300;
    config.smtp.connections_per_ip_max = 1;
}

#[tokio::test]
async fn behind_a_load_balancer_the_client_is_the_one_that_it_names() {
    let edge = Edge::plain(behind_proxy).await;
    let address = format!("{}@mx.example", edge.address);
    let connect = |client: &str| {
        let header = format!("PROXY TCP4 {client} 192.0.2.1 40000 25\r\nEHLO pipelined.example\r\n");
        async move {
            let mut client = MailClient::silent(edge.mail.smtp).await;
            client.send(header).await;
            client
        }
    };
    let mut first = connect("203.0.113.7").await;
    assert!(first.reply().await.starts_with("220 "));
    assert!(first.reply().await.starts_with("250-"));
    taken(&first.deliver(&address).await);
    connect("203.0.113.7").await.closes_after(&["421 4.7.0 "]).await;
    assert!(connect("203.0.113.8").await.reply().await.starts_with("220 "));
    let mut by_tls = MailClient::connect_tls(&edge, &cert(&edge), "PROXY TCP6 2001:db8::7 2001:db8::1 40000 465\r\n").await;
    taken(&by_tls.deliver(&address).await);
    let found: Vec<String> = edge.submissions().await.iter().map(|submission| submission.remote_ip.unwrap().to_string()).collect();
    assert_eq!(found, ["203.0.113.7", "2001:db8::7"]);
}

#[tokio::test]
async fn without_the_header_a_load_balancer_gets_nothing_and_from_others_it_is_no_command() {
    let edge = Edge::plain(behind_proxy).await;
    for header in ["", "PROXY TCP4 203.0", "EHLO client.example\r\n"] {
        let mut client = MailClient::silent(edge.mail.smtp).await;
        client.send(header).await;
        client.closes_after(&[]).await;
    }
    assert_eq!(edge.metric("tlsrpt_edge_refused_total", &[("reason", "proxy-header")]), 3.0);
    let open = Edge::plain(|_| {}).await;
    let mut client = MailClient::connect(&open).await;
    client.expect("PROXY TCP4 203.0.113.7 192.0.2.1 40000 25", "500 5.5.1 ").await;
}

#[tokio::test]
async fn at_the_order_to_stop_idle_clients_get_421_and_a_mail_that_has_begun_is_finished() {
    let edge = Edge::plain(|_| {}).await;
    let address = format!("{}@mx.example", edge.address);
    let mut idle = MailClient::connect(&edge).await;
    let mut addressed = MailClient::connect(&edge).await;
    addressed.begin(&[&address]).await;
    let mut begun = MailClient::connect(&edge).await;
    begun.begin(&[&address]).await;
    begun.expect("DATA", "354 ").await;
    begun.send(&MAIL_IN_DATA[..10]).await;
    let mut chunked = MailClient::connect(&edge).await;
    chunked.begin(&[&address]).await;
    chunked.send("BDAT 10\r\n0123456789").await;
    assert!(chunked.reply().await.starts_with("250 2.0.0 chunk"));
    until("the mails have begun", || edge.metric("tlsrpt_edge_in_flight_bytes", &[]) == 20.0).await;

    edge.shutdown.cancel();
    idle.closes_after(&["421 4.3.2 "]).await;
    addressed.closes_after(&["421 4.3.2 "]).await;
    assert!(!edge.serving.is_finished());
    begun.send(&MAIL_IN_DATA[10..]).await;
    begun.send("MAIL FROM:<>\r\n").await;
    begun.closes_after(&["250 2.0.0 taken", "421 4.3.2 "]).await;
    chunked.send("BDAT 1 LAST\r\nx").await;
    chunked.closes_after(&["250 2.0.0 taken", "421 4.3.2 "]).await;
    soon("the edge has stopped", edge.serving).await.unwrap();
}

#[tokio::test]
async fn a_mail_that_does_not_end_holds_the_end_up_for_the_grace_only() {
    let edge = Edge::plain(|config| config.smtp.shutdown_grace_ms = 200).await;
    let address = format!("{}@mx.example", edge.address);
    let mut stuck = MailClient::connect(&edge).await;
    stuck.begin(&[&address]).await;
    stuck.expect("DATA", "354 ").await;
    stuck.send("x").await;
    until("the mail has begun", || edge.metric("tlsrpt_edge_in_flight_bytes", &[]) == 1.0).await;
    edge.shutdown.cancel();
    stuck.closes_after(&["421 4.3.2 "]).await;
    soon("the edge has stopped", edge.serving).await.unwrap();
}

#[tokio::test]
async fn every_250_before_during_and_after_the_order_to_stop_is_on_the_log() {
    let edge = Edge::plain(|_| {}).await;
    let senders: Vec<_> = (0..8)
        .map(|_| {
            let (addr, address): (SocketAddr, String) = (edge.mail.smtp, format!("{}@mx.example", edge.address));
            tokio::spawn(async move {
                let (mut ids, mut client) = (Vec::new(), MailClient::silent(addr).await);
                let session = format!("MAIL FROM:<>\r\nRCPT TO:<{address}>\r\nDATA\r\n{MAIL_IN_DATA}");
                client.send("EHLO c\r\n").await;
                // Until the edge is gone.
                while client.try_send(&session).await.is_ok() {
                    while let Some(reply) = client.try_reply().await {
                        if reply.starts_with("250 2.0.0 taken") {
                            ids.push(taken(&reply));
                            break;
                        }
                    }
                }
                ids
            })
        })
        .collect();
    until("mails come in", || edge.metric("tlsrpt_edge_acknowledged_total", &[]) >= 50.0).await;
    edge.shutdown.cancel();
    let mut acknowledged = Vec::new();
    for sender in senders {
        acknowledged.extend(soon("a sender ends", sender).await.unwrap());
    }
    let (stored, _) = edge.on_the_log().await;
    assert!(acknowledged.len() >= 50);
    for id in acknowledged {
        assert!(stored.contains(&id), "{id} was acknowledged and is not on the log");
    }
}
