//! Every metric and label that a rule or a dashboard names is one that the service has.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tlsrpt_tests::repository;

use crate::rules::{RULES, read};

/// Labels that a scrape adds (deploy/prometheus/prometheus.yml) or that every histogram has.
const OF_EVERY_SERIES: [&str; 5] = ["job", "instance", "role", "tenant", "le"];

/// Metrics by name, each with its labels.
type Known = BTreeMap<String, BTreeSet<String>>;

/// What stands in backquotes in a text.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The metrics of the service (docs/metrics.md), of tenants (docs/api.md), and those that rules record.
fn known() -> Known {
    let mut known = Known::from([("up".to_owned(), BTreeSet::new())]);
    for row in read("docs/metrics.md").lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split(" | ").collect();
        let labels = cells[2].split("; ").filter_map(|label| quoted(label).next()).map(str::to_owned).collect();
        known.insert(quoted(cells[0]).next().unwrap().to_owned(), labels);
    }
    for row in read("docs/api.md").lines().filter(|line| line.starts_with("| `tlsrpt_tenant_")) {
        let cells: Vec<&str> = row.split(" | ").collect();
        known.insert(quoted(cells[0]).next().unwrap().to_owned(), quoted(cells[1]).map(str::to_owned).collect());
    }
    for line in read("deploy/prometheus/recording.yaml").lines() {
        if let Some(name) = line.trim().strip_prefix("- record: ") {
            known.insert(name.to_owned(), BTreeSet::from(["channel", "topic"].map(str::to_owned)));
        }
    }
    known
}

/// The metrics in PromQL, each with the labels that its matchers name.
fn named(promql: &str) -> Vec<(String, Vec<String>)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let mut found = Vec::new();
    let mut rest = promql;
    while let Some(start) = rest.find(is_name) {
        let tail = &rest[start..];
        let end = tail.find(|c| !is_name(c)).unwrap_or(tail.len());
        let (name, after) = tail.split_at(end);
        rest = after;
        if !(["tlsrpt_", "tlsrpt:", "process_"].iter().any(|begins| name.starts_with(begins)) || name == "up") {
            continue;
        }
        let matchers = after.strip_prefix('{').and_then(|inside| inside.split('}').next()).unwrap_or_default();
        // A matcher's value may hold anything but a quote.
        let outside: String = matchers.replace("\\\"", "\"").split('"').step_by(2).collect();
        let labels = outside.split(['=', '!', '~', ',', ' ']).filter(|label| !label.is_empty()).map(str::to_owned).collect();
        found.push((name.to_owned(), labels));
    }
    found
}

/// Says what `promql` of `place` names and the service does not have.
fn unknown(known: &Known, place: &str, promql: &str) -> Vec<String> {
    let mut missing = Vec::new();
    for (name, labels) in named(promql) {
        let of_histogram = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        let Some(has) = known.get(&name).or_else(|| known.get(of_histogram?)) else {
            missing.push(format!("{place}: no metric {name}"));
            continue;
        };
        let wrong = labels.into_iter().filter(|label| !OF_EVERY_SERIES.contains(&label.as_str()) && !has.contains(label));
        missing.extend(wrong.map(|label| format!("{place}: {name} has no label {label}")));
    }
    missing
}

/// The expressions of a dashboard, wherever they stand in it.
fn expressions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if ["expr", "query", "definition"].contains(&name.as_str()) => found.push(text.clone()),
                    _ => expressions(value, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| expressions(value, found)),
        _ => {}
    }
}

#[test]
fn rules_and_dashboards_name_no_metric_and_no_label_that_the_service_does_not_have() {
    let known = known();
    let mut missing = Vec::new();
    for file in RULES {
        let text = read(file);
        let expressions: String =
            text.lines().filter(|line| !line.trim_start().starts_with('#') && !line.contains("runbook_url")).collect::<Vec<_>>().join("\n");
        assert!(named(&expressions).len() > 10, "{file}");
        missing.extend(unknown(&known, file, &expressions));
    }
    let dashboards = repository("deploy/grafana/dashboards");
    for entry in std::fs::read_dir(dashboards).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let mut found = Vec::new();
            expressions(&serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap(), &mut found);
            missing.extend(found.iter().flat_map(|promql| unknown(&known, &path.display().to_string(), promql)));
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn a_metric_or_a_label_that_is_not_there_is_seen() {
    let known = known();
    assert_eq!(unknown(&known, "here", r#"rate(tlsrpt_edge_received_total{channel="https", job="tlsrpt"}[5m])"#), [""; 0]);
    assert_eq!(unknown(&known, "here", "sum(tlsrpt_edge_ack_seconds_bucket) by (le)"), [""; 0]);
    assert_eq!(unknown(&known, "here", "tlsrpt_edge_recieved_total"), ["here: no metric tlsrpt_edge_recieved_total"]);
    let wrong = unknown(&known, "here", r#"tlsrpt_edge_received_total{reason=~"a|b"}"#);
    assert_eq!(wrong, ["here: tlsrpt_edge_received_total has no label reason"]);
    assert!(repository("Cargo.toml").is_file());
}
