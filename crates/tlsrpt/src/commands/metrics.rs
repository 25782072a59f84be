//! `tlsrpt metrics`: every metric of every role, as docs/metrics.md has them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    process::ExitCode,
};

use tlsrpt_telemetry::prometheus::proto::MetricFamily;

use crate::wiring::metrics::{Role, of_role};

/// What stands above the table.
const HEAD: &str = "\
# Metrics

`tlsrpt metrics` prints this page, from what each role registers. Every role serves its metrics at `/metrics` of its operations port (9090)
in the text format of Prometheus; `tlsrpt all-in-one` shows those of all roles. What to alert on stands in `deploy/prometheus/alerts.yaml`,
and what to do then in [runbook.md](runbook.md). A tenant's own figures are elsewhere: [api.md](api.md).

A counter counts since its process started, redeliveries included; totals that must be right come from the ledger. The name ends with the unit; a
name without one counts things, or is 0 or 1. No label holds what somebody outside chose: tenants, domains and reporters are no labels.

";

/// Labels whose values are not listed, and what they are instead.
const MEANINGS: [(&str, &str); 5] = [
    ("method", "an HTTP method, `other` for those that are not known"),
    ("route", "a route as `GET /openapi.json` has it, `unmatched` for all other paths"),
    ("status", "the status of the answer"),
    ("partition", "the number of the partition, 0 alone with the embedded log"),
    ("version", "the version of the program"),
];

/// Longest list of values that stands in the table itself.
const LISTED_MAX: usize = 6;

/// A metric, over the roles that show it.
struct Shown {
    kind: String,
    help: String,
    roles: Vec<&'static str>,
    labels: BTreeMap<String, BTreeSet<String>>,
}

/// Prints the table.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    // The resolver of verdicts wants one; nothing is asked.
    let runtime = crate::wiring::runtime()?;
    let _entered = runtime.enter();
    print!("{}", page()?);
    Ok(ExitCode::SUCCESS)
}

fn page() -> anyhow::Result<String> {
    let mut metrics = BTreeMap::new();
    for role in Role::ALL {
        for family in of_role(role)?.gather() {
            note(&mut metrics, role, &family);
        }
    }
    let mut page = format!("{HEAD}| metric | type | labels | roles | what it tells |\n| --- | --- | --- | --- | --- |\n");
    let mut lists = String::new();
    for (name, metric) in &metrics {
        let Shown { kind, help, roles, labels } = metric;
        let labels: Vec<String> = labels.iter().map(|(label, values)| cell(name, label, values, &mut lists)).collect();
        let roles = if roles.len() == Role::ALL.len() { "all".to_owned() } else { roles.join(", ") };
        writeln!(page, "| `{name}` | {kind} | {} | {roles} | {help} |", labels.join("; "))?;
    }
    page.push_str("\n## Values of labels\n\nOf labels that have many.\n");
    page.push_str(&lists);
    Ok(page)
}

fn note(metrics: &mut BTreeMap<String, Shown>, role: Role, family: &MetricFamily) {
    let shown = metrics.entry(family.name().to_owned()).or_insert_with(|| Shown {
        kind: format!("{:?}", family.get_field_type()).to_lowercase(),
        help: family.help().to_owned(),
        roles: Vec::new(),
        labels: BTreeMap::new(),
    });
    shown.roles.push(role.as_str());
    for label in family.get_metric().iter().flat_map(|metric| metric.get_label()) {
        shown.labels.entry(label.name().to_owned()).or_default().insert(label.value().to_owned());
    }
}

/// A label as the table has it; a long list of its values goes to `lists`.
fn cell(name: &str, label: &str, values: &BTreeSet<String>, lists: &mut String) -> String {
    if let Some((_, meaning)) = MEANINGS.iter().find(|(known, _)| *known == label) {
        return format!("`{label}`: {meaning}");
    }
    let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
    if values.len() <= LISTED_MAX {
        return format!("`{label}` = {}", values.join(", "));
    }
    lists.push_str(&format!("\n`{name}{{{label}}}`: {}\n", values.join(", ")));
    format!("`{label}`: [below](#values-of-labels)")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    #[tokio::test]
    async fn the_page_in_docs_is_what_the_roles_register() {
        let kept = include_str!("../../../../docs/metrics.md");
        assert!(page().unwrap() == kept, "docs/metrics.md is not up to date: target/debug/tlsrpt metrics >docs/metrics.md");
    }

    #[tokio::test]
    async fn names_say_what_kind_of_metric_and_which_unit_they_are() {
        for role in Role::ALL {
            for family in of_role(role).unwrap().gather() {
                let (name, kind) = (family.name(), format!("{:?}", family.get_field_type()));
                assert!(name.starts_with("tlsrpt_") || name.starts_with("process_"), "{name}");
                assert_eq!(name.ends_with("_total"), kind == "COUNTER", "{name} is a {kind}");
                let help = family.help();
                // The library's own end with a full stop.
                assert!(
                    !help.is_empty() && !help.contains('|') && (name.starts_with("process_") || !help.ends_with('.')),
                    "{name}: {help}"
                );
                for metric in family.get_metric() {
                    for label in metric.get_label() {
                        assert!(!["tenant", "domain", "reporter", "organization"].contains(&label.name()), "{name}");
                    }
                }
            }
        }
    }
}
