//! The way of a report: from a sender's POST to the tenant's answers.

use serde_json::{Value, json};
use tlsrpt_tests::{
    Detail, Encoding, Operator, Policy, Report, Setup, Totals, all_submissions, caught_up, fate_of, reported_day, settled, until,
    wide_period,
};

const DOMAIN: &str = "example.com";

/// 900 sessions succeeded, 7 failed at an expired certificate, 5 for want of STARTTLS.
fn report(organization: &str, id: &str, domain: &str) -> Report {
    let detail = |result_type, sending_ip: &str, receiving_mx: &str, sessions| Detail {
        result_type,
        sending_ip: sending_ip.to_owned(),
        receiving_mx: receiving_mx.to_owned(),
        sessions,
    };
    let details = vec![
        detail("certificate-expired", "198.51.100.7", &format!("mx1.{domain}"), 7),
        detail("starttls-not-supported", "198.51.100.8", &format!("mx2.{domain}"), 5),
    ];
    Report::new(organization, id, vec![Policy { details, ..Policy::sts(domain, 900, 12) }])
}

#[tokio::test]
async fn a_posted_report_becomes_the_tenants_numbers() {
    let service = Setup::new().start().await;
    let operator = service.operator();
    let access = operator.tenant("acme", &[DOMAIN]).await;
    let tenant = service.tenant(&access.key);
    let sent = report("Sender", "r-1", DOMAIN);
    service.sender().send_to(&access.address, sent.encode(Encoding::Gzip)).await;

    // The tenant's own view is what is waited for: nothing else has to be asked.
    until("the tenant's numbers", async || {
        let totals = Totals::of_summary(&tenant.json("/v1/summary").await);
        let expected = Totals { successful: 900, failed: 12, reports: 1 };
        if totals == expected { Ok(()) } else { Err(format!("{totals:?}")) }
    })
    .await;
    let ledger = settled(&operator, 1).await;
    assert_eq!((ledger.stored, ledger.accepted), (1, 1));
    service.finish().await;
}

#[tokio::test]
async fn every_tenant_route_shows_the_report() {
    let service = Setup::new().start().await;
    let operator = service.operator();
    let access = operator.tenant("acme", &[DOMAIN]).await;
    let tenant = service.tenant(&access.key);
    let sent = report("Sender", "r-1", DOMAIN);
    let id = service.sender().send(sent.encode(Encoding::Gzip)).await;
    settled(&operator, 1).await;
    let day = reported_day().to_string();
    let period = wide_period();

    let domains = tenant.json(&format!("/v1/domains?{period}")).await;
    let domain = &domains["domains"][0];
    assert_eq!(
        (&domain["domain"], &domain["successful_sessions"], &domain["failed_sessions"], &domain["reports"], &domain["last_reported"]),
        (&json!(DOMAIN), &json!(900), &json!(12), &json!(1), &json!(day)),
        "{domains}"
    );

    let summary = tenant.json(&format!("/v1/summary?{period}")).await;
    assert_eq!((&summary["reporters"], &summary["policies"]["sts"]["failed_sessions"]), (&json!(1), &json!(12)), "{summary}");
    let rate = summary["failure_rate"].as_f64().unwrap();
    assert!((rate - 12.0 / 912.0).abs() < 1e-9, "{summary}");

    let series = tenant.json(&format!("/v1/timeseries?{period}&step=day&group_by=domain,reporter")).await;
    let point = series["points"].as_array().unwrap().iter().find(|point| point["t"] == day).unwrap_or_else(|| panic!("{series}"));
    assert_eq!(point["group"], json!({"domain": DOMAIN, "reporter": "Sender"}), "{series}");
    assert_eq!((&point["successful_sessions"], &point["failed_sessions"]), (&json!(900), &json!(12)), "{series}");

    let failures = tenant.json(&format!("/v1/failures?{period}&group_by=result_type,receiving_mx,sending_ip")).await;
    let group = |result: &str| failures["groups"].as_array().unwrap().iter().find(|group| group["result_type"] == result).cloned().unwrap();
    let expired = json!({"result_type": "certificate-expired", "receiving_mx": "mx1.example.com", "sending_ip": "198.51.100.7",
        "failed_sessions": 7, "first_seen": day, "last_seen": day,
        "explanation": {"title": "Certificate has expired", "blocks_under_enforce": true, "who": "receiver"}});
    assert_eq!(group("certificate-expired"), expired);
    assert_eq!(group("starttls-not-supported")["failed_sessions"], 5);

    let reports = tenant.json(&format!("/v1/reports?{period}")).await;
    assert_eq!(reports["reports"].as_array().unwrap().len(), 1, "{reports}");
    let listed = &reports["reports"][0];
    let expected = json!({"report_key": listed["report_key"], "reporter": "Sender", "report_id": "r-1", "domain": DOMAIN,
        "policy_type": "sts", "policy_mode": "testing",
        "period": {"from": format!("{day}T00:00:00Z"), "to": format!("{day}T23:59:59Z")},
        "successful_sessions": 900, "failed_sessions": 12, "trust": "none", "warnings": []});
    assert_eq!(listed, &expected);

    let key = listed["report_key"].as_str().unwrap();
    let one = tenant.json(&format!("/v1/reports/{key}")).await;
    assert_eq!((&one["submission_id"], &one["failures"][0]["failed_sessions"]), (&json!(id), &json!(7)), "{one}");

    let raw = tenant.get(&format!("/v1/reports/{key}/raw")).await.is(200);
    assert_eq!(raw.text(), sent.text(), "the document as the sender wrote it");
    service.finish().await;
}

