//! `tlsrpt edge | normalizer | writer | query`: one role in this process, the others elsewhere.

use std::process::ExitCode;

use anyhow::ensure;

use super::{edge, lag, log::WithoutKafka, normalizer, process, query, writer};
use crate::config::Config;

/// The receivers.
pub(crate) fn run_edge(config: &Config) -> anyhow::Result<ExitCode> {
    needs_kafka(config, "edge")?;
    process::run(config, "edge", WithoutKafka::GoesOn, &edge::APPENDS, async |process| {
        let Some(registry) = process.registry().await? else { return Ok(None) };
        Ok(edge::start(process, registry).await?.map(drop))
    })
}

/// A normalizer.
pub(crate) fn run_normalizer(config: &Config) -> anyhow::Result<ExitCode> {
    needs_kafka(config, "normalizer")?;
    process::run(config, "normalizer", WithoutKafka::Nothing, &normalizer::APPENDS, async |process| {
        let Some(registry) = process.registry().await? else { return Ok(None) };
        let runtime = tokio::runtime::Handle::current();
        if normalizer::start(process, &runtime, registry).await?.is_none() {
            return Ok(None);
        }
        lag::start(process, &[normalizer::LAG])?;
        Ok(Some(()))
    })
}

/// A writer.
pub(crate) fn run_writer(config: &Config) -> anyhow::Result<ExitCode> {
    needs_kafka(config, "writer")?;
    needs_clickhouse(config, "writer")?;
    process::run(config, "writer", WithoutKafka::Nothing, &writer::APPENDS, async |process| {
        let store = process.open_database().await?;
        if process.migrate(&store).await?.is_none() {
            return Ok(None);
        }
        let runtime = tokio::runtime::Handle::current();
        if writer::start(process, &runtime, store).await?.is_none() {
            return Ok(None);
        }
        lag::start(process, &[writer::LAG, writer::AUDIT_LAG])?;
        Ok(Some(()))
    })
}

/// The API.
pub(crate) fn run_query(config: &Config) -> anyhow::Result<ExitCode> {
    needs_kafka(config, "query")?;
    needs_clickhouse(config, "query")?;
    process::run(config, "query", WithoutKafka::GoesOn, &query::APPENDS, async |process| {
        let admin_key = query::admin_key(process)?;
        let Some(registry) = process.registry().await? else { return Ok(None) };
        let store = process.open_database().await?;
        if process.migrate(&store).await?.is_none() {
            return Ok(None);
        }
        let Some(_listens) = query::start(process, &admin_key, registry, store).await? else { return Ok(None) };
        // The lag shows with every normalizer and writer gone, too.
        lag::start(process, &[normalizer::LAG, writer::LAG, writer::AUDIT_LAG])?;
        Ok(Some(()))
    })
}

fn needs_kafka(config: &Config, role: &str) -> anyhow::Result<()> {
    ensure!(
        config.kafka.brokers.is_some(),
        "tlsrpt {role} works over Kafka: give --kafka-brokers HOST:PORT, or run tlsrpt all-in-one, which needs none"
    );
    Ok(())
}

fn needs_clickhouse(config: &Config, role: &str) -> anyhow::Result<()> {
    ensure!(
        config.store.clickhouse_url.is_some(),
        "tlsrpt {role} shares a ClickHouse server with the other roles: give --clickhouse-url http://HOST:8123, or run tlsrpt all-in-one"
    );
    Ok(())
}
