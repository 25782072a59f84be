//! Mails through the normalizer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{sync::Arc, time::Duration};

use tlsrpt_log::{BatchLimits, Delivered, EmbeddedConfig, EmbeddedLog, Log, Position};
use tlsrpt_normalizer::{Metrics, NormalizerConfig, Owners, Parts, Setting, Tally, WARNING_REPORT_DELIVERY, normalize, run};
use tlsrpt_origin::{OriginConfig, Verifier};
use tlsrpt_record::{
    Channel, MailFacts, MailRecord, NORMALIZED, Normalized, Origin, Outcome, RECORD_MAX_BYTES, SUBMISSIONS, Submission, SubmissionId,
    TenantId, WRITER_GROUP,
};
use tlsrpt_report::{Domain, Trust, UnixMillis};
use tlsrpt_telemetry::{Health, otlp::Tracer, prometheus::Registry};
use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;

#[path = "../../origin/tests/verify/support.rs"]
#[expect(dead_code, reason = "what the verifier's own tests use besides")]
mod dns;

/// Every domain belongs to the tenant of its first label.
struct ByLabel;

impl Owners for ByLabel {
    fn owner_of(&self, domain: &Domain) -> Option<TenantId> {
        TenantId::parse(domain.as_str().split('.').next()?).ok()
    }
}

