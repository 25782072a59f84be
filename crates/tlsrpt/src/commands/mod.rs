//! Commands that do one thing and end.

pub mod check;
pub mod config;
pub mod demo;
pub mod migrate;
pub mod version;
