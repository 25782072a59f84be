//! The user who may only read.

use crate::engine::{READONLY_TOKEN, client};
use crate::http::{Answer, send};

fn read(sql: &str, settings: &[(&str, &str)]) -> Answer {
    send("POST", settings, &[("X-ClickHouse-User", "tlsrpt_readonly"), ("X-ClickHouse-Key", READONLY_TOKEN)], sql.as_bytes())
}

#[tokio::test]
async fn the_readonly_user_reads_tables() {
    let client = client("readable").await;
    client.query("CREATE TABLE t ENGINE = MergeTree ORDER BY n AS SELECT number AS n FROM numbers(10)").execute().await.unwrap();
    for (sql, result) in [
        ("SELECT sum(n) FROM readable.t", "45\n"),
        ("WITH 2 AS two SELECT count() FROM readable.t WHERE n > two", "7\n"),
        ("SELECT count() FROM numbers(5)", "5\n"),
        ("(SELECT 1)", "1\n"),
        ("SHOW TABLES FROM readable", "t\n"),
    ] {
        let answer = read(sql, &[]);
        assert_eq!((answer.status, answer.text().as_str()), (200, result), "{sql}");
    }
    assert_eq!(read("SELECT getSetting('max_threads')", &[("max_threads", "3")]).text(), "3\n");
    let formatted = read("SELECT 1 AS a", &[("default_format", "JSONEachRow")]);
    assert_eq!(formatted.text(), "{\"a\":1}\n");
}

#[tokio::test]
async fn the_readonly_user_changes_nothing_and_reaches_nothing_outside_the_database() {
    let client = client("unwritable").await;
    client.query("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n").execute().await.unwrap();
    for sql in [
        "INSERT INTO unwritable.t VALUES (1)",
        "INSERT INTO unwritable.t SELECT 1",
        "CREATE TABLE unwritable.u (n UInt8) ENGINE = Memory",
        "CREATE TEMPORARY TABLE u (n UInt8)",
        "DROP TABLE unwritable.t",
        "TRUNCATE TABLE unwritable.t",
        "ALTER TABLE unwritable.t DELETE WHERE 1",
        "OPTIMIZE TABLE unwritable.t",
        "KILL QUERY WHERE 1",
        "SYSTEM FLUSH LOGS",
        "SET readonly = 0",
        "SELECT 1 SETTINGS readonly = 0",
        "SELECT 1 INTO OUTFILE '/tmp/never'",
        "SELECT file('/etc/hostname')",
        "SELECT `file`('/etc/hostname')",
        "SELECT \"fi\\x6ce\"('/etc/hostname')",
        "SELECT /* */ FILE /* */ ('/etc/hostname')",
        "SELECT * APPLY file FROM (SELECT '/etc/hostname')",
        "SELECT * APPLY(file) FROM (SELECT '/etc/hostname')",
        "file('/etc/hostname')",
        "SELECT * FROM file('/etc/hostname', 'LineAsString')",
        "SELECT * FROM default.`/etc/hostname`",
        "SELECT * FROM '/etc/hostname'",
        "DESCRIBE TABLE file('/etc/hostname', 'LineAsString')",
        "DESCRIBE TABLE url('http://127.0.0.1:1/', 'LineAsString')",
        "EXPLAIN SELECT * FROM file('/etc/hostname', 'LineAsString')",
        "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString', 'a String')",
        "SELECT * FROM s3('http://127.0.0.1:1/bucket/a', 'TSV', 'a String')",
        "SELECT * FROM remote('127.0.0.1:1', system.one)",
        "SELECT * FROM executable('id', 'TSV', 'a String')",
        "SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
        "SELECT * FROM filesystem('/etc')",
        "SELECT * FROM icebergLocal('/etc')",
        "SELECT * FROM sqlite('/etc/x', 'y')",
        "BACKUP TABLE unwritable.t TO File('/tmp/never')",
    ] {
        for settings in [&[][..], &[("readonly", "0")]] {
            let answer = read(sql, settings);
            let text = answer.text();
            let is_refused = ["Code: 497.", "Code: 164.", "Code: 358.", "Code: 81."].iter().any(|code| text.starts_with(code));
            assert!(is_refused && answer.status >= 400, "{sql}: {} {text}", answer.status);
        }
    }
    assert_eq!(read("from file('/etc/hostname')", &[("dialect", "prql")]).status, 403);
    assert_eq!(client.query("SELECT count() FROM t").fetch_one::<u64>().await.unwrap(), 0);
}
