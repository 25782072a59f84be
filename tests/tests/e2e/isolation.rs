//! What one tenant never sees of another, and what each key opens.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tlsrpt_tests::{Caller, Detail, Encoding, Policy, Report, Setup, TenantAccess, Totals, settled, until, wide_period};

/// Every tenant route, `{key}` standing for a report key.
const TENANT_ROUTES: &[&str] = &[
    "/v1/domains",
    "/v1/domains/{domain}/readiness",
    "/v1/readiness",
    "/v1/domains/{domain}/dns",
    "/v1/domains/{domain}/policy",
    "/v1/summary",
    "/v1/timeseries",
    "/v1/failures",
    "/v1/reporters",
    "/v1/domains/{domain}/policies",
    "/v1/reports",
    "/v1/reports/{report_key}",
    "/v1/reports/{report_key}/raw",
    "/v1/export",
    "/v1/metrics",
    "/v1/result-types",
    "/v1/notifications",
    "/v1/notifications/settings",
];

/// Every route by which a tenant changes something of its own.
const TENANT_CHANGES: &[(&str, &str)] = &[
    ("PUT", "/v1/notifications/settings"),
    ("DELETE", "/v1/notifications/settings"),
    ("POST", "/v1/notifications/webhook/secret"),
    ("POST", "/v1/notifications/test"),
];

/// Every operator route.
const OPERATOR_ROUTES: &[(&str, &str)] = &[
    ("POST", "/admin/v1/tenants"),
    ("GET", "/admin/v1/tenants"),
    ("GET", "/admin/v1/tenants/{id}"),
    ("PATCH", "/admin/v1/tenants/{id}"),
    ("DELETE", "/admin/v1/tenants/{id}"),
    ("POST", "/admin/v1/backups"),
    ("GET", "/admin/v1/backups"),
    ("GET", "/admin/v1/backups/{name}"),
    ("DELETE", "/admin/v1/backups/{name}"),
    ("GET", "/admin/v1/erasures"),
    ("GET", "/admin/v1/erasures/{id}"),
    ("GET", "/admin/v1/tenants/{id}/notifications/settings"),
    ("GET", "/admin/v1/tenants/{id}/settings"),
    ("PATCH", "/admin/v1/tenants/{id}/settings"),
    ("POST", "/admin/v1/tenants/{id}/domains"),
    ("GET", "/admin/v1/tenants/{id}/domains"),
    ("DELETE", "/admin/v1/tenants/{id}/domains/{domain}"),
    ("POST", "/admin/v1/tenants/{id}/domains/{domain}/move"),
    ("POST", "/admin/v1/tenants/{id}/keys"),
    ("GET", "/admin/v1/tenants/{id}/keys"),
    ("DELETE", "/admin/v1/tenants/{id}/keys/{key_id}"),
    ("POST", "/admin/v1/tenants/{id}/keys/{key_id}/rotate"),
    ("POST", "/admin/v1/keys"),
    ("GET", "/admin/v1/keys"),
    ("DELETE", "/admin/v1/keys/{key_id}"),
    ("POST", "/admin/v1/import"),
    ("GET", "/admin/v1/unclaimed"),
    ("GET", "/admin/v1/submissions"),
    ("POST", "/admin/v1/submissions"),
    ("GET", "/admin/v1/submissions/{id}"),
    ("GET", "/admin/v1/submissions/{id}/raw"),
    ("POST", "/admin/v1/submissions/{id}/replay"),
    ("GET", "/admin/v1/ledger"),
    ("GET", "/admin/v1/incidents"),
    ("GET", "/admin/v1/top"),
    ("GET", "/admin/v1/audit"),
];

#[test]
fn the_tables_of_this_suite_hold_every_route_of_the_api() {
    let listed: BTreeSet<(String, &str)> = OPERATOR_ROUTES
        .iter()
        .chain(TENANT_CHANGES)
        .map(|&(method, path)| (method.to_owned(), path))
        .chain(TENANT_ROUTES.iter().map(|&path| ("GET".to_owned(), path)))
        .collect();
    let served: BTreeSet<(String, &str)> = tlsrpt_query::routes().map(|route| (route.method.to_string(), route.path)).collect();
    assert_eq!(listed, served);
}

const SHARED_REPORTER: &str = "Shared Reporter";

/// Words and numbers of one tenant that no answer to the other may hold.
struct Side {
    access: TenantAccess,
    domain: &'static str,
    mx: &'static str,
    sending_ip: &'static str,
    reporter: &'static str,
    successful: u64,
    failed: u64,
    shared: (u64, u64),
}

