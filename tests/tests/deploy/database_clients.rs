//! The clients that people point at ClickHouse, at the embedded engine's endpoint, as the user who may only read.

use std::{path::PathBuf, process::Command};

use serde_json::Value;
use tlsrpt_tests::{go_program, python_environment, today};

use crate::watched::{PASSWORD, USER, Watched};

const CLICKHOUSE_CONNECT: &str = include_str!("clickhouse_connect.py");
const SESSIONS_OF_ACME: f64 = 3.0 * (92.0 + 6.0 + 5.0);
const FAILED_OF_ACME: f64 = 3.0 * 6.0;

fn answered(mut command: Command) -> String {
    let ran = command.env_clear().output().unwrap();
    let errors = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{command:?}: {}: {}{errors}", ran.status, String::from_utf8_lossy(&ran.stdout));
    String::from_utf8(ran.stdout).unwrap()
}

#[tokio::test]
async fn curl_clickhouse_go_and_clickhouse_connect_read_what_the_readonly_user_is_granted_and_nothing_else() {
    let watched = Watched::start().await;
    summary_is(&watched).await;
    clickhouse_go(&watched);
    clickhouse_connect(&watched);
    curl(&watched);
    nobody_else(&watched).await;
    watched.service.finish().await;
}

/// What the API tells, so that the clients' figures are the right ones.
async fn summary_is(watched: &Watched) {
    let summary = watched.service.tenant(&watched.acme.key).json(&format!("/v1/summary?from={}&to={}", today().plus(-60), today())).await;
    let sum = |name: &str| summary[name].as_f64().unwrap();
    assert_eq!(
        (sum("successful_sessions") + sum("failed_sessions"), sum("failed_sessions")),
        (SESSIONS_OF_ACME, FAILED_OF_ACME),
        "{summary}"
    );
}

/// What Grafana's data source is built on, with each of its compressions.
fn clickhouse_go(watched: &Watched) {
    let mut command = Command::new(go_program("clickhouse-go"));
    command.args([&watched.database.to_string(), USER, PASSWORD]);
    let found: Vec<Value> = serde_json::from_str(&answered(command)).unwrap();
    assert_eq!(found.len(), 4, "{found:?}");
    for one in found {
        assert_eq!((one["Rows"].as_u64(), one["Sum"].as_u64()), (Some(100_000), Some(4_999_950_000)), "{one}");
        assert_eq!((one["Sessions"].as_f64(), one["Failed"].as_f64()), (Some(SESSIONS_OF_ACME), Some(FAILED_OF_ACME)), "{one}");
        assert_eq!(one["Refused"], 7, "{one}");
    }
}

/// What notebooks use, with each of its compressions.
fn clickhouse_connect(watched: &Watched) {
    let python: PathBuf = python_environment("clickhouse-connect").join("bin/python");
    let mut command = Command::new(python);
    command.args(["-c", CLICKHOUSE_CONNECT, &watched.database.port().to_string(), USER, PASSWORD]);
    let found: Vec<Value> = serde_json::from_str(&answered(command)).unwrap();
    assert_eq!(found.len(), 4, "{found:?}");
    for one in found {
        assert_eq!((one["rows"].as_u64(), one["sum"].as_u64()), (Some(100_000), Some(4_999_950_000)), "{one}");
        assert_eq!((one["sessions"].as_f64(), one["failed"].as_f64()), (Some(SESSIONS_OF_ACME), Some(FAILED_OF_ACME)), "{one}");
        assert_eq!(one["refused"], 7, "{one}");
    }
}

fn curl(watched: &Watched) {
    let ask = |arguments: &[&str]| {
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--noproxy", "*", "--user", &format!("{USER}:{PASSWORD}")]).args(arguments);
        command.arg(format!("http://{}/", watched.database));
        answered(command)
    };
    let period = format!("from = toDate('{}'), to = toDate('{}'), trust = []", today().plus(-60), today());
    let sql =
        format!("SELECT tenant, sum(failed_sessions) AS failed FROM tlsrpt.counted_sessions({period}) GROUP BY tenant ORDER BY tenant");
    assert_eq!(
        ask(&["--data-binary", &format!("{sql} FORMAT JSONEachRow")]),
        "{\"tenant\":\"\",\"failed\":1}\n{\"tenant\":\"acme\",\"failed\":18}\n"
    );
    assert_eq!(ask(&["--data-binary", &sql, "--header", "X-ClickHouse-Format: CSV"]), "\"\",1\n\"acme\",18\n");
    assert_eq!(ask(&["--get", "--data-urlencode", "query=SELECT {a:UInt8} + 1", "--data", "param_a=41"]), "42\n");
    let grants = ask(&["--data-binary", "SHOW GRANTS"]);
    for granted in tlsrpt_store::reading_grants("tlsrpt") {
        let of = granted.split(" ON ").nth(1).unwrap().replace('`', "");
        assert!(grants.lines().any(|line| line.contains(&format!(" ON {of} TO {USER}"))), "{granted}: {grants}");
    }
    for hidden in ["payload", "audit", "notices", "sender", "key_use"] {
        assert!(!grants.replace("payload_bytes", "").contains(hidden), "{grants}");
    }
    for sql in [
        "SELECT payload FROM tlsrpt.submissions",
        "SELECT * FROM tlsrpt.reports",
        "SELECT tenant, contact FROM tlsrpt.reports",
        "SELECT * FROM tlsrpt.audit",
        "SELECT * FROM tlsrpt.erasures",
        "SELECT key_id FROM tlsrpt.key_use",
        "DROP VIEW tlsrpt.counted_sessions",
    ] {
        let answer = ask(&["--data-binary", sql]);
        assert!(answer.starts_with("Code: 497."), "{sql}: {answer}");
    }
}

async fn nobody_else(watched: &Watched) {
    for (user, password) in [(USER, ""), (USER, "only for who read"), ("default", ""), ("tlsrpt", PASSWORD), ("tlsrpt", "")] {
        let refused = watched.asked_by(user, password).query("SELECT 1").await.unwrap_err();
        assert!(refused.starts_with("Code: 516."), "{user}: {refused}");
    }
}
