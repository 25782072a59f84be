//! Real mail servers and clients against the real binary: they deliver to it, stand before it, and sign what it verifies.
//!
//! Without root they do not run, and say so.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod publication;
mod recipes;
mod report_mail;
mod reporter;
mod rollout;
mod senders;
mod signatures;
mod world;
