//! `tlsrpt import` from files: every kind, twice, broken off, with the service away in between.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, SystemTime},
};

use serde_json::Value;
use tlsrpt_report::Day;
use tlsrpt_tests::{
    Encoding, LogLines, Policy, Report, Service, Setup, TenantAccess, Totals, caught_up, free_address, gzip, program, settled, today, until,
};

/// `tlsrpt import` with the summary as JSON.
fn import(data_dir: &Path, args: &[&str]) -> Command {
    let mut command = program();
    command.args(["import", "--json", "--data-dir"]).arg(data_dir).args(args);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it to its end beside the test.
async fn ended(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

/// Its summary; it must end with this status.
fn summary(output: &Output, status: i32) -> Value {
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(status), "{said}{errors}");
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}{errors}"))
}

async fn imported(service: &Service, args: &[&str]) -> Value {
    summary(&ended(import_to(service, args)).await, 0)
}

fn import_to(service: &Service, args: &[&str]) -> Command {
    let url = format!("http://{}", service.query_address());
    import(&service.data_dir(), &[&["--to", &url], args].concat())
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

/// The report of this number, of a day of its own in the years from 2019 on.
fn report(number: i32) -> Report {
    let sessions = u64::try_from(number).unwrap() + 1;
    let mut report = Report::new("Sender", &format!("r-{number}"), vec![Policy::sts("example.com", sessions, 1)]);
    report.day = day("2019-01-01").plus(number * 20);
    report
}

fn totals(numbers: std::ops::Range<i32>) -> Totals {
    let mut totals = Totals::default();
    numbers.for_each(|number| totals.add(&report(number)));
    totals
}

/// A mail with the report, received at 06:07:08 UTC on the day after it.
fn mail(number: i32) -> String {
    use std::fmt::Write as _;
    let report = report(number);
    let received = mail_date(report.day.plus(1));
    let zipped = gzip(report.text().as_bytes());
    let mut text = format!(
        "Return-Path: <tls@sender.example>\nReceived: from mx.sender.example by mail.example; {received} 08:07:08 +0200\n\
         Received: from a by b; Fri, 1 Jan 2016 00:00:00 +0000\nDate: {received} 01:00:00 +0000\nFrom: tls@sender.example\n\
         To: reports@example.com\nSubject: Report Domain: example.com Submitter: sender.example Report-ID: <{number}>\n\
         MIME-Version: 1.0\nContent-Type: multipart/report; report-type=tlsrpt; boundary=b\n\n--b\n\nA report.\n--b\n\
         Content-Type: application/tlsrpt+gzip\nContent-Transfer-Encoding: base64\n\n"
    );
    for line in base64(&zipped).as_bytes().chunks(76) {
        writeln!(text, "{}", std::str::from_utf8(line).unwrap()).unwrap();
    }
    text.push_str("--b--\n");
    text
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |word, &byte| word << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = if place <= chunk.len() { char::from(ALPHABET[(word >> (18 - 6 * place)) as usize & 63]) } else { '=' };
            text.push(digit);
        }
    }
    text
}

/// `Wed, 15 May 2024`, as a mail writes a day.
fn mail_date(day: Day) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let text = day.to_string();
    let parts: Vec<&str> = text.split('-').collect();
    let month: usize = parts[1].parse().unwrap();
    format!("{}, {} {} {}", DAYS[usize::try_from(day.0.rem_euclid(7)).unwrap()], parts[2], MONTHS[month - 1], parts[0])
}

/// An mbox of mails with these reports.
fn mbox(numbers: std::ops::Range<i32>) -> String {
    numbers.map(|number| format!("From tls@sender.example Thu Nov 26 09:48:51 2026\n{}\n", mail(number))).collect()
}

/// A file that was changed at this moment.
fn write(path: PathBuf, content: impl AsRef<[u8]>, changed: Option<&Report>) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, content).unwrap();
    if let Some(report) = changed {
        let at = u64::try_from(report.day.plus(1).start().0).unwrap() + 3600;
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(at)).unwrap();
    }
}

