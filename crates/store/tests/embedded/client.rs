//! Through the official client.

use clickhouse::{Client, Compression, Row};
use serde::{Deserialize, Serialize};

use crate::engine::{client, client_of, config};

#[derive(Row, Serialize, Deserialize, Clone, PartialEq, Debug)]
struct Report {
    id: u64,
    name: String,
    #[serde(rename = "details.kind")]
    kinds: Vec<String>,
    #[serde(rename = "details.count")]
    counts: Vec<u64>,
}

const REPORTS: &str =
    "CREATE TABLE reports (id UInt64, name String, details Nested(kind String, count UInt64)) ENGINE = MergeTree ORDER BY id";

fn report(id: u64) -> Report {
    let details = usize::try_from(id % 4).unwrap();
    Report { id, name: format!("report {id}"), kinds: vec!["expired".to_owned(); details], counts: vec![id; details] }
}

#[tokio::test]
async fn rows_with_nested_arrays_come_back_whole_with_and_without_compression() {
    let plain = client("nested").await;
    plain.query(REPORTS).execute().await.unwrap();
    for (part, client) in [plain.clone(), plain.clone().with_compression(Compression::Lz4)].into_iter().enumerate() {
        let first = part as u64 * 150_000;
        let mut insert = client.insert::<Report>("reports").await.unwrap();
        for id in first..first + 150_000 {
            insert.write(&report(id)).await.unwrap();
        }
        insert.end().await.unwrap();
        let rows = client.query("SELECT ?fields FROM reports WHERE id >= ? ORDER BY id").bind(first).fetch_all::<Report>().await.unwrap();
        assert_eq!(rows.len(), 150_000);
        assert!(rows.iter().zip(first..).all(|(row, id)| *row == report(id)));
    }
    let sums =
        plain.query("SELECT count(), sum(id), sum(arraySum(details.count)) FROM reports").fetch_one::<(u64, u64, u64)>().await.unwrap();
    assert_eq!(sums, (300_000, (0..300_000).sum(), (0..300_000).map(|id| id * (id % 4)).sum()));
}

fn code_of(error: &clickhouse::error::Error) -> String {
    error.to_string()
}

#[tokio::test]
async fn an_error_carries_its_clickhouse_code() {
    let client = client("codes").await;
    let error = client.query("SELECT * FROM nowhere").fetch_all::<u8>().await.unwrap_err();
    let text = code_of(&error);
    assert!(text.contains("Code: 60. DB::Exception:") && text.contains("(UNKNOWN_TABLE) (version 26."), "{text}");
    let error = client.query("SELECT FROM WHERE").execute().await.unwrap_err();
    assert!(code_of(&error).contains("Code: 62."), "{error}");
    let error = client.query("SELECT 1").with_setting("no_such_setting", "1").fetch_one::<u8>().await.unwrap_err();
    assert!(code_of(&error).contains("Code: 115."), "{error}");
}

#[tokio::test]
async fn an_insert_into_a_table_that_is_not_there_is_refused_with_its_code() {
    let client = client("no_table").await;
    let mut insert = client.insert_formatted_with("INSERT INTO nowhere FORMAT TSV");
    insert.send("1\n".into()).await.unwrap();
    let error = insert.end().await.unwrap_err();
    assert!(code_of(&error).contains("Code: 60."), "{error}");
}

#[tokio::test]
async fn a_row_that_is_cut_off_fails_the_insert_and_leaves_nothing() {
    let client = client("cut_off").await;
    client.query("CREATE TABLE numbers (id UInt64) ENGINE = MergeTree ORDER BY id").execute().await.unwrap();
    // More rows than the engine puts into a block by itself, so that the first block would be there already.
    let mut data: Vec<u8> = (0..1_500_000_u64).flat_map(u64::to_le_bytes).collect();
    data.extend_from_slice(&[1, 2, 3]);
    let mut insert = client.insert_formatted_with("INSERT INTO numbers (id) FORMAT RowBinary");
    for part in data.chunks(1 << 20) {
        insert.send(bytes::Bytes::copy_from_slice(part)).await.unwrap();
    }
    let error = insert.end().await.unwrap_err();
    assert!(code_of(&error).contains("Code: 33."), "{error}");
    assert_eq!(client.query("SELECT count() FROM numbers").fetch_one::<u64>().await.unwrap(), 0);
}

