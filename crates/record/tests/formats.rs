//! What was ever written to the log can be read: records come back as they were, and those of every format version are kept
//! here as bytes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use bytes::Bytes;
use proptest::{prelude::*, sample::select};
use tlsrpt_log::Record;
use tlsrpt_record::{
    AUDIT_FORMAT, AUDIT_TEXT_MAX_BYTES, ActorKind, AuditEntry, AuditError, Channel, FailureRecord, MailFacts, MailRecord,
    NORMALIZED_FORMAT, Normalized, NormalizedError, Origin, Outcome, PolicyRecord, Submission, SubmissionId, set_traceparent, traceparent,
};
use tlsrpt_report::{Day, Period, PolicyClass, PolicyMode, ReportKey, ResultType, Trust, UnixMillis, UnixSeconds};

const ID: u128 = 0x0199_0b3c_4d00_7abc_8def_0123_4567_89ab;

fn id() -> SubmissionId {
    SubmissionId(uuid::Uuid::from_u128(ID))
}

fn failure() -> FailureRecord<'static> {
    FailureRecord {
        result: ResultType::CertificateExpired,
        result_sent: "",
        sending_ip: Some("2001:db8::1".parse().unwrap()),
        sending_ip_sent: "",
        receiving_mx: "mx1.example.com",
        receiving_helo: "",
        receiving_ip: None,
        receiving_ip_sent: "mx1",
        sessions: Some(3),
        reason: "expired",
        additional: "",
    }
}

fn policy() -> PolicyRecord<'static> {
    PolicyRecord {
        tenant: "acme",
        key: ReportKey(u128::MAX - 1),
        document: ReportKey(2),
        group: ReportKey(3),
        organization: "Example Inc.",
        report_id: "r-1",
        contact: "tls@example.net",
        period: Period { begin: Some(UnixSeconds(1_778_630_400)), end: None },
        key_day: Some(Day(20_586)),
        day: Some(Day(20_586)),
        domain: "example.com",
        domain_sent: "Example.COM.",
        class: PolicyClass::Sts,
        type_sent: "",
        strings: vec!["version: STSv1", "mode: enforce"],
        mode: Some(PolicyMode::Enforce),
        max_age: Some(86_400),
        mx_hosts: vec!["*.example.com"],
        successful: Some(u64::MAX),
        failed: None,
        failures: vec![failure()],
        warnings: vec!["missing-count"],
    }
}

fn stored() -> Normalized<'static> {
    Normalized {
        submission_id: id(),
        channel: Channel::Https,
        address: Some("addr"),
        remote_ip: Some("192.0.2.7".parse().unwrap()),
        content_type: Some("application/tlsrpt+gzip"),
        trust: Trust::None,
        replay: false,
        normalized_at: UnixMillis(1_790_000_000_123),
        outcome: Outcome::Stored(vec![policy()]),
        mail: None,
    }
}

fn mailed() -> Normalized<'static> {
    let mail = MailRecord {
        sender: "Reports <tls@example.net>",
        subject: "Report Domain: example.com",
        helo: "mx.example.net",
        mail_from: Some(""),
        recipients: vec!["addr@reports.example"],
        tls: "TLSv1.3",
        authentication: "dkim=pass header.d=example.net",
        signer: "example.net",
        deferred: true,
    };
    Normalized { channel: Channel::Smtp, content_type: None, trust: Trust::DkimAligned, mail: Some(mail), ..stored() }
}

/// Format 1 of `stored()` with the payload `payload`, as the first version wrote it.
const FORMAT_1: &str = include_str!("formats/normalized-1.hex");
/// Format 2 of `mailed()` with the payload `payload`.
const FORMAT_2: &str = include_str!("formats/normalized-2.hex");

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn a_normalized_record_of_format_1_is_read_as_it_was_written() {
    let value = bytes(FORMAT_1);
    let (normalized, payload) = Normalized::decode(&value).unwrap();
    assert_eq!(normalized, stored());
    assert_eq!(payload, b"payload");
}

