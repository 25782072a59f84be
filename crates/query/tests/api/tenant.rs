//! A tenant's own figures.

use serde_json::json;

use crate::harness::{Api, report};

const PERIOD: &str = "from=2026-03-01&to=2026-03-31";

/// One tenant with reports of two reporters about two of its domains and a name below one of them.
async fn api() -> (Api, String) {
    let api = Api::start().await;
    let key = api.tenant("a", &["a.example", "other.example", "quiet.example"]).await;
    api.submit(report("Alpha", "1", "2026-03-02", &[("sts", "a.example", 90, 10), ("tlsa", "a.example", 80, 5)])).await;
    api.submit(report("Beta", "2", "2026-03-03", &[("sts", "mail.a.example", 7, 3)])).await;
    api.submit(report("Beta", "3", "2026-03-10", &[("no-policy-found", "other.example", 40, 0)])).await;
    api.settled().await;
    (api, key)
}

#[tokio::test]
async fn a_tenant_reads_its_summary_series_failures_and_domains() {
    let (api, key) = api().await;
    let get = async |path: &str| {
        let answer = api.get(path, &key).await;
        assert_eq!(answer.status.as_u16(), 200, "{path}: {}", answer.text());
        answer.json()
    };

    // Of sts and tlsa in one report the larger counts (90 + 10), beside 7 + 3 and 40.
    let summary = get(&format!("/v1/summary?{PERIOD}")).await;
    assert_eq!((&summary["reports"], &summary["reporters"]), (&json!(3), &json!(2)), "{summary}");
    assert_eq!(summary["successful_sessions"].as_u64().unwrap() + summary["failed_sessions"].as_u64().unwrap(), 150, "{summary}");
    assert_eq!(summary["policies"]["tlsa"], json!({"successful_sessions": 80, "failed_sessions": 5}));
    assert_eq!(get(&format!("/v1/summary?{PERIOD}&reporter=beta&policy_type=sts")).await["failed_sessions"], 3);
    assert_eq!(get(&format!("/v1/summary?{PERIOD}&domain=a.example&reporter=beta")).await["reports"], 0);
    assert_eq!(get(&format!("/v1/summary?{PERIOD}&domain=A.example.&subdomains=true&reporter=beta")).await["reports"], 1);
    assert_eq!(get("/v1/summary?from=2025-01-01&to=2025-01-31").await["successful_sessions"], 0);

    let months = get(&format!("/v1/timeseries?{PERIOD}&step=month")).await;
    assert_eq!(
        (months["points"].as_array().unwrap().len(), &months["points"][0]["t"], &months["points"][0]["group"]),
        (1, &json!("2026-03-01"), &json!(null))
    );
    let by_reporter = get(&format!("/v1/timeseries?{PERIOD}&step=month&group_by=reporter")).await;
    assert_eq!(
        by_reporter["points"].as_array().unwrap().iter().map(|p| p["group"].as_str().unwrap()).collect::<Vec<_>>(),
        ["Alpha", "Beta"]
    );
    let by_two = get(&format!("/v1/timeseries?{PERIOD}&step=week&group_by=domain,reporter")).await;
    assert!(
        by_two["points"]
            .as_array()
            .unwrap()
            .iter()
            .any(|p| p["group"] == json!({"domain": "mail.a.example", "reporter": "Beta"}) && p["t"] == "2026-03-02"),
        "{by_two}"
    );

    let failures = get(&format!("/v1/failures?{PERIOD}&group_by=result_type,receiving_mx&policy_type=sts")).await;
    assert_eq!(
        failures["groups"],
        json!([
            {"result_type": "certificate-expired", "receiving_mx": "mx.a.example", "failed_sessions": 10, "first_seen": "2026-03-02", "last_seen": "2026-03-02",
             "explanation": {"title": "Certificate has expired", "blocks_under_enforce": true, "who": "receiver"}},
            {"result_type": "certificate-expired", "receiving_mx": "mx.mail.a.example", "failed_sessions": 3, "first_seen": "2026-03-03", "last_seen": "2026-03-03",
             "explanation": {"title": "Certificate has expired", "blocks_under_enforce": true, "who": "receiver"}}
        ])
    );
    let first = get(&format!("/v1/failures?{PERIOD}&group_by=domain,policy_type&sort=domain&limit=1")).await;
    assert_eq!(
        first["groups"],
        json!([{"domain": "a.example", "policy_type": "sts", "failed_sessions": 10, "first_seen": "2026-03-02", "last_seen": "2026-03-02"}]),
        "nothing to explain without a result type"
    );
    assert_eq!(get(&format!("/v1/failures?{PERIOD}&sending_net=203.0.113.0/24")).await, json!({"groups": []}));
    assert_eq!(
        get(&format!("/v1/failures?{PERIOD}&sending_net=198.51.100.0/24&domain=mail.a.example")).await["groups"][0]["failed_sessions"],
        3
    );

    let sorted = get(&format!("/v1/domains?{PERIOD}&sort=-successful_sessions&limit=2")).await;
    let names: Vec<_> = sorted["domains"].as_array().unwrap().iter().map(|d| d["domain"].as_str().unwrap()).collect();
    assert_eq!(names, ["a.example", "other.example"]);

    let domains = get(&format!("/v1/domains?{PERIOD}")).await;
    let figures = |name: &str| domains["domains"].as_array().unwrap().iter().find(|d| d["domain"] == name).unwrap().clone();
    assert_eq!(domains["domains"].as_array().unwrap().len(), 3);
    // The name below a.example counts for a.example.
    assert_eq!((&figures("a.example")["reports"], &figures("a.example")["last_reported"]), (&json!(2), &json!("2026-03-03")));
    assert_eq!((&figures("other.example")["successful_sessions"], &figures("quiet.example")["reports"]), (&json!(40), &json!(0)));
}

