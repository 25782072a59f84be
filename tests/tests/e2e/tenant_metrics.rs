//! A tenant's own Prometheus.

use serde_json::json;
use tlsrpt_tests::{Detail, Encoding, Policy, Prometheus, Report, Setup, settled};

#[tokio::test]
async fn a_real_prometheus_scrapes_the_tenants_figures_and_those_alone() {
    let service = Setup::new().start().await;
    let operator = service.operator();
    let (acme, beta) = (operator.tenant("acme", &["example.com", "example.org"]).await, operator.tenant("beta", &["example.net"]).await);
    let detail = |sessions| Detail {
        result_type: "certificate-expired",
        sending_ip: "198.51.100.7".to_owned(),
        receiving_mx: "mx.example.com".to_owned(),
        sessions,
    };
    let mine = Policy { details: vec![detail(7)], ..Policy::sts("mail.example.com", 900, 7) };
    let foreign = Policy { details: vec![detail(5)], ..Policy::sts("example.net", 40, 5) };
    let sender = service.sender();
    sender.send_to(&acme.address, Report::new("Sender", "1", vec![mine, foreign]).encode(Encoding::Plain)).await;
    settled(&operator, 1).await;

    let prometheus = Prometheus::scraping(service.query_address().parse().unwrap(), "/v1/metrics", &acme.key).await;
    let found = prometheus.query("tlsrpt_tenant_sessions").await;
    let sum = |domain: &str, outcome: &str| {
        let one = found.iter().find(|(labels, _)| labels["domain"] == domain && labels["outcome"] == outcome);
        one.map(|(_, value)| *value)
    };
    assert_eq!(sum("example.com", "successful"), Some(900.0));
    assert_eq!(sum("example.com", "failed"), Some(7.0));
    assert_eq!(sum("example.org", "failed"), Some(0.0));
    assert_eq!(found.len(), 4, "{found:?}");
    let failed = prometheus.query("sum by (domain, result_type) (tlsrpt_tenant_failed_sessions)").await;
    assert_eq!(failed, [(json!({"domain": "example.com", "result_type": "certificate-expired"}), 7.0)]);
    assert_eq!(prometheus.query("tlsrpt_tenant_reporters").await.len(), 1);

    service.tenant(&beta.key).get("/v1/metrics?days=0").await.problem(400, "invalid-parameter");
    drop(prometheus);
    service.finish().await;
}
