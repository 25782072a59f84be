//! The report's object itself.

use std::fmt;

use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{
    block::Policies,
    key::{Key, Keys},
    object::{ElementsSeed, Fields, ObjectSeed, read_fields, visit_scalars},
    raw::RawReport,
    scalar::{Scalar, ScalarSeed},
    scope::Scope,
};
use crate::{
    date::{self, Written},
    reject::Reject,
    warning::WarningCode,
};

/// Why a text could not be read.
pub(crate) enum ReadError {
    /// It breaks a rule or a limit: no repair helps.
    Refused(Reject),
    /// It is not JSON.
    NotJson,
}

/// Reads a document in one pass.
pub(crate) fn read(text: &str) -> Result<RawReport<'_>, ReadError> {
    let scope = Scope::default();
    let mut json = serde_json::Deserializer::from_str(text);
    let mut raw =
        json.deserialize_any(RootVisitor(&scope)).map_err(|_| scope.take_reject().map_or(ReadError::NotJson, ReadError::Refused))?;
    if json.end().is_err() {
        scope.mark(WarningCode::TrailingData);
    }
    raw.marks = scope.enter();
    Ok(raw)
}

struct RootVisitor<'s>(&'s Scope);

impl<'de> Visitor<'de> for RootVisitor<'_> {
    type Value = RawReport<'de>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a report")
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawReport<'de>, A::Error> {
        let mut fields = RootFields::default();
        read_fields(map, self.0, &mut fields)?;
        fields.raw.blocks = fields.policies.blocks;
        Ok(fields.raw)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<RawReport<'de>, A::Error> {
        Err(self.0.refuse(Reject::NotAnObject))
    }
    fn visit_unit<E: Error>(self) -> Result<RawReport<'de>, E> {
        Err(self.0.refuse(Reject::NotAnObject))
    }
    visit_scalars!(self => Err(self.0.refuse(Reject::NotAnObject)));
}

#[derive(Default)]
struct RootFields<'de> {
    raw: RawReport<'de>,
    policies: Policies<'de>,
}

impl<'de> Fields<'de> for RootFields<'de> {
    const KNOWN: Keys = Keys::of(&[Key::OrganizationName, Key::DateRange, Key::ContactInfo, Key::ReportId, Key::Policies]);

    fn take<A: MapAccess<'de>>(&mut self, key: Key, map: &mut A, scope: &Scope) -> Result<(), A::Error> {
        let read = ScalarSeed(scope);
        match key {
            Key::OrganizationName => self.raw.organization = read.text(map, WarningCode::InvalidOrganization)?,
            Key::ContactInfo => self.raw.contact = read.text(map, WarningCode::InvalidContact)?,
            Key::ReportId => self.raw.report_id = read.text_as_sent(map, WarningCode::InvalidReportId)?,
            Key::DateRange => {
                let mut range = RangeFields { raw: &mut self.raw };
                map.next_value_seed(ObjectSeed { scope, fields: &mut range, invalid: WarningCode::InvalidDate })?;
            }
            _ => map.next_value_seed(ElementsSeed { scope, elements: &mut self.policies })?,
        }
        Ok(())
    }
}

struct RangeFields<'a, 'de> {
    raw: &'a mut RawReport<'de>,
}

impl<'de> Fields<'de> for RangeFields<'_, 'de> {
    const KNOWN: Keys = Keys::of(&[Key::StartDatetime, Key::EndDatetime]);

    fn take<A: MapAccess<'de>>(&mut self, key: Key, map: &mut A, scope: &Scope) -> Result<(), A::Error> {
        let seconds = read_date(&map.next_value_seed(ScalarSeed(scope))?, scope);
        match key {
            Key::StartDatetime => self.raw.begin = seconds,
            _ => self.raw.end = seconds,
        }
        Ok(())
    }
}

/// Seconds since 1970 of a date field, in whatever form it is; none when it cannot be read, never a made-up date.
fn read_date(scalar: &Scalar<'_>, scope: &Scope) -> Option<i64> {
    let read = match scalar {
        // Told as missing later.
        Scalar::Null => return None,
        Scalar::Text(text) if text.trim().is_empty() => return None,
        Scalar::Text(text) => date::parse(text),
        Scalar::Unsigned(number) => date::of_epoch(i64::try_from(*number).unwrap_or(i64::MAX)),
        Scalar::Signed(number) => date::of_epoch(*number),
        Scalar::Float(number) => date::of_epoch_float(*number),
        Scalar::Other => None,
    };
    match read {
        Some((seconds, Written::Rfc3339)) => Some(seconds),
        Some((seconds, Written::Otherwise)) => {
            scope.mark(WarningCode::DateFormat);
            Some(seconds)
        }
        None => {
            scope.mark(WarningCode::InvalidDate);
            None
        }
    }
}