impl Side {
    /// All that gives this tenant away.
    fn marks(&self) -> Vec<String> {
        let numbers =
            [self.successful, self.failed, self.shared.0, self.shared.1, self.successful + self.shared.0, self.failed + self.shared.1];
        let words = [self.domain, self.mx, self.sending_ip, self.reporter, &self.access.id, &self.access.address].map(str::to_owned);
        words.into_iter().chain(numbers.map(|number| number.to_string())).collect()
    }

    fn policy(&self, (successful, failed): (u64, u64)) -> Policy {
        let detail = Detail {
            result_type: "certificate-expired",
            sending_ip: self.sending_ip.to_owned(),
            receiving_mx: self.mx.to_owned(),
            sessions: failed,
        };
        Policy { details: vec![detail], ..Policy::sts(self.domain, successful, failed) }
    }
}

#[tokio::test]
async fn no_route_shows_one_tenant_the_names_or_numbers_of_another() {
    // What domains publish is asked of nobody: who answers there is none of this suite's.
    let service = Setup::new().config("[publication]\nservers = [\"127.0.0.1:1\"]\n").start().await;
    let (operator, sender) = (service.operator(), service.sender());
    let a = Side {
        access: operator.tenant("tenant-alfa", &["alfa.example"]).await,
        domain: "alfa.example",
        mx: "mx1.alfa.example",
        sending_ip: "198.51.100.171",
        reporter: "Reporter Of Alfa",
        successful: 710_003,
        failed: 43_019,
        shared: (520_021, 37_013),
    };
    let b = Side {
        access: operator.tenant("tenant-bravo", &["bravo.example"]).await,
        domain: "bravo.example",
        mx: "mx1.bravo.example",
        sending_ip: "203.0.113.172",
        reporter: "Reporter Of Bravo",
        successful: 860_009,
        failed: 59_011,
        shared: (970_027, 61_027),
    };
    for side in [&a, &b] {
        sender.send(Report::new(side.reporter, "own", vec![side.policy((side.successful, side.failed))]).encode(Encoding::Gzip)).await;
    }
    // One report about both, at the address of one of them: the address is evidence, not authority.
    let shared = Report::new(SHARED_REPORTER, "shared", vec![a.policy(a.shared), b.policy(b.shared)]);
    sender.send_to(&a.access.address, shared.encode(Encoding::Gzip)).await;
    settled(&operator, 3).await;

    for (own, other) in [(&a, &b), (&b, &a)] {
        let tenant = service.tenant(&own.access.key);
        let summary = tenant.json(&format!("/v1/summary?{}", wide_period())).await;
        let expected = Totals { successful: own.successful + own.shared.0, failed: own.failed + own.shared.1, reports: 2 };
        assert_eq!(Totals::of_summary(&summary), expected, "{}", own.access.id);
        for route in TENANT_ROUTES {
            for (path, status) in paths(&service, route, own, other).await {
                let answer = tenant.get(&path).await.is(status);
                // What was asked with is the asker's own knowledge: a list echoes no filter, a problem may.
                if status == 200 {
                    for mark in other.marks() {
                        assert!(!answer.text().contains(&mark), "{} sees {mark} at {path}: {}", own.access.id, answer.text());
                    }
                }
            }
        }
    }
    service.finish().await;
}

