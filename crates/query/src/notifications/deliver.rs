//! A look for deliveries that are due.

use std::collections::BTreeMap;

use futures_util::{FutureExt as _, StreamExt as _, future::join_all, stream};
use tlsrpt_notify::{Notice, Settings, Webhook};
use tlsrpt_record::TenantId;
use tlsrpt_report::UnixMillis;
use tlsrpt_store::{Delivery, DeliveryState, DueNotice, NoticeChannel, NoticeRecord, StoreError};

use super::{Notifications, Undelivered, look::notice};
use crate::clock::now;

/// Requests to one tenant's webhook at a time.
const REQUESTS_AT_ONCE: usize = 8;
/// Tenants read from the registry at a time.
const PAGE_TENANTS: usize = 1_000;
/// A claim lasts for so many time-outs, so that whoever is slow does not lose it.
const CLAIM_TIMEOUTS: u64 = 6;

impl Notifications {
    /// Tries everything that is due; who fails keeps no other back.
    pub(super) async fn deliver(&self) -> Result<(), StoreError> {
        let (quiet, urgent_only) = self.quiet_tenants(now());
        let due = self.store.due_deliveries(now(), quiet, urgent_only, self.config.deliveries_per_look_max.max(1)).await?;
        self.metrics.due.set(i64::try_from(due.len()).unwrap_or(i64::MAX));
        let mut of_tenant: BTreeMap<TenantId, Vec<DueNotice>> = BTreeMap::new();
        for one in due {
            of_tenant.entry(one.delivery.tenant.clone()).or_default().push(one);
        }
        let delivering: Vec<_> = of_tenant.into_iter().map(|(tenant, due)| self.deliver_to(tenant, due).boxed()).collect();
        let ends: Vec<_> = stream::iter(delivering).buffer_unordered(self.config.tenants_in_flight_max.max(1)).collect().await;
        ends.into_iter().collect()
    }

    /// Tenants that are told nothing now, and those that are told of what is urgent alone.
    fn quiet_tenants(&self, now: UnixMillis) -> (Vec<String>, Vec<String>) {
        let (mut quiet, mut urgent_only, mut after) = (Vec::new(), Vec::new(), None);
        loop {
            let page = self.registry.notified(after.as_ref(), PAGE_TENANTS);
            for (tenant, settings) in &page {
                if settings.quiet_hours.as_ref().is_some_and(|hours| hours.holds(now)) {
                    let list = if settings.breakthrough { &mut urgent_only } else { &mut quiet };
                    list.push(tenant.as_str().to_owned());
                }
            }
            if page.len() < PAGE_TENANTS {
                return (quiet, urgent_only);
            }
            after = page.last().map(|(tenant, _)| tenant.clone());
        }
    }

    async fn deliver_to(&self, tenant: TenantId, due: Vec<DueNotice>) -> Result<(), StoreError> {
        let settings = self.registry.notifications(&tenant);
        let settings = settings.filter(|_| self.registry.tenant(&tenant).is_some());
        let (webhook, mail): (Vec<_>, Vec<_>) = due.into_iter().partition(|one| one.delivery.channel == NoticeChannel::Webhook);
        for requests in webhook.chunks(REQUESTS_AT_ONCE) {
            if !self.post(&tenant, settings.as_ref(), requests.to_vec()).await? {
                // The rest would fail alike: it is due at the next look too.
                break;
            }
        }
        self.mail(&tenant, settings.as_ref(), mail).await
    }

    /// Sends each to the webhook; answers whether all were taken.
    async fn post(&self, tenant: &TenantId, settings: Option<&Settings>, due: Vec<DueNotice>) -> Result<bool, StoreError> {
        let claimed = self.claim(tenant, due).await?;
        let webhook = settings.and_then(|settings| settings.webhook.as_ref());
        let sending: Vec<_> = claimed.iter().map(|one| self.post_one(tenant, webhook, &one.notice).boxed()).collect();
        let outcomes = join_all(sending).await;
        let is_all = outcomes.iter().all(Result::is_ok);
        self.note(claimed.into_iter().zip(outcomes)).await?;
        Ok(is_all)
    }

