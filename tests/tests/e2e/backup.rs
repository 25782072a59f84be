//! Backups: taken while reports come in, damaged, put back.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::{Value, json};
use tlsrpt_tests::{
    Encoding, Generator, Sender, Service, Setup, Size, TenantAccess, Totals, all_submissions, caught_up, program, settled, until,
    wide_period,
};

/// Runs `tlsrpt backup --to` of the running service, or of its directory once it is stopped.
async fn back_up(service: &Service, is_running: bool, to: &Path) -> Output {
    let mut command = program();
    command.args(["backup", "--json", "--to"]).arg(to).arg("--data-dir").arg(service.data_dir());
    if is_running {
        command.arg("--url").arg(format!("http://{}", service.query_address()));
    }
    run(command).await
}

async fn restore(from: &Path, data_dir: &Path) -> Output {
    let mut command = program();
    command.args(["restore", "--json", "--from"]).arg(from).arg("--data-dir").arg(data_dir);
    run(command).await
}

async fn run(mut command: std::process::Command) -> Output {
    command.stdin(Stdio::null());
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn succeeded(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}", said(output));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(output)))
}

/// It ended with status 1 and said all of `words`.
fn failed(output: &Output, words: &[&str]) {
    assert_eq!(output.status.code(), Some(1), "{}", said(output));
    for word in words {
        assert!(said(output).contains(word), "{word}: {}", said(output));
    }
}

/// The first file of the backup whose path begins with `part` and that holds something.
fn a_file(backup: &Path, part: &str) -> PathBuf {
    let manifest: Value = serde_json::from_slice(&std::fs::read(backup.join("manifest.json")).unwrap()).unwrap();
    let files = manifest["files"].as_array().unwrap();
    let file = files.iter().find(|file| file["path"].as_str().unwrap().starts_with(part) && file["bytes"].as_u64().unwrap() > 0);
    backup.join(file.unwrap_or_else(|| panic!("no file in {part}: {manifest}"))["path"].as_str().unwrap())
}

/// Every answer of the tenant's that a period of the past fixes.
async fn answers(service: &Service, access: &TenantAccess) -> Vec<Value> {
    let period = wide_period();
    let tenant = service.tenant(&access.key);
    let mut answers = Vec::new();
    for path in ["summary", "domains", "failures", "reporters", "timeseries"] {
        answers.push(tenant.json(&format!("/v1/{path}?{period}")).await);
    }
    answers
}

/// Posts reports of one domain until it is told to end; what was acknowledged by then.
fn post_on(sender: Sender, address: String, ends: Arc<AtomicBool>) -> tokio::task::JoinHandle<Vec<String>> {
    tokio::spawn(async move {
        let (mut reports, mut ids) = (Generator::new(402), Vec::new());
        while !ends.load(Ordering::Relaxed) {
            let payload = reports.report("loaded.example", Size::Medium).encode(Encoding::Gzip);
            ids.push(sender.send_to(&address, payload).await);
        }
        ids
    })
}

