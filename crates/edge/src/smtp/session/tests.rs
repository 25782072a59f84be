//! What a client sends, and what it gets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use tlsrpt_record::MailFacts;

use super::*;

const MAIL_MAX_BYTES: usize = 1_000;

/// Lets everybody in who writes to `abc` or `def`; has room for so many bytes.
struct Open {
    room_bytes: usize,
    used_bytes: usize,
}

impl Default for Open {
    fn default() -> Self {
        Self { room_bytes: usize::MAX, used_bytes: 0 }
    }
}

impl Gate for Open {
    fn admit_mail(&mut self) -> Result<(), Refusal> {
        Ok(())
    }

    fn admit_address(&mut self, address: &str) -> Result<(), Refusal> {
        if ["abc", "def"].iter().any(|known| address.eq_ignore_ascii_case(known)) { Ok(()) } else { Err(Refusal::unknown_address(address)) }
    }

    fn take_room(&mut self, bytes: usize) -> Result<(), Refusal> {
        if self.used_bytes + bytes > self.room_bytes {
            return Err(Refusal::NoRoom { wait: Duration::from_secs(1) });
        }
        self.used_bytes += bytes;
        Ok(())
    }

    fn give_room_back(&mut self) {
        self.used_bytes = 0;
    }
}

/// What came of a client's bytes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    /// Code and status of each reply.
    replies: Vec<String>,
    mails: Vec<Mail>,
    is_closed: bool,
    secured: usize,
}

fn session(protocol: Protocol) -> Session {
    let rules = Rules {
        hosts: vec!["mx.example".to_owned()],
        mail_max_bytes: MAIL_MAX_BYTES,
        command_max_bytes: 512,
        commands_max: 40,
        bad_commands_max: 5,
        recipients_max: 3,
    };
    Session::new(Arc::new(rules), protocol, "mx.example".to_owned(), true, None)
}

/// Runs a session over pieces of what a client sends.
fn run<'p>(protocol: Protocol, pieces: impl IntoIterator<Item = &'p [u8]>) -> Outcome {
    run_through(Open::default(), protocol, pieces)
}

fn run_through<'p>(mut gate: Open, protocol: Protocol, pieces: impl IntoIterator<Item = &'p [u8]>) -> Outcome {
    let (mut session, mut input, mut outcome) = (session(protocol), BytesMut::new(), Outcome::default());
    let note = |outcome: &mut Outcome, reply: &Reply, times: usize| {
        let mut text = String::new();
        reply.write(&mut text);
        let status = text[4..].split(' ').next().filter(|status| status.contains('.') && !status.contains("example"));
        let short = status.map_or_else(|| text[..3].to_owned(), |status| format!("{} {status}", &text[..3]));
        outcome.replies.extend(std::iter::repeat_n(short, times));
    };
    for piece in pieces {
        input.extend_from_slice(piece);
        let mut answered = None;
        while !outcome.is_closed {
            match answered.take().unwrap_or_else(|| session.next(&mut input, &mut gate)) {
                Step::Read => break,
                Step::Say(reply, times) => note(&mut outcome, &reply, times),
                Step::Close(reply) => {
                    note(&mut outcome, &reply, 1);
                    outcome.is_closed = true;
                }
                Step::StartTls(reply) => {
                    note(&mut outcome, &reply, 1);
                    input.clear();
                    outcome.secured += 1;
                    session.secured(Some("TLSv1.3"), &mut gate);
                }
                Step::Deliver(mail) => {
                    outcome.mails.push(mail);
                    answered = Some(session.delivered(Ok(SubmissionId::now()), &mut gate));
                }
            }
        }
    }
    if !session.is_in_content() {
        assert_eq!(gate.used_bytes, 0, "room is given back");
    }
    outcome
}

/// Checks what a client gets, replies by commas, and the texts of the mails that were taken.
#[track_caller]
fn check(protocol: Protocol, client: &str, replies: &str, mails: &[&str]) {
    let whole = run(protocol, [client.as_bytes()]);
    let payloads: Vec<&[u8]> = whole.mails.iter().map(|mail| &mail.payload[..]).collect();
    let expected: Vec<&[u8]> = mails.iter().map(|mail| mail.as_bytes()).collect();
    assert_eq!((whole.replies.join(", "), payloads), (replies.to_owned(), expected), "{client}");
    if whole.secured == 0 {
        for size in 1..=3 {
            assert_eq!(run(protocol, client.as_bytes().chunks(size)), whole, "in pieces of {size}: {client}");
        }
    }
}

