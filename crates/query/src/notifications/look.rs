//! A look for what is new.

use std::collections::BTreeMap;

use tlsrpt_notify::{Before, Changes, Kind, Known, Notice, NoticeKey, Opened, Settings, changes};
use tlsrpt_record::TenantId;
use tlsrpt_report::{Domain, UnixMillis};
use tlsrpt_store::{Delivery, DeliveryState, NoticeChannel, NoticeRecord, StoreError, WATCHED};

use super::{Notifications, views::views};
use crate::{clock::now, problem::chain, readiness::rule_of};

impl Notifications {
    /// Looks at the next tenants after `after`; answers after whom the next look goes on. A tenant whose data is more than a query may
    /// take keeps no other back.
    pub(super) async fn look(&self, after: Option<TenantId>) -> Result<Option<TenantId>, StoreError> {
        let limit = self.config.tenants_per_look_max.max(1);
        let page = self.registry.notified(after.as_ref(), limit);
        let next = page.last().map(|(tenant, _)| tenant.clone()).filter(|_| page.len() == limit);
        for (tenant, settings) in page {
            match self.look_at(&tenant, &settings).await {
                Err(error) if error.is_retryable() => return Err(error),
                Err(error) => {
                    self.metrics.failed("tenant");
                    tracing::warn!(tenant = tenant.as_str(), error = chain(&error), "a tenant cannot be looked at for what is new");
                }
                Ok(()) => {}
            }
        }
        Ok(next)
    }

    async fn look_at(&self, id: &TenantId, settings: &Settings) -> Result<(), StoreError> {
        let Some(tenant) = self.registry.tenant(id) else { return Ok(()) };
        let queries = self.store.tenant(id.clone());
        let now = now();
        let rule = rule_of(&self.rule, &tenant.settings.rule);
        let domains: Vec<Domain> = self.registry.domains(id).into_iter().map(|claimed| claimed.domain).collect();
        let views = views(&queries, domains, &rule, tenant.settings.minimum_trust, now.day()).await?;
        let noted = queries.conditions().await?;
        let found = changes(id, settings, &before(&noted), &views, now);
        // The notices last: as long as one is not noted, its condition is found again.
        self.store.save_deliveries(&deliveries(id, settings, &found.opened, now), now).await?;
        self.store.note_conditions(id, &records(id, &found, noted, now)).await?;
        let told = found.opened.iter().filter(|opened| opened.is_told).count();
        self.metrics.noted.inc_by(u64::try_from(told).unwrap_or(u64::MAX));
        Ok(())
    }
}

/// What was noted, as it is compared with what is there; what a newer version noted is passed over.
fn before(noted: &[NoticeRecord]) -> Before {
    let mut before = Before::default();
    for record in noted {
        let Ok(domain) = Domain::parse(&record.domain) else { continue };
        let is_open = record.closed_at.is_none();
        if record.kind == WATCHED {
            if is_open {
                before.watched.insert(domain, record.opened_at);
            }
        } else if let Some(kind) = Kind::from_name(&record.kind) {
            let (subject, episode, opened_at) = (record.subject.clone(), record.episode, record.opened_at);
            before.known.push(Known { kind, domain, subject, episode, opened_at, is_open });
        }
    }
    before
}

/// A delivery for each way that is set.
fn deliveries(tenant: &TenantId, settings: &Settings, opened: &[Opened], now: UnixMillis) -> Vec<Delivery> {
    let webhook = settings.webhook.as_ref().map(|_| NoticeChannel::Webhook);
    let mail = Some(NoticeChannel::Mail).filter(|_| !settings.mail_to.is_empty());
    let channels: Vec<NoticeChannel> = webhook.into_iter().chain(mail).collect();
    let told = opened.iter().filter(|opened| opened.is_told).map(|opened| &opened.notice);
    let delivery = |notice: &Notice, channel: NoticeChannel| Delivery {
        tenant: tenant.clone(),
        key: notice.key.0,
        channel,
        is_urgent: notice.kind == Kind::AtRisk,
        state: DeliveryState::Pending,
        attempts: 0,
        created_at: now,
        next_at: now,
        first_tried_at: None,
        tried_at: None,
        error: String::new(),
    };
    told.flat_map(|notice| channels.iter().map(move |&channel| delivery(notice, channel))).collect()
}

/// What there is to note.
fn records(tenant: &TenantId, found: &Changes, noted: Vec<NoticeRecord>, now: UnixMillis) -> Vec<NoticeRecord> {
    let opened = found.opened.iter().map(|opened| record(&opened.notice, opened.is_told));
    let mut watched: BTreeMap<String, NoticeRecord> = BTreeMap::new();
    let mut ended = Vec::new();
    for record in noted {
        if found.ended.contains(&NoticeKey(record.key)) {
            ended.push(NoticeRecord { closed_at: Some(now), ..record });
        } else if record.kind == WATCHED {
            watched.insert(record.domain.clone(), record);
        }
    }
    let released: Vec<NoticeRecord> = found
        .released
        .iter()
        .filter_map(|domain| watched.get(domain.as_str()).map(|record| NoticeRecord { closed_at: Some(now), ..record.clone() }))
        .collect();
    let begun = found.watched.iter().map(|domain| {
        let episode = watched.get(domain.as_str()).map_or(0, |latest| latest.episode.saturating_add(1));
        NoticeRecord {
            key: NoticeKey::of(tenant, WATCHED, domain, "", episode).0,
            kind: WATCHED.to_owned(),
            domain: domain.as_str().to_owned(),
            subject: String::new(),
            episode,
            since: None,
            opened_at: now,
            closed_at: None,
            is_told: false,
            summary: String::new(),
            look_first: String::new(),
        }
    });
    opened.chain(begun).chain(ended).chain(released).collect()
}

fn record(notice: &Notice, is_told: bool) -> NoticeRecord {
    NoticeRecord {
        key: notice.key.0,
        kind: notice.kind.as_str().to_owned(),
        domain: notice.domain.clone(),
        subject: notice.subject.clone(),
        episode: notice.episode,
        since: notice.since,
        opened_at: notice.opened_at,
        closed_at: None,
        is_told,
        summary: notice.summary.clone(),
        look_first: notice.look_first.clone(),
    }
}

/// A noted condition as it is told; none when a newer version noted it.
pub(super) fn notice(record: &NoticeRecord) -> Option<Notice> {
    Some(Notice {
        key: NoticeKey(record.key),
        kind: Kind::from_name(&record.kind)?,
        domain: record.domain.clone(),
        subject: record.subject.clone(),
        episode: record.episode,
        since: record.since,
        opened_at: record.opened_at,
        summary: record.summary.clone(),
        look_first: record.look_first.clone(),
        is_test: false,
    })
}
