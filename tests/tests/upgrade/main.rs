//! A data directory of the version before, and one of a version to come. A process of its own, since the directory is made so by the engine
//! inside this test, and a process can run one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{path::Path, process::Stdio};

use bytes::Bytes;
use clickhouse::Client;
use serde_json::Value;
use tlsrpt_log::{EmbeddedConfig as LogConfig, EmbeddedLog, Log as _, Record};
use tlsrpt_record::{NORMALIZED, NORMALIZED_FORMAT};
use tlsrpt_store::embedded::{Embedded, EmbeddedConfig};
use tlsrpt_tests::{Encoding, Generator, Service, Setup, Size, TenantAccess, program, settled, wide_period};
use tokio::sync::Mutex;

/// The engine's library expects an allocator that it does not share with its host.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// One engine a process: the tests come one after the other.
static ONE: Mutex<()> = Mutex::const_new(());

/// What the last migration made, undone: the schema as the version before had it.
const SCHEMA_BEFORE: &[&str] = &[
    "DROP TABLE notices SYNC",
    "DROP TABLE notice_deliveries SYNC",
    "ALTER TABLE erasures DROP COLUMN notices_removed",
    "ALTER TABLE erasures DROP COLUMN notices_left",
    "DELETE FROM migrations WHERE version = 6",
];
/// The last migration's name.
const LAST_MIGRATION: &str = "006_notices";

/// An outcome as it stands on the log.
const OUTCOME: &str = include_str!("../../../crates/record/tests/formats/normalized-2.hex");

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// Runs statements on the database of a service that is stopped.
async fn change_database(data_dir: &Path, statements: &[&str]) {
    let engine = Embedded::start(EmbeddedConfig::new(data_dir.join("clickhouse"))).await.unwrap();
    let config = &engine.config;
    let client = Client::default().with_url(&config.url).with_user(&config.user).with_password(&config.password);
    let client = client.with_database(&config.database).with_compression(clickhouse::Compression::None).with_setting("mutations_sync", "2");
    for statement in statements {
        client.query(statement).execute().await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
    engine.stop().await;
}

/// Appends records to the log of a service that is stopped.
async fn append(data_dir: &Path, values: Vec<Vec<u8>>) {
    let config = LogConfig { dir: data_dir.join("log"), record_max_bytes: 1 << 20, in_flight_max_bytes: 1 << 20 };
    let log = EmbeddedLog::open(config).unwrap();
    for value in values {
        let record = Record { key: None, value: Bytes::from(value), headers: Vec::new() };
        log.producer().send(NORMALIZED.name, record).await.unwrap();
    }
    log.close();
}

/// Starts the service on the directory of one that is stopped; it has to end by itself with status 1. What it said.
async fn refused(service: &Service) -> String {
    let mut command = program();
    command.args(["all-in-one", "--data-dir"]).arg(service.data_dir()).stdin(Stdio::null());
    for listener in ["--https-listen", "--smtp-listen", "--query-listen", "--ops-listen"] {
        command.args([listener, "127.0.0.1:0"]);
    }
    let ended = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    said
}

async fn answers(service: &Service, access: &TenantAccess) -> Vec<Value> {
    let (tenant, period) = (service.tenant(&access.key), wide_period());
    let mut answers = Vec::new();
    for path in ["summary", "domains", "failures", "reporters", "timeseries"] {
        answers.push(tenant.json(&format!("/v1/{path}?{period}")).await);
    }
    answers
}

/// A stopped service with a tenant, its reports, and what it was answered.
async fn with_reports(setup: Setup) -> (Service, TenantAccess, Vec<Value>) {
    let mut service = setup.start().await;
    let access = service.operator().tenant("acme", &["example.com"]).await;
    let mut reports = Generator::new(501);
    for _ in 0..20 {
        service.sender().send_to(&access.address, reports.report("example.com", Size::Medium).encode(Encoding::Gzip)).await;
    }
    settled(&service.operator(), 20).await;
    let before = answers(&service, &access).await;
    service.stop().await;
    (service, access, before)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_data_directory_of_the_version_before_is_migrated_and_answers_the_same() {
    let _one = ONE.lock().await;
    let (mut service, access, before) = with_reports(Setup::new()).await;
    change_database(&service.data_dir(), SCHEMA_BEFORE).await;
    service.start_again().await;
    let ran = service.await_line("ran a migration").await;
    assert_eq!(ran["migration"], LAST_MIGRATION, "{ran}");
    assert_eq!(answers(&service, &access).await, before);
    // What is new works on the old directory, too.
    service.tenant(&access.key).json("/v1/notifications").await;
    service.stop().await;
    service.start_again().await;
    assert_eq!(service.log().find("ran a migration"), None, "once");
    assert_eq!(answers(&service, &access).await, before);
    service.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_of_a_version_to_come_is_refused_and_left_as_it_is() {
    let _one = ONE.lock().await;
    let (mut service, access, before) = with_reports(Setup::new()).await;
    change_database(&service.data_dir(), &["INSERT INTO migrations VALUES (999, '999_to_come', now64(3))"]).await;
    let said = refused(&service).await;
    assert!(said.contains("the database is at version 999") && said.contains("update the program"), "{said}");

    change_database(&service.data_dir(), &["DELETE FROM migrations WHERE version = 999"]).await;
    service.start_again().await;
    assert_eq!(answers(&service, &access).await, before);
    service.finish().await;
}

/// A program that is rolled back meets an outcome that it does not understand: it ends rather than pass it over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outcome_of_a_version_to_come_is_not_passed_over() {
    let _one = ONE.lock().await;
    let (service, _, _) = with_reports(Setup::new()).await;
    let mut to_come = bytes(OUTCOME);
    to_come[0] = NORMALIZED_FORMAT + 1;
    append(&service.data_dir(), vec![to_come]).await;
    // The second start shows that the first has not committed it.
    for _ in 0..2 {
        let said = refused(&service).await;
        assert!(said.contains("is newer than") && said.contains("update this role"), "{said}");
    }
}
