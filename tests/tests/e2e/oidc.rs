//! Tokens of a real OpenID provider, the second way in for tenants.

use tlsrpt_tests::{OidcCertificate, OidcProvider, Setup, free_address, until};

const AUDIENCE: &str = "https://reports.example";
const SCOPE: &str = "tlsrpt:read tlsrpt:export";

/// Prefix and issuer as an operator sets them; the keys are looked at often, so that what is taken away is soon seen.
fn config(issuer: &str) -> String {
    format!(
        "[query.oidc]\nissuer = \"{issuer}\"\naudience = \"{AUDIENCE}\"\nscope_prefix = \"tlsrpt:\"\nrefresh_interval_ms = 200\n\
         refresh_min_ms = 0\n"
    )
}

#[tokio::test]
async fn tokens_of_a_real_provider_open_the_api_and_go_on_while_its_keys_are_rotated() {
    let certificate = OidcCertificate::new();
    let mut provider = OidcProvider::start(free_address().await, &certificate, AUDIENCE, &["acme", "beta", "nobody"], SCOPE, "RS256");
    let setup = Setup::new().config(&config(provider.issuer())).variable("SSL_CERT_FILE", certificate.file());
    let mut service = setup.start().await;
    service.await_line("the OIDC issuer's keys are known").await;
    let operator = service.operator();
    let acme = operator.tenant("acme", &["example.com"]).await;
    operator.tenant("beta", &["example.net"]).await;

    let first = provider.token("acme", SCOPE).await;
    let mut before = first.clone();
    for algorithm in ["PS256", "ES256", "ES384", "EdDSA"] {
        provider.rotate(algorithm);
        // The first with the new key is taken at once, and one with the key before it still is.
        let token = provider.token("acme", SCOPE).await;
        for token in [&token, &before] {
            let domains = service.tenant(token).get("/v1/domains").await.is(200);
            assert!(domains.text().contains("example.com") && !domains.text().contains("example.net"), "{algorithm}: {}", domains.text());
        }
        before = token;
    }
    until("a token of a key that the provider took away is refused", async || {
        let answer = service.tenant(&first).get("/v1/domains").await;
        if answer.status == 401 { Ok(()) } else { Err(answer.status.to_string()) }
    })
    .await;

    let reader = service.tenant(&provider.token("beta", "tlsrpt:read").await);
    assert!(reader.get("/v1/domains").await.is(200).text().contains("example.net"));
    reader.get("/v1/export").await.problem(403, "scope-missing");
    service.tenant(&before).get("/v1/export").await.is(200);
    service.tenant(&provider.token("nobody", SCOPE).await).get("/v1/domains").await.problem(401, "key-unknown");
    service.tenant(&before).get("/admin/v1/tenants").await.problem(401, "key-unknown");
    service.tenant(&acme.key).get("/v1/domains").await.is(200);

    let secrets = [&first, &before].map(|token| token.rsplit_once('.').unwrap().1);
    assert!(!service.log().all().iter().any(|line| secrets.iter().any(|secret| line.contains(secret))));
    service.finish().await;
}

#[tokio::test]
async fn a_service_starts_without_its_issuer_and_goes_on_without_it() {
    let (certificate, listen) = (OidcCertificate::new(), free_address().await);
    let setup = Setup::new().config(&config(&format!("https://{listen}"))).variable("SSL_CERT_FILE", certificate.file());
    // Ready, and keys open it.
    let mut service = setup.allow("the OIDC issuer cannot be asked for its keys").start().await;
    let acme = service.operator().tenant("acme", &["example.com"]).await;
    service.tenant(&acme.key).get("/v1/domains").await.is(200);
    service.await_line("the OIDC issuer cannot be asked for its keys").await;

    let provider = OidcProvider::start(listen, &certificate, AUDIENCE, &["acme"], SCOPE, "ES256");
    service.await_line("the OIDC issuer's keys are known").await;
    let token = provider.token("acme", SCOPE).await;
    service.tenant(&token).get("/v1/domains").await.is(200);

    let failed_looks = async || {
        let metrics = service.operations().get("/metrics").await.text();
        let failed = metrics.lines().find(|line| line.starts_with("tlsrpt_query_oidc_looks_total{outcome=\"failed\"}")).map(str::to_owned);
        failed.and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).unwrap_or_default()
    };
    let before = failed_looks().await;
    drop(provider);
    until("the metrics tell that the issuer is away", async || {
        let failed = failed_looks().await;
        if failed > before { Ok(()) } else { Err(failed.to_string()) }
    })
    .await;
    service.tenant(&token).get("/v1/domains").await.is(200);
    service.finish().await;
}