#[tokio::test]
async fn a_report_that_nobody_owns_becomes_the_owners_when_the_domain_is_claimed() {
    let service = Setup::new().start().await;
    let (operator, sender) = (service.operator(), service.sender());
    // History: a report of 25 days ago and one of today's week, before anybody owns the domain.
    let mut old = report("Sender", "old", "late.example");
    old.day = old.day.plus(-22);
    sender.send(old.encode(Encoding::Plain)).await;
    sender.send(report("Sender", "new", "sub.late.example").encode(Encoding::Gzip)).await;
    let ledger = settled(&operator, 2).await;
    assert_eq!((ledger.unclaimed, ledger.stored), (2, 0), "{ledger:?}");
    let unclaimed = operator.json("/admin/v1/unclaimed").await;
    let names: Vec<&Value> = unclaimed["domains"].as_array().unwrap().iter().map(|entry| &entry["domain"]).collect();
    assert_eq!(names, ["late.example", "sub.late.example"], "{unclaimed}");

    let access = operator.tenant("late", &["late.example"]).await;
    let tenant = service.tenant(&access.key);
    until("the history is the owner's", async || {
        let totals = Totals::of_summary(&tenant.json(&format!("/v1/summary?{}", wide_period())).await);
        if totals == (Totals { successful: 1800, failed: 24, reports: 2 }) { Ok(()) } else { Err(format!("{totals:?}")) }
    })
    .await;
    let ledger = settled(&operator, 2).await;
    assert_eq!((ledger.unclaimed, ledger.stored), (0, 2), "{ledger:?}");
    assert_eq!(operator.json("/admin/v1/unclaimed").await["domains"], json!([]));

    // And it counts once: the same report again changes nothing.
    sender.send(old.encode(Encoding::Gzip)).await;
    let ledger = settled(&operator, 3).await;
    assert_eq!((ledger.stored, ledger.duplicate), (2, 1), "{ledger:?}");
    service.finish().await;
}

