//! Limits of the SMTP receiver, each with its reply.

use std::num::NonZeroU32;

use tlsrpt_edge::EdgeConfig;

use crate::{
    harness::{Edge, until},
    mail_client::{MailClient, taken},
};

async fn edge(change: impl FnOnce(&mut EdgeConfig)) -> (Edge, String) {
    let edge = Edge::plain(|config| {
        config.intake.rate.exempt_networks.clear();
        change(config);
    })
    .await;
    let address = format!("{}@mx.example", edge.address);
    (edge, address)
}

fn refused(edge: &Edge, reason: &str) -> f64 {
    edge.metric("tlsrpt_edge_refused_total", &[("channel", "smtp"), ("reason", reason)])
}

#[tokio::test]
async fn beyond_the_connections_in_all_and_of_one_peer_a_client_gets_421_and_then_a_place() {
    for (in_all, of_peer, reason) in [(2, 10, "connections"), (10, 2, "peer-connections")] {
        let (edge, address) = edge(|config| {
            config.smtp.connections_max = in_all;
            config.smtp.connections_per_ip_max = of_peer;
        })
        .await;
        let first = MailClient::connect(&edge).await;
        let _second = MailClient::connect(&edge).await;
        MailClient::silent(edge.mail.smtp).await.closes_after(&["421 4.7.0 "]).await;
        assert_eq!(refused(&edge, reason), 1.0);
        drop(first);
        until("a place is free", || edge.metric("tlsrpt_edge_open_connections", &[]) == 1.0).await;
        taken(&MailClient::connect(&edge).await.deliver(&address).await);
    }
}

#[tokio::test]
async fn a_peer_above_its_rate_is_to_come_back_and_so_are_mails_to_an_address_above_its() {
    let one = NonZeroU32::MIN;
    let (busy, _) = edge(|config| {
        config.intake.rate.per_ip_per_second = one;
        config.intake.rate.per_ip_burst = NonZeroU32::new(2).unwrap();
    })
    .await;
    let mut client = MailClient::connect(&busy).await;
    client.expect("EHLO c", "250-").await;
    let mut last = String::new();
    while !last.starts_with("450 4.7.1 ") {
        last = client.ask("MAIL FROM:<>").await;
        client.expect("RSET", "250 ").await;
    }
    assert!(last.contains("127.0.0.1") && last.contains("come back in 1 s"), "{last}");
    loop {
        let mut next = MailClient::silent(busy.mail.smtp).await;
        if next.reply().await.starts_with("421 4.7.0 ") {
            next.closes_after(&[]).await;
            break;
        }
    }

    let (busy, address) = edge(|config| {
        config.intake.rate.per_address_per_second = one;
        config.intake.rate.per_address_burst = one;
    })
    .await;
    let mut client = MailClient::connect(&busy).await;
    client.begin(&["postmaster"]).await;
    while !client.ask(&format!("RCPT TO:<{address}>")).await.starts_with("450 4.2.1 ") {}
    client.expect("RCPT TO:<abuse@mx.example>", "250 ").await;
}

#[tokio::test]
async fn beyond_the_bytes_in_flight_a_mail_is_to_come_back_and_then_is_taken() {
    let (edge, address) = edge(|config| config.intake.in_flight_max_bytes = 1_000).await;
    let mut slow = MailClient::connect(&edge).await;
    slow.begin(&[&address]).await;
    slow.expect("DATA", "354 ").await;
    slow.send("x".repeat(950)).await;
    until("950 bytes are in flight", || edge.metric("tlsrpt_edge_in_flight_bytes", &[]) == 950.0).await;
    let mut other = MailClient::connect(&edge).await;
    assert!(other.deliver(&address).await.starts_with("452 4.3.1 "));
    slow.send("\r\n.\r\n").await;
    taken(&slow.reply().await);
    taken(&other.deliver(&address).await);
    assert_eq!(edge.metric("tlsrpt_edge_in_flight_bytes", &[]), 0.0);
}

