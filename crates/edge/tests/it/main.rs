//! The HTTPS receiver over real sockets and the real embedded log.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod answers;
mod harness;
mod limits;
mod protocols;
mod shutdown;
mod time_outs;
mod tls;