#[tokio::test]
async fn the_operator_sees_what_became_of_every_submission() {
    let service = Setup::new().start().await;
    let (operator, sender) = (service.operator(), service.sender());
    operator.tenant("acme", &[DOMAIN]).await;
    let payload = report("Sender", "r-1", DOMAIN).encode(Encoding::Gzip);
    let stored = sender.send(payload.clone()).await;
    settled(&operator, 1).await;
    let duplicate = sender.send(report("Sender", "r-1", DOMAIN).encode(Encoding::Plain)).await;
    let unclaimed = sender.send(report("Sender", "r-2", "nobodys.example").encode(Encoding::Plain)).await;
    let rejected = sender.send("{}").await;
    let ledger = settled(&operator, 4).await;
    assert_eq!((ledger.stored, ledger.duplicate, ledger.unclaimed, ledger.rejected), (1, 1, 1, 1), "{ledger:?}");

    let fates = [(&stored, "stored"), (&duplicate, "duplicate"), (&unclaimed, "unclaimed"), (&rejected, "rejected no-policies")];
    for (id, fate) in fates {
        assert_eq!(fate_of(&operator, id).await, fate);
        let word = fate.split(' ').next().unwrap();
        let listed = operator.json(&format!("/admin/v1/submissions?fate={word}")).await;
        let ids: Vec<&Value> = listed["submissions"].as_array().unwrap().iter().map(|entry| &entry["submission_id"]).collect();
        assert_eq!(ids, [id], "fate={word}");
    }
    let by_reason = operator.json("/admin/v1/submissions?reason=no-policies").await;
    assert_eq!(by_reason["submissions"][0]["submission_id"], json!(rejected), "{by_reason}");
    let raw = operator.get(&format!("/admin/v1/submissions/{stored}/raw")).await.is(200);
    assert_eq!(raw.body, payload, "the payload as received, byte for byte");
    let newest_first: Vec<String> = all_submissions(&operator).await.into_iter().map(|entry| entry.submission_id).collect();
    assert_eq!(newest_first, [rejected, unclaimed, duplicate, stored]);
    service.finish().await;
}

#[tokio::test]
async fn a_replay_changes_no_number() {
    let service = Setup::new().start().await;
    let (operator, sender) = (service.operator(), service.sender());
    let access = operator.tenant("acme", &[DOMAIN]).await;
    let tenant = service.tenant(&access.key);
    let mut ids = vec![sender.send(report("Sender", "r-1", DOMAIN).encode(Encoding::Gzip)).await];
    settled(&operator, 1).await;
    ids.push(sender.send(report("Sender", "r-1", DOMAIN).encode(Encoding::Zip)).await);
    ids.push(sender.send(report("Sender", "r-3", "nobodys.example").encode(Encoding::Plain)).await);
    ids.push(sender.send("[]").await);
    // One period for all, also when midnight passes.
    let period = wide_period();
    let (before, numbers, fates) = (settled(&operator, 4).await, view(&tenant, &period).await, all_fates(&operator, &ids).await);

    for round in 0..2 {
        for id in &ids {
            let answer = operator.post(&format!("/admin/v1/submissions/{id}/replay"), &json!({})).await.is(202);
            assert_eq!(answer.json()["submission_id"], json!(id));
        }
        assert_eq!(caught_up(&operator).await, before, "round {round}");
        assert_eq!(view(&tenant, &period).await, numbers, "round {round}");
        assert_eq!(all_fates(&operator, &ids).await, fates, "round {round}");
    }
    service.finish().await;
}

async fn all_fates(operator: &Operator, ids: &[String]) -> Vec<String> {
    let mut fates = Vec::new();
    for id in ids {
        fates.push(fate_of(operator, id).await);
    }
    fates
}

async fn view(tenant: &tlsrpt_tests::Caller, period: &str) -> Vec<Value> {
    let mut answers = Vec::new();
    for route in ["summary", "timeseries", "failures", "reports", "domains"] {
        answers.push(tenant.json(&format!("/v1/{route}?{period}")).await);
    }
    answers
}
