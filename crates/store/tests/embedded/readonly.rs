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
        ("SHOW GRANTS", "GRANT SELECT ON readable.* TO tlsrpt_readonly\nGRANT SELECT(n) ON unwritable.t TO tlsrpt_readonly\n"),
    ] {
        let answer = read(sql, &[]);
        assert_eq!((answer.status, answer.text().as_str()), (200, result), "{sql}");
    }
    assert_eq!(read("SELECT getSetting('max_threads')", &[("max_threads", "1")]).text(), "1\n");
    let formatted = read("SELECT 1 AS a", &[("default_format", "JSONEachRow")]);
    assert_eq!(formatted.text(), "{\"a\":1}\n");
}

/// What the clients ask that people use.
#[tokio::test]
async fn the_readonly_user_sees_of_the_server_what_its_clients_ask_for_and_of_the_data_what_it_is_granted() {
    let client = client("hidden").await;
    client.query("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n").execute().await.unwrap();
    let hidden = async || client.query("SELECT * FROM hidden.t").execute().await;
    hidden().await.expect("the other user sees all of it");
    for sql in [
        "SELECT version(), timezone()",
        "SELECT name, value, readonly FROM system.settings WHERE changed",
        "SELECT name FROM system.databases",
        "SELECT `database`, `table`, name, type FROM system.`columns`",
        "SELECT name FROM `system`.functions UNION ALL SELECT name FROM system.data_type_families",
        "SELECT 1 AS processes, 2 AS users",
    ] {
        assert_eq!(read(sql, &[]).status, 200, "{sql}");
    }
    assert!(!read("SELECT name FROM system.databases", &[]).text().contains("hidden"));
    for (sql, settings) in [
        ("SELECT * FROM hidden.t", &[][..]),
        ("SELECT * FROM t", &[("database", "hidden")]),
        ("SELECT * FROM view(SELECT * FROM hidden.t)", &[]),
        ("SELECT n FROM merge('hidden', '.*')", &[]),
        ("SELECT * FROM loop('hidden', 't')", &[]),
        ("DESCRIBE hidden.t", &[]),
        ("SHOW CREATE TABLE hidden.t", &[]),
        ("SHOW GRANTS FOR default", &[]),
        ("SELECT * FROM system.processes", &[]),
        ("SELECT * FROM `system` . \"processes\"", &[]),
        ("SELECT * FROM system./* */processes", &[]),
        ("SELECT * FROM processes", &[("database", "system")]),
        ("SELECT * FROM users", &[("database", "SYSTEM")]),
        ("SELECT * FROM system.users", &[]),
        ("SELECT * FROM system.server_settings", &[]),
        ("SELECT * FROM system.parts", &[]),
        ("SHOW PROCESSLIST", &[]),
        ("SELECT 1 FORMAT Template", &[("format_template_resultset", "/etc/hostname")]),
        ("SELECT 1 FORMAT Protobuf", &[("output_format_schema", "/tmp/never")]),
        ("SELECT 1 FORMAT Protobuf", &[("format_schema", "/etc/hostname:x")]),
    ] {
        let answer = read(sql, settings);
        let text = answer.text();
        let is_refused = ["Code: 497.", "Code: 81.", "Code: 60."].iter().any(|code| text.starts_with(code));
        assert!(is_refused && answer.status >= 400, "{sql}: {} {text}", answer.status);
    }
}

#[tokio::test]
async fn a_query_of_the_readonly_user_ends_at_its_limits_whatever_it_asks_for() {
    for (sql, settings) in [
        ("SELECT number FROM numbers(100001)", &[][..]),
        ("SELECT number FROM numbers(100001)", &[("max_result_rows", "0")]),
        ("SELECT number FROM numbers(100001)", &[("max_result_rows", "1000000")]),
        ("SELECT number FROM numbers(11)", &[("max_result_rows", "10")]),
        ("SELECT repeat('x', 1000000) FROM numbers(100)", &[("max_block_size", "1")]),
        ("SELECT count() FROM numbers(200000001)", &[("max_rows_to_read", "0"), ("read_overflow_mode", "throw")]),
        ("SELECT groupArray(number) FROM numbers(199000000)", &[("max_memory_usage", "0")]),
    ] {
        // Else what is beyond a limit breaks the answer off in the middle.
        let answer = read(sql, &[settings, &[("wait_end_of_query", "1")]].concat());
        let text = answer.text();
        let is_ended = ["396", "158", "241"].iter().any(|code| text.contains(&format!("Code: {code}. ")));
        assert!(is_ended, "{sql} {settings:?}: {} {}", answer.status, &text[..text.len().min(300)]);
    }
    assert_eq!(read("SELECT getSetting('max_execution_time')", &[("max_execution_time", "0")]).text(), "30\n");
    assert_eq!(read("SELECT count() FROM numbers(100000)", &[]).text(), "100000\n");
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
