//! Which conditions began, and which ended.

use std::collections::{BTreeMap, BTreeSet};

use tlsrpt_record::TenantId;
use tlsrpt_report::{Day, Domain, UnixMillis};

use crate::{
    condition::{Condition, DomainView},
    kind::Kind,
    message::{Notice, NoticeKey},
    settings::Settings,
};

/// A condition that was noted: its latest episode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// What kind.
    pub kind: Kind,
    /// Of which domain.
    pub domain: Domain,
    /// Of what of it.
    pub subject: String,
    /// How many times it had been there before.
    pub episode: u32,
    /// When this episode was noted.
    pub opened_at: UnixMillis,
    /// Whether it went on when it was last looked at.
    pub is_open: bool,
}

/// What was known before a look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Before {
    /// The latest episode of each condition.
    pub known: Vec<Known>,
    /// Domains that were looked at already, each with the moment of the first time.
    pub watched: BTreeMap<Domain, UnixMillis>,
}

/// A condition that began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// What there is to say of it.
    pub notice: Notice,
    /// Whether the tenant is told; else it is noted as what was there before anybody asked, or is of a kind that the tenant does not
    /// want.
    pub is_told: bool,
}

/// What a look found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Conditions that began.
    pub opened: Vec<Opened>,
    /// Keys of those that ended.
    pub ended: Vec<NoticeKey>,
    /// Domains that are looked at for the first time.
    pub watched: Vec<Domain>,
    /// Domains that are not the tenant's any more.
    pub released: Vec<Domain>,
}

/// Compares what is known now with what was known before.
///
/// At the first look at a domain, after notifications were switched on or the domain was claimed, the tenant is told whether it is at
/// risk; what else is there is noted without a message, so that nobody gets a year's reporters that fell silent. What was noted before
/// notifications were last switched on counts as ended.
#[must_use]
pub fn changes(tenant: &TenantId, settings: &Settings, before: &Before, views: &[DomainView], now: UnixMillis) -> Changes {
    let today = now.day();
    let is_current = |at: &UnixMillis| *at >= settings.since;
    let known: BTreeMap<_, _> = before.known.iter().map(|known| (id(known.kind, &known.domain, &known.subject), known)).collect();
    let domains: BTreeSet<&Domain> = views.iter().map(|view| &view.domain).collect();
    let (mut changes, mut holding) = (Changes::default(), BTreeSet::new());
    for view in views {
        let is_first = !before.watched.get(&view.domain).is_some_and(is_current);
        if is_first {
            changes.watched.push(view.domain.clone());
        }
        for condition in view.conditions(today) {
            let latest = known.get(&id(condition.kind, &condition.domain, &condition.subject)).copied();
            let goes_on = latest.filter(|known| known.is_open && is_current(&known.opened_at));
            // Two conditions of one subject are one.
            if !holding.insert((condition.kind, condition.domain.clone(), condition.subject.clone())) || goes_on.is_some() {
                continue;
            }
            let is_told = settings.kinds.has(condition.kind) && (!is_first || condition.kind == Kind::AtRisk);
            let episode = latest.map_or(0, |known| known.episode.saturating_add(1));
            changes.opened.push(Opened { notice: opened(tenant, condition, episode, now), is_told });
        }
    }
    let has_ended = |known: &&Known| {
        let id = (known.kind, known.domain.clone(), known.subject.clone());
        known.is_open && !(holding.contains(&id) && is_current(&known.opened_at))
    };
    let key = |known: &Known| NoticeKey::new(tenant, known.kind, &known.domain, &known.subject, known.episode);
    changes.ended = before.known.iter().filter(has_ended).map(key).collect();
    changes.released = before.watched.keys().filter(|domain| !domains.contains(domain)).cloned().collect();
    changes
}

fn id<'a>(kind: Kind, domain: &'a Domain, subject: &'a str) -> (Kind, &'a str, &'a str) {
    (kind, domain.as_str(), subject)
}

fn opened(tenant: &TenantId, condition: Condition, episode: u32, now: UnixMillis) -> Notice {
    let Condition { kind, domain, subject, since, summary, look_first } = condition;
    let since: Option<Day> = since;
    Notice {
        key: NoticeKey::new(tenant, kind, &domain, &subject, episode),
        kind,
        domain: domain.as_str().to_owned(),
        subject,
        episode,
        since,
        opened_at: now,
        summary,
        look_first,
        is_test: false,
    }
}
