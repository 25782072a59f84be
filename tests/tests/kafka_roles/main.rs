//! The roles as processes of their own, over a real broker and the real database engine. A process of its own, since the engine is
//! inside this test and a process can run one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod alerts;
mod audit;
mod away;
mod doctor;
mod limits;
mod lost;
mod one_report;
mod operators;
mod parts;
mod security;
mod spool;

/// The engine's library expects an allocator that it does not share with its host.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
