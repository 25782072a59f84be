//! `tlsrpt all-in-one`: every role in this process.

use std::{process::ExitCode, time::Duration};

use anyhow::Context as _;
use tokio::runtime::Handle;

use super::{edge, lag, log::WithoutKafka, normalizer, process, process::Process, query, role_runtime, welcome, writer};
use crate::config::Config;

/// Runs until a signal asks for the end, or a role cannot go on.
pub(crate) fn all_in_one(config: &Config) -> anyhow::Result<ExitCode> {
    let normalizer = role_runtime("normalizer").context("start the normalizer's runtime")?;
    let writer = role_runtime("writer").context("start the writer's runtime")?;
    let appends: Vec<&'static str> = edge::APPENDS.into_iter().chain(normalizer::APPENDS).chain(query::APPENDS).collect();
    let ending = process::run(config, "all-in-one", WithoutKafka::GoesOn, &appends, async |process| {
        start(process, normalizer.handle(), writer.handle()).await
    });
    for runtime in [normalizer, writer] {
        runtime.shutdown_timeout(Duration::from_secs(1));
    }
    ending
}

/// Starts the roles along a report's way. What needs the log alone starts first: a database that is away keeps no sender out.
async fn start(process: &mut Process<'_>, of_normalizer: &Handle, of_writer: &Handle) -> anyhow::Result<Option<()>> {
    let store = process.open_database().await?;
    let admin_key = query::admin_key(process)?;
    let Some(registry) = process.registry().await? else { return Ok(None) };
    let first_run = registry.tenants(None, 1).is_empty();

    let Some(listens) = edge::start(process, registry.clone()).await? else { return Ok(None) };
    if normalizer::start(process, of_normalizer, registry.clone()).await?.is_none() {
        return Ok(None);
    }
    lag::start(process, &[normalizer::LAG, writer::LAG, writer::AUDIT_LAG])?;
    if process.migrate(&store).await?.is_none() || writer::start(process, of_writer, store.clone()).await?.is_none() {
        return Ok(None);
    }
    let Some(query_addr) = query::start(process, &admin_key, registry, store).await? else { return Ok(None) };
    if first_run {
        println!("{}", welcome::text(process.config, &listens, query_addr, process.ops_addr));
    }
    Ok(Some(()))
}
