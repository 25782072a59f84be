//! Nothing is left of a machine.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use tlsrpt_mail_peers::{Dovecot, Peers};

/// How long a process that is killed may take to be gone, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at a condition.
const PAUSE: Duration = Duration::from_millis(20);

/// How many processes run in this root directory, or in one below: some go further down by themselves.
fn processes(root: &Path) -> usize {
    let of_process = |entry: fs::DirEntry| fs::read_link(entry.path().join("root")).ok();
    fs::read_dir("/proc").unwrap().filter_map(|entry| of_process(entry.unwrap())).filter(|found| found.starts_with(root)).count()
}

#[test]
fn nothing_is_left_of_a_dropped_machine() {
    let Some(peers) = Peers::here() else { return };
    let dovecot = Dovecot::start(&peers);
    let (root, imaps) = (dovecot.machine().path(""), dovecot.imaps());
    assert!(processes(&root) > 0);
    drop(dovecot);
    assert!(!root.exists() && !root.parent().unwrap().exists());
    assert_eq!(processes(&root), 0);
    TcpStream::connect(imaps).unwrap_err();
}

#[test]
fn nothing_is_left_of_a_machine_whose_process_is_killed() {
    if Peers::here().is_none() {
        return;
    }
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--nocapture", "machine::holds_a_machine_until_it_is_killed"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    let root = lines.find_map(|line| line.unwrap().strip_prefix("root ").map(str::to_owned)).unwrap();
    let root = Path::new(&root);
    assert!(root.exists() && processes(root) > 0);
    holder.kill().unwrap();
    holder.wait().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while root.parent().unwrap().exists() || processes(root) > 0 {
        assert!(Instant::now() < deadline, "{} or its processes are left", root.display());
        std::thread::sleep(PAUSE);
    }
}

#[test]
#[ignore = "the other half of nothing_is_left_of_a_machine_whose_process_is_killed"]
fn holds_a_machine_until_it_is_killed() {
    let dovecot = Dovecot::start(&Peers::here().unwrap());
    println!("\nroot {}", dovecot.machine().path("").display());
    // Until the other half is gone, if it does not come to the kill.
    std::io::stdin().read_line(&mut String::new()).unwrap();
}
