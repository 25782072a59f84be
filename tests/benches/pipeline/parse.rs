//! Parse and normalise against gunzip and a bare typed parse of the same bytes.

use std::{
    borrow::Cow,
    hint::black_box,
    io::Read as _,
    time::{Duration, Instant},
};

use flate2::read::GzDecoder;
use serde::Deserialize;
use tlsrpt_report::{Context, UnixMillis};

use crate::{samples, table};

/// Rounds of each; the median counts.
const ROUNDS: usize = 15;
/// Length of a round.
const ROUND: Duration = Duration::from_millis(120);
const AIM: f64 = 0.6;

/// What the reference parses into: the report as RFC 8460 writes it, nothing checked, nothing mended.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(dead_code, reason = "parsed and dropped")]
struct Bare<'a> {
    #[serde(borrow)]
    organization_name: Cow<'a, str>,
    #[serde(borrow)]
    date_range: BareRange<'a>,
    #[serde(borrow)]
    contact_info: Cow<'a, str>,
    #[serde(borrow)]
    report_id: Cow<'a, str>,
    #[serde(borrow)]
    policies: Vec<BarePolicy<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(dead_code, reason = "parsed and dropped")]
struct BareRange<'a> {
    #[serde(borrow)]
    start_datetime: Cow<'a, str>,
    #[serde(borrow)]
    end_datetime: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(dead_code, reason = "parsed and dropped")]
struct BarePolicy<'a> {
    #[serde(borrow)]
    policy: BarePolicyText<'a>,
    summary: BareSummary,
    #[serde(borrow)]
    failure_details: Vec<BareFailure<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(dead_code, reason = "parsed and dropped")]
struct BarePolicyText<'a> {
    policy_type: &'a str,
    #[serde(borrow)]
    policy_string: Vec<&'a str>,
    policy_domain: &'a str,
    #[serde(borrow)]
    mx_host: Vec<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(dead_code, reason = "parsed and dropped")]
struct BareSummary {
    total_successful_session_count: u64,
    total_failure_session_count: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(dead_code, reason = "parsed and dropped")]
struct BareFailure<'a> {
    result_type: &'a str,
    sending_mta_ip: &'a str,
    receiving_mx_hostname: &'a str,
    receiving_mx_helo: &'a str,
    receiving_ip: &'a str,
    failed_session_count: u64,
    failure_reason_code: &'a str,
    additional_information: &'a str,
}

pub(crate) fn run() {
    table::heading("parse and normalise, one core, against gunzip (zlib-rs) and a bare typed serde_json parse");
    for (name, payload) in samples::by_size() {
        let (mut ours, mut reference) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            reference.push(rate(|| bare(&payload)));
            ours.push(rate(|| normalise(&payload)));
        }
        table::ratio(name, table::median(&mut ours), table::median(&mut reference), "reports/s", AIM);
    }
    table::heading("the same from mails, against mail-parser, gunzip and the bare parse");
    for (name, mail) in samples::mails_by_size() {
        let (mut ours, mut reference) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            reference.push(rate(|| bare_mail(&mail)));
            ours.push(rate(|| normalise_mail(&mail)));
        }
        table::ratio(name, table::median(&mut ours), table::median(&mut reference), "mails/s", AIM);
    }
}

fn rate(mut once: impl FnMut()) -> f64 {
    let started = Instant::now();
    let mut count = 0u32;
    while started.elapsed() < ROUND {
        for _ in 0..8 {
            once();
        }
        count += 8;
    }
    f64::from(count) / started.elapsed().as_secs_f64()
}

fn bare(payload: &[u8]) {
    let mut json = Vec::with_capacity(payload.len() * 4);
    GzDecoder::new(payload).read_to_end(&mut json).unwrap();
    let report: Bare<'_> = serde_json::from_slice(&json).unwrap();
    black_box(report.policies.len());
}

fn normalise(payload: &[u8]) {
    let documents = tlsrpt_report::open(payload).unwrap();
    let context = Context { received_at: UnixMillis(1_800_000_000_000), report_domain: None, subject: None, file_name: None };
    for document in &documents {
        black_box(tlsrpt_report::parse(document, &context).unwrap().policies.len());
    }
}

fn bare_mail(raw: &[u8]) {
    let mail = mail_parser::MessageParser::default().parse(raw).unwrap();
    bare(mail.attachment(0).unwrap().contents());
}

fn normalise_mail(raw: &[u8]) {
    let mail = tlsrpt_report::open_mail(raw);
    for document in mail.content.as_ref().unwrap() {
        let context = mail.context(document, UnixMillis(1_800_000_000_000));
        black_box(tlsrpt_report::parse(&document.document, &context).unwrap().policies.len());
    }
}
