//! What the compose file gives to the program, and what it asks of it, with the real one.

use std::{
    fs,
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;
use tlsrpt_tests::{Setup, binary, free_address, program, repository, until};

use super::{OURS, secrets, services};

/// `tlsrpt config` with the arguments of a service, its files put where the test has them.
fn config_of(service: &Value, made: &TempDir) -> Output {
    let command: Vec<_> = service["command"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    let mut run = program();
    run.arg("config");
    for argument in &command[1..] {
        let file = argument.strip_prefix("--config=").unwrap_or_else(|| panic!("{argument}"));
        let path = match file.strip_prefix("/run/secrets/") {
            Some(secret) => {
                let given = service["secrets"].as_array().unwrap();
                assert!(given.contains(&Value::from(secret)), "{secret} is read and not given");
                made.path().join(secret)
            }
            None => {
                assert_eq!(service["configs"][0]["target"], file);
                repository("deploy/tlsrpt.toml")
            }
        };
        run.arg("--config").arg(path);
    }
    run.output().unwrap()
}

#[test]
fn the_program_takes_what_each_service_gives_it() {
    let made = secrets();
    let all = services();
    for role in OURS {
        let (_, service) = all.iter().find(|(name, _)| name == role).unwrap();
        assert_eq!(service["command"][0], role);
        let ran = config_of(service, &made);
        assert!(ran.status.success(), "{role}: {}", String::from_utf8_lossy(&ran.stderr));
        let shown: toml::Table = toml::from_str(&String::from_utf8(ran.stdout).unwrap()).unwrap();
        let text = |section: &str, key: &str| shown[section].get(key).and_then(toml::Value::as_str).unwrap_or_default().to_owned();
        // Ports inside: what is published, what is asked for health, what Prometheus scrapes.
        for (place, port) in [("https", 8443), ("smtp", 2525), ("query", 8080), ("ops", 9090)] {
            assert_eq!(text("listen", place), format!("0.0.0.0:{port}"), "{role}: {place}");
        }
        for (section, key, other) in
            [("kafka", "brokers", "kafka"), ("store", "clickhouse_url", "clickhouse"), ("otlp", "endpoint", "collector")]
        {
            let url = text(section, key);
            let named = url.trim_start_matches("http://").split(':').next().unwrap();
            assert_eq!(named, other, "{role}: {section}.{key}");
            assert!(all.iter().any(|(name, _)| name == named), "{role}: no service {named}");
        }
        let user = if ["writer", "query", "migrate"].contains(&role) { format!("tlsrpt_{role}") } else { "default".to_owned() };
        assert_eq!(text("store", "clickhouse_user"), user, "{role}");
        assert_eq!(shown.contains_key("admin_key"), role == "query", "{role}: who holds the operator's key");
    }
}

/// Runs the health check that the image holds.
fn ready(endpoints: &[&str]) -> (bool, String) {
    let ran = Command::new(repository("deploy/tlsrpt-ready")).args(endpoints).output().unwrap();
    (ran.status.success(), String::from_utf8(ran.stderr).unwrap())
}

#[tokio::test]
async fn the_health_check_tells_a_service_that_is_ready_from_one_that_is_not_and_from_none() {
    let service = Setup::new().start().await;
    let good = service.operations_address();
    let asked = good.clone();
    assert_eq!(tokio::task::spawn_blocking(move || ready(&[&asked])).await.unwrap(), (true, String::new()));

    let nobody = free_address().await.to_string();
    let asked = (good.clone(), nobody.clone());
    let (is_ready, said) = tokio::task::spawn_blocking(move || ready(&[&asked.0, &asked.1])).await.unwrap();
    assert!(!is_ready && said.contains(&nobody) && said.contains("does not answer") && !said.contains(&good), "{said}");
    service.finish().await;

    // One that waits for Kafka, as a container does that is started first.
    let dir = TempDir::new().unwrap();
    let ops = free_address().await.to_string();
    let mut waiting = program();
    waiting.args(["normalizer", "--kafka-brokers", &nobody, "--ops-listen", &ops]).current_dir(dir.path());
    waiting.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut child = waiting.spawn().unwrap();
    let told = async || {
        let asked = ops.clone();
        let (is_ready, said) = tokio::task::spawn_blocking(move || ready(&[&asked])).await.unwrap();
        if !is_ready && said.contains("is not ready") && said.contains("\"missing\"") { Ok(()) } else { Err(said) }
    };
    until("the health check tells what is missing", told).await;
    child.kill().unwrap();
    child.wait().unwrap();

    assert!(!ready(&[]).0);
}

#[test]
fn what_the_image_holds_is_laid_out_and_a_program_with_other_libraries_is_refused() {
    let dir = TempDir::new().unwrap();
    let lay_out = |program: &str| {
        let ran = Command::new(repository("scripts/image-root")).arg(program).arg(dir.path()).output().unwrap();
        (ran.status.success(), String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr))
    };
    let (is_done, said) = lay_out(binary().to_str().unwrap());
    assert!(is_done && said.contains(&format!("tlsrpt {}", env!("CARGO_PKG_VERSION"))), "{said}");
    let mut files: Vec<_> = ["usr/local/bin", "usr/share/doc/tlsrpt"]
        .iter()
        .flat_map(|one| fs::read_dir(dir.path().join(one)).unwrap())
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert_eq!(files, ["LICENSE", "tlsrpt", "tlsrpt-ready"]);
    // It needs a library for terminals.
    let (is_done, said) = lay_out("/bin/bash");
    assert!(!is_done && said.contains("libtinfo") && said.contains("deploy/Dockerfile"), "{said}");
}
