//! `GET /v1/domains/{domain}/dns`.

use crate::harness::{ADMIN, Api};

#[tokio::test]
async fn a_tenant_is_shown_the_records_to_publish_with_its_own_address_and_what_dns_did_not_answer_as_such() {
    let api = Api::start_without_pipeline(Default::default()).await;
    let key = api.tenant("acme", &["acme.example"]).await;
    let tenant = api.get("/admin/v1/tenants/acme", ADMIN).await.json();
    let address = tenant["address"].as_str().unwrap();

    // A name below a claimed one is the tenant's, too.
    for domain in ["acme.example", "mail.acme.example"] {
        let shown = api.get(&format!("/v1/domains/{domain}/dns"), &key).await.json();
        assert_eq!(shown["domain"], domain);
        let record = &shown["publish"][0];
        assert_eq!(record["name"], format!("_smtp._tls.{domain}"));
        assert_eq!(record["value"], format!("v=TLSRPTv1; rua=mailto:{address}@reports.example"));
        // The name server of this suite is none.
        assert_eq!(shown["published"]["tlsrpt"]["state"], "failed");
        let findings = shown["findings"].as_array().unwrap();
        assert!(!findings.is_empty() && findings.iter().all(|finding| finding["code"] == "dns-failed"), "{findings:?}");
    }

    let policy = api.get("/v1/domains/acme.example/policy", &key).await.json();
    assert_eq!((&policy["state"], &policy["mode"]), (&"no-reports".into(), &"none".into()), "{policy}");
    assert!(policy["draft"].is_null(), "no policy is made of mail servers that are not known: {policy}");

    let first = api.get("/v1/domains/acme.example/dns", &key).await.json();
    let again = api.get("/v1/domains/ACME.example./dns?fresh=true", &key).await.json();
    assert_eq!(first["checked_at"], again["checked_at"], "younger than a minute, so no fresh look");
}

#[tokio::test]
async fn a_domain_of_nobody_and_one_of_another_tenant_are_answered_alike() {
    let api = Api::start_without_pipeline(Default::default()).await;
    let key = api.tenant("acme", &["acme.example"]).await;
    api.tenant("other", &["other.example", "sub.acme.example"]).await;
    let nobody = api.get("/v1/domains/nobody.example/dns", &key).await;
    nobody.is_problem(404, "not-found");
    for name in ["other.example", "sub.acme.example"] {
        let answer = api.get(&format!("/v1/domains/{name}/dns"), &key).await;
        assert_eq!(answer.text().replace(name, "nobody.example"), nobody.text());
    }
    api.get("/v1/domains/no%20name/dns", &key).await.is_problem(404, "not-found");
    api.get("/v1/domains/acme.example/dns?fresh=yes", &key).await.is_problem(400, "invalid-parameter");
}