fn smtp(client: &str, replies: &str, mails: &[&str]) {
    check(Protocol::Smtp, client, replies, mails);
}

const BEGUN: &str = "EHLO client.example\r\nMAIL FROM:<a@client.example>\r\nRCPT TO:<abc@mx.example>\r\n";
const BEGUN_REPLIES: &str = "250, 250 2.1.0, 250 2.1.5";

/// A client that gets as far as the mail's text.
fn begun(rest: &str, replies: &str, mails: &[&str]) {
    smtp(&format!("{BEGUN}{rest}"), &format!("{BEGUN_REPLIES}, {replies}"), mails);
}

#[test]
fn a_mail_is_taken_as_it_came_with_what_is_known_of_it() {
    let client = "EHLO client.example\r\nMAIL FROM:<> SIZE=9\r\nRCPT TO:<ABC+plus@MX.example>\r\nRCPT TO:<postmaster>\r\nDATA\r\n..a\r\nb\0\r\n.\r\nQUIT\r\n";
    let outcome = run(Protocol::Smtp, [client.as_bytes()]);
    assert_eq!(outcome.replies.join(", "), "250, 250 2.1.0, 250 2.1.5, 250 2.1.5, 354, 250 2.0.0, 221 2.0.0");
    let facts = MailFacts {
        helo: Some("client.example".to_owned()),
        mail_from: Some(String::new()),
        recipients: vec!["ABC+plus@MX.example".to_owned(), "postmaster".to_owned()],
        tls: None,
        origin: None,
    };
    assert_eq!(outcome.mails, [Mail { address: Some("abc".to_owned()), facts, payload: Bytes::from_static(b".a\r\nb\0\r\n") }]);
    assert!(outcome.is_closed);
}

#[test]
fn commands_out_of_order_are_refused_and_change_nothing() {
    smtp("MAIL FROM:<>\r\n", "503 5.5.1", &[]);
    smtp("EHLO c\r\nRCPT TO:<abc@mx.example>\r\nDATA\r\n", "250, 503 5.5.1, 503 5.5.1", &[]);
    smtp("EHLO c\r\nMAIL FROM:<>\r\nDATA\r\n", "250, 250 2.1.0, 554 5.5.1", &[]);
    begun("MAIL FROM:<>\r\nDATA\r\na\r\n.\r\n", "503 5.5.1, 354, 250 2.0.0", &["a\r\n"]);
    begun("RSET\r\nDATA\r\n", "250 2.0.0, 503 5.5.1", &[]);
    begun("HELO c\r\nDATA\r\n", "250, 503 5.5.1", &[]);
    begun("DATA\r\na\r\n.\r\nDATA\r\n", "354, 250 2.0.0, 503 5.5.1", &["a\r\n"]);
}

#[test]
fn other_commands_are_answered() {
    smtp("NOOP\r\nnoop x\r\nHELP\r\nVRFY abc\r\nEXPN all\r\n", "250 2.0.0, 250 2.0.0, 214 2.0.0, 252 2.0.0, 502 5.5.1", &[]);
    smtp("LHLO c\r\nAUTH PLAIN x\r\nETRN x\r\nWHAT\r\n\r\n", "500 5.5.1, 502 5.5.1, 502 5.5.1, 500 5.5.1, 500 5.5.1", &[]);
}

#[test]
fn nobody_else_is_written_to_through_here() {
    for to in [
        "xyz@mx.example",
        "abc@elsewhere.example",
        "abc%elsewhere.example@mx.example",
        "elsewhere.example!abc@mx.example",
        "@mx.example:abc@elsewhere.example",
        "\"abc@elsewhere.example\"@mx.example",
        "\"abc\"@elsewhere.example",
        "abc@mx.example@elsewhere.example",
        "\\\"abc@mx.example\\\"@elsewhere.example",
        "postmaster@elsewhere.example",
        "@elsewhere.example:postmaster",
    ] {
        let outcome = run(Protocol::Smtp, [format!("EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<{to}>\r\nDATA\r\n").as_bytes()]);
        let refused = &outcome.replies[2];
        assert!(["550 5.1.1", "501 5.1.3", "501 5.5.2"].contains(&refused.as_str()), "{to}: {refused}");
        assert_eq!(outcome.replies[3], "554 5.5.1", "{to}");
    }
    // A route that ends here is no order to pass on (RFC 5321 appendix C).
    smtp("EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<@elsewhere.example:abc@mx.example>\r\n", "250, 250 2.1.0, 250 2.1.5", &[]);
}

