//! Who reports to a tenant, and which policies reporters saw.

use serde_json::{Value, json};
use tlsrpt_record::SubmissionId;
use tlsrpt_report::Trust;

use crate::harness::{Api, report};

fn names(answer: &Value) -> Vec<&str> {
    answer["reporters"].as_array().unwrap().iter().map(|one| one["reporter"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn who_used_to_report_and_stopped_is_shown_as_silent_also_when_nothing_came_in_the_period() {
    let api = Api::start().await;
    let key = api.tenant("a", &["a.example"]).await;
    let today = SubmissionId::now().received_at().day();
    let day = |ago: i32| today.plus(-ago).to_string();
    let sts = |failed| [("sts", "a.example", 10, failed)];
    for ago in 1..=12 {
        api.submit_with_trust(Trust::DkimAligned, report("Daily", &format!("d{ago}"), &day(ago), &sts(0))).await;
        api.submit(report("Stopped", &format!("s{ago}"), &day(ago + 40), &sts(0))).await;
    }
    api.submit(report("Once", "o", &day(3), &sts(30)).replace("\"failed-session-count\":30", "\"failed-session-count\":29")).await;
    api.settled().await;
    let get = async |query: &str| {
        let answer = api.get(&format!("/v1/reporters{query}"), &key).await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
        answer.json()
    };

    let all = get("").await;
    assert_eq!(
        all["reporters"],
        json!([
            {"reporter": "Daily", "usual_gap_days": 1, "first_reported": day(12), "last_reported": day(1), "is_silent": false, "reports": 12,
             "successful_sessions": 120, "failed_sessions": 0, "verified_share": 1.0, "mismatched_reports": 0, "warnings": {},
             "domains": ["a.example"], "domains_total": 1},
            {"reporter": "Once", "usual_gap_days": null, "first_reported": day(3), "last_reported": day(3), "is_silent": false, "reports": 1,
             "successful_sessions": 10, "failed_sessions": 30, "verified_share": 0.0, "mismatched_reports": 1,
             "warnings": {"details-mismatch": 1}, "domains": ["a.example"], "domains_total": 1},
            {"reporter": "Stopped", "usual_gap_days": 1, "first_reported": day(52), "last_reported": day(41), "is_silent": true, "reports": 0,
             "successful_sessions": 0, "failed_sessions": 0, "verified_share": null, "mismatched_reports": 0, "warnings": {},
             "domains": [], "domains_total": 0},
        ])
    );
    assert_eq!(names(&get("?sort=-is_silent&limit=1").await), ["Stopped"]);
    assert_eq!(names(&get("?sort=-reports").await), ["Daily", "Once", "Stopped"]);
    assert_eq!(names(&get("?reporter=DAILY").await), ["Daily"]);
    assert_eq!(names(&get("?result_type=certificate-expired").await), ["Once"]);
    assert_eq!(names(&get("?domain=b.example").await), [] as [&str; 0]);
    // As of a day before it stopped it was not silent.
    let then = get(&format!("?to={}&reporter=Stopped", day(42))).await;
    assert_eq!((&then["reporters"][0]["is_silent"], &then["reporters"][0]["last_reported"]), (&json!(false), &json!(day(42))));
    // Below the tenant's trust nobody reports.
    api.set_minimum_trust("a", Some(Trust::DkimAligned)).await;
    assert_eq!(names(&get("").await), ["Daily"]);
}

#[tokio::test]
async fn a_tenant_sees_which_policy_each_reporter_saw_and_who_still_has_the_old_one() {
    let api = Api::start().await;
    let key = api.tenant("a", &["a.example"]).await;
    let day = |day: u8| format!("2026-03-{day:02}");
    let saw = |reporter: &str, on: u8, mode: &str| {
        let id = format!("{reporter}-{on}-{mode}");
        report(reporter, &id, &day(on), &[("sts", "a.example", 10, 1)]).replace("mode: testing", &format!("mode: {mode}"))
    };
    for (reporter, on, mode) in
        [("Alpha", 1, "testing"), ("Alpha", 9, "testing"), ("Alpha", 10, "enforce"), ("Beta", 2, "testing"), ("Beta", 20, "testing")]
    {
        api.submit(saw(reporter, on, mode)).await;
    }
    api.submit(report("Gamma", "g", &day(3), &[("no-policy-found", "a.example", 5, 0)])).await;
    // A name below the domain has policies of its own.
    api.submit(report("Delta", "d", &day(3), &[("sts", "www.a.example", 5, 0)])).await;
    api.settled().await;

    let get = async |path: &str| api.get(path, &key).await;
    let policies = get("/v1/domains/a.example/policies?from=2026-03-01&to=2026-03-31").await.json();
    let sight = |reporter: &str, first: u8, last: u8, reports: u64, current: bool, is_stale: bool| {
        json!({"reporter": reporter, "first_seen": day(first), "last_seen": day(last), "reports": reports, "sessions": reports * 11,
               "current": current, "is_stale": is_stale})
    };
    assert_eq!(
        policies["policies"],
        json!([
            {"kind": "sts", "mode": "enforce", "mx": ["mx.a.example"], "max_age": 86400, "first_seen": day(10), "last_seen": day(10),
             "reports": 1, "sessions": 11, "reporters": [sight("Alpha", 10, 10, 1, true, false)]},
            {"kind": "no-policy-found", "mode": null, "mx": [], "max_age": null, "first_seen": day(3), "last_seen": day(3),
             "reports": 1, "sessions": 5, "reporters": [{"reporter": "Gamma", "first_seen": day(3), "last_seen": day(3), "reports": 1,
             "sessions": 5, "current": true, "is_stale": false}]},
            {"kind": "sts", "mode": "testing", "mx": ["mx.a.example"], "max_age": 86400, "first_seen": day(1), "last_seen": day(20),
             "reports": 4, "sessions": 44, "reporters": [sight("Beta", 2, 20, 2, true, true), sight("Alpha", 1, 9, 2, false, false)]},
        ])
    );
    let below = get("/v1/domains/WWW.a.example./policies?from=2026-03-01&to=2026-03-31").await.json();
    assert_eq!(below["policies"][0]["reporters"][0]["reporter"], "Delta");
    assert_eq!(get("/v1/domains/a.example/policies").await.json(), json!({"policies": []}));
    for path in ["/v1/domains/b.example/policies", "/v1/domains/example/policies", "/v1/domains/two%20words/policies"] {
        get(path).await.is_problem(404, "not-found");
    }
}
