//! Wiring of the roles: what each is given, the order in which they start, and how they end.

mod all_in_one;
mod data_dir;
mod database;
mod edge;
mod lag;
mod log;
pub(crate) mod metrics;
mod normalizer;
mod open_files;
mod process;
pub(crate) mod publication;
mod query;
mod roles;
mod shutdown;
mod single;
mod welcome;
mod writer;

pub(crate) use all_in_one::all_in_one;
pub(crate) use database::Database;
pub(crate) use log::{LOG_DIR, OpenLog, kafka_config};
pub(crate) use single::{run_edge, run_normalizer, run_query, run_writer};

use tokio::runtime::{Builder, Runtime};

/// A runtime for the receivers and the API.
pub(crate) fn runtime() -> std::io::Result<Runtime> {
    Builder::new_multi_thread().thread_name("tlsrpt").enable_all().build()
}

/// A runtime for one role behind the log: a large batch never delays a sender or a tenant, and the threads' name shows in
/// `top -H` what the role costs.
fn role_runtime(name: &'static str) -> std::io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(1).thread_name(name).enable_all().build()
}
