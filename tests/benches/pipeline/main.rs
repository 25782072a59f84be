//! Speeds as ratios within one run: absolute figures of a shared machine say little, and are printed beside for orientation.
//!
//! `cargo bench -p tlsrpt-tests` runs all; a name as argument (`-- parse`) runs one. The real binary is taken from
//! `target/release`, so build it first (`make bench` does).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a benchmark that cannot go on ends")]

mod api;
mod durable;
mod kafka;
mod load;
mod mail;
mod parse;
mod proc_stat;
mod roles;
mod samples;
mod sustained;
mod table;
mod tracing;
mod writer;

/// As in the real binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    // Cargo passes `--bench`; what else is there is a name.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let runs: [(&str, fn()); 9] = [
        ("parse", parse::run),
        ("durable", durable::run),
        ("durable-kafka", durable::run_over_kafka),
        ("tracing", tracing::run),
        ("mail", mail::run),
        ("writer", writer::run),
        ("roles", roles::run),
        ("sustained", sustained::run),
        ("api", api::run),
    ];
    for (name, run) in runs {
        if wanted.is_empty() || wanted.iter().any(|w| w == name) {
            run();
        }
    }
}