#[tokio::test]
async fn an_insert_that_its_client_abandons_leaves_nothing() {
    let client = client("abandoned").await;
    client.query("CREATE TABLE numbers (id UInt64) ENGINE = MergeTree ORDER BY id").execute().await.unwrap();
    let mut insert = client.insert_formatted_with("INSERT INTO numbers (id) FORMAT RowBinary");
    for _ in 0..20 {
        insert.send(vec![7_u8; 1 << 20].into()).await.unwrap();
    }
    drop(insert);
    // A later insert on another connection is answered, and only its row is there.
    let mut insert = client.insert_formatted_with("INSERT INTO numbers (id) FORMAT TSV");
    insert.send("42\n".into()).await.unwrap();
    insert.end().await.unwrap();
    assert_eq!(client.query("SELECT id FROM numbers").fetch_all::<u64>().await.unwrap(), [42]);
}

/// Reads to the end of the result, which must be an error.
async fn error_after_rows(client: &Client, sql: &str) -> (u64, String) {
    let mut cursor = client.query(sql).fetch::<u8>().unwrap();
    let mut rows = 0_u64;
    loop {
        match cursor.next().await {
            Ok(Some(_)) => rows += 1,
            Ok(None) => panic!("the result ended after {rows} rows without an error"),
            Err(error) => return (rows, code_of(&error)),
        }
    }
}

#[tokio::test]
async fn an_error_in_the_middle_of_a_result_is_an_error_with_its_code() {
    let client = client("midway").await;
    let sql = "SELECT throwIf(number = 9500, 'the middle') FROM numbers(20000) SETTINGS max_threads = 1, max_block_size = 100";
    for client in [client.clone(), client.clone().with_compression(Compression::Lz4)] {
        let (rows, error) = error_after_rows(&client, sql).await;
        assert!(rows > 0, "the error came before the first row");
        assert!(error.contains("Code: 395.") && error.contains("the middle"), "{error}");
    }
    // Behind more data than any buffer holds, the client may miss what the error was, but not that there was one.
    let sql = "SELECT throwIf(number = 20000000) FROM numbers(30000000) SETTINGS max_threads = 1";
    assert!(error_after_rows(&client, sql).await.0 > 0);
}

#[tokio::test]
async fn bound_values_and_parameters_arrive_as_they_are() {
    let client = client("parameters").await;
    for text in ["plain", "it's", "back\\slash", "tab\tand\nline", "ünïcödé ✓", "", "'; DROP TABLE x; --", "{x:String}"] {
        let bound = client.query("SELECT ?").bind(text).fetch_one::<String>().await.unwrap();
        assert_eq!(bound, text);
        let given = client.query("SELECT {text:String}").param("text", text).fetch_one::<String>().await.unwrap();
        assert_eq!(given, text);
    }
    let sum = client.query("SELECT arraySum({list:Array(UInt64)})").param("list", vec![1_u64, 2, 39]).fetch_one::<u64>().await.unwrap();
    assert_eq!(sum, 42);
}

async fn fill(client: Client, writer: u64) {
    for part in 0..10 {
        let mut insert = client.insert::<Report>("reports").await.unwrap();
        for id in 0..500 {
            insert.write(&report(writer * 10_000 + part * 500 + id)).await.unwrap();
        }
        insert.end().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_in_parallel_see_their_own_settings_and_all_rows() {
    let client = client("parallel").await;
    client.query(REPORTS).execute().await.unwrap();
    let writers: Vec<_> = (0..4).map(|writer| tokio::spawn(fill(client.clone(), writer))).collect();
    let readers: Vec<_> = (1..=4_u64)
        .map(|threads| {
            let client = client.clone().with_setting("max_threads", threads.to_string());
            tokio::spawn(async move {
                for _ in 0..20 {
                    let seen = client.query("SELECT toUInt64(getSetting('max_threads'))").fetch_one::<u64>().await.unwrap();
                    assert_eq!(seen, threads);
                }
            })
        })
        .collect();
    for task in writers.into_iter().chain(readers) {
        task.await.unwrap();
    }
    let counts = client.query("SELECT count(), uniqExact(id) FROM reports").fetch_one::<(u64, u64)>().await.unwrap();
    assert_eq!(counts, (20_000, 20_000));
}

#[tokio::test]
async fn a_wrong_token_is_refused() {
    let client = client_of(config());
    for client in [client.clone().with_password("wrong"), client.with_user("default").with_password("")] {
        let error = client.query("SELECT 1").fetch_one::<u8>().await.unwrap_err();
        assert!(code_of(&error).contains("Code: 516."), "{error}");
    }
}
