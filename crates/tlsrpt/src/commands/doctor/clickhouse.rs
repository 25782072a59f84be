//! A ClickHouse server: whether it answers, its schema, its clock.

use tlsrpt_store::{Store, StoreConfig};

use super::{Finding, Role, chain, now_ms};
use crate::config::{Config, Secret};

const SUBJECT: &str = "clickhouse";
/// A difference of clocks that shows in times of receipt.
const CLOCK_WARN_MS: i64 = 2_000;

/// Asks it; an embedded engine is no server.
pub(super) async fn check(config: Config, role: Role) -> Vec<Finding> {
    let section = &config.store;
    let Some(url) = section.clickhouse_url.as_ref().filter(|_| role.stores()) else { return Vec::new() };
    let store = Store::new(&StoreConfig {
        url: url.clone(),
        user: section.clickhouse_user.clone(),
        password: section.clickhouse_password.as_ref().map(Secret::reveal).unwrap_or_default().to_owned(),
        database: section.clickhouse_database.clone(),
        cluster: section.clickhouse_cluster.clone(),
    });
    let asked_ms = now_ms();
    let about = match store.about().await {
        Ok(about) => about,
        Err(error) => {
            let remedy = if error.is_retryable() {
                "start the server, or correct store.clickhouse_url: its HTTP interface, usually port 8123"
            } else {
                "correct store.clickhouse_user and store.clickhouse_password, or the rights of that user"
            };
            return vec![Finding::fail(SUBJECT, format!("{url}: {}", chain(&error)), remedy)];
        }
    };
    let answered_ms = now_ms();
    let mut findings = vec![Finding::ok(SUBJECT, format!("{url} is ClickHouse {}", about.version))];
    let apart_ms = (about.now_ms - answered_ms).max(asked_ms - about.now_ms).max(0);
    findings.push(if apart_ms > CLOCK_WARN_MS {
        let found = format!("its clock is {apart_ms} ms or more apart from this machine's");
        Finding::warn(SUBJECT, found, "synchronise both clocks (NTP)")
    } else {
        Finding::ok(SUBJECT, "its clock and this machine's agree")
    });
    findings.push(schema(&store).await);
    findings
}

async fn schema(store: &Store) -> Finding {
    let known = Store::schema_known();
    match store.schema_version().await {
        Ok(None) => Finding::ok(SUBJECT, "the database has no schema yet: the first role that starts makes it, or tlsrpt migrate"),
        Ok(Some(found)) if found == known => Finding::ok(SUBJECT, format!("the schema is at version {found}, this program's")),
        Ok(Some(found)) if found < known => {
            let remedy = "start a writer, a query or all-in-one of this version, or run tlsrpt migrate; a backup before it is the way back";
            Finding::warn(SUBJECT, format!("the schema is at version {found}, this program's is {known}"), remedy)
        }
        Ok(Some(found)) => {
            let remedy = "update this program: it does not start on a newer schema";
            Finding::fail(SUBJECT, format!("the schema is at version {found}, this program knows {known}"), remedy)
        }
        Err(error) => Finding::fail(SUBJECT, chain(&error), "give the user the rights that docs/deploy-kafka.md lists"),
    }
}
