//! Grafana's dashboards: each panel's query runs on the real database and the real Prometheus, and shows what the API shows.
//!
//! `TLSRPT_PICTURES_DIR` keeps the pictures that are drawn of them; `TLSRPT_PICTURES_SECONDS` lets reports come for so long before.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tlsrpt_report::{Day, UnixMillis};
use tlsrpt_tests::{
    Encoding, Generator, Size, caught_up, go_program,
    grafana::{Chosen, Dashboard, Frame, Panel, Sources},
    repository, until,
};

use crate::watched::{PASSWORD, USER, Watched, chosen};

const NAMES: [&str; 3] = ["operator", "tenant", "domain"];
const PAGE: &str = include_str!("../../../docs/grafana.md");
const RUNBOOK: &str = include_str!("../../../docs/runbook.md");
/// A metric that has no series where the log is embedded: there is no spool then.
const WITHOUT_SERIES: &str = "tlsrpt_edge_spool_limit_bytes";

fn python(script: &str, arguments: &[&Path]) {
    let ran = Command::new("python3").arg(repository(script)).args(arguments).output().unwrap();
    assert!(ran.status.success(), "{script}: {}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
}

#[test]
fn the_dashboards_are_what_their_source_makes() {
    let made = TempDir::new().unwrap();
    python("deploy/grafana/make-dashboards", &[made.path()]);
    for name in NAMES {
        let file = format!("{name}.json");
        let read = |directory: &Path| std::fs::read_to_string(directory.join(&file)).unwrap();
        assert!(
            read(made.path()) == read(&Dashboard::directory()),
            "{file} is not what its source makes: run deploy/grafana/make-dashboards"
        );
    }
}

#[test]
fn grafanas_own_schema_takes_each_dashboard_and_refuses_one_with_a_fault() {
    let check = |files: &[PathBuf]| Command::new(go_program("grafana-schema")).args(files).output().unwrap();
    let files = NAMES.map(|name| Dashboard::directory().join(format!("{name}.json")));
    let ran = check(&files);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let dir = TempDir::new().unwrap();
    for (at, fault) in [
        ("/panels/1/gridPoss", json!({})),
        ("/panels/1/gridPos/w", json!("wide")),
        ("/graphTooltip", json!("both")),
        ("/panels/1/targets/0/exprr", json!("up")),
    ] {
        let mut document: Value = serde_json::from_str(&std::fs::read_to_string(&files[0]).unwrap()).unwrap();
        let (parent, name) = at.rsplit_once('/').unwrap();
        document.pointer_mut(parent).unwrap()[name] = fault;
        let file = dir.path().join("faulty.json");
        std::fs::write(&file, document.to_string()).unwrap();
        assert!(!check(&[file]).status.success(), "{at}");
    }
}

/// Values of variables come from whoever writes the link.
#[test]
fn each_query_is_bounded_and_takes_values_of_variables_as_text_alone() {
    for name in NAMES {
        let dashboard = Dashboard::read(name);
        let of_panel = |panel: &Panel| -> Vec<(String, String)> {
            panel.targets.iter().filter_map(|target| Some((panel.title.clone(), target.raw_sql.clone()?))).collect()
        };
        let queries: Vec<(String, String)> = dashboard.drawn().flat_map(of_panel).collect();
        let variables = dashboard.variables().iter().filter(|variable| variable.kind == "query");
        let variables: Vec<(String, String)> = variables.map(|variable| (variable.name.clone(), variable.query.clone())).collect();
        for (title, sql) in queries.iter().chain(&variables) {
            let limit = sql.rsplit_once("LIMIT ").and_then(|(_, limit)| limit.trim().parse::<u32>().ok());
            assert!(limit.is_some_and(|limit| limit <= 10_000), "{name}, {title}: no LIMIT: {sql}");
            for value in sql.split("${").skip(1) {
                let (inside, _) = value.split_once('}').unwrap();
                assert!(inside.ends_with(":percentencode"), "{name}, {title}: ${{{inside}}} may hold anything");
            }
        }
        for (title, sql) in &queries {
            assert!(sql.contains("$__fromTime") && sql.contains("$__toTime"), "{name}, {title}: not of the chosen time: {sql}");
        }
    }
}

#[test]
fn links_lead_to_dashboards_that_there_are_and_to_the_runbook_under_one_base() {
    let uids: BTreeSet<String> = NAMES.iter().map(|name| Dashboard::read(name).uid).collect();
    let sections: BTreeSet<String> = RUNBOOK.lines().filter_map(|line| line.strip_prefix("## ")).map(str::to_lowercase).collect();
    for name in NAMES {
        let text = std::fs::read_to_string(Dashboard::directory().join(format!("{name}.json"))).unwrap();
        for link in text.split("\"/d/").skip(1) {
            let uid = link.split('/').next().unwrap();
            assert!(uids.contains(uid), "{name} leads to {uid}");
        }
        for panel in Dashboard::read(name).drawn() {
            for link in &panel.links {
                let anchor = link["url"].as_str().unwrap().strip_prefix("${runbook}#").unwrap_or_else(|| panic!("{link}"));
                assert!(sections.contains(anchor), "docs/runbook.md has no section {anchor}");
            }
        }
    }
    let leads = |from: &str, to: &str| {
        std::fs::read_to_string(Dashboard::directory().join(format!("{from}.json"))).unwrap().contains(&format!("/d/{to}/?var-tenant="))
    };
    assert!(leads("operator", "tlsrpt-tenant") && leads("tenant", "tlsrpt-domain"));
}

#[test]
fn the_page_lists_every_panel_and_the_grants_of_the_readonly_user() {
    for name in NAMES {
        let dashboard = Dashboard::read(name);
        for panel in dashboard.drawn() {
            let line = format!("| {} | {} |", panel.title, panel.description);
            assert!(PAGE.contains(&line), "docs/grafana.md lacks: {line}");
        }
    }
    let page: String = PAGE.split_whitespace().collect::<Vec<_>>().join(" ");
    for grant in tlsrpt_store::reading_grants("tlsrpt") {
        let statement = format!("GRANT {grant} TO tlsrpt_readonly").replace("`tlsrpt`", "tlsrpt");
        assert!(page.contains(&statement), "docs/grafana.md lacks: {statement}");
    }
}

#[tokio::test]
async fn every_panel_shows_rows_of_real_data_and_the_numbers_of_the_api() {
    let watched = Watched::start().await.with_demo().await;
    let (acme, demo) = (watched.key("acme").await, watched.key("demo").await);
    let prometheus = watched.prometheus(&[("acme", &acme), ("demo", &demo)]).await;
    let sources = Sources { clickhouse: watched.asked_by(USER, PASSWORD), prometheus };

    for (tenant, key, domain) in [("acme", &acme, "acme.example"), ("demo", &demo, "demo-news.example")] {
        numbers_are_the_apis(&watched, &sources, &chosen(tenant, domain), tenant, key, domain).await;
    }
    trust_narrows(&watched, &sources, &acme).await;
    no_value_of_a_variable_ends_its_text(&sources).await;
    // After the comparison: a panel shows so many rows, and the API all.
    traffic(&watched, &demo).await;

    let looked_at = chosen("demo", "demo-bank.example");
    let results = all_panels(&sources, &looked_at).await;
    draw(&results);
    watched.service.finish().await;
}

/// Requests of each kind, and with `TLSRPT_PICTURES_SECONDS` reports for a while.
async fn traffic(watched: &Watched, demo: &str) {
    let seconds = std::env::var("TLSRPT_PICTURES_SECONDS").map_or(0, |text| text.parse().expect("TLSRPT_PICTURES_SECONDS is a number"));
    let end = Instant::now() + Duration::from_secs(seconds);
    let (tenant, sender, mut generator) = (watched.service.tenant(demo), watched.service.sender(), Generator::new(11));
    let mut number = 0_u64;
    loop {
        for path in ["/v1/summary", "/v1/domains", "/v1/readiness", "/v1/nothing"] {
            tenant.get(path).await;
        }
        // More at one time than at another, so that a picture shows it.
        for _ in 0..=(number / 7 % 5) {
            sender.send_to(&watched.acme.address, generator.report("acme.example", Size::Small).encode(Encoding::Gzip)).await;
        }
        number += 1;
        if number.is_multiple_of(40) {
            sender.send("{}").await;
            sender.post("nothing").await.is(415);
        }
        if Instant::now() >= end {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    caught_up(&watched.service.operator()).await;
}

/// Each panel of each dashboard, by the panel's number.
async fn all_panels(sources: &Sources, looked_at: &Chosen) -> BTreeMap<&'static str, BTreeMap<u64, Vec<Frame>>> {
    let mut results = BTreeMap::new();
    let mut panels = 0;
    for name in NAMES {
        let dashboard = Dashboard::read(name);
        for variable in dashboard.variables().iter().filter(|variable| variable.kind == "query") {
            let values = sources.clickhouse.query(&looked_at.sql(&variable.query)).await.unwrap();
            assert!(!values.rows.is_empty(), "{name}: the variable {} has no values", variable.name);
        }
        let mut shown = BTreeMap::new();
        for panel in dashboard.drawn() {
            let frames = shows(sources, panel, looked_at).await;
            println!("{name}: {}: {} rows", panel.title, frames.iter().map(|frame| frame.rows.len()).sum::<usize>());
            shown.insert(panel.id, frames);
            panels += 1;
        }
        results.insert(name, shown);
    }
    println!("{panels} panels");
    results
}

/// What a panel shows once it shows something; at once when its metric has no series here.
async fn shows(sources: &Sources, panel: &Panel, looked_at: &Chosen) -> Vec<Frame> {
    let expressions: Vec<&String> = panel.targets.iter().filter_map(|target| target.expr.as_ref()).collect();
    let is_without = expressions.iter().any(|expression| expression.contains(WITHOUT_SERIES));
    until(&format!("{} shows something", panel.title), async || {
        let mut now = looked_at.clone();
        if !expressions.is_empty() {
            // Metrics are of the last minutes, and what a dashboard looks at ends now.
            now.to = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs().try_into().unwrap();
            now.from = now.to - std::env::var("TLSRPT_PICTURES_SECONDS").map_or(60, |text| text.parse::<i64>().unwrap());
        }
        let frames = match sources.show(panel, &now).await {
            // Prometheus may be starting.
            Err(error) if !expressions.is_empty() => return Err(error),
            shown => shown.unwrap_or_else(|error| panic!("{error}")),
        };
        let rows = frames.iter().map(|frame| frame.rows.len()).sum::<usize>();
        if rows > 0 || is_without { Ok(frames) } else { Err(format!("{frames:?}")) }
    })
    .await
}

async fn numbers_are_the_apis(watched: &Watched, sources: &Sources, looked_at: &Chosen, tenant: &str, key: &str, domain: &str) {
    let caller = watched.service.tenant(key);
    let day = |seconds: i64| UnixMillis(seconds * 1000).day();
    let (from, to): (Day, Day) = (day(looked_at.from), day(looked_at.to));
    for (name, narrowed) in [("tenant", String::new()), ("domain", format!("&domain={domain}"))] {
        let dashboard = Dashboard::read(name);
        let show = async |title: &str| sources.show(dashboard.panel(title), looked_at).await.unwrap().remove(0);
        let asked = async |path: &str| caller.json(&format!("{path}from={from}&to={to}{narrowed}")).await;

        let summary = asked("/v1/summary?").await;
        let sum = |name: &str| summary[name].as_f64().unwrap();
        assert!(sum("failed_sessions") > 0.0, "{summary}");
        let figures = [
            ("Sessions", sum("successful_sessions") + sum("failed_sessions")),
            ("Failed sessions", sum("failed_sessions")),
            ("Reports", sum("reports")),
            ("Failure rate", sum("failure_rate")),
        ];
        for (title, expected) in figures {
            assert_eq!(show(title).await.only().to_string(), expected.to_string(), "{tenant}: {name}: {title}: {summary}");
        }

        let series = asked("/v1/timeseries?step=day&").await;
        let points = series["points"].as_array().unwrap_or_else(|| panic!("{series}"));
        let expected: Vec<(f64, f64)> = points
            .iter()
            .map(|point| (point["successful_sessions"].as_f64().unwrap(), point["failed_sessions"].as_f64().unwrap()))
            .filter(|sums| *sums != (0.0, 0.0))
            .collect();
        let days = show("Sessions by day").await;
        let numbers = |column: &str| days.column(column).into_iter().map(|value| value.as_f64().unwrap()).collect::<Vec<_>>();
        let found: Vec<(f64, f64)> = numbers("successful").into_iter().zip(numbers("failed")).collect();
        assert_eq!(found, expected, "{tenant}: {name}: by day");

        let groups = asked("/v1/failures?group_by=receiving_mx,result_type&").await;
        let expected: BTreeSet<String> = groups["groups"]
            .as_array()
            .unwrap_or_else(|| panic!("{groups}"))
            .iter()
            .map(|group| format!("{} {} {}", text(&group["receiving_mx"]), text(&group["result_type"]), group["failed_sessions"]))
            .collect();
        let rows = show("Failures by mail server").await.rows;
        let found: BTreeSet<String> =
            rows.iter().map(|row| format!("{} {} {}", text(&row[0]), text(&row[1]), row[2].as_f64().unwrap())).collect();
        assert_eq!(found, expected, "{tenant}: {name}: failures");

        let reporters = asked("/v1/reporters?").await;
        let expected: BTreeSet<String> = reporters["reporters"]
            .as_array()
            .unwrap_or_else(|| panic!("{reporters}"))
            .iter()
            .filter(|one| one["reports"] != 0)
            .map(|one| {
                format!(
                    "{} {}",
                    text(&one["reporter"]),
                    one["successful_sessions"].as_f64().unwrap() + one["failed_sessions"].as_f64().unwrap()
                )
            })
            .collect();
        let rows = show("Who reports").await.rows;
        let found: BTreeSet<String> = rows.iter().map(|row| format!("{} {}", text(&row[0]), row[1].as_f64().unwrap())).collect();
        assert_eq!(found, expected, "{tenant}: {name}: reporters");
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A tenant with a minimum trust sees in its API what is chosen here.
async fn trust_narrows(watched: &Watched, sources: &Sources, key: &str) {
    let mut looked_at = chosen("acme", "acme.example");
    looked_at.multi.insert("trust", vec!["dkim-aligned".to_owned(), "dkim-other".to_owned()]);
    let sessions = Dashboard::read("tenant").panel("Sessions").clone();
    assert_eq!(sources.show(&sessions, &looked_at).await.unwrap()[0].only().to_string(), "0");
    let summary = watched.service.tenant(key).json("/v1/summary?trust=dkim-aligned,dkim-other").await;
    assert_eq!(summary["successful_sessions"], 0, "{summary}");
    looked_at.multi.insert("trust", vec!["none".to_owned()]);
    assert!(sources.show(&sessions, &looked_at).await.unwrap()[0].only() > 0.0);
}

const HOSTILE: [&str; 8] = [
    "' OR 1 = 1 -- ",
    "\\' OR 1 = 1 -- ",
    "\\",
    "x') OR tenant IN ('demo",
    "\" OR 1 = 1",
    "%27 OR 1 = 1 -- ",
    "${domain:raw}",
    "a\u{0}b\n`\u{e9}",
];

async fn no_value_of_a_variable_ends_its_text(sources: &Sources) {
    for value in HOSTILE {
        for (tenant, domain) in [(value, "acme.example"), ("acme", value)] {
            let looked_at = chosen(tenant, domain);
            let dashboard = Dashboard::read("domain");
            for title in ["Sessions", "Newest reports", "Failures by mail server"] {
                let frame =
                    sources.show(dashboard.panel(title), &looked_at).await.unwrap_or_else(|error| panic!("{value:?}: {error}")).remove(0);
                let is_nothing = frame.rows.is_empty() || frame.rows == [vec![json!(0)]] || frame.rows == [vec![json!(0.0)]];
                assert!(is_nothing, "{value:?} finds {:?}", frame.rows);
            }
        }
    }
    // Why the dashboards do not use the format that is made for quoting: it leaves the backslash as it is.
    let naive = "SELECT count() FROM counted_reports(from = toDate($__fromTime), to = toDate($__toTime), trust = []) WHERE tenant = ${tenant:singlequote}";
    let broken_out = sources.clickhouse.query(&chosen("\\' OR 1 = 1 -- ", "").sql(naive)).await.unwrap();
    assert!(broken_out.only() > 0.0, "singlequote is safe now: simplify the dashboards");
}

/// Draws each dashboard, and keeps the pictures where `TLSRPT_PICTURES_DIR` says.
fn draw(results: &BTreeMap<&'static str, BTreeMap<u64, Vec<Frame>>>) {
    let dir = TempDir::new().unwrap();
    let into = std::env::var_os("TLSRPT_PICTURES_DIR").map_or_else(|| dir.path().to_owned(), |path| repository("").join(path));
    for (name, panels) in results {
        let file = dir.path().join(format!("{name}-results.json"));
        std::fs::write(&file, serde_json::to_string(panels).unwrap()).unwrap();
        let picture = into.join(format!("{name}.svg"));
        python("scripts/draw-dashboard", &[&Dashboard::directory().join(format!("{name}.json")), &file, &picture]);
        assert!(std::fs::read_to_string(&picture).unwrap().ends_with("</svg>\n"), "{name}");
    }
}
