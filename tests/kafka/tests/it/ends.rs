//! Nothing is left of a cluster.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use tlsrpt_kafka_broker::{Cluster, ClusterOptions, shared};

use crate::client::PATIENCE;

/// Between two looks at a condition.
const PAUSE: Duration = Duration::from_millis(20);

/// The directory of the cluster that a JVM belongs to, from its command line.
fn directory(pid: u32) -> PathBuf {
    let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
    PathBuf::from(line.split('\0').find_map(|argument| argument.strip_prefix("-Djava.io.tmpdir=")).unwrap())
}

fn runs(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

#[tokio::test]
async fn nothing_is_left_of_a_dropped_cluster() {
    let cluster = Cluster::start(ClusterOptions::default()).await.unwrap();
    let pid = cluster.pid(0).unwrap();
    let directory = directory(pid);
    assert!(directory.exists() && runs(pid));
    drop(cluster);
    assert!(!directory.exists() && !runs(pid));
}

#[tokio::test]
async fn nothing_is_left_of_a_start_that_is_given_up() {
    let parent = tempfile::tempdir().unwrap();
    let inside = || fs::read_dir(parent.path()).unwrap().map(|entry| entry.unwrap().path()).next();
    // It looks for its controller where nobody is, so it never answers.
    let options = ClusterOptions { directory: Some(parent.path().to_owned()), ..ClusterOptions::default() };
    let starting = tokio::spawn(Cluster::start(options.with("controller.quorum.voters", "1@127.0.0.1:1")));
    let deadline = Instant::now() + PATIENCE;
    while !inside().is_some_and(|directory| directory.join("broker-0.log").exists()) {
        assert!(Instant::now() < deadline && !starting.is_finished(), "no broker was started");
        tokio::time::sleep(PAUSE).await;
    }
    starting.abort();
    assert!(starting.await.unwrap_err().is_cancelled());
    let deadline = Instant::now() + PATIENCE;
    while let Some(left) = inside() {
        assert!(Instant::now() < deadline, "{} is left", left.display());
        tokio::time::sleep(PAUSE).await;
    }
}

#[test]
fn nothing_is_left_of_a_cluster_whose_process_is_killed() {
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--nocapture", "ends::holds_a_cluster_until_it_is_killed"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    let pid = lines.find_map(|line| line.unwrap().strip_prefix("broker ").map(|pid| pid.parse().unwrap())).unwrap();
    let directory = directory(pid);
    assert!(directory.exists() && runs(pid));
    holder.kill().unwrap();
    holder.wait().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while directory.exists() || runs(pid) {
        assert!(Instant::now() < deadline, "broker {pid} or {} is left", directory.display());
        std::thread::sleep(PAUSE);
    }
}

#[tokio::test]
#[ignore = "the other half of nothing_is_left_of_a_cluster_whose_process_is_killed"]
async fn holds_a_cluster_until_it_is_killed() {
    let cluster = shared(ClusterOptions::default()).await.unwrap();
    println!("\nbroker {}", cluster.pid(0).unwrap());
    // Until the other half is gone, if it does not come to the kill.
    std::io::stdin().read_line(&mut String::new()).unwrap();
}
