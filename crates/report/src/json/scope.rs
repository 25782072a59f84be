//! What all visitors of one document share: the marks of the scope that is being read, the counters of its limits, and the
//! limit that was broken. serde's errors carry text only, so a reject is left here on the way out.

use std::cell::Cell;

use serde::de;

use crate::{
    limits,
    reject::Reject,
    warning::{Marks, WarningCode},
};

#[derive(Default)]
pub(super) struct Scope {
    marks: Cell<Marks>,
    reject: Cell<Option<Reject>>,
    depth: Cell<u32>,
    failures: Cell<usize>,
}

impl Scope {
    pub(super) fn mark(&self, code: WarningCode) {
        let mut marks = self.marks.get();
        marks.add(code);
        self.marks.set(marks);
    }

    /// Starts a scope of its own and gives the marks of the outer one, for [`Scope::leave`].
    pub(super) fn enter(&self) -> Marks {
        self.marks.take()
    }

    /// Ends a scope: gives its marks and goes on with those of the outer one.
    pub(super) fn leave(&self, outer: Marks) -> Marks {
        self.marks.replace(outer)
    }

    /// Breaks off with a reject.
    #[cold]
    pub(super) fn refuse<E: de::Error>(&self, reject: Reject) -> E {
        self.reject.set(Some(reject));
        E::custom("refused")
    }

    pub(super) fn take_reject(&self) -> Option<Reject> {
        self.reject.take()
    }

    /// Refuses a string that no report has.
    pub(super) fn check_string<E: de::Error>(&self, text: &str) -> Result<(), E> {
        if text.len() > limits::STRING_MAX_BYTES { Err(self.refuse(Reject::StringTooLong)) } else { Ok(()) }
    }

    /// Counts one more failure detail.
    pub(super) fn count_failure<E: de::Error>(&self) -> Result<(), E> {
        let count = self.failures.get() + 1;
        if count > limits::FAILURES_MAX_COUNT {
            return Err(self.refuse(Reject::TooManyFailures));
        }
        self.failures.set(count);
        Ok(())
    }

    /// Goes one level down in a value that is skipped.
    pub(super) fn descend<E: de::Error>(&self) -> Result<(), E> {
        let depth = self.depth.get() + 1;
        if depth > limits::DEPTH_MAX_LEVELS {
            return Err(self.refuse(Reject::TooDeep));
        }
        self.depth.set(depth);
        Ok(())
    }

    pub(super) fn ascend(&self) {
        self.depth.set(self.depth.get().saturating_sub(1));
    }
}
