//! What happened to the demo's three domains, told by the reports that they would have had.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use serde_json::{Value, json};
use tlsrpt_report::Day;

/// The demo tenant's domains: a roll-out, an expired certificate, an MX that lost STARTTLS.
pub(crate) const DOMAINS: [&str; 3] = ["demo-shop.example", "demo-bank.example", "demo-news.example"];

/// Who reports: organisation, contact, sessions on a usual day, network of its senders.
const REPORTERS: [(&str, &str, u64, &str); 5] = [
    ("Google Inc.", "smtp-tls-reporting@google.com", 900, "209.85.220."),
    ("Microsoft Corporation", "tlsrpt-noreply@microsoft.com", 700, "40.107.22."),
    ("Mail.ru", "tls_support@corp.mail.ru", 60, "94.100.180."),
    ("Example Post GmbH", "postmaster@post.example", 40, "198.51.100."),
    ("University of Example", "hostmaster@uni.example", 15, "203.0.113."),
];

/// One day's report of one reporter on one domain.
pub(crate) struct DemoReport {
    document: Value,
    sessions: u64,
}

impl DemoReport {
    /// Sessions in it, by the counting rule.
    pub(crate) fn sessions(&self) -> u64 {
        self.sessions
    }

    /// As a sender posts it.
    pub(crate) fn gzip(&self) -> anyhow::Result<Vec<u8>> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(self.document.to_string().as_bytes())?;
        Ok(gzip.finish()?)
    }
}

/// The reports of the `days` days before `today`, the same for every run on one day.
pub(crate) fn reports(today: Day, days: i32) -> Vec<DemoReport> {
    let mut reports = Vec::new();
    for ago in (1..=days).rev() {
        for domain in DOMAINS {
            for reporter in 0..REPORTERS.len() {
                reports.extend(report(today.plus(-ago), ago, domain, reporter));
            }
        }
    }
    reports
}

/// What the domain publishes, and what went wrong, `ago` days before today.
fn circumstances(domain: &str, ago: i32) -> (Option<&'static str>, Option<(&'static str, &'static str, f64)>) {
    match (domain, ago) {
        // A roll-out: nothing, then testing with a forgotten MX in the first week, then enforce.
        ("demo-shop.example", 61..) => (None, None),
        ("demo-shop.example", 54..=60) => (Some("testing"), Some(("certificate-host-mismatch", "old-mx", 0.08))),
        ("demo-shop.example", 31..=60) => (Some("testing"), None),
        ("demo-shop.example", _) => (Some("enforce"), None),
        // A certificate that ran out for three days.
        ("demo-bank.example", 18..=20) => (Some("enforce"), Some(("certificate-expired", "mx1", 0.55))),
        ("demo-bank.example", _) => (Some("enforce"), None),
        // An MX that came back from maintenance without STARTTLS.
        (_, 8..=10) => (Some("testing"), Some(("starttls-not-supported", "mx2", 0.3))),
        _ => (Some("testing"), None),
    }
}

fn report(day: Day, ago: i32, domain: &str, reporter: usize) -> Option<DemoReport> {
    let (organization, contact, usual, network) = *REPORTERS.get(reporter)?;
    // One stream a report: what one day looks like does not hang on how many days were asked for.
    let domain_number = DOMAINS.iter().position(|&other| other == domain)?;
    let mut random =
        SmallRng::seed_from_u64(u64::try_from(i64::from(day.0)).ok()? * 100 + u64::try_from(domain_number * 10 + reporter).ok()?);
    // Small reporters have days without mail, and send no report then.
    if usual < 50 && random.random_bool(0.2) {
        return None;
    }
    let weekend = (day.0 + 3).rem_euclid(7) >= 5;
    let total = (usual / if weekend { 3 } else { 1 } * random.random_range(70..130_u64) / 100).max(1);
    let (mode, trouble) = circumstances(domain, ago);
    // Without a policy a sender checks nothing that could fail.
    let trouble = trouble.filter(|_| mode.is_some());
    let failed = trouble.map_or(0, |(_, _, share)| part(total, share));
    let details = trouble.filter(|_| failed > 0).map(|(result, mx, _)| {
        json!([{
            "result-type": result,
            "sending-mta-ip": format!("{network}{}", random.random_range(1..250)),
            "receiving-mx-hostname": format!("{mx}.{domain}"),
            "receiving-ip": "192.0.2.25",
            "failed-session-count": failed,
        }])
    });
    let summary = json!({"total-successful-session-count": total - failed, "total-failure-session-count": failed});
    let policy = match mode {
        None => json!({"policy-type": "no-policy-found", "policy-domain": domain}),
        Some(mode) => json!({
            "policy-type": "sts",
            "policy-string": ["version: STSv1", format!("mode: {mode}"), format!("mx: *.{domain}"), "max_age: 604800"],
            "policy-domain": domain,
            "mx-host": [format!("*.{domain}")],
        }),
    };
    let mut policies = vec![json!({"policy": policy, "summary": summary, "failure-details": details.unwrap_or_else(|| json!([]))})];
    // Microsoft reports the same sessions once more under DANE where there are TLSA records.
    if organization.starts_with("Microsoft") && domain == "demo-news.example" {
        let tlsa = json!({"policy-type": "tlsa", "policy-string": ["3 1 1 0D6FCE3D9A0C6D5A"], "policy-domain": domain, "mx-host": [format!("mx1.{domain}")]});
        policies.push(json!({"policy": tlsa, "summary": {"total-successful-session-count": total - failed, "total-failure-session-count": 0}, "failure-details": []}));
    }
    let document = json!({
        "organization-name": organization,
        "date-range": {"start-datetime": format!("{day}T00:00:00Z"), "end-datetime": format!("{day}T23:59:59Z")},
        "contact-info": contact,
        "report-id": format!("{day}T00:00:00Z_{domain}_{reporter}"),
        "policies": policies,
    });
    Some(DemoReport { document, sessions: total })
}

/// `share` of `total`, rounded down.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a few hundred sessions times a share below one"
)]
fn part(total: u64, share: f64) -> u64 {
    (total as f64 * share) as u64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn the_story_is_the_same_every_time_and_none_of_its_reports_gives_a_warning() {
        let today = Day(20_000);
        let (first, second) = (reports(today, 90), reports(today, 90));
        assert!(first.len() > 1000);
        assert!(first.iter().zip(&second).all(|(a, b)| a.document == b.document));
        for report in &first {
            let payload = report.gzip().unwrap();
            let documents = tlsrpt_report::open(&payload).unwrap();
            let context = tlsrpt_report::Context {
                received_at: tlsrpt_report::UnixMillis(today.start().0 * 1000),
                report_domain: None,
                subject: None,
                file_name: None,
            };
            let parsed = tlsrpt_report::parse(&documents[0], &context).unwrap();
            assert!(parsed.warnings.is_empty() && parsed.policies.iter().all(|policy| policy.warnings.is_empty()), "{}", report.document);
        }
    }
}