#[tokio::test]
async fn a_tenant_pages_through_its_reports_and_opens_one() {
    let (api, key) = api().await;
    let mut path = format!("/v1/reports?{PERIOD}&limit=3");
    let mut items = Vec::new();
    loop {
        let page = api.get(&path, &key).await.json();
        items.extend(page["reports"].as_array().unwrap().clone());
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/v1/reports?{PERIOD}&limit=3&cursor={cursor}");
    }
    let domains: Vec<_> = items.iter().map(|item| item["domain"].as_str().unwrap()).collect();
    assert_eq!(domains, ["other.example", "mail.a.example", "a.example", "a.example"]);

    let detail = api.get(&format!("/v1/reports/{}", items[1]["report_key"].as_str().unwrap()), &key).await.json();
    assert_eq!((&detail["report_id"], &detail["failures"][0]["sending_ip"]), (&json!("2"), &json!("198.51.100.7")));
    assert_eq!((&detail["policy_mode"], &detail["period"]["from"]), (&json!("testing"), &json!("2026-03-03T00:00:00Z")));
    api.get("/v1/reports/00000000000000000000000000000000", &key).await.is_problem(404, "not-found");
    api.get("/v1/reports/not-a-key", &key).await.is_problem(404, "not-found");
    api.get("/v1/reports?cursor=made-up", &key).await.is_problem(400, "invalid-cursor");
}

#[tokio::test]
async fn a_cursor_under_another_filter_is_refused_and_says_why() {
    let (api, key) = api().await;
    let page = api.get(&format!("/v1/reports?{PERIOD}&limit=1"), &key).await.json();
    let cursor = page["next_cursor"].as_str().unwrap();
    let next = api.get(&format!("/v1/reports?limit=2&cursor={cursor}&to=2026-03-31&from=2026-03-01"), &key).await;
    assert_eq!(next.json()["reports"].as_array().unwrap().len(), 2, "{}", next.text());
    for other in ["from=2026-03-01&to=2026-03-30".to_owned(), format!("{PERIOD}&domain=a.example"), String::new()] {
        let problem = api.get(&format!("/v1/reports?{other}&cursor={cursor}"), &key).await.is_problem(400, "invalid-cursor");
        assert!(problem["name"] == "cursor" && problem["detail"].as_str().unwrap().contains("other parameters"), "{problem}");
    }
    // Nor does it go on in another list.
    api.get(&format!("/v1/export?{PERIOD}&cursor={cursor}"), &key).await.is_problem(400, "invalid-cursor");
}

#[tokio::test]
async fn a_series_of_more_points_than_may_be_says_how_to_narrow_it() {
    let api = Api::start_without_pipeline(tlsrpt_query::QueryConfig { series_max_points: 31, ..Default::default() }).await;
    let key = api.tenant("a", &["a.example"]).await;
    assert_eq!(api.get(&format!("/v1/timeseries?{PERIOD}"), &key).await.json()["points"].as_array().unwrap().len(), 31);
    let problem = api.get("/v1/timeseries?from=2026-03-01&to=2026-04-01", &key).await.is_problem(422, "query-too-large");
    assert!(problem["detail"].as_str().unwrap().contains("`step`"), "{problem}");
    assert_eq!(api.get("/v1/timeseries?from=2026-03-01&to=2026-04-01&step=month", &key).await.status.as_u16(), 200);
}

#[tokio::test]
async fn every_result_type_and_warning_is_explained() {
    let api = Api::start_without_pipeline(Default::default()).await;
    let key = api.tenant("a", &[]).await;
    let answer = api.get("/v1/result-types", &key).await.json();
    let names = |list: &str| answer[list].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(names("result_types"), tlsrpt_report::ResultType::ALL.map(|result| result.as_str()));
    assert_eq!(names("warnings").len(), tlsrpt_report::WarningCode::ALL.len());
    let fetch_error = answer["result_types"].as_array().unwrap().iter().find(|one| one["name"] == "sts-policy-fetch-error").unwrap();
    assert_eq!(
        (&fetch_error["stops_mail_under_enforce"], &fetch_error["stops_mail_under_dane"], &fetch_error["who"]),
        (&json!(false), &json!(false), &json!("policy-host"))
    );
    for field in ["title", "meaning", "look_first", "rfc"] {
        assert!(!fetch_error[field].as_str().unwrap().is_empty(), "{field}");
    }
}

#[tokio::test]
async fn without_a_period_the_last_30_days_are_meant() {
    let api = Api::start().await;
    let key = api.tenant("a", &["a.example"]).await;
    let today = tlsrpt_record::SubmissionId::now().received_at().day();
    for (id, days_ago, failed) in [("1", 0, 1), ("2", 28, 10), ("3", 31, 100)] {
        api.submit(report("Alpha", id, &today.plus(-days_ago).to_string(), &[("sts", "a.example", 0, failed)])).await;
    }
    api.settled().await;
    assert_eq!(api.get("/v1/summary", &key).await.json()["failed_sessions"], 11);
}
