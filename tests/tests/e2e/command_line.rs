//! The command line, apart from running the service.

use std::{
    io::Write as _,
    process::{Output, Stdio},
};

use tlsrpt_tests::{Encoding, Policy, Report, Setup, program};

fn run(args: &[&str], variables: &[(&str, &str)]) -> Output {
    program().args(args).envs(variables.iter().copied()).stdin(Stdio::null()).output().unwrap()
}

/// Runs it; it must end with `status` and say all of `words`, on standard output when it succeeds, else on standard error.
fn check(args: &[&str], variables: &[(&str, &str)], status: i32, words: &[&str]) -> String {
    let output = run(args, variables);
    let stream = if status == 0 { &output.stdout } else { &output.stderr };
    let said = String::from_utf8_lossy(stream).into_owned();
    assert_eq!(output.status.code(), Some(status), "{args:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
    for word in words {
        assert!(said.contains(word), "{args:?} says {word:?}: {said}");
    }
    said
}

fn file(dir: &tempfile::TempDir, name: &str, content: &[u8]) -> String {
    let path = dir.path().join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_setting_that_is_not_known_is_refused_and_names_the_nearest() {
    let dir = tempfile::tempdir().unwrap();
    let misspelt = file(&dir, "misspelt.toml", b"data_dri = \"x\"\n");
    check(&["--config", &misspelt, "config"], &[], 2, &["misspelt.toml", "data_dri", "did you mean data_dir?"]);
    let nested = file(&dir, "nested.toml", b"[listen]\nhtps = \"127.0.0.1:1\"\n");
    check(&["--config", &nested, "all-in-one"], &[], 2, &["listen.htps", "did you mean https?"]);
    let value = file(&dir, "value.toml", b"[listen]\nhttps = \"nowhere\"\n");
    check(&["--config", &value, "all-in-one"], &[], 2, &["listen.https"]);
    let broken = file(&dir, "broken.toml", b"[listen\n");
    check(&["--config", &broken, "config"], &[], 2, &["broken.toml"]);
    check(&["--config", "/nonexistent/tlsrpt.toml", "config"], &[], 2, &["/nonexistent/tlsrpt.toml"]);
    check(&["config"], &[("TLSRPT_DATADIR", "x")], 2, &["TLSRPT_DATADIR", "TLSRPT_DATA_DIR"]);
    check(&["config"], &[("TLSRPT_WRITER__BATCH_LINGER", "7")], 2, &["batch_linger", "batch_linger_ms"]);
    check(&["config", "--data-dri", "x"], &[], 2, &["--data-dri", "--data-dir"]);
    check(&["all-in-on"], &[], 2, &["all-in-on", "all-in-one"]);
    check(&["config", "--https-listen", "nowhere"], &[], 2, &["nowhere"]);
    check(&["config", "--https-tls", "files"], &[], 2, &["tls.cert"]);
}

#[test]
fn flags_override_variables_and_variables_override_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let toml = file(&dir, "t.toml", b"[listen]\nhttps = \"127.0.0.1:1\"\nquery = \"127.0.0.1:2\"\nops = \"127.0.0.1:3\"\n");
    let variables =
        [("TLSRPT_QUERY_LISTEN", "127.0.0.1:4"), ("TLSRPT_OPS_LISTEN", "127.0.0.1:5"), ("TLSRPT_WRITER__BATCH_LINGER_MS", "77")];
    let shown = check(&["--config", &toml, "--ops-listen", "127.0.0.1:6", "config"], &variables, 0, &[]);
    for line in ["https = \"127.0.0.1:1\"", "query = \"127.0.0.1:4\"", "ops = \"127.0.0.1:6\"", "batch_linger_ms = 77"] {
        assert!(shown.lines().any(|shown| shown == line), "{line}: {shown}");
    }
}

#[test]
fn secrets_are_never_shown() {
    let dir = tempfile::tempdir().unwrap();
    let toml = file(&dir, "t.toml", b"admin_key = \"hunter2\"\n[store]\nclickhouse_password = \"hunter3\"\n");
    for said in [
        check(&["--config", &toml, "config"], &[], 0, &["admin_key = \"********\""]),
        check(
            &["config"],
            &[("TLSRPT_ADMIN_KEY", "hunter2"), ("TLSRPT_CLICKHOUSE_PASSWORD", "hunter3")],
            0,
            &["clickhouse_password = \"********\""],
        ),
    ] {
        assert!(!said.contains("hunter"), "{said}");
    }
    let help = String::from_utf8(program().arg("--help").env("TLSRPT_ADMIN_KEY", "hunter2").output().unwrap().stdout).unwrap();
    assert!(help.contains("--admin-key") && !help.contains("hunter2"), "{help}");
}

#[test]
fn what_is_shown_as_configuration_can_be_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let shown = check(&["config", "--mail-host", "mx.example", "--mail-host", "mx2.example"], &[], 0, &["mx2.example"]);
    let toml = file(&dir, "t.toml", shown.as_bytes());
    assert_eq!(check(&["--config", &toml, "config"], &[], 0, &[]), shown);
}

