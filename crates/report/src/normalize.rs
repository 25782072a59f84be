//! From a document as read to the normal form: surroundings, bounds of dates, identity.

use std::{borrow::Cow, collections::HashSet};

use crate::{
    domain::Domain,
    identity::{Hasher, ReportKey},
    json::{Block, RawReport, ReadError, read, repair},
    limits,
    normal::{Period, Policy, Report},
    open::Document,
    origin::{Context, report_id_domain},
    reject::Reject,
    time::{Day, UnixSeconds},
    warning::{Marks, WarningCode},
};

/// Reads one document into normal form.
///
/// # Errors
/// A [`Reject`] when the text is no JSON object or has no usable policy.
pub fn parse<'d>(document: &'d Document<'_>, context: &Context<'_>) -> Result<Report<'d>, Reject> {
    let mut marks = Marks::from(document.warnings.as_slice());
    match read(&document.text) {
        Ok(raw) => normalize(raw, marks, context),
        Err(ReadError::Refused(reject)) => Err(reject),
        Err(ReadError::NotJson) => {
            let repaired = repair(&document.text).ok_or(Reject::NotJson)?;
            marks.add(WarningCode::RepairedJson);
            match read(&repaired) {
                Ok(raw) => normalize(raw, marks, context).map(Report::into_owned),
                Err(ReadError::Refused(reject)) => Err(reject),
                Err(ReadError::NotJson) => Err(Reject::NotJson),
            }
        }
    }
}

fn normalize<'d>(raw: RawReport<'d>, mut marks: Marks, context: &Context<'_>) -> Result<Report<'d>, Reject> {
    marks.join(raw.marks);
    let mut blocks = raw.blocks;
    if blocks.is_empty() {
        return Err(Reject::NoPolicies);
    }
    fill_domains(&mut blocks, raw.report_id.as_deref(), context, &mut marks);
    let read = blocks.len();
    blocks.retain(Block::is_countable);
    if blocks.is_empty() {
        return Err(Reject::NoCounts);
    }
    if blocks.len() < read {
        marks.add(WarningCode::UncountablePolicy);
    }

    let period = believable_period(raw.begin, raw.end, context, &mut marks);
    if raw.organization.is_none() && !marks.has(WarningCode::InvalidOrganization) {
        marks.add(WarningCode::MissingOrganization);
    }
    let organization = raw.organization.unwrap_or_default();

    let mut hasher = Hasher::new();
    let report_id = raw.report_id.unwrap_or_else(|| {
        marks.add(WarningCode::MissingReportId);
        let nameless = hasher.group(&organization, "", raw.begin, raw.end);
        let contents: Vec<ReportKey> = blocks.iter().map(|block| hasher.content(&block.policy)).collect();
        Cow::Owned(format!("content-{}", hasher.derived_id(nameless, contents.into_iter())))
    });
    // The dates as sent, whether believed or not: what is believed hangs on the receipt, and that never enters an identity.
    let group = hasher.group(&organization, report_id.trim(), raw.begin, raw.end);
    for block in &mut blocks {
        block.policy.key = hasher.policy(group, &block.policy);
    }
    if blocks.len() > 1 {
        tell_repeats_apart(&mut blocks, &mut hasher, &mut marks);
    }
    let document = document_key(&blocks, group, &mut hasher);
    Ok(Report {
        organization,
        report_id,
        contact: raw.contact,
        period,
        key_day: key_day(raw.begin, raw.end),
        document,
        group,
        policies: blocks.into_iter().map(finish_block).collect(),
        warnings: marks.codes(),
    })
}

