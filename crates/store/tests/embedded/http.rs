//! Through plain HTTP, as curl and other drivers do.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use base64::Engine as _;

use crate::engine::{READONLY_TOKEN, client, config};

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

fn escape(text: &str) -> String {
    text.bytes().map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn connect() -> TcpStream {
    TcpStream::connect(config().url.trim_start_matches("http://")).unwrap()
}

fn head(method: &str, parameters: &[(&str, &str)], headers: &[(&str, &str)]) -> String {
    let parameters: Vec<String> = parameters.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
    let query = if parameters.is_empty() { String::new() } else { format!("?{}", parameters.join("&")) };
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("{method} /{query} HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n{headers}")
}

/// Sends a request and reads the whole answer.
pub(crate) fn send(method: &str, parameters: &[(&str, &str)], headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut stream = connect();
    let head = head(method, parameters, headers) + &format!("Content-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: Vec<(String, String)> =
        lines.map(|line| line.split_once(": ").unwrap()).map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let body = answer.split_off(end + 4);
    let is_chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    Answer { status, headers, body: if is_chunked { unchunk(&body) } else { body } }
}

fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|window| window == b"\r\n").expect("a chunk's length");
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        if length == 0 {
            return body;
        }
        body.extend_from_slice(&rest[line + 2..line + 2 + length]);
        rest = &rest[line + 4 + length..];
    }
}

fn credentials() -> [(&'static str, &'static str); 2] {
    [("X-ClickHouse-User", "tlsrpt"), ("X-ClickHouse-Key", config().password.as_str())]
}

/// A POST of the user who may do everything.
fn post(parameters: &[(&str, &str)], body: impl AsRef<[u8]>) -> Answer {
    send("POST", parameters, &credentials(), body.as_ref())
}

fn ok(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text()
}

#[test]
fn ping_needs_no_credentials_and_a_statement_does() {
    let mut stream = connect();
    stream.write_all(b"GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("Ok.\n"), "{answer}");
    let answer = send("GET", &[("query", "SELECT 1")], &[], b"");
    assert_eq!((answer.status, answer.header("x-clickhouse-exception-code")), (401, Some("194")));
    assert!(answer.header("www-authenticate").is_some());
}

#[test]
fn credentials_are_taken_from_headers_basic_authorization_and_parameters() {
    let token = config().password.as_str();
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("tlsrpt:{token}"));
    let sql = ("query", "SELECT 1");
    assert_eq!(ok(&send("GET", &[sql], &credentials(), b"")), "1\n");
    assert_eq!(ok(&send("GET", &[sql], &[("Authorization", &format!("Basic {basic}"))], b"")), "1\n");
    assert_eq!(ok(&send("GET", &[sql, ("user", "tlsrpt"), ("password", token)], &[], b"")), "1\n");
    for (user, password) in [("tlsrpt", "wrong"), ("tlsrpt", ""), ("default", ""), ("tlsrpt", READONLY_TOKEN), ("tlsrpt_readonly", token)] {
        let answer = send("GET", &[sql, ("user", user), ("password", password)], &[], b"");
        assert_eq!((answer.status, answer.header("x-clickhouse-exception-code")), (403, Some("516")), "{user}");
    }
}

#[test]
fn an_answer_names_its_query_format_zone_and_figures() {
    let answer = post(&[("query_id", "mine"), ("default_format", "JSONCompact")], "SELECT 7 AS seven");
    let json: serde_json::Value = serde_json::from_str(&ok(&answer)).unwrap();
    assert_eq!((json["data"][0][0].as_u64(), json["meta"][0]["name"].as_str()), (Some(7), Some("seven")));
    assert_eq!(answer.header("x-clickhouse-query-id"), Some("mine"));
    assert_eq!(answer.header("x-clickhouse-format"), Some("JSONCompact"));
    assert!(answer.header("x-clickhouse-timezone").is_some_and(|zone| zone.contains("UTC")));
    assert!(answer.header("x-clickhouse-server-display-name").is_some());
    assert!(answer.header("content-type").unwrap().starts_with("application/json"));
    let summary: serde_json::Value = serde_json::from_str(answer.header("x-clickhouse-summary").unwrap()).unwrap();
    assert_eq!(summary["result_rows"], "1");
    let answer = post(&[("default_format", "JSON")], "SELECT 7 FORMAT CSV");
    assert_eq!((ok(&answer).as_str(), answer.header("x-clickhouse-format")), ("7\n", Some("CSV")));
}