/// The requests of `own` on a route that could show something of `other`, with the status that each must have.
async fn paths(service: &tlsrpt_tests::Service, route: &str, own: &Side, other: &Side) -> Vec<(String, u16)> {
    let period = wide_period();
    if route.contains("{report_key}") {
        let at = |key: &str| route.replace("{report_key}", key);
        let mut paths = Vec::new();
        for key in report_keys(&service.tenant(&own.access.key)).await {
            paths.push((at(&key), 200));
        }
        for key in report_keys(&service.tenant(&other.access.key)).await {
            paths.push((at(&key), 404));
        }
        return paths;
    }
    if route.contains("{domain}") {
        let at = |domain: &str| route.replace("{domain}", domain);
        return vec![
            (at(own.domain), 200),
            (at(&format!("mail.{}", own.domain)), 200),
            (at(other.domain), 404),
            (at(&format!("mail.{}", other.domain)), 404),
            (at("example"), 404),
            (format!("{}?domain={}", at(own.domain), other.domain), 400),
        ];
    }
    if matches!(route, "/v1/result-types" | "/v1/metrics" | "/v1/readiness") || route.starts_with("/v1/notifications") {
        // There is nothing to narrow.
        return vec![(route.to_owned(), 200), (format!("{route}?domain={}", other.domain), 400)];
    }
    let mut paths = vec![
        (format!("{route}?{period}"), 200),
        (format!("{route}?{period}&domain={}", other.domain), 200),
        (format!("{route}?{period}&domain=example&subdomains=true"), 200),
        (format!("{route}?{period}&reporter={}", other.reporter.replace(' ', "+")), 200),
        (format!("{route}?{period}&receiving_mx={}", other.mx), 200),
        (format!("{route}?{period}&sending_net={}/32", other.sending_ip), 200),
        (format!("{route}?{period}&domain={}%27+OR+1%3D1+--+", other.domain), 400),
        (format!("{route}?{period}&reporter=x%27+OR+tenant%21%3D%27x"), 200),
        (format!("{route}?{period}&tenant={}", other.access.id), 400),
    ];
    let groupings: &[&str] = match route {
        "/v1/timeseries" => &["reporter", "result_type", "policy_type", "domain", "domain,reporter"],
        "/v1/failures" => &["result_type,receiving_mx,reporter,sending_ip,receiving_ip,reason,domain,policy_type"],
        _ => &[],
    };
    if route == "/v1/export" {
        paths.push((format!("{route}?{period}&format=csv"), 200));
    }
    paths.extend(groupings.iter().map(|by| (format!("{route}?{period}&group_by={by}"), 200)));
    paths
}

async fn report_keys(tenant: &Caller) -> Vec<String> {
    let listed = tenant.json(&format!("/v1/reports?{}", wide_period())).await;
    let keys: Vec<String> =
        listed["reports"].as_array().unwrap().iter().map(|report| report["report_key"].as_str().unwrap().to_owned()).collect();
    assert_eq!(keys.len(), 2, "{listed}");
    keys
}

#[tokio::test]
async fn the_raw_view_of_a_shared_report_holds_ones_own_policies_only() {
    let service = Setup::new().start().await;
    let (operator, sender) = (service.operator(), service.sender());
    let mut tenants = Vec::new();
    for domain in ["one.example", "two.example"] {
        tenants.push((domain, operator.tenant(domain, &[domain]).await));
    }
    let policies = ["one.example", "two.example", "nobodys.example", "mail.one.example"].map(|domain| Policy::sts(domain, 5, 1));
    let shared = Report::new("Sender", "shared", policies.to_vec());
    let id = sender.send(shared.encode(Encoding::Gzip)).await;
    settled(&operator, 1).await;
    for (domain, access) in &tenants {
        let tenant = service.tenant(&access.key);
        let listed = tenant.json(&format!("/v1/reports?{}", wide_period())).await;
        let key = listed["reports"][0]["report_key"].as_str().unwrap();
        let raw = tenant.get(&format!("/v1/reports/{key}/raw")).await.is(200).json();
        let shown: Vec<&str> =
            raw["policies"].as_array().unwrap().iter().map(|policy| policy["policy"]["policy-domain"].as_str().unwrap()).collect();
        let own: Vec<&str> = ["one.example", "two.example", "mail.one.example"].into_iter().filter(|name| name.ends_with(domain)).collect();
        assert_eq!(shown, own, "{domain}");
        assert_eq!((&raw["organization-name"], &raw["report-id"]), (&json!("Sender"), &json!("shared")));
    }
    let whole = operator.get(&format!("/admin/v1/submissions/{id}/raw")).await.is(200);
    assert_eq!(whole.body, shared.encode(Encoding::Gzip), "the operator sees it whole");
    service.finish().await;
}

