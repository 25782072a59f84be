//! A real Prometheus that scrapes the service, as an operator's or a tenant's does.

use std::{
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;
use tlsrpt_fetched::{cache_directory, version};

use crate::{client::http_client, proxy::free_address, wait::until};

/// What `scripts/fetch-prometheus` fetches.
const PACKAGE: &str = include_str!("../../scripts/prometheus/package");

/// A Prometheus under way. It ends with this value.
pub struct Prometheus {
    child: Child,
    http: reqwest::Client,
    url: String,
    _dir: TempDir,
}

impl Prometheus {
    /// Starts one that scrapes `path` of `target` with a bearer key.
    ///
    /// # Panics
    /// When it is not fetched or does not start.
    pub async fn scraping(target: SocketAddr, path: &str, key: &str) -> Self {
        Self::with_jobs(&format!(
            "- job_name: tenant\n  metrics_path: {path}\n  authorization: {{credentials: {key}}}\n  static_configs:\n  \
             - targets: ['{target}']\n"
        ))
        .await
    }

    /// Starts one with these `scrape_configs`, in YAML; it scrapes once a second.
    ///
    /// # Panics
    /// When it is not fetched or does not start.
    pub async fn with_jobs(jobs: &str) -> Self {
        let program = cache_directory().join("prometheus").join(version(PACKAGE)).join("prometheus");
        assert!(program.is_file(), "{} is missing: run `make prometheus`", program.display());
        let dir = TempDir::new().unwrap();
        let config = format!("global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n{jobs}");
        std::fs::write(dir.path().join("prometheus.yml"), config).unwrap();
        let listen = free_address().await;
        let child = Command::new(&program)
            .current_dir(dir.path())
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg(format!("--web.listen-address={listen}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(dir.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        Self { child, http: http_client(), url: format!("http://{listen}/api/v1"), _dir: dir }
    }

    /// What PromQL `expression` is now, once it is something: each series with its labels and its value.
    ///
    /// # Panics
    /// When there is nothing for too long.
    pub async fn query(&self, expression: &str) -> Vec<(Value, f64)> {
        until(&format!("Prometheus answers {expression}"), async || {
            // Also while it starts.
            let asked = self
                .http
                .get(format!("{}/query", self.url))
                .query(&[("query", expression)])
                .send()
                .await
                .map_err(|error| format!("{error:?}"))?;
            let answer: Value = asked.json().await.map_err(|error| format!("{error:?}"))?;
            let series = answer["data"]["result"].as_array().cloned().unwrap_or_default();
            if series.is_empty() {
                return Err(answer.to_string());
            }
            let value = |one: &Value| one["value"][1].as_str().unwrap_or_default().parse().unwrap();
            Ok(series.iter().map(|one| (one["metric"].clone(), value(one))).collect())
        })
        .await
    }
}

/// A series: its labels, and its points with Unix seconds.
pub(crate) type Series = (Value, Vec<(f64, f64)>);

impl Prometheus {
    /// What PromQL `expression` was from `from` to `to`, Unix seconds, every `step` seconds; without a step what it is at `to`.
    ///
    /// # Errors
    /// What Prometheus says, or that it cannot be asked.
    pub async fn range(&self, expression: &str, from: i64, to: i64, step: Option<i64>) -> Result<Vec<Series>, String> {
        let mut parameters = vec![("query", expression.to_owned())];
        let path = match step {
            None => {
                parameters.push(("time", to.to_string()));
                "query"
            }
            Some(step) => {
                parameters.extend([("start", from.to_string()), ("end", to.to_string()), ("step", step.to_string())]);
                "query_range"
            }
        };
        let asked = self.http.get(format!("{}/{path}", self.url)).query(&parameters).send().await.map_err(|error| format!("{error:?}"))?;
        let answer: Value = asked.json().await.map_err(|error| format!("{error:?}"))?;
        if answer["status"] != "success" {
            return Err(answer.to_string());
        }
        let series = answer["data"]["result"].as_array().cloned().unwrap_or_default();
        let point = |pair: &Value| Some((pair[0].as_f64()?, pair[1].as_str()?.parse().ok()?));
        let points = |one: &Value| match one["values"].as_array() {
            Some(values) => values.iter().filter_map(point).collect(),
            None => point(&one["value"]).into_iter().collect(),
        };
        Ok(series.iter().map(|one| (one["metric"].clone(), points(one))).collect())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
