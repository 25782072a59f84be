//! A full disk is an error and not a loss, and the log goes on by itself once there is room.

use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use tlsrpt_log::{CommitError, Log, Positions, ProduceError};

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

    // Almost full: what the log has left it keeps for commits, so that consumers and with them retention get on.
    fill(&log, &mut acknowledged, 400).await;
    let batch = take(&mut consumer, 300).await;
    let commit_upto = |index: usize| {
        let mut done = Positions::default();
        done.done(batch.records[index].position);
        done
    };
    let ballast = fill_up(&disk, 1 << 20);
    for _ in 0..20 {
        let refused = in_time(log.producer().send("full-disk", record("x".repeat(20_000)))).await;
        assert!(matches!(&refused, Err(ProduceError::Unavailable { reason }) if reason.contains("bytes left")), "{refused:?}");
    }
    consumer.commit(&commit_upto(0)).await.unwrap();
    assert_eq!(embedded.stats().failed_commits, 0);

    // Full to the brim: now the store itself fails, is opened again, and fails again, as long as there is no room.
    let brim = fill_up(&disk, 0);
    let mut committed = 0;
    for index in 1..300 {
        match in_time(consumer.commit(&commit_upto(index))).await {
            Ok(()) => committed = index,
            Err(CommitError::Unavailable { .. }) => {}
            Err(error) => panic!("{error}"),
        }
        let refused = in_time(log.producer().send("full-disk", record("x"))).await;
        assert!(matches!(refused, Err(ProduceError::Unavailable { .. } | ProduceError::Unknown)), "{refused:?}");
    }
    assert!(embedded.stats().failed_commits > 0, "the disk was not full");
    assert!(log.lag("full-disk", "full-disk-group").await.unwrap().records < acknowledged.len() as u64 - committed as u64);

    check(&read_all(&log, "full-disk").await, &acknowledged);
    std::fs::remove_file(brim).unwrap();
    std::fs::remove_file(ballast).unwrap();
    let position = eventually("recovery", || async { in_time(log.producer().send("full-disk", record("after"))).await.ok() }).await;
    assert_eq!(acknowledged.insert(position.offset, "after".to_owned()), None);
    assert!(embedded.stats().reopened > 0);
    fill(&log, &mut acknowledged, 100).await;
    check(&read_all(&log, "full-disk").await, &acknowledged);
    let rest = take(&mut consumer, acknowledged.len() - 300).await;
    check_order(&rest.records, &mut BTreeMap::from([(0, 300)]));
    consumer.commit(&rest.positions()).await.unwrap();
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

/// Writes a file until only this much more fits.
fn fill_up(disk: &Path, left: u64) -> PathBuf {
    let path = disk.join(format!("ballast-{left}"));
    let mut file = std::fs::File::create(&path).unwrap();
    loop {
        let stat = rustix::fs::statvfs(disk).unwrap();
        let free = (stat.f_bavail * stat.f_frsize).saturating_sub(left);
        if free == 0 || file.write_all(&vec![1; free.min(1 << 16) as usize]).is_err() {
            return path;
        }
    }
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
