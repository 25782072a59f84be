//! A Prometheus and an Alertmanager that watch services by the files of deploy/prometheus.

use crate::{alertmanager::Alertmanager, prometheus::Prometheus, repository::repository};

/// Both under way. They end with this value.
pub struct Watch {
    /// The one that scrapes.
    pub prometheus: Prometheus,
    /// The one that tells.
    pub alertmanager: Alertmanager,
}

/// What is told of processes, whatever else is wrong with the machine that the tests run on.
const OF_PROCESSES: [&str; 3] = ["TlsrptProcessDown", "TlsrptRoleGone", "TlsrptDependencyAway"];

impl Watch {
    /// Watches processes, each by its role and the address of its operations endpoint, and waits until all of them are well. Rules, routes and
    /// inhibitions are the shipped ones, with the waits of a test ([`hurried`]).
    ///
    /// # Panics
    /// When a program is not fetched, does not start, or goes on telling that something is wrong.
    pub async fn over(targets: &[(&str, String)]) -> Self {
        let alertmanager = Alertmanager::start(&hurried(&shipped("alertmanager.yml"))).await;
        let config = hurried(&shipped("prometheus.yml"));
        let (head, _) = config.split_once("scrape_configs:").unwrap();
        let head = head.replace("localhost:9093", &alertmanager.address().to_string());
        let target = |(role, address): &(&str, String)| format!("      - targets: [\"{address}\"]\n        labels: {{role: {role}}}\n");
        let scraped: String = targets.iter().map(target).collect();
        let config = format!("{head}scrape_configs:\n  - job_name: tlsrpt\n    scrape_timeout: 1s\n    static_configs:\n{scraped}");
        let rules = ["recording.yaml", "alerts.yaml"].map(|name| (name, hurried(&shipped(name))));
        let prometheus = Prometheus::start(&config, &rules).await;
        prometheus.query(&format!("count(up{{job=\"tlsrpt\"}} == 1) == {}", targets.len())).await;
        // What was not scraped yet may have been told as gone.
        prometheus.none(&format!("ALERTS{{alertname=~\"{}\"}}", OF_PROCESSES.join("|"))).await;
        alertmanager.quiet(&OF_PROCESSES).await;
        Self { prometheus, alertmanager }
    }
}

/// A file of deploy/prometheus.
fn shipped(name: &str) -> String {
    std::fs::read_to_string(repository("deploy/prometheus").join(name)).unwrap()
}

/// The same text with the waits of a test: an alert waits three seconds (`for`), everything else one. Expressions with their windows and
/// thresholds, labels, routes and inhibitions stay as they are.
fn hurried(text: &str) -> String {
    const WAITS: [(&str, &str); 5] =
        [("for", "3s"), ("group_wait", "1s"), ("group_interval", "1s"), ("scrape_interval", "1s"), ("evaluation_interval", "1s")];
    let hurry = |line: &str| match line.split_once(": ") {
        Some((name, _)) => {
            WAITS.iter().find(|(wait, _)| *wait == name.trim_start()).map_or(line.to_owned(), |(_, time)| format!("{name}: {time}"))
        }
        None => line.to_owned(),
    };
    text.lines().map(hurry).collect::<Vec<_>>().join("\n")
}
