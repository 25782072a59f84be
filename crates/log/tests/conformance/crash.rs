//! A process that is killed loses nothing that was acknowledged.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

use super::*;

const LOCATION: &str = "TLSRPT_LOG_TEST_LOCATION";
const FROM: &str = "TLSRPT_LOG_TEST_FROM";
const TOPIC: Topic = kept("killed", 1);

/// Not a test: what the test below starts, and kills.
#[tokio::test]
#[ignore = "started by acknowledged_records_survive_a_kill"]
async fn appends_until_it_is_killed() {
    let subject = Subject::at(&std::env::var(LOCATION).expect("is only started by the test that kills it"));
    let mut number: u32 = std::env::var(FROM).unwrap().parse().unwrap();
    let log = subject.open().await;
    log.declare(&TOPIC).await.unwrap();
    let producer = log.producer();
    let mut waiting = std::collections::VecDeque::new();
    let mut out = std::io::stdout().lock();
    loop {
        while waiting.len() < 64 {
            // Now and then a large one, so that a kill finds writes of several pages.
            let size = if number.is_multiple_of(50) { 100_000 } else { 600 };
            let ack = producer.send(TOPIC.name, record(format!("{number} {}", "x".repeat(size))));
            waiting.push_back((number, ack));
            number += 1;
        }
        let (number, ack) = waiting.pop_front().unwrap();
        let position = ack.await.unwrap();
        writeln!(out, "acknowledged {number} {}", position.offset).unwrap();
        out.flush().unwrap();
    }
}

#[tokio::test]
async fn acknowledged_records_survive_a_kill() {
    let subject = Subject::fresh(MIB).await;
    let mut acknowledged: BTreeMap<u64, u32> = BTreeMap::new();
    let mut from = 0;
    for round in 0..6u32 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--ignored", "--nocapture", "conformance::crash::appends_until_it_is_killed"])
            .env(LOCATION, subject.location())
            .env(FROM, from.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // A random number of answers, and a random moment after the last of them.
        let answers = rand::random_range(1..1_500);
        let mut seen = 0;
        let mut note = |line: String| {
            // The harness prints on the same line as the first answer.
            if let Some((_, answer)) = line.split_once("acknowledged ") {
                let (number, offset) = answer.split_once(' ').unwrap();
                let (number, offset): (u32, u64) = (number.parse().unwrap(), offset.parse().unwrap());
                assert_eq!(acknowledged.insert(offset, number), None, "offset {offset} was given twice");
                from = from.max(number + 100);
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
        // What is still in the pipe was acknowledged too; each line is written at once and is shorter than what a pipe keeps whole.
        for line in lines {
            note(line.unwrap());
        }
        child.wait().unwrap();
        assert!(seen >= answers, "round {round}: the child ended by itself");

        let log = subject.open().await;
        log.declare(&TOPIC).await.unwrap();
        let records = read_all(&log, TOPIC.name).await;
        check_order(&records, &mut BTreeMap::new());
        let there: BTreeMap<u64, u32> = records
            .iter()
            .map(|delivered| (delivered.position.offset, text(delivered).split(' ').next().unwrap().parse().unwrap()))
            .collect();
        for (offset, number) in &acknowledged {
            assert_eq!(there.get(offset), Some(number), "round {round}: record {number} was acknowledged at {offset}");
        }
        let numbers: Vec<u32> = there.values().copied().collect();
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "each record once, in the order of sending");
        subject.close(log).await;
    }
}
