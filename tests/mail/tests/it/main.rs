//! Each of the peers, with nothing of ours on the other side.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod dns;
mod dovecot;
mod machine;
mod senders;