#[test]
fn exceptions_have_clickhouses_statuses_and_texts() {
    for (sql, status, code) in [
        ("SELECT * FROM nowhere", 404, "60"),
        ("SELECT * FROM nowhere.nothing", 404, "81"),
        ("SELECT no_such_function()", 404, "46"),
        ("SELECT FROM WHERE", 400, "62"),
        ("SELECT 1; SELECT 2", 400, "62"),
        ("", 400, "62"),
        ("SELECT 1 INTO OUTFILE '/tmp/never'", 500, "358"),
        ("INSERT INTO x FROM INFILE '/etc/passwd' FORMAT TSV", 404, "78"),
        ("SELECT 1 FORMAT NoSuchFormat", 404, "73"),
        ("SELECT throwIf(1)", 500, "395"),
        ("SELECT sleepEachRow(1) FROM numbers(3) SETTINGS max_execution_time = 0.1, max_block_size = 1", 408, "159"),
    ] {
        let answer = post(&[], sql);
        assert_eq!((answer.status, answer.header("x-clickhouse-exception-code")), (status, Some(code)), "{sql}: {}", answer.text());
        let (begin, end) = (format!("Code: {code}. DB::Exception: "), "(official build))\n");
        assert!(answer.text().starts_with(&begin) && answer.text().ends_with(end), "{}", answer.text());
    }
}

#[test]
fn statements_that_are_almost_several_are_one() {
    for (sql, result) in [("SELECT 1;", "1\n"), ("SELECT ';' -- ; SELECT 2\n;", ";\n"), ("/* a;b */ SELECT $$x;'y$$", "x;\\'y\n")] {
        assert_eq!(ok(&post(&[], sql)), result, "{sql}");
    }
}

#[test]
fn query_and_body_are_joined() {
    assert_eq!(ok(&post(&[("query", "SELECT 1 +")], "41")), "42\n");
    assert_eq!(ok(&post(&[("query", "SELECT {a:UInt8} + {b:UInt8}"), ("param_a", "40"), ("param_b", "2")], "")), "42\n");
}

#[test]
fn a_get_request_changes_nothing_and_may_set_settings() {
    let get = |sql: &str, settings: &[(&str, &str)]| send("GET", &[&[("query", sql)], settings].concat(), &credentials(), b"");
    assert_eq!(get("CREATE DATABASE by_get", &[]).header("x-clickhouse-exception-code"), Some("164"));
    assert_eq!(get("CREATE DATABASE by_get", &[("readonly", "0")]).header("x-clickhouse-exception-code"), Some("164"));
    assert_eq!(ok(&get("SELECT getSetting('max_threads')", &[("max_threads", "3")])), "3\n");
}

#[test]
fn settings_do_not_outlive_their_request_and_wrong_ones_are_refused() {
    assert_eq!(ok(&post(&[("max_result_rows", "12")], "SELECT getSetting('max_result_rows')")), "12\n");
    assert_eq!(ok(&post(&[], "SELECT getSetting('max_result_rows')")), "0\n");
    for (name, value, code) in [("no_such", "1", "115"), ("max_threads", "many", "27"), ("x' , readonly", "1", "115")] {
        assert_eq!(post(&[(name, value)], "SELECT 1").header("x-clickhouse-exception-code"), Some(code), "{name}");
    }
    assert_eq!(ok(&post(&[("log_comment", "it's a \\ comment")], "SELECT getSetting('log_comment')")), "it\\'s a \\\\ comment\n");
}

#[test]
fn a_session_that_would_be_lost_is_refused() {
    assert_eq!(ok(&post(&[("session_id", "s")], "SELECT 1")), "1\n");
    for sql in ["SET max_threads = 1", "USE system", "CREATE TEMPORARY TABLE t (a UInt8)"] {
        assert_eq!(post(&[("session_id", "s")], sql).status, 501, "{sql}");
    }
}

#[test]
fn a_header_stands_once_in_a_result_of_many_chunks() {
    let count = |format: &str, sql: &str| {
        let answer = post(&[("default_format", format)], sql);
        ok(&answer).lines().count()
    };
    for format in ["TabSeparatedWithNames", "CSVWithNames", "JSONCompactEachRowWithNames"] {
        assert_eq!(count(format, "SELECT number AS `a column` FROM numbers(300000)"), 300_001, "{format}");
        assert_eq!(count(format, "SELECT number FROM numbers(0)"), 1, "{format}");
    }
    assert_eq!(count("CSVWithNamesAndTypes", "SELECT number AS `a\nb` FROM numbers(300000)"), 300_003);
    assert_eq!(count("TSV", "SELECT number FROM numbers(300000)"), 300_000);
    let json: serde_json::Value = serde_json::from_str(&ok(&post(&[], "SELECT number FROM numbers(300000) FORMAT JSON"))).unwrap();
    assert_eq!(json["rows"], 300_000);
    let totals = ok(&post(&[], "SELECT number % 2 AS k, count() FROM numbers(10) GROUP BY k WITH TOTALS ORDER BY k"));
    assert_eq!(totals, "0\t5\n1\t5\n\n0\t10\n");
}

