//! The ClickHouse server's users, in the real engine: each may do its work and nothing else.

use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tlsrpt_fetched::{cache_directory, set, version};
use tlsrpt_store::{Store, StoreConfig};
use tlsrpt_tests::repository;

use super::secrets;

const LOCK: &str = include_str!("../../../../scripts/libchdb.lock");
const ENGINE: &str = include_str!("engine.py");

/// A server's directory with the configuration that compose mounts, and its data.
struct Server(TempDir);

impl Server {
    fn new() -> Self {
        let (dir, made) = (TempDir::new().unwrap(), secrets());
        for part in ["config.d", "users.d"] {
            fs::create_dir(dir.path().join(part)).unwrap();
        }
        let users = dir.path().join("users.xml");
        let config = format!(
            "<clickhouse><users_config>{0}</users_config><user_directories><users_xml><path>{0}</path></users_xml></user_directories></clickhouse>",
            users.display()
        );
        fs::write(dir.path().join("config.xml"), config).unwrap();
        // What the server's image has, for what is changed of it.
        let default = "<default><password/><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota></default>";
        let own = format!("<clickhouse><profiles><default/></profiles><quotas><default/></quotas><users>{default}</users></clickhouse>");
        fs::write(&users, own).unwrap();
        fs::copy(repository("deploy/clickhouse/config.xml"), dir.path().join("config.d/tlsrpt.xml")).unwrap();
        fs::copy(repository("deploy/clickhouse/users.xml"), dir.path().join("users.d/tlsrpt.xml")).unwrap();
        fs::copy(made.path().join("clickhouse-passwords.xml"), dir.path().join("users.d/tlsrpt-passwords.xml")).unwrap();
        Self(dir)
    }

    /// Runs statements with these grants. The engine in a process knows one user, `default`, which compose removes: here it comes back with
    /// the rights of another.
    fn run(&self, grants: &[String], statements: &[String]) -> Vec<Result<String, String>> {
        let grants: String = grants.iter().map(|grant| format!("<query>{grant}</query>")).collect();
        let session = format!(
            "<clickhouse><users><default><password/><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>\
             <grants>{grants}</grants></default></users></clickhouse>"
        );
        fs::write(self.0.path().join("users.d/zz-session.xml"), session).unwrap();
        let library = set("TLSRPT_LIBCHDB")
            .unwrap_or_else(|| cache_directory().join("libchdb").join(version(LOCK)).join(std::env::consts::ARCH).join("libchdb.so"));
        let asked = json!({
            "library": library,
            "config": self.0.path().join("config.xml"),
            "path": self.0.path().join("data"),
            "statements": statements,
        });
        let mut python = Command::new("python3")
            .args(["-c", ENGINE])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        python.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
        let ran = python.wait_with_output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let answers: Vec<Value> = serde_json::from_slice(&ran.stdout).unwrap();
        let text = |answer: &Value| answer.as_str().unwrap().to_owned();
        answers.iter().map(|one| if one["error"].is_null() { Ok(text(&one["answer"])) } else { Err(text(&one["error"])) }).collect()
    }
}

/// The grants of a user in the file that compose mounts.
fn grants(user: &str) -> Vec<String> {
    let file = fs::read_to_string(repository("deploy/clickhouse/users.xml")).unwrap();
    let (_, own) = file.split_once(&format!("<{user}>")).unwrap_or_else(|| panic!("no {user}"));
    let (own, _) = own.split_once(&format!("</{user}>")).unwrap();
    own.split("<query>").skip(1).map(|one| one.split("</query>").next().unwrap().to_owned()).collect()
}

fn all() -> Vec<String> {
    vec!["GRANT ALL ON *.* WITH GRANT OPTION".to_owned()]
}

/// The schema as `tlsrpt migrate` makes it, statement by statement.
fn schema() -> Vec<String> {
    let config = StoreConfig {
        url: "http://127.0.0.1:1".to_owned(),
        user: String::new(),
        password: String::new(),
        database: "tlsrpt".to_owned(),
        cluster: None,
    };
    let mut statements = vec!["CREATE DATABASE IF NOT EXISTS tlsrpt".to_owned(), "USE tlsrpt".to_owned()];
    statements.extend(Store::new(&config).schema(Store::schema_known()));
    statements.push("INSERT INTO migrations SELECT 1, 'x', now64(3, 'UTC')".to_owned());
    statements.push("SELECT DISTINCT version FROM migrations".to_owned());
    statements.push("ALTER TABLE audit MODIFY TTL toDateTime(at) + toIntervalDay(7)".to_owned());
    statements
}

