//! The commands on what tenants are told.

use tlsrpt_notify::{Address, Kinds, OldSecret, QuietHours, SECRET_OVERLAP, Secret, Settings, Webhook, WebhookUrl};
use tlsrpt_record::TenantId;
use tlsrpt_report::UnixMillis;

use crate::{
    command::{check_tenant, now},
    error::CommandError,
    fence::Change,
    registry::Registry,
    secret,
    state::State,
};

/// What a tenant wants to be told: all of it anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedNotifications {
    /// Where each notice is sent.
    pub webhook: Option<WebhookUrl>,
    /// Where digests are sent.
    pub mail_to: Vec<Address>,
    /// Of what.
    pub kinds: Kinds,
    /// When it is told nothing.
    pub quiet_hours: Option<QuietHours>,
    /// Whether it is told of a domain at risk in quiet hours too.
    pub breakthrough: bool,
}

/// A secret that was made; the only answer that ever holds it.
pub type WebhookSecret = Secret;

impl Registry {
    /// Sets what a tenant wants to be told. A webhook that is new has a new secret, which the answer tells; one that moves to another URL
    /// keeps the one that it has.
    ///
    /// # Errors
    /// [`CommandError::NoTenant`]; [`CommandError::Unavailable`].
    pub async fn set_notifications(
        &self,
        tenant: &TenantId,
        wanted: WantedNotifications,
    ) -> Result<(Settings, Option<WebhookSecret>), CommandError> {
        let (now, new) = (now(), Secret::new(secret::new_webhook_secret()));
        self.change(|view| {
            check_tenant(view, tenant)?;
            let before = view.notify(tenant);
            let had = before.and_then(|before| before.webhook.as_ref());
            let WantedNotifications { webhook, mail_to, kinds, quiet_hours, breakthrough } = wanted.clone();
            let made = webhook.as_ref().filter(|_| had.is_none()).map(|_| new.clone());
            let webhook = webhook.map(|url| match had {
                Some(had) => Webhook { url, ..had.clone() },
                None => Webhook { url, secret: new.clone(), old_secret: None },
            });
            let since = before.map_or(now, |before| before.since);
            let settings = Settings { since, webhook, mail_to, kinds, quiet_hours, breakthrough };
            let is_new = before != Some(&settings);
            let states = if is_new { vec![State::Notify { tenant: tenant.clone(), settings: Some(settings.clone()) }] } else { Vec::new() };
            Ok(Change { states, answer: (settings, made) })
        })
        .await
    }

    /// Makes a new secret for a tenant's webhook; the one before it signs too for [`SECRET_OVERLAP`].
    ///
    /// # Errors
    /// [`CommandError::NoWebhook`], [`CommandError::NoTenant`]; [`CommandError::Unavailable`].
    pub async fn rotate_webhook_secret(&self, tenant: &TenantId) -> Result<WebhookSecret, CommandError> {
        let (now, new) = (now(), Secret::new(secret::new_webhook_secret()));
        let overlap_ms = i64::try_from(SECRET_OVERLAP.as_millis()).unwrap_or(i64::MAX);
        self.change(|view| {
            check_tenant(view, tenant)?;
            let mut settings = view.notify(tenant).cloned().ok_or(CommandError::NoWebhook)?;
            let webhook = settings.webhook.as_mut().ok_or(CommandError::NoWebhook)?;
            let old = std::mem::replace(&mut webhook.secret, new.clone());
            webhook.old_secret = Some(OldSecret { secret: old, until: UnixMillis(now.0.saturating_add(overlap_ms)) });
            Ok(Change { states: vec![State::Notify { tenant: tenant.clone(), settings: Some(settings) }], answer: new.clone() })
        })
        .await
    }

    /// Tells a tenant nothing any more, and forgets its secret. Doing it again changes nothing and is no error.
    ///
    /// # Errors
    /// [`CommandError::NoTenant`]; [`CommandError::Unavailable`].
    pub async fn delete_notifications(&self, tenant: &TenantId) -> Result<(), CommandError> {
        self.change(|view| {
            check_tenant(view, tenant)?;
            let states = view.notify(tenant).map(|_| State::Notify { tenant: tenant.clone(), settings: None }).into_iter().collect();
            Ok(Change { states, answer: () })
        })
        .await
    }
}