fn finish_block(block: Block<'_>) -> Policy<'_> {
    let mut policy = block.policy;
    policy.warnings = block.marks.codes();
    policy
}

fn document_key(blocks: &[Block<'_>], group: ReportKey, hasher: &mut Hasher) -> ReportKey {
    let mut domains: Vec<&str> = blocks.iter().filter_map(|block| block.policy.domain.as_ref().map(Domain::as_str)).collect();
    domains.sort_unstable();
    domains.dedup();
    hasher.document(group, domains.into_iter())
}

/// Gives blocks without a domain the one that their surroundings name: the only other one of the report, then header,
/// subject, file name, the report-id's tail. What the JSON says wins over all of these.
fn fill_domains(blocks: &mut [Block<'_>], report_id: Option<&str>, context: &Context<'_>, marks: &mut Marks) {
    let disagrees = |text: &str| {
        let text = text.trim();
        let same = |domain: &Domain| domain.as_str().eq_ignore_ascii_case(text);
        let mut named = blocks.iter().filter_map(|block| block.policy.domain.as_ref()).peekable();
        named.peek().is_some()
            && !named.any(same)
            && Domain::parse(text).is_ok_and(|other| blocks.iter().all(|block| block.policy.domain.as_ref() != Some(&other)))
    };
    if context.domain_texts().any(disagrees) {
        marks.add(WarningCode::DomainMismatch);
    }
    if blocks.iter().all(|block| block.policy.domain.is_some()) {
        return;
    }
    let mut named = blocks.iter().filter_map(|block| block.policy.domain.as_ref());
    let only = named.next().filter(|first| named.all(|other| other == *first)).cloned();
    let found =
        only.or_else(|| context.domain_texts().find_map(|text| Domain::parse(text).ok())).or_else(|| report_id.and_then(report_id_domain));
    for block in blocks.iter_mut().filter(|block| block.policy.domain.is_none()) {
        if block.policy.domain_sent.is_none() {
            block.marks.add(WarningCode::MissingPolicyDomain);
        }
        block.policy.domain.clone_from(&found);
    }
}

fn believable_period(begin: Option<i64>, end: Option<i64>, context: &Context<'_>, marks: &mut Marks) -> Period {
    if (begin.is_none() || end.is_none()) && !marks.has(WarningCode::InvalidDate) {
        marks.add(WarningCode::MissingDate);
    }
    let latest = context.received_at.0.div_euclid(1000).saturating_add(limits::DATE_AHEAD_MAX_SECONDS);
    let mut believe = |date: Option<i64>| {
        let seconds = date?;
        if (limits::DATE_MIN_UNIX_SECONDS..=latest).contains(&seconds) {
            return Some(UnixSeconds(seconds));
        }
        marks.add(WarningCode::DateOutOfRange);
        None
    };
    let period = Period { begin: believe(begin), end: believe(end) };
    if let (Some(begin), Some(end)) = (period.begin, period.end) {
        if end < begin {
            marks.add(WarningCode::PeriodReversed);
        }
        // A second apart is 23:59:59 against the next midnight.
        let apart = |one: UnixSeconds, other: UnixSeconds| one.0.abs_diff(other.0) > 1;
        if context.file_period().is_some_and(|file| apart(file.0, begin) || apart(file.1, end)) {
            marks.add(WarningCode::PeriodMismatch);
        }
    }
    period
}

/// The day of the dates as sent that are in the range to file by.
fn key_day(begin: Option<i64>, end: Option<i64>) -> Option<Day> {
    let filed =
        |date: Option<i64>| date.filter(|seconds| (limits::DATE_MIN_UNIX_SECONDS..limits::KEY_DATE_MAX_UNIX_SECONDS).contains(seconds));
    Period { begin: filed(begin).map(UnixSeconds), end: filed(end).map(UnixSeconds) }.day()
}

/// Blocks of one key: an exact repeat goes, one with other numbers gets a key of its own, by how many came before it.
fn tell_repeats_apart(blocks: &mut Vec<Block<'_>>, hasher: &mut Hasher, marks: &mut Marks) {
    let mut order: Vec<(ReportKey, usize)> = blocks.iter().enumerate().map(|(at, block)| (block.policy.key, at)).collect();
    order.sort_unstable();
    let mut dropped = Vec::new();
    for same in order.chunk_by(|one, other| one.0 == other.0).filter(|same| same.len() > 1) {
        // Hashes instead of pairs of blocks: a hostile report may repeat one block thousands of times.
        let mut contents = HashSet::new();
        for &(key, at) in same {
            let Some(block) = blocks.get_mut(at) else { continue };
            let occurrence = contents.len() as u64;
            if !contents.insert(hasher.content(&block.policy)) {
                dropped.push(at);
            } else if occurrence > 0 {
                block.policy.key = hasher.occurrence(key, occurrence);
                block.marks.add(WarningCode::RepeatedPolicy);
            }
        }
    }
    if dropped.is_empty() {
        return;
    }
    marks.add(WarningCode::DuplicatePolicy);
    dropped.sort_unstable();
    let mut at = 0;
    blocks.retain(|_| {
        at += 1;
        dropped.binary_search(&(at - 1)).is_err()
    });
}
