//! A real Alertmanager, and whoever it tells.

use std::{
    net::SocketAddr,
    process::{Child, Command},
    sync::Arc,
};

use axum::{Json, Router, extract::State, routing::post};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::Mutex, task::JoinHandle};

use crate::{
    client::http_client,
    prometheus::{fetched, serve},
    proxy::free_address,
    wait::until,
};

/// `amtool`, which checks configurations.
#[must_use]
pub fn alertmanager_tool() -> Command {
    Command::new(fetched("amtool"))
}

/// Alerts as they were told, in order: each with its labels, annotations and `status`.
type Told = Arc<Mutex<Vec<Value>>>;

/// An Alertmanager under way, with a webhook that keeps what it is told. Both end with this value.
pub struct Alertmanager {
    child: Child,
    told: Told,
    receiver: JoinHandle<()>,
    listen: SocketAddr,
    _dir: TempDir,
}

impl Alertmanager {
    /// Starts one with this configuration, whose receivers have no way to tell yet: each gets the webhook.
    ///
    /// # Panics
    /// When it is not fetched or does not start.
    pub async fn start(config: &str) -> Self {
        let told = Told::default();
        let hook = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", hook.local_addr().unwrap());
        let router = Router::new().route("/", post(keep)).with_state(Arc::clone(&told));
        let receiver = tokio::spawn(async move { axum::serve(hook, router).await.unwrap() });
        let dir = TempDir::new().unwrap();
        let mut lines = Vec::new();
        for line in config.lines() {
            lines.push(line.to_owned());
            if line.starts_with("  - name: ") {
                lines.push(format!("    webhook_configs: [{{url: \"{url}\", send_resolved: true}}]"));
            }
        }
        std::fs::write(dir.path().join("alertmanager.yml"), lines.join("\n")).unwrap();
        let listen = free_address().await;
        let arguments = ["--config.file=alertmanager.yml", "--storage.path=data", "--cluster.listen-address="];
        let child = serve("alertmanager", dir.path(), &arguments, listen);
        Self { child, told, receiver, listen, _dir: dir }
    }

    /// Where Prometheus sends its alerts.
    pub fn address(&self) -> SocketAddr {
        self.listen
    }

    /// Waits until the webhook was told of an alert of this name and status that `fits`.
    ///
    /// # Panics
    /// When it is not told in time.
    pub async fn told(&self, alert: &str, status: &str, fits: impl Fn(&Value) -> bool) -> Value {
        until(&format!("{alert} is told as {status}"), async || {
            let told = self.told.lock().await;
            let found = told.iter().find(|one| one["labels"]["alertname"] == alert && one["status"] == status && fits(one));
            found.cloned().ok_or_else(|| format!("{told:#?}"))
        })
        .await
    }

    /// Waits until an alert of this name that `fits` is kept quiet, since another says what it follows from.
    ///
    /// # Panics
    /// When it is not in time.
    pub async fn inhibits(&self, alert: &str, fits: impl Fn(&Value) -> bool) {
        let (http, url) = (http_client(), format!("http://{}/api/v2/alerts", self.listen));
        until(&format!("{alert} is inhibited"), async || {
            let asked = http.get(&url).send().await.map_err(|error| format!("{error:?}"))?;
            let alerts: Vec<Value> = asked.json().await.map_err(|error| format!("{error:?}"))?;
            let is_quiet = |one: &&Value| one["labels"]["alertname"] == alert && one["status"]["inhibitedBy"] != json!([]) && fits(one);
            if alerts.iter().any(|one| is_quiet(&one)) { Ok(()) } else { Err(format!("{alerts:#?}")) }
        })
        .await;
    }

    /// Waits until all that was told under these names is told as resolved, and forgets everything.
    pub(crate) async fn quiet(&self, names: &[&str]) {
        until("what was told is resolved", async || {
            let mut told = self.told.lock().await;
            let is_named = |one: &&Value| one["labels"]["alertname"].as_str().is_some_and(|name| names.contains(&name));
            let last = |fingerprint: &Value| told.iter().rev().find(|one| one["fingerprint"] == *fingerprint).map(|one| &one["status"]);
            if told.iter().filter(is_named).any(|one| last(&one["fingerprint"]).is_none_or(|status| status != "resolved")) {
                return Err(format!("{told:#?}"));
            }
            told.clear();
            Ok(())
        })
        .await;
    }
}

async fn keep(State(told): State<Told>, Json(message): Json<Value>) {
    told.lock().await.extend(message["alerts"].as_array().cloned().unwrap_or_default());
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        self.receiver.abort();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
