//! One element of `policies` (RFC 8460 4.4): `policy`, `summary` and `failure-details`.

use std::borrow::Cow;

use serde::de::{Error, MapAccess};

use super::{
    detail::Failures,
    key::{Key, Keys},
    list::{ListSeed, MX_HOST, POLICY_STRING},
    object::{Elements, ElementsSeed, Fields, ObjectSeed, read_fields},
    raw::Block,
    scalar::ScalarSeed,
    scope::Scope,
};
use crate::{
    count::{Count, sum},
    domain::Domain,
    identity::ReportKey,
    limits,
    normal::{Failure, Policy},
    policy_text::StsText,
    reject::Reject,
    vocabulary::{Match, PolicyClass, match_policy_class},
    warning::WarningCode,
};

/// Collects the elements of `policies`.
#[derive(Default)]
pub(super) struct Policies<'de> {
    pub(super) blocks: Vec<Block<'de>>,
    next_index: u32,
}

impl Policies<'_> {
    fn take_index<E: Error>(&mut self, scope: &Scope) -> Result<u32, E> {
        let index = self.next_index;
        if usize::try_from(index).is_ok_and(|index| index >= limits::POLICIES_MAX_COUNT) {
            return Err(scope.refuse(Reject::TooManyPolicies));
        }
        self.next_index += 1;
        Ok(index)
    }
}

impl<'de> Elements<'de> for Policies<'de> {
    const FORM: WarningCode = WarningCode::InvalidPolicies;
    const INVALID: WarningCode = WarningCode::InvalidPolicies;

    fn object<A: MapAccess<'de>>(&mut self, map: A, scope: &Scope) -> Result<(), A::Error> {
        let index = self.take_index(scope)?;
        let outer = scope.enter();
        let mut fields = BlockFields::default();
        read_fields(map, scope, &mut fields)?;
        let policy = fields.finish(index, scope);
        self.blocks.push(Block { policy, marks: scope.leave(outer) });
        Ok(())
    }

    fn pass<E: Error>(&mut self, scope: &Scope) -> Result<(), E> {
        self.take_index(scope).map(drop)
    }
}

#[derive(Default)]
struct BlockFields<'de> {
    has_policy: bool,
    policy: PolicyFields<'de>,
    summary: SummaryFields,
    failures: Failures<'de>,
}

impl<'de> Fields<'de> for BlockFields<'de> {
    const KNOWN: Keys = Keys::of(&[Key::Policy, Key::Summary, Key::FailureDetails]);

    fn take<A: MapAccess<'de>>(&mut self, key: Key, map: &mut A, scope: &Scope) -> Result<(), A::Error> {
        match key {
            Key::Policy => {
                self.has_policy = true;
                map.next_value_seed(ObjectSeed { scope, fields: &mut self.policy, invalid: WarningCode::InvalidPolicy })
            }
            Key::Summary => map.next_value_seed(ObjectSeed { scope, fields: &mut self.summary, invalid: WarningCode::InvalidSummary }),
            _ => map.next_value_seed(ElementsSeed { scope, elements: &mut self.failures }),
        }
    }
}

#[derive(Default)]
struct PolicyFields<'de> {
    class: Option<Cow<'de, str>>,
    strings: Vec<Cow<'de, str>>,
    domain: Option<Cow<'de, str>>,
    mx_hosts: Vec<Cow<'de, str>>,
}

impl<'de> Fields<'de> for PolicyFields<'de> {
    const KNOWN: Keys = Keys::of(&[Key::PolicyType, Key::PolicyString, Key::PolicyDomain, Key::MxHost, Key::MxHostPattern]);

    fn take<A: MapAccess<'de>>(&mut self, key: Key, map: &mut A, scope: &Scope) -> Result<(), A::Error> {
        match key {
            Key::PolicyType => self.class = ScalarSeed(scope).text_as_sent(map, WarningCode::InvalidPolicyType)?,
            Key::PolicyDomain => self.domain = ScalarSeed(scope).text_as_sent(map, WarningCode::InvalidPolicyDomain)?,
            Key::PolicyString => map.next_value_seed(ListSeed { scope, lines: &mut self.strings, kind: &POLICY_STRING })?,
            Key::MxHostPattern => {
                // The name of RFC 8460 4.4's grammar rule, which some senders take for the key (erratum 6241).
                scope.mark(WarningCode::MxHostForm);
                map.next_value_seed(ListSeed { scope, lines: &mut self.mx_hosts, kind: &MX_HOST })?;
            }
            _ => map.next_value_seed(ListSeed { scope, lines: &mut self.mx_hosts, kind: &MX_HOST })?,
        }
        Ok(())
    }
}