#[tokio::test]
async fn each_key_opens_its_own_routes_only() {
    let service = Setup::new().start().await;
    let operator = service.operator();
    let access = operator.tenant("acme", &["example.com"]).await;
    let (admin, tenant) = (service.admin_key(), access.key.clone());
    let forms = [None, Some(""), Some("wrong"), Some("tlsrpt"), Some("Bearer")];
    let strangers = || forms.iter().map(|key| service.caller(*key));
    let fill = |path: &str| {
        path.replace("{id}", "acme").replace("{domain}", "example.com").replace("{key_id}", "x").replace("{report_key}", &"0".repeat(32))
    };

    for (method, path) in OPERATOR_ROUTES {
        for caller in strangers().chain([service.tenant(&tenant)]) {
            let answer = caller.request(method, &fill(path), Some(b"{}".to_vec())).await;
            assert!(matches!(answer.status, 401 | 403), "{method} {path}: {}", answer.status);
            let code = answer.json()["type"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
            let status = answer.status;
            answer.problem(status, &code);
        }
    }
    let reads = TENANT_ROUTES.iter().map(|&path| ("GET", path));
    for (method, path) in reads.chain(TENANT_CHANGES.iter().copied()) {
        for caller in strangers().chain([service.caller(Some(&admin))]) {
            let answer = caller.request(method, &fill(path), None).await;
            assert!(matches!(answer.status, 401 | 403), "{method} {path}: {}", answer.status);
            assert_eq!(answer.header("content-type"), "application/problem+json");
        }
    }
    // A deleted key is no key, and nothing was changed by what was refused.
    let keys = operator.json("/admin/v1/tenants/acme/keys").await;
    operator.delete(&format!("/admin/v1/tenants/acme/keys/{}", keys["keys"][0]["id"].as_str().unwrap())).await.is(204);
    service.tenant(&tenant).get("/v1/summary").await.problem(401, "key-unknown");
    assert_eq!(operator.json("/admin/v1/tenants/acme/domains").await["domains"][0]["domain"], "example.com");
    service.finish().await;
}

#[tokio::test]
async fn a_report_belongs_to_the_closest_parent_by_whole_labels() {
    let service = Setup::new().start().await;
    let (operator, sender) = (service.operator(), service.sender());
    let mut keys = Vec::new();
    for (id, domains) in
        [("com", &["example.com"][..]), ("co", &["example.co"]), ("mail", &["mail.example.com"]), ("uk", &["example.co.uk"])]
    {
        keys.push((id, operator.tenant(id, domains).await.key));
    }
    let cases = [
        ("example.com", "com"),
        ("a.example.com", "com"),
        ("b.a.example.com", "com"),
        ("mail.example.com", "mail"),
        ("x.mail.example.com", "mail"),
        ("notmail.example.com", "com"),
        ("example.co", "co"),
        ("sub.example.co", "co"),
        ("example.co.uk", "uk"),
        ("notexample.com", "nobody"),
        ("example.com.evil.example", "nobody"),
        ("com", "nobody"),
    ];
    for (number, (domain, _)) in cases.iter().enumerate() {
        // Powers of two: a sum tells which reports are in it.
        sender.send(Report::new("Sender", domain, vec![Policy::sts(domain, 1 << number, 0)]).encode(Encoding::Plain)).await;
    }
    let ledger = settled(&operator, cases.len() as u64).await;
    assert_eq!((ledger.stored, ledger.unclaimed), (9, 3), "{ledger:?}");
    for (id, key) in &keys {
        let expected: u64 = cases.iter().enumerate().filter(|(_, (_, owner))| owner == id).map(|(number, _)| 1 << number).sum();
        let summary = service.tenant(key).json(&format!("/v1/summary?{}", wide_period())).await;
        assert_eq!(summary["successful_sessions"], json!(expected), "{id}: {summary}");
    }

    // A domain that changes hands keeps its history where it was earned, or moves whole: never half, never twice.
    operator.delete("/admin/v1/tenants/com/domains/example.com").await.is(204);
    let summary: Value = service.tenant(&keys[0].1).json(&format!("/v1/domains?{}", wide_period())).await;
    assert_eq!(summary["domains"], json!([]), "{summary}");
    service.finish().await;
}

#[tokio::test]
async fn a_taken_domain_stays_with_its_owner_and_races_have_one_winner() {
    let service = Setup::new().start().await;
    let operator = service.operator();
    let mut racing = tokio::task::JoinSet::new();
    for number in 0..8 {
        operator.tenant(&format!("t{number}"), &[]).await;
    }
    for number in 0..8 {
        let operator = operator.clone();
        racing.spawn(async move {
            let answer = operator.post(&format!("/admin/v1/tenants/t{number}/domains"), &json!({"domain": "prize.example"})).await;
            (number, answer.status)
        });
    }
    let mut outcomes = racing.join_all().await;
    outcomes.sort_unstable();
    let winners: Vec<i32> = outcomes.iter().filter(|(_, status)| *status == 201).map(|(number, _)| *number).collect();
    assert_eq!(winners.len(), 1, "{outcomes:?}");
    assert!(outcomes.iter().all(|(_, status)| matches!(status, 201 | 409)), "{outcomes:?}");
    until("the winner has it", async || {
        let domains = operator.json(&format!("/admin/v1/tenants/t{}/domains", winners[0])).await;
        if domains["domains"][0]["domain"] == "prize.example" { Ok(()) } else { Err(domains.to_string()) }
    })
    .await;
    service.finish().await;
}