/// Reports 0 to 9 in every kind of file.
fn sources(dir: &Path) {
    write(dir.join("reports/plain.json"), report(0).encode(Encoding::Reordered), Some(&report(0)));
    write(dir.join("reports/deep/er/zipped.json.gz"), report(1).encode(Encoding::Gzip), Some(&report(1)));
    write(dir.join("reports/archive.zip"), report(2).encode(Encoding::Zip), Some(&report(2)));
    // Names say nothing.
    write(dir.join("reports/mail.json"), mail(3), None);
    write(dir.join("old.mbox"), mbox(4..7), None);
    write(dir.join("Maildir/cur/1.host:2,S"), mail(7), None);
    write(dir.join("Maildir/new/2.host"), mail(8), None);
    write(dir.join("Maildir/tmp/3.host"), "being written", None);
    write(dir.join("Maildir/.Archive/cur/4.host"), mail(9), None);
    write(dir.join("Maildir/.Archive/new/.keep"), "", None);
    write(dir.join("Maildir/dovecot-uidlist"), "3 V1 N4", None);
}

async fn sees(service: &Service, access: &TenantAccess, expected: Totals) {
    let path = format!("/v1/summary?from=2019-01-01&to={}", today());
    let summary = service.tenant(&access.key).json(&path).await;
    assert_eq!(Totals::of_summary(&summary), expected);
}

#[tokio::test]
async fn every_kind_of_file_comes_in_with_its_receipt_and_a_second_time_changes_nothing() {
    let service = Setup::new().start().await;
    let operator = service.operator();
    let access = operator.tenant("acme", &["example.com"]).await;
    let dir = tempfile::tempdir().unwrap();
    sources(dir.path());
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (reports, mboxes, maildir) = (path("reports"), path("*.mbox"), path("Maildir"));

    let dry = imported(&service, &["--dry-run", &reports, &mboxes, &maildir]).await;
    assert_eq!((&dry["dry_run"], &dry["accepted"], &dry["reports"]), (&Value::Bool(true), &10.into(), &10.into()), "{dry}");
    assert_eq!(caught_up(&operator).await.accepted, 0, "nothing was sent");

    for _ in 0..2 {
        let done = imported(&service, &["--address", &access.address, &reports, &mboxes, &maildir]).await;
        assert_eq!((&done["accepted"], &done["with_report"], &done["reports"]), (&10.into(), &10.into(), &10.into()), "{done}");
        assert_eq!(done["received"][0], format!("{}T01:00:00.000Z", report(0).day.plus(1)), "{done}");
        assert_eq!(done["received"][1], format!("{}T06:07:08.000Z", report(9).day.plus(1)), "{done}");
        let ledger = settled(&operator, 10).await;
        assert_eq!(ledger.stored, 10, "{ledger:?}");
        sees(&service, &access, totals(0..10)).await;
    }
    // The ledger has them on their days of receipt.
    let first = report(0).day.plus(1);
    let ledger = operator.json(&format!("/admin/v1/ledger?from={first}&to={first}")).await;
    assert_eq!(ledger["stored"], 1, "{ledger}");
    let listed = operator.json("/admin/v1/submissions?limit=1").await;
    let newest = &listed["submissions"][0];
    assert_eq!((&newest["channel"], &newest["address"]), (&"import".into(), &access.address.as_str().into()), "{newest}");
    // Freshness is of what comes in now.
    let metrics = service.operations().get("/metrics").await.text();
    assert!(metrics.contains("tlsrpt_writer_receipt_to_queryable_seconds_count 0"), "imports are none of it");
    // What a sender delivers now, in another form, is the same report.
    service.sender().send_to(&access.address, report(5).encode(Encoding::Gzip)).await;
    let ledger = settled(&operator, 11).await;
    assert_eq!((ledger.stored, ledger.duplicate), (10, 1), "{ledger:?}");
    sees(&service, &access, totals(0..10)).await;
    service.finish().await;
}