#[tokio::test]
async fn a_backup_under_load_holds_all_that_was_acknowledged_before_and_counts_it_once() {
    let mut service = Setup::new().start().await;
    let operator = service.operator();
    let quiet = operator.tenant("quiet", &["quiet.example"]).await;
    let loaded = operator.tenant("loaded", &["loaded.example"]).await;
    let (mut reports, mut totals) = (Generator::new(401), Totals::default());
    for _ in 0..40 {
        let report = reports.report("quiet.example", Size::Medium);
        totals.add(&report);
        service.sender().send_to(&quiet.address, report.encode(Encoding::Gzip)).await;
    }
    caught_up(&operator).await;
    let before = answers(&service, &quiet).await;
    let keys = operator.json("/admin/v1/tenants/quiet/keys").await;

    let ends = Arc::new(AtomicBool::new(false));
    let posting = post_on(service.sender(), loaded.address.clone(), Arc::clone(&ends));
    // Some of it is on its way through the pipeline when the backup begins.
    until("reports come in", async || {
        let accepted = operator.json("/admin/v1/ledger").await["accepted"].as_u64().unwrap();
        if accepted > 100 { Ok(()) } else { Err(accepted.to_string()) }
    })
    .await;
    let marks: Vec<String> = {
        let mut marks = Vec::new();
        for _ in 0..20 {
            let report = reports.report("quiet.example", Size::Small);
            totals.add(&report);
            marks.push(service.sender().send_to(&quiet.address, report.encode(Encoding::Plain)).await);
        }
        marks
    };
    let outside = tempfile::tempdir().unwrap();
    let backup = outside.path().join("backup");
    // Left by one that was killed.
    std::fs::create_dir_all(outside.path().join("backup.unfinished/log")).unwrap();
    std::fs::write(outside.path().join("backup.unfinished/manifest.json"), "{").unwrap();
    let told = succeeded(&back_up(&service, true, &backup).await);
    assert!(!outside.path().join("backup.unfinished").exists());
    assert!(told["bytes"].as_u64().unwrap() > 0 && told["files"].as_u64().unwrap() > 0, "{told}");
    ends.store(true, Ordering::Relaxed);
    let posted = posting.await.unwrap();
    assert_eq!(operator.json("/admin/v1/backups").await, json!({"backups": []}), "the service's own copy is gone");
    let audited = operator.json("/admin/v1/audit?action=backup.create").await;
    assert!(!audited["entries"].as_array().unwrap().is_empty(), "{audited}");

    // Its owner's alone, down to the last file.
    let mut waiting = vec![backup.clone()];
    while let Some(path) = waiting.pop() {
        let about = std::fs::metadata(&path).unwrap();
        assert_eq!(about.permissions().mode() & 0o077, 0, "{}", path.display());
        if about.is_dir() {
            waiting.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }

    service.kill();
    let (admin_key, certificate) = (service.admin_key(), std::fs::read(service.data("tls/self-signed.crt")).unwrap());
    failed(&restore(&backup, &service.data_dir()).await, &["is not empty"]);
    std::fs::remove_dir_all(service.data_dir()).unwrap();
    succeeded(&restore(&backup, &service.data_dir()).await);
    service.start_again().await;

    assert_eq!((service.admin_key(), std::fs::read(service.data("tls/self-signed.crt")).unwrap()), (admin_key, certificate));
    let operator = service.operator();
    caught_up(&operator).await;
    let there = all_submissions(&operator).await;
    for id in &marks {
        assert!(there.iter().any(|found| found.submission_id == *id && found.fate == "stored"), "{id} was acknowledged before the backup");
    }
    assert!(there.len() <= 40 + marks.len() + posted.len(), "nothing is there twice");
    let summary = service.tenant(&quiet.key).json(&format!("/v1/summary?{}", wide_period())).await;
    assert_eq!(Totals::of_summary(&summary), totals, "each counts once");
    assert_eq!(operator.json("/admin/v1/tenants/quiet/keys").await["keys"][0]["id"], keys["keys"][0]["id"]);
    assert_eq!(answers(&service, &quiet).await[1]["domains"][0]["domain"], before[1]["domains"][0]["domain"]);
    let loaded_now = service.tenant(&loaded.key).json(&format!("/v1/summary?{}", wide_period())).await;
    let loaded_there = there.iter().filter(|found| found.fate == "stored").count() - 40 - marks.len();
    assert_eq!(loaded_now["reports"], json!(loaded_there), "{loaded_now}");
    // And it goes on, at the address of before.
    service.sender().send_to(&quiet.address, reports.report("quiet.example", Size::Small).encode(Encoding::Plain)).await;
    settled(&operator, there.len() as u64 + 1).await;
    service.finish().await;
}

#[tokio::test]
async fn a_backup_of_a_stopped_directory_answers_as_before_and_a_damaged_one_is_refused_by_the_name_of_the_file() {
    let mut service = Setup::new().start().await;
    let operator = service.operator();
    let access = operator.tenant("acme", &["example.com"]).await;
    let mut reports = Generator::new(403);
    for _ in 0..20 {
        service.sender().send_to(&access.address, reports.report("example.com", Size::Medium).encode(Encoding::Gzip)).await;
    }
    settled(&operator, 20).await;
    let before = answers(&service, &access).await;
    service.stop().await;
    let outside = tempfile::tempdir().unwrap();
    let backup = outside.path().join("backup");
    std::fs::create_dir(&backup).unwrap();
    std::fs::write(backup.join("other"), "something").unwrap();
    failed(&back_up(&service, false, &backup).await, &["no empty directory"]);
    std::fs::remove_file(backup.join("other")).unwrap();
    succeeded(&back_up(&service, false, &backup).await);
    assert!(!outside.path().join("backup.unfinished").exists());

    let target = outside.path().join("restored");
    for part in ["log", "database", "files"] {
        let file = a_file(&backup, part);
        let whole = std::fs::read(&file).unwrap();
        let name = file.strip_prefix(&backup).unwrap().to_str().unwrap().to_owned();
        std::fs::write(&file, &whole[..whole.len() - 1]).unwrap();
        failed(&restore(&backup, &target).await, &[&name, "is damaged", "bytes"]);
        let mut other = whole.clone();
        other[0] ^= 1;
        std::fs::write(&file, &other).unwrap();
        failed(&restore(&backup, &target).await, &[&name, "is damaged", "SHA-256"]);
        std::fs::remove_file(&file).unwrap();
        failed(&restore(&backup, &target).await, &[&name, "is missing"]);
        std::fs::write(&file, &whole).unwrap();
    }
    std::fs::write(backup.join("log/more"), "x").unwrap();
    failed(&restore(&backup, &target).await, &["log/more", "does not name it"]);
    std::fs::remove_file(backup.join("log/more")).unwrap();
    let manifest = std::fs::read(backup.join("manifest.json")).unwrap();
    std::fs::write(backup.join("manifest.json"), &manifest[..manifest.len() / 2]).unwrap();
    failed(&restore(&backup, &target).await, &["manifest.json", "not understood"]);
    let newer = String::from_utf8(manifest.clone()).unwrap().replace("\"format\": 1", "\"format\": 2");
    std::fs::write(backup.join("manifest.json"), newer).unwrap();
    failed(&restore(&backup, &target).await, &["format 2", "newer"]);
    std::fs::write(backup.join("manifest.json"), manifest).unwrap();
    assert!(!target.exists(), "nothing was put back of what was refused");

    std::fs::remove_dir_all(service.data_dir()).unwrap();
    succeeded(&restore(&backup, &service.data_dir()).await);
    service.start_again().await;
    assert_eq!(answers(&service, &access).await, before);
    settled(&service.operator(), 20).await;
    service.finish().await;
}

#[tokio::test]
async fn one_backup_is_taken_at_a_time_and_stays_until_it_is_removed() {
    let service = Setup::new().start().await;
    let operator = service.operator();
    operator.tenant("acme", &["example.com"]).await;
    // Both are asked at once: one of them is told of the other.
    let (nothing, mut refused) = (json!({}), None);
    for _ in 0..20 {
        let (first, second) = tokio::join!(operator.post("/admin/v1/backups", &nothing), operator.post("/admin/v1/backups", &nothing));
        assert!(first.status == 202 || second.status == 202, "{} {}", first.status, second.status);
        refused = [first, second].into_iter().find(|answer| answer.status == 409);
        if refused.is_some() {
            break;
        }
    }
    refused.expect("two backups at one time").problem(409, "backup-running");
    let backups = until("the backup is complete", async || {
        let backups = operator.json("/admin/v1/backups").await;
        let all = backups["backups"].as_array().unwrap().clone();
        if all.iter().all(|backup| backup["state"] == "complete") { Ok(all) } else { Err(backups.to_string()) }
    })
    .await;
    let name = backups[0]["name"].as_str().unwrap().to_owned();
    assert!(service.data("backups").join(&name).join("manifest.json").is_file());
    assert_eq!(operator.json(&format!("/admin/v1/backups/{name}")).await["state"], "complete");
    for wrong in ["..", "%2e%2e", "..%2flog", "log"] {
        let answer = operator.delete(&format!("/admin/v1/backups/{wrong}")).await;
        assert!(matches!(answer.status, 404 | 405), "{wrong}: {}", answer.status);
    }
    assert!(service.data("log").is_dir());
    operator.delete(&format!("/admin/v1/backups/{name}")).await.is(204);
    operator.delete(&format!("/admin/v1/backups/{name}")).await.problem(404, "not-found");
    assert!(!service.data("backups").join(&name).exists());
    service.finish().await;
}

#[tokio::test]
async fn a_service_does_not_start_on_a_directory_that_is_half_restored() {
    let outside = tempfile::tempdir().unwrap();
    let data_dir = outside.path().join("data");
    std::fs::create_dir(&data_dir).unwrap();
    std::fs::write(data_dir.join("restore-unfinished"), "").unwrap();
    let mut command = program();
    command.args(["all-in-one", "--ops-listen", "127.0.0.1:0", "--data-dir"]).arg(&data_dir);
    failed(&run(command).await, &["was not finished", "restore again"]);
}
