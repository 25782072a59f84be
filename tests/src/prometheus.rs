//! A real Prometheus that scrapes the service, as an operator's or a tenant's does.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;
use tlsrpt_fetched::{cache_directory, version};

use crate::{client::http_client, proxy::free_address, wait::until};

/// What `scripts/fetch-prometheus` fetches.
const PACKAGE: &str = include_str!("../../scripts/prometheus/package");

/// A program of Prometheus' or Alertmanager's.
///
/// # Panics
/// When it is not fetched.
pub(crate) fn fetched(program: &str) -> PathBuf {
    let path = cache_directory().join("prometheus").join(version(PACKAGE)).join(program);
    assert!(path.is_file(), "{} is missing: run `make prometheus`", path.display());
    path
}

/// `promtool`, which checks configurations, rules and metrics.
#[must_use]
pub fn promtool() -> Command {
    Command::new(fetched("promtool"))
}

/// A Prometheus under way. It ends with this value.
pub struct Prometheus {
    child: Child,
    http: reqwest::Client,
    url: String,
    dir: TempDir,
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
        Self::start(&format!("global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n{jobs}"), &[]).await
    }

    /// Starts one with this configuration and these files, by name, beside it.
    ///
    /// # Panics
    /// When it is not fetched or does not start.
    pub async fn start(config: &str, files: &[(&str, String)]) -> Self {
        let dir = TempDir::new().unwrap();
        for (name, text) in files.iter().map(|(name, text)| (*name, text.as_str())).chain([("prometheus.yml", config)]) {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        let listen = free_address().await;
        let child = serve("prometheus", dir.path(), &["--config.file=prometheus.yml", "--storage.tsdb.path=data"], listen);
        Self { child, http: http_client(), url: format!("http://{listen}"), dir }
    }

    /// What PromQL `expression` is now, once it is something: each series with its labels and its value.
    ///
    /// # Panics
    /// When there is nothing for too long.
    pub async fn query(&self, expression: &str) -> Vec<(Value, f64)> {
        until(&format!("Prometheus answers {expression}"), async || {
            let series = self.ask(expression).await?;
            if series.is_empty() { Err(self.log()) } else { Ok(series) }
        })
        .await
    }

    /// What PromQL `expression` is now, which may be nothing.
    async fn ask(&self, expression: &str) -> Result<Vec<(Value, f64)>, String> {
        // Also while it starts.
        let asked = self.http.get(format!("{}/api/v1/query", self.url)).query(&[("query", expression)]).send().await;
        let answer: Value = asked.map_err(|error| format!("{error:?}"))?.json().await.map_err(|error| format!("{error:?}"))?;
        let series = answer["data"]["result"].as_array().cloned().ok_or_else(|| answer.to_string())?;
        let value = |one: &Value| one["value"][1].as_str().unwrap_or_default().parse().unwrap();
        Ok(series.iter().map(|one| (one["metric"].clone(), value(one))).collect())
    }

    /// Waits until PromQL `expression` is nothing.
    ///
    /// # Panics
    /// When it is something for too long.
    pub async fn none(&self, expression: &str) {
        until(&format!("{expression} is nothing"), async || {
            let series = self.ask(expression).await?;
            if series.is_empty() { Ok(()) } else { Err(format!("{series:?}")) }
        })
        .await;
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }
}

/// Starts a program that listens and writes its log into its directory.
pub(crate) fn serve(program: &str, dir: &Path, arguments: &[&str], listen: SocketAddr) -> Child {
    Command::new(fetched(program))
        .current_dir(dir)
        .args(arguments)
        .arg(format!("--web.listen-address={listen}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(dir.join("log")).unwrap())
        .spawn()
        .unwrap()
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
        let asked =
            self.http.get(format!("{}/api/v1/{path}", self.url)).query(&parameters).send().await.map_err(|error| format!("{error:?}"))?;
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
