//! Real mail servers and clients on loopback: Debian's, from the tree that `scripts/fetch-mail-peers` fetches.
//!
//! [`Peers::here`] says whether they can run. Each is on a [`Machine`] of its own, as far as it can tell: a root directory with the
//! users it wants, an address of loopback's network 127/8 that nobody else has, and so the ports that it has everywhere. Servers are
//! ready when their constructor returns; clients are run to their end.
//!
//! Invariants: no program outlives its machine, nor the process that holds it, however that ends; nothing is written outside the
//! machine's directory, which is removed with it; nothing listens beyond loopback; no user, mount or file of the system is touched.
//! What does not do as told is a panic that shows the logs: this is for tests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by a panic that says what was found"
)]

mod address;
mod authority;
mod clients;
mod dns;
mod dovecot;
mod exim;
mod machine;
mod opensmtpd;
mod peers;
mod postfix;
mod process;
mod reporter;
mod server;
mod sink;
mod users;
mod wait;

pub use self::{
    authority::{Authority, Certificate},
    clients::{Clients, Envelope},
    dns::{Dns, Zones},
    dovecot::{Dovecot, Stored},
    exim::{Exim, EximParts},
    machine::{Machine, Ran},
    opensmtpd::OpenSmtpd,
    peers::Peers,
    postfix::Postfix,
    reporter::{Reporter, Sender},
    sink::Sink,
};
