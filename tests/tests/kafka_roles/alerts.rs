//! A real Prometheus scrapes the roles, by the rules that are shipped, and a real Alertmanager tells what is wrong.

use std::{io::Write as _, process::Stdio};

use serde_json::Value;
use tlsrpt_tests::{Encoding, Generator, Service, Size, Watch, promtool, repository, settled};

use crate::parts::{Database, Kafka, Roles, broker};

/// What a member of a group may say that was halted for longer than its session.
const LOUD: [&str; 5] =
    ["this process stood still", "the offset cannot be committed", "joins anew", "made anew", "fetching cannot be paused"];

/// What a process shows, as promtool reads it: no line that is malformed, no series twice, a help text for each.
async fn scraped(service: &Service) -> String {
    let text = service.operations().get("/metrics").await.is(200).text();
    let mut tool = promtool().args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    tool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = tool.wait_with_output().unwrap();
    assert!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&output.stderr));
    let mut series: Vec<&str> =
        text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| Some(line.rsplit_once(' ')?.0)).collect();
    let shown = series.len();
    series.sort_unstable();
    series.dedup();
    assert_eq!(series.len(), shown, "{text}");
    text
}

/// The table of all metrics.
fn page() -> String {
    std::fs::read_to_string(repository("docs/metrics.md")).unwrap()
}

/// Its rows: name, and the roles that show it.
fn documented() -> Vec<(String, String)> {
    let page = page();
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split(" | ").collect();
        (cells[0].trim_start_matches("| ").trim_matches('`').to_owned(), cells[3].to_owned())
    })
    .collect()
}

/// A role shows what the table says of it, and nothing else; what a role without a data directory cannot show is left out.
fn as_documented(role: &str, text: &str) {
    let mut shown: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    shown.sort_unstable();
    let has_role = |roles: &str| roles == "all" || roles.split(", ").any(|one| one == role);
    let table = documented();
    let said: Vec<&str> = table
        .iter()
        .filter(|(name, roles)| has_role(roles) && (!name.starts_with("tlsrpt_data_dir_") || shown.contains(&name.as_str())))
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(shown, said, "{role}: docs/metrics.md");
    let page = page();
    for (label, value) in labels(text) {
        assert!(DESCRIBED.contains(&label) || page.contains(&format!("`{value}`")), "{role}: {label}={value} is not in docs/metrics.md");
    }
}

/// Labels of which docs/metrics.md describes the values, and that of every histogram.
const DESCRIBED: [&str; 6] = ["method", "route", "status", "partition", "version", "le"];

/// Every label with its value.
fn labels(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let series = text.lines().filter(|line| !line.starts_with('#'));
    let inside = series.filter_map(|line| line.rsplit_once(' ')?.0.split_once('{')?.1.strip_suffix("\"}"));
    inside.flat_map(|labels| labels.split("\",")).filter_map(|label| label.split_once("=\""))
}

