//! No payload takes memory beyond a multiple of its limit. A binary of its own with one test, since the allocator counts
//! for the whole process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::io::{Cursor, Write};

use flate2::{Compression, write::GzEncoder};
use peak_alloc::PeakAlloc;
use tlsrpt_report::{Context, Reject, Report, UnixMillis, limits, open, parse, redact};
use zip::{ZipWriter, write::SimpleFileOptions};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The output itself, a copy in another encoding or repaired, and the structs that borrow from it.
const MULTIPLE: usize = 5;

fn gzip(write: impl FnOnce(&mut GzEncoder<Vec<u8>>)) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    write(&mut encoder);
    encoder.finish().unwrap()
}

fn repeated(unit: &[u8], times: usize) -> Vec<u8> {
    gzip(|encoder| (0..times).for_each(|_| encoder.write_all(unit).unwrap()))
}

/// Text with `filler` in front, `unit` repeated to about `bytes` with commas, and `tail`. Each unit carries a number that makes
/// it hard to compress, so that the ratio's limit does not hide the others.
fn noisy(head: &str, unit: &str, tail: &str, bytes: usize) -> Vec<u8> {
    gzip(|encoder| {
        encoder.write_all(head.as_bytes()).unwrap();
        let mut state = 1_u64;
        let mut written = 0;
        while written < bytes {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let piece = format!("{}{}", if written > 0 { "," } else { "" }, unit.replace('#', &(state >> 32).to_string()));
            encoder.write_all(piece.as_bytes()).unwrap();
            written += piece.len();
        }
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

#[test]
fn no_payload_takes_memory_beyond_a_multiple_of_the_limit() {
    let near = limits::DECOMPRESSED_MAX_BYTES - (1 << 20);
    let policies = "{\"policies\":[";
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for entry in 0..20_000 {
        archive.start_file(format!("{entry}.json"), SimpleFileOptions::default()).unwrap();
    }
    let archive = archive.finish().unwrap().into_inner();
    let counted = "{\"summary\":{\"total-successful-session-count\":#}}";
    let tight = "{\"summary\":{\"total-successful-session-count\":1},\"policy\":{\"policy-string\":[";
    let cases: Vec<(&str, Vec<u8>, Result<usize, Reject>)> = vec![
        ("spaces", repeated(&[b' '; 1 << 20], 1_000), Err(Reject::CompressionRatio)),
        ("a bomb in a bomb", gzip(|outer| outer.write_all(&repeated(&[0; 1 << 20], 1_000)).unwrap()), Err(Reject::CompressionRatio)),
        ("numbers without end", noisy("{\"x\":[", "#", "", 80 << 20), Err(Reject::TooLarge)),
        ("numbers up to the limit", noisy("{\"x\":[", "#", "]}", near), Err(Reject::NoPolicies)),
        ("policies", noisy(policies, counted, "]}", 20 << 20), Err(Reject::TooManyPolicies)),
        ("empty policies", noisy(policies, "{},{},{},{\"#\":0}", "]}", 20 << 20), Err(Reject::TooManyPolicies)),
        (
            "failures",
            noisy(&format!("{policies}{{\"failure-details\":["), "{\"failed-session-count\":#}", "]}]}", near),
            Err(Reject::TooManyFailures),
        ),
        ("lines", noisy(&format!("{policies}{tight}"), "\"#\",\"a\",\"a\",\"a\"", "]}}]}", near), Ok(1)),
        ("an array in a text", noisy(&format!("{policies}{tight}"), "\"[\\\"#\\\",\\\"a\\\",\\\"a\\\"]\"", "]}}]}", near), Ok(1)),
        ("one long text", noisy("{\"organization-name\":\"", "#", "\"}", near), Err(Reject::StringTooLong)),
        ("text cut short", noisy("{\"x\":[", "\"#\u{1}\"", "", near), Err(Reject::NotJson)),
        (
            "control characters",
            noisy("{\"x\":[", "\"#\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\"", &format!("],{}", "\"policies\":[]}"), near),
            Err(Reject::NoPolicies),
        ),
        ("words", noisy("{\"x\":[", "a#", "]}", near), Err(Reject::NoPolicies)),
        ("Latin-1", gzip(|out| out.write_all(&gzip(|_| {})).unwrap()), Err(Reject::NoDocument)),
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
    let small = noisy(policies, counted, "]}", 1_000);
    let (outcome, peak) = cost(&small);
    assert!(outcome.is_ok());
    assert!(peak < 256 << 10, "{peak} bytes for a report of 1 kB");
}
