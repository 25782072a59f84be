//! Random reports about nested, internationalised and look-alike domains of several tenants: every sum of every route is that of a
//! plain count of the same reports, and nothing of another's shows anywhere.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::{Value, json};
use tlsrpt_query::{Audience, routes};
use tlsrpt_report::{Day, Domain, Trust};

use crate::harness::Api;

const TENANTS: [(&str, &[&str]); 3] = [
    ("acme", &["example.com", "xn--bcher-kva.example"]),
    // Below one of the first tenant's, and a look-alike of it.
    ("bolt", &["mail.example.com", "example.co"]),
    ("core", &["notexample.com", "sub.example.co"]),
];
/// As reports name them. Nobody owns the last two.
const DOMAINS: [&str; 13] = [
    "example.com",
    "www.example.com",
    "mail.example.com",
    "MX.Mail.Example.Com.",
    "example.co",
    "sub.example.co",
    "a.sub.example.co",
    "notexample.com",
    "xn--bcher-kva.example",
    "mail.bücher.example",
    "www.notexample.com",
    "example.org",
    "example.com.example",
];
/// The least trust with which a report counts for each tenant, as set.
const MINIMUM_TRUST: [Option<Trust>; 3] = [None, Some(Trust::None), Some(Trust::DkimOther)];
const REPORTERS: [&str; 3] = ["Alpha", "Beta", "Gamma"];
const TYPES: [&str; 4] = ["sts", "tlsa", "no-policy-found", "something-new"];
const RESULTS: [&str; 4] = ["certificate-expired", "starttls-not-supported", "dnssec-invalid", "sts-policy-fetch-error"];
const FROM: &str = "2026-02-20";
const TO: &str = "2026-04-10";

/// Result type, sessions, and what the addresses and the rest come from.
type Detail = (usize, u64, u8);
/// Domain, type, successful and failed sessions, details.
type Block = (usize, usize, u64, u64, Vec<Detail>);
/// Reporter, day, trust, policies.
type Generated = (usize, i32, usize, Vec<Block>);

/// One policy of one report, as sent.
#[derive(Clone, Debug)]
struct Row {
    report: usize,
    reporter: &'static str,
    day: Day,
    trust: Trust,
    domain: String,
    class: &'static str,
    successful: u64,
    failed: u64,
    details: Vec<Detail>,
}

