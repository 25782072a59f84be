//! What is left on the disk of records that retention dropped.

use std::{path::Path, time::Duration};

use bytes::Bytes;
use tlsrpt_log::{Cleanup, Log, Record, Topic};

use crate::{
    Subject,
    conformance::{Backend, MIB, eventually, kept, keyed},
};

/// Whether any file below `dir` holds these bytes.
fn holds(dir: &Path, mark: &[u8]) -> bool {
    std::fs::read_dir(dir).into_iter().flatten().flatten().any(|entry| {
        let path = entry.path();
        // A file may go while it is looked for.
        if path.is_dir() {
            holds(&path, mark)
        } else {
            std::fs::read(&path).is_ok_and(|bytes| bytes.windows(mark.len()).any(|at| at == mark))
        }
    })
}

#[tokio::test]
async fn nothing_of_a_dropped_record_is_left_on_the_disk_of_a_quiet_log_and_all_else_is() {
    let subject = Subject::fresh(MIB).await;
    let log = subject.open_embedded();
    let age_max = Duration::from_millis(500);
    let topic = Topic { name: "quiet", partitions: 1, cleanup: Cleanup::Delete { age_max, bytes_max: 1 << 30 } };
    log.declare(&topic).await.unwrap();
    log.declare(&kept("others", 1)).await.unwrap();
    log.declare(&Topic { name: "state", partitions: 1, cleanup: Cleanup::Compact }).await.unwrap();
    let send = async |topic: &str, record: Record| log.producer().send(topic, record).await.unwrap();
    send("state", keyed("kept", "a state that stays")).await;
    send("state", keyed("gone", "a-state-of-before")).await;
    send("state", keyed("gone", "")).await;
    send("others", Record { value: Bytes::from_static(b"another-record-that-stays"), ..Record::default() }).await;
    send("quiet", Record { value: Bytes::from_static(b"a-record-that-is-dropped"), ..Record::default() }).await;
    assert!(holds(&subject.dir, b"a-record-that-is-dropped") && holds(&subject.dir, b"a-state-of-before"));
    eventually("that the disk forgets", || async {
        let is_left = holds(&subject.dir, b"a-record-that-is-dropped") || holds(&subject.dir, b"a-state-of-before");
        (!is_left).then_some(())
    })
    .await;
    drop(log);

    let log = subject.open().await;
    let state = crate::conformance::read_all(&log, "state").await;
    assert_eq!(state.iter().filter(|delivered| !delivered.record.value.is_empty()).count(), 1);
    assert_eq!(crate::conformance::text(&crate::conformance::read_all(&log, "others").await[0]), "another-record-that-stays");
    assert!(crate::conformance::read_all(&log, "quiet").await.is_empty());
}
