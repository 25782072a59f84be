//! Mails that are made to do harm: each gets its reject. Those that would take hours with anything quadratic are as large as a
//! receiver takes.

use std::io::Write as _;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use flate2::{Compression, write::GzEncoder};
use tlsrpt_report::{Reject, limits, open_mail};

use crate::{
    layers::{gzip, zip},
    sample::sound,
};

fn refused(mail: impl AsRef<[u8]>, expected: Reject) {
    assert_eq!(open_mail(mail.as_ref()).content.unwrap_err(), expected);
}

fn documents(mail: impl AsRef<[u8]>) -> usize {
    open_mail(mail.as_ref()).content.unwrap().len()
}

/// A mail with these parts.
pub(crate) fn mixed(parts: impl IntoIterator<Item = String>) -> String {
    let parts: String = parts.into_iter().map(|part| format!("--b\r\n{part}\r\n")).collect();
    format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{parts}--b--\r\n")
}

pub(crate) fn attachment(payload: &[u8]) -> String {
    format!("Content-Type: application/tlsrpt+gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n{}", BASE64_STANDARD.encode(payload))
}

fn stored(bytes: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(&vec![b' '; bytes]).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn parts_beyond_the_limit_refuse_a_mail() {
    let parts = |count: usize| mixed((0..count).map(|_| "\r\nhello".to_owned()));
    refused(parts(limits::MAIL_PARTS_MAX_COUNT - 1), Reject::NoReport);
    refused(parts(limits::MAIL_PARTS_MAX_COUNT), Reject::TooManyParts);
    refused(parts(100_000), Reject::TooManyParts);
    refused(mixed(["\r\n".to_owned() + &"begin 644 a\r\n#0V%T\r\nend\r\n".repeat(100_000)]), Reject::TooManyParts);
    // Parts without anything: delimiters alone.
    refused(format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{}", "--b\n".repeat(5_000_000)), Reject::TooManyParts);
}

#[test]
fn nesting_beyond_the_limit_refuses_a_mail() {
    let multiparts = |levels: usize| {
        let heads: String = (0..levels).map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n")).collect();
        heads + &attachment(&gzip(b"{}"))
    };
    // The mail itself is the first level.
    assert_eq!(documents(multiparts(limits::MAIL_DEPTH_MAX_LEVELS - 1)), 1);
    refused(multiparts(limits::MAIL_DEPTH_MAX_LEVELS), Reject::PartsTooDeep);
    refused(multiparts(100_000), Reject::PartsTooDeep);
    refused("Content-Type: message/rfc822\n\n".repeat(500_000), Reject::PartsTooDeep);

    let nested = |levels: usize, wrap: &dyn Fn(&str) -> String| (0..levels).fold(mixed([attachment(&gzip(b"{}"))]), |mail, _| wrap(&mail));
    let coded = |mail: &str| format!("Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n{}", BASE64_STANDARD.encode(mail));
    assert_eq!(documents(nested(10, &coded)), 1);
    refused(nested(limits::MAIL_DEPTH_MAX_LEVELS, &coded), Reject::PartsTooDeep);
    let untyped = |mail: &str| format!("Content-Type: application/octet-stream\n\nFrom: a@b.example\nDate: x\n{mail}");
    assert_eq!(documents(nested(10, &untyped)), 1);
    refused(nested(limits::MAIL_DEPTH_MAX_LEVELS, &untyped), Reject::PartsTooDeep);
}

#[test]
fn headers_beyond_the_limit_refuse_a_mail_that_still_says_who_sent_it() {
    let from = "From: a@b.example\r\nSubject: hello\r\nX-B: c\r\n";
    for endless in ["X-A: b\r\n".repeat(4_000_000), format!("X-A: {}", "b".repeat(30 << 20)), " fold\r\n".repeat(4_000_000)] {
        let raw = format!("{from}{endless}");
        let mail = open_mail(raw.as_bytes());
        assert_eq!(mail.content.unwrap_err(), Reject::HeadersTooLarge);
        assert_eq!((mail.sender.as_deref(), mail.subject.as_deref()), (Some("a@b.example"), Some("hello")));
    }
    let part = format!("X-A: {}\r\n\r\n", "b".repeat(limits::MAIL_HEADERS_MAX_BYTES / 10));
    refused(mixed((0..9).map(|_| part.clone())), Reject::NoReport);
    refused(mixed((0..10).map(|_| part.clone())), Reject::HeadersTooLarge);
}

#[test]
fn boundaries_that_never_come_cost_one_look_at_each_line() {
    let promise = |n: usize| format!("Content-Type: multipart/mixed; boundary=never-{n}\r\n\r\n{}", "--never\r\n".repeat(3_000));
    refused(mixed((0..900).map(promise)), Reject::NoReport);
    let nested: String = (0..30).map(|n| format!("Content-Type: multipart/mixed; boundary={}{n}\n\n--{0}{n}\n", "-".repeat(60))).collect();
    refused(format!("{nested}\n{}", format!("--{}\n", "-".repeat(60)).repeat(400_000)), Reject::NoReport);
    let huge = "b".repeat(1 << 19);
    refused(format!("Content-Type: multipart/mixed; boundary={huge}\n\n--{huge}\n\n{{}}\n--{huge}--\n"), Reject::NoReport);
}

#[test]
fn fields_that_are_costly_to_read_are_read_up_to_a_limit() {
    let words = "=?x?q?".repeat(170_000);
    refused(format!("From: {words}\r\nSubject: {words}\r\n\r\nhello"), Reject::HeadersTooLarge);
    let one = "=?x?q?".repeat(340);
    let part =
        format!("Content-Type: a/b; name=\"{one}\"; {}\r\nContent-Disposition: a; filename=\"{one}\"\r\n\r\nx", "a*0=b;".repeat(300));
    refused(mixed((0..150).map(|_| part.clone())), Reject::NoReport);
    refused(format!("From: {}\r\n\r\nhello", "(".repeat(900_000)), Reject::NoReport);
}

#[test]
fn the_budget_is_one_for_all_parts() {
    assert_eq!(documents(mixed((0..3).map(|_| attachment(&gzip(b"{}"))))), 3);
    let half = attachment(&stored((limits::DECOMPRESSED_MAX_BYTES / 2) + 1));
    refused(mixed([half.clone()]), Reject::NoDocument);
    refused(mixed([half.clone(), half]), Reject::TooLarge);
    refused(mixed([attachment(&gzip(&vec![b' '; 3 << 20])), attachment(&gzip(b"{}"))]), Reject::CompressionRatio);
    refused(mixed([attachment(&gzip(&gzip(&gzip(b"{}"))))]), Reject::TooManyLayers);
}

#[test]
fn documents_beyond_the_limit_refuse_a_mail() {
    let one = attachment(&gzip(sound().to_string().as_bytes()));
    let mail = |count: usize| mixed((0..count).map(|_| one.clone()));
    assert_eq!(documents(mail(limits::DOCUMENTS_MAX_COUNT)), limits::DOCUMENTS_MAX_COUNT);
    refused(mail(limits::DOCUMENTS_MAX_COUNT + 1), Reject::TooManyDocuments);
    let archive = attachment(&zip(&[("a.json", b"{}"), ("b.json", b"{}")]));
    refused(mixed((0..51).map(|_| archive.clone())), Reject::TooManyDocuments);
}
