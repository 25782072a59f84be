//! A folder of mails, one for each way in which reports and other things are known to arrive, and what each comes to.

use std::path::Path;

use tlsrpt_report::{Domain, Mail, UnixMillis, WarningCode as W, open_mail, parse};

use crate::sample::{RECEIVED, warnings};

/// What a document of a mail is read as.
struct Read {
    report_id: &'static str,
    domain: &'static str,
    file_name: Option<&'static str>,
    warnings: &'static [W],
}

/// A report about `company-y.example` in an attachment with the name that RFC 8460 5.1 gives it.
const fn read(report_id: &'static str, warnings: &'static [W]) -> Read {
    Read { report_id, domain: "company-y.example", file_name: Some(NAME), warnings }
}

const fn named(file_name: &'static str, read: Read) -> Read {
    Read { file_name: Some(file_name), ..read }
}

const fn about(domain: &'static str, read: Read) -> Read {
    Read { domain, ..read }
}

const fn nameless(read: Read) -> Read {
    Read { file_name: None, ..read }
}

const NAME: &str = "sender.example!company-y.example!1778630400!1778716799!001.json.gz";
const NAME_JSON: &str = "sender.example!company-y.example!1778630400!1778716799!001.json";
const NAME_Z: &str = "sender.example!company-z.example!1778630400!1778716799!001.json.gz";
const NAME_FILE: &str = "sender.example!file.example!1778630400!1778716799!001.json.gz";
const NO_DOMAIN: &[W] = &[W::MissingPolicyDomain];