/// A user may do all of `allowed` and none of `refused`, on a database with the schema.
fn check(user: &str, allowed: &[&str], refused: &[&str]) {
    let server = Server::new();
    for done in server.run(&all(), &schema()) {
        done.unwrap();
    }
    let anywhere = [
        "DROP TABLE tlsrpt.reports",
        "TRUNCATE TABLE tlsrpt.audit",
        "ALTER TABLE tlsrpt.audit DELETE WHERE 1",
        "CREATE USER x",
        "GRANT SELECT ON *.* TO default",
        "SELECT * FROM url('http://127.0.0.1:1/', 'TSV', 'a String')",
        "SELECT * FROM file('/etc/passwd', 'TSV', 'a String')",
        "SELECT * FROM remote('127.0.0.1:1', system.one)",
        "SELECT name FROM system.users",
        "SYSTEM FLUSH LOGS",
    ];
    let statements: Vec<_> = allowed.iter().chain(refused).chain(&anywhere).map(|&one| one.to_owned()).collect();
    for (at, (statement, done)) in statements.iter().zip(server.run(&grants(user), &statements)).enumerate() {
        match done {
            Ok(answer) => assert!(at < allowed.len(), "{user} may {statement}: {answer}"),
            Err(error) => assert!(at >= allowed.len() && error.contains("ACCESS_DENIED"), "{user}: {statement}: {error}"),
        }
    }
}

#[test]
fn the_server_takes_the_files_and_knows_these_users_by_a_password_and_nobody_else() {
    let server = Server::new();
    let asked = ["SELECT name, auth_type[1] FROM system.users WHERE name != 'default' ORDER BY name".to_owned()];
    let users = server.run(&all(), &asked).remove(0).unwrap();
    let expected = ["migrate", "query", "readonly", "writer"].map(|user| format!("tlsrpt_{user}\tsha256_password\n")).concat();
    assert_eq!(users, expected);
    let file = fs::read_to_string(repository("deploy/clickhouse/users.xml")).unwrap();
    assert!(file.contains("<default remove=\"remove\"/>"), "who needs no password is removed");
}

#[test]
fn whoever_migrates_makes_the_whole_schema_and_reads_no_report() {
    let server = Server::new();
    let statements = schema();
    for (statement, done) in statements.iter().zip(server.run(&grants("tlsrpt_migrate"), &statements)) {
        assert!(done.is_ok(), "{statement}: {done:?}");
    }
    check(
        "tlsrpt_migrate",
        &["SELECT version FROM tlsrpt.migrations"],
        &["SELECT payload FROM tlsrpt.submissions", "SELECT * FROM tlsrpt.audit"],
    );
}

#[test]
fn the_writer_adds_rows_and_reads_none() {
    check(
        "tlsrpt_writer",
        &[
            "SELECT DISTINCT version FROM tlsrpt.migrations",
            "SELECT create_table_query FROM system.tables WHERE database = 'tlsrpt' AND name = 'audit'",
            "DESCRIBE TABLE tlsrpt.reports",
            "INSERT INTO tlsrpt.reports (tenant) VALUES ('a')",
            "INSERT INTO tlsrpt.submissions (address) VALUES ('a')",
            "INSERT INTO tlsrpt.audit (actor_id) VALUES ('a')",
        ],
        &[
            "SELECT tenant FROM tlsrpt.reports",
            "SELECT payload FROM tlsrpt.submissions",
            "ALTER TABLE tlsrpt.reports DELETE WHERE 1",
            "INSERT INTO tlsrpt.migrations SELECT 9, 'x', now()",
            "CREATE TABLE tlsrpt.x (a UInt8) ENGINE = Memory",
        ],
    );
}

