//! The service itself, when it runs: whether it is ready.

use std::time::Duration;

use serde_json::Value;

use super::{Finding, chain};
use crate::config::Config;

const SUBJECT: &str = "service";
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// Asks `/readyz`.
pub(super) async fn check(config: Config) -> Vec<Finding> {
    if config.listen.ops.port() == 0 {
        return Vec::new();
    }
    let url = format!("http://{}/readyz", config.listen.ops);
    crate::commands::import::tls::install_provider();
    let client = reqwest::Client::builder().timeout(ANSWER_MAX).no_proxy().build();
    vec![match client {
        Ok(client) => match client.get(&url).send().await {
            Ok(answer) if answer.status().is_success() => Finding::ok(SUBJECT, "it runs and is ready"),
            Ok(answer) => {
                let missing = answer.json::<Value>().await.ok().and_then(|body| body.get("missing").map(Value::to_string));
                let found = format!("it runs and is not ready: {}", missing.unwrap_or_else(|| "something else answers".to_owned()));
                Finding::warn(SUBJECT, found, "see to what is missing, or wait for the end of its start")
            }
            Err(error) if error.is_connect() => Finding::ok(SUBJECT, "it does not run"),
            Err(error) => {
                let found = format!("{} does not answer: {}", config.listen.ops, chain(&error.without_url()));
                Finding::warn(SUBJECT, found, "look at its log")
            }
        },
        Err(error) => Finding::fail(SUBJECT, chain(&error), "report this as a fault of the program"),
    }]
}