impl Row {
    fn owner(&self) -> Option<(&'static str, &'static str)> {
        let domain = Domain::parse(&self.domain).unwrap();
        let owner = |name: &str| {
            let claim = |(tenant, claims): &(&'static str, &'static [&'static str])| {
                claims.iter().find(|claim| **claim == name).map(|&claim| (*tenant, claim))
            };
            TENANTS.iter().find_map(claim)
        };
        domain.self_and_parents().find_map(owner)
    }
    fn mx(&self, detail: &Detail) -> String {
        format!("mx{}.{}", detail.2 % 2, self.domain)
    }
    fn dimension(&self, name: &str, detail: Option<&Detail>) -> String {
        match name {
            "reporter" => self.reporter.to_owned(),
            "policy_type" => self.class.to_owned(),
            "domain" => self.domain.clone(),
            "result_type" => RESULTS[detail.unwrap().0].to_owned(),
            "receiving_mx" => self.mx(detail.unwrap()),
            "sending_ip" => format!("198.51.100.{}", detail.unwrap().2),
            "receiving_ip" => format!("2001:db8::{:x}", detail.unwrap().2),
            "reason" => format!("reason-{}", detail.unwrap().2 % 3),
            _ => unreachable!("{name}"),
        }
    }
}

/// Successful and failed sessions by policy type.
type ByType = BTreeMap<&'static str, (u64, u64)>;

/// Sums by the counting rule: within one report and domain the greater of sts and tlsa, and what is of neither.
#[derive(Default)]
struct Sum(BTreeMap<(usize, String), ByType>);

impl Sum {
    fn add(&mut self, row: &Row, successful: u64, failed: u64) {
        let one = self.0.entry((row.report, row.domain.clone())).or_default().entry(row.class).or_default();
        *one = (one.0 + successful, one.1 + failed);
    }
    fn total(&self) -> (u64, u64) {
        let of = |types: &ByType, pick: fn(&(u64, u64)) -> u64| {
            let one = |name: &str| types.get(name).map_or(0, pick);
            one("sts").max(one("tlsa")) + one("no-policy-found") + one("other")
        };
        self.0.values().fold((0, 0), |sum, types| (sum.0 + of(types, |one| one.0), sum.1 + of(types, |one| one.1)))
    }
}

/// The first day of the step that holds the day.
fn step_of(day: Day, step: &str) -> String {
    let text = day.to_string();
    match step {
        "day" => text,
        "week" => day.plus(-(day.0 + 3).rem_euclid(7)).to_string(),
        _ => format!("{}-01", &text[..7]),
    }
}

fn reports() -> impl Strategy<Value = Vec<Generated>> {
    let detail = (0..RESULTS.len(), 0u64..50, 1u8..5);
    let policy = (0..DOMAINS.len(), 0..TYPES.len(), 0u64..1_000, 0u64..100, prop::collection::vec(detail, 0..4));
    prop::collection::vec((0..REPORTERS.len(), 0i32..40, 0..Trust::ALL.len(), prop::collection::vec(policy, 1..6)), 25)
}

fn policy(row: &Row, sent: (&str, &str)) -> Value {
    let details: Vec<Value> = row
        .details
        .iter()
        .map(|detail| {
            let of = |name| row.dimension(name, Some(detail));
            json!({
                "result-type": of("result_type"), "sending-mta-ip": of("sending_ip"), "receiving-mx-hostname": of("receiving_mx"),
                "receiving-ip": of("receiving_ip"), "failed-session-count": detail.1, "failure-reason-code": of("reason")
            })
        })
        .collect();
    json!({
        "policy": {"policy-type": sent.0, "policy-domain": sent.1, "policy-string": [], "mx-host": []},
        "summary": {"total-successful-session-count": row.successful, "total-failure-session-count": row.failed},
        "failure-details": details
    })
}

#[tokio::test]
async fn every_sum_is_that_of_a_plain_count_and_nothing_foreign_shows_whatever_was_reported() {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[11; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    for case in 0..3 {
        let generated = reports().new_tree(&mut runner).unwrap().current();
        run(case, &generated).await;
    }
}

async fn run(case: usize, generated: &[Generated]) {
    let api = Api::start().await;
    let mut keys = BTreeMap::new();
    for ((id, domains), minimum) in TENANTS.into_iter().zip(MINIMUM_TRUST) {
        keys.insert(id, api.tenant(id, domains).await);
        api.set_minimum_trust(id, minimum).await;
    }
    let first: Day = "2026-02-25".parse().unwrap();
    let mut rows = Vec::new();
    for (report, (reporter, day, trust, policies)) in generated.iter().enumerate() {
        let (day, trust, mut blocks, mut seen) = (first.plus(*day), Trust::ALL[*trust], Vec::new(), BTreeSet::new());
        for (domain, class, successful, failed, details) in policies {
            let name = Domain::parse(DOMAINS[*domain]).unwrap().as_str().to_owned();
            // One report tells of one policy once.
            if !seen.insert((name.clone(), class)) {
                continue;
            }
            let row = Row {
                report,
                reporter: REPORTERS[*reporter],
                day,
                trust,
                domain: name,
                class: if *class < 3 { TYPES[*class] } else { "other" },
                successful: *successful,
                failed: *failed,
                details: details.clone(),
            };
            blocks.push(policy(&row, (TYPES[*class], DOMAINS[*domain])));
            rows.push(row);
        }
        let document = json!({
            "organization-name": REPORTERS[*reporter], "contact-info": "x@reporter.test", "report-id": format!("r{report}"),
            "date-range": {"start-datetime": format!("{day}T00:00:00Z"), "end-datetime": format!("{day}T23:59:59Z")},
            "policies": blocks
        });
        api.submit_with_trust(trust, document.to_string()).await;
    }
    let ledger = api.settled().await;
    assert_eq!(ledger["rejected"], 0, "case {case}: {ledger}");

    for ((tenant, claims), minimum) in TENANTS.into_iter().zip(MINIMUM_TRUST) {
        let (own, foreign): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.owner().is_some_and(|(owner, _)| owner == tenant));
        assert!(!own.is_empty() && !foreign.is_empty(), "case {case}");
        let asker = Asker { api: &api, key: &keys[tenant], case, tenant, trust: None };
        let counted: Vec<&Row> = own.iter().copied().filter(|row| minimum.is_none_or(|minimum| row.trust >= minimum)).collect();
        assert_eq!(counted.len() == own.len(), minimum.is_none(), "case {case}, {tenant}: nothing would be left out");
        asker.sums_are_right(&counted, claims).await;
        asker.export_is_right(&own).await;
        for trust in Trust::ALL {
            let chosen: Vec<&Row> = own.iter().copied().filter(|row| row.trust == trust).collect();
            let asker = Asker { trust: Some(trust), ..asker };
            asker.summary_is_right(&chosen).await;
            asker.domains_are_right(&chosen, claims).await;
            asker.export_is_right(&chosen).await;
        }
        let foreign: BTreeSet<&str> = foreign.iter().map(|row| row.domain.as_str()).collect();
        asker.nothing_shows_of(&foreign).await;
    }
}

struct Asker<'a> {
    api: &'a Api,
    key: &'a str,
    case: usize,
    tenant: &'a str,
    /// Asked for besides.
    trust: Option<Trust>,
}