#[tokio::test]
async fn data_of_any_length_behind_an_insert_arrives_whole() {
    let client = client("inline").await;
    client.query("CREATE TABLE t (a UInt64, b String) ENGINE = MergeTree ORDER BY a").execute().await.unwrap();
    let rows = 50_000;
    let values: String = (0..rows).map(|row| format!("({row}, concat('row ', '{row}')),")).collect();
    let tsv: String = (0..rows).map(|row| format!("{row}\trow {row}\n")).collect();
    let binary: Vec<u8> = (0..rows).flat_map(|row: u64| [&row.to_le_bytes()[..], &[7], format!("{row:07}").as_bytes()].concat()).collect();
    let bodies = [
        ("", format!("INSERT INTO t VALUES {values}").into_bytes()),
        ("", format!("INSERT INTO t (a, b) FORMAT TSV\n{tsv}").into_bytes()),
        ("", [b"INSERT INTO t FORMAT RowBinary\n", &binary[..]].concat()),
        ("INSERT INTO t FORMAT RowBinary", binary.clone()),
        ("INSERT INTO t (a, b) VALUES", values.clone().into_bytes()),
        ("INSERT INTO t FORMAT", format!("TSV\n{tsv}").into_bytes()),
    ];
    for (query, body) in bodies {
        client.query("TRUNCATE TABLE t").execute().await.unwrap();
        let parameters: &[(&str, &str)] = if query.is_empty() { &[] } else { &[("query", query)] };
        let answer = post(&[parameters, &[("database", "inline")]].concat(), body);
        ok(&answer);
        let summary: serde_json::Value = serde_json::from_str(answer.header("x-clickhouse-summary").unwrap()).unwrap();
        assert_eq!(summary["written_rows"], rows.to_string(), "{query}");
        let stored = client.query("SELECT count(), sum(a) FROM t").fetch_one::<(u64, u64)>().await.unwrap();
        assert_eq!(stored, (rows, (0..rows).sum()), "{query}");
    }
    let answer = post(&[("database", "inline")], "INSERT INTO t SELECT number, 'x' FROM numbers(10)");
    ok(&answer);
    let answer = post(&[("database", "inline")], "INSERT INTO t FORMAT TSV; 1\tx\n");
    assert_eq!(answer.header("x-clickhouse-exception-code"), Some("62"));
}

#[tokio::test]
async fn a_client_that_dies_in_the_middle_of_its_data_leaves_nothing() {
    let client = client("died").await;
    client.query("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a").execute().await.unwrap();
    let begin = head("POST", &[("query", "INSERT INTO died.t FORMAT TSV")], &credentials());
    for framing in ["Content-Length: 100000000\r\n\r\n1\n2\n", "Transfer-Encoding: chunked\r\n\r\n4\r\n1\n2\n\r\n"] {
        let mut stream = connect();
        stream.write_all((begin.clone() + framing).as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        // Whatever it answers, it has let go of the request when the connection ends.
        let _ = stream.read_to_end(&mut Vec::new());
    }
    assert_eq!(client.query("SELECT count() FROM t").fetch_one::<u64>().await.unwrap(), 0);
}

#[tokio::test]
async fn a_query_ends_when_its_client_goes_away() {
    let client = client("gone").await;
    let running = "SELECT count() FROM system.processes WHERE query LIKE '%gone away%' AND query NOT LIKE '%processes%'";
    let running = async || client.query(running).fetch_one::<u64>().await.unwrap();
    let sql = "SELECT 'gone away', count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1";
    let mut stream = connect();
    let head = head("POST", &[("query", sql)], &credentials()) + "Content-Length: 0\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    while running().await == 0 {
        tokio::task::yield_now().await;
    }
    drop(stream);
    while running().await > 0 {
        tokio::task::yield_now().await;
    }
}

