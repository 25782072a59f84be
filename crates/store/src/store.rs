//! The connection to ClickHouse.

use std::{sync::Arc, time::Duration};

use clickhouse::{Client, Compression, query::Query};

use crate::{
    error::{StoreError, StoreResult as _},
    layout::{ClusterName, Layout},
    spans,
    statement::{QUERY_SETTINGS, Statement},
};

/// Where ClickHouse is.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// Base URL of its HTTP interface.
    pub url: String,
    /// User.
    pub user: String,
    /// Password; for the embedded engine, its token.
    pub password: String,
    /// Database; made by the first migration.
    pub database: String,
    /// Cluster over which tables are laid out; none for one server.
    pub cluster: Option<ClusterName>,
}

/// What a database says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// Its version, such as `26.7.3.1`.
    pub version: String,
    /// What its clock shows, milliseconds since 1970.
    pub now_ms: i64,
}

/// A handle to the database; clones share connections.
#[derive(Clone)]
pub struct Store {
    server: Client,
    writer: Client,
    reader: Client,
    database: Arc<str>,
    layout: Layout,
}

/// How long a query may take with its answer's way: more than the server's own limit, so that its error is seen.
const QUERY_DEADLINE: Duration = Duration::from_secs(45);

/// An insert is answered when its rows are durable, and never swallowed for being like an earlier one: a row that was taken
/// back must be insertable again.
const WRITE_SETTINGS: [(&str, &str); 3] = [("async_insert", "0"), ("insert_deduplicate", "0"), ("max_query_size", "4194304")];

impl Store {
    /// A handle; nothing is asked of the database yet.
    #[must_use]
    pub fn new(config: &StoreConfig) -> Self {
        let compression = if is_loopback(&config.url) { Compression::None } else { Compression::Lz4 };
        let server = Client::default()
            .with_url(&config.url)
            .with_user(&config.user)
            .with_password(&config.password)
            .with_compression(compression)
            .with_product_info("tlsrpt", env!("CARGO_PKG_VERSION"));
        let layout = config.cluster.clone().map_or(Layout::Single, Layout::Cluster);
        let with = |settings: &[(&str, &str)], of_layout: &[(&str, &str)]| {
            let client = server.clone().with_database(&config.database);
            settings.iter().chain(of_layout).fold(client, |client, &(name, value)| client.with_setting(name, value))
        };
        Self {
            writer: with(&WRITE_SETTINGS, layout.writes()),
            reader: with(&QUERY_SETTINGS, layout.reads()),
            database: config.database.as_str().into(),
            server,
            layout,
        }
    }

    /// Asks for a sign of life.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.server.query("SELECT 1").fetch_one::<u8>().await.action("ping the database").map(|_| ())
    }

    /// What the database says of itself.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn about(&self) -> Result<About, StoreError> {
        let asked = self.server.query("SELECT version(), toUnixTimestamp64Milli(now64(3))");
        let (version, now_ms) = asked.fetch_one::<(String, i64)>().await.action("ask the database for its version")?;
        Ok(About { version, now_ms })
    }

    /// The database's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.database
    }

    /// A client without a database: it may not exist yet.
    pub(crate) fn server(&self) -> &Client {
        &self.server
    }

    /// A client whose inserts are durable when answered.
    pub(crate) fn writer(&self) -> &Client {
        &self.writer
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn database(&self) -> &str {
        &self.database
    }

    /// Every row that a query under limits answers.
    pub(crate) async fn fetch<T>(&self, action: &'static str, statement: Statement) -> Result<Vec<T>, StoreError>
    where
        T: clickhouse::RowOwned + clickhouse::RowRead,
    {
        self.fetch_under(action, statement, &[]).await
    }

    /// The same under further settings, which go before those of every query.
    pub(crate) async fn fetch_under<T>(
        &self,
        action: &'static str,
        statement: Statement,
        settings: &[(&'static str, String)],
    ) -> Result<Vec<T>, StoreError>
    where
        T: clickhouse::RowOwned + clickhouse::RowRead,
    {
        let span = spans::statement(action, &self.database, &statement);
        let reading = self.query_under(statement, settings).fetch_all();
        let rows = span.cover(within_deadline(action, reading)).await;
        rows.inspect_err(|error| spans::failed(&span, error))
    }

    fn query_under(&self, statement: Statement, settings: &[(&'static str, String)]) -> Query {
        settings.iter().fold(statement.query(&self.reader), |query, (name, value)| query.with_setting(*name, value))
    }

    /// The rows that a query under limits answers, one by one, until `take` says that it has enough; the rest is not read.
    pub(crate) async fn fetch_while_under<T>(
        &self,
        action: &'static str,
        statement: Statement,
        settings: &[(&'static str, String)],
        mut take: impl FnMut(T) -> bool,
    ) -> Result<(), StoreError>
    where
        T: clickhouse::RowOwned + clickhouse::RowRead,
    {
        let span = spans::statement(action, &self.database, &statement);
        let reading = async {
            let mut rows = self.query_under(statement, settings).fetch::<T>()?;
            while let Some(row) = rows.next().await? {
                if !take(row) {
                    break;
                }
            }
            Ok(())
        };
        span.cover(within_deadline(action, reading)).await.inspect_err(|error| spans::failed(&span, error))
    }
}

/// The answer to a query, which must be whole within the deadline.
async fn within_deadline<T>(
    action: &'static str,
    reading: impl Future<Output = Result<T, clickhouse::error::Error>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(QUERY_DEADLINE, reading).await {
        Ok(read) => read.map_err(|source| StoreError::of_query(action, source)),
        Err(_) => Err(StoreError::Retry { action, source: clickhouse::error::Error::TimedOut }),
    }
}

/// Whether the URL's host is this machine, where compression only costs.
fn is_loopback(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::is_loopback;

    #[test]
    fn only_a_url_of_this_machine_goes_uncompressed() {
        for url in ["http://127.0.0.1:8123", "http://[::1]:8123/", "http://localhost"] {
            assert!(is_loopback(url), "{url}");
        }
        for url in ["http://clickhouse:8123", "http://10.0.0.1", "https://127.0.0.1.example"] {
            assert!(!is_loopback(url), "{url}");
        }
    }
}
