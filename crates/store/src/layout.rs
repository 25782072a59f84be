//! One server, or a cluster of shards and replicas: what differs between them. Statements are the same text in both.
//!
//! In a cluster each table that holds rows is a Replicated one, named `…_local`, on every shard; a Distributed one over them has the
//! plain name, so every query and insert is the same as on one server.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The name of a ClickHouse cluster, as in `remote_servers`: letters, digits, `_`, `-` and `.`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClusterName(String);

/// A name that no cluster has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a ClickHouse cluster's name has letters, digits, _ - and . only: {0:?} is not one of remote_servers")]
pub struct ClusterNameError(String);

impl TryFrom<String> for ClusterName {
    type Error = ClusterNameError;

    fn try_from(name: String) -> Result<Self, ClusterNameError> {
        let is_plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
        if is_plain { Ok(Self(name)) } else { Err(ClusterNameError(name)) }
    }
}

impl From<ClusterName> for String {
    fn from(name: ClusterName) -> Self {
        name.0
    }
}

impl fmt::Display for ClusterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How tables are laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// On one server, or in the embedded engine.
    Single,
    /// Over a cluster's shards, each with replicas.
    Cluster(ClusterName),
}

/// What an insert into a cluster needs besides. An acknowledged row is on the shard, not in a queue of the server that was asked,
/// and on most of the shard's replicas: the log's offset is committed after it. Rows that are moved go by the sharding key and never
/// stay where they were read. A statement for the whole cluster that one server does not carry out is an error.
const CLUSTER_WRITES: [(&str, &str); 6] = [
    ("distributed_foreground_insert", "1"),
    ("insert_quorum", "auto"),
    ("insert_quorum_timeout", "60000"),
    ("parallel_distributed_insert_select", "0"),
    ("distributed_ddl_task_timeout", "180"),
    ("distributed_ddl_output_mode", "throw"),
];

/// What a query over a cluster needs besides: a shard that is away is an error and not a smaller number, a replica that is far
/// behind is not asked while another is there, and a tenant's query goes to the tenant's shard alone.
const CLUSTER_READS: [(&str, &str); 3] =
    [("skip_unavailable_shards", "0"), ("max_replica_delay_for_distributed_queries", "30"), ("optimize_skip_unused_shards", "1")];

impl Layout {
    /// Settings of inserts and of statements that change the schema.
    pub(crate) fn writes(&self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Single => &[],
            Self::Cluster(_) => &CLUSTER_WRITES,
        }
    }

    /// Settings of queries.
    pub(crate) fn reads(&self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Single => &[],
            Self::Cluster(_) => &CLUSTER_READS,
        }
    }

    /// The table that holds the rows of `table`.
    pub(crate) fn holding(&self, table: &str) -> String {
        match self {
            Self::Single => table.to_owned(),
            Self::Cluster(_) => format!("{table}_local"),
        }
    }

    /// A statement of a migration, its placeholders filled: `$ON_CLUSTER`, `$LOCAL` behind the name of a table that holds rows,
    /// `$REPLACING(` for its engine, `$EVERYWHERE(` for the engine of a table that every server has whole, `$CLUSTER`,
    /// `$DATABASE`.
    pub(crate) fn fill(&self, sql: &str, database: &str) -> String {
        let database = format!("'{}'", database.replace('\\', "\\\\").replace('\'', "\\'"));
        let (on_cluster, local, replacing, everywhere, cluster) = match self {
            Self::Single => (String::new(), "", "ReplacingMergeTree(", "ReplacingMergeTree(", String::new()),
            Self::Cluster(name) => (
                format!(" ON CLUSTER '{name}'"),
                "_local",
                // By name and not by uuid, so that a replica that is added later finds the others.
                "ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', ",
                "ReplicatedReplacingMergeTree('/clickhouse/tables/all/{database}/{table}', '{shard}-{replica}'",
                format!("'{name}'"),
            ),
        };
        sql.replace("$ON_CLUSTER", &on_cluster)
            .replace("$LOCAL", local)
            .replace("$REPLACING(", replacing)
            .replace("$EVERYWHERE(", everywhere)
            .replace("$CLUSTER", &cluster)
            .replace("$DATABASE", &database)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    #[test]
    fn a_clusters_name_is_plain() {
        for name in ["default", "prod-eu_1.a"] {
            assert_eq!(ClusterName::try_from(name.to_owned()).unwrap().to_string(), name);
        }
        for name in ["", "a b", "x'", "{cluster}", "a\\"] {
            assert!(ClusterName::try_from(name.to_owned()).unwrap_err().to_string().contains("remote_servers"), "{name}");
        }
    }

    #[test]
    fn no_placeholder_is_left_in_either_layout() {
        let all = "t$LOCAL$ON_CLUSTER ENGINE = $REPLACING(v) $EVERYWHERE() Distributed($CLUSTER, $DATABASE)";
        for layout in [Layout::Single, Layout::Cluster(ClusterName::try_from("c".to_owned()).unwrap())] {
            assert!(!layout.fill(all, "it's").contains('$'));
        }
        assert_eq!(Layout::Single.fill("t$LOCAL$ON_CLUSTER $REPLACING(v)", "d"), "t ReplacingMergeTree(v)");
    }
}
