//! The NetworkPolicies: what a role needs, and nothing more.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tlsrpt_tests::helm::{Helm, Objects, name};

/// The rules of one direction as sentences: `TCP 9093 to anywhere`.
fn rules(policy: &Value, direction: &str, word: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for rule in policy["spec"][direction].as_array().unwrap() {
        let peers = match rule[word].as_array() {
            None => vec!["anywhere".to_owned()],
            Some(peers) => peers.iter().map(Value::to_string).collect(),
        };
        for port in rule["ports"].as_array().unwrap_or_else(|| panic!("a rule for every port: {rule}")) {
            let number = port["port"].as_str().map_or_else(|| port["port"].to_string(), str::to_owned);
            all.extend(peers.iter().map(|peer| format!("{} {number} {word} {peer}", port["protocol"].as_str().unwrap())));
        }
    }
    all
}

fn check(objects: &Objects, role: &str, ingress: &[&str], egress: &[&str]) {
    let policy = objects.one("NetworkPolicy", &format!("-{role}"));
    assert_eq!(policy["spec"]["policyTypes"], json!(["Ingress", "Egress"]), "{role}");
    let set = |all: &[&str]| all.iter().map(|&one| one.to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(rules(policy, "ingress", "from"), set(ingress), "{role}: who may reach it");
    assert_eq!(rules(policy, "egress", "to"), set(egress), "{role}: what it may reach");
}

#[test]
fn each_role_is_reached_by_and_reaches_what_it_needs_and_nothing_else() {
    let objects = Helm::new().values("minimal").objects();
    let test = r#"TCP ops from {"podSelector":{"matchLabels":{"app.kubernetes.io/name":"tlsrpt","app.kubernetes.io/instance":"r","app.kubernetes.io/component":"test"}}}"#;
    let (dns, dns_tcp) = ("UDP 53 to anywhere", "TCP 53 to anywhere");
    let (kafka, clickhouse) = ("TCP 9092 to anywhere", "TCP 8123 to anywhere");
    check(&objects, "edge", &["TCP https from anywhere", "TCP smtp from anywhere", test], &[dns, dns_tcp, kafka]);
    check(&objects, "normalizer", &[test], &[dns, dns_tcp, kafka]);
    check(&objects, "writer", &[test], &[dns, dns_tcp, kafka, clickhouse]);
    let api = r#"TCP api from {"podSelector":{}}"#;
    check(&objects, "query", &[api, test], &[dns, dns_tcp, kafka, clickhouse, "TCP 443 to anywhere"]);
    check(&objects, "migrate", &[], &[dns, dns_tcp, clickhouse]);
    let own = r#"TCP 9090 to {"podSelector":{"matchLabels":{"app.kubernetes.io/name":"tlsrpt","app.kubernetes.io/instance":"r"}}}"#;
    check(&objects, "test", &[], &[dns, dns_tcp, own]);
}

#[test]
fn peers_and_ports_of_the_values_are_those_of_the_rules() {
    let objects = Helm::new().values("everything").objects();
    let (dns, dns_tcp) = (r#"UDP 53 to {"namespaceSelector":{}}"#, r#"TCP 53 to {"namespaceSelector":{}}"#);
    let kafka = [9093, 9094].map(|port| format!(r#"TCP {port} to {{"podSelector":{{"matchLabels":{{"app":"kafka"}}}}}}"#));
    let clickhouse = r#"TCP 80 to {"podSelector":{"matchLabels":{"app":"clickhouse"}}}"#;
    let collector = "TCP 4317 to anywhere";
    let test = r#"TCP ops from {"podSelector":{"matchLabels":{"app.kubernetes.io/name":"tls-reports","app.kubernetes.io/instance":"r","app.kubernetes.io/component":"test"}}}"#;
    let metrics = r#"TCP ops from {"namespaceSelector":{}}"#;
    let world = ["https", "smtp", "smtps"].map(|port| format!(r#"TCP {port} from {{"ipBlock":{{"cidr":"0.0.0.0/0"}}}}"#));
    check(&objects, "edge", &[&world[0], &world[1], &world[2], test, metrics], &[dns, dns_tcp, &kafka[0], &kafka[1], collector]);
    check(&objects, "writer", &[test, metrics], &[dns, dns_tcp, &kafka[0], &kafka[1], clickhouse, collector]);
    let query = ["TCP 443 to anywhere", "TCP 587 to anywhere", dns, dns_tcp, &kafka[0], &kafka[1], clickhouse, collector];
    check(&objects, "query", &[r#"TCP api from {"podSelector":{}}"#, test, metrics], &query);
    check(&objects, "migrate", &[], &[dns, dns_tcp, clickhouse, collector]);
}

#[test]
fn every_pod_has_a_policy_and_none_has_one_when_they_are_not_wanted() {
    let objects = Helm::new().values("minimal").objects();
    assert_eq!(objects.of("NetworkPolicy").len(), objects.pods().len());
    let owners: BTreeSet<_> = objects.pods().into_iter().map(|(owner, ..)| owner).collect();
    assert_eq!(objects.of("NetworkPolicy").into_iter().map(name).collect::<BTreeSet<_>>(), owners);
    assert!(Helm::new().values("minimal").set("networkPolicy.enabled=false").objects().of("NetworkPolicy").is_empty());
}