#[test]
fn a_normalized_record_of_format_2_is_read_as_it_was_written() {
    let value = bytes(FORMAT_2);
    let (normalized, payload) = Normalized::decode(&value).unwrap();
    assert_eq!(normalized, mailed());
    assert_eq!(payload, b"payload");
}

#[test]
fn what_is_written_today_is_the_format_that_the_fixture_holds() {
    assert_eq!(NORMALIZED_FORMAT, 2, "a new format: keep the fixture of the old one and add its own");
    assert_eq!(&mailed().encode(b"payload").unwrap().value[..], bytes(FORMAT_2));
}

#[test]
fn a_record_of_a_newer_format_asks_for_an_update() {
    let error = Normalized::decode(&[NORMALIZED_FORMAT + 1, 0]).unwrap_err();
    assert!(matches!(error, NormalizedError::Newer { .. }));
    assert!(error.to_string().contains("update"));
}

#[test]
fn a_header_that_is_not_known_is_passed_over_and_one_that_is_missing_is_named() {
    let submission = Submission {
        id: id(),
        channel: Channel::Smtp,
        address: None,
        remote_ip: None,
        content_type: None,
        trust: Trust::DkimAligned,
        mail: Some(MailFacts { mail_from: Some(String::new()), ..MailFacts::default() }),
        replay: true,
        payload: Bytes::from_static(b"{}"),
    };
    let mut record = submission.clone().into_record();
    record.headers.push(("of-tomorrow".into(), Bytes::from_static(b"x")));
    assert_eq!(Submission::from_record(&record).unwrap(), submission);
    record.headers.retain(|(name, _)| name != "channel");
    assert_eq!(Submission::from_record(&record).unwrap_err().header, "channel");
}

/// The header that a traced record has had since there are traces (W3C Trace Context 3.2.2).
const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[test]
fn a_record_is_the_same_with_a_trace_and_without() {
    let mut submitted = Submission::imported(UnixMillis(1_790_000_000_123), None, Bytes::from_static(b"{}")).into_record();
    let mut normalized = mailed().encode(b"payload").unwrap();
    let (submission, value) = (Submission::from_record(&submitted).unwrap(), normalized.value.clone());
    for record in [&mut submitted, &mut normalized] {
        assert_eq!(traceparent(record), None);
        set_traceparent(record, Some(TRACEPARENT.to_owned()), usize::MAX);
        assert_eq!(record.header("traceparent").map(|value| &value[..]), Some(TRACEPARENT.as_bytes()));
        assert_eq!(traceparent(record), Some(TRACEPARENT.as_bytes()));
    }
    assert_eq!(Submission::from_record(&submitted).unwrap(), submission);
    assert_eq!(normalized.value, value);
    // A trace that is handed on takes the place of the one before.
    set_traceparent(&mut submitted, Some("next".to_owned()), usize::MAX);
    assert_eq!(submitted.headers.iter().filter(|(name, _)| name == "traceparent").count(), 1);
    set_traceparent(&mut submitted, None, usize::MAX);
    assert_eq!(traceparent(&submitted), None);
}

#[test]
fn a_trace_never_makes_a_record_larger_than_the_log_takes() {
    let plain = mailed().encode(b"payload").unwrap();
    let whole = plain.size_bytes() + "traceparent".len() + TRACEPARENT.len();
    for (bytes_max, fits) in [(whole, true), (whole - 1, false), (0, false)] {
        let mut record = plain.clone();
        set_traceparent(&mut record, Some(TRACEPARENT.to_owned()), bytes_max);
        assert_eq!(traceparent(&record).is_some(), fits, "{bytes_max}");
    }
}

fn read() -> AuditEntry<'static> {
    AuditEntry {
        id: id().0,
        at: UnixMillis(1_790_000_000_123),
        actor_kind: ActorKind::Tenant,
        actor_id: "k3y",
        tenant: "acme",
        action: "report.raw",
        target: "00000000000000000000000000000007",
        status: Some(200),
        request_id: "01990b3c-4d00-7abc-8def-0123456789ac",
        remote_ip: Some("192.0.2.7".parse().unwrap()),
    }
}

