//! Nothing is left of a cluster.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use tlsrpt_kafka_broker::{Cluster, ClusterOptions, shared};

use crate::client::PATIENCE;

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
        std::thread::yield_now();
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
