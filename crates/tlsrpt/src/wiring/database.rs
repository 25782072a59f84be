//! The database: the embedded engine, or a ClickHouse server.

use std::path::Path;

use anyhow::Context as _;
use tlsrpt_store::{
    Store, StoreConfig,
    embedded::{Embedded, EmbeddedConfig, Readonly},
};

use crate::config::{Config, Secret};

/// Directory of the embedded engine below the data directory.
const ENGINE_DIR: &str = "clickhouse";

/// An open database.
pub(crate) struct Database {
    /// The handle that the roles share.
    pub(crate) store: Store,
    /// The engine, when it runs in this process.
    engine: Option<Embedded>,
}

impl Database {
    /// Starts the embedded engine, or names the server that is configured; the server is not asked yet.
    pub(crate) async fn open(config: &Config) -> anyhow::Result<Self> {
        Self::open_with(config, &config.backups_dir()?).await
    }

    /// The same, with the directory below which the embedded engine may write backups and read them.
    pub(crate) async fn open_with(config: &Config, backups_dir: &Path) -> anyhow::Result<Self> {
        let section = &config.store;
        if let Some(url) = &section.clickhouse_url {
            let server = StoreConfig {
                url: url.clone(),
                user: section.clickhouse_user.clone(),
                password: section.clickhouse_password.as_ref().map(Secret::reveal).unwrap_or_default().to_owned(),
                database: section.clickhouse_database.clone(),
                cluster: section.clickhouse_cluster.clone(),
            };
            return Ok(Self { store: Store::new(&server), engine: None });
        }
        super::data_dir::make(config)?;
        Self::open_half(config, backups_dir).await
    }

    /// The embedded engine in a data directory that is being restored.
    pub(crate) async fn open_half(config: &Config, backups_dir: &Path) -> anyhow::Result<Self> {
        let section = &config.store;
        let data_dir = config.data_dir.join(ENGINE_DIR);
        let engine = Embedded::start(EmbeddedConfig {
            library: section.library.clone(),
            listen: section.embedded_listen,
            readonly: section.embedded_readonly_password.as_ref().map(|password| Readonly {
                password: password.reveal().to_owned(),
                grants: tlsrpt_store::reading_grants(&section.clickhouse_database),
            }),
            backups_dir: Some(backups_dir.to_owned()),
            ..EmbeddedConfig::new(&data_dir)
        })
        .await
        .with_context(|| format!("open the embedded database in {}", data_dir.display()))?;
        let client = StoreConfig { database: section.clickhouse_database.clone(), ..engine.config.clone() };
        Ok(Self { store: Store::new(&client), engine: Some(engine) })
    }

    /// Closes the embedded engine.
    pub(crate) async fn close(self) {
        if let Some(engine) = self.engine {
            engine.stop().await;
        }
    }
}
