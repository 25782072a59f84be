//! The clock on appends.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use prometheus::Registry;
use tlsrpt_log::{Cleanup, Log, Metered, Record, Topic};

use crate::{
    Subject,
    conformance::{Backend, MIB},
};

const CLEANUP: Cleanup = Cleanup::Delete { age_max: Duration::from_secs(86_400), bytes_max: 1 << 20 };
const MEASURED: Topic = Topic { name: "measured", partitions: 1, cleanup: CLEANUP };
const OTHER: Topic = Topic { name: "other", partitions: 1, cleanup: CLEANUP };

#[tokio::test]
async fn appends_that_became_durable_are_measured_on_the_topics_that_are_named_and_no_others() {
    let subject = Subject::fresh(MIB).await;
    let registry = Registry::new();
    let embedded = subject.open_embedded();
    let log: Arc<dyn Log> = Metered::new(embedded.clone(), &registry, &[MEASURED.name]).unwrap();
    for topic in [&MEASURED, &OTHER] {
        log.declare(topic).await.unwrap();
    }
    let measured = || {
        let families = registry.gather();
        let series = families[0].get_metric();
        assert_eq!(series.len(), 1, "{series:?}");
        assert_eq!(series[0].get_label()[0].value(), MEASURED.name);
        series[0].get_histogram().get_sample_count()
    };
    assert_eq!(measured(), 0, "it is there before anything is appended");
    let record = || Record { value: Bytes::from_static(b"x"), ..Record::default() };
    log.producer().send(MEASURED.name, record()).await.unwrap();
    log.producer().send(OTHER.name, record()).await.unwrap();
    assert_eq!(measured(), 1);
    log.fenced_writer(MEASURED.name, "one").await.unwrap().append(vec![record(), record()]).await.unwrap();
    assert_eq!(measured(), 2);

    let too_large = Record { value: Bytes::from(vec![b'x'; 128 << 20]), ..Record::default() };
    log.producer().send(MEASURED.name, too_large).await.unwrap_err();
    embedded.close();
    log.producer().send(MEASURED.name, record()).await.unwrap_err();
    assert_eq!(measured(), 2, "what failed took no time that says anything");
}
