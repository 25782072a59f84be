//! Groups, their members, and what they commit.

use std::collections::BTreeSet;

use tlsrpt_log::{CommitError, Positions};

use super::*;

#[tokio::test]
async fn a_new_group_starts_at_the_earliest_record() {
    let subject = Subject::fresh(MIB).await;
    let log = subject.open().await;
    log.declare(&kept("earliest", 2)).await.unwrap();
    append_numbers(&log, "earliest", 0..30).await;
    let mut consumer = log.consumer("earliest", "earliest-group").await.unwrap();
    let batch = take(&mut consumer, 30).await;
    check_order(&batch.records, &mut BTreeMap::new());
}

#[tokio::test]
async fn what_was_not_committed_is_delivered_again() {
    let subject = Subject::fresh(MIB).await;
    let log = subject.open().await;
    log.declare(&kept("again", 1)).await.unwrap();
    append_numbers(&log, "again", 0..10).await;
    let mut consumer = log.consumer("again", "again-group").await.unwrap();
    let batch = take(&mut consumer, 10).await;
    let mut done = Positions::default();
    done.done(batch.records[3].position);
    consumer.commit(&done).await.unwrap();
    drop(consumer);

    let mut consumer = log.consumer("again", "again-group").await.unwrap();
    let batch = take(&mut consumer, 6).await;
    assert_eq!(batch.records.iter().map(text).collect::<Vec<_>>(), ["4", "5", "6", "7", "8", "9"]);
}

#[tokio::test]
async fn a_commit_only_moves_forward() {
    let subject = Subject::fresh(MIB).await;
    let log = subject.open().await;
    log.declare(&kept("forward", 1)).await.unwrap();
    append_numbers(&log, "forward", 0..10).await;
    let mut consumer = log.consumer("forward", "forward-group").await.unwrap();
    let batch = take(&mut consumer, 10).await;
    let upto = |index: usize| {
        let mut positions = Positions::default();
        positions.done(batch.records[index].position);
        positions
    };
    consumer.commit(&upto(6)).await.unwrap();
    consumer.commit(&upto(2)).await.unwrap();
    drop(consumer);
    let mut consumer = log.consumer("forward", "forward-group").await.unwrap();
    assert_eq!(text(&take(&mut consumer, 1).await.records[0]), "7");
    drop(consumer);
    subject.close(log).await;

    let log = subject.open().await;
    log.declare(&kept("forward", 1)).await.unwrap();
    let mut consumer = log.consumer("forward", "forward-group").await.unwrap();
    assert_eq!(text(&take(&mut consumer, 1).await.records[0]), "7");
}

#[tokio::test]
async fn two_groups_do_not_disturb_each_other() {
    let subject = Subject::fresh(MIB).await;
    let log = subject.open().await;
    log.declare(&kept("two-groups", 2)).await.unwrap();
    append_numbers(&log, "two-groups", 0..20).await;
    let mut one = log.consumer("two-groups", "two-groups-one").await.unwrap();
    let batch = take(&mut one, 20).await;
    one.commit(&batch.positions()).await.unwrap();

    let mut other = log.consumer("two-groups", "two-groups-other").await.unwrap();
    let batch = take(&mut other, 20).await;
    check_order(&batch.records, &mut BTreeMap::new());
    assert_eq!(log.lag("two-groups", "two-groups-one").await.unwrap().records, 0);
    assert_eq!(log.lag("two-groups", "two-groups-other").await.unwrap().records, 20);
}