/// Format 1 of `read()`.
const AUDIT_1: &str = include_str!("formats/audit-1.hex");

#[test]
fn an_audit_entry_of_format_1_is_read_as_it_was_written_and_is_what_is_written_today() {
    let value = bytes(AUDIT_1);
    assert_eq!(AuditEntry::decode(&value).unwrap(), read());
    assert_eq!(AUDIT_FORMAT, 1, "a new format: keep the fixture of the old one and add its own");
    assert_eq!(&read().encode().unwrap().value[..], value);
    let newer = AuditEntry::decode(&[AUDIT_FORMAT + 1]).unwrap_err();
    assert!(matches!(newer, AuditError::Newer { .. }) && newer.to_string().contains("update"));
}

#[test]
fn an_audit_entry_is_bounded_whatever_it_is_about() {
    let long = "ä".repeat(100_000);
    let record = AuditEntry { target: &long, tenant: &long, ..read() }.encode().unwrap();
    assert!(record.size_bytes() < 4 * AUDIT_TEXT_MAX_BYTES);
    let entry = AuditEntry::decode(&record.value).unwrap();
    assert!(entry.target.len() == AUDIT_TEXT_MAX_BYTES && long.starts_with(entry.target));
}

prop_compose! {
    fn mails()(
        helo in proptest::option::of("\\PC{0,20}"),
        mail_from in proptest::option::of("\\PC{0,20}"),
        recipients in proptest::collection::vec("[a-z]{1,9}@[a-z.]{1,9}", 0..3),
        tls in proptest::option::of(Just("TLSv1.3".to_owned())),
        origin in proptest::option::of(
            ("\\PC{0,20}", "[a-z.]{0,9}", any::<bool>())
                .prop_map(|(authentication, signer, deferred)| Origin { authentication, signer, deferred })
        ),
    ) -> MailFacts {
        MailFacts { helo, mail_from, recipients, tls, origin }
    }
}

prop_compose! {
    fn submissions()(
        low in any::<u128>(),
        channel in select(vec![Channel::Https, Channel::Smtp, Channel::Import]),
        trust in select(Trust::ALL.to_vec()),
        address in proptest::option::of("[a-z0-9]{1,30}"),
        remote_ip in proptest::option::of(any::<std::net::IpAddr>()),
        content_type in proptest::option::of("\\PC{0,40}"),
        mail in proptest::option::of(mails()),
        replay in any::<bool>(),
        payload in proptest::collection::vec(any::<u8>(), 0..200),
    ) -> Submission {
        // Version and variant of a UUIDv7; the rest is anything.
        let uuid = low & !(0xf << 76) & !(0x3 << 62) | (0x7 << 76) | (0x2 << 62);
        Submission { id: SubmissionId(uuid::Uuid::from_u128(uuid)), channel, address, remote_ip, content_type, trust, mail, replay, payload: payload.into() }
    }
}

proptest! {
    #[test]
    fn a_submission_comes_back_as_it_was(submission in submissions()) {
        prop_assert_eq!(Submission::from_record(&submission.clone().into_record()).unwrap(), submission);
    }

    #[test]
    fn no_bytes_make_the_reader_of_normalized_records_panic(value in proptest::collection::vec(any::<u8>(), 0..300), tagged in any::<bool>()) {
        let mut value = value;
        if tagged {
            value.insert(0, NORMALIZED_FORMAT);
        }
        let _ = Normalized::decode(&value);
        let _ = AuditEntry::decode(&value);
        let _ = Submission::from_record(&Record { value: value.into(), ..Record::default() });
    }

    #[test]
    fn a_damaged_normalized_record_never_panics(at in 1usize..200, byte in any::<u8>()) {
        let mut value = bytes(FORMAT_1);
        let at = at % value.len();
        value[at] = byte;
        let _ = Normalized::decode(&value);
    }
}
