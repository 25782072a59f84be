//! Mailboxes on a real server: Dovecot.

use std::{
    path::Path,
    process::Command,
    time::{Duration, SystemTime},
};

use serde_json::Value;
use tlsrpt_mail_peers::{Authority, Dovecot, Peers};
use tlsrpt_tests::{LogLines, Service, Setup, TenantAccess, caught_up, settled, until};

use super::{day, ended, import_to, mail, sees, summary, totals};

/// A service, and a Dovecot whose inbox has mails with these reports.
struct Both {
    service: Service,
    access: TenantAccess,
    dovecot: Dovecot,
}

impl Both {
    /// None where no mail server can run.
    async fn start(mails: std::ops::Range<i32>) -> Option<Self> {
        let peers = Peers::here()?;
        let dovecot = tokio::task::spawn_blocking(move || {
            let dovecot = Dovecot::start(&peers);
            mails.for_each(|number| dovecot.put("INBOX", crlf(&mail(number)).as_bytes(), taken_in(number)));
            dovecot
        });
        let service = Setup::new().start().await;
        let access = service.operator().tenant("acme", &["example.com"]).await;
        let dovecot = dovecot.await.unwrap();
        // The authority's certificate, for --ca.
        std::fs::write(service.data("ca.pem"), dovecot.authority().pem()).unwrap();
        Some(Self { service, access, dovecot })
    }

    fn url(&self, folder: &str) -> String {
        format!("imaps://{}@{}/{folder}", self.dovecot.user(), self.dovecot.imaps())
    }

    fn command(&self, args: &[&str]) -> Command {
        let ca = self.service.data("ca.pem");
        let mut command = import_to(&self.service, &[&["--ca", ca.to_str().unwrap()], args].concat());
        command.env("TLSRPT_IMAP_PASSWORD", self.dovecot.password());
        command
    }

    async fn imported(&self, args: &[&str]) -> Value {
        summary(&ended(self.command(args)).await, 0)
    }

    /// What it says on standard error or in its summary when not everything was imported.
    async fn fails(&self, command: Command) -> String {
        let output = ended(command).await;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    }

    async fn finish(self) {
        self.service.finish().await;
    }
}

fn crlf(text: &str) -> String {
    text.replace('\n', "\r\n")
}

/// When the server took the mail of this number in.
fn taken_in(number: i32) -> SystemTime {
    let at = day("2026-01-01").plus(number).start().0;
    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(at).unwrap())
}

#[tokio::test]
async fn a_mailbox_comes_in_and_stays_as_it_is_and_the_next_run_brings_what_is_new() {
    let Some(both) = Both::start(0..5).await else { return };
    let undated = "From: a@example.com\r\nSubject: hello\r\n\r\nhello\r\n";
    both.dovecot.put("Entw&APw-rfe", undated.as_bytes(), taken_in(30));
    let before = both.dovecot.mails("INBOX");
    let (inbox, drafts) = (both.url(""), both.url("Entwürfe"));
    let dry = both.imported(&["--dry-run", &inbox, &drafts]).await;
    assert_eq!((&dry["accepted"], &dry["reports"]), (&6.into(), &5.into()), "{dry}");
    assert_eq!(caught_up(&both.service.operator()).await.accepted, 0, "nothing was sent");

    let done = both.imported(&[&inbox, &drafts]).await;
    assert_eq!((&done["accepted"], &done["reports"], &done["skipped"]), (&6.into(), &5.into(), &0.into()), "{done}");
    assert_eq!(done["without_report"]["no-report"], 1, "{done}");
    // What says no time itself was received when the server took it in.
    assert_eq!(done["received"][1], "2026-01-31T00:00:00.000Z", "{done}");
    let ledger = settled(&both.service.operator(), 6).await;
    assert_eq!((ledger.stored, ledger.rejected), (5, 1), "{ledger:?}");
    sees(&both.service, &both.access, totals(0..5)).await;
    assert_eq!(both.dovecot.mails("INBOX"), before, "no flag has changed, and nothing is gone");

    both.dovecot.put("INBOX", crlf(&mail(5)).as_bytes(), taken_in(5));
    let next = both.imported(&[&inbox, &drafts]).await;
    assert_eq!((&next["accepted"], &next["skipped"]), (&1.into(), &6.into()), "{next}");
    settled(&both.service.operator(), 7).await;
    sees(&both.service, &both.access, totals(0..6)).await;

    // Without its state everything comes again and changes nothing; through STARTTLS too.
    let state = both.service.data("other-state.json");
    let starttls = format!("imap://{}@{}", both.dovecot.user(), both.dovecot.imap());
    let again = both.imported(&["--state", state.to_str().unwrap(), &starttls]).await;
    assert_eq!((&again["accepted"], &again["skipped"]), (&6.into(), &0.into()), "{again}");
    let ledger = settled(&both.service.operator(), 7).await;
    assert_eq!((ledger.stored, ledger.rejected), (6, 1), "{ledger:?}");
    assert!(state.is_file());
    both.finish().await;
}