impl Asker<'_> {
    async fn get(&self, route: &str) -> Value {
        let path = format!("{route}{}{}", if route.contains('?') { '&' } else { '?' }, self.filter());
        let answer = self.api.get(&path, self.key).await;
        assert_eq!(answer.status.as_u16(), 200, "case {}, {} at {path}: {}", self.case, self.tenant, answer.text());
        answer.json()
    }

    fn filter(&self) -> String {
        format!("from={FROM}&to={TO}{}", self.trust.map_or_else(String::new, |trust| format!("&trust={}", trust.as_str())))
    }

    #[track_caller]
    fn same<T: PartialEq + std::fmt::Debug>(&self, what: &str, answered: T, counted: T) {
        assert_eq!(answered, counted, "case {}, {}: {what}", self.case, self.tenant);
    }

    async fn sums_are_right(&self, own: &[&Row], claims: &[&str]) {
        self.summary_is_right(own).await;
        self.series_are_right(own).await;
        self.failures_are_right(own).await;
        self.domains_are_right(own, claims).await;
        self.reporters_are_right(own).await;
    }

    async fn summary_is_right(&self, own: &[&Row]) {
        let summary = self.get("/v1/summary").await;
        let mut sum = Sum::default();
        own.iter().for_each(|row| sum.add(row, row.successful, row.failed));
        let number = |value: &Value| value.as_u64().unwrap();
        self.same("summary", (number(&summary["successful_sessions"]), number(&summary["failed_sessions"])), sum.total());
        self.same("reports", number(&summary["reports"]), own.iter().map(|row| row.report).collect::<BTreeSet<_>>().len() as u64);
        self.same("reporters", number(&summary["reporters"]), own.iter().map(|row| row.reporter).collect::<BTreeSet<_>>().len() as u64);
        for class in ["sts", "tlsa", "no-policy-found", "other"] {
            let of: Vec<_> = own.iter().filter(|row| row.class == class).collect();
            let counted = (of.iter().map(|row| row.successful).sum::<u64>(), of.iter().map(|row| row.failed).sum());
            let split = &summary["policies"][class];
            self.same(class, (number(&split["successful_sessions"]), number(&split["failed_sessions"])), counted);
        }
    }

    async fn series_are_right(&self, own: &[&Row]) {
        let by: [&[&str]; 7] =
            [&[], &["reporter"], &["domain"], &["policy_type"], &["result_type"], &["domain", "reporter"], &["result_type", "policy_type"]];
        for step in ["day", "week", "month"] {
            let (from, to): (Day, Day) = (FROM.parse().unwrap(), TO.parse().unwrap());
            let steps: BTreeSet<String> = (from.0..=to.0).map(|day| step_of(Day(day), step)).collect();
            for by in by {
                let by_result = by.contains(&"result_type");
                let mut sums: BTreeMap<(String, Vec<String>), Sum> = BTreeMap::new();
                for row in own {
                    let details: Vec<Option<&Detail>> = if by_result { row.details.iter().map(Some).collect() } else { vec![None] };
                    for detail in details {
                        let group = by.iter().map(|name| row.dimension(name, detail)).collect();
                        let (successful, failed) = detail.map_or((row.successful, row.failed), |detail| (0, detail.1));
                        sums.entry((step_of(row.day, step), group)).or_default().add(row, successful, failed);
                    }
                }
                let mut groups: BTreeSet<Vec<String>> = sums.keys().map(|(_, group)| group.clone()).collect();
                if by.is_empty() {
                    groups.insert(Vec::new());
                }
                let counted: Vec<Value> = steps
                    .iter()
                    .flat_map(|t| groups.iter().map(move |group| (t.clone(), group.clone())))
                    .map(|(t, group)| {
                        let (successful, failed) = sums.get(&(t.clone(), group.clone())).map_or((0, 0), Sum::total);
                        let group = match &group[..] {
                            [] => Value::Null,
                            [only] => json!(only),
                            several => by.iter().zip(several).map(|(name, value)| ((*name).to_owned(), json!(value))).collect(),
                        };
                        json!({"t": t, "group": group, "successful_sessions": successful, "failed_sessions": failed})
                    })
                    .collect();
                let path = format!("/v1/timeseries?step={step}{}", group_by(by));
                self.same(&path, self.get(&path).await["points"].clone(), Value::Array(counted));
            }
        }
    }

    async fn failures_are_right(&self, own: &[&Row]) {
        let all = ["result_type", "receiving_mx", "reporter", "sending_ip", "receiving_ip", "reason", "domain", "policy_type"];
        let mut by: Vec<Vec<&str>> = all.iter().map(|name| vec![*name]).collect();
        by.extend([vec!["result_type", "receiving_mx"], all.to_vec()]);
        for by in by {
            let mut sums: BTreeMap<Vec<String>, (Sum, BTreeSet<Day>)> = BTreeMap::new();
            for (row, detail) in own.iter().flat_map(|row| row.details.iter().map(move |detail| (row, detail))) {
                let (sum, days) = sums.entry(by.iter().map(|name| row.dimension(name, Some(detail))).collect()).or_default();
                sum.add(row, 0, detail.1);
                days.insert(row.day);
            }
            let mut counted: Vec<Value> = sums
                .iter()
                .map(|(group, (sum, days))| {
                    let mut value: serde_json::Map<String, Value> =
                        by.iter().zip(group).map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
                    value.insert("failed_sessions".to_owned(), json!(sum.total().1));
                    value.insert("first_seen".to_owned(), json!(days.first().unwrap().to_string()));
                    value.insert("last_seen".to_owned(), json!(days.last().unwrap().to_string()));
                    Value::Object(value)
                })
                .collect();
            // The count is by dimensions already, and that order decides between groups of the same number.
            counted.sort_by_key(|group| std::cmp::Reverse(group["failed_sessions"].as_u64()));
            let path = format!("/v1/failures?{}", group_by(&by).trim_start_matches('&'));
            let mut answered = self.get(&path).await["groups"].clone();
            for group in answered.as_array_mut().unwrap() {
                let explanation = group.as_object_mut().unwrap().remove("explanation");
                self.same(&path, explanation.is_some(), by.contains(&"result_type"));
            }
            self.same(&path, answered.clone(), Value::Array(counted.clone()));
            let limited = self.get(&format!("{path}&limit=2&sort=failed_sessions")).await;
            self.same(&path, limited["groups"].as_array().unwrap().len(), counted.len().min(2));
        }
    }

    async fn domains_are_right(&self, own: &[&Row], claims: &[&str]) {
        let domains = self.get("/v1/domains").await;
        let mut counted = Vec::new();
        for claim in claims.iter().collect::<BTreeSet<_>>() {
            let of: Vec<_> = own.iter().filter(|row| row.owner().unwrap().1 == *claim).collect();
            let mut sum = Sum::default();
            of.iter().for_each(|row| sum.add(row, row.successful, row.failed));
            let documents = of.iter().map(|row| (row.report, &row.domain)).collect::<BTreeSet<_>>().len();
            let last = of.iter().map(|row| row.day).max().map(|day| day.to_string());
            counted.push((json!(claim), json!(sum.total().0), json!(sum.total().1), json!(documents), json!(last)));
        }
        let entry = |one: &Value| {
            let field = |name: &str| one[name].clone();
            (field("domain"), field("successful_sessions"), field("failed_sessions"), field("reports"), field("last_reported"))
        };
        self.same("domains", domains["domains"].as_array().unwrap().iter().map(entry).collect::<Vec<_>>(), counted);
    }

    async fn reporters_are_right(&self, own: &[&Row]) {
        let reporters = self.get("/v1/reporters").await;
        let mut counted = Vec::new();
        for name in own.iter().map(|row| row.reporter).collect::<BTreeSet<_>>() {
            let of: Vec<_> = own.iter().filter(|row| row.reporter == name).collect();
            let (mut sum, mut verified) = (Sum::default(), Sum::default());
            of.iter().for_each(|row| sum.add(row, row.successful, row.failed));
            of.iter().filter(|row| row.trust == Trust::DkimAligned).for_each(|row| verified.add(row, row.successful, row.failed));
            let ((successful, failed), verified) = (sum.total(), verified.total());
            let share = (verified.0 + verified.1) as f64 / (successful + failed) as f64;
            let domains: BTreeSet<&str> = of.iter().map(|row| row.domain.as_str()).collect();
            let days: BTreeSet<Day> = of.iter().map(|row| row.day).collect();
            counted.push(json!({
                "reporter": name, "reports": of.iter().map(|row| row.report).collect::<BTreeSet<_>>().len(),
                "successful_sessions": successful, "failed_sessions": failed, "verified_share": share, "domains": domains,
                "domains_total": domains.len(), "first_reported": days.first().unwrap().to_string(),
                "last_reported": days.last().unwrap().to_string()
            }));
        }
        let mut answered = reporters["reporters"].clone();
        for one in answered.as_array_mut().unwrap() {
            let warnings = one["warnings"].as_object().unwrap();
            self.same("details-mismatch", &one["mismatched_reports"], warnings.get("details-mismatch").unwrap_or(&json!(0)));
            for name in ["usual_gap_days", "is_silent", "mismatched_reports", "warnings"] {
                one.as_object_mut().unwrap().remove(name).unwrap();
            }
        }
        self.same("reporters", answered, Value::Array(counted));
    }

    async fn export_is_right(&self, own: &[&Row]) {
        let answer = self.api.get(&format!("/v1/export?{}", self.filter()), self.key).await;
        let line = |line: &str| {
            let line: Value = serde_json::from_str(line).unwrap();
            let of = |name: &str| line[name].as_str().unwrap().to_owned();
            let failures =
                line["failures"].as_array().unwrap().iter().map(|one| one["failed_sessions"].as_u64().unwrap()).collect::<Vec<_>>();
            let numbers = (line["successful_sessions"].as_u64().unwrap(), line["failed_sessions"].as_u64().unwrap(), failures);
            (of("report_id"), of("domain"), of("policy_type"), numbers)
        };
        let mut exported: Vec<_> = answer.text().lines().map(line).collect();
        let row = |row: &&Row| {
            let failures = row.details.iter().map(|detail| detail.1).collect();
            (format!("r{}", row.report), row.domain.clone(), row.class.to_owned(), (row.successful, row.failed, failures))
        };
        let mut counted: Vec<_> = own.iter().map(row).collect();
        exported.sort();
        counted.sort();
        self.same("export", exported, counted);
    }

    async fn nothing_shows_of(&self, foreign: &BTreeSet<&str>) {
        let listed = self.get("/v1/reports?limit=1000").await;
        let keys: Vec<&str> = listed["reports"].as_array().unwrap().iter().map(|one| one["report_key"].as_str().unwrap()).collect();
        for route in routes().filter(|route| route.method == reqwest::Method::GET && matches!(route.audience, Audience::Tenant(_))) {
            let period = format!("from={FROM}&to={TO}");
            let paths: Vec<String> = match route.path {
                "/v1/result-types" | "/v1/metrics" | "/v1/notifications" | "/v1/notifications/settings" => vec![route.path.to_owned()],
                path if path.contains("{domain}") => {
                    let claims = TENANTS.iter().find(|(tenant, _)| *tenant == self.tenant).unwrap().1;
                    let asked = match path {
                        "/v1/domains/{domain}/policies" => &period,
                        "/v1/domains/{domain}/readiness" => &format!("as_of={TO}"),
                        _ => "",
                    };
                    claims.iter().map(|claim| format!("{}?{asked}", path.replace("{domain}", claim))).collect()
                }
                path if path.contains("{report_key}") => keys.iter().take(12).map(|key| path.replace("{report_key}", key)).collect(),
                "/v1/timeseries" => ["domain", "reporter"].map(|by| format!("{}?{period}&group_by={by}", route.path)).into(),
                "/v1/failures" => {
                    ["receiving_mx,domain", "reporter,reason"].map(|by| format!("{}?{period}&group_by={by}", route.path)).into()
                }
                "/v1/export" => ["csv", "ndjson"].map(|format| format!("{}?{period}&format={format}", route.path)).into(),
                "/v1/readiness" => vec![format!("/v1/readiness?as_of={TO}")],
                path => vec![format!("{path}?{period}")],
            };
            for path in paths {
                let answer = self.api.get(&path, self.key).await;
                assert_eq!(answer.status.as_u16(), 200, "{path}: {}", answer.text());
                let text = answer.text();
                // Whole names, since one may stand in another: example.co in example.com.
                for word in text.split(|c: char| !c.is_alphanumeric() && c != '.' && c != '-') {
                    let name = word.strip_prefix("mx0.").or_else(|| word.strip_prefix("mx1.")).unwrap_or(word);
                    let Ok(domain) = Domain::parse(name) else { continue };
                    assert!(!foreign.contains(domain.as_str()), "case {}, {} sees {word} at {path}: {text}", self.case, self.tenant);
                }
            }
        }
    }
}

fn group_by(by: &[&str]) -> String {
    if by.is_empty() { String::new() } else { format!("&group_by={}", by.join(",")) }
}
