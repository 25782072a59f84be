//! Verdicts, with keys in a real DNS server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod dns_away;
mod evidence;
mod forgeries;
mod signatures;
mod support;