#[tokio::test]
async fn what_is_durable_is_moved_and_nothing_else() {
    let Some(both) = Both::start(0..3).await else { return };
    // Larger than the service takes: it stays.
    let large = format!("From: a@example.com\r\n\r\n{}\r\n", "x".repeat(200_000));
    both.dovecot.put("INBOX", large.as_bytes(), taken_in(9));
    let inbox = both.url("INBOX");
    let mut command = both.command(&["--move-to", "Imported reports", &inbox]);
    command.env("TLSRPT_QUERY__SUBMISSION_MAX_BYTES", "100000");
    let told = summary(&ended(command).await, 1);
    assert_eq!((&told["accepted"], &told["moved"], &told["rejected"]["too-large"]), (&3.into(), &3.into(), &1.into()), "{told}");
    let left = both.dovecot.mails("INBOX");
    assert!(left.len() == 1 && left[0].raw == large.as_bytes(), "{}", left.len());
    let moved: Vec<Vec<u8>> = both.dovecot.mails("Imported reports").into_iter().map(|stored| stored.raw).collect();
    let mut expected: Vec<Vec<u8>> = (0..3).map(|number| crlf(&mail(number)).into_bytes()).collect();
    expected.sort();
    assert_eq!(moved, expected);

    // What an earlier run imported without moving is moved by the next that is told to, and is not sent again.
    both.dovecot.put("INBOX", crlf(&mail(3)).as_bytes(), taken_in(3));
    let first = both.imported(&[&inbox]).await;
    assert_eq!((&first["accepted"], &first["moved"]), (&2.into(), &0.into()), "{first}");
    let next = both.imported(&["--move-to", "Imported reports", &inbox]).await;
    assert_eq!((&next["accepted"], &next["skipped"], &next["moved"]), (&0.into(), &2.into(), &2.into()), "{next}");
    assert_eq!(both.dovecot.mails("INBOX"), []);
    // The three, the large one, and the fourth.
    settled(&both.service.operator(), 5).await;
    sees(&both.service, &both.access, totals(0..4)).await;

    // While the service takes nothing, nothing is moved.
    both.dovecot.put("INBOX", crlf(&mail(4)).as_bytes(), taken_in(4));
    let mut command = both.command(&["--move-to", "Imported reports", &inbox]);
    command.env("TLSRPT_ADMIN_KEY", "another-key");
    assert!(both.fails(command).await.contains("401"));
    assert_eq!(both.dovecot.mails("INBOX").len(), 1);
    both.finish().await;
}