/// Values of the label in the series of a metric.
fn values<'t>(text: &'t str, metric: &str, label: &str) -> Vec<&'t str> {
    let series = text.lines().filter(|line| line.starts_with(&format!("{metric}{{")));
    let mut values: Vec<&str> = series.filter_map(|line| line.split_once(&format!("{label}=\""))?.1.split('"').next()).collect();
    values.sort_unstable();
    values.dedup();
    values
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_is_told_when_the_writer_is_stopped_and_when_it_is_back() {
    let database = Database::start().await;
    let kafka = Kafka::at(&broker().await.bootstrap());
    let mut roles = Roles::start(&kafka, &database, |setup| LOUD.iter().fold(setup, |setup, line| setup.allow(line))).await;
    let processes = [("edge", &roles.edge), ("normalizer", &roles.normalizer), ("writer", &roles.writer), ("query", &roles.query)];
    let Watch { prometheus, alertmanager } = Watch::over(&processes.map(|(role, service)| (role, service.operations_address()))).await;

    // Halted, as by a machine that hangs: its port takes connections, and nothing answers.
    roles.writer.pause();
    let told = alertmanager.told("TlsrptRoleGone", "firing", |alert| alert["labels"]["role"] == "writer").await;
    assert_eq!(told["labels"]["severity"], "page");
    let link = told["annotations"]["runbook_url"].as_str().unwrap();
    assert!(link.starts_with("https://") && link.ends_with("/runbook.md#tlsrptrolegone"), "{link}");
    assert_eq!(told["labels"]["tlsrpt_docs"], Value::Null);
    assert_eq!(prometheus.query("ALERTS{alertname=\"TlsrptProcessDown\", role=\"writer\", alertstate=\"firing\"}").await.len(), 1);
    // A role that is gone is told as that, and not once more for its last process.
    alertmanager.inhibits("TlsrptProcessDown", |alert| alert["labels"]["role"] == "writer").await;
    // Senders and tenants are served meanwhile, and what came is stored when it is back.
    roles.edge.sender().send(Generator::new(96).report("example.com", Size::Small).encode(Encoding::Gzip)).await;
    roles.writer.resume();
    alertmanager.told("TlsrptRoleGone", "resolved", |alert| alert["labels"]["role"] == "writer").await;
    prometheus.none("ALERTS{alertname=~\"TlsrptRoleGone|TlsrptProcessDown\", alertstate=\"firing\"}").await;
    settled(&roles.operator(), 1).await;

    // Ended, as by an update that goes wrong.
    roles.writer.stop().await;
    let gone = "ALERTS{alertname=\"TlsrptRoleGone\", role=\"writer\", alertstate=\"firing\"}";
    assert_eq!(prometheus.query(gone).await.len(), 1);
    roles.writer.start_again().await;
    drop(prometheus);
    roles.finish().await;
    database.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_role_shows_what_the_table_says_and_no_series_that_somebody_outside_chose() {
    let database = Database::start().await;
    let kafka = Kafka::at(&broker().await.bootstrap());
    let roles = Roles::start(&kafka, &database, |setup| setup).await;
    let all = [("edge", &roles.edge), ("normalizer", &roles.normalizer), ("writer", &roles.writer), ("query", &roles.query)];
    let access = roles.operator().tenant("acme", &["example.com"]).await;
    let (sender, tenant) = (roles.edge.sender(), roles.query.tenant(&access.key));
    let mut reports = Generator::new(97);
    let mut before = Vec::new();
    for round in 0..2 {
        // Names that nobody knows, wherever somebody outside may put one: a second round of new ones brings no new series.
        for number in 0..20 {
            let made_up = format!("made-up-{round}-{number}");
            sender.send(reports.report("example.com", Size::Small).encode(Encoding::Gzip)).await;
            sender.send(format!("{{\"organization-name\":\"{made_up}\",\"{made_up}\":1}}").into_bytes()).await;
            let odd = String::from_utf8(reports.report("example.com", Size::Small).encode(Encoding::Plain)).unwrap();
            let odd = odd.replace("\"sts\"", &format!("\"{made_up}\""));
            sender.send(odd.into_bytes()).await;
            sender.try_post(Some(&made_up), b"{}".to_vec()).await.unwrap().is(404);
            sender.post(made_up.clone()).await.is(415);
            tenant.get(&format!("/v1/{made_up}")).await.is(404);
            tenant.get(&format!("/v1/summary?{made_up}=1")).await.is(400);
            roles.query.caller(Some(&made_up)).get("/v1/summary").await.is(401);
            roles.query.caller(None).request(&format!("X{round}{number}"), "/v1/summary", None).await;
        }
        settled(&roles.operator(), (round + 1) * 60).await;
        let mut now = Vec::new();
        for (role, service) in all {
            let text = scraped(service).await;
            as_documented(role, &text);
            assert!(!text.contains("made-up") && !text.contains("acme") && !text.contains("example.com"), "{text}");
            now.push(text.lines().filter(|line| !line.starts_with('#')).count());
        }
        if round == 1 {
            assert_eq!(now, before, "series of each role");
        }
        before = now;
    }
    let normalizer = scraped(&roles.normalizer).await;
    let reasons = values(&normalizer, "tlsrpt_normalizer_rejects_total", "reason");
    assert!(reasons.contains(&"no-policies") && reasons.contains(&"internal-error"), "{reasons:?}");
    let query = scraped(&roles.query).await;
    assert!(values(&query, "tlsrpt_query_requests_total", "method").contains(&"other"));
    assert!(values(&query, "tlsrpt_query_requests_total", "route").contains(&"unmatched"));
    roles.finish().await;
    database.stop().await;
}