/// Each mail of the folder with its documents, or the code of its reject.
const MAILS: &[(&str, Result<&[Read], &str>)] = &[
    ("rfc8460-gzip", Ok(&[read("rfc-gzip", &[])])),
    ("rfc8460-json", Ok(&[named(NAME_JSON, read("rfc-json", &[]))])),
    ("body-is-the-report", Ok(&[read("body", &[])])),
    ("mixed", Ok(&[read("mixed", &[])])),
    ("banner", Ok(&[read("banner", &[])])),
    ("alternative-and-html", Ok(&[read("alternative", &[])])),
    ("forwarded", Ok(&[about("forwarded.example", named("report.json.gz", read("forwarded", NO_DOMAIN)))])),
    ("forwarded-base64", Ok(&[about("forwarded.example", named("report.json.gz", read("forwarded-base64", NO_DOMAIN)))])),
    ("forwarded-octet-stream", Ok(&[about("forwarded.example", named("report.json.gz", read("forwarded-octets", NO_DOMAIN)))])),
    ("forwarded-json-body", Ok(&[about("forwarded.example", nameless(read("forwarded-json", NO_DOMAIN)))])),
    (
        "digest",
        Ok(&[about("one.example", nameless(read("digest-1", NO_DOMAIN))), about("two.example", nameless(read("digest-2", NO_DOMAIN)))]),
    ),
    ("gzip-typed-json", Ok(&[named(NAME_JSON, read("gzip-typed-json", &[]))])),
    ("json-typed-gzip", Ok(&[read("json-typed-gzip", &[])])),
    ("gzip-typed-text", Ok(&[named("winmail.txt", read("gzip-typed-text", &[]))])),
    ("gzip-typed-image", Ok(&[named("logo.png", read("gzip-typed-image", &[]))])),
    ("zip", Ok(&[named("sender.example!company-y.example!1778630400!1778716799!001.zip", read("zip", &[W::ZipArchive]))])),
    (
        "gzip-in-gzip",
        Ok(&[named(
            "sender.example!company-y.example!1778630400!1778716799!001.json.gz.gz",
            read("gzip-in-gzip", &[W::NestedCompression]),
        )]),
    ),
    ("base64-stray", Ok(&[read("base64-stray", &[W::GzipTrailingData, W::Base64Stray])])),
    ("base64-untold", Ok(&[read("base64-untold", &[W::TransferEncoding])])),
    ("base64-told-for-json", Ok(&[named(NAME_JSON, read("base64-told", &[W::TransferEncoding]))])),
    ("base64-long-line-and-crlf-behind-gzip", Ok(&[read("crlf-behind", &[W::GzipTrailingData])])),
    ("quoted-printable", Ok(&[named(NAME_JSON, read("quoted-printable", &[]))])),
    ("binary-gzip", Ok(&[read("binary", &[])])),
    (
        "uuencode",
        Ok(&[about(
            "uu.example",
            named("sender.example!uu.example!1778630400!1778716799!001.json.gz", read("uuencode", &[W::Uuencoded, W::MissingPolicyDomain])),
        )]),
    ),
    ("inline", Ok(&[nameless(read("inline", &[]))])),
    ("inline-between-lines", Ok(&[nameless(read("inline-between", &[W::InlineReport, W::TrailingData]))])),
    ("utf-16", Ok(&[named(NAME_JSON, read("utf-16", &[W::ByteOrderMark, W::Utf16]))])),
    ("latin-1", Ok(&[named(NAME_JSON, read("latin-1", &[W::Latin1]))])),
    (
        "several",
        Ok(&[
            read("several-1", &[]),
            named(NAME_Z, about("company-z.example", read("several-2", &[W::DomainMismatch]))),
            read("several-1", &[]),
        ]),
    ),
    // The second is a document that is no JSON in the end.
    (
        "several-one-damaged",
        Ok(&[
            named(NAME_Z, about("company-z.example", read("several-2", &[W::MailPartSkipped, W::DomainMismatch]))),
            named(NAME_JSON, about("", read("not-json", &[W::MailPartSkipped]))),
        ]),
    ),
    ("report-beside-dmarc", Ok(&[read("several-1", &[])])),
    ("domain-in-header", Ok(&[about("header.example", named("report.json.gz", read("no-domain", NO_DOMAIN)))])),
    ("domain-in-subject", Ok(&[about("xn--bcher-kva.example", named("report.json.gz", read("no-domain", NO_DOMAIN)))])),
    ("domain-in-file-name", Ok(&[about("file.example", named(NAME_FILE, read("no-domain", NO_DOMAIN)))])),
    (
        "domain-in-file-name-rfc2231",
        Ok(&[about(
            "xn--bcher-kva.example",
            named("sender.example!bücher.example!1778630400!1778716799.json.gz", read("no-domain", NO_DOMAIN)),
        )]),
    ),
    (
        "domain-in-file-name-rfc2047",
        Ok(&[about("file.example", named("sender.example!file.example!1778630400!1778716799.json.gz", read("no-domain", NO_DOMAIN)))]),
    ),
    (
        "domain-elsewhere-differs",
        Ok(&[named("sender.example!other.example!1778630400!1778716799!001.json.gz", read("differs", &[W::DomainMismatch]))]),
    ),
    ("never-closed", Ok(&[read("never-closed", &[])])),
    ("inner-not-closed-outer-goes-on", Ok(&[read("not-closed-1", &[]), read("not-closed-2", &[])])),
    ("delimiters-lost", Ok(&[nameless(read("delimiters-lost", &[]))])),
    ("no-blank-line-before-json", Ok(&[nameless(read("no-blank-line", &[]))])),
    ("lf-only", Ok(&[read("lf-only", &[])])),
    ("from-an-mbox", Ok(&[read("mbox", &[])])),
    ("no-header-at-all", Ok(&[nameless(read("no-header", &[]))])),
    ("two-senders", Ok(&[read("two-senders", &[])])),
    ("none-person", Err("no-report")),
    ("none-office-document", Err("no-report")),
    ("none-json-snippet", Err("no-report")),
    ("none-empty", Err("no-report")),
    ("dmarc-gzip", Err("dmarc-report")),
    ("dmarc-zip", Err("dmarc-report")),
    ("dmarc-plain", Err("dmarc-report")),
    ("dmarc-failure", Err("dmarc-report")),
    ("bounce", Err("bounce")),
    ("bounce-without-form", Err("bounce")),
    ("auto-reply", Err("auto-reply")),
    ("auto-reply-vacation", Err("auto-reply")),
    ("auto-reply-read-receipt", Err("auto-reply")),
    ("damaged-gzip", Err("corrupt-gzip")),
    ("damaged-empty", Err("corrupt-gzip")),
    ("damaged-json-by-name", Err("not-json")),
    ("damaged-zip", Err("corrupt-zip")),
    ("damaged-text-in-gzip", Err("no-document")),
];

pub(crate) fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mails"))
}

/// Names and contents of all mails of the folder.
pub(crate) fn mails() -> Vec<(String, Vec<u8>)> {
    let files = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mails = files.filter(|path| path.extension().is_some_and(|extension| extension == "eml"));
    let mut mails: Vec<_> =
        mails.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap())).collect();
    mails.sort();
    mails
}

fn mail(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name).with_extension("eml")).unwrap()
}

fn check(name: &str, mail: &Mail<'_>, expected: Result<&[Read], &str>) {
    let (documents, expected) = match (&mail.content, expected) {
        (Ok(documents), Ok(expected)) => (documents, expected),
        (Err(reject), Err(code)) => return assert_eq!(reject.code(), code, "{name}"),
        (got, _) => panic!("{name}: {got:?}"),
    };
    assert_eq!(documents.len(), expected.len(), "{name}");
    for (document, expected) in documents.iter().zip(expected) {
        assert_eq!(document.file_name.as_deref(), expected.file_name, "{name}");
        match parse(&document.document, &mail.context(document, RECEIVED)) {
            Ok(report) => {
                assert_eq!(report.report_id, expected.report_id, "{name}");
                assert_eq!(report.policies[0].domain.as_ref().map(Domain::as_str), Some(expected.domain), "{name}");
                assert_eq!((report.policies[0].successful, report.policies[0].failed), (Some(17), Some(2)), "{name}");
                assert_eq!(warnings(&report), expected.warnings, "{name}");
            }
            Err(reject) => {
                assert_eq!((reject.code(), ""), (expected.report_id, expected.domain), "{name}");
                assert_eq!(document.document.warnings, expected.warnings, "{name}");
            }
        }
    }
}

