//! Any sequence of appending, consuming, committing and opening again behaves like a list with a bookmark.

use proptest::{prelude::*, test_runner::Config};
use tlsrpt_log::Positions;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Append {
        key: Option<u8>,
        count: usize,
    },
    Consume {
        records_max: usize,
        bytes_max: usize,
    },
    /// Commits a part, in percent, of what was consumed last.
    Commit {
        percent: usize,
    },
    Rejoin,
    Reopen,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (proptest::option::of(0..5u8), 1..40usize).prop_map(|(key, count)| Step::Append { key, count }),
        4 => (1..50usize, 1..2_000usize).prop_map(|(records_max, bytes_max)| Step::Consume { records_max, bytes_max }),
        3 => (0..=100usize).prop_map(|percent| Step::Commit { percent }),
        1 => Just(Step::Rejoin),
        1 => Just(Step::Reopen),
    ]
}

/// What the log must hold: texts by partition, and how far the group is.
#[derive(Default)]
struct Model {
    partitions: [Vec<String>; 2],
    committed: [usize; 2],
    read: [usize; 2],
}

const TOPIC: Topic = kept("model", 2);
const GROUP: &str = "model-group";

async fn run(steps: Vec<Step>) {
    let subject = Subject::fresh(MIB).await;
    let mut log = subject.open().await;
    log.declare(&TOPIC).await.unwrap();
    let mut consumer = log.consumer(TOPIC.name, GROUP).await.unwrap();
    let mut model = Model::default();
    let mut consumed: Vec<Delivered> = Vec::new();
    let mut number = 0;
    for step in steps {
        match step {
            Step::Append { key, count } => {
                let texts: Vec<String> = (number..number + count).map(|number| format!("{number}-{}", "x".repeat(number % 60))).collect();
                number += count;
                let key = key.map(|key| format!("key-{key}"));
                let records = texts.iter().map(|text| match &key {
                    Some(key) => keyed(key, text),
                    None => record(text.clone()),
                });
                let positions = append(&log, TOPIC.name, records).await;
                for (text, position) in texts.into_iter().zip(positions) {
                    let partition = &mut model.partitions[position.partition as usize];
                    assert_eq!(position.offset, partition.len() as u64);
                    partition.push(text);
                }
            }
            Step::Consume { records_max, bytes_max } => {
                let left: usize = (0..2).map(|partition| model.partitions[partition].len() - model.read[partition]).sum();
                if left == 0 {
                    continue;
                }
                let batch = in_time(consumer.next(BatchLimits { records_max, bytes_max, linger: Duration::ZERO })).await.unwrap();
                assert!((1..=records_max).contains(&batch.records.len()));
                let bytes: usize = batch.records.iter().map(|delivered| delivered.record.size_bytes()).sum();
                assert!(bytes <= bytes_max || batch.records.len() == 1);
                for delivered in &batch.records {
                    let partition = delivered.position.partition as usize;
                    assert_eq!(delivered.position.offset, model.read[partition] as u64);
                    assert_eq!(text(delivered), model.partitions[partition][model.read[partition]]);
                    model.read[partition] += 1;
                }
                consumed = batch.records;
            }
            Step::Commit { percent } => {
                let mut positions = Positions::default();
                for delivered in consumed.iter().take(consumed.len() * percent / 100) {
                    positions.done(delivered.position);
                }
                consumer.commit(&positions).await.unwrap();
                for (partition, next) in positions.iter() {
                    let committed = &mut model.committed[partition as usize];
                    *committed = (*committed).max(next as usize);
                }
                let behind: usize = (0..2).map(|partition| model.partitions[partition].len() - model.committed[partition]).sum();
                assert_eq!(log.lag(TOPIC.name, GROUP).await.unwrap().records, behind as u64);
            }
            Step::Rejoin => {
                drop(consumer);
                consumer = log.consumer(TOPIC.name, GROUP).await.unwrap();
                model.read = model.committed;
                consumed.clear();
            }
            Step::Reopen => {
                drop(consumer);
                subject.close(log).await;
                log = subject.open().await;
                log.declare(&TOPIC).await.unwrap();
                consumer = log.consumer(TOPIC.name, GROUP).await.unwrap();
                model.read = model.committed;
                consumed.clear();
            }
        }
    }
}

proptest! {
    #![proptest_config(Config { cases: 24, max_shrink_iters: 200, failure_persistence: None, ..Config::default() })]

    #[test]
    fn the_log_behaves_like_a_list_with_a_bookmark(steps in proptest::collection::vec(any_step(), 1..40)) {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(run(steps));
    }
}
