//! The crate as its users call it: payload bytes in, normal form or reject out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod dates;
mod document;
mod encoding;
mod failures;
mod filing;
mod identity;
mod layers;
mod mail_limits;
mod mail_properties;
mod mails;
mod model;
mod policies;
mod properties;
mod refusal;
mod sample;