#[tokio::test]
async fn what_is_bad_is_told_with_its_reason_and_stops_nothing() {
    let service = Setup::new().start().await;
    let operator = service.operator();
    operator.tenant("acme", &["example.com"]).await;
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    write(path("a.bin"), [0, 1, 2, 3], None);
    write(path("b.empty"), "", None);
    write(path("c.eml"), "From: a@example.com\nDate: Wed, 15 May 2024 03:02:03 +0200\nSubject: hello\n\nhello\n", None);
    write(path("d.json"), "{}", Some(&report(0)));
    write(path("e.json"), report(1).text(), Some(&report(1)));
    let missing = path("missing.json").to_str().unwrap().to_owned();
    let output = ended(import_to(&service, &[&missing, dir.path().to_str().unwrap()])).await;
    let told = summary(&output, 1);
    assert_eq!((&told["accepted"], &told["reports"]), (&3.into(), &1.into()), "{told}");
    assert_eq!(told["without_report"], serde_json::json!({"no-policies": 1, "no-report": 1}), "{told}");
    assert_eq!(told["rejected"], serde_json::json!({"empty": 1, "unknown-form": 1}), "{told}");
    assert_eq!(told["failed"], serde_json::json!({"unreadable": 1}), "{told}");
    let named: Vec<&str> = told["named"].as_array().unwrap().iter().map(|named| named["name"].as_str().unwrap()).collect();
    assert!(named.len() == 3 && named.iter().any(|name| name.ends_with("a.bin")) && named.contains(&missing.as_str()), "{told}");
    let ledger = settled(&operator, 3).await;
    assert_eq!((ledger.stored, ledger.rejected), (1, 2), "{ledger:?}");

    // Without --json the same for people.
    let url = format!("http://{}", service.query_address());
    let mut command = program();
    command.args(["import", "--to", &url, "--data-dir"]).arg(service.data_dir()).arg(dir.path());
    let output = ended(command).await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    for part in ["accepted  3", "without a report  1 (no-report)", "rejected  1 (unknown-form)", "a.bin: unknown-form: "] {
        assert!(said.contains(part), "{part}: {said}");
    }

    // One thing that is wrong with all of it ends it at once, and is said.
    let file = path("e.json").to_str().unwrap().to_owned();
    let mut command = import_to(&service, &[&file]);
    command.env("TLSRPT_ADMIN_KEY", "another-key");
    let told = summary(&ended(command).await, 1);
    assert!(told["stopped"].as_str().unwrap().contains("401"), "{told}");
    let told = summary(&ended(import_to(&service, &["--address", "nobody", &file])).await, 1);
    assert!(told["stopped"].as_str().unwrap().contains("404"), "{told}");
    let output = ended(import_to(&service, &[dir.path().join("*.nothing").to_str().unwrap()])).await;
    assert!(output.status.code() == Some(1) && String::from_utf8_lossy(&output.stderr).contains("nothing matches"));
    assert_eq!(caught_up(&operator).await.accepted, 3);
    service.finish().await;
}

/// Waits until the ledger has accepted at least this many.
async fn accepted_at_least(service: &Service, number: u64) {
    let operator = service.operator();
    until("submissions are accepted", async || {
        let ledger = operator.json("/admin/v1/ledger").await;
        if ledger["accepted"].as_u64().unwrap() >= number { Ok(()) } else { Err(ledger.to_string()) }
    })
    .await;
}

const MANY: i32 = 120;
/// Copies of a report, each a mail of its own.
const COPIES: u64 = 20;