#[tokio::test]
async fn where_the_server_cannot_move_messages_are_copied_and_then_removed_or_left_marked() {
    let Some(mut both) = Both::start(0..2).await else { return };
    let inbox = both.url("INBOX");
    for (capabilities, left, copies) in [("IMAP4rev1 UIDPLUS", "", 2), ("IMAP4rev1", "T", 3)] {
        both.dovecot.stop();
        let configuration = both.dovecot.machine().path("etc/dovecot/dovecot.conf");
        let mut text = std::fs::read_to_string(&configuration).unwrap();
        text.push_str(&format!("imap_capability = {capabilities}\n"));
        std::fs::write(&configuration, text).unwrap();
        both.dovecot.start_again();
        let output = ended(both.command(&["--move-to", "Imported", &inbox])).await;
        let done = summary(&output, 0);
        assert!(done["moved"].as_u64().unwrap() > 0, "{done}");
        let flags: Vec<String> = both.dovecot.mails("INBOX").into_iter().map(|stored| stored.flags).collect();
        assert_eq!((flags.concat().as_str(), both.dovecot.mails("Imported").len()), (left, copies), "{capabilities}: {flags:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr).contains("UIDPLUS"), !left.is_empty(), "{output:?}");
        both.dovecot.put("INBOX", crlf(&mail(2)).as_bytes(), taken_in(2));
    }
    settled(&both.service.operator(), 3).await;
    sees(&both.service, &both.access, totals(0..3)).await;
    both.finish().await;
}

#[tokio::test]
async fn a_connection_that_is_cut_is_made_anew_and_the_import_goes_on() {
    const MAILS: i32 = 100;
    let Some(mut both) = Both::start(0..MAILS).await else { return };
    let inbox = both.url("INBOX");
    // The service holds the first message up, so that the server goes while more than another round of them is left.
    both.service.pause();
    let mut child = both.command(&["--parallel", "1", &inbox]).spawn().unwrap();
    let mut said = LogLines::follow(child.stderr.take().unwrap());
    let log = both.dovecot.machine().path("var/log/dovecot");
    until("the import has logged in", async || {
        let text = std::fs::read_to_string(&log).unwrap();
        if text.contains("Login: user=<reports>") { Ok(()) } else { Err(text) }
    })
    .await;
    both.dovecot.stop();
    both.service.resume();
    until("the import says that it connects again", async || {
        let lines = said.all();
        if lines.iter().any(|line| line.contains("connecting again")) { Ok(()) } else { Err(lines.join("\n")) }
    })
    .await;
    both.dovecot.start_again();
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    said.join();
    let done = summary(&output, 0);
    assert_eq!(done["reports"], MAILS, "{done}");
    let ledger = settled(&both.service.operator(), u64::try_from(MAILS).unwrap()).await;
    assert_eq!(ledger.stored, u64::try_from(MAILS).unwrap(), "{ledger:?}");
    sees(&both.service, &both.access, totals(0..MAILS)).await;
    both.finish().await;
}

/// Gives a Maildir another UIDVALIDITY: it stands in the first line of the list of UIDs, `3 V1234 N5 …`, which decides when there is no
/// index.
fn number_anew(maildir: &Path) {
    let list = maildir.join("dovecot-uidlist");
    let text = std::fs::read_to_string(&list).unwrap();
    let (version, rest) = text.split_once(" V").unwrap();
    let (uid_validity, rest) = rest.split_once(' ').unwrap();
    let next: u32 = uid_validity.parse::<u32>().unwrap() + 7;
    // Written over, not made anew: it stays the mail server's.
    std::fs::write(&list, format!("{version} V{next} {rest}")).unwrap();
    for entry in std::fs::read_dir(maildir).unwrap().map(Result::unwrap) {
        if entry.file_name().to_string_lossy().starts_with("dovecot.index") {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
}

#[tokio::test]
async fn a_mailbox_that_is_numbered_anew_comes_in_again_and_nothing_changes() {
    let Some(mut both) = Both::start(0..3).await else { return };
    let inbox = both.url("INBOX");
    both.imported(&[&inbox]).await;
    both.dovecot.stop();
    number_anew(&both.dovecot.machine().path("var/vmail").join(both.dovecot.user()));
    both.dovecot.start_again();
    let output = ended(both.command(&[&inbox])).await;
    let again = summary(&output, 0);
    assert_eq!((&again["accepted"], &again["skipped"]), (&3.into(), &0.into()), "{again}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("UIDVALIDITY"), "{output:?}");
    let ledger = settled(&both.service.operator(), 3).await;
    assert_eq!(ledger.stored, 3, "{ledger:?}");
    both.finish().await;
}

#[tokio::test]
async fn a_server_that_cannot_be_trusted_or_does_not_trust_us_is_told_and_nothing_is_sent() {
    let Some(both) = Both::start(0..1).await else { return };
    let inbox = both.url("INBOX");
    let mut wrong = both.command(&[&inbox]);
    wrong.env("TLSRPT_IMAP_PASSWORD", "hunter2");
    let said = both.fails(wrong).await;
    assert!(said.contains("refuses the user name or the password") && !said.contains("hunter2"), "{said}");

    let file = both.service.data("password");
    std::fs::write(&file, format!("{}\n", both.dovecot.password())).unwrap();
    let mut command = both.command(&["--password-file", file.to_str().unwrap(), "--dry-run", &inbox]);
    command.env_remove("TLSRPT_IMAP_PASSWORD");
    assert_eq!(summary(&ended(command).await, 0)["accepted"], 1);
    let mut command = both.command(&[&inbox]);
    command.env_remove("TLSRPT_IMAP_PASSWORD");
    assert!(both.fails(command).await.contains("TLSRPT_IMAP_PASSWORD"), "without a terminal nobody can be asked");

    // Another authority, and the system's, which know nothing of it; another name.
    std::fs::write(both.service.data("other.pem"), Authority::new().pem()).unwrap();
    let other = both.service.data("other.pem").to_str().unwrap().to_owned();
    let untrusting = |args: &[&str]| {
        let mut command = import_to(&both.service, args);
        command.env("TLSRPT_IMAP_PASSWORD", both.dovecot.password());
        command
    };
    for command in [untrusting(&["--ca", &other, &inbox]), untrusting(&[&inbox])] {
        let said = both.fails(command).await;
        assert!(said.contains("certificate") && said.contains("--ca"), "{said}");
    }
    let starttls = format!("imap://{}@{}", both.dovecot.user(), both.dovecot.imap());
    assert!(both.fails(untrusting(&["--ca", &other, &starttls])).await.contains("certificate"));

    assert!(both.fails(both.command(&[&both.url("Nothing")])).await.contains("open the folder Nothing"));
    let said = both.fails(both.command(&["imaps://reports:hunter2@127.0.0.1/"])).await;
    assert!(said.contains("--password-file") && !said.contains("hunter2"), "{said}");
    assert_eq!(caught_up(&both.service.operator()).await.accepted, 0);
    both.finish().await;
}
