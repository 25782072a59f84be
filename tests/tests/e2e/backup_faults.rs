//! Backups that are broken off: by the end of the service, and by a disk that has no room.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tlsrpt_tests::{Disk, Encoding, Generator, Operator, Service, Setup, Size, settled, until};

/// Reports of which a backup takes a while, and more than [`SMALL`].
const REPORTS: u64 = 24;
/// The disk of backups, in MiB: with the room that is asked for before one is begun, and without.
const LARGE: u32 = 1_024;
const SMALL: u32 = 2;

async fn with_reports(setup: Setup) -> (Service, Operator) {
    let service = setup.start().await;
    let operator = service.operator();
    let access = operator.tenant("acme", &["example.com"]).await;
    let mut reports = Generator::new(404);
    for _ in 0..REPORTS {
        service.sender().send_to(&access.address, reports.report("example.com", Size::Large).encode(Encoding::Plain)).await;
    }
    settled(&operator, REPORTS).await;
    (service, operator)
}

/// What there is of backups that are being made.
fn unfinished(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "unfinished")).collect()
}

/// Begins one, and comes back while it is being made.
async fn begin(operator: &Operator, dir: &Path) {
    until("a backup is seen while it is made", async || {
        let begun = operator.post("/admin/v1/backups", &json!({})).await.is(202).json();
        loop {
            if !unfinished(dir).is_empty() {
                return Ok(());
            }
            let backup = operator.json(&format!("/admin/v1/backups/{}", begun["name"].as_str().unwrap())).await;
            if backup["state"] != "running" {
                return Err(backup.to_string());
            }
        }
    })
    .await;
}

/// The newest one, once it is no longer being made.
async fn ended(operator: &Operator) -> Value {
    until("the backup has ended", async || {
        let newest = operator.json("/admin/v1/backups").await["backups"][0].clone();
        if newest["state"] == "running" { Err(newest.to_string()) } else { Ok(newest) }
    })
    .await
}

#[tokio::test]
async fn a_service_that_is_killed_while_it_takes_a_backup_starts_again_and_the_next_backup_is_whole() {
    let (mut service, operator) = with_reports(Setup::new()).await;
    let dir = service.data("backups");
    begin(&operator, &dir).await;
    service.kill();
    assert_eq!(unfinished(&dir).len(), 1, "what is there of it has no name of a backup");

    service.start_again().await;
    let operator = service.operator();
    settled(&operator, REPORTS).await;
    let listed = operator.json("/admin/v1/backups").await;
    let all_whole = listed["backups"].as_array().unwrap().iter().all(|backup| backup["state"] == "complete");
    assert!(all_whole, "what was broken off is none: {listed}");
    operator.post("/admin/v1/backups", &json!({})).await.is(202);
    let next = ended(&operator).await;
    assert_eq!(next["state"], "complete", "{next}");
    assert_eq!(unfinished(&dir), Vec::<PathBuf>::new(), "the next one removes what is left");
    service.finish().await;
}

#[tokio::test]
async fn a_backup_whose_disk_fills_up_fails_by_name_leaves_nothing_and_the_service_goes_on() {
    let outside = tempfile::tempdir().unwrap();
    let dir = outside.path().join("backups");
    let Some(disk) = Disk::mount(&dir, LARGE) else {
        eprintln!("skipped: a small file system cannot be mounted here");
        return;
    };
    let setup = Setup::new().config(&format!("[backup]\ndir = {:?}\n", dir.to_str().unwrap())).allow("the backup failed");
    let (service, operator) = with_reports(setup).await;
    begin(&operator, &dir).await;
    disk.resize(SMALL);
    let failed = ended(&operator).await;
    assert_eq!(failed["state"], "failed", "{failed}");
    assert!(failed["error"].as_str().unwrap().to_lowercase().contains("no space left"), "{failed}");
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0, "nothing of it is left");

    // Not begun at all: it could not be whole.
    operator.post("/admin/v1/backups", &json!({})).await.is(202);
    let refused = ended(&operator).await;
    assert!(refused["state"] == "failed" && refused["error"].as_str().unwrap().contains("free"), "{refused}");

    disk.resize(LARGE);
    operator.post("/admin/v1/backups", &json!({})).await.is(202);
    let next = ended(&operator).await;
    assert_eq!(next["state"], "complete", "{next}");
    settled(&operator, REPORTS).await;
    service.finish().await;
}