    async fn post_one(&self, tenant: &TenantId, webhook: Option<&Webhook>, record: &NoticeRecord) -> Result<(), Undelivered> {
        match (webhook, notice(record)) {
            (Some(webhook), Some(notice)) => self.courier.post(webhook, tenant, &notice).await,
            (None, _) => Err(Undelivered::for_good("There is no webhook any more.")),
            (_, None) => Err(Undelivered::for_good("The notice is not understood.")),
        }
    }

    /// Sends all in one mail.
    async fn mail(&self, tenant: &TenantId, settings: Option<&Settings>, due: Vec<DueNotice>) -> Result<(), StoreError> {
        let claimed = self.claim(tenant, due).await?;
        let notices: Vec<Notice> = claimed.iter().filter_map(|one| notice(&one.notice)).collect();
        if claimed.is_empty() {
            return Ok(());
        }
        let outcome = match settings.map(|settings| &settings.mail_to).filter(|to| !to.is_empty()) {
            Some(to) => self.courier.mail(to, tenant, &notices).await,
            None => Err(Undelivered::for_good("There is no mail address any more.")),
        };
        self.note(claimed.into_iter().map(|one| (one, outcome.clone()))).await
    }

    async fn claim(&self, tenant: &TenantId, due: Vec<DueNotice>) -> Result<Vec<DueNotice>, StoreError> {
        let now = now();
        self.store.claim_deliveries(tenant, due, now, plus_ms(now, self.config.timeout_ms.saturating_mul(CLAIM_TIMEOUTS))).await
    }

    async fn note(&self, tried: impl Iterator<Item = (DueNotice, Result<(), Undelivered>)>) -> Result<(), StoreError> {
        let now = now();
        let tried: Vec<Delivery> = tried.map(|(one, outcome)| self.tried(one.delivery, outcome, now)).collect();
        self.store.save_deliveries(&tried, now).await
    }

    /// A delivery after a try.
    fn tried(&self, delivery: Delivery, outcome: Result<(), Undelivered>, now: UnixMillis) -> Delivery {
        let (state, error) = match outcome {
            Ok(()) => (DeliveryState::Delivered, String::new()),
            Err(Undelivered { why, is_final }) if is_final || self.is_over(&delivery, now) => (DeliveryState::GivenUp, why),
            Err(Undelivered { why, .. }) => (DeliveryState::Pending, why),
        };
        let outcome = match state {
            DeliveryState::Delivered => "delivered",
            DeliveryState::GivenUp => "given-up",
            DeliveryState::Pending => "failed",
        };
        self.metrics.tried(delivery.channel, outcome);
        let next_at = plus_ms(now, retry_wait_ms(&delivery, self.config.retry_first_ms, self.config.retry_max_ms));
        Delivery { state, error, next_at, ..delivery }
    }

    fn is_over(&self, delivery: &Delivery, now: UnixMillis) -> bool {
        delivery.first_tried_at.is_some_and(|first| plus_ms(first, self.config.retry_for_seconds.saturating_mul(1_000)) <= now)
    }
}

/// The wait after a try, which doubles with each, and is up to a quarter longer, by the notice's key, so that all that failed at once do not
/// come back at once.
fn retry_wait_ms(delivery: &Delivery, first_ms: u64, max_ms: u64) -> u64 {
    let doubled = first_ms.saturating_mul(1 << delivery.attempts.saturating_sub(1).min(32)).min(max_ms);
    let part = u64::try_from((delivery.key ^ u128::from(delivery.attempts)) % 256).unwrap_or(0);
    doubled.saturating_add(doubled / 1024 * part)
}

fn plus_ms(at: UnixMillis, ms: u64) -> UnixMillis {
    UnixMillis(at.0.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX)))
}