#[tokio::test]
async fn members_of_a_group_share_the_partitions_and_each_record_goes_to_one_of_them() {
    let subject = Subject::fresh(MIB).await;
    let log = subject.open().await;
    log.declare(&kept("shared", 4)).await.unwrap();
    let (heard, mut hearing) = tokio::sync::mpsc::unbounded_channel();
    let mut members = Vec::new();
    for member in 0..3 {
        let mut consumer = log.consumer("shared", "shared-group").await.unwrap();
        let heard = heard.clone();
        members.push(tokio::spawn(async move {
            loop {
                let batch = consumer.next(ALL).await.unwrap();
                for delivered in &batch.records {
                    heard.send((member, delivered.position.partition, text(delivered))).unwrap();
                }
                match consumer.commit(&batch.positions()).await {
                    Ok(()) | Err(CommitError::Revoked { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }));
    }
    // Joining may move partitions while records flow; what is counted comes after all have their share.
    let mut owners: BTreeMap<u32, usize> = BTreeMap::new();
    let mut round = 0;
    while owners.len() < 4 || owners.values().collect::<BTreeSet<_>>().len() < 3 {
        append(&log, "shared", (0..32).map(|number| keyed(&format!("warm-{number}"), &format!("warm {round}")))).await;
        round += 1;
        owners.clear();
        let mut left = 32;
        while left > 0 {
            let (member, partition, value) = in_time(hearing.recv()).await.unwrap();
            if value == format!("warm {}", round - 1) {
                owners.insert(partition, member);
                left -= 1;
            }
        }
    }
    append(&log, "shared", (0..400).map(|number| keyed(&format!("key-{number}"), &number.to_string()))).await;
    let mut seen = BTreeSet::new();
    while seen.len() < 400 {
        let (member, partition, value) = in_time(hearing.recv()).await.unwrap();
        assert_eq!(owners[&partition], member, "a partition has one owner");
        assert!(seen.insert(value), "a record goes to one member");
    }
    for member in members {
        member.abort();
        assert!(member.await.unwrap_err().is_cancelled());
    }
}

#[tokio::test]
async fn when_a_member_leaves_the_others_take_over_what_it_did_not_commit() {
    let subject = Subject::fresh(MIB).await;
    let log = subject.open().await;
    log.declare(&kept("left", 1)).await.unwrap();
    append_numbers(&log, "left", 0..10).await;
    let mut first = log.consumer("left", "left-group").await.unwrap();
    let batch = take(&mut first, 10).await;
    let mut done = Positions::default();
    done.done(batch.records[4].position);
    first.commit(&done).await.unwrap();
    let mut second = log.consumer("left", "left-group").await.unwrap();
    let waiting = tokio::spawn(async move { take(&mut second, 5).await });
    drop(first);
    let batch = in_time(waiting).await.unwrap();
    assert_eq!(batch.records.iter().map(text).collect::<Vec<_>>(), ["5", "6", "7", "8", "9"]);
}

#[tokio::test]
async fn a_member_that_lost_a_partition_commits_nothing_of_it_and_all_of_what_it_kept() {
    let subject = Subject::fresh(MIB).await;
    let log = subject.open().await;
    log.declare(&kept("revoked", 2)).await.unwrap();
    append(&log, "revoked", (0..40).map(|number| keyed(&format!("key-{number}"), "x"))).await;
    let mut first = log.consumer("revoked", "revoked-group").await.unwrap();
    let held = take(&mut first, 40).await;
    assert_eq!(held.positions().iter().count(), 2, "the first member had both partitions");

    // The second member has its share once it gets a record; the first one goes on asking meanwhile, as a member must.
    let mut second = log.consumer("revoked", "revoked-group").await.unwrap();
    let taken_over = in_time(async {
        let mut asking = second.next(ALL);
        loop {
            tokio::select! {
                batch = &mut asking => break batch.unwrap(),
                batch = first.next(ALL) => drop(batch.unwrap()),
            }
        }
    })
    .await;
    let lost = taken_over.records[0].position.partition;
    let refused = first.commit(&held.positions()).await;
    assert!(matches!(refused, Err(CommitError::Revoked { partition }) if partition == lost), "{refused:?}");
    let of_lost = Batch { records: held.records.into_iter().filter(|delivered| delivered.position.partition == lost).collect() };
    assert!(matches!(first.commit(&of_lost.positions()).await, Err(CommitError::Revoked { .. })));
    let of_lost = of_lost.records;
    let lag = async || log.lag("revoked", "revoked-group").await.unwrap().records;
    assert_eq!(lag().await, of_lost.len() as u64, "what it kept is committed, and nothing else");

    second.commit(&taken_over.positions()).await.unwrap();
    assert_eq!(lag().await, (of_lost.len() - taken_over.records.len()) as u64);
}

#[tokio::test]
async fn members_that_come_and_go_all_the_time_lose_nothing() {
    let subject = Subject::fresh(MIB).await;
    let log = subject.open().await;
    log.declare(&kept("storm", 4)).await.unwrap();
    append(&log, "storm", (0..600).map(|number| keyed(&format!("key-{number}"), &number.to_string()))).await;
    let mut members = Vec::new();
    for member in 0..4 {
        let log = log.clone();
        members.push(tokio::spawn(async move {
            // Handled is what was handed out, whether or not its commit came through.
            let mut handled = BTreeSet::new();
            while log.lag("storm", "storm-group").await.unwrap().records > 0 {
                let mut consumer = log.consumer("storm", "storm-group").await.unwrap();
                for _ in 0..3 {
                    let limits = BatchLimits { records_max: 20 + member, ..ALL };
                    // The others may leave nothing to wait for.
                    let batch = tokio::select! {
                        batch = consumer.next(limits) => batch.unwrap(),
                        () = all_committed(&log, "storm", "storm-group") => break,
                    };
                    handled.extend(batch.records.iter().map(text));
                    tokio::task::yield_now().await;
                    match consumer.commit(&batch.positions()).await {
                        Ok(()) | Err(CommitError::Revoked { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            }
            handled
        }));
    }
    let mut handled = BTreeSet::new();
    for member in members {
        handled.extend(in_time(member).await.unwrap());
    }
    assert_eq!(handled.len(), 600, "what is committed was handled by somebody");
}

/// Resolves when the group has nothing left to do.
async fn all_committed(log: &Arc<dyn Log>, topic: &str, group: &str) {
    eventually("the last commit", || async { (log.lag(topic, group).await.unwrap().records == 0).then_some(()) }).await;
}