fn report(id: &str, domain: &str) -> String {
    let domain = if domain.is_empty() { String::new() } else { format!(r#","policy-domain":"{domain}""#) };
    format!(
        r#"{{"organization-name":"Sender","report-id":"{id}","date-range":{{"start-datetime":"2026-05-13T00:00:00Z","end-datetime":"2026-05-13T23:59:59Z"}},"policies":[{{"policy":{{"policy-type":"no-policy-found"{domain}}},"summary":{{"total-successful-session-count":5,"total-failure-session-count":0}}}}]}}"#
    )
}

fn attached(report: &str) -> String {
    format!("--b\r\nContent-Type: application/tlsrpt+json\r\n\r\n{report}\r\n")
}

fn mail(header: &str, parts: &[String]) -> String {
    format!(
        "From: TLS reports <noreply@sender.example>\r\nSubject: Report =?utf-8?q?f=C3=BCr?= you\r\n{header}\
         Content-Type: multipart/report; report-type=tlsrpt; boundary=b\r\n\r\n{}--b--\r\n",
        parts.concat()
    )
}

fn submission(channel: Channel, payload: impl Into<String>) -> Submission {
    let facts = MailFacts {
        helo: Some("mail.sender.example".to_owned()),
        mail_from: Some("bounce@sender.example".to_owned()),
        recipients: vec!["abc@reports.example".to_owned(), "postmaster@reports.example".to_owned()],
        tls: Some("TLSv1.3".to_owned()),
        origin: None,
    };
    Submission {
        id: SubmissionId::now(),
        channel,
        address: Some("abc".to_owned()),
        remote_ip: Some("127.0.0.1".parse().unwrap()),
        content_type: None,
        trust: Trust::None,
        mail: (channel == Channel::Smtp).then_some(facts),
        replay: false,
        payload: payload.into().into(),
    }
}

/// What `submission` comes to, as the next role reads it.
fn outcome<T>(submission: Submission, mail_hosts: &[&str], look: impl FnOnce(&Normalized<'_>, &Tally) -> T) -> T {
    let mail_hosts: Vec<Domain> = mail_hosts.iter().map(|host| Domain::parse(host).unwrap()).collect();
    let record = submission.clone().into_record();
    let delivered = Delivered { position: Position { partition: 0, offset: 0 }, appended_at_ms: 0, record };
    let setting = Setting { owners: &ByLabel, mail_hosts: &mail_hosts, now: UnixMillis(1), record_max_bytes: RECORD_MAX_BYTES };
    let work = normalize(&delivered, &Ok(submission.clone()), &setting).unwrap();
    let (normalized, payload) = Normalized::decode(&work.record.value).unwrap();
    assert_eq!(payload, submission.payload, "the payload is kept as received");
    look(&normalized, &work.tally)
}

/// Tenant, domain and warnings of each row; the reason of a reject.
fn rows(normalized: &Normalized<'_>) -> Result<Vec<(String, String, Vec<String>)>, String> {
    match &normalized.outcome {
        Outcome::Stored(rows) => Ok(rows
            .iter()
            .map(|row| (row.tenant.to_owned(), row.domain.to_owned(), row.warnings.iter().map(|&code| code.to_owned()).collect()))
            .collect()),
        Outcome::Rejected { reason, .. } => Err((*reason).to_owned()),
    }
}

fn domains(normalized: &Normalized<'_>) -> Vec<String> {
    rows(normalized).unwrap().into_iter().map(|(_, domain, _)| domain).collect()
}

#[test]
fn a_mail_with_two_reports_is_one_record_with_the_rows_of_both_and_what_is_known_of_the_mail() {
    let raw = mail("", &[attached(&report("1", "a.example")), attached(&report("2", "b.example"))]);
    let mut submission = submission(Channel::Smtp, raw);
    submission.trust = Trust::DkimAligned;
    let origin =
        Origin { authentication: "dkim=pass header.d=sender.example".to_owned(), signer: "sender.example".to_owned(), deferred: true };
    submission.mail.as_mut().unwrap().origin = Some(origin);
    outcome(submission, &[], |normalized, tally| {
        let found: Vec<_> = rows(normalized).unwrap().into_iter().map(|(tenant, domain, _)| (tenant, domain)).collect();
        assert_eq!(found, [("a", "a.example"), ("b", "b.example")].map(|(tenant, domain)| (tenant.to_owned(), domain.to_owned())));
        assert!(matches!(tally, Tally::Stored { rows: 2, .. }));
        assert_eq!(normalized.trust, Trust::DkimAligned);
        let record = MailRecord {
            sender: "TLS reports <noreply@sender.example>",
            subject: "Report für you",
            helo: "mail.sender.example",
            mail_from: Some("bounce@sender.example"),
            recipients: vec!["abc@reports.example", "postmaster@reports.example"],
            tls: "TLSv1.3",
            authentication: "dkim=pass header.d=sender.example",
            signer: "sender.example",
            deferred: true,
        };
        assert_eq!(normalized.mail, Some(record));
    });
}

#[test]
fn a_mail_without_a_report_is_a_reject_that_says_who_sent_it_and_what_about() {
    let text = |header: &str, body: &str| format!("From: Jo <jo@sender.example>\r\nSubject: Hello\r\n{header}\r\n{body}\r\n");
    for (raw, reason) in [
        (text("", "How are you?"), "no-report"),
        (text("Auto-Submitted: auto-replied\r\n", "I am away."), "auto-reply"),
        (text("Content-Type: application/xml\r\n", "<?xml version=\"1.0\"?><feedback><report_metadata/></feedback>"), "dmarc-report"),
    ] {
        outcome(submission(Channel::Smtp, raw), &[], |normalized, tally| {
            assert_eq!(rows(normalized).unwrap_err(), reason);
            assert!(matches!(tally, Tally::Rejected(code) if *code == reason));
            let mail = normalized.mail.as_ref().unwrap();
            assert_eq!((mail.sender, mail.subject, mail.helo), ("Jo <jo@sender.example>", "Hello", "mail.sender.example"));
        });
    }
}

#[test]
fn the_way_in_and_an_imports_first_bytes_decide_what_is_read_as_a_mail() {
    let (bare, raw) = (report("1", "a.example"), mail("", &[attached(&report("1", "a.example"))]));
    outcome(submission(Channel::Import, bare.clone()), &[], |normalized, _| {
        assert_eq!((domains(normalized), normalized.mail.is_none()), (vec!["a.example".to_owned()], true));
    });
    outcome(submission(Channel::Import, raw.clone()), &[], |normalized, _| {
        assert_eq!(domains(normalized), ["a.example"]);
        assert_eq!(normalized.mail.as_ref().map(|mail| mail.subject), Some("Report für you"));
    });
    outcome(submission(Channel::Https, raw), &[], |normalized, _| {
        assert_eq!((rows(normalized).unwrap_err().as_str(), normalized.mail.is_none()), ("unknown-form", true));
    });
    outcome(submission(Channel::Smtp, bare), &[], |normalized, _| assert!(normalized.mail.is_some()));
}

#[test]
fn what_stands_around_a_report_names_its_domain_where_the_report_does_not() {
    let raw = mail("TLS-Report-Domain: a.example\r\n", &[attached(&report("1", ""))]);
    outcome(submission(Channel::Smtp, raw), &[], |normalized, _| assert_eq!(domains(normalized), ["a.example"]));
}

#[test]
fn a_report_about_the_host_that_takes_our_mails_counts_and_says_so() {
    let raw = |domain: &str| mail("", &[attached(&report("1", domain))]);
    let warned = |submission: Submission, hosts: &[&str]| {
        outcome(submission, hosts, |normalized, _| {
            rows(normalized)
                .unwrap()
                .iter()
                .map(|(_, _, warnings)| warnings.iter().any(|code| code == WARNING_REPORT_DELIVERY))
                .collect::<Vec<_>>()
        })
    };
    assert_eq!(warned(submission(Channel::Smtp, raw("reports.example")), &[]), [true], "the host that the mail was sent to");
    assert_eq!(warned(submission(Channel::Smtp, raw("mx.example")), &["mx.example"]), [true], "a configured one");
    assert_eq!(warned(submission(Channel::Https, report("1", "mx.example")), &["mx.example"]), [true], "by whichever way");
    assert_eq!(warned(submission(Channel::Smtp, raw("a.reports.example")), &["mx.example"]), [false]);
    assert_eq!(warned(submission(Channel::Https, report("1", "reports.example")), &[]), [false]);
}

/// A forger has a mail returned, and the server that returns it signs the bounce.
#[test]
fn whoever_signs_a_mail_does_not_vouch_for_the_mail_that_is_attached_to_it() {
    let forged = mail("", &[attached(&report("1", "a.example"))]);
    let bounce = format!(
        "From: MAILER-DAEMON@sender.example\r\nSubject: Undelivered\r\nContent-Type: multipart/mixed; boundary=outer\r\n\r\n\
         --outer\r\nContent-Type: message/rfc822\r\n\r\n{forged}\r\n--outer--\r\n"
    );
    let quoted = format!("From: a@sender.example\r\nSubject: Re: x\r\n\r\nYou wrote:\r\n{}\r\n", report("1", "a.example"));
    for (raw, trust) in [(forged, Trust::DkimAligned), (bounce, Trust::DkimOther), (quoted, Trust::DkimOther)] {
        let signed = Submission { trust: Trust::DkimAligned, ..submission(Channel::Smtp, raw) };
        outcome(signed, &[], |normalized, _| assert_eq!((domains(normalized), normalized.trust), (vec!["a.example".to_owned()], trust)));
    }
}

/// Puts submissions through the role; answers trust and verdict of each, in their order.
async fn through(submissions: Vec<Submission>, origin: OriginConfig, config: NormalizerConfig) -> Vec<(Trust, Option<(String, bool)>)> {
    let dir = tempfile::tempdir().unwrap();
    let log =
        EmbeddedLog::open(EmbeddedConfig { dir: dir.path().to_owned(), record_max_bytes: 1 << 20, in_flight_max_bytes: 1 << 24 }).unwrap();
    log.declare(&SUBMISSIONS).await.unwrap();
    log.declare(&NORMALIZED).await.unwrap();
    let ids: Vec<SubmissionId> = submissions.iter().map(|submission| submission.id).collect();
    for submission in submissions {
        log.producer().send(SUBMISSIONS.name, submission.into_record()).await.unwrap();
    }
    let shutdown = CancellationToken::new();
    let parts = Parts {
        log: Arc::clone(&log) as Arc<dyn Log>,
        record_max_bytes: RECORD_MAX_BYTES,
        owners: Arc::new(ByLabel),
        verifier: Arc::new(Verifier::new(&origin).unwrap()),
        mail_hosts: Vec::new(),
        metrics: Metrics::register(&Registry::new()).unwrap(),
        health: Health::new().dependency("normalizer"),
        tracer: Tracer::off(),
    };
    let role = tokio::spawn(run(config, parts, shutdown.clone()));
    let mut consumer = log.consumer(NORMALIZED.name, WRITER_GROUP).await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < ids.len() {
        let batch = consumer.next(BatchLimits { records_max: 1000, bytes_max: 1 << 20, linger: Duration::ZERO }).await.unwrap();
        seen.extend(batch.records.iter().map(|delivered| {
            let normalized = Normalized::decode(&delivered.record.value).unwrap().0;
            let verdict = normalized.mail.map(|mail| (mail.authentication.to_owned(), mail.deferred));
            (normalized.submission_id, (normalized.trust, verdict))
        }));
    }
    shutdown.cancel();
    role.await.unwrap().unwrap();
    ids.iter().map(|id| seen.iter().find(|(seen, _)| seen == id).unwrap().1.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_get_their_verdict_and_posts_are_left_alone() {
    let signer = dns::Signer::new();
    let server = dns::Zone::default().txt("s1._domainkey.sender.example", &signer.record("")).serve().await;
    let raw = mail("", &[attached(&report("1", "a.example"))]);
    let signed = signer.sign("sender.example", &raw);
    let broken = signed.replace("a.example", "b.example");
    let found = through(
        vec![
            submission(Channel::Smtp, signed.clone()),
            submission(Channel::Smtp, broken),
            submission(Channel::Smtp, raw),
            submission(Channel::Https, report("1", "a.example")),
            submission(Channel::Import, signed),
            submission(Channel::Import, report("1", "a.example")),
        ],
        dns::config(server.addr),
        NormalizerConfig::default(),
    )
    .await;
    let pass = "dkim=pass header.d=sender.example header.s=s1 header.a=ed25519-sha256".to_owned();
    assert_eq!(found[0], (Trust::DkimAligned, Some((pass.clone(), false))));
    assert_eq!(found[1].0, Trust::DkimFail);
    assert_eq!(found[2], (Trust::None, Some(("dkim=none".to_owned(), false))));
    assert_eq!(found[3], (Trust::None, None));
    assert_eq!(found[4], (Trust::DkimAligned, Some((pass, false))));
    assert_eq!(found[5], (Trust::None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_keeps_the_verdict_that_there_is_and_looks_anew_where_there_is_none_yet() {
    // The key is there now; of the first mail it was not when it came in, or was it another.
    let signer = dns::Signer::new();
    let server = dns::Zone::default().txt("s1._domainkey.sender.example", &signer.record("")).serve().await;
    let signed = signer.sign("sender.example", &mail("", &[attached(&report("1", "a.example"))]));
    let replayed = |trust, deferred| {
        let mut submission = Submission { trust, replay: true, ..submission(Channel::Smtp, signed.clone()) };
        let origin = Origin { authentication: "dkim=before".to_owned(), signer: String::new(), deferred };
        submission.mail.as_mut().unwrap().origin = Some(origin);
        submission
    };
    let found =
        through(vec![replayed(Trust::DkimFail, false), replayed(Trust::None, true)], dns::config(server.addr), NormalizerConfig::default())
            .await;
    assert_eq!(found[0], (Trust::DkimFail, Some(("dkim=before".to_owned(), false))));
    assert_eq!(found[1].0, Trust::DkimAligned);
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_for_which_there_is_no_time_are_counted_and_looked_at_later() {
    // It takes questions and answers none; the time for the batch ends long before the time for a question.
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let origin = OriginConfig { query_timeout_ms: 60_000, mail_timeout_ms: 60_000, ..dns::config(silent.local_addr().unwrap()) };
    let signer = dns::Signer::new();
    let submissions = (0..50)
        .map(|n| submission(Channel::Smtp, signer.sign("sender.example", &mail("", &[attached(&report(&n.to_string(), "a.example"))]))))
        .chain([submission(Channel::Https, report("x", "a.example"))])
        .collect();
    let found = through(submissions, origin, NormalizerConfig { origins_timeout_ms: 50, ..NormalizerConfig::default() }).await;
    for (trust, verdict) in &found[..50] {
        let (authentication, deferred) = verdict.clone().unwrap();
        assert_eq!((*trust, deferred), (Trust::None, true));
        assert!(authentication.starts_with("dkim=temperror"), "{authentication}");
    }
    assert_eq!(found[50], (Trust::None, None));
}
