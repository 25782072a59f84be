//! The receivers over real sockets and the real embedded log.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod answers;
mod faulty_log;
mod harness;
mod limits;
mod mail;
mod mail_client;
mod mail_hostile;
mod mail_limits;
mod protocols;
mod shutdown;
mod spool;
mod spool_kill;
mod spool_model;
mod time_outs;
mod tls;
