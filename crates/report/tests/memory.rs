//! No payload takes memory beyond a multiple of its limit. A binary of its own with one test, since the allocator counts
//! for the whole process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::io::{Cursor, Write};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use flate2::{Compression, write::GzEncoder};
use peak_alloc::PeakAlloc;
use tlsrpt_report::{Context, Reject, Report, UnixMillis, limits, open, open_mail, parse, redact};
use zip::{ZipWriter, write::SimpleFileOptions};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The output itself, a copy in another encoding or repaired, and the structs that borrow from it.
const MULTIPLE: usize = 5;

fn gzip(level: Compression, write: impl FnOnce(&mut GzEncoder<Vec<u8>>)) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), level);
    write(&mut encoder);
    encoder.finish().unwrap()
}

/// 80 MiB of one byte, well compressed.
fn bomb(byte: u8) -> Vec<u8> {
    gzip(Compression::default(), |encoder| (0..80).for_each(|_| encoder.write_all(&[byte; 1 << 20]).unwrap()))
}

/// `head`, then `unit` repeated with commas to `bytes`, then `tail`; not compressed, so that the limit of the ratio hides no
/// other.
fn repeated(head: &str, unit: &str, tail: &str, bytes: usize) -> Vec<u8> {
    let block = format!("{unit},").repeat(1_000);
    gzip(Compression::none(), |encoder| {
        encoder.write_all(head.as_bytes()).unwrap();
        (0..bytes / block.len()).for_each(|_| encoder.write_all(block.as_bytes()).unwrap());
        encoder.write_all(unit.as_bytes()).unwrap();
        encoder.write_all(tail.as_bytes()).unwrap();
    })
}

/// Opens, parses and redacts `payload`; gives the outcome and the peak in bytes.
fn cost(payload: &[u8]) -> (Result<usize, Reject>, usize) {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let context = Context::received(UnixMillis(1_778_846_400_000));
    let outcome = open(payload).and_then(|documents| {
        let mut policies = 0;
        for document in &documents {
            policies += parse(document, &context).map(Report::into_owned)?.policies.len();
            drop(redact(document, |index| index == 0)?);
        }
        Ok(policies)
    });
    (outcome, MEMORY.peak_usage().saturating_sub(before))
}

/// The same for a mail, documents copied out of it included.
fn mail_cost(raw: &[u8]) -> (Result<usize, Reject>, usize) {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let mail = open_mail(raw);
    let outcome = mail.content.as_ref().map_err(Clone::clone).and_then(|documents| {
        let mut policies = 0;
        for document in documents {
            policies += parse(&document.document, &mail.context(document, UnixMillis(1_778_846_400_000)))?.policies.len();
        }
        Ok(policies)
    });
    drop(mail);
    (outcome, MEMORY.peak_usage().saturating_sub(before))
}

fn mixed(parts: impl Iterator<Item = String>) -> Vec<u8> {
    let parts: String = parts.map(|part| format!("--b\r\n{part}\r\n")).collect();
    format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{parts}--b--\r\n").into_bytes()
}

fn base64(content: &[u8]) -> String {
    format!("Content-Transfer-Encoding: base64\r\n\r\n{}", BASE64_STANDARD.encode(content))
}

fn check_mails() {
    let near = limits::DECOMPRESSED_MAX_BYTES - (1 << 20);
    let counted = "{\"summary\":{\"total-successful-session-count\":1}}";
    let report = repeated("{\"policies\":[", counted, "]}", 48 << 10);
    let nested = (0..24).fold(vec![b'x'; 2 << 20], |mail, _| {
        format!("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{}", String::from_utf8(mail).unwrap())
            .replace('=', "=3D")
            .into_bytes()
    });
    let cases: Vec<(&str, Vec<u8>, Result<(), Reject>)> = vec![
        ("parts without end", mixed((0..2_000_000).map(|_| "\r\n".to_owned())), Err(Reject::TooManyParts)),
        ("a header without end", "A: b\r\n".repeat(5_000_000).into_bytes(), Err(Reject::HeadersTooLarge)),
        ("bombs", mixed((0..50).map(|_| base64(&bomb(b' ')))), Err(Reject::CompressionRatio)),
        ("attachments that add up", mixed((0..3).map(|_| base64(&repeated("{\"x\":[", "1", "]}", near / 2)))), Err(Reject::TooLarge)),
        ("a mail coded again and again", nested, Err(Reject::NoReport)),
        ("blanks", vec![b' '; 32 << 20], Err(Reject::NoReport)),
        ("reports", mixed((0..90).map(|_| base64(&report))), Ok(())),
    ];
    for (name, raw, expected) in cases {
        let (outcome, peak) = mail_cost(&raw);
        let allowed = limits::DECOMPRESSED_MAX_BYTES * MULTIPLE;
        println!("a mail of {name}, {} MiB: {} MiB", raw.len() >> 20, peak >> 20);
        assert!(peak <= allowed, "{name}: {peak} bytes at the peak, {allowed} allowed");
        assert_eq!(outcome.map(|_| ()), expected, "{name}");
    }
    let small = mixed(std::iter::once(base64(&repeated("{\"policies\":[", counted, "]}", 0))));
    let (outcome, peak) = mail_cost(&small);
    assert_eq!(outcome, Ok(1));
    assert!(peak < 64 << 10, "{peak} bytes for a mail with a report of one policy");
}

