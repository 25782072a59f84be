//! A full disk is an error and not a loss, and the log goes on by itself once there is room.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use tlsrpt_log::{Log, ProduceError};

use crate::{
    Subject,
    conformance::{Backend, append_numbers, check_order, eventually, in_time, kept, read_all, record, take, text},
};

const MOUNTED: &str = "TLSRPT_LOG_TEST_SMALL_DISK";

/// Not a test: the test below starts it with a small disk in place.
#[tokio::test]
#[ignore = "started by a_full_disk_is_an_error_and_not_a_loss"]
async fn on_a_small_disk() {
    let disk = PathBuf::from(std::env::var(MOUNTED).expect("is only started by the test that mounts the disk"));
    let subject = Subject::at(disk.join("log").to_str().unwrap());
    let embedded = subject.open_embedded();
    let log: Arc<dyn Log> = embedded.clone();
    log.declare(&kept("full-disk", 1)).await.unwrap();
    let mut consumer = log.consumer("full-disk", "full-disk-group").await.unwrap();
    let mut acknowledged = BTreeMap::new();

    // Half full by the log, then all of it by somebody else.
    fill(&log, &mut acknowledged, 400).await;
    let ballast = fill_up(&disk);
    let mut refused = 0;
    while refused < 20 {
        match in_time(log.producer().send("full-disk", record(format!("refused {}", "x".repeat(20_000))))).await {
            Ok(position) => assert_eq!(acknowledged.insert(position.offset, "refused".to_owned()), None),
            Err(ProduceError::Unavailable { .. } | ProduceError::Unknown) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(embedded.stats().failed_commits > 0);

    // While the disk is full, what is there can be read.
    check(&read_all(&log, "full-disk").await, &acknowledged);
    std::fs::remove_file(ballast).unwrap();
    let position = eventually("recovery", || async { in_time(log.producer().send("full-disk", record("after"))).await.ok() }).await;
    assert_eq!(acknowledged.insert(position.offset, "after".to_owned()), None);
    assert!(embedded.stats().reopened > 0);
    fill(&log, &mut acknowledged, 100).await;
    check(&read_all(&log, "full-disk").await, &acknowledged);
    let batch = take(&mut consumer, acknowledged.len()).await;
    consumer.commit(&batch.positions()).await.unwrap();
    drop((consumer, log));
    embedded.close();

    let log = subject.open().await;
    check(&read_all(&log, "full-disk").await, &acknowledged);
    append_numbers(&log, "full-disk", 0..10).await;
}

async fn fill(log: &Arc<dyn Log>, acknowledged: &mut BTreeMap<u64, String>, count: usize) {
    for _ in 0..count {
        let number = acknowledged.len();
        let position = in_time(log.producer().send("full-disk", record(format!("{number} {}", "x".repeat(20_000))))).await.unwrap();
        assert_eq!(acknowledged.insert(position.offset, number.to_string()), None);
    }
}

/// Writes a file until nothing more fits.
fn fill_up(disk: &Path) -> PathBuf {
    use std::io::Write;
    let path = disk.join("ballast");
    let mut file = std::fs::File::create(&path).unwrap();
    for chunk in [1 << 16, 1 << 12] {
        while file.write_all(&vec![1; chunk]).is_ok() {}
    }
    path
}

/// Every acknowledged record is there; others may be, when the answer said that it does not know.
fn check(records: &[tlsrpt_log::Delivered], acknowledged: &BTreeMap<u64, String>) {
    check_order(records, &mut BTreeMap::new());
    let there: BTreeMap<u64, String> =
        records.iter().map(|delivered| (delivered.position.offset, text(delivered).split(' ').next().unwrap().to_owned())).collect();
    for (offset, name) in acknowledged {
        assert_eq!(there.get(offset), Some(name), "offset {offset}");
    }
}

#[test]
fn a_full_disk_is_an_error_and_not_a_loss() {
    let dir = tempfile::tempdir().unwrap();
    let test = std::env::current_exe().unwrap();
    let script = r#"mount -t tmpfs -o size=24m tmpfs "$0" || exit 99; "$1" --exact --ignored --nocapture full_disk::on_a_small_disk; code=$?; umount "$0"; exit $code"#;
    // A mount namespace of its own, so that the mount is gone with it whatever happens; with a user namespace when not root.
    let flags = if rustix::process::geteuid().is_root() { "-m" } else { "-rm" };
    let child = Command::new("unshare").args([flags, "sh", "-c", script]).arg(dir.path()).arg(test).env(MOUNTED, dir.path()).output();
    let skipped = match &child {
        Err(error) => format!("unshare cannot be run: {error}"),
        Ok(output) if output.status.code() == Some(99) || String::from_utf8_lossy(&output.stderr).starts_with("unshare:") => {
            String::from_utf8_lossy(&output.stderr).into_owned()
        }
        Ok(output) => {
            let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert!(output.status.success() && out.contains("1 passed"), "{out}\n{err}");
            return;
        }
    };
    eprintln!("\nSKIPPED: a_full_disk_is_an_error_and_not_a_loss needs a small disk, and none could be mounted: {skipped}\n");
}
