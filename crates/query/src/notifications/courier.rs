//! Sending: a request to a webhook, a mail to the operator's relay.

use std::{
    collections::HashMap,
    error::Error,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use reqwest::{StatusCode, header};
use tlsrpt_notify::{Address, Notice, Webhook, signature, webhook_body};
use tlsrpt_outbound::{Client, Forbidden};
use tlsrpt_record::TenantId;

use super::{config::NotificationsConfig, mailer::Mailer};
use crate::clock::now;

/// Of the webhook's signature.
const SIGNATURE: &str = "tlsrpt-signature";
/// Of what a receiver tells the same notice by (draft-ietf-httpapi-idempotency-key-header).
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A tenant sends a test no more often.
const TEST_INTERVAL: Duration = Duration::from_secs(10);

/// Takes notices to tenants.
#[derive(Clone)]
pub struct Courier(Arc<Inner>);

struct Inner {
    client: Client,
    mailer: Option<Mailer>,
    allow_http: bool,
    /// When each tenant last sent a test.
    tests: Mutex<HashMap<TenantId, Instant>>,
}

/// The mail relay's configuration is refused.
#[derive(Debug, thiserror::Error)]
#[error("prepare the mail relay of notifications.smtp")]
pub struct CourierError(#[from] lettre::transport::smtp::Error);

/// Why a notice was not delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Undelivered {
    /// In a sentence, for the tenant.
    pub(crate) why: String,
    /// Whether another try would come to the same.
    pub(crate) is_final: bool,
}

impl Undelivered {
    pub(super) fn for_now(why: impl Into<String>) -> Self {
        Self { why: why.into(), is_final: false }
    }
    pub(super) fn for_good(why: impl Into<String>) -> Self {
        Self { why: why.into(), is_final: true }
    }
}

impl Courier {
    /// One that reaches webhooks by this client, and the relay of the configuration.
    ///
    /// # Errors
    /// [`CourierError`]; nobody is connected to yet.
    pub fn new(config: &NotificationsConfig, client: Client) -> Result<Self, CourierError> {
        let mailer = config.smtp.as_ref().map(|smtp| Mailer::new(smtp, config.timeout())).transpose()?;
        Ok(Self(Arc::new(Inner { client, mailer, allow_http: config.allow_http, tests: Mutex::default() })))
    }

    /// Whether a webhook may be plain HTTP.
    pub(crate) fn allows_http(&self) -> bool {
        self.0.allow_http
    }

    /// Whether there is a relay for mail.
    pub(crate) fn sends_mail(&self) -> bool {
        self.0.mailer.is_some()
    }

    /// Notes that a tenant sends a test, so that nobody can make us knock at a host again and again.
    ///
    /// # Errors
    /// The seconds to wait, when it sent one just now.
    pub(crate) fn may_test(&self, tenant: &TenantId) -> Result<(), u64> {
        let mut tests = self.0.tests.lock();
        tests.retain(|_, at| at.elapsed() < TEST_INTERVAL);
        if let Some(at) = tests.get(tenant) {
            return Err(TEST_INTERVAL.saturating_sub(at.elapsed()).as_secs() + 1);
        }
        tests.insert(tenant.clone(), Instant::now());
        Ok(())
    }

    /// Sends a notice to a webhook, which has to answer with a status of success.
    pub(crate) async fn post(&self, webhook: &Webhook, tenant: &TenantId, notice: &Notice) -> Result<(), Undelivered> {
        let url = webhook.url.url();
        if url.scheme() != "https" && !self.0.allow_http {
            return Err(Undelivered::for_now("The webhook is not https."));
        }
        let (body, at) = (webhook_body(tenant, notice), now());
        let request = self.0.client.post(url.clone()).map_err(|forbidden| Undelivered::for_now(sentence(&forbidden)))?;
        let request = request
            .header(header::CONTENT_TYPE, "application/json")
            .header(IDEMPOTENCY_KEY, notice.key.to_string())
            .header(SIGNATURE, signature(webhook.secrets(at), at, &body))
            .body(body);
        // What is answered beside the status is not read: it tells nothing that is needed, and may be of any length.
        let response = request.send().await.map_err(|error| Undelivered::for_now(failure(&error)))?;
        match response.status() {
            status if status.is_success() => Ok(()),
            StatusCode::GONE => Err(Undelivered::for_good("The host answered 410: nothing takes notices there any more.")),
            status if status.is_redirection() => {
                Err(Undelivered::for_now(format!("The host answered {}: redirects are not followed.", status.as_u16())))
            }
            status => Err(Undelivered::for_now(format!("The host answered {}.", status.as_u16()))),
        }
    }

    /// Sends a mail with these notices; the relay has to take it.
    pub(crate) async fn mail(&self, to: &[Address], tenant: &TenantId, notices: &[Notice]) -> Result<(), Undelivered> {
        match &self.0.mailer {
            Some(mailer) => mailer.send(to, tenant, notices).await,
            None => Err(Undelivered::for_now("The operator has set no mail relay.")),
        }
    }
}

/// A failed request in a sentence: what the network's own matter is stays out of it.
fn failure(error: &reqwest::Error) -> String {
    let cause: &(dyn Error + 'static) = error;
    match Forbidden::within(cause) {
        Some(forbidden) => sentence(forbidden),
        None if error.is_timeout() => "The host did not answer in time.".to_owned(),
        None if error.is_connect() => "The host could not be connected to, or its certificate is not good.".to_owned(),
        None => "The request broke off.".to_owned(),
    }
}

fn sentence(error: &impl ToString) -> String {
    crate::problem::sentence(error)
}
