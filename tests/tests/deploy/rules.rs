//! Prometheus and Alertmanager take the configuration and the rules, and each alert does what it says.

use std::collections::{BTreeMap, BTreeSet};

use tlsrpt_tests::{alertmanager_tool, promtool, repository};

/// The rule files.
pub(crate) const RULES: [&str; 2] = ["deploy/prometheus/recording.yaml", "deploy/prometheus/alerts.yaml"];

/// The unit tests of the alerts, by how long what they look at takes.
const TESTS: [&str; 3] = ["minutes.yaml", "days.yaml", "weeks.yaml"];

/// A text file of the repository.
pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(repository(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// One alert of alerts.yaml: its lines.
pub(crate) fn alerts() -> Vec<(String, String)> {
    let text = read(RULES[1]);
    let blocks = text.split("      - alert: ").skip(1);
    blocks.map(|block| (block.lines().next().unwrap().to_owned(), block.to_owned())).collect()
}

fn unit_tests(name: &str) -> String {
    format!("tests/tests/deploy/rules/{name}")
}

/// Runs a tool in the repository's root; it must find nothing wrong.
fn check(mut tool: std::process::Command, arguments: &[&str]) {
    let output = tool.current_dir(repository("")).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
}

#[test]
fn prometheus_takes_its_configuration_and_the_rules() {
    check(promtool(), &["check", "config", "deploy/prometheus/prometheus.yml"]);
    check(promtool(), &["check", "rules", "--lint=all", "--lint-fatal", RULES[0], RULES[1]]);
}

#[test]
fn alertmanager_takes_its_configuration() {
    check(alertmanager_tool(), &["check-config", "deploy/prometheus/alertmanager.yml"]);
}

#[test]
fn every_alert_fires_when_it_should_and_not_on_the_near_miss() {
    for name in TESTS {
        check(promtool(), &["test", "rules", &unit_tests(name)]);
    }
    // And each has one of either kind.
    let mut tried: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for name in TESTS {
        for block in read(&unit_tests(name)).split("        alertname: ").skip(1) {
            let (alert, rest) = block.split_once('\n').unwrap();
            let (fires, misses) = tried.entry(alert.to_owned()).or_default();
            if rest.trim_start().starts_with("exp_alerts: []") { *misses += 1 } else { *fires += 1 }
        }
    }
    let declared: BTreeSet<String> = alerts().into_iter().map(|(name, _)| name).collect();
    for alert in &declared {
        let (fires, misses) = tried.get(alert).copied().unwrap_or_default();
        assert!(fires > 0 && misses > 0, "{alert}: {fires} tests in which it fires, {misses} in which it does not");
    }
    assert_eq!(tried.into_keys().collect::<BTreeSet<_>>(), declared);
}

#[test]
fn every_alert_says_how_urgent_it_is_why_it_waits_and_where_to_read_on() {
    let text = read(RULES[1]);
    let lines: Vec<&str> = text.lines().collect();
    let mut before = "";
    for (index, line) in lines.iter().enumerate() {
        let Some(alert) = line.strip_prefix("      - alert: ") else { continue };
        // The rules of one name stand together, under one reason.
        let has_reason = lines[index - 1].trim_start().starts_with('#') || alert == before;
        assert!(has_reason, "{alert}: a comment above says why it waits as long as it does");
        before = alert;
    }
    for (alert, block) in alerts() {
        let severity = block.lines().find_map(|line| line.strip_prefix("          severity: "));
        assert!(matches!(severity, Some("page" | "ticket")), "{alert}: {severity:?}");
        for part in ["        for: ", "          summary: ", "          description: "] {
            assert!(block.contains(part), "{alert} has {part:?}");
        }
        let link = format!("{{{{ $externalLabels.tlsrpt_docs }}}}/runbook.md#{}\"", alert.to_lowercase());
        assert!(block.contains(&link), "{alert} links to its section of the runbook");
        assert!(alert.starts_with("Tlsrpt"), "{alert}");
    }
}
