//! Mails over a real socket: what is on the log when they are answered, and what is not.

use std::collections::BTreeSet;

use tlsrpt_edge::LmtpAddress;
use tlsrpt_record::{Channel, MailFacts, Submission};
use tlsrpt_report::Trust;

use crate::{
    faulty_log::Mode,
    harness::{Edge, Setup, soon, until},
    mail_client::{MAIL, MAIL_IN_DATA, MailClient, taken},
    spool::spooling,
};

#[tokio::test]
async fn a_mail_is_on_the_log_as_it_came_with_what_is_known_of_it_when_it_is_answered() {
    let edge = Edge::start(Setup { hosts: vec!["mx.example".to_owned()], ..Setup::default() }).await;
    let mut client = MailClient::silent(edge.mail.smtp).await;
    assert_eq!(client.reply().await, "220 mx.example ESMTP tlsrpt\r\n");
    let to = format!("{}+x@MX.example", edge.address.to_uppercase());
    let id = taken(&client.deliver(&to).await);
    let submissions = edge.submissions().await;
    let expected = Submission {
        id: submissions[0].id,
        channel: Channel::Smtp,
        address: Some(edge.address.clone()),
        remote_ip: Some("127.0.0.1".parse().unwrap()),
        content_type: None,
        trust: Trust::None,
        mail: Some(MailFacts {
            helo: Some("client.example".to_owned()),
            mail_from: Some("reports@client.example".to_owned()),
            recipients: vec![to],
            tls: None,
            origin: None,
        }),
        replay: false,
        payload: MAIL.into(),
    };
    assert_eq!(submissions, [expected]);
    assert_eq!(submissions[0].id.to_string(), id);
    client.expect("QUIT", "221 2.0.0 ").await;
    client.closes_after(&[]).await;
    assert_eq!(edge.metric("tlsrpt_edge_acknowledged_total", &[("channel", "smtp")]), 1.0);
    assert_eq!(edge.metric("tlsrpt_edge_received_bytes_total", &[("channel", "smtp")]), MAIL.len() as f64);
    assert_eq!(edge.metric("tlsrpt_edge_smtp_sessions_total", &[("listener", "smtp")]), 1.0);
}

#[tokio::test]
async fn several_recipients_are_one_submission_and_those_who_are_not_here_are_refused_at_once() {
    let edge = Edge::plain(|_| {}).await;
    let mut client = MailClient::connect(&edge).await;
    let here = format!("{}@anything.example", edge.address);
    client.begin(&["postmaster", "abuse@x.example", &here]).await;
    for elsewhere in ["nobody@x.example".to_owned(), format!("{}%x.example@y.example", edge.address)] {
        client.expect(&format!("RCPT TO:<{elsewhere}>"), "550 5.1.1 ").await;
    }
    client.expect("DATA", "354 ").await;
    client.send(MAIL_IN_DATA).await;
    taken(&client.reply().await);
    let submissions = edge.submissions().await;
    assert_eq!(submissions.len(), 1);
    assert_eq!(submissions[0].address.as_deref(), Some(&*edge.address));
    assert_eq!(submissions[0].mail.as_ref().unwrap().recipients, ["postmaster", "abuse@x.example", &here]);
    assert_eq!(edge.metric("tlsrpt_edge_refused_total", &[("channel", "smtp"), ("reason", "unknown-address")]), 2.0);

    client.expect("MAIL FROM:<>", "250 ").await;
    client.expect("RCPT TO:<Abuse@x.example>", "250 ").await;
    client.expect("BDAT 6 LAST\r\na\r\nb", "250 2.0.0 ").await;
    let kept = edge.submissions().await.pop().unwrap();
    assert_eq!((kept.address.as_deref(), &kept.payload[..]), (Some("abuse"), &b"a\r\nb\r\n"[..]));
}

#[tokio::test]
async fn what_the_log_does_not_take_is_never_answered_with_250() {
    let edge = Edge::plain(|config| config.intake.ack_timeout_ms = 100).await;
    let address = format!("{}@mx.example", edge.address);
    for (mode, expected) in
        [(Mode::Away, "451 4.3.0 "), (Mode::Silent, "451 4.3.0 "), (Mode::Busy, "452 4.3.1 "), (Mode::Narrow(10), "552 5.3.4 ")]
    {
        edge.faults.set(mode);
        let mut client = MailClient::connect(&edge).await;
        let reply = client.deliver(&address).await;
        assert!(reply.starts_with(expected), "{mode:?}: {reply}");
        client.expect("NOOP", "250 ").await;
    }
    assert_eq!(edge.metric("tlsrpt_edge_acknowledged_total", &[]), 0.0);
    edge.faults.set(Mode::There);
    let mut replies = Vec::new();
    // A log that is there may be slow too, on a busy machine: then the client does as it is told.
    while replies.last().is_none_or(|reply: &String| reply.starts_with("451 4.3.0 ")) && replies.len() < 100 {
        replies.push(MailClient::connect(&edge).await.deliver(&address).await);
    }
    let id = taken(&replies.pop().unwrap());
    assert!(edge.on_the_log().await.0.contains(&id));
}

