//! Twelve weeks of reports on one domain, from no policy to `enforce`, and what a tenant is told as of each day.

use serde_json::Value;
use tlsrpt_report::Day;

use crate::{
    client::Caller,
    reports::{Detail, Policy, Report},
};

/// The day before the first reported one: 2026-02-01.
const BEFORE: Day = Day(20_485);
/// The last reported day.
const LAST: i32 = 84;
const FAILED: u64 = 3;

/// A day, its state, since when, the earliest day of the next one, and what is missing.
type Told = (i32, &'static str, Option<i32>, Option<i32>, &'static [&'static str]);

/// What a tenant is told.
const TOLD: [Told; 17] = [
    (0, "no-reports", None, None, &["reports"]),
    (1, "baseline", Some(1), Some(15), &["baseline-days"]),
    // Nothing was reported of day 10.
    (10, "baseline", Some(1), Some(15), &["baseline-days"]),
    (14, "baseline", Some(1), Some(15), &["baseline-days"]),
    (15, "ready-for-testing", Some(15), Some(15), &["policy-testing"]),
    (17, "testing", Some(17), Some(31), &["testing-days"]),
    // A certificate for another host holds it back.
    (24, "testing", Some(17), Some(38), &["testing-days", "quiet-days"]),
    // A policy that cannot be fetched does not.
    (28, "testing", Some(17), Some(38), &["testing-days", "quiet-days", "readable-policy"]),
    (37, "testing", Some(17), Some(38), &["quiet-days"]),
    (38, "ready-for-enforce", Some(38), Some(38), &["policy-enforce"]),
    (41, "enforce", Some(41), None, &[]),
    (54, "enforce", Some(41), None, &[]),
    (55, "at-risk", Some(55), Some(62), &["quiet-days"]),
    (61, "at-risk", Some(55), Some(62), &["quiet-days"]),
    (62, "enforce", Some(62), None, &[]),
    (LAST, "enforce", Some(62), None, &[]),
    (LAST + 30, "no-reports", Some(LAST + 30), None, &["reports"]),
];

fn day(number: i32) -> Day {
    BEFORE.plus(number)
}

/// All reports, by day. `Alpha` reports daily, `Beta`, which does not look for policies, weekly.
pub fn rollout(domain: &str) -> Vec<Report> {
    let report = |organization: &str, number: i32, policy| Report {
        day: day(number),
        ..Report::new(organization, &format!("{organization}-{number}"), vec![policy])
    };
    let alpha = (1..=LAST).filter(|&number| number != 10).map(|number| {
        let clean = Policy { mode: mode(number), ..Policy::sts(domain, 100, 0) };
        let policy = match number {
            24 => failed(clean, "certificate-host-mismatch"),
            28 => Policy { mode: "", ..failed(clean, "sts-policy-fetch-error") },
            55 => failed(clean, "certificate-expired"),
            _ if mode(number).is_empty() => Policy { policy_type: "no-policy-found", ..clean },
            _ => clean,
        };
        report("Alpha", number, policy)
    });
    let beta = (2..=LAST).step_by(7).map(|number| {
        let policy = Policy { policy_type: "no-policy-found", mode: "", ..Policy::sts(domain, 5, 0) };
        report("Beta", number, policy)
    });
    alpha.chain(beta).collect()
}

/// Reports that somebody makes up: failures that would put the domain at risk, a policy that nobody published, one that is gone.
pub fn forged(domain: &str) -> Vec<Report> {
    let made_up = |number: i32, policy| Report { day: day(number), ..Report::new("Alpha", &format!("made-up-{number}"), vec![policy]) };
    let sts = |mode| Policy { mode, ..Policy::sts(domain, 1_000_000, 0) };
    vec![
        made_up(10, failed(sts("enforce"), "starttls-not-supported")),
        made_up(20, sts("enforce")),
        made_up(36, failed(sts("testing"), "certificate-expired")),
        made_up(50, Policy { policy_type: "no-policy-found", mode: "", ..sts("none") }),
        made_up(83, failed(sts("enforce"), "certificate-not-trusted")),
        made_up(LAST + 20, sts("testing")),
    ]
}

fn mode(number: i32) -> &'static str {
    match number {
        ..=16 => "",
        17..=40 => "testing",
        _ => "enforce",
    }
}

fn failed(policy: Policy, result_type: &'static str) -> Policy {
    let detail =
        Detail { result_type, sending_ip: "198.51.100.7".to_owned(), receiving_mx: format!("mx2.{}", policy.domain), sessions: FAILED };
    Policy { failed: FAILED, details: vec![detail], ..policy }
}

/// The readiness of the domain as of a day of the story.
pub async fn readiness(tenant: &Caller, domain: &str, number: i32) -> Value {
    tenant.json(&format!("/v1/domains/{domain}/readiness?as_of={}", day(number))).await
}

/// Checks what the tenant is told as of each day, and the evidence of some.
///
/// # Panics
/// When it is told something else.
pub async fn is_told(tenant: &Caller, domain: &str) {
    for (number, state, since, earliest, missing) in TOLD {
        let found = readiness(tenant, domain, number).await;
        let text = |number: Option<i32>| number.map_or(Value::Null, |number| day(number).to_string().into());
        assert_eq!((&found["state"], &found["since"]), (&state.into(), &text(since)), "day {number}: {found}");
        assert_eq!(found["next"]["earliest"], text(earliest), "day {number}: {found}");
        let codes: Vec<&str> = found["next"]["missing"].as_array().into_iter().flatten().map(|one| one["code"].as_str().unwrap()).collect();
        assert_eq!(codes, missing, "day {number}: {found}");
    }
    let held_back = readiness(tenant, domain, 28).await;
    let evidence = &held_back["evidence"];
    assert_eq!((&evidence["from"], &evidence["to"]), (&day(15).to_string().into(), &day(28).to_string().into()), "{evidence}");
    assert_eq!((evidence["days_covered"].as_u64(), evidence["policy_errors"].as_u64()), (Some(14), Some(FAILED)), "{evidence}");
    let class = &evidence["blocking"][0];
    assert_eq!(class["result_type"], "certificate-host-mismatch", "{evidence}");
    assert_eq!(class["receiving_mx"], format!("mx2.{domain}").as_str(), "{evidence}");
    assert_eq!((&class["sending_ips"][0], class["failed_sessions"].as_u64()), (&"198.51.100.7".into(), Some(FAILED)), "{evidence}");
    assert_eq!((&class["first_seen"], &class["last_seen"]), (&day(24).to_string().into(), &day(24).to_string().into()), "{evidence}");
    let refused = &evidence["refused"]["last_14_days"];
    assert_eq!((refused["sessions"].as_u64(), &refused["reporters"][0]["reporter"]), (Some(FAILED), &"Alpha".into()), "{evidence}");
}
