//! `tlsrpt restore`: a data directory from a backup.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, ensure};
use clap::Args;
use serde_json::json;
use tlsrpt_backup::{DATABASE_DIR, Manifest, finish, place};

use super::backup::say;
use crate::{
    config::Config,
    wiring::{self, Database},
};

/// Where from.
#[derive(Args, Debug)]
pub(crate) struct RestoreArgs {
    /// Directory of the backup
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// The result as one JSON object
    #[arg(long)]
    json: bool,
}

/// Checks the backup, restores it, and tells the result.
pub(crate) fn run(config: &Config, args: &RestoreArgs) -> anyhow::Result<ExitCode> {
    ensure!(
        config.is_embedded(),
        "a backup is restored into a data directory: leave out the Kafka brokers and the ClickHouse server of this configuration"
    );
    let from = std::path::absolute(&args.from)?;
    say("every file is compared with the manifest");
    let manifest = place(&from, &config.data_dir, |_| {})?;
    say("the database is restored");
    let half = || format!("the restore into {} is not finished: empty the directory and restore again", config.data_dir.display());
    wiring::runtime().context("start the runtime")?.block_on(restore_database(config, &from, &manifest)).with_context(half)?;
    finish(&config.data_dir).with_context(half)?;
    if args.json {
        println!("{}", json!({"data_dir": config.data_dir, "began_at": manifest.began_at, "bytes": manifest.bytes()}));
    } else {
        println!("{} holds everything up to {}: start the service on it", config.data_dir.display(), manifest.began_at);
    }
    Ok(ExitCode::SUCCESS)
}

async fn restore_database(config: &Config, from: &Path, manifest: &Manifest) -> anyhow::Result<()> {
    let database = Database::open_half(config, from).await?;
    let restored = database.store.restore(&manifest.database, &from.join(DATABASE_DIR)).await;
    database.close().await;
    Ok(restored?)
}
