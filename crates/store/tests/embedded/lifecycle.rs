//! Starting, stopping, and what is there afterwards. A process runs one engine, so these run in processes of their own.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use tlsrpt_store::embedded::{Embedded, EmbeddedConfig};

use crate::engine::{client_of, resident_bytes};

const DIRECTORY: &str = "TLSRPT_TEST_DIRECTORY";
const TASK: &str = "TLSRPT_TEST_TASK";

/// Runs `task` of [`in_a_process_of_its_own`].
fn run(directory: &Path, task: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "lifecycle::in_a_process_of_its_own", "--ignored", "--nocapture"])
        .env(DIRECTORY, directory)
        .env(TASK, task)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What the child says, up to its end.
fn said(child: Child) -> String {
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{:?} {text} {}", output.status, String::from_utf8_lossy(&output.stderr));
    text
}

#[tokio::test]
#[ignore = "run by the other tests of this module, in a process of its own"]
async fn in_a_process_of_its_own() {
    let directory = std::env::var_os(DIRECTORY).expect("the parent gives a directory");
    let task = std::env::var(TASK).expect("the parent gives a task");
    let begun = Instant::now();
    let embedded = match Embedded::start(EmbeddedConfig::new(&directory)).await {
        Ok(embedded) => embedded,
        Err(error) => return println!("refused: {error}"),
    };
    let (started, resident) = (begun.elapsed(), resident_bytes());
    let client = client_of(&embedded.config);
    client.query("CREATE DATABASE IF NOT EXISTS kept").execute().await.unwrap();
    client.query("CREATE TABLE IF NOT EXISTS kept.t (n UInt64) ENGINE = MergeTree ORDER BY n").execute().await.unwrap();
    let count = async |client: &clickhouse::Client| client.query("SELECT count() FROM kept.t").fetch_one::<u64>().await.unwrap();
    println!("found {}", count(&client).await);
    client.query("INSERT INTO kept.t SELECT number FROM numbers(1000)").execute().await.unwrap();
    println!("inserted");
    match task.as_str() {
        "stop" => embedded.stop().await,
        "exit" => std::process::exit(0),
        "wait" => {
            println!("waits at {} for {}", embedded.config.url, embedded.config.password);
            std::future::pending::<()>().await;
        }
        "again" => {
            embedded.stop().await;
            let embedded = Embedded::start(EmbeddedConfig::new(&directory)).await.unwrap();
            println!("again {}", count(&client_of(&embedded.config)).await);
            embedded.stop().await;
        }
        "busy" => {
            let sql = "SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1";
            let query = tokio::spawn(client.query(sql).fetch_one::<u64>());
            while client.query("SELECT count() FROM system.processes").fetch_one::<u64>().await.unwrap() < 2 {
                tokio::task::yield_now().await;
            }
            embedded.stop().await;
            println!("ended {}", query.await.unwrap().is_err());
        }
        "stream" => {
            let before = resident_bytes();
            let (mut rows, mut sum, mut most) = (0_u64, 0_u64, 0_u64);
            let sql = "SELECT number, repeat('x', 120) FROM numbers(5000000)";
            let mut cursor = client.query(sql).fetch::<(u64, String)>().unwrap();
            while let Some((number, text)) = cursor.next().await.unwrap() {
                assert_eq!(text.len(), 120);
                (rows, sum) = (rows + 1, sum + number);
                if rows % 100_000 == 0 {
                    most = most.max(resident_bytes());
                }
            }
            assert_eq!((rows, sum), (5_000_000, (0..5_000_000).sum()));
            println!("grew by {} MB", most.saturating_sub(before) >> 20);
            embedded.stop().await;
        }
        "measure" => {
            println!("start {started:?}, resident {} MB", resident >> 20);
            let begun = Instant::now();
            for _ in 0..1000 {
                client.query("SELECT 1").fetch_one::<u8>().await.unwrap();
            }
            println!("SELECT 1: {:?}", begun.elapsed() / 1000);
            client.query("CREATE TABLE kept.m (id UInt64, name String, kinds Array(String), counts Array(UInt64)) ENGINE = MergeTree ORDER BY id").execute().await.unwrap();
            for compression in [clickhouse::Compression::None, clickhouse::Compression::Lz4] {
                let begun = Instant::now();
                let mut insert =
                    client.clone().with_compression(compression).insert_formatted_with("INSERT INTO kept.m FORMAT RowBinary").buffered();
                for id in 0..1_000_000_u64 {
                    let mut row = id.to_le_bytes().to_vec();
                    row.extend_from_slice(b"\x0areport 123\x01\x07expired\x01\x01\x00\x00\x00\x00\x00\x00\x00");
                    insert.write_buffered(&row);
                    if id % 4096 == 0 {
                        insert.flush().await.unwrap();
                    }
                }
                insert.end().await.unwrap();
                println!("insert {compression:?}: {:.0} rows/s", 1e6 / begun.elapsed().as_secs_f64());
            }
            println!("resident {} MB", resident_bytes() >> 20);
            embedded.stop().await;
            println!("stopped, resident {} MB", resident_bytes() >> 20);
        }
        other => panic!("there is no task {other}"),
    }
}

#[test]
fn data_outlives_a_stop_an_exit_without_one_and_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    assert!(said(run(directory.path(), "stop")).contains("found 0\n"));
    assert!(said(run(directory.path(), "exit")).contains("found 1000\n"));
    let mut child = run(directory.path(), "wait");
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let lines: Vec<String> = lines.take_while(|line| line != "inserted").collect();
    assert!(lines.iter().any(|line| line.ends_with("found 2000")), "{lines:?}");
    // While it runs, nobody else may open its data.
    assert!(said(run(directory.path(), "stop")).contains("refused: start the embedded ClickHouse: the engine cannot open"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(said(run(directory.path(), "stop")).contains("found 3000\n"));
}

#[test]
fn the_engine_can_be_started_again_in_one_process() {
    let directory = tempfile::tempdir().unwrap();
    assert!(said(run(directory.path(), "again")).contains("again 1000\n"));
}

#[test]
fn a_result_of_five_million_rows_needs_no_memory_of_its_size() {
    let directory = tempfile::tempdir().unwrap();
    let said = said(run(directory.path(), "stream"));
    let grew = said.lines().find_map(|line| line.strip_prefix("grew by ")?.strip_suffix(" MB")).unwrap().parse::<u64>().unwrap();
    // 640 MB went through.
    assert!(grew < 200, "{said}");
}

#[test]
fn stopping_ends_a_query_that_would_not_end_by_itself() {
    let directory = tempfile::tempdir().unwrap();
    assert!(said(run(directory.path(), "busy")).contains("ended true\n"));
}

#[tokio::test]
async fn an_address_that_others_can_reach_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let config = EmbeddedConfig { listen: "0.0.0.0:0".parse().unwrap(), ..EmbeddedConfig::new(directory.path()) };
    let error = Embedded::start(config).await.map(|_| ()).unwrap_err();
    assert!(error.reason.contains("no loopback address"), "{error}");
}

#[test]
#[ignore = "prints figures: start, memory, latency, insert rate"]
fn figures() {
    let directory = tempfile::tempdir().unwrap();
    println!("{}", said(run(directory.path(), "measure")));
}
