//! The rollout of MTA-STS by signed reports, with forged ones among them.

use rand::{SeedableRng as _, rngs::SmallRng, seq::SliceRandom as _};
use serde_json::json;
use tlsrpt_tests::{
    Encoding, MailClient,
    rollout::{forged, is_told, readiness, rollout},
    settled, taken,
};

use crate::{
    report_mail::report_mail,
    signatures::Signer,
    world::{DOMAIN, SUBMITTER, World},
};

#[tokio::test]
async fn forged_reports_move_no_verdict_of_a_tenant_that_counts_signed_ones_and_are_shown() {
    let Some(mut world) = World::start().await else { return };
    let signer = Signer::new();
    world.dns.add(&signer.record(SUBMITTER, ""));
    let (operator, tenant) = (world.service.operator(), world.service.tenant(&world.tenant.key));
    operator.patch("/admin/v1/tenants/acme/settings", &json!({"minimum_trust": "dkim-aligned"})).await.is(200);

    let (mut reports, made_up) = (rollout(DOMAIN), forged(DOMAIN));
    reports.shuffle(&mut SmallRng::seed_from_u64(7));
    let mut client = MailClient::connect(&world.smtp().to_string()).await.unwrap();
    for report in &reports {
        let mail = signer.sign(SUBMITTER, &report_mail(report, SUBMITTER, &world.mailbox()));
        let reply = client.send(&world.mailbox(), &mail).await.unwrap();
        assert!(taken(&reply).is_some(), "{reply}");
    }
    for report in &made_up {
        world.service.sender().send_to(&world.tenant.address, report.encode(Encoding::Gzip)).await;
    }
    settled(&operator, (reports.len() + made_up.len()) as u64).await;

    is_told(&tenant, DOMAIN).await;
    let evidence = readiness(&tenant, DOMAIN, 84).await["evidence"].take();
    assert_eq!(evidence["verified_share"], 1.0, "{evidence}");
    let not_counted = &evidence["not_counted"];
    assert_eq!((&not_counted["minimum_trust"], &not_counted["reporters"]), (&"dkim-aligned".into(), &json!(["Alpha"])), "{evidence}");
    assert_eq!(not_counted["blocked_sessions"], 3, "{evidence}");

    // Without the minimum they count, and the domain is at risk by a forged word.
    operator.patch("/admin/v1/tenants/acme/settings", &json!({"minimum_trust": null})).await.is(200);
    let believed = readiness(&tenant, DOMAIN, 84).await;
    assert_eq!(believed["state"], "at-risk", "{believed}");
    assert_eq!(believed["evidence"]["not_counted"], json!(null));
    world.service.finish().await;
}
