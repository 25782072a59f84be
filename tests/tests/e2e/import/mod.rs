//! `tlsrpt import`: what its tests share.

mod away;
mod files;
mod imap;

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, SystemTime},
};

use serde_json::Value;
use tlsrpt_report::Day;
use tlsrpt_tests::{Encoding, Policy, Report, Service, TenantAccess, Totals, gzip, program, today, until};

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
const COPIES: u64 = 10;

/// A mailbox with copies of many reports.
fn large_mbox(dir: &Path) -> String {
    let path = dir.join("large.mbox");
    let copies: Vec<String> = (0..COPIES).map(|copy| mbox(0..MANY).replace("\nSubject:", &format!("\nX-Copy: {copy}\nSubject:"))).collect();
    std::fs::write(&path, copies.concat()).unwrap();
    path.to_str().unwrap().to_owned()
}
