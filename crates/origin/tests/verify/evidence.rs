//! SPF and the connecting host's name: shown, and without any say in the verdict.

use tlsrpt_origin::{Evidence, Verifier};
use tlsrpt_report::Trust;

use crate::support::{Zone, config, evidence, mail};

async fn check(zone: Zone, ip: &str, helo: Option<&str>, mail_from: Option<&str>, expected: &str) {
    let dns = zone.serve().await;
    let raw = mail(&["From: a@sender.example"]);
    let evidence = Evidence { remote_ip: Some(ip.parse().unwrap()), helo, mail_from, ..evidence(&raw) };
    let found = Verifier::new(&config(dns.addr)).unwrap().verify(&evidence).await;
    assert_eq!((&*found.origin.authentication, found.trust, found.origin.deferred), (expected, Trust::None, false));
}

fn zone() -> Zone {
    Zone::default()
        .host("mail.sender.example", "203.0.113.9")
        .host("v6.sender.example", "2001:db8::9")
        .txt("sender.example", "v=spf1 include:_spf.sender.example -all")
        .txt("_spf.sender.example", "v=spf1 a:mail.sender.example ip6:2001:db8::/32 ~all")
        .txt("mail.sender.example", "v=spf1 a -all")
}

#[tokio::test]
async fn a_host_that_may_send_for_the_reverse_path_and_whose_name_leads_back_to_it() {
    let expected = "dkim=none; spf=pass smtp.mailfrom=sender.example; iprev=pass policy.iprev=203.0.113.9 (mail.sender.example)";
    check(zone(), "203.0.113.9", Some("mail.sender.example"), Some("bounce@sender.example"), expected).await;
    let expected = "dkim=none; spf=pass smtp.mailfrom=sender.example; iprev=pass policy.iprev=\"2001:db8::9\" (v6.sender.example)";
    check(zone(), "2001:db8::9", Some("x"), Some("bounce@sender.example"), expected).await;
}

#[tokio::test]
async fn without_a_reverse_path_the_hosts_own_name_is_asked() {
    let expected = "dkim=none; spf=pass smtp.helo=mail.sender.example; iprev=pass policy.iprev=203.0.113.9 (mail.sender.example)";
    check(zone(), "203.0.113.9", Some("mail.sender.example"), Some(""), expected).await;
}

#[tokio::test]
async fn a_host_that_may_not_and_that_has_no_name() {
    let expected = "dkim=none; spf=fail smtp.mailfrom=sender.example; iprev=permerror policy.iprev=198.51.100.7";
    check(zone(), "198.51.100.7", Some("mail.sender.example"), Some("bounce@sender.example"), expected).await;
    // A name that leads elsewhere.
    let forged = zone().host("mail.sender.example", "203.0.113.10");
    let expected = "dkim=none; spf=none smtp.mailfrom=nothing.example; iprev=pass policy.iprev=203.0.113.10 (mail.sender.example)";
    check(forged, "203.0.113.10", None, Some("a@nothing.example"), expected).await;
}

#[tokio::test]
async fn a_host_of_the_operators_own_network_says_nothing_of_the_sender() {
    for ip in ["127.0.0.1", "10.1.2.3", "192.168.1.1", "::1", "::ffff:127.0.0.1", "fd00::1", "fe80::1"] {
        check(zone(), ip, Some("mail.sender.example"), Some("bounce@sender.example"), "dkim=none").await;
    }
}

#[tokio::test]
async fn an_spf_record_without_end_has_one() {
    let endless = Zone::default().txt("sender.example", "v=spf1 include:sender.example -all");
    let expected = "dkim=none; spf=permerror smtp.mailfrom=sender.example; iprev=permerror policy.iprev=203.0.113.9";
    check(endless, "203.0.113.9", None, Some("a@sender.example"), expected).await;
}

#[tokio::test]
async fn what_the_client_wrote_stays_one_value() {
    let expected = "dkim=none; spf=none smtp.mailfrom=\"x; dkim=pass\"; iprev=permerror policy.iprev=203.0.113.9";
    check(Zone::default(), "203.0.113.9", Some("h"), Some("a@x; dkim=pass"), expected).await;
}
