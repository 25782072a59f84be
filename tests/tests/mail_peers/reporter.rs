//! tlsrpt-reporter: sessions that a mail server tells it of become reports, and the reports the tenant's numbers.

use serde_json::{Value, json};
use tlsrpt_mail_peers::{Postfix, Reporter, Sender};
use tlsrpt_tests::{Totals, settled, until, wide_period};

use crate::world::{DOMAIN, HOST, World};

/// tlsrpt-reporter's numbers of RFC 8460's words.
const STS: u8 = 2;
const CERTIFICATE_EXPIRED: u16 = 204;

/// A session with the domain, as a mail server tells of it.
fn session(record: &str, failure: Option<u16>) -> Value {
    let failures: Vec<Value> =
        failure.into_iter().map(|code| json!({"c": code, "s": "198.51.100.7", "n": format!("mx.{DOMAIN}"), "r": "192.0.2.25"})).collect();
    json!({
        "dpv": "1",
        "d": DOMAIN,
        "pr": record,
        "policies": [{
            "policy-type": STS,
            "policy-string": ["version: STSv1", "mode: testing", format!("mx: mx.{DOMAIN}"), "max_age: 604800"],
            "policy-domain": DOMAIN,
            "mx-host": [format!("mx.{DOMAIN}")],
            "f": u8::from(failure.is_some()),
            "t": failures.len(),
            "failure-details": failures,
        }],
    })
}

#[tokio::test]
async fn a_report_that_the_reporter_sends_by_mail_and_by_https_counts_once() {
    let Some(world) = World::start().await else { return };
    let (mailbox, address) = (world.mailbox(), &world.tenant.address);
    let record = format!("v=TLSRPTv1; rua=mailto:{mailbox},https://{HOST}/v1/tlsrpt/{address}");
    let mut reporter = Reporter::start(world.machine("reporter"));
    for _ in 0..5 {
        reporter.session(&session(&record, None).to_string());
    }
    for _ in 0..2 {
        reporter.session(&session(&record, Some(CERTIFICATE_EXPIRED)).to_string());
    }
    // Its mails go out by the mail server that it counts the sessions of.
    let postfix = Postfix::start(world.machine("postfix"), "smtp_tls_security_level = may\n");
    let sendmail = format!("msmtp --host={} --from=reports@sender.example --read-recipients", postfix.smtp().ip());
    reporter.report(Sender { organization: "Sender", address: "reports@sender.example", sendmail: &sendmail });

    let tenant = world.service.tenant(&world.tenant.key);
    let expected = Totals { successful: 5, failed: 2, reports: 1 };
    let operator = world.operator();
    until("the report, twice", async || {
        let ledger = tlsrpt_tests::caught_up(&operator).await;
        let logs = || format!("{ledger:?}\n{}\n{}", reporter.machine().logs(), postfix.machine().logs());
        if ledger.accepted == 2 { Ok(()) } else { Err(logs()) }
    })
    .await;
    let ledger = settled(&operator, 2).await;
    assert_eq!((ledger.stored, ledger.duplicate), (1, 1), "{ledger:?}");
    let period = wide_period();
    assert_eq!(Totals::of_summary(&tenant.json(&format!("/v1/summary?{period}")).await), expected);
    let failures = tenant.json(&format!("/v1/failures?group_by=result_type,receiving_mx&{period}")).await;
    let group = &failures["groups"][0];
    assert_eq!((&group["result_type"], &group["failed_sessions"]), (&json!("certificate-expired"), &json!(2)), "{failures}");
    let reports = tenant.json(&format!("/v1/reports?{period}")).await;
    assert_eq!(reports["reports"][0]["reporter"], "Sender", "{reports}");
    world.service.finish().await;
}