#[derive(Default)]
struct SummaryFields {
    successful: Count,
    failed: Count,
}

impl<'de> Fields<'de> for SummaryFields {
    const KNOWN: Keys = Keys::of(&[Key::TotalSuccessful, Key::TotalFailure]);

    fn take<A: MapAccess<'de>>(&mut self, key: Key, map: &mut A, scope: &Scope) -> Result<(), A::Error> {
        let count = Count::of(&map.next_value_seed(ScalarSeed(scope))?);
        match key {
            Key::TotalSuccessful => self.successful = count,
            _ => self.failed = count,
        }
        Ok(())
    }
}

impl<'de> BlockFields<'de> {
    fn finish(self, index: u32, scope: &Scope) -> Policy<'de> {
        if !self.has_policy {
            scope.mark(WarningCode::InvalidPolicy);
        }
        let (class, type_sent) = policy_class(self.policy.class, scope);
        let (domain, domain_sent) = policy_domain(self.policy.domain, scope);
        let successful = self
            .summary
            .successful
            .known(WarningCode::MissingSuccessfulCount, WarningCode::InvalidSuccessfulCount, |code| scope.mark(code));
        let failed = self.summary.failed.known(WarningCode::MissingFailedCount, WarningCode::InvalidFailedCount, |code| scope.mark(code));
        let failures = self.failures.finish(failed, scope);
        let failed = failed.or_else(|| sum_failures(&failures, scope));
        let sts = if class == PolicyClass::Sts { StsText::read(&self.policy.strings) } else { StsText::default() };
        let mx_hosts = if self.policy.mx_hosts.is_empty() { sts.mx_hosts } else { self.policy.mx_hosts };
        Policy {
            key: ReportKey(0),
            index,
            domain,
            domain_sent,
            class,
            type_sent,
            mode: sts.mode,
            max_age: sts.max_age,
            strings: self.policy.strings,
            mx_hosts,
            successful,
            failed,
            failures,
            warnings: Vec::new(),
        }
    }
}

fn policy_class<'de>(sent: Option<Cow<'de, str>>, scope: &Scope) -> (PolicyClass, Option<Cow<'de, str>>) {
    let Some(sent) = sent else {
        scope.mark(WarningCode::MissingPolicyType);
        return (PolicyClass::Other, None);
    };
    match match_policy_class(&sent) {
        Match::Exact(class) => (class, None),
        Match::Spelling(class) => {
            scope.mark(WarningCode::PolicyTypeSpelling);
            (class, Some(sent))
        }
        Match::Unknown => {
            scope.mark(WarningCode::UnknownPolicyType);
            (PolicyClass::Other, Some(sent))
        }
    }
}

fn policy_domain<'de>(sent: Option<Cow<'de, str>>, scope: &Scope) -> (Option<Domain>, Option<Cow<'de, str>>) {
    let Some(sent) = sent else { return (None, None) };
    match Domain::parse(&sent) {
        Ok(domain) => {
            let differs = domain.as_str() != sent;
            (Some(domain), differs.then_some(sent))
        }
        Err(_) => {
            scope.mark(WarningCode::InvalidPolicyDomain);
            (None, Some(sent))
        }
    }
}

/// What the details with a count add up to; none when none has one.
fn sum_failures(failures: &[Failure<'_>], scope: &Scope) -> Option<u64> {
    if failures.iter().all(|failure| failure.sessions.is_none()) {
        return None;
    }
    scope.mark(WarningCode::FailedCountFromDetails);
    let (total, saturated) = sum(failures.iter().filter_map(|failure| failure.sessions));
    if saturated {
        scope.mark(WarningCode::CountSaturated);
    }
    Some(total)
}
