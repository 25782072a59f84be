//! Topics that keep the last record of each key.

use super::*;

const fn compacted(name: &'static str) -> Topic {
    Topic { name, partitions: 1, cleanup: Cleanup::Compact }
}

/// The last value of each key, as a reader that builds a view sees it.
fn view(records: &[Delivered]) -> BTreeMap<String, String> {
    let mut view = BTreeMap::new();
    for delivered in records {
        let key = String::from_utf8(delivered.record.key.clone().unwrap().to_vec()).unwrap();
        if delivered.record.value.is_empty() {
            view.remove(&key)
        } else {
            view.insert(key, text(delivered))
        };
    }
    view
}

fn expected(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
}

#[tokio::test]
async fn compaction_keeps_the_last_record_of_each_key() {
    let subject = Subject::fresh(MIB).await;
    let log = subject.open().await;
    log.declare(&compacted("compact")).await.unwrap();
    // All at once, so that one key is written twice in one commit too.
    append(&log, "compact", [keyed("a", "1"), keyed("b", "1"), keyed("a", "2"), keyed("c", "1"), keyed("a", "3")]).await;
    append(&log, "compact", [keyed("b", "2")]).await;
    append(&log, "compact", [keyed("c", "")]).await;
    let last = append(&log, "compact", [keyed("d", "1")]).await[0];

    let truth = expected(&[("a", "3"), ("b", "2"), ("d", "1")]);
    let records = eventually("compaction", || async {
        let records = read_all(&log, "compact").await;
        assert_eq!(view(&records), truth);
        (records.iter().filter(|delivered| !delivered.record.value.is_empty()).count() == truth.len()).then_some(records)
    })
    .await;
    assert_eq!(records.last().unwrap().position, last);
    assert!(records.windows(2).all(|pair| pair[0].position.offset < pair[1].position.offset));

    subject.close(log).await;
    let log = subject.open().await;
    log.declare(&compacted("compact")).await.unwrap();
    assert_eq!(view(&read_all(&log, "compact").await), truth);
    let next = append(&log, "compact", [keyed("a", "4")]).await[0];
    assert_eq!(next.offset, last.offset + 1, "offsets go on where they were");
    assert_eq!(view(&read_all(&log, "compact").await)["a"], "4");
}

#[tokio::test]
async fn a_reader_that_follows_sees_every_removal() {
    let subject = Subject::fresh(MIB).await;
    let log = subject.open().await;
    log.declare(&compacted("follow")).await.unwrap();
    append(&log, "follow", [keyed("a", "1"), keyed("b", "1")]).await;
    let mut reader = log.reader("follow").await.unwrap();
    let mut records = read_to_end(&mut reader).await;
    append(&log, "follow", [keyed("a", "")]).await;
    append(&log, "follow", [keyed("b", "2")]).await;
    records.extend(read_to_end(&mut reader).await);
    assert_eq!(view(&records), expected(&[("b", "2")]));
}
