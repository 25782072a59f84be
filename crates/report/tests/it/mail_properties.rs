//! What holds for every wrapping of every report, and for every mail.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use proptest::{collection::vec, prelude::*};
use tlsrpt_report::{open_mail, parse};

use crate::{
    identity::{encodings, keys},
    mails::mails,
    model::report,
    sample::{RECEIVED, read},
};

/// How a payload stands in its part.
#[derive(Clone, Copy, Debug)]
enum Coding {
    Binary,
    Base64,
    Base64Lines,
    Base64Stray,
    Base64Untold,
    QuotedPrintable,
}

/// What stands around a part.
#[derive(Clone, Copy, Debug)]
enum Around {
    Mixed,
    Banner,
    Report,
    Forward,
    CodedForward,
    OctetForward,
}

fn coding() -> impl Strategy<Value = Coding> {
    use Coding::{Base64, Base64Lines, Base64Stray, Base64Untold, Binary, QuotedPrintable};
    prop::sample::select(vec![Binary, Base64, Base64Lines, Base64Stray, Base64Untold, QuotedPrintable])
}

fn around() -> impl Strategy<Value = Around> {
    use Around::{Banner, CodedForward, Forward, Mixed, OctetForward, Report};
    prop::sample::select(vec![Mixed, Banner, Report, Forward, CodedForward, OctetForward])
}

fn media_type() -> impl Strategy<Value = Option<&'static str>> {
    prop::sample::select(vec![
        None,
        Some("application/tlsrpt+gzip"),
        Some("application/tlsrpt+json"),
        Some("application/octet-stream"),
        Some("application/gzip"),
        Some("text/plain; charset=utf-8"),
        Some("image/gif"),
        Some("nonsense"),
    ])
}

fn lines(text: &str, length: usize) -> String {
    text.as_bytes().chunks(length).map(|line| format!("{}\r\n", std::str::from_utf8(line).unwrap())).collect()
}

/// The part's coding field and body.
fn coded(payload: &[u8], coding: Coding) -> (&'static str, Vec<u8>) {
    const BASE64: &str = "Content-Transfer-Encoding: base64\r\n";
    let base64 = BASE64_STANDARD.encode(payload);
    match coding {
        Coding::Binary => ("Content-Transfer-Encoding: binary\r\n", payload.to_vec()),
        Coding::Base64 => (BASE64, base64.into_bytes()),
        Coding::Base64Lines => (BASE64, lines(&base64, 76).into_bytes()),
        Coding::Base64Stray => (BASE64, lines(&base64, 10).replace("\r\n", "*\r\n> ").into_bytes()),
        // Only archives show without the field.
        Coding::Base64Untold if payload.starts_with(b"\x1f\x8b") => ("", lines(&base64, 76).into_bytes()),
        Coding::Base64Untold => (BASE64, lines(&base64, 64).into_bytes()),
        Coding::QuotedPrintable => {
            let escaped: String = payload
                .iter()
                .enumerate()
                .map(|(at, b)| {
                    let soft = if at % 20 == 19 { "=\r\n" } else { "" };
                    if b.is_ascii_alphanumeric() { format!("{}{soft}", char::from(*b)) } else { format!("={b:02X}{soft}") }
                })
                .collect();
            ("Content-Transfer-Encoding: quoted-printable\r\n", escaped.into_bytes())
        }
    }
}

fn entity(head: &str, body: &[u8]) -> Vec<u8> {
    [head.as_bytes(), b"\r\n", body].concat()
}

fn multipart(kind: &str, level: usize, parts: &[&[u8]]) -> Vec<u8> {
    let mut mail = format!("Content-Type: multipart/{kind}; boundary=\"=_{level}\"\r\n\r\n").into_bytes();
    for part in parts {
        mail.extend_from_slice(format!("--=_{level}\r\n").as_bytes());
        mail.extend_from_slice(part);
        mail.extend_from_slice(b"\r\n");
    }
    mail.extend_from_slice(format!("--=_{level}--\r\n").as_bytes());
    mail
}

fn wrapped(inner: &[u8], around: Around, level: usize) -> Vec<u8> {
    const TEXT: &[u8] = b"Content-Type: text/plain\r\n\r\n[External] {braces} and other prose\r\n";
    let forward = |mail: &[u8]| entity("Content-Type: message/rfc822\r\n", &[b"From: a@b.example\r\nMIME-Version: 1.0\r\n", mail].concat());
    match around {
        Around::Mixed => multipart("mixed", level, &[inner]),
        Around::Banner => multipart("mixed", level, &[TEXT, inner, TEXT]),
        Around::Report => multipart("report; report-type=tlsrpt", level, &[TEXT, inner]),
        Around::Forward => multipart("mixed", level, &[TEXT, &forward(inner)]),
        Around::CodedForward => {
            let base64 = lines(&BASE64_STANDARD.encode([b"From: a@b.example\r\n", inner].concat()), 76);
            entity("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n", base64.as_bytes())
        }
        Around::OctetForward => {
            let mail = [b"Date: today\r\nFrom: a@b.example\r\n", inner].concat();
            multipart("mixed", level, &[&entity("Content-Type: application/octet-stream\r\n", &mail)])
        }
    }
}

