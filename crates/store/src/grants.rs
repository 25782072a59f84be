//! What a user needs who reads the views that count (`migrations/007_counted`), and nothing else: no payload, nobody's mail addresses, no
//! key, no audit entry.

/// The views.
const VIEWS: [&str; 4] = ["counted_failures", "counted_reports", "counted_sessions", "counted_submissions"];

/// The tables under them, with the columns that they read.
const TABLES: [(&str, &[&str]); 2] = [
    (
        "reports",
        &[
            "tenant",
            "policy_domain",
            "key_day",
            "day",
            "document",
            "report_group",
            "organization",
            "report_id",
            "policy_type",
            "policy_mode",
            "policy_max_age",
            "mx_hosts",
            "successful",
            "failed",
            "failures.result_type",
            "failures.sending_ip",
            "failures.receiving_mx",
            "failures.receiving_ip",
            "failures.sessions",
            "failures.reason",
            "warnings",
            "trust",
            "signer",
            "submission_id",
            "received_at",
        ],
    ),
    ("submissions", &["submission_id", "received_at", "channel", "trust", "reason", "payload_bytes"]),
];

/// The grants, as GRANT statements have them between GRANT and TO. In a cluster the same columns of the tables `…_local` are read on each
/// shard, and are granted too.
#[must_use]
pub fn reading_grants(database: &str) -> Vec<String> {
    let quoted = |name: &str| format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"));
    let database = quoted(database);
    let views = VIEWS.iter().map(|view| format!("SELECT ON {database}.{view}"));
    let tables = TABLES.iter().map(|(table, columns)| {
        let columns: Vec<String> =
            columns.iter().map(|column| if column.contains('.') { quoted(column) } else { (*column).to_owned() }).collect();
        format!("SELECT({}) ON {database}.{table}", columns.join(", "))
    });
    views.chain(tables).collect()
}