#[test]
fn recipients_beyond_the_limit_come_later() {
    begun(
        "RCPT TO:<def@mx.example>\r\nRCPT TO:<abc@mx.example>\r\nRCPT TO:<def@mx.example>\r\nDATA\r\na\r\n.\r\n",
        "250 2.1.5, 250 2.1.5, 452 4.5.3, 354, 250 2.0.0",
        &["a\r\n"],
    );
}

#[test]
fn a_mail_that_is_too_large_or_empty_is_refused_and_the_session_goes_on() {
    smtp("EHLO c\r\nMAIL FROM:<> SIZE=1001\r\nMAIL FROM:<> SIZE=1000\r\n", "250, 552 5.3.4, 250 2.1.0", &[]);
    begun(&format!("DATA\r\n{}\r\n.\r\nNOOP\r\n", "x".repeat(MAIL_MAX_BYTES)), "354, 552 5.3.4, 250 2.0.0", &[]);
    begun("DATA\r\n.\r\nNOOP\r\n", "354, 554 5.6.0, 250 2.0.0", &[]);
    begun("BDAT 0 LAST\r\nNOOP\r\n", "554 5.6.0, 250 2.0.0", &[]);
    let long_line = format!("{}\r\n", "x".repeat(MAIL_MAX_BYTES - 2));
    begun(&format!("DATA\r\n{long_line}.\r\n"), "354, 250 2.0.0", &[&long_line]);
}

#[test]
fn a_mail_that_finds_no_room_is_to_come_back_and_the_session_goes_on() {
    let gate = Open { room_bytes: 100, ..Open::default() };
    let mail = |bytes: usize| format!("{BEGUN}DATA\r\n{}\r\n.\r\n", "x".repeat(bytes));
    let client = mail(200) + &mail(50).replace("EHLO client.example", "NOOP");
    let outcome = run_through(gate, Protocol::Smtp, client.as_bytes().chunks(10));
    let again = BEGUN_REPLIES.replacen("250", "250 2.0.0", 1);
    assert_eq!(outcome.replies.join(", "), format!("{BEGUN_REPLIES}, 354, 452 4.3.1, {again}, 354, 250 2.0.0"));
}

#[test]
fn a_mail_in_chunks_is_put_together_and_keeps_its_bytes() {
    begun("BDAT 3\r\na\r\nBDAT 4 LAST\r\n.\r\n\nNOOP\r\n", "250 2.0.0, 250 2.0.0, 250 2.0.0", &["a\r\n.\r\n\n"]);
    begun("BDAT 0\r\nBDAT 1\r\naBDAT 0 LAST\r\n", "250 2.0.0, 250 2.0.0, 250 2.0.0", &["a"]);
    begun("BDAT 2\r\na\nBDAT 2 LAST\r\n\rb", "250 2.0.0, 250 2.0.0", &["a\n\rb"]);
    begun("BDAT 1\r\naDATA\r\nRCPT TO:<def@mx.example>\r\nBDAT 0 LAST\r\n", "250 2.0.0, 503 5.5.1, 503 5.5.1, 250 2.0.0", &["a"]);
    begun("BDAT 1\r\naRSET\r\nBDAT 1 LAST\r\nb", "250 2.0.0, 250 2.0.0, 503 5.5.1", &[]);
}

#[test]
fn a_chunk_that_nobody_asked_for_is_never_taken_for_commands() {
    smtp("EHLO c\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n", "250, 503 5.5.1, 250 2.0.0", &[]);
    smtp(
        "EHLO c\r\nMAIL FROM:<>\r\nBDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n",
        "250, 250 2.1.0, 554 5.5.1, 554 5.5.1, 250 2.0.0",
        &[],
    );
    smtp("EHLO c\r\nBDAT 1001 LAST\r\nQUIT\r\n", "250, 503 5.5.1", &[]);
    begun("BDAT x\r\nQUIT\r\n", "501 5.5.2", &[]);
    let large = "x".repeat(1_500);
    begun(&format!("BDAT 1500\r\n{large}BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n"), "552 5.3.4, 503 5.5.1, 250 2.0.0", &[]);
}