#[test]
fn check_shows_what_is_understood_of_a_report_and_its_status_tells_whether_it_counts() {
    let dir = tempfile::tempdir().unwrap();
    let report = Report::new("Sender", "r-1", vec![Policy::sts("Example.COM.", 12, 3)]);
    let good = file(&dir, "good.json.gz", &report.encode(Encoding::Gzip));
    check(&["check", &good], &[], 0, &["r-1", "Sender", "example.com", "sts", "testing", "12 successful, 3 failed sessions"]);
    let line = check(&["check", "--json", &good], &[], 0, &[]);
    let json: serde_json::Value = serde_json::from_str(line.trim()).unwrap();
    assert_eq!(json["reports"][0]["policies"][0]["failed_sessions"], 3, "{json}");

    let bad = file(&dir, "bad.json", b"{}");
    let output = run(&["check", &good, &bad], &[]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("r-1") && said.contains("rejected (no-policies)"), "{said}");
    check(&["check", "/nonexistent.json"], &[], 1, &["/nonexistent.json"]);

    let mut child = program().args(["check", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(report.text().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("12 successful"));
}

#[test]
fn check_reads_mails_whatever_their_files_are_called() {
    let dir = tempfile::tempdir().unwrap();
    let mails = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/report/tests/mails"));
    let mail = |name: &str| std::fs::read(mails.join(name)).unwrap();
    let several = file(&dir, "several.txt", &mail("several.eml"));
    check(
        &["check", &several],
        &[],
        0,
        &["mail from Sender Example TLS reports", "Report Domain:", "several-1", "several-2", "company-z.example"],
    );
    let person = file(&dir, "person.eml", &mail("none-person.eml"));
    let output = run(&["check", &several, &person], &[]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("Jörg Müller") && said.contains("rejected (no-report)"), "{said}");
}

#[test]
fn versions_and_help_are_told_without_a_service() {
    check(&["version"], &[], 0, &["tlsrpt 0.1.0", "format"]);
    check(&["--version"], &[], 0, &["tlsrpt 0.1.0"]);
    check(&["--help"], &[], 0, &["all-in-one", "check", "config", "TLSRPT_DATA_DIR"]);
    let import = ["imaps://USER@HOST", "--dry-run", "--into-log", "--move-to", "TLSRPT_IMAP_PASSWORD", "twice changes nothing"];
    check(&["import", "--help"], &[], 0, &import);
    check(&["import"], &[], 2, &["SOURCE"]);
    check(&["import", "--into-log", "--to", "http://127.0.0.1:1", "x"], &[], 2, &["--into-log", "--to"]);
    check(&["import", "--to", "nowhere", "x"], &[("TLSRPT_ADMIN_KEY", "k")], 1, &["http://HOST:PORT"]);
    check(&[], &[], 2, &["Usage"]);
}

#[tokio::test]
async fn a_second_service_on_a_port_or_a_data_directory_in_use_says_so_and_leaves_the_first_alone() {
    let service = Setup::new().start().await;
    let free = "127.0.0.1:0";
    let other = tempfile::tempdir().unwrap();
    let (own, taken) = (other.path().to_str().unwrap().to_owned(), service.query_address());
    let listeners =
        |query: &str| ["--https-listen", free, "--smtp-listen", free, "--query-listen", query, "--ops-listen", free].map(str::to_owned);
    for (dir, query, word) in [(own.as_str(), taken.as_str(), taken.as_str()), (service.data_dir().to_str().unwrap(), free, "data")] {
        let mut args = vec!["all-in-one".to_owned(), "--data-dir".to_owned(), dir.to_owned()];
        args.extend(listeners(query));
        let output = tokio::task::spawn_blocking(move || program().args(&args).stdin(Stdio::null()).output().unwrap()).await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(word), "{word}: {said}");
    }
    service.operator().json("/admin/v1/ledger").await;
    service.finish().await;
}
