//! `tlsrpt migrate`.

use std::process::ExitCode;

use crate::{config::Config, wiring};

/// Brings the database's schema to this version and prints which migrations ran.
pub(crate) fn run(config: &Config) -> anyhow::Result<ExitCode> {
    tlsrpt_telemetry::logs::init(config.logs.format, &config.logs.filter)?;
    let ran = wiring::runtime()?.block_on(async {
        let database = wiring::Database::open(config).await?;
        let migrate = async {
            let ran = database.store.migrate().await?;
            database.store.keep_audit(config.store.audit_retention_days).await?;
            Ok::<_, tlsrpt_store::StoreError>(ran)
        };
        let ran = migrate.await;
        database.close().await;
        anyhow::Ok(ran?)
    })?;
    if ran.is_empty() {
        println!("the schema is up to date");
    }
    for migration in ran {
        println!("ran {migration}");
    }
    Ok(ExitCode::SUCCESS)
}