#[test]
fn nothing_with_a_lone_cr_or_lf_ends_a_mail_or_starts_a_command() {
    for smuggled in ["\n.\n", "\r\n.\n", "\n.\r\n", "\r.\r", "\r.\r\n", "\r\n.\r", "\r\n.\r\r\n", "\r\n\r.\r\n", "\n\n.\r\n", "\r\n.\n\r\n"]
    {
        let second = "MAIL FROM:<evil@client.example>\r\nRCPT TO:<abc@mx.example>\r\nDATA\r\nsmuggled\r\n.\r\n";
        let client = format!("{BEGUN}DATA\r\ntext{smuggled}{second}NOOP\r\n");
        let expected = run(Protocol::Smtp, [client.as_bytes()]);
        assert_eq!(expected.replies.join(", "), format!("{BEGUN_REPLIES}, 354, 554 5.6.0, 250 2.0.0"), "{smuggled:?}");
        assert!(expected.mails.is_empty(), "{smuggled:?}");
        for at in 0..client.len() {
            let (head, tail) = client.as_bytes().split_at(at);
            assert_eq!(run(Protocol::Smtp, [head, tail]), expected, "{smuggled:?} split at {at}");
        }
    }
}

#[test]
fn a_command_with_a_lone_cr_or_lf_or_a_nul_or_without_end_ends_the_session() {
    for bad in ["NOOP\nQUIT\r\n", "NOOP\rQUIT\r\n", "NO\0OP\r\n", "\n", &"x".repeat(600)] {
        let outcome = run(Protocol::Smtp, [format!("NOOP\r\n{bad}NOOP\r\n").as_bytes()]);
        assert_eq!((outcome.replies.join(", ").as_str(), outcome.is_closed), ("250 2.0.0, 500 5.5.2", true), "{bad:?}");
    }
}

#[test]
fn what_comes_before_tls_is_forgotten_and_what_is_injected_behind_starttls_is_dropped() {
    let client = format!("{BEGUN}STARTTLS\r\nMAIL FROM:<evil@client.example>\r\nRSET\r\n");
    let outcome = run(Protocol::Smtp, [client.as_bytes(), b"DATA\r\n", b"MAIL FROM:<>\r\nEHLO again\r\nSTARTTLS\r\n"]);
    assert_eq!(outcome.replies.join(", "), format!("{BEGUN_REPLIES}, 220 2.0.0, 503 5.5.1, 503 5.5.1, 250, 503 5.5.1"));
    assert_eq!(outcome.secured, 1);
}

#[test]
fn the_greeting_offers_what_there_is() {
    let mut session = session(Protocol::Smtp);
    let ehlo = |session: &mut Session, line: &str| {
        let Step::Say(reply, 1) = session.next(&mut BytesMut::from(line), &mut Open::default()) else { panic!("no reply to {line}") };
        let mut text = String::new();
        reply.write(&mut text);
        text
    };
    let plain = ehlo(&mut session, "EHLO c\r\n");
    let offers = "250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n";
    assert_eq!(plain, format!("250-mx.example\r\n{offers}250-ENHANCEDSTATUSCODES\r\n250 STARTTLS\r\n"));
    session.secured(Some("TLSv1.3"), &mut Open::default());
    assert_eq!(ehlo(&mut session, "EHLO c\r\n"), format!("250-mx.example\r\n{offers}250 ENHANCEDSTATUSCODES\r\n"));
    assert_eq!(ehlo(&mut session, "HELO c\r\n"), "250 mx.example\r\n");
}

