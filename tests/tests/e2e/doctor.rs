//! `tlsrpt doctor`: each fault made real, and the line that names it.

use std::{
    net::TcpListener,
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, SystemTime},
};

use rcgen::{CertificateParams, KeyPair};
use serde_json::Value;
use tempfile::TempDir;
use tlsrpt_tests::{OtlpReceiver, Setup, free_address, program};

/// A doctor for a service that listens on free ports, keeps its data in `data_dir`, and asks a DNS server that is not there.
fn doctor(data_dir: &Path) -> Command {
    let mut command = program();
    command.args(["doctor", "--json", "--mail-host", "reports.example", "--dns-server", "127.0.0.1:9", "--data-dir"]).arg(data_dir);
    for listener in ["--https-listen", "--smtp-listen", "--query-listen", "--ops-listen"] {
        command.args([listener, "127.0.0.1:0"]);
    }
    command
}

async fn run(mut command: Command) -> Output {
    command.stdin(Stdio::null());
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn findings(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    let parsed = text.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>();
    parsed.unwrap_or_else(|error| panic!("{error}: {text}{}", String::from_utf8_lossy(&output.stderr)))
}

/// The finding of this level and subject whose words are all there, in what was found or what to do.
fn check(output: &Output, level: &str, subject: &str, words: &[&str]) {
    let found = findings(output);
    let has = |finding: &&Value| {
        let text = format!("{}; {}", finding["found"].as_str().unwrap(), finding["remedy"].as_str().unwrap());
        finding["level"] == level && finding["subject"] == subject && words.iter().all(|word| text.contains(word))
    };
    assert!(found.iter().any(|finding| has(&finding)), "{level} {subject} {words:?}: {found:#?}");
    let has_failed = found.iter().any(|finding| finding["level"] == "fail");
    assert_eq!(output.status.code(), Some(i32::from(has_failed)), "the status follows from the findings: {found:#?}");
    for finding in &found {
        let needs_none = finding["level"] == "ok";
        assert_eq!(finding["remedy"].as_str().unwrap().is_empty(), needs_none, "what is wrong has a remedy: {finding}");
    }
}

#[tokio::test]
async fn before_the_first_start_and_while_the_service_runs_nothing_fails_and_no_secret_is_shown() {
    let mut service = Setup::new().prepare().await;
    let output = run(doctor(&service.data_dir())).await;
    for (subject, words) in [
        ("configuration", &["understood"][..]),
        ("data directory", &["can be made"]),
        ("data directory", &["MiB free"]),
        ("engine", &["libchdb.so"]),
        ("port https", &["any free port"]),
    ] {
        check(&output, "ok", subject, words);
    }
    check(&output, "warn", "certificate", &["self-signed", "tls.mode"]);
    check(&output, "warn", "dns", &["does not answer", "origin.servers"]);
    assert!(!service.data_dir().exists(), "nothing is made");

    service.start_again().await;
    let mut command = doctor(&service.data_dir());
    for (flag, addr) in [("--https-listen", service.edge_address()), ("--query-listen", service.query_address())] {
        // The last one wins.
        command.args([flag, &addr]);
    }
    command = without_twice(command);
    command.env("TLSRPT_ADMIN_KEY", "the-operators-very-secret-key");
    let output = run(command).await;
    check(&output, "ok", "data directory", &["a running service has it"]);
    check(&output, "ok", "port https", &["held by tlsrpt"]);
    check(&output, "ok", "port query", &["held by tlsrpt"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!said.contains("very-secret") && !said.contains(&service.admin_key()), "{said}");
    service.finish().await;
}

/// The same command, with the last value of each flag that is given twice.
fn without_twice(command: Command) -> Command {
    let words: Vec<_> = command.get_args().map(std::borrow::ToOwned::to_owned).collect();
    let mut kept = program();
    for (at, word) in words.iter().enumerate() {
        let is_flag = |word: &std::ffi::OsString| word.to_string_lossy().ends_with("-listen");
        let comes_again = |flag: &std::ffi::OsString, at: usize| words[at + 1..].contains(flag);
        let of_dropped = at > 0 && is_flag(&words[at - 1]) && comes_again(&words[at - 1], at - 1);
        if !(of_dropped || is_flag(word) && comes_again(word, at)) {
            kept.arg(word);
        }
    }
    kept
}

#[tokio::test]
async fn a_port_that_another_program_holds_is_named_with_that_program() {
    let dir = tempfile::tempdir().unwrap();
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = held.local_addr().unwrap().to_string();
    let mut command = doctor(dir.path());
    command.args(["--smtp-listen", &addr]);
    let output = run(without_twice(command)).await;
    check(&output, "fail", "port smtp", &[&addr, &std::process::id().to_string(), "--smtp-listen"]);
    drop(held);
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_written_or_that_others_can_read_is_named_with_what_to_type() {
    // Where not even root makes a file.
    check(&run(doctor(Path::new("/sys"))).await, "fail", "data directory", &["/sys", "cannot be written", "chown"]);
    check(&run(doctor(Path::new("/proc/tlsrpt"))).await, "fail", "data directory", &["cannot be made", "data_dir"]);
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    check(&run(doctor(dir.path())).await, "warn", "data directory", &["755", "chmod 700"]);
    std::fs::write(dir.path().join("restore-unfinished"), "").unwrap();
    check(&run(doctor(dir.path())).await, "fail", "data directory", &["not finished", "restore again"]);
}

struct Pair {
    dir: TempDir,
}

impl Pair {
    /// A certificate for `host` that ends a minute before `days` from now are over.
    fn new(host: &str, days: i64) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let day = |days: i64| rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(now.checked_add_signed(days * 86_400 - 60).unwrap());
        (params.not_before, params.not_after) = (day(-400), day(days));
        let pair = Self { dir: tempfile::tempdir().unwrap() };
        std::fs::write(pair.dir.path().join("cert.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        std::fs::write(pair.dir.path().join("key.pem"), key.serialize_pem()).unwrap();
        pair
    }

    async fn doctor(&self) -> Output {
        let path = |name: &str| self.dir.path().join(name);
        let mut command = doctor(&path("data"));
        command.args(["--https-tls", "files", "--https-cert"]).arg(path("cert.pem")).arg("--https-key").arg(path("key.pem"));
        run(command).await
    }
}

#[tokio::test]
async fn a_certificate_is_looked_at_for_its_key_its_end_and_its_names() {
    let good = Pair::new("reports.example", 90);
    check(&good.doctor().await, "ok", "certificate", &["belong together", "89 days left"]);
    check(&Pair::new("*.example", 90).doctor().await, "ok", "certificate", &["belong together"]);
    check(&Pair::new("reports.example", 7).doctor().await, "warn", "certificate", &["expires in 6 days", "renew"]);
    check(&Pair::new("reports.example", -1).doctor().await, "fail", "certificate", &["expired", "renew"]);
    check(&Pair::new("other.example", 90).doctor().await, "warn", "certificate", &["other.example", "not for reports.example", "issued"]);
    let other = Pair::new("reports.example", 90);
    std::fs::copy(other.dir.path().join("key.pem"), good.dir.path().join("key.pem")).unwrap();
    check(&good.doctor().await, "fail", "certificate", &["do not make a usable pair", "tls.key"]);
    std::fs::remove_file(good.dir.path().join("key.pem")).unwrap();
    check(&good.doctor().await, "fail", "certificate", &["key.pem", "tls.key"]);
}

#[tokio::test]
async fn what_is_away_is_named_within_its_time_with_what_to_correct() {
    let dir = tempfile::tempdir().unwrap();
    let gone = free_address().await;
    let mut command = doctor(dir.path());
    command.args(["--clickhouse-url", &format!("http://{gone}")]);
    check(&run(command).await, "fail", "clickhouse", &[&gone.to_string(), "store.clickhouse_url"]);

    let mut command = doctor(dir.path());
    command.args(["--libchdb", "/nonexistent/libchdb.so"]);
    check(&run(command).await, "fail", "engine", &["/nonexistent/libchdb.so", "--libchdb"]);

    let config = dir.path().join("issuer.toml");
    std::fs::write(&config, format!("[query.oidc]\nissuer = \"http://{gone}\"\naudience = \"api\"\n")).unwrap();
    let mut command = doctor(dir.path());
    command.arg("--config").arg(&config);
    check(&run(command).await, "fail", "issuer", &[&gone.to_string(), "query.oidc.issuer"]);

    let mut command = doctor(dir.path());
    command.args(["--role", "writer"]);
    check(&run(command).await, "fail", "configuration", &["Kafka", "--kafka-brokers"]);
}

#[tokio::test]
async fn a_receiver_of_traces_is_asked_whether_it_takes_them_and_over_tls_only_one_that_is_trusted() {
    let dir = tempfile::tempdir().unwrap();
    let certificate = dir.path().join("receiver.pem");
    let receiver = OtlpReceiver::start_with_tls(&certificate).await;
    let asked = async |protocol: &str, trusts: bool| {
        let config = dir.path().join("otlp.toml");
        let endpoint = receiver.endpoint();
        std::fs::write(&config, format!("[otlp]\nendpoint = \"{endpoint}\"\nprotocol = \"{protocol}\"\nmetrics = true\n")).unwrap();
        let mut command = doctor(dir.path());
        // One that asks nobody else.
        command.args(["--role", "writer", "--config"]).arg(&config);
        if trusts {
            command.env("SSL_CERT_FILE", &certificate);
        }
        run(command).await
    };
    for protocol in ["grpc", "http"] {
        check(&asked(protocol, true).await, "ok", "otlp", &[&receiver.endpoint(), "takes what is sent"]);
        check(&asked(protocol, false).await, "warn", "otlp", &["takes no traces", "UnknownIssuer", "otlp.endpoint"]);
        receiver.refuse(true);
        check(&asked(protocol, true).await, "warn", "otlp", &["takes no traces", "otlp.headers"]);
        receiver.refuse(false);
    }
    assert!(receiver.spans().is_empty() && receiver.metrics().is_empty(), "nothing is sent");
}

#[tokio::test]
async fn a_line_for_each_check_says_how_bad_it_is_what_was_found_and_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let command = doctor(dir.path());
    let words: Vec<_> = command.get_args().filter(|word| *word != "--json").map(std::borrow::ToOwned::to_owned).collect();
    let mut command = program();
    command.args(words);
    let output = run(command).await;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.lines().count() >= 8, "{text}");
    for line in text.lines() {
        assert!(["ok    ", "warn  ", "fail  "].iter().any(|level| line.starts_with(level)), "{line}");
    }
    assert!(text.lines().any(|line| line.starts_with("warn  certificate") && line.contains("; for senders that check")), "{text}");
}
