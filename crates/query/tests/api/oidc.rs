//! Tokens of an OpenID Connect issuer, the second way in for tenants.

use std::num::NonZeroU32;

use serde_json::{Value, json};
use tlsrpt_query::{OidcConfig, QueryConfig, RateConfig};
use tokio::task::JoinSet;

use crate::{
    harness::{ADMIN, Api, report},
    issuer::{Manner, TestIssuer, now_seconds},
    signer::{Signer, base64url},
};

async fn api_of(oidc: OidcConfig) -> Api {
    Api::start_without_pipeline(QueryConfig { oidc: Some(oidc), ..QueryConfig::default() }).await
}

/// How often something was counted.
fn counted(api: &Api, name: &str, outcome: &str) -> f64 {
    let families = api.metrics.gather();
    let family = families.iter().find(|family| family.name() == name);
    let of_outcome = family.into_iter().flat_map(|family| family.get_metric());
    of_outcome.filter(|one| one.get_label().iter().any(|label| label.value() == outcome)).map(|one| one.get_counter().get_value()).sum()
}

/// Asks until the answer has this status, and is this problem when it is one.
async fn until_answered(api: &Api, token: &str, status: u16, kind: &str) {
    for _ in 0..1_500 {
        let answer = api.get("/v1/domains", token).await;
        if answer.status.as_u16() == status {
            if status >= 400 {
                answer.is_problem(status, kind);
            }
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("never answered {status} {kind}");
}

#[tokio::test]
async fn a_token_opens_the_routes_of_its_scopes_to_its_tenant_alone_and_is_told_which_one_is_missing() {
    let signer = Signer::new("1", "ES256");
    let issuer = TestIssuer::start(&[&signer]).await;
    let api = api_of(issuer.config()).await;
    let key = api.tenant("acme", &["acme.example"]).await;
    api.tenant("beta", &["beta.example"]).await;
    let (acme, beta) = (issuer.token(&signer, "acme", "read"), issuer.token(&signer, "beta", "openid export metrics"));
    api.until_let_in("/v1/domains", &acme).await;

    let domains = api.get("/v1/domains", &acme).await;
    assert!(domains.text().contains("acme.example") && !domains.text().contains("beta.example"), "{}", domains.text());
    assert_eq!(domains.json(), api.get("/v1/domains", &key).await.json());
    assert_eq!(api.get("/v1/export", &beta).await.status.as_u16(), 200);
    assert_eq!(api.get("/v1/metrics", &beta).await.status.as_u16(), 200);
    let missing = api.get("/v1/domains", &beta).await;
    let problem = missing.is_problem(403, "scope-missing");
    assert_eq!(
        (&problem["name"], missing.header("www-authenticate")),
        (&json!("read"), "Bearer realm=\"tlsrpt\", error=\"insufficient_scope\"")
    );
    api.get("/v1/domains", &issuer.token(&signer, "acme", "openid")).await.is_problem(403, "scope-missing");
    // Whatever it says, it opens nothing of the operator's.
    let claims = json!({"scope": "read admin support", "role": "admin", "sub": "admin"});
    let mut all = issuer.claims("acme", "");
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    api.get("/admin/v1/tenants", &signer.token(&all)).await.is_problem(401, "key-unknown");
    // Who is deleted is out at once.
    assert_eq!(api.delete("/admin/v1/tenants/acme").await.status.as_u16(), 204);
    api.get("/v1/domains", &acme).await.is_problem(401, "key-unknown");
}

#[tokio::test]
async fn every_token_that_is_not_good_is_answered_as_a_key_that_never_was() {
    let (signer, stranger) = (Signer::new("1", "RS256"), Signer::new("1", "RS256"));
    let issuer = TestIssuer::start(&[&signer]).await;
    let api = api_of(issuer.config()).await;
    api.tenant("acme", &[]).await;
    let good = issuer.token(&signer, "acme", "read");
    api.until_let_in("/v1/domains", &good).await;

    let with = |name: &str, value: Value| {
        let mut claims = issuer.claims("acme", "read");
        claims[name] = value;
        signer.token(&claims)
    };
    let (_, rest) = good.split_once('.').unwrap();
    let bad = [
        with("iss", json!("https://login.example")),
        with("aud", json!("another-api")),
        with("exp", json!(now_seconds() - 61)),
        with("nbf", json!(now_seconds() + 3_600)),
        with("tenant", json!("nobody")),
        with("tenant", json!(["acme"])),
        with("at_hash", json!("x")),
        with("filler", json!("x".repeat(8 << 10))),
        stranger.token(&issuer.claims("acme", "read")),
        signer.token_headed(&json!({"alg": "RS256", "kid": "2"}), &issuer.claims("acme", "read")),
        signer.token_headed(&json!({"alg": "PS256", "kid": "1"}), &issuer.claims("acme", "read")),
        signer.token_headed(&json!({"alg": "HS256", "kid": "1"}), &issuer.claims("acme", "read")),
        format!("{}.{rest}", base64url(r#"{"alg":"none"}"#)),
        good[..good.len() - 2].to_owned(),
        "a.b.c".to_owned(),
    ];
    let never_was = api.get("/v1/domains", "tlsrpt_never_was").await;
    for token in &bad {
        let answer = api.get("/v1/domains", token).await;
        answer.is_problem(401, "key-unknown");
        assert_eq!(answer.text(), never_was.text(), "{token}");
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"tlsrpt\", error=\"invalid_token\"");
    }
    for outcome in
        ["issuer", "audience", "expired", "not-yet", "tenant", "wrong-type", "signature", "unknown-key", "algorithm", "malformed"]
    {
        assert!(counted(&api, "tlsrpt_query_oidc_tokens_total", outcome) >= 1.0, "{outcome}");
    }
    assert_eq!(api.get("/v1/domains", &good).await.status.as_u16(), 200);
}

#[tokio::test]
async fn without_an_issuer_no_token_opens_anything() {
    let signer = Signer::new("1", "ES256");
    let issuer = TestIssuer::start(&[&signer]).await;
    let api = Api::start_without_pipeline(QueryConfig::default()).await;
    api.tenant("acme", &[]).await;
    api.get("/v1/domains", &issuer.token(&signer, "acme", "read")).await.is_problem(401, "key-unknown");
    assert_eq!(issuer.looks(), 0);
}

#[tokio::test]
async fn keys_are_rotated_without_a_gap_and_one_that_is_taken_away_stops_working() {
    let (old, new) = (Signer::new("old", "ES256"), Signer::new("new", "EdDSA"));
    let issuer = TestIssuer::start(&[&old]).await;
    let api = api_of(issuer.config()).await;
    api.tenant("acme", &[]).await;
    let (by_old, by_new) = (issuer.token(&old, "acme", "read"), issuer.token(&new, "acme", "read"));
    api.until_let_in("/v1/domains", &by_old).await;
    api.get("/v1/domains", &by_new).await.is_problem(401, "key-unknown");

    issuer.has(&[&old, &new]);
    // The first token with the new key, and not one after it.
    assert_eq!(api.get("/v1/domains", &by_new).await.status.as_u16(), 200);
    assert_eq!(api.get("/v1/domains", &by_old).await.status.as_u16(), 200);

    issuer.has(&[&new]);
    // A look, which any unknown key brings about here.
    let unknown = Signer::new("unknown", "EdDSA");
    api.get("/v1/domains", &issuer.token(&unknown, "acme", "read")).await.is_problem(401, "key-unknown");
    api.get("/v1/domains", &by_old).await.is_problem(401, "key-unknown");
    assert_eq!(api.get("/v1/domains", &by_new).await.status.as_u16(), 200);
}

#[tokio::test]
async fn the_keys_are_looked_at_by_themselves_too() {
    let (old, new) = (Signer::new("old", "ES256"), Signer::new("new", "ES256"));
    let issuer = TestIssuer::start(&[&old]).await;
    let config = OidcConfig { refresh_interval_ms: 20, refresh_min_ms: 3_600_000, ..issuer.config() };
    let api = api_of(config).await;
    api.tenant("acme", &[]).await;
    let by_old = issuer.token(&old, "acme", "read");
    api.until_let_in("/v1/domains", &by_old).await;
    issuer.has(&[&new]);
    until_answered(&api, &by_old, 401, "key-unknown").await;
    api.until_let_in("/v1/domains", &issuer.token(&new, "acme", "read")).await;
}

#[tokio::test]
async fn whoever_makes_up_keys_does_not_make_us_ask_the_issuer_again_and_again() {
    let signer = Signer::new("1", "EdDSA");
    let issuer = TestIssuer::start(&[&signer]).await;
    let api = api_of(OidcConfig { refresh_min_ms: 3_600_000, ..issuer.config() }).await;
    api.tenant("acme", &[]).await;
    let good = issuer.token(&signer, "acme", "read");
    api.until_let_in("/v1/domains", &good).await;
    for kid in 0..50 {
        let header = json!({"alg": "EdDSA", "kid": kid.to_string() + "-made-up"});
        api.get("/v1/domains", &signer.token_headed(&header, &issuer.claims("acme", "read"))).await.is_problem(401, "key-unknown");
    }
    assert_eq!(issuer.looks(), 1);
    assert_eq!(api.get("/v1/domains", &good).await.status.as_u16(), 200);
}

#[tokio::test]
async fn many_tokens_of_a_new_key_wait_for_one_look_and_none_of_a_known_key_does() {
    let (old, new) = (Signer::new("old", "EdDSA"), Signer::new("new", "EdDSA"));
    let issuer = TestIssuer::start(&[&old]).await;
    let api = api_of(OidcConfig { fetch_timeout_ms: 3_600_000, ..issuer.config() }).await;
    api.tenant("acme", &[]).await;
    let (by_old, by_new) = (issuer.token(&old, "acme", "read"), issuer.token(&new, "acme", "read"));
    api.until_let_in("/v1/domains", &by_old).await;

    issuer.is(Manner::Silent);
    issuer.has(&[&old, &new]);
    let mut requests = JoinSet::new();
    for _ in 0..20 {
        requests.spawn(api.asked("/v1/domains", &by_new));
    }
    while issuer.looks() < 2 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(api.get("/v1/domains", &by_old).await.status.as_u16(), 200);
    issuer.is(Manner::Good);
    assert!(requests.join_all().await.iter().all(|answer| answer.status.as_u16() == 200));
    // One more at most, of a request that came when the first look was over.
    assert!(issuer.looks() <= 3, "{}", issuer.looks());
}

#[tokio::test]
async fn while_the_issuer_is_away_its_keys_go_on_for_a_while_and_what_cannot_be_known_is_to_be_sent_again() {
    let (signer, new) = (Signer::new("1", "ES256"), Signer::new("2", "ES256"));
    let issuer = TestIssuer::start(&[&signer]).await;
    issuer.is(Manner::Away);
    let api = api_of(issuer.config()).await;
    let key = api.tenant("acme", &[]).await;
    let (known, unknown) = (issuer.token(&signer, "acme", "read"), issuer.token(&new, "acme", "read"));
    // Nothing waits for it at the start, and keys open the API.
    assert_eq!(api.get("/v1/domains", &key).await.status.as_u16(), 200);
    let answer = api.get("/v1/domains", &known).await;
    answer.is_problem(503, "issuer-unavailable");
    assert_eq!(answer.header("retry-after"), "5");

    issuer.is(Manner::Good);
    api.until_let_in("/v1/domains", &known).await;
    issuer.is(Manner::Away);
    issuer.has(&[&signer, &new]);
    api.get("/v1/domains", &unknown).await.is_problem(503, "issuer-unavailable");
    assert_eq!(api.get("/v1/domains", &known).await.status.as_u16(), 200);
    assert!(counted(&api, "tlsrpt_query_oidc_looks_total", "failed") >= 1.0);
    issuer.is(Manner::Good);
    api.until_let_in("/v1/domains", &unknown).await;
}

#[tokio::test]
async fn keys_that_are_too_old_open_nothing_until_the_issuer_is_back() {
    let signer = Signer::new("1", "ES256");
    let issuer = TestIssuer::start(&[&signer]).await;
    let api = api_of(OidcConfig { refresh_interval_ms: 50, keys_max_age_seconds: 1, ..issuer.config() }).await;
    api.tenant("acme", &[]).await;
    let token = issuer.token(&signer, "acme", "read");
    api.until_let_in("/v1/domains", &token).await;
    issuer.is(Manner::Away);
    until_answered(&api, &token, 503, "issuer-unavailable").await;
    issuer.is(Manner::Good);
    api.until_let_in("/v1/domains", &token).await;
}

#[tokio::test]
async fn whatever_the_issuer_answers_costs_no_more_than_its_tokens() {
    let (signer, new) = (Signer::new("1", "ES256"), Signer::new("2", "ES256"));
    let issuer = TestIssuer::start(&[&signer]).await;
    // Long enough for a good answer, however busy the machine is, and soon over for a slow one.
    let api = api_of(OidcConfig { fetch_timeout_ms: 2_000, ..issuer.config() }).await;
    let key = api.tenant("acme", &[]).await;
    let (known, unknown) = (issuer.token(&signer, "acme", "read"), issuer.token(&new, "acme", "read"));
    api.until_let_in("/v1/domains", &known).await;
    issuer.has(&[&new]);
    for manner in
        [Manner::Huge, Manner::Slow, Manner::Silent, Manner::Redirecting, Manner::Garbled, Manner::Wrong, Manner::Foreign, Manner::Exposed]
    {
        issuer.is(manner);
        let (asked, failed) = (issuer.looks(), counted(&api, "tlsrpt_query_oidc_looks_total", "failed"));
        // Until a look that began by now is over.
        while issuer.looks() < asked + 2 {
            let answer = api.get("/v1/domains", &unknown).await;
            assert_eq!(answer.status.as_u16(), 503, "{manner:?}");
            answer.is_problem(503, "issuer-unavailable");
        }
        assert!(counted(&api, "tlsrpt_query_oidc_looks_total", "failed") > failed, "{manner:?}");
        // Neither keys of tenants nor the keys that are known suffer from it.
        assert_eq!(api.get("/v1/domains", &key).await.status.as_u16(), 200, "{manner:?}");
        assert_eq!(api.get("/v1/domains", &known).await.status.as_u16(), 200, "{manner:?}");
    }
    issuer.is(Manner::Good);
    api.until_let_in("/v1/domains", &unknown).await;
    api.get("/v1/domains", &known).await.is_problem(401, "key-unknown");
}

#[tokio::test]
async fn an_address_that_tries_many_tokens_is_held_off_before_one_is_looked_at() {
    let some = |number| NonZeroU32::new(number).unwrap();
    let signer = Signer::new("1", "RS256");
    let issuer = TestIssuer::start(&[&signer]).await;
    let rate = RateConfig { failures_burst: some(5), exempt_networks: Vec::new(), ..RateConfig::default() };
    let api = Api::start_without_pipeline(QueryConfig { rate, oidc: Some(issuer.config()), ..QueryConfig::default() }).await;
    api.tenant("acme", &[]).await;
    api.until_let_in("/v1/domains", &issuer.token(&signer, "acme", "read")).await;
    let expired = {
        let mut claims = issuer.claims("acme", "read");
        claims["exp"] = json!(1);
        signer.token(&claims)
    };
    let mut held_off = false;
    for _ in 0..100 {
        let looked_at = counted(&api, "tlsrpt_query_oidc_tokens_total", "expired");
        let answer = api.get("/v1/domains", &expired).await;
        if answer.status.as_u16() == 429 {
            answer.is_problem(429, "rate-limited");
            assert_eq!(counted(&api, "tlsrpt_query_oidc_tokens_total", "expired"), looked_at);
            held_off = true;
            break;
        }
        answer.is_problem(401, "key-unknown");
    }
    assert!(held_off);
}

#[tokio::test]
async fn who_asks_by_a_token_has_a_rate_of_its_own_and_stands_in_the_audit_log_by_its_subject() {
    let some = |number| NonZeroU32::new(number).unwrap();
    let signer = Signer::new("1", "EdDSA");
    let issuer = TestIssuer::start(&[&signer]).await;
    let rate = RateConfig { burst: some(1_000), requests_per_second: some(1), ..RateConfig::default() };
    let api = Api::start_without_pipeline(QueryConfig { rate, oidc: Some(issuer.config()), ..QueryConfig::default() }).await;
    api.start_pipeline();
    api.tenant("acme", &["acme.example"]).await;
    let alice = issuer.token(&signer, "acme", "read");
    let bob = {
        let mut claims = issuer.claims("acme", "read");
        claims["sub"] = json!("bob");
        signer.token(&claims)
    };
    api.until_let_in("/v1/domains", &alice).await;
    // Another token of hers counts with the first; one of his does not.
    let left = async |token: &str| {
        let answer = api.get("/v1/domains", token).await;
        let text = answer.header("ratelimit").split(";r=").nth(1).unwrap().split(';').next().unwrap().to_owned();
        text.parse::<u32>().unwrap()
    };
    assert!(left(&issuer.token(&signer, "acme", "read metrics")).await < 999);
    assert_eq!(left(&bob).await, 999);

    api.submit(report("A", "1", "2026-03-02", &[("sts", "acme.example", 1, 0)])).await;
    api.settled().await;
    let page = api.get("/v1/reports?from=2026-03-01&to=2026-03-31", &alice).await.json();
    let report_key = page["reports"][0]["report_key"].as_str().unwrap().to_owned();
    assert_eq!(api.get(&format!("/v1/reports/{report_key}/raw"), &alice).await.status.as_u16(), 200);
    let by_her = "/admin/v1/audit?actor=token:alice";
    let page = api.until_as(ADMIN, by_her, |page| page["entries"][0]["status"] == 200).await;
    let entry = &page["entries"][0];
    assert_eq!((&entry["action"], &entry["tenant"]), (&json!("report.raw"), &json!("acme")));
    assert_eq!(entry["actor"], json!({"kind": "tenant", "id": "token:alice"}));
    let (_, secret) = alice.rsplit_once('.').unwrap();
    assert!(!page.to_string().contains(secret));
}
