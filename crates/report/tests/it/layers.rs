//! gzip and zip, in each state that senders and gateways leave them.

use std::io::{Cursor, Write};

use flate2::{Compression, write::GzEncoder};
use tlsrpt_report::{Reject, WarningCode as W, open};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use crate::sample::sound;

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    zip_with(entries, SimpleFileOptions::default().compression_method(CompressionMethod::Deflated))
}

fn zip_with(entries: &[(&str, &[u8])], options: SimpleFileOptions) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        if name.ends_with('/') {
            writer.add_directory(*name, options).unwrap();
        } else {
            writer.start_file(*name, options).unwrap();
            writer.write_all(content).unwrap();
        }
    }
    writer.finish().unwrap().into_inner()
}

/// Opens to these texts, each with these warnings.
fn check(payload: &[u8], texts: &[&str], warnings: &[W]) {
    let documents = open(payload).unwrap();
    assert_eq!(documents.iter().map(|document| &*document.text).collect::<Vec<_>>(), texts);
    for document in documents {
        assert_eq!(document.warnings, warnings);
    }
}

fn refused(payload: &[u8], reject: Reject) {
    assert_eq!(open(payload).map(|documents| documents.len()), Err(reject));
}

#[test]
fn gzip_and_plain_json_open_without_a_warning() {
    let text = sound().to_string();
    check(text.as_bytes(), &[&text], &[]);
    check(&gzip(text.as_bytes()), &[&text], &[]);
}

#[test]
fn gzip_with_every_optional_header_field_opens() {
    let mut encoder = flate2::GzBuilder::new()
        .filename("google.com!example.org!1!2.json")
        .comment("a comment")
        .extra(vec![1, 2, 3])
        .mtime(5)
        .write(Vec::new(), Compression::best());
    encoder.write_all(b"{}").unwrap();
    check(&encoder.finish().unwrap(), &["{}"], &[]);
}

#[test]
fn what_follows_the_gzip_data_is_ignored_and_told() {
    for tail in [&b"\r\n"[..], b"\0\0\0\0", b"\r\n--boundary--\r\n", b"\x1f\x8b", b"\x1f\x8b\x08\0\0\0\0\0\0\0\xff\xff"] {
        check(&[&gzip(b"{}"), tail].concat(), &["{}"], &[W::GzipTrailingData]);
    }
}

#[test]
fn gzip_that_lost_its_checksum_opens_and_is_told_but_a_wrong_one_is_refused() {
    let whole = gzip(b"{\"a\":1}");
    check(&whole[..whole.len() - 8], &["{\"a\":1}"], &[W::GzipTrailerMissing]);
    let mut wrong = whole.clone();
    let at = wrong.len() - 6;
    wrong[at] ^= 1;
    refused(&wrong, Reject::CorruptGzip);
    refused(&whole[..whole.len() - 9], Reject::CorruptGzip);
    refused(&whole[..9], Reject::CorruptGzip);
}

#[test]
fn members_of_one_text_are_one_document_and_whole_reports_are_several() {
    let parts = [gzip(b"{\"a\":"), gzip(b"{\"b\":1}"), gzip(b"}")].concat();
    check(&parts, &["{\"a\":{\"b\":1}}"], &[W::GzipMembers]);
    let reports = [gzip(b"{\"a\":1}"), gzip(b"\n{\"b\":2}\n"), gzip(b"{\"c\":3}")].concat();
    check(&reports, &["{\"a\":1}", "\n{\"b\":2}\n", "{\"c\":3}"], &[W::GzipMembers]);
}

#[test]
fn two_layers_open_and_a_third_is_refused() {
    check(&gzip(&gzip(b"{}")), &["{}"], &[W::NestedCompression]);
    check(&zip(&[("a.json.gz", &gzip(b"{}"))]), &["{}"], &[W::NestedCompression, W::ZipArchive]);
    check(&gzip(&zip(&[("a.json", b"{}")])), &["{}"], &[W::NestedCompression, W::ZipArchive]);
    refused(&gzip(&gzip(&gzip(b"{}"))), Reject::TooManyLayers);
    refused(&zip(&[("a.gz", &gzip(&gzip(b"{}")))]), Reject::TooManyLayers);
}

