//! Reports one by one.

use tlsrpt_record::FailureRecord;
use tlsrpt_report::PolicyClass;
use tlsrpt_store::StoreError;

use crate::support::{DAY, PolicyExt as _, all, failure, insert, noon, policy, sent, store, tenant};

#[tokio::test]
async fn pages_neither_repeat_nor_skip_a_report_while_others_arrive() {
    let store = store().await;
    let report = |n: u128| {
        let domain = ["example.com", "example.net", "example.org"][usize::try_from(n % 3).unwrap()];
        sent(noon(0), n, vec![policy("acme", domain, n).day(DAY.plus(-i32::try_from(n % 5).unwrap()))])
    };
    let first: Vec<_> = (0..50).map(report).collect();
    insert(&store, &first).await;
    let queries = store.tenant(tenant("acme"));
    let (mut seen, mut cursor, mut n) = (Vec::new(), None, 50);
    loop {
        let (page, next) = queries.reports(&all(), 7, cursor.as_deref()).await.unwrap();
        seen.extend(page);
        // Newer days, older days, and the same reports again.
        insert(&store, &[report(n), report(n + 1), first[usize::try_from(n % 50).unwrap()].clone()]).await;
        n += 2;
        match next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    let order: Vec<_> = seen.iter().map(|report| (report.period.from.clone(), &report.domain, report.report_key)).collect();
    assert!(
        order.windows(2).all(|pair| (&pair[1].0, pair[0].1, pair[0].2) < (&pair[0].0, pair[1].1, pair[1].2)),
        "newest day, domain, key"
    );
    for one in 0..50 {
        let id = format!("report-{one}");
        assert_eq!(seen.iter().filter(|report| report.report_id == id).count(), 1, "{id}");
    }
    for wrong in ["", "x", "AAAA", "====", "MjAyNi0wNS0xMw"] {
        assert!(matches!(queries.reports(&all(), 7, Some(wrong)).await, Err(StoreError::Cursor)), "{wrong}");
    }
}

#[tokio::test]
async fn a_report_shows_everything_that_was_sent_and_only_to_its_owner() {
    let store = store().await;
    let mut policy = policy("acme", "example.com", 1).sessions(3, 2);
    policy.domain_sent = "Example.COM.";
    policy.type_sent = "STS";
    policy.warnings = vec!["missing-report-id"];
    let policy = policy
        .detail(FailureRecord {
            result_sent: "certificate_expired",
            sending_ip: None,
            sending_ip_sent: "...",
            receiving_helo: "helo.example",
            reason: "code 7",
            additional: "https://example.net/why",
            sessions: None,
            ..failure()
        })
        .detail(failure());
    let key = policy.key;
    let one = sent(noon(0), 1, vec![policy]);
    insert(&store, std::slice::from_ref(&one)).await;
    let shown = store.tenant(tenant("acme")).report(key).await.unwrap().unwrap();
    assert_eq!(
        serde_json::to_value(&shown).unwrap(),
        serde_json::json!({
            "report_key": key.to_string(), "reporter": "Example Mail", "report_id": "report-1", "domain": "example.com",
            "policy_type": "sts", "policy_mode": "testing",
            "period": {"from": "2026-05-13T00:00:00Z", "to": "2026-05-14T00:00:00Z"},
            "successful_sessions": 3, "failed_sessions": 2, "trust": "none", "warnings": ["missing-report-id"],
            "contact": "tls@example.net", "day": "2026-05-13", "domain_sent": "Example.COM.", "policy_type_sent": "STS",
            "policy_strings": ["version: STSv1", "mode: testing"], "policy_max_age": 86400, "mx_hosts": ["mx.example.com"],
            "failures": [
                {"result_type": "certificate-expired", "result_type_sent": "certificate_expired", "sending_ip": "...",
                 "receiving_mx": "mx1.example.com", "receiving_mx_helo": "helo.example", "receiving_ip": "2001:db8::25",
                 "failed_sessions": null, "reason": "code 7", "additional_information": "https://example.net/why"},
                {"result_type": "certificate-expired", "result_type_sent": null, "sending_ip": "192.0.2.1",
                 "receiving_mx": "mx1.example.com", "receiving_mx_helo": null, "receiving_ip": "2001:db8::25",
                 "failed_sessions": 1, "reason": null, "additional_information": null},
            ],
            "submission_id": one.id().to_string(), "received_at": "2026-05-13T12:00:00.000Z",
            "signer": null, "authentication": null,
        })
    );
    assert!(store.tenant(tenant("beta")).report(key).await.unwrap().is_none());
    assert!(store.tenant(tenant("beta")).raw(key).await.unwrap().is_none());
}

#[tokio::test]
async fn the_raw_report_names_the_policies_that_the_tenant_owns_and_no_others() {
    let store = store().await;
    let mine = policy("acme", "example.com", 1);
    let mine_too = policy("acme", "example.com", 1).class(PolicyClass::Tlsa);
    let foreign = policy("beta", "example.org", 1);
    let keys = (mine.key, mine_too.key, foreign.key);
    // The second of mine came in before, by another way: its row is the other submission's, and it is mine all the same.
    let before = sent(noon(-1), 1, vec![mine_too.clone()]);
    let whole = sent(noon(0), 2, vec![mine, mine_too, foreign]);
    insert(&store, &[before, whole.clone(), sent(noon(0), 3, vec![policy("acme", "example.com", 9)])]).await;
    let raw = store.tenant(tenant("acme")).raw(keys.0).await.unwrap().unwrap();
    assert_eq!((raw.submission_id, &raw.payload), (whole.id(), &whole.payload));
    let mut own = vec![keys.0, keys.1];
    own.sort();
    assert_eq!(raw.own_keys, own);
    assert_eq!(store.tenant(tenant("beta")).raw(keys.2).await.unwrap().unwrap().own_keys, [keys.2]);
    assert!(store.tenant(tenant("acme")).raw(keys.2).await.unwrap().is_none());
}
