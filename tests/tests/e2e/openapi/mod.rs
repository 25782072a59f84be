//! The API keeps to its own description, whatever is asked: schemathesis draws requests from it, right ones and wrong ones, and looks
//! at each answer.

use serde_json::json;
use tlsrpt_query::{Audience, routes};
use tlsrpt_tests::{Encoding, Generator, Schemathesis, Setup, Size, caught_up};

const HOOKS: &str = include_str!("hooks.py");
const CONFIG: &str = include_str!("schemathesis.toml");
const SEED: u64 = 8460;
/// Requests of each operation in a phase.
const EXAMPLES_MAX: usize = 10;

#[tokio::test]
async fn the_api_keeps_to_its_own_description_whatever_a_tenant_or_an_operator_asks() {
    // What domains publish is asked of nobody: who answers there is none of this suite's.
    let service = Setup::new().config("[publication]\nservers = [\"127.0.0.1:1\"]\n").start().await;
    let (operator, sender) = (service.operator(), service.sender());
    let acme = operator.tenant("acme", &["example.com", "example.org"]).await;
    let mut generator = Generator::new(SEED);
    let mut submission = String::new();
    for domain in ["example.com", "mail.example.com", "example.org", "nobody.example"] {
        for _ in 0..5 {
            submission = sender.send_to(&acme.address, generator.report(domain, Size::Medium).encode(Encoding::Gzip)).await;
        }
    }
    sender.send("{\"not\": \"a report\"").await;
    caught_up(&operator).await;
    let report = service.tenant(&acme.key).json("/v1/reports?limit=1").await["reports"][0]["report_key"].clone();
    let key = operator.json("/admin/v1/tenants/acme/keys").await["keys"][0]["id"].clone();
    let known = json!({"tenants": "acme", "domains": "example.com", "keys": key, "submissions": submission, "reports": report});

    let url = format!("http://{}", service.query_address());
    for (path, key) in [("/v1/", acme.key), ("/admin/v1/", service.admin_key())] {
        let run = Schemathesis::new(&url, &key, path, HOOKS)
            .configured(CONFIG)
            .drawing(SEED, EXAMPLES_MAX)
            .variable("TLSRPT_KNOWN", &known.to_string());
        let tried = run.finds_nothing();
        let is_operators = path.starts_with("/admin");
        let routes = routes().filter(|route| matches!(route.audience, Audience::Operator(_)) == is_operators).count();
        assert_eq!(tried, routes, "operations below {path}");
    }
    service.finish().await;
}
