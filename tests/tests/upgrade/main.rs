//! Data directories as earlier versions left them, and as versions to come may. A process of its own, since the directory is made so by the
//! engine inside this test, and a process can run one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{path::Path, process::Stdio};

use bytes::Bytes;
use clickhouse::Client;
use serde_json::{Value, json};
use tlsrpt_log::{EmbeddedConfig as LogConfig, EmbeddedLog, Log as _, Record};
use tlsrpt_record::{NORMALIZED, NORMALIZED_FORMAT, SubmissionId};
use tlsrpt_store::{
    Store,
    embedded::{Embedded, EmbeddedConfig},
};
use tlsrpt_tests::{Encoding, Generator, Service, Setup, Size, TenantAccess, program, settled, wide_period};
use tokio::sync::Mutex;

/// The engine's library expects an allocator that it does not share with its host.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// One engine a process: the tests come one after the other.
static ONE: Mutex<()> = Mutex::const_new(());

/// Outcomes as each format has them on the log; of one submission, tenant `acme`, domain `example.com`.
const OUTCOME_1: &str = include_str!("../../../crates/record/tests/formats/normalized-1.hex");
const OUTCOME_2: &str = include_str!("../../../crates/record/tests/formats/normalized-2.hex");
/// That submission's id, as it stands in them, and the day of its report.
const OUTCOME_ID: [u8; 16] = 0x0199_0b3c_4d00_7abc_8def_0123_4567_89ab_u128.to_be_bytes();
const OUTCOME_DAY: &str = "2026-05-13";

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// The outcome in `hex` under another submission's id, received now.
fn outcome(hex: &str, id: SubmissionId) -> Vec<u8> {
    let mut outcome = bytes(hex);
    let at = outcome.windows(OUTCOME_ID.len()).position(|window| window == OUTCOME_ID).expect("its submission's id");
    outcome[at..at + OUTCOME_ID.len()].copy_from_slice(id.0.as_bytes());
    outcome
}

/// The database of a service that is stopped.
struct Database {
    engine: Embedded,
    /// Of the engine, with no database chosen.
    client: Client,
}

async fn execute(client: &Client, statement: &str) {
    client.query_raw(statement).execute().await.unwrap_or_else(|error| panic!("{statement}: {error}"));
}

impl Database {
    async fn open(data_dir: &Path) -> Self {
        let engine = Embedded::start(EmbeddedConfig::new(data_dir.join("clickhouse"))).await.unwrap();
        let config = &engine.config;
        let client = Client::default().with_url(&config.url).with_user(&config.user).with_password(&config.password);
        let client = client.with_compression(clickhouse::Compression::None).with_setting("mutations_sync", "2");
        Self { engine, client }
    }

    async fn run(&self, statement: &str) {
        execute(&self.client.clone().with_database(&self.engine.config.database), statement).await;
    }

    /// Moves all rows into tables as the program of schema version `version` made them. What that version did not keep is gone.
    async fn go_back_to(&self, version: u32) {
        let name = &self.engine.config.database;
        execute(&self.client, &format!("RENAME DATABASE {name} TO newer")).await;
        execute(&self.client, &format!("CREATE DATABASE {name}")).await;
        for statement in Store::new(&self.engine.config).schema(version) {
            self.run(&statement).await;
        }
        let columns = "SELECT table, arrayStringConcat(groupArray(concat('`', name, '`')), ', ') FROM system.columns \
             WHERE database = ? AND table IN (SELECT name FROM system.tables WHERE database = ? AND engine LIKE '%MergeTree') GROUP BY table";
        let tables: Vec<(String, String)> = self.client.query(columns).bind(name).bind(name).fetch_all().await.unwrap();
        assert!(tables.len() > 2, "{tables:?}");
        for (table, columns) in tables {
            let those = if table == "migrations" { format!("WHERE version <= {version}") } else { String::new() };
            self.run(&format!("INSERT INTO {table} ({columns}) SELECT {columns} FROM newer.{table} {those}")).await;
        }
        self.run("DROP DATABASE newer SYNC").await;
    }

