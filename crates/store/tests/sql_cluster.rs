//! The same inserts and queries over Distributed tables, as a cluster has them. One engine is the only server of the cluster, and it
//! has no Keeper: the tables below are plain ones of the same columns, and what needs a Keeper is parsed and explained.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "sql/adoption.rs"]
mod adoption;
#[path = "sql/audit.rs"]
mod audit;
#[path = "sql/counted.rs"]
mod counted;
#[path = "sql/counting.rs"]
mod counting;
#[path = "sql/days.rs"]
mod days;
#[path = "sql/erasure.rs"]
mod erasure;
#[path = "sql/filters.rs"]
mod filters;
#[path = "sql/groups.rs"]
mod groups;
#[path = "sql/incidents.rs"]
mod incidents;
#[path = "sql/keys.rs"]
mod keys;
#[path = "sql/ledger.rs"]
mod ledger;
#[path = "sql/lists.rs"]
mod lists;
#[path = "sql/mails.rs"]
mod mails;
#[path = "sql/model.rs"]
mod model;
#[path = "sql/notices.rs"]
mod notices;
#[path = "sql/once.rs"]
mod once;
#[path = "sql/policies.rs"]
mod policies;
#[path = "sql/replay.rs"]
mod replay;
#[path = "sql/reporters.rs"]
mod reporters;
#[path = "sql/support.rs"]
mod support;
#[path = "sql/top.rs"]
mod top;
#[path = "sql/wall.rs"]
mod wall;

use tlsrpt_store::{ClusterName, Store, StoreConfig};

use crate::support::client;

const NAME: &str = "alone";

fn cluster() -> Option<ClusterName> {
    Some(ClusterName::try_from(NAME.to_owned()).unwrap())
}

/// The cluster's own statements, but for what needs a Keeper.
async fn migrate(config: &StoreConfig, store: &Store) {
    let create = format!("CREATE DATABASE IF NOT EXISTS {}", config.database);
    client(&StoreConfig { database: "default".to_owned(), ..config.clone() }).query(&create).execute().await.unwrap();
    for statement in store.schema(Store::schema_known()) {
        client(config).query_raw(&without_keeper(&statement)).execute().await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
}

/// Plain engines, and on this server alone.
fn without_keeper(statement: &str) -> String {
    let statement = statement.replace(&format!(" ON CLUSTER '{NAME}'"), "");
    match statement.split_once("ReplicatedReplacingMergeTree('") {
        None => statement,
        Some((before, replicated)) => {
            let (_path, rest) = replicated.split_once("', '").unwrap();
            let (_replica, version) = rest.split_once('\'').unwrap();
            format!("{before}ReplacingMergeTree({}", version.trim_start_matches(", "))
        }
    }
}

#[tokio::test]
async fn every_statement_of_the_clusters_schema_is_one_that_the_engine_understands() {
    let config = support::config();
    let statements = Store::new(&config).schema(Store::schema_known());
    assert_eq!(statements.len(), 27, "versions, seven tables with rows and seven over them, what some of them got later, and four views");
    for statement in &statements {
        assert!(statement.contains("ON CLUSTER 'alone'") && !statement.contains('$'), "{statement}");
        let explained: Vec<String> = client(&StoreConfig { database: "default".to_owned(), ..config.clone() })
            .query_raw(&format!("EXPLAIN AST {statement}"))
            .fetch_all()
            .await
            .unwrap();
        if explained.iter().any(|line| line.contains("AlterQuery")) {
            assert!(statement.contains("ADD COLUMN IF NOT EXISTS"), "{statement}");
            continue;
        }
        assert!(explained.iter().any(|line| line.contains("CreateQuery")), "{explained:?}");
        if statement.contains("CREATE VIEW IF NOT EXISTS") {
            assert!(statement.contains("FROM reports FINAL"), "a view is over the table of the whole cluster: {statement}");
            continue;
        }
        let engines = ["ReplicatedReplacingMergeTree", "Distributed"];
        assert!(explained.iter().any(|line| engines.iter().any(|engine| line.contains(engine))), "{explained:?}");
    }
}

#[tokio::test]
async fn one_server_and_a_cluster_have_the_same_columns() {
    let config = support::config();
    let cluster = support::store_in(&config).await;
    let single = StoreConfig { database: format!("{}_single", config.database), cluster: None, ..config.clone() };
    Store::new(&single).migrate().await.unwrap();
    let columns = async |config: &StoreConfig, table: &str| -> Vec<(String, String)> {
        let sql = "SELECT name, type FROM system.columns WHERE database = ? AND table = ? ORDER BY position";
        client(config).query(sql).bind(&config.database).bind(table).fetch_all().await.unwrap()
    };
    for table in ["reports", "submissions", "audit", "erasures", "notices", "notice_deliveries"] {
        let plain = columns(&single, table).await;
        assert!(plain.len() >= 10);
        assert_eq!(columns(&config, table).await, plain);
        assert_eq!(columns(&config, &format!("{table}_local")).await, plain);
    }
    drop(cluster);
}