#[test]
fn compressed_requests_and_answers_are_understood() {
    let gzip = |data: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    };
    let headers = [&credentials()[..], &[("Content-Encoding", "gzip"), ("Accept-Encoding", "gzip")]].concat();
    let answer = send("POST", &[("enable_http_compression", "1")], &headers, &gzip(b"SELECT number FROM numbers(200000)"));
    assert_eq!((answer.status, answer.header("content-encoding")), (200, Some("gzip")));
    let mut text = String::new();
    flate2::read::GzDecoder::new(&answer.body[..]).read_to_string(&mut text).unwrap();
    assert_eq!(text.lines().count(), 200_000);

    let answer = send("POST", &[], &headers, &gzip(b"SELECT 1"));
    assert_eq!((answer.header("content-encoding"), ok(&answer).as_str()), (None, "1\n"));

    // What the endpoint compresses into blocks, it reads from blocks again.
    let compressed = post(&[("compress", "1")], "SELECT number FROM numbers(200000)").body;
    assert!(compressed.len() < 1_000_000, "{}", compressed.len());
    let back = post(&[("query", "SELECT count() FROM format(TSV, 'n UInt64', {data:String})"), ("param_data", "1\\n2\\n")], "");
    assert_eq!(ok(&back), "2\n");
    ok(&post(&[], "CREATE TABLE blocks (n UInt64) ENGINE = Memory"));
    ok(&post(&[("query", "INSERT INTO blocks FORMAT TSV"), ("decompress", "1")], &compressed));
    assert_eq!(ok(&post(&[], "SELECT count(), sum(n) FROM blocks")), format!("200000\t{}\n", (0..200_000_u64).sum::<u64>()));
    let mut damaged = compressed;
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    let answer = post(&[("query", "INSERT INTO blocks FORMAT TSV"), ("decompress", "1")], &damaged);
    assert_eq!(answer.header("x-clickhouse-exception-code"), Some("33"), "{}", answer.text());
}

#[test]
fn a_statement_beyond_a_mebibyte_is_refused() {
    let answer = post(&[], format!("SELECT '{}'", "x".repeat(1 << 20)));
    assert_eq!((answer.status, answer.header("x-clickhouse-exception-code")), (413, Some("55")));
}

/// All that a result of this test has in Native, by column, with the engine's own answer to `SELECT … FORMAT Native` as the truth.
#[test]
fn native_blocks_of_a_newer_revision_say_what_those_of_revision_zero_say() {
    let columns = "number AS a, toString(number) AS b, toLowCardinality('k') AS c, [toLowCardinality(b), 'x'] AS d, \
        CAST(NULL, 'Nullable(Int32)') AS e, tuple(a, b) AS f, CAST(tuple(1, 'x'), 'Tuple(one UInt8, `the two` String)') AS g, \
        map(b, [a, 1]) AS h, toDecimal128(1, 3) AS i, toDateTime64(0, 3, 'UTC') AS j, toUUID('00000000-0000-0000-0000-000000000001') AS k, \
        CAST('a,(', 'Enum8(\\'a,(\\' = 1)') AS l, toFixedString('abc', 5) AS m, CAST(NULL, 'LowCardinality(Nullable(String))') AS n, \
        CAST([], 'Array(LowCardinality(String))') AS o, toIPv6('::1') AS p";
    let sql = format!("SELECT {columns} FROM numbers(3) FORMAT Native");
    let plain = post(&[], &sql);
    let old = post(&[("client_protocol_version", "54405")], &sql);
    let new = post(&[("client_protocol_version", "54460")], &sql);
    for answer in [&plain, &old, &new] {
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    // Every column was walked through: the block has its info, and one byte for each of the 16 columns.
    assert_eq!(old.body[8..], plain.body[..]);
    assert_eq!(new.body.len(), plain.body.len() + 8 + 16);
    // Where the bytes stand is seen by reading the block back as it is sent by clients, which is revision 0.
    let names: Vec<u8> = (b'a'..=b'p').collect();
    let mut rest = &new.body[8..];
    for name in names {
        let mark = [1, name];
        let at = rest.windows(2).position(|window| window == mark).unwrap_or_else(|| panic!("column {} is lost", char::from(name)));
        let kind = usize::from(rest[at + 2]);
        let (length, head) = if kind < 128 { (kind, 3) } else { ((kind & 127) | usize::from(rest[at + 3]) << 7, 4) };
        assert_eq!(rest[at + head + length], 0, "column {}", char::from(name));
        rest = &rest[at + head + length + 1..];
    }
    let answer = post(&[("client_protocol_version", "54460")], "SELECT 1::Dynamic AS d FORMAT Native");
    assert_eq!((answer.status, answer.header("x-clickhouse-exception-code")), (501, Some("48")), "{}", answer.text());
}