#[tokio::test]
async fn while_the_log_is_away_mails_are_spooled_and_each_is_on_it_once_when_it_is_back() {
    let edge = Edge::start(spooling(Mode::Away, |_| {})).await;
    let address = format!("{}@mx.example", edge.address);
    let mut client = MailClient::connect(&edge).await;
    let mut ids = BTreeSet::new();
    for _ in 0..5 {
        ids.insert(taken(&client.deliver(&address).await));
    }
    edge.faults.set(Mode::There);
    edge.drained().await;
    assert_eq!(edge.on_the_log().await, (ids, 5));
    let submission = edge.submissions().await.pop().unwrap();
    assert_eq!((&submission.payload[..], submission.mail.unwrap().recipients), (MAIL.as_bytes(), vec![address]));
}

#[tokio::test]
async fn what_a_client_sends_at_once_is_answered_in_order_even_when_it_sends_no_more() {
    let edge = Edge::plain(|_| {}).await;
    let mut client = MailClient::connect(&edge).await;
    let envelope = format!("MAIL FROM:<>\r\nRCPT TO:<{}@mx.example>\r\n", edge.address);
    client.send(format!("EHLO c\r\n{envelope}DATA\r\n{MAIL_IN_DATA}{envelope}BDAT {} LAST\r\n{MAIL}QUIT\r\n", MAIL.len())).await;
    client.half_close().await;
    client
        .closes_after(&[
            "250-",
            "250 2.1.0 ",
            "250 2.1.5 ",
            "354 ",
            "250 2.0.0 taken",
            "250 2.1.0 ",
            "250 2.1.5 ",
            "250 2.0.0 taken",
            "221 ",
        ])
        .await;
    assert!(edge.submissions().await.iter().all(|submission| submission.payload == MAIL));
    assert_eq!(edge.submissions().await.len(), 2);
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_a_mail_leaves_nothing_behind() {
    let edge = Edge::plain(|_| {}).await;
    let address = format!("{}@mx.example", edge.address);
    for text in ["DATA\r\nhalf a mail\r\n.", "BDAT 100 LAST\r\nhalf a mail", "BDAT 5\r\nhalf\n"] {
        let mut client = MailClient::connect(&edge).await;
        client.begin(&[&address]).await;
        client.send(text).await;
        client.half_close().await;
        while client.try_reply().await.is_some() {}
    }
    until("no connection is left", || edge.metric("tlsrpt_edge_open_connections", &[]) == 0.0).await;
    assert_eq!(edge.metric("tlsrpt_edge_in_flight_bytes", &[]), 0.0);
    assert_eq!(edge.submissions().await, []);
}

#[tokio::test]
async fn a_mail_server_of_ones_own_hands_over_by_lmtp_over_a_socket_that_ends_with_the_edge() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lmtp");
    let edge = Edge::start_in(dir, Setup { lmtp: Some(LmtpAddress::Unix(path.clone())), ..Setup::default() }).await;
    let mut client = MailClient::connect_unix(&path).await;
    assert!(!client.ask("LHLO mta.example").await.contains("STARTTLS"));
    client.expect("MAIL FROM:<reports@client.example>", "250 2.1.0 ").await;
    client.expect(&format!("RCPT TO:<{}@mx.example>", edge.address), "250 2.1.5 ").await;
    client.expect("RCPT TO:<nobody@mx.example>", "550 5.1.1 ").await;
    client.expect("RCPT TO:<postmaster@mx.example>", "250 2.1.5 ").await;
    client.expect("DATA", "354 ").await;
    client.send(MAIL_IN_DATA).await;
    assert_eq!(taken(&client.reply().await), taken(&client.reply().await));
    edge.faults.set(Mode::Away);
    client.expect("MAIL FROM:<>", "250 ").await;
    client.expect("RCPT TO:<postmaster@mx.example>", "250 ").await;
    client.expect("RCPT TO:<abuse@mx.example>", "250 ").await;
    client.expect("DATA", "354 ").await;
    client.send(MAIL_IN_DATA).await;
    for _ in 0..2 {
        assert!(client.reply().await.starts_with("451 4.3.0 "));
    }
    let submissions = edge.submissions().await;
    assert_eq!(submissions.len(), 1);
    let facts = submissions[0].mail.clone().unwrap();
    assert_eq!((submissions[0].remote_ip, facts.helo, facts.mail_from.as_deref()), (None, None, Some("reports@client.example")));
    edge.shutdown.cancel();
    client.closes_after(&["421 4.3.2 "]).await;
    soon("the edge has stopped", edge.serving).await.unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn lmtp_over_tcp_knows_no_limits_of_one_peer() {
    let setup = || {
        let mut setup = Setup { lmtp: Some("127.0.0.1:0".parse().unwrap()), ..Setup::default() };
        setup.config.intake.rate.exempt_networks.clear();
        setup.config.smtp.connections_per_ip_max = 1;
        setup
    };
    let edge = Edge::start(setup()).await;
    let Some(LmtpAddress::Tcp(addr)) = edge.mail.lmtp else { panic!("LMTP is spoken") };
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut client = MailClient::silent(addr).await;
        assert!(client.reply().await.starts_with("220 [127.0.0.1] LMTP "));
        assert!(client.ask("LHLO mta.example").await.contains("STARTTLS"));
        open.push(client);
    }
}
