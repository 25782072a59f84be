//! A field that ought to hold one text, number or date, read as whatever it holds.

use std::{borrow::Cow, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{scope::Scope, skip::Skip};
use crate::{bounded::bound, warning::WarningCode};

/// What a field holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scalar<'de> {
    Null,
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(Cow<'de, str>),
    /// A truth value, array or object, which no field of a report is.
    Other,
}

#[derive(Clone, Copy)]
pub(super) struct ScalarSeed<'s>(pub(super) &'s Scope);

impl<'s> ScalarSeed<'s> {
    /// The next value of `map` as a text: trimmed, bounded, none when it is blank or null. A number counts as its text.
    /// Anything else is marked with `invalid`.
    pub(super) fn text<'de, A: MapAccess<'de>>(self, map: &mut A, invalid: WarningCode) -> Result<Option<Cow<'de, str>>, A::Error> {
        Ok(self.text_as_sent(map, invalid)?.map(trim))
    }

    /// The same with its surrounding space.
    pub(super) fn text_as_sent<'de, A: MapAccess<'de>>(self, map: &mut A, invalid: WarningCode) -> Result<Option<Cow<'de, str>>, A::Error> {
        let text = match map.next_value_seed(self)? {
            Scalar::Text(text) => text,
            Scalar::Unsigned(number) => Cow::Owned(number.to_string()),
            Scalar::Signed(number) => Cow::Owned(number.to_string()),
            Scalar::Float(number) => Cow::Owned(number.to_string()),
            Scalar::Null => return Ok(None),
            Scalar::Other => {
                self.0.mark(invalid);
                return Ok(None);
            }
        };
        Ok((!text.trim_start().is_empty()).then(|| self.bound(text)))
    }

    /// The start of `text` that is kept.
    pub(super) fn bound<'de>(self, text: Cow<'de, str>) -> Cow<'de, str> {
        bound(text, || self.0.mark(WarningCode::TextTruncated))
    }
}

/// Without surrounding space.
pub(super) fn trim(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => {
            let inner = text.trim();
            Cow::Owned(if inner.len() == text.len() { text } else { inner.to_owned() })
        }
    }
}

impl<'de> DeserializeSeed<'de> for ScalarSeed<'_> {
    type Value = Scalar<'de>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Scalar<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ScalarSeed<'_> {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_unit<E>(self) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Null)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Other)
    }
    fn visit_u64<E>(self, number: u64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Unsigned(number))
    }
    fn visit_i64<E>(self, number: i64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Signed(number))
    }
    fn visit_f64<E>(self, number: f64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Float(number))
    }
    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Scalar<'de>, E> {
        self.0.check_string(text)?;
        Ok(Scalar::Text(Cow::Borrowed(text)))
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Scalar<'de>, E> {
        self.0.check_string(text)?;
        Ok(Scalar::Text(Cow::Owned(text.to_owned())))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Scalar<'de>, A::Error> {
        Skip(self.0).seq(seq)?;
        Ok(Scalar::Other)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Scalar<'de>, A::Error> {
        Skip(self.0).map(map)?;
        Ok(Scalar::Other)
    }
}