#[test]
fn too_many_commands_and_too_many_bad_ones_end_the_session() {
    smtp(&"NOOP\r\n".repeat(60), &format!("{}421 4.7.0", "250 2.0.0, ".repeat(40)), &[]);
    smtp(&"WHAT\r\n".repeat(60), &format!("{}421 4.7.0", "500 5.5.1, ".repeat(5)), &[]);
    let unknown = "RCPT TO:<xyz@mx.example>\r\n";
    begun(&unknown.repeat(60), &format!("{}421 4.7.0", "550 5.1.1, ".repeat(5)), &[]);
    // A mail that was taken makes up for what was refused before.
    let mail = "MAIL FROM:<>\r\nRCPT TO:<abc@mx.example>\r\nDATA\r\na\r\n.\r\n";
    let client = format!("EHLO c\r\n{}{mail}{}", "WHAT\r\n".repeat(5), "WHAT\r\n".repeat(5));
    let bad = "500 5.5.1, ".repeat(5);
    smtp(&client, &format!("250, {bad}250 2.1.0, 250 2.1.5, 354, 250 2.0.0, {}", bad.trim_end_matches(", ")), &["a\r\n"]);
}

#[test]
fn over_lmtp_each_recipient_has_a_reply_of_its_own() {
    let begun =
        "LHLO c\r\nMAIL FROM:<a@client.example>\r\nRCPT TO:<abc@mx.example>\r\nRCPT TO:<xyz@mx.example>\r\nRCPT TO:<def@mx.example>\r\n";
    let replies = "250, 250 2.1.0, 250 2.1.5, 550 5.1.1, 250 2.1.5";
    let lmtp = |rest: &str, answers: &str, mails: &[&str]| {
        check(Protocol::Lmtp, &format!("{begun}{rest}"), &format!("{replies}, {answers}"), mails)
    };
    lmtp("DATA\r\na\r\n.\r\n", "354, 250 2.0.0, 250 2.0.0", &["a\r\n"]);
    lmtp("BDAT 1\r\naBDAT 1 LAST\r\nb", "250 2.0.0, 250 2.0.0, 250 2.0.0", &["ab"]);
    lmtp("DATA\r\n.\r\n", "354, 554 5.6.0, 554 5.6.0", &[]);
    check(Protocol::Lmtp, "EHLO c\r\nHELO c\r\nLHLO c\r\nMAIL FROM:<>\r\nDATA\r\n", "500 5.5.1, 500 5.5.1, 250, 250 2.1.0, 503 5.5.1", &[]);
    let mail = run(Protocol::Lmtp, [format!("{begun}DATA\r\na\r\n.\r\n").as_bytes()]).mails.remove(0);
    assert_eq!((mail.facts.helo, mail.facts.recipients.len()), (None, 2), "the mail server's name says nothing of the sender");
}

fn script() -> impl Strategy<Value = Vec<u8>> {
    let line = prop::sample::select(vec![
        "EHLO c\r\n",
        "HELO c\r\n",
        "LHLO c\r\n",
        "MAIL FROM:<>\r\n",
        "RCPT TO:<abc@mx.example>\r\n",
        "RCPT TO:<xyz@mx.example>\r\n",
        "DATA\r\n",
        "text\r\n",
        "..\r\n",
        ".\r\n",
        "BDAT 5\r\n",
        "BDAT 6 LAST\r\n",
        "BDAT 2000\r\n",
        "BDAT 0 LAST\r\n",
        "RSET\r\n",
        "NOOP\r\n",
        "QUIT\r\n",
        "\n",
        "\r",
        ".",
        "\0",
        "x",
        "A large line that fills the room to its end sooner or later, since it is added again and again, and then once more for good measure\r\n",
    ]);
    prop::collection::vec(line, 0..40).prop_map(|lines| lines.concat().into_bytes())
}

proptest! {
    #[test]
    fn pieces_of_any_size_have_the_same_outcome(
        rest in script(),
        sizes in prop::collection::vec(1_usize..20, 1..50),
        begins in any::<bool>(),
        lmtp in any::<bool>(),
    ) {
        let protocol = if lmtp { Protocol::Lmtp } else { Protocol::Smtp };
        let client = if begins && !lmtp { [BEGUN.as_bytes(), &rest].concat() } else { rest };
        let mut left = &client[..];
        let mut pieces = Vec::new();
        for size in sizes.iter().cycle() {
            if left.is_empty() {
                break;
            }
            let (piece, rest) = left.split_at((*size).min(left.len()));
            pieces.push(piece);
            left = rest;
        }
        prop_assert_eq!(run(protocol, pieces), run(protocol, [&client[..]]));
    }
}
