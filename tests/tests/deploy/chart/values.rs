//! The values: described, and refused when they are wrong.

use std::{collections::BTreeMap, fs};

use serde_json::Value;
use tlsrpt_tests::helm::{CHART, Helm};

/// The comment above each value, by its place.
fn comments() -> BTreeMap<String, String> {
    let (mut all, mut place, mut comment) = (BTreeMap::new(), Vec::<String>::new(), Vec::new());
    for line in fs::read_to_string(format!("{CHART}/values.yaml")).unwrap().lines() {
        let text = line.trim_start();
        if let Some(words) = text.strip_prefix('#') {
            comment.push(words.trim().to_owned());
            continue;
        }
        let said = std::mem::take(&mut comment).join(" ");
        let Some((key, _)) = text.split_once(':') else { continue };
        place.truncate((line.len() - text.len()) / 2);
        place.push(key.to_owned());
        all.insert(place.join("."), said);
    }
    all
}

/// The description of each value in the schema, by its place.
fn descriptions(schema: &Value, at: &Value, place: &str, into: &mut BTreeMap<String, Option<String>>) {
    let of = at["$ref"].as_str().map_or(at, |path| schema.pointer(path.trim_start_matches('#')).unwrap());
    if !place.is_empty() {
        into.insert(place.to_owned(), at["description"].as_str().map(str::to_owned));
    }
    // `pod` of a role has the same fields as the one of all.
    let is_repeated = place.ends_with(".pod");
    for (name, inner) in of["properties"].as_object().into_iter().flatten().filter(|_| !is_repeated) {
        descriptions(schema, inner, format!("{place}.{name}").trim_start_matches('.'), into);
    }
}

#[test]
fn each_value_has_a_comment_where_it_stands_and_the_same_words_in_the_schema() {
    let schema: Value = serde_json::from_str(&fs::read_to_string(format!("{CHART}/values.schema.json")).unwrap()).unwrap();
    let mut described = BTreeMap::new();
    descriptions(&schema, &schema, "", &mut described);
    assert!(described.remove("global").is_some(), "a chart above this one may have values for all");
    let comments = comments();
    assert!(comments.len() > 150, "{} values", comments.len());
    assert_eq!(comments.keys().collect::<Vec<_>>(), described.keys().collect::<Vec<_>>());
    for (place, comment) in &comments {
        let has_parts = comments.keys().any(|other| other.starts_with(&format!("{place}.")));
        assert!(has_parts || !comment.is_empty(), "{place} has no comment");
        assert_eq!(described[place].clone().unwrap_or_default(), *comment, "{place}: the comment and the schema's description");
    }
}

#[test]
fn wrong_values_are_refused_and_the_message_names_them() {
    for (set, words) in [
        ("replica=3", &["replica"][..]),
        ("edge.replicas=\"3\"", &["edge/replicas", "integer"]),
        ("edge.replicas=-1", &["edge/replicas", "minimum"]),
        ("edge.spool.limit=\"1GB\"", &["edge/spool/limit"]),
        ("edge.pod.priorityClas=\"x\"", &["edge/pod", "priorityClas"]),
        ("edge.smtp.service.type=\"ExternalName\"", &["edge/smtp/service/type", "LoadBalancer"]),
        ("image.digest=\"latest\"", &["image/digest"]),
        ("image.pullPolicy=\"Sometimes\"", &["image/pullPolicy"]),
        ("kafka.brokers=\"kafka\"", &["kafka/brokers"]),
        ("clickhouse.url=\"clickhouse:8123\"", &["clickhouse/url"]),
        ("tls.mode=\"on\"", &["tls/mode", "self-signed"]),
        ("pod.runAsUser=0", &["pod/runAsUser"]),
        ("pod.terminationGracePeriodSeconds=5", &["pod/terminationGracePeriodSeconds"]),
        ("networkPolicy.queryOutboundPorts=[70000]", &["networkPolicy/queryOutboundPorts"]),
        ("kafka.brokers=\"\"", &["kafka.brokers must be given"]),
        ("clickhouse.url=\"\"", &["clickhouse.url must be given"]),
        ("adminKey.existingSecret=\"\"", &["adminKey.existingSecret or adminKey.value must be given", "openssl"]),
        ("tls.mode=\"files\"", &["tls.mode is files", "tls.certManager"]),
        ("tls.existingSecret=\"x\"", &["tls.mode is self-signed", "files"]),
        ("tls={\"mode\":\"files\",\"existingSecret\":\"x\",\"certManager\":{\"enabled\":true}}", &["exclude each other"]),
        ("tls={\"mode\":\"files\",\"certManager\":{\"enabled\":true}}", &["mailHosts must name the host"]),
        ("gateway.https={\"enabled\":true,\"parentRefs\":[{\"name\":\"g\"}]}", &["tls.mode off"]),
        ("gateway.api.enabled=true", &["gateway.api.parentRefs"]),
        ("ingress.api.enabled=true", &["ingress.api.host"]),
        ("config.listen.https=\"127.0.0.1:1\"", &["config.listen is set by the chart", "listenAddress"]),
        ("config.mail_hosts=[]", &["mailHosts"]),
        ("config.kafka.brokers=\"k:1\"", &["config.kafka.brokers is set by the chart"]),
        ("config.edge.spool.limit_bytes=1", &["edge.spool.limit"]),
        ("config.edge.smtp.proxy_networks=[]", &["edge.smtp.proxyNetworks"]),
    ] {
        let refused = Helm::new().values("minimal").set(set).template().err().unwrap_or_else(|| panic!("{set} is taken"));
        // Helm has written places with dots and with slashes.
        let said = refused.replace("/", ".");
        for word in words {
            assert!(refused.contains(word) || said.contains(&word.replace('/', ".")), "{set}: {word}: {refused}");
        }
    }
}

#[test]
fn an_image_is_named_by_its_digest_when_there_is_one() {
    let image = |set: &str| Helm::new().values("minimal").set(set).objects().pods()[0].2["containers"][0]["image"].clone();
    let digest = format!("sha256:{}", "0a".repeat(32));
    assert_eq!(image(&format!("image.digest=\"{digest}\"")), format!("tlsrpt@{digest}"));
    assert_eq!(image("image.tag=\"1.2\""), "tlsrpt:1.2");
    let own = env!("CARGO_PKG_VERSION");
    assert_eq!(image("image.tag=\"\""), format!("tlsrpt:{own}"), "appVersion is the program's");
}

#[test]
fn the_operators_paths_are_let_through_only_when_that_is_asked_for() {
    let paths = |set: &str| -> String {
        let objects = Helm::new().values("minimal").set(set).objects();
        objects.of("Ingress").into_iter().chain(objects.of("HTTPRoute")).map(|one| one["spec"].to_string()).collect()
    };
    for (kind, where_to) in [("ingress", "\"host\":\"h\""), ("gateway", "\"parentRefs\":[{\"name\":\"g\"}]")] {
        let with = |admin| paths(&format!("{kind}.api={{\"enabled\":true,{where_to},\"admin\":{admin}}}"));
        assert!(with(true).contains("/admin/v1") && !with(false).contains("/admin") && with(false).contains("\"/v1\""), "{}", with(false));
    }
}
