//! `policy-string` and `mx-host`: an array of texts, one text, a text of several lines, or a JSON array inside a text.

use std::{borrow::Cow, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{
    scalar::{Scalar, ScalarSeed, trim},
    scope::Scope,
    skip::Skip,
};
use crate::{limits::LIST_MAX_COUNT, warning::WarningCode};

/// How a list differs from the other one.
pub(super) struct ListKind {
    /// Marks anything but an array with one line an element.
    pub(super) form: WarningCode,
    /// Marks what is no text.
    pub(super) invalid: WarningCode,
    /// A prefix that elements should not carry, and its mark.
    pub(super) prefix: Option<(&'static str, WarningCode)>,
    /// Whether null is marked as another form. A policy may have no text, as every `no-policy-found` does.
    pub(super) marks_null: bool,
}

pub(super) const POLICY_STRING: ListKind =
    ListKind { form: WarningCode::PolicyStringForm, invalid: WarningCode::InvalidPolicyString, prefix: None, marks_null: false };

pub(super) const MX_HOST: ListKind = ListKind {
    form: WarningCode::MxHostForm,
    invalid: WarningCode::InvalidMxHost,
    prefix: Some(("mx:", WarningCode::MxHostPrefix)),
    marks_null: true,
};

/// Appends what the value holds to `lines`.
pub(super) struct ListSeed<'s, 'de> {
    pub(super) scope: &'s Scope,
    pub(super) lines: &'s mut Vec<Cow<'de, str>>,
    pub(super) kind: &'static ListKind,
}

impl<'de> ListSeed<'_, 'de> {
    /// Adds a text: as it is, line by line, or element by element when it is a JSON array.
    fn add(&mut self, text: Cow<'de, str>) {
        let text = trim(text);
        if text.starts_with('[')
            && text.ends_with(']')
            && let Ok(elements) = serde_json::from_str::<Vec<String>>(&text)
        {
            self.scope.mark(self.kind.form);
            return elements.into_iter().for_each(|element| self.push(trim(Cow::Owned(element))));
        }
        match text {
            // JSON cannot hold a line break without an escape, so a text that needed no decoding has none.
            Cow::Borrowed(_) => self.push(text),
            Cow::Owned(lines) if lines.contains(['\n', '\r']) => {
                self.scope.mark(self.kind.form);
                for line in lines.split(['\n', '\r']) {
                    self.push(Cow::Owned(line.trim().to_owned()));
                }
            }
            Cow::Owned(_) => self.push(text),
        }
    }

    fn push(&mut self, mut line: Cow<'de, str>) {
        if let Some((prefix, mark)) = self.kind.prefix
            && line.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        {
            self.scope.mark(mark);
            line = match line {
                Cow::Borrowed(line) => Cow::Borrowed(line.get(prefix.len()..).unwrap_or_default().trim_start()),
                Cow::Owned(line) => Cow::Owned(line.get(prefix.len()..).unwrap_or_default().trim_start().to_owned()),
            };
        }
        if line.is_empty() {
            return;
        }
        if self.lines.len() >= LIST_MAX_COUNT {
            return self.scope.mark(WarningCode::ListTruncated);
        }
        self.lines.push(ScalarSeed(self.scope).bound(line));
    }

    fn add_scalar(&mut self, scalar: Scalar<'de>) {
        match scalar {
            Scalar::Text(text) => self.add(text),
            Scalar::Null => {}
            _ => self.scope.mark(self.kind.invalid),
        }
    }
}

impl<'de> DeserializeSeed<'de> for ListSeed<'_, 'de> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ListSeed<'_, 'de> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of texts")
    }
    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        while let Some(scalar) = seq.next_element_seed(ScalarSeed(self.scope))? {
            self.add_scalar(scalar);
        }
        Ok(())
    }
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        if self.kind.marks_null {
            self.scope.mark(self.kind.form);
        }
        Ok(())
    }
    fn visit_borrowed_str<E: Error>(mut self, text: &'de str) -> Result<(), E> {
        self.scope.check_string(text)?;
        self.scope.mark(self.kind.form);
        self.add(Cow::Borrowed(text));
        Ok(())
    }
    fn visit_str<E: Error>(mut self, text: &str) -> Result<(), E> {
        self.scope.check_string(text)?;
        self.scope.mark(self.kind.form);
        self.add(Cow::Owned(text.to_owned()));
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        self.scope.mark(self.kind.invalid);
        Skip(self.scope).map(map)
    }
    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.scope.mark(self.kind.invalid);
        Ok(())
    }
    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        self.scope.mark(self.kind.invalid);
        Ok(())
    }
    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.scope.mark(self.kind.invalid);
        Ok(())
    }
    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.scope.mark(self.kind.invalid);
        Ok(())
    }
}
