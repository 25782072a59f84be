//! Dovecot, asked by curl.

use std::time::{Duration, SystemTime};

use tlsrpt_mail_peers::{Clients, Dovecot, Peers};

const MAIL: &[u8] = b"From: a@sender.example\r\nSubject: one\r\n\r\nHello\r\n";

#[test]
fn a_mail_that_is_put_into_a_mailbox_is_read_over_imap() {
    let Some(peers) = Peers::here() else { return };
    let dovecot = Dovecot::start(&peers);
    let received = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    dovecot.put("INBOX", MAIL, received);
    dovecot.put("Reports.Old", MAIL, received);

    let clients = Clients::new(&peers, dovecot.authority());
    let login = format!("{}:{}", dovecot.user(), dovecot.password());
    let ask = |path: &str, more: &[&str]| {
        let url = format!("imaps://{}/{path}", dovecot.imaps());
        clients.curl(&[&["--user", &login, &url], more].concat(), b"").succeeded()
    };
    assert_eq!(ask("INBOX;UID=1", &[]).as_bytes(), MAIL);
    assert_eq!(ask("Reports.Old;UID=1", &[]).as_bytes(), MAIL);
    assert!(ask("INBOX", &["--request", "FETCH 1 INTERNALDATE"]).contains("14-Nov-2023 22:13:20 +0000"));
    assert_eq!(dovecot.mails("INBOX")[0].flags, "S");
}

#[test]
fn a_dovecot_that_is_stopped_and_started_keeps_its_mail() {
    let Some(peers) = Peers::here() else { return };
    let mut dovecot = Dovecot::start(&peers);
    dovecot.put("INBOX", MAIL, SystemTime::now());
    dovecot.stop();
    std::net::TcpStream::connect(dovecot.imaps()).unwrap_err();
    dovecot.start_again();
    assert_eq!(dovecot.mails("INBOX").len(), 1);
}
