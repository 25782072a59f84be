//! `failure-details` (RFC 8460 4.3, 4.4).

use std::{borrow::Cow, net::IpAddr};

use serde::de::{Error, MapAccess};

use super::{
    key::{Key, Keys},
    object::{Elements, Fields, read_fields},
    scalar::ScalarSeed,
    scope::Scope,
};
use crate::{
    count::{Count, sum},
    normal::Failure,
    vocabulary::{Match, ResultType, match_result_type},
    warning::WarningCode,
};

/// Collects the elements of one `failure-details`.
#[derive(Default)]
pub(super) struct Failures<'de> {
    list: Vec<Failure<'de>>,
    /// How many say nothing about their number of sessions.
    without_count: usize,
}

impl<'de> Failures<'de> {
    /// The failures, given the summary's number of failed sessions. The only one of a block stands for all of them when it has
    /// no count of its own. Counts that do not add up stay as sent.
    pub(super) fn finish(mut self, failed: Option<u64>, scope: &Scope) -> Vec<Failure<'de>> {
        if self.without_count > 0 {
            match (self.list.as_mut_slice(), failed) {
                ([only], Some(_)) => {
                    only.sessions = failed;
                    scope.mark(WarningCode::DetailCountFromSummary);
                }
                _ => scope.mark(WarningCode::MissingDetailCount),
            }
        }
        if let Some(failed) = failed
            && !self.list.is_empty()
            && self.list.iter().all(|failure| failure.sessions.is_some())
            && sum(self.list.iter().filter_map(|failure| failure.sessions)).0 != failed
        {
            scope.mark(WarningCode::DetailsMismatch);
        }
        self.list
    }
}

impl<'de> Elements<'de> for Failures<'de> {
    const FORM: WarningCode = WarningCode::FailureDetailsForm;
    const INVALID: WarningCode = WarningCode::InvalidFailureDetails;

    fn object<A: MapAccess<'de>>(&mut self, map: A, scope: &Scope) -> Result<(), A::Error> {
        scope.count_failure()?;
        let mut fields = FailureFields::default();
        read_fields(map, scope, &mut fields)?;
        self.without_count += usize::from(fields.sessions == Count::Missing);
        self.list.push(fields.finish(scope));
        Ok(())
    }

    fn pass<E: Error>(&mut self, scope: &Scope) -> Result<(), E> {
        scope.count_failure()
    }
}

#[derive(Default)]
struct FailureFields<'de> {
    result: Option<Cow<'de, str>>,
    sending_ip: Option<Cow<'de, str>>,
    receiving_mx: Option<Cow<'de, str>>,
    receiving_helo: Option<Cow<'de, str>>,
    receiving_ip: Option<Cow<'de, str>>,
    sessions: Count,
    reason: Option<Cow<'de, str>>,
    additional: Option<Cow<'de, str>>,
}

impl<'de> Fields<'de> for FailureFields<'de> {
    const KNOWN: Keys = Keys::of(&[
        Key::ResultType,
        Key::SendingMtaIp,
        Key::ReceivingMxHostname,
        Key::ReceivingMxHelo,
        Key::ReceivingIp,
        Key::FailedSessionCount,
        Key::AdditionalInformation,
        Key::AdditionalInfoUri,
        Key::FailureReasonCode,
    ]);

    fn take<A: MapAccess<'de>>(&mut self, key: Key, map: &mut A, scope: &Scope) -> Result<(), A::Error> {
        let read = ScalarSeed(scope);
        match key {
            Key::ResultType => self.result = read.text_as_sent(map, WarningCode::InvalidResultType)?,
            Key::SendingMtaIp => self.sending_ip = read.text(map, WarningCode::InvalidSendingIp)?,
            Key::ReceivingMxHostname => self.receiving_mx = read.text(map, WarningCode::InvalidReceivingMx)?,
            Key::ReceivingMxHelo => self.receiving_helo = read.text(map, WarningCode::InvalidReceivingHelo)?,
            Key::ReceivingIp => self.receiving_ip = read.text(map, WarningCode::InvalidReceivingIp)?,
            Key::FailedSessionCount => self.sessions = Count::of(&map.next_value_seed(read)?),
            Key::FailureReasonCode => self.reason = read.text(map, WarningCode::InvalidReason)?,
            // RFC 8460 4.4 and its example call one field by two names; the first that says something stands.
            _ => {
                let text = read.text(map, WarningCode::InvalidAdditional)?;
                self.additional = self.additional.take().or(text);
            }
        }
        Ok(())
    }
}

impl<'de> FailureFields<'de> {
    fn finish(self, scope: &Scope) -> Failure<'de> {
        let (result, result_sent) = result_type(self.result, scope);
        let (sending_ip, sending_ip_sent) = ip(self.sending_ip, WarningCode::InvalidSendingIp, scope);
        let (receiving_ip, receiving_ip_sent) = ip(self.receiving_ip, WarningCode::InvalidReceivingIp, scope);
        Failure {
            result,
            result_sent,
            sending_ip,
            sending_ip_sent,
            receiving_mx: self.receiving_mx.and_then(host),
            receiving_helo: self.receiving_helo,
            receiving_ip,
            receiving_ip_sent,
            sessions: sessions(self.sessions, scope),
            reason: self.reason,
            additional: self.additional,
        }
    }
}

/// The count, when there is one; a missing one is marked when the whole list is known.
fn sessions(count: Count, scope: &Scope) -> Option<u64> {
    if count == Count::Missing {
        return None;
    }
    count.known(WarningCode::MissingDetailCount, WarningCode::InvalidDetailCount, |code| scope.mark(code))
}

fn result_type<'de>(sent: Option<Cow<'de, str>>, scope: &Scope) -> (ResultType, Option<Cow<'de, str>>) {
    let Some(sent) = sent else {
        scope.mark(WarningCode::MissingResultType);
        return (ResultType::Other, None);
    };
    match match_result_type(&sent) {
        Match::Exact(result) => (result, None),
        Match::Spelling(result) => {
            scope.mark(WarningCode::ResultTypeSpelling);
            (result, Some(sent))
        }
        Match::Unknown => {
            scope.mark(WarningCode::UnknownResultType);
            (ResultType::Other, Some(sent))
        }
    }
}

/// The address, or the text when it is none: `...`, a host name, an address with a port or in brackets are all seen.
fn ip<'de>(sent: Option<Cow<'de, str>>, invalid: WarningCode, scope: &Scope) -> (Option<IpAddr>, Option<Cow<'de, str>>) {
    let Some(sent) = sent else { return (None, None) };
    match sent.parse() {
        Ok(ip) => (Some(ip), None),
        Err(_) => {
            scope.mark(invalid);
            (None, Some(sent))
        }
    }
}

/// A host name in lower case without its final dot.
fn host(sent: Cow<'_, str>) -> Option<Cow<'_, str>> {
    let name = match sent {
        Cow::Borrowed(text) => Cow::Borrowed(text.strip_suffix('.').unwrap_or(text)),
        Cow::Owned(mut text) => {
            if text.ends_with('.') {
                text.pop();
            }
            Cow::Owned(text)
        }
    };
    let name = if name.is_ascii() && !name.bytes().any(|b| b.is_ascii_uppercase()) { name } else { Cow::Owned(name.to_lowercase()) };
    (!name.is_empty()).then_some(name)
}
