//! A document as read, before its surroundings, dates' bounds and identity come in.

use std::borrow::Cow;

use crate::{normal::Policy, warning::Marks};

/// The fields of the document.
#[derive(Default)]
pub(crate) struct RawReport<'de> {
    pub(crate) organization: Option<Cow<'de, str>>,
    pub(crate) report_id: Option<Cow<'de, str>>,
    pub(crate) contact: Option<Cow<'de, str>>,
    /// `start-datetime` in seconds since 1970, whatever its value.
    pub(crate) begin: Option<i64>,
    /// `end-datetime` in seconds since 1970, whatever its value.
    pub(crate) end: Option<i64>,
    pub(crate) blocks: Vec<Block<'de>>,
    /// What was odd outside `policies`.
    pub(crate) marks: Marks,
}

/// One element of `policies`, read; its key and warnings are still empty.
pub(crate) struct Block<'de> {
    pub(crate) policy: Policy<'de>,
    pub(crate) marks: Marks,
}

impl Block<'_> {
    /// Whether anything in it counts sessions.
    pub(crate) fn is_countable(&self) -> bool {
        self.policy.successful.is_some() || self.policy.failed.is_some()
    }
}
