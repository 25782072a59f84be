//! An edge that is killed while it spools and drains loses nothing that it acknowledged.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use tokio::task::JoinSet;

use crate::{
    faulty_log::Mode,
    harness::{Dir, Edge, client, submission_id},
    spool::spooling,
};

const LOCATION: &str = "TLSRPT_EDGE_TEST_LOCATION";

/// Not a test: what the test below starts, and kills.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by what_was_spooled_survives_a_kill"]
async fn spools_and_drains_until_it_is_killed() {
    let location = PathBuf::from(std::env::var(LOCATION).expect("is only started by the test that kills it"));
    let edge = Edge::start_in(Dir::at(location), spooling(Mode::Away, |_| {})).await;
    let client = client();
    loop {
        // Spool first, then drain beside new ones.
        for mode in [Mode::Away, Mode::There] {
            edge.faults.set(mode);
            let mut posting = JoinSet::new();
            for number in 0..50_usize {
                let request = client.post(edge.rua()).body(format!(r#"{{"x":"{}"}}"#, "y".repeat(number * 100)));
                posting.spawn(async move {
                    let id = submission_id(request.send().await.unwrap()).await;
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "acknowledged {id}").unwrap();
                    out.flush().unwrap();
                });
            }
            while let Some(done) = posting.join_next().await {
                done.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn what_was_spooled_survives_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeSet::new();
    for round in 0..4_u32 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--ignored", "--nocapture", "spool_kill::spools_and_drains_until_it_is_killed"])
            .env(LOCATION, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // A random number of answers, and a random moment after the last of them.
        let answers = rand::random_range(1..400);
        let mut seen = 0;
        let mut note = |line: String| {
            // The harness prints on the same line as the first answer.
            if let Some((_, id)) = line.split_once("acknowledged ") {
                assert!(acknowledged.insert(id.to_owned()), "an id was given twice");
                seen += 1;
            }
            seen
        };
        for line in lines.by_ref() {
            if note(line.unwrap()) == answers {
                break;
            }
        }
        std::thread::sleep(Duration::from_micros(rand::random_range(0..5_000)));
        child.kill().unwrap();
        for line in lines {
            note(line.unwrap());
        }
        child.wait().unwrap();
        assert!(seen >= answers, "round {round}: the child ended by itself");

        let edge = Edge::start_in(Dir::at(dir.path().to_owned()), spooling(Mode::There, |_| {})).await;
        edge.drained().await;
        let (found, _) = edge.on_the_log().await;
        let lost: Vec<_> = acknowledged.difference(&found).collect();
        assert!(lost.is_empty(), "round {round}: {} of {} are lost", lost.len(), acknowledged.len());
        edge.stop().await;
    }
}