/// Opens and parses whatever is in a mail; what comes in must not matter.
fn survive(raw: &[u8]) {
    let mail = open_mail(raw);
    for document in mail.content.as_deref().unwrap_or_default() {
        let _ = parse(&document.document, &mail.context(document, RECEIVED));
    }
    assert!(mail.content.is_err() || mail.content.is_ok_and(|documents| !documents.is_empty()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_wrapping_of_any_report_has_its_identity(
        meant in report(),
        which in any::<prop::sample::Index>(),
        coding in coding(),
        media_type in media_type(),
        name in prop::option::of("[a-z!. ]{1,20}(\\.json|\\.gz|\\.pdf)?"),
        layers in vec(around(), 0..6),
    ) {
        let json = meant.json();
        let (encoding, payload) = which.get(&encodings(&json)).clone();
        let (field, body) = coded(&payload, coding);
        let mut head = media_type.map(|media_type| format!("Content-Type: {media_type}\r\n")).unwrap_or_default() + field;
        if let Some(name) = name {
            head += &format!("Content-Disposition: attachment;\r\n\tfilename=\"{name}\"\r\n");
        }
        let mut raw = entity(&head, &body);
        for (level, &around) in layers.iter().enumerate() {
            raw = wrapped(&raw, around, level);
        }
        raw = [b"From: a@b.example\r\n", raw.as_slice()].concat();
        let mail = open_mail(&raw);
        let documents = mail.content.as_ref().unwrap();
        prop_assert_eq!(documents.len(), 1, "{}", encoding);
        let report = parse(&documents[0].document, &mail.context(&documents[0], RECEIVED)).unwrap();
        prop_assert_eq!(keys(&report), keys(&read(&json)), "{}", encoding);
    }

    #[test]
    fn no_bytes_panic(raw in vec(any::<u8>(), 0..600)) {
        survive(&raw);
    }

    #[test]
    fn no_pieces_of_mails_panic(pieces in vec(prop::sample::select(PIECES.to_vec()), 0..40)) {
        survive(pieces.concat().as_bytes());
    }

    #[test]
    fn no_value_of_a_field_panics(values in vec("([-a-z0-9*'%=?;:,<>()\"\\\\/@_.äé\u{0}\t ]|\r\n |=\\?utf-8\\?[qb]\\?|[0-9]{2}|May ){0,60}", 7)) {
        const NAMES: [&str; 7] =
            ["From", "Subject", "Date", "Received", "TLS-Report-Submitter", "Content-Type", "Content-Disposition"];
        let header: String = NAMES.iter().zip(&values).map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        survive(format!("{header}\r\n{{}}").as_bytes());
        survive(format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n{header}\r\n{{}}").as_bytes());
    }

    #[test]
    fn no_mutation_of_a_mail_panics(which in any::<prop::sample::Index>(), edits in vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..5), 1..20)) {
        let mut raw = which.get(&mails()).1.clone();
        for (at, byte, kind) in &edits {
            let at = at.index(raw.len().max(1));
            match kind {
                0 if at < raw.len() => raw[at] = *byte,
                1 => raw.insert(at, *byte),
                2 if at < raw.len() => drop(raw.remove(at)),
                3 => drop(raw.splice(at..at, b"\r\n".iter().copied())),
                _ => raw.truncate(at.max(raw.len() / 2)),
            }
        }
        survive(&raw);
    }
}

/// What mails are made of.
const PIECES: [&str; 26] = [
    "\r\n",
    "\n",
    "From: a@b.example\r\n",
    "From: =?utf-8?b?w7Y=?= <a@b.example>, \"x\" (y) <c@d>\r\n",
    "Subject: =?utf-8?q?=C3=BC?=\r\n =?x?\r\n",
    "Date: Wed, 13 May 2026 00:00:00 +0000\r\n",
    "Received: x; 31 Dec 9999 24:60:60 -9999\r\n",
    "Content-Type: multipart/mixed; boundary=b\r\n",
    "Content-Type: multipart/digest; boundary=\"b c\"\r\n",
    "Content-Type: multipart/report; report-type=delivery-status; boundary=\r\n",
    "Content-Type: message/rfc822\r\n",
    "Content-Type: text/plain; name*0*=utf-8''%; name*1=\"\r\n\t\\\"\r\n",
    "Content-Type: application/tlsrpt+gzip\r\n",
    "Content-Transfer-Encoding: base64\r\n",
    "Content-Transfer-Encoding: quoted-printable\r\n",
    "Content-Disposition: attachment; filename=\"=?utf-8?q?a?= b\"\r\n",
    "--b\r\n",
    "--b--\r\n",
    "--b c\n",
    "begin 644 a\r\n",
    "#0V%T\r\n",
    "end\r\n",
    "{\"policies\":[]}\r\n",
    "H4sIAAAA\r\n",
    "=\r\n=3D=",
    "<feedback>",
];
