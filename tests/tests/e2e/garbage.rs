//! Damaged payloads by the hundred.

use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use tlsrpt_tests::{Encoding, Generator, Setup, Size, settled};

use crate::seed::seed;

const MUTATIONS: usize = 600;
const SENDERS: usize = 4;

/// Damages `payload` as lines, disks and hostile senders do.
fn damage(payload: &mut Vec<u8>, random: &mut SmallRng) {
    for _ in 0..random.random_range(1..6) {
        if payload.is_empty() {
            return;
        }
        let at = random.random_range(0..payload.len());
        let end = (at + random.random_range(1..64)).min(payload.len());
        match random.random_range(0..8) {
            0 => payload[at] ^= 1 << random.random_range(0..8),
            1 => payload[at] = random.random(),
            2 => payload.truncate(at),
            3 => drop(payload.drain(at..end)),
            4 => {
                let piece = payload[at..end].to_vec();
                payload.splice(at..at, piece);
            }
            5 => {
                let noise: Vec<u8> = (at..end).map(|_| random.random()).collect();
                payload.splice(at..at, noise);
            }
            6 => {
                let token: &[u8] =
                    [&b"\""[..], b"{", b"}", b"[", b"null", b"-1", b"1e999", b"\\ud800", b"\xff\xfe", b"\0", b"18446744073709551616"]
                        [random.random_range(0..11)];
                payload.splice(at..at, token.iter().copied());
            }
            _ => payload[at..end].reverse(),
        }
    }
}

#[tokio::test]
async fn whatever_bytes_are_sent_the_answer_is_taken_or_refused_and_the_ledger_adds_up() {
    let service = Setup::new().start().await;
    let operator = service.operator();
    let access = operator.tenant("acme", &["example.com"]).await;
    let seed = seed();
    let mut sending = tokio::task::JoinSet::new();
    for number in 0..SENDERS {
        let (sender, address) = (service.sender(), access.address.clone());
        sending.spawn(async move {
            let mut random = SmallRng::seed_from_u64(seed ^ number as u64);
            let mut reports = Generator::new(seed ^ number as u64);
            let mut taken = 0;
            for _ in 0..MUTATIONS / SENDERS {
                let size = if random.random_bool(0.1) { Size::Large } else { Size::Small };
                let encoding = Encoding::ALL[random.random_range(0..Encoding::ALL.len())];
                let mut payload = reports.report("example.com", size).encode(encoding);
                damage(&mut payload, &mut random);
                let to = random.random_bool(0.5).then_some(address.as_str());
                let answer = sender.try_post(to, payload).await.unwrap_or_else(|error| panic!("seed {seed}: no answer: {error:?}"));
                match answer.status {
                    201 => taken += 1,
                    400..=499 => assert_eq!(answer.header("content-type"), "application/problem+json"),
                    status => panic!("seed {seed}: {status}: {}", answer.text()),
                }
            }
            taken
        });
    }
    let taken: u64 = sending.join_all().await.into_iter().sum();
    let ledger = settled(&operator, taken).await;
    // Most damage makes a reject, some leaves a report: were one of them missing, nothing would be tried here.
    assert!(ledger.rejected > 0 && ledger.stored > 0, "seed {seed}: {ledger:?}");
    service.finish().await;
}
