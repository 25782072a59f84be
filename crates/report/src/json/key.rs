//! The keys of a report (RFC 8460 4.4) and those that senders write instead.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, Visitor};

use super::scope::Scope;

/// Declares each key once.
macro_rules! keys {
    ($($variant:ident = $name:literal,)+) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum Key {
            $($variant,)+
            Unknown,
        }

        impl Key {
            fn of(name: &str) -> Self {
                match name {
                    $($name => Self::$variant,)+
                    _ => Self::Unknown,
                }
            }

            pub(super) fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                    Self::Unknown => "",
                }
            }
        }
    };
}

keys! {
    OrganizationName = "organization-name",
    DateRange = "date-range",
    StartDatetime = "start-datetime",
    EndDatetime = "end-datetime",
    ContactInfo = "contact-info",
    ReportId = "report-id",
    Policies = "policies",
    Policy = "policy",
    PolicyType = "policy-type",
    PolicyString = "policy-string",
    PolicyDomain = "policy-domain",
    MxHost = "mx-host",
    MxHostPattern = "mx-host-pattern",
    Summary = "summary",
    TotalSuccessful = "total-successful-session-count",
    TotalFailure = "total-failure-session-count",
    FailureDetails = "failure-details",
    ResultType = "result-type",
    SendingMtaIp = "sending-mta-ip",
    ReceivingMxHostname = "receiving-mx-hostname",
    ReceivingMxHelo = "receiving-mx-helo",
    ReceivingIp = "receiving-ip",
    FailedSessionCount = "failed-session-count",
    AdditionalInformation = "additional-information",
    AdditionalInfoUri = "additional-info-uri",
    FailureReasonCode = "failure-reason-code",
}

/// A set of keys.
#[derive(Clone, Copy, Default)]
pub(super) struct Keys(u32);

impl Keys {
    pub(super) const fn of(keys: &[Key]) -> Self {
        let (mut set, mut rest) = (0, keys);
        while let [key, others @ ..] = rest {
            set |= 1 << (*key as u32);
            rest = others;
        }
        Self(set)
    }

    pub(super) const fn has(self, key: Key) -> bool {
        self.0 & (1 << (key as u32)) != 0
    }

    /// Adds `key`; whether it was missing.
    pub(super) fn add(&mut self, key: Key) -> bool {
        let missing = !self.has(key);
        self.0 |= 1 << (key as u32);
        missing
    }
}

pub(super) struct KeySeed<'s>(pub(super) &'s Scope);

impl<'de> DeserializeSeed<'de> for KeySeed<'_> {
    type Value = Key;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for KeySeed<'_> {
    type Value = Key;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }
    fn visit_str<E: Error>(self, name: &str) -> Result<Key, E> {
        self.0.check_string(name)?;
        Ok(Key::of(name))
    }
}
