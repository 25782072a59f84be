//! What a domain may do next with MTA-STS, from what reporters saw of it. Pure: no I/O, no clock.
//!
//! A domain's way: what was reported of each day ([`Facts`]) → the stage that the newest days make (policy mode, first day, blocking
//! failures) → a [`State`] by the numbers of a [`Rule`] → since when, and what is missing before the next step ([`Readiness`]).
//!
//! Invariants: days are the reports' own, never those of receipt, and a day is the sum of its reports, so neither the order nor the time
//! of arrival changes an answer; an answer as of a day rests on no later day.

mod facts;
mod readiness;
mod rhythm;
mod rule;
mod stage;
mod state;

pub use facts::{Facts, Reported, Seen};
pub use readiness::{Missing, MissingCode, NextStep, Readiness};
pub use rhythm::Rhythm;
pub use rule::Rule;
pub use state::State;
