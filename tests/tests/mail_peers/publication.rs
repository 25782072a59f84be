//! What a domain publishes, looked at by the service and by the command, in a real name server.

use std::process::Stdio;

use serde_json::Value;
use tlsrpt_tests::{Detail, Encoding, Policy, Report, Setup, program, settled, today};

use crate::world::{DOMAIN, REPORTS, World};

fn codes(shown: &Value) -> Vec<&str> {
    shown["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn what_the_service_says_is_to_be_published_is_right_once_it_is_published() {
    let fresh = |setup: Setup| setup.config("[publication]\nfresh_after_seconds = 0\n");
    let Some(mut world) = World::start_with(fresh).await else { return };
    let tenant = world.service.tenant(&world.tenant.key);
    let path = format!("/v1/domains/{DOMAIN}/dns?fresh=true");
    let server = world.dns.address().to_string();
    let address = world.tenant.address.clone();
    let command = || {
        let arguments = ["dns", DOMAIN, "--json", "--address", &address, "--mail-host", REPORTS, "--dns-server", &server];
        let ran = program().args(arguments).stdin(Stdio::null()).output().unwrap();
        let shown: Value = serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
        (ran.status.code(), shown)
    };

    let before = tenant.json(&path).await;
    assert_eq!(codes(&before), ["tlsrpt-missing", "mx-missing", "mta-sts-missing"]);
    let (status, shown) = command();
    assert_eq!((status, codes(&shown)), (Some(1), codes(&before)));
    assert_eq!(shown["publish"][0], before["publish"][0]);

    let record = &before["publish"][0];
    let text = |name: &str| record[name].as_str().unwrap();
    world.dns.add(&format!("{}. {} \"{}\"", text("name"), text("type"), text("value")));
    let after = tenant.json(&path).await;
    assert_eq!(codes(&after), ["mx-missing", "mta-sts-missing"]);
    assert_eq!(after["published"]["tlsrpt"]["rua"][0], format!("mailto:{address}@{REPORTS}"));
    assert_eq!(command().0, Some(0));

    world.dns.stop();
    let (status, shown) = command();
    assert_eq!((status, &shown["published"]["tlsrpt"]["state"]), (Some(2), &Value::from("failed")));
    world.service.finish().await;
}

#[tokio::test]
async fn the_policy_to_publish_names_the_mail_servers_of_dns_in_the_mode_that_reports_allow() {
    let fresh = |setup: Setup| setup.config("[publication]\ncache_seconds = 0\n");
    let Some(mut world) = World::start_with(fresh).await else { return };
    let tenant = world.service.tenant(&world.tenant.key);
    let path = format!("/v1/domains/{DOMAIN}/policy");
    let records = [format!("{DOMAIN}. MX 20 mx2.{DOMAIN}."), format!("{DOMAIN}. MX 10 mx1.{DOMAIN}.")];
    records.iter().for_each(|record| world.dns.add(record));
    let before = tenant.json(&path).await;
    assert_eq!(
        (&before["state"], &before["draft"]["text"]),
        (&"no-reports".into(), &"version: STSv1\r\nmode: none\r\nmax_age: 86400\r\n".into())
    );

    // Fifteen days without a policy, of which the last tells of a failure at a host that nobody knows.
    const DAYS: i32 = 15;
    let failure = Detail {
        result_type: "certificate-expired",
        sending_ip: "198.51.100.7".to_owned(),
        receiving_mx: "mx.evil.test".to_owned(),
        sessions: 1,
    };
    for number in 0..DAYS {
        let details = if number == DAYS - 1 { vec![failure.clone()] } else { Vec::new() };
        let policy =
            Policy { policy_type: "no-policy-found", mode: "", failed: details.len() as u64, details, ..Policy::sts(DOMAIN, 10, 0) };
        let report = Report { day: today().plus(number - DAYS), ..Report::new("Sender", &format!("day-{number}"), vec![policy]) };
        world.service.sender().send_to(&world.tenant.address, report.encode(Encoding::Gzip)).await;
    }
    settled(&world.operator(), 15).await;
    let drafted = tenant.json(&path).await;
    let draft = &drafted["draft"];
    assert_eq!((&drafted["state"], &drafted["mode"]), (&"ready-for-testing".into(), &"testing".into()), "{drafted}");
    assert_eq!(
        draft["text"],
        format!("version: STSv1\r\nmode: testing\r\nmx: mx1.{DOMAIN}\r\nmx: mx2.{DOMAIN}\r\nmax_age: 86400\r\n"),
        "{drafted}"
    );
    assert_eq!(draft["left_out"], serde_json::json!(["mx.evil.test"]), "{drafted}");

    // A domain that takes no mail has nothing to protect.
    records.iter().for_each(|record| world.dns.remove(record));
    world.dns.add(&format!("{DOMAIN}. MX 0 ."));
    assert_eq!(tenant.json(&path).await["draft"]["mode"], "none");
    world.dns.stop();
    assert!(tenant.json(&path).await["draft"].is_null());
    world.service.finish().await;
}
