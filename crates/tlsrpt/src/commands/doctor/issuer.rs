//! The OpenID Connect issuer, when one is set.

use std::time::Duration;

use serde::Deserialize;
use tlsrpt_outbound::{BodyError, bounded};

use super::{Finding, Role, chain};
use crate::config::Config;

const SUBJECT: &str = "issuer";
const ANSWER_MAX: Duration = Duration::from_secs(8);
/// Longest answer that is read.
const ANSWER_MAX_BYTES: usize = 1 << 20;

/// What is read of its discovery document.
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
}

/// Asks for its discovery document.
pub(super) async fn check(config: Config, role: Role) -> Vec<Finding> {
    let Some(oidc) = config.query.oidc.as_ref().filter(|_| role.answers()) else { return Vec::new() };
    let issuer = oidc.issuer.as_str();
    let remedy = "start it or correct query.oidc.issuer; keys of tenants go on without it, and no token is taken";
    vec![match discovery(issuer).await {
        Ok(found) if found.issuer == issuer => Finding::ok(SUBJECT, format!("{issuer} answers")),
        Ok(found) => {
            let found = format!("it calls itself {}, and query.oidc.issuer is {issuer}", found.issuer);
            Finding::fail(SUBJECT, found, "set query.oidc.issuer letter for letter as it calls itself")
        }
        Err(why) => Finding::fail(SUBJECT, format!("{issuer}: {why}"), remedy),
    }]
}

async fn discovery(issuer: &str) -> Result<Discovery, String> {
    crate::commands::import::tls::install_provider();
    let client = reqwest::Client::builder().timeout(ANSWER_MAX).redirect(reqwest::redirect::Policy::none()).build();
    let client = client.map_err(|error| chain(&error))?;
    let request = client.get(format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/')));
    let answer = request.send().await.map_err(|error| chain(&error.without_url()))?;
    if !answer.status().is_success() {
        return Err(format!("its discovery document is answered {}", answer.status()));
    }
    let body = bounded(answer, ANSWER_MAX_BYTES).await.map_err(|error| match error {
        BodyError::TooLarge { .. } => "its discovery document is too long".to_owned(),
        BodyError::Read(error) => chain(&error),
    })?;
    serde_json::from_slice(&body).map_err(|error| format!("its discovery document is not understood: {error}"))
}