#[test]
fn the_query_service_reads_moves_and_erases_and_changes_neither_the_schema_nor_the_audit_log() {
    check(
        "tlsrpt_query",
        &[
            "SELECT DISTINCT version FROM tlsrpt.migrations",
            "SELECT create_table_query FROM system.tables WHERE database = 'tlsrpt' AND name = 'audit'",
            "SELECT * FROM tlsrpt.audit",
            "SELECT payload FROM tlsrpt.submissions",
            "INSERT INTO tlsrpt.reports (tenant) SELECT tenant FROM tlsrpt.reports",
            "ALTER TABLE tlsrpt.reports DELETE WHERE tenant = 'a' SETTINGS mutations_sync = 2",
            "ALTER TABLE tlsrpt.submissions DELETE WHERE address = 'a'",
            "ALTER TABLE tlsrpt.key_use DELETE WHERE 0",
            "ALTER TABLE tlsrpt.notices DELETE WHERE 0",
            "ALTER TABLE tlsrpt.notice_deliveries DELETE WHERE 0",
            "DESCRIBE TABLE tlsrpt.erasures",
            "SELECT count() FROM system.parts",
            "SELECT count() FROM system.clusters",
        ],
        &[
            "INSERT INTO tlsrpt.audit (actor_id) VALUES ('a')",
            "INSERT INTO tlsrpt.migrations SELECT 9, 'x', now()",
            "ALTER TABLE tlsrpt.reports ADD COLUMN x UInt8",
            "CREATE TABLE tlsrpt.x (a UInt8) ENGINE = Memory",
        ],
    );
}

#[test]
fn whoever_looks_by_grafana_sees_figures_and_neither_payloads_nor_what_mails_say_of_people() {
    check(
        "tlsrpt_readonly",
        &[
            "SELECT tenant, policy_domain, day, successful, failed, trust FROM tlsrpt.reports FINAL",
            "SELECT submission_id, reason, payload_bytes FROM tlsrpt.submissions",
        ],
        &[
            "SELECT payload FROM tlsrpt.submissions",
            "SELECT mail_from, recipients FROM tlsrpt.submissions",
            "SELECT * FROM tlsrpt.audit",
            "SELECT * FROM tlsrpt.key_use",
            "INSERT INTO tlsrpt.reports (tenant) VALUES ('a')",
        ],
    );
    let file = fs::read_to_string(repository("deploy/clickhouse/users.xml")).unwrap();
    let (_, own) = file.split_once("<tlsrpt_readonly>\n            <networks>").unwrap();
    assert!(own.split("</tlsrpt_readonly>").next().unwrap().contains("<profile>tlsrpt_bounded</profile>"), "its questions have limits");
}

#[test]
fn whoever_looks_may_read_what_the_views_that_count_read_and_nothing_else() {
    let plain = |grants: &[String]| -> BTreeSet<String> {
        grants.iter().map(|grant| grant.trim_start_matches("GRANT ").replace('`', "")).collect()
    };
    assert_eq!(plain(&grants("tlsrpt_readonly")), plain(&tlsrpt_store::reading_grants("tlsrpt")));
}

#[test]
fn each_secret_opens_the_user_that_it_is_for() {
    let made = secrets();
    let hashes = fs::read_to_string(made.path().join("clickhouse-passwords.xml")).unwrap();
    for user in ["migrate", "writer", "query"] {
        let file: toml::Table = toml::from_str(&fs::read_to_string(made.path().join(format!("{user}.toml"))).unwrap()).unwrap();
        let store = &file["store"];
        assert_eq!(store["clickhouse_user"].as_str(), Some(&*format!("tlsrpt_{user}")));
        let password = store["clickhouse_password"].as_str().unwrap();
        assert_eq!(password.len(), 64);
        assert!(hashes.contains(&format!("<tlsrpt_{user}><password_sha256_hex>{}</", sha256(password))), "{user}");
    }
    let grafana = fs::read_to_string(made.path().join("grafana.env")).unwrap();
    let password = grafana.lines().find_map(|line| line.strip_prefix("TLSRPT_CLICKHOUSE_PASSWORD=")).unwrap();
    assert!(hashes.contains(&format!("<tlsrpt_readonly><password_sha256_hex>{}</", sha256(password))));
}

fn sha256(text: &str) -> String {
    let mut openssl = Command::new("openssl").args(["dgst", "-sha256", "-r"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    openssl.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let out = String::from_utf8(openssl.wait_with_output().unwrap().stdout).unwrap();
    out.split(' ').next().unwrap().to_owned()
}

#[test]
fn the_engine_here_is_of_the_servers_release() {
    let image = super::compose()["services"]["clickhouse"]["image"].as_str().unwrap().to_owned();
    let (_, release) = image.split_once(':').unwrap();
    assert!(version(LOCK).starts_with(&format!("{release}.")), "{image}: what is tried here is {}", version(LOCK));
}