#[test]
fn no_payload_and_no_mail_takes_memory_beyond_a_multiple_of_the_limit() {
    let near = limits::DECOMPRESSED_MAX_BYTES - (1 << 20);
    let policies = "{\"policies\":[";
    let counted = "{\"summary\":{\"total-successful-session-count\":1}}";
    let failures = "{\"policies\":[{\"failure-details\":[";
    let lines = "{\"policies\":[{\"summary\":{\"total-successful-session-count\":1},\"policy\":{\"policy-string\":[";
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for entry in 0..20_000 {
        archive.start_file(format!("{entry}.json"), SimpleFileOptions::default()).unwrap();
    }
    let archive = archive.finish().unwrap().into_inner();
    let latin1: Vec<u8> = [b"{\"x\":\"".as_slice(), &vec![0xe4; near], b"\"}"].concat();
    let latin1 = gzip(Compression::none(), |encoder| encoder.write_all(&latin1).unwrap());
    let nested = gzip(Compression::none(), |encoder| encoder.write_all(&bomb(0)).unwrap());
    let control = "\"\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\"";
    let cases: Vec<(&str, Vec<u8>, Result<usize, Reject>)> = vec![
        ("a bomb of blanks", bomb(b' '), Err(Reject::CompressionRatio)),
        ("a bomb in gzip", nested, Err(Reject::CompressionRatio)),
        ("text without end", repeated("{\"x\":[", "1", "", near + (2 << 20)), Err(Reject::TooLarge)),
        ("text cut short", repeated("{\"x\":[", "1", "", near), Err(Reject::NotJson)),
        ("policies", repeated(policies, counted, "]}", 1 << 20), Err(Reject::TooManyPolicies)),
        ("empty policies", repeated(policies, "{}", "]}", 1 << 20), Err(Reject::TooManyPolicies)),
        ("failures", repeated(failures, "{\"failed-session-count\":1}", "]}]}", 8 << 20), Err(Reject::TooManyFailures)),
        ("lines", repeated(lines, "\"a\"", "]}}]}", near), Ok(1)),
        ("lines in a text", repeated(lines, "\"[\\\"1\\\",\\\"a\\\"]\"", "]}}]}", 8 << 20), Ok(1)),
        ("one long text", repeated("{\"organization-name\":\"", "1", "\"}", near), Err(Reject::StringTooLong)),
        ("control characters", repeated("{\"x\":[", control, "],\"policies\":[]}", near), Err(Reject::NotJson)),
        ("words", repeated("{\"x\":[", "a1", "]}", near), Err(Reject::NotJson)),
        ("Latin-1", latin1, Err(Reject::StringTooLong)),
        ("an archive of many entries", archive, Err(Reject::TooManyEntries)),
    ];
    for (name, payload, expected) in cases {
        let (outcome, peak) = cost(&payload);
        assert_eq!(outcome, expected, "{name}");
        let allowed = limits::DECOMPRESSED_MAX_BYTES * MULTIPLE;
        assert!(peak <= allowed, "{name}: {peak} bytes at the peak, {allowed} allowed");
        println!("{name}: {} MiB", peak >> 20);
    }
    // Small payloads are held to their own size, not to the limit.
    let small = repeated(policies, counted, "]}", 0);
    let (outcome, peak) = cost(&small);
    assert!(outcome.is_ok());
    assert!(peak < 64 << 10, "{peak} bytes for a report of one policy");
    check_mails();
}