/// A mailbox with copies of many reports.
fn large_mbox(dir: &Path) -> String {
    let path = dir.join("large.mbox");
    let copies: Vec<String> = (0..COPIES).map(|copy| mbox(0..MANY).replace("\nSubject:", &format!("\nX-Copy: {copy}\nSubject:"))).collect();
    std::fs::write(&path, copies.concat()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_import_that_is_killed_and_started_again_brings_everything_once() {
    let service = Setup::new().start().await;
    let operator = service.operator();
    let access = operator.tenant("acme", &["example.com"]).await;
    let dir = tempfile::tempdir().unwrap();
    let mbox = large_mbox(dir.path());
    let all = u64::try_from(MANY).unwrap() * COPIES;
    let mut killed: Child = import_to(&service, &["--parallel", "2", &mbox]).spawn().unwrap();
    accepted_at_least(&service, 20).await;
    killed.kill().unwrap();
    killed.wait().unwrap();
    let before = caught_up(&operator).await.accepted;
    assert!((20..all).contains(&before), "it was killed in the middle: {before}");

    let done = imported(&service, &[&mbox]).await;
    assert_eq!((&done["accepted"], &done["reports"]), (&all.into(), &all.into()), "{done}");
    let ledger = settled(&operator, all).await;
    assert_eq!((ledger.stored, ledger.duplicate), (u64::try_from(MANY).unwrap(), all - u64::try_from(MANY).unwrap()), "{ledger:?}");
    sees(&service, &access, totals(0..MANY)).await;
    service.finish().await;
}

#[tokio::test]
async fn a_service_that_is_away_is_waited_for_visibly_and_the_import_goes_on() {
    let address = free_address().await.to_string();
    let mut service = Setup::new().flag("--query-listen", &address).start().await;
    let access = service.operator().tenant("acme", &["example.com"]).await;
    let dir = tempfile::tempdir().unwrap();
    let mbox = large_mbox(dir.path());
    let mut child = import_to(&service, &["--parallel", "2", &mbox]).spawn().unwrap();
    let mut said = LogLines::follow(child.stderr.take().unwrap());
    accepted_at_least(&service, 20).await;
    service.stop().await;
    until("the import says that it waits", async || {
        let lines = said.all();
        if lines.iter().any(|line| line.contains("waiting, for 600 s at most")) { Ok(()) } else { Err(lines.join("\n")) }
    })
    .await;
    service.start_again().await;
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    said.join();
    let lines = said.all();
    let all = u64::try_from(MANY).unwrap() * COPIES;
    let done = summary(&output, 0);
    assert_eq!(done["accepted"], all, "{done}");
    assert!(lines.iter().any(|line| line.contains("it goes on")), "{lines:?}");
    settled(&service.operator(), all).await;
    sees(&service, &access, totals(0..MANY)).await;
    service.finish().await;
}

#[tokio::test]
async fn a_service_that_stays_away_ends_the_import_which_says_what_was_not_sent() {
    let dir = tempfile::tempdir().unwrap();
    let mbox = large_mbox(dir.path());
    let url = format!("http://{}", free_address().await);
    let mut command = import(dir.path(), &["--to", &url, "--patience-s", "0", &mbox]);
    command.env("TLSRPT_ADMIN_KEY", "a-key");
    let told = summary(&ended(command).await, 1);
    assert!(told["stopped"].as_str().unwrap().contains("--patience-s"), "{told}");
    assert_eq!(told["accepted"], 0, "{told}");
    assert!(told["failed"]["not-taken"].as_u64().unwrap() > 0, "{told}");
    // Without a key nothing is tried.
    let output = ended(import(dir.path(), &["--to", &url, &mbox])).await;
    assert!(String::from_utf8_lossy(&output.stderr).contains("TLSRPT_ADMIN_KEY"), "{output:?}");
}

#[tokio::test]
async fn straight_into_the_log_while_no_service_runs_on_it_and_never_beside_one() {
    let mut service = Setup::new().start().await;
    let access = service.operator().tenant("acme", &["example.com"]).await;
    let dir = tempfile::tempdir().unwrap();
    sources(dir.path());
    let paths = dir.path().to_str().unwrap();
    let data_dir = service.data_dir();
    let output = ended(import(&data_dir, &["--into-log", paths])).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("another process") && said.contains("without --into-log"), "{said}");
    service.stop().await;

    let done = summary(&ended(import(&data_dir, &["--into-log", paths])).await, 0);
    assert_eq!((&done["accepted"], &done["reports"]), (&10.into(), &10.into()), "{done}");
    service.start_again().await;
    settled(&service.operator(), 10).await;
    sees(&service, &access, totals(0..10)).await;
    // Through the service it is the same again.
    imported(&service, &[paths]).await;
    let ledger = settled(&service.operator(), 10).await;
    assert_eq!(ledger.stored, 10, "{ledger:?}");
    service.finish().await;

    let output = ended(import(&dir.path().join("no-such-directory"), &["--into-log", paths])).await;
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no data directory"), "{output:?}");
}