#[test]
fn every_mail_of_the_folder_comes_to_what_the_table_says() {
    let mails = mails();
    let mut listed: Vec<&str> = MAILS.iter().map(|(name, _)| *name).collect();
    listed.sort_unstable();
    assert_eq!(mails.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), listed);
    for &(name, expected) in MAILS {
        check(name, &open_mail(&mail(name)), expected);
    }
}

#[test]
fn line_ends_of_either_kind_make_no_difference() {
    for &(name, expected) in MAILS {
        // Content in no transfer encoding has line ends of its own.
        if name == "binary-gzip" {
            continue;
        }
        let lf: Vec<u8> = mail(name).into_iter().filter(|&b| b != b'\r').collect();
        check(name, &open_mail(&lf), expected);
        let crlf = String::from_utf8_lossy(&lf).replace('\n', "\r\n").into_bytes();
        if name != "latin-1" {
            check(name, &open_mail(&crlf), expected);
        }
    }
}

#[test]
fn the_header_says_who_sent_a_mail_and_when() {
    let raw = mail("rfc8460-gzip");
    let read = open_mail(&raw);
    assert_eq!(read.sender.as_deref(), Some("Sender Example TLS reports <tls-reports@sender.example>"));
    assert_eq!(read.sender_domain.as_ref().map(Domain::as_str), Some("sender.example"));
    assert_eq!(read.subject.as_deref(), Some("Report Domain: company-y.example Submitter: sender.example Report-ID: <1@sender.example>"));
    assert_eq!(read.report_domain.as_deref(), Some("company-y.example"));
    assert_eq!(read.submitter.as_ref().map(Domain::as_str), Some("sender.example"));
    assert_eq!(read.date, Some(UnixMillis(1_778_721_250_000)));
    assert_eq!(read.received_at, Some(UnixMillis(1_778_721_255_000)));
}

#[test]
fn a_mail_without_a_report_still_says_who_sent_it() {
    let raw = mail("none-person");
    let read = open_mail(&raw);
    assert_eq!(read.sender.as_deref(), Some("Jörg Müller <joerg@people.example>"));
    assert_eq!(read.subject.as_deref(), Some("Grüße from a person"));
    assert_eq!((read.submitter, read.report_domain), (None, None));
    let empty = open_mail(b"");
    assert_eq!((empty.sender, empty.subject, empty.date, empty.received_at), (None, None, None, None));
    assert_eq!(empty.content.unwrap_err().code(), "no-report");
}

#[test]
fn who_cannot_be_told_from_two_is_nobody() {
    let raw = mail("two-senders");
    let read = open_mail(&raw);
    assert_eq!((read.sender_domain, read.submitter), (None, None));
    assert!(read.sender.unwrap().contains("tls@other.example"));
}

#[test]
fn the_mails_own_header_comes_before_those_of_attached_mails() {
    let attached = String::from_utf8(mail("forwarded")).unwrap();
    let own = attached.replacen("Subject: Fwd: a report", "TLS-Report-Domain: own.example\r\nSubject: Report Domain: subject.example a", 1);
    let read = open_mail(own.as_bytes());
    let document = &read.content.as_ref().unwrap()[0];
    let context = read.context(document, RECEIVED);
    assert_eq!(context.report_domain, Some("own.example"));
    assert!(context.subject.unwrap().starts_with("Report Domain: subject.example"));
    let read = open_mail(attached.as_bytes());
    let context = read.context(&read.content.as_ref().unwrap()[0], RECEIVED);
    assert_eq!(context.report_domain, Some("forwarded.example"));
    assert!(context.subject.unwrap().starts_with("Report Domain: forwarded.example"));
    assert_eq!(context.received_at, RECEIVED);
}

#[test]
fn public_sample_mails_hold_their_report_when_there_is_a_directory_of_them() {
    let Some(dir) = std::env::var_os("TLSRPT_CORPUS_DIR") else {
        eprintln!("skipped: TLSRPT_CORPUS_DIR names no directory of sample reports");
        return;
    };
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "eml") {
            continue;
        }
        let raw = std::fs::read(&path).unwrap();
        let mail = open_mail(&raw);
        let documents = mail.content.as_ref().unwrap_or_else(|reject| panic!("{}: {reject}", path.display()));
        for document in documents {
            let report = parse(&document.document, &mail.context(document, RECEIVED)).unwrap();
            assert!(report.policies.iter().all(|policy| policy.domain.is_some()), "{}", path.display());
        }
    }
}
