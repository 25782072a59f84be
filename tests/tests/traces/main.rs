//! Telemetry by OTLP, from the real binary to a receiver that decodes it. A process of its own, since the database engine of the roles is
//! inside this test and a process can run one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod away;
mod chain;
mod collector;
mod kafka;
mod logs;
mod metrics;
mod one_process;
#[allow(dead_code, reason = "the suite of the roles uses more of them")]
#[path = "../kafka_roles/parts.rs"]
mod parts;
mod sampling;

use tlsrpt_tests::{OtlpReceiver, Setup};

/// The engine's library expects an allocator that it does not share with its host.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Whoever is set up so sends everything to `receiver`.
fn traced(setup: Setup, receiver: &OtlpReceiver) -> Setup {
    setup.variable("TLSRPT_OTLP__ENDPOINT", receiver.endpoint()).variable("TLSRPT_OTLP__SAMPLE_RATIO", "1.0")
}
