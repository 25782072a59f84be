//! The rollout of MTA-STS on one domain, as its tenant is told of it.

use rand::{SeedableRng as _, rngs::SmallRng, seq::SliceRandom as _};
use serde_json::json;
use tlsrpt_tests::{
    Encoding, Setup,
    rollout::{is_told, rollout},
    settled,
};

use crate::seed::seed;

const DOMAIN: &str = "example.com";

#[tokio::test]
async fn a_tenant_is_told_each_step_from_no_policy_to_enforce_and_back_to_quiet_in_whatever_order_reports_come() {
    let service = Setup::new().start().await;
    let operator = service.operator();
    let access = operator.tenant("acme", &[DOMAIN, "quiet.example"]).await;
    let tenant = service.tenant(&access.key);
    let mut reports = rollout(DOMAIN);
    reports.shuffle(&mut SmallRng::seed_from_u64(seed()));
    let sender = service.sender();
    for report in &reports {
        sender.send_to(&access.address, report.encode(Encoding::Gzip)).await;
    }
    settled(&operator, reports.len() as u64).await;
    is_told(&tenant, DOMAIN).await;

    // Worst first: at risk before what is not known, and that before the rest.
    let listed = tenant.json("/v1/readiness?as_of=2026-03-28").await;
    let states: Vec<_> = listed["domains"].as_array().unwrap().iter().map(|one| json!([one["domain"], one["state"]])).collect();
    assert_eq!(states, [json!([DOMAIN, "at-risk"]), json!(["quiet.example", "no-reports"])], "{listed}");
    service.finish().await;
}