    async fn close(self) {
        self.engine.stop().await;
    }
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

/// How many migrations the service ran at its start.
fn migrated(service: &Service) -> usize {
    service.log().all().iter().filter(|line| line.contains("ran a migration")).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_of_the_first_schema_and_one_of_the_last_are_migrated_and_answer_the_same() {
    let _one = ONE.lock().await;
    let known = Store::schema_known();
    let (mut service, access, before) = with_reports(Setup::new()).await;
    for version in [known - 1, 1] {
        let database = Database::open(&service.data_dir()).await;
        database.go_back_to(version).await;
        database.close().await;
        service.start_again().await;
        assert_eq!(migrated(&service), usize::try_from(known - version).unwrap(), "from {version}: {}", service.log().tail());
        assert_eq!(answers(&service, &access).await, before, "from {version}");
        // What is new works on the old rows, too.
        service.tenant(&access.key).json("/v1/notifications").await;
        service.stop().await;
    }
    service.start_again().await;
    assert_eq!(migrated(&service), 0, "each once");
    assert_eq!(answers(&service, &access).await, before);
    service.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outcomes_of_every_format_that_wait_on_the_log_reach_the_database() {
    let _one = ONE.lock().await;
    let (mut service, access, _) = with_reports(Setup::new()).await;
    let ids = [SubmissionId::now(), SubmissionId::now()];
    append(&service.data_dir(), vec![outcome(OUTCOME_1, ids[0]), outcome(OUTCOME_2, ids[1])]).await;
    service.start_again().await;
    let operator = service.operator();
    settled(&operator, 22).await;
    // Both are of one report, and the verdict on the second is deferred: the first counts.
    for (id, fate, channel) in [(ids[0], "stored", "https"), (ids[1], "duplicate", "smtp")] {
        let entry = operator.json(&format!("/admin/v1/submissions/{id}")).await;
        assert_eq!((&entry["fate"], &entry["channel"]), (&json!(fate), &json!(channel)), "{entry}");
        let raw = operator.get(&format!("/admin/v1/submissions/{id}/raw")).await.is(200);
        assert_eq!(raw.body.as_ref(), b"payload");
    }
    let summary = service.tenant(&access.key).json(&format!("/v1/summary?from={OUTCOME_DAY}&to={OUTCOME_DAY}")).await;
    assert_eq!((&summary["reports"], &summary["successful_sessions"]), (&json!(1), &json!(u64::MAX)), "{summary}");
    service.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_of_a_version_to_come_is_refused_and_left_as_it_is() {
    let _one = ONE.lock().await;
    let (mut service, access, before) = with_reports(Setup::new()).await;
    let database = Database::open(&service.data_dir()).await;
    database.run("INSERT INTO migrations VALUES (999, '999_to_come', now64(3))").await;
    database.close().await;
    let said = refused(&service).await;
    assert!(said.contains("the database is at version 999") && said.contains("update the program"), "{said}");

    let database = Database::open(&service.data_dir()).await;
    database.run("DELETE FROM migrations WHERE version = 999").await;
    database.close().await;
    service.start_again().await;
    assert_eq!(answers(&service, &access).await, before);
    service.finish().await;
}

/// A program that is rolled back meets an outcome that it does not understand: it ends rather than pass it over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outcome_of_a_version_to_come_is_not_passed_over() {
    let _one = ONE.lock().await;
    let (service, _, _) = with_reports(Setup::new()).await;
    let mut to_come = outcome(OUTCOME_2, SubmissionId::now());
    to_come[0] = NORMALIZED_FORMAT + 1;
    append(&service.data_dir(), vec![to_come]).await;
    // The second start shows that the first has not committed it.
    for _ in 0..2 {
        let said = refused(&service).await;
        assert!(said.contains("is newer than") && said.contains("update this role"), "{said}");
    }
}