#[tokio::test]
async fn a_mail_above_the_limit_is_refused_by_its_size_or_at_its_end_and_an_endless_one_is_cut_off() {
    let (edge, address) = edge(|config| config.intake.submission_max_bytes = 100_000).await;
    let mut client = MailClient::connect(&edge).await;
    assert!(client.ask("EHLO c").await.contains("250-SIZE 100000\r\n"));
    client.expect("MAIL FROM:<> SIZE=100001", "552 5.3.4 ").await;
    client.begin(&[&address]).await;
    client.expect("DATA", "354 ").await;
    client.send("X-Header: text\r\n".repeat(10_000) + ".\r\n").await;
    assert!(client.reply().await.starts_with("552 5.3.4 "));
    client.begin(&[&address]).await;
    client.expect("DATA", "354 ").await;
    let headers = "X-Header: text\r\n".repeat(1_000);
    let mut sent_bytes = 0_usize;
    while client.try_send(&headers).await.is_ok() {
        assert_eq!(edge.metric("tlsrpt_edge_in_flight_bytes", &[]) as usize / 100_001, 0);
        sent_bytes += headers.len();
        assert!(sent_bytes < 200 << 20, "endless headers end somewhere");
    }
    assert_eq!(edge.submissions().await, []);
    taken(&MailClient::connect(&edge).await.deliver(&address).await);
}

#[tokio::test]
async fn a_hundred_thousand_recipients_are_a_hundred_and_the_end_of_the_session() {
    let (edge, address) = edge(|_| {}).await;
    let mut client = MailClient::connect(&edge).await;
    client.begin(&[]).await;
    let (mut taken, mut later) = (0, 0);
    let line = format!("RCPT TO:<{address}>");
    for _ in 0..100_000 {
        let reply = client.ask(&line).await;
        match &reply[..10] {
            "250 2.1.5 " => taken += 1,
            "452 4.5.3 " => later += 1,
            "421 4.7.0 " => break,
            _ => panic!("{reply}"),
        }
    }
    client.closes_after(&[]).await;
    assert_eq!((taken, later), (100, 9_898), "EHLO, MAIL and these are 10,000 commands");
}

#[tokio::test]
async fn whoever_is_slow_gets_421() {
    let (edge, address) = edge(|config| {
        config.smtp.command_timeout_ms = 200;
        config.smtp.data_chunk_timeout_ms = 200;
    })
    .await;
    let address = &*address;
    let at: [(&[&str], &str); 4] = [(&[], ""), (&[], "NOO"), (&[address], "DATA\r\nsome text"), (&[address], "BDAT 100\r\nsome text")];
    for (to, begun) in at {
        let mut client = MailClient::connect(&edge).await;
        if !to.is_empty() {
            client.begin(to).await;
        }
        client.send(begun).await;
        let mut last = String::new();
        while let Some(reply) = client.try_reply().await {
            last = reply;
        }
        assert!(last.starts_with("421 4.4.2 "), "{begun}: {last}");
    }
    assert_eq!(edge.submissions().await, []);
    until("the bytes are given back", || edge.metric("tlsrpt_edge_in_flight_bytes", &[]) == 0.0).await;
}

/// Trickles bytes at the pace of an attack, well within the time for one piece, until there is an answer.
async fn trickle(client: &mut MailClient, byte: &str) -> String {
    loop {
        client.try_send(byte).await.unwrap();
        if let Ok(reply) = tokio::time::timeout(std::time::Duration::from_millis(20), client.reply()).await {
            return reply;
        }
    }
}

#[tokio::test]
async fn whoever_trickles_gets_421_once_the_whole_time_is_over() {
    let (slow, address) = edge(|config| {
        config.smtp.command_timeout_ms = 400;
        config.smtp.data_timeout_ms = 400;
    })
    .await;
    let mut client = MailClient::connect(&slow).await;
    assert!(trickle(&mut client, "x").await.starts_with("421 4.4.2 "));
    let mut client = MailClient::connect(&slow).await;
    client.begin(&[&address]).await;
    client.expect("DATA", "354 ").await;
    assert!(trickle(&mut client, "x").await.starts_with("421 4.4.2 "));

    let (long, _) = edge(|config| config.smtp.session_timeout_ms = 400).await;
    let mut client = MailClient::connect(&long).await;
    let mut last = "250 ".to_owned();
    while last.starts_with("250 ") {
        last = trickle(&mut client, "NOOP\r\n").await;
    }
    assert!(last.starts_with("421 4.4.2 "), "{last}");
}

#[tokio::test]
async fn a_client_that_takes_no_replies_is_cut_off() {
    let (edge, _) = edge(|config| {
        config.smtp.reply_timeout_ms = 200;
        config.smtp.commands_max = u32::MAX;
    })
    .await;
    let mut client = MailClient::connect(&edge).await;
    let many = "EHLO c\r\n".repeat(10_000);
    while client.try_send(&many).await.is_ok() {}
    until("the connection is cut", || edge.metric("tlsrpt_edge_open_connections", &[]) == 0.0).await;
}