#[test]
fn each_report_of_a_zip_is_a_document_and_what_macos_adds_is_none() {
    let archive = zip(&[
        ("dir/", b""),
        ("dir/a.json", b"{\"a\":1}"),
        ("__MACOSX/dir/._a.json", b"{}"),
        ("._b.json", b"{}"),
        ("b.json", b"{\"b\":2}"),
    ]);
    check(&archive, &["{\"a\":1}", "{\"b\":2}"], &[W::ZipArchive]);
}

#[test]
fn an_entry_that_is_no_report_costs_the_others_nothing() {
    check(&zip(&[("readme.txt", b"hello"), ("a.json", b"{}")]), &["{}"], &[W::ZipArchive, W::ZipEntrySkipped]);
    check(&zip(&[("bad.gz", &gzip(b"{}")[..12]), ("a.json", b"{}")]), &["{}"], &[W::ZipArchive, W::ZipEntrySkipped]);
    refused(&zip(&[("readme.txt", b"hello")]), Reject::NoDocument);
    refused(&zip(&[]), Reject::NoDocument);
}

#[test]
fn stored_wide_and_prefixed_archives_open() {
    let stored = zip_with(&[("a.json", b"{}")], SimpleFileOptions::default().compression_method(CompressionMethod::Stored));
    check(&stored, &["{}"], &[W::ZipArchive]);
    let wide = zip_with(&[("a.json", b"{}")], SimpleFileOptions::default().large_file(true));
    check(&wide, &["{}"], &[W::ZipArchive]);
    // A second archive in front: the offsets of the last one are then wrong by its length.
    check(&[zip(&[("old.json", b"[]")]), stored].concat(), &["{}"], &[W::ZipArchive]);
}

#[test]
fn a_damaged_archive_is_refused() {
    let archive = zip(&[("a.json", b"{\"a\":1}")]);
    refused(&archive[..archive.len() - 30], Reject::CorruptZip);
    let mut damaged = archive.clone();
    damaged[38] ^= 0xff;
    refused(&damaged, Reject::CorruptZip);
    refused(b"PK\x03\x04", Reject::CorruptZip);
}

#[test]
fn what_is_inside_must_be_json() {
    refused(&gzip(b"hello"), Reject::NoDocument);
    refused(&gzip(b""), Reject::NoDocument);
    refused(&gzip(b"<feedback></feedback>"), Reject::DmarcReport);
    refused(&zip(&[("readme.txt", b"hello"), ("report.xml", b"<feedback/><feedback>")]), Reject::DmarcReport);
    refused(b"hello", Reject::UnknownForm);
    refused(b"", Reject::UnknownForm);
}

#[test]
fn a_bomb_is_refused_by_size_ratio_or_number() {
    refused(&gzip(&vec![b' '; 3 << 20]), Reject::CompressionRatio);
    refused(&zip(&[("a.json", &vec![b'{'; 3 << 20])]), Reject::CompressionRatio);
    // Without compression the size is what stops it.
    let stored = |bytes| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
        encoder.write_all(&vec![b' '; bytes]).unwrap();
        encoder.finish().unwrap()
    };
    refused(&stored((64 << 20) + 1), Reject::TooLarge);
    refused(&stored(33 << 20).repeat(2), Reject::TooLarge);

    let names: Vec<String> = (0..1_001).map(|n| format!("{n}.json")).collect();
    let many = |count| names.iter().take(count).map(|name| (name.as_str(), &b"{}"[..])).collect::<Vec<_>>();
    assert_eq!(open(&zip(&many(100))).unwrap().len(), 100);
    refused(&zip(&many(101)), Reject::TooManyDocuments);
    refused(&zip(&many(1_001)), Reject::TooManyEntries);
    refused(&gzip(b"{}").repeat(101), Reject::TooManyDocuments);
    refused(&gzip(b" ").repeat(2_001), Reject::TooManyMembers);
}
