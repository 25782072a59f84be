//! What a domain publishes, looked at by the service and by the command, in a real name server.

use std::process::Stdio;

use serde_json::Value;
use tlsrpt_tests::{Setup, program};

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
