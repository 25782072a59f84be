//! Metrics by OTLP are those of `/metrics`.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::{
    common::v1::{KeyValue, any_value::Value},
    metrics::v1::{Metric, metric::Data, number_data_point},
};
use tlsrpt_tests::{Encoding, Generator, OtlpReceiver, Setup, Size, settled, until};

/// What came, as lines of the text format with their values. Bounds of buckets are left out: their counts are added up.
fn lines(metrics: &[Metric]) -> BTreeMap<String, f64> {
    let mut lines = BTreeMap::new();
    for metric in metrics {
        match metric.data.as_ref().unwrap() {
            Data::Sum(sum) => {
                lines.extend(sum.data_points.iter().map(|point| (line(&metric.name, &point.attributes), number(point.value))))
            }
            Data::Gauge(gauge) => {
                lines.extend(gauge.data_points.iter().map(|point| (line(&metric.name, &point.attributes), number(point.value))));
            }
            Data::Histogram(histogram) => {
                for point in &histogram.data_points {
                    #[expect(clippy::cast_precision_loss, reason = "counts of a test")]
                    let (count, buckets) = (point.count as f64, point.bucket_counts.iter().sum::<u64>() as f64);
                    assert!((count - buckets).abs() < f64::EPSILON && point.bucket_counts.len() == point.explicit_bounds.len() + 1);
                    lines.insert(line(&format!("{}_count", metric.name), &point.attributes), count);
                    lines.insert(line(&format!("{}_sum", metric.name), &point.attributes), point.sum.unwrap());
                }
            }
            other => panic!("{}: {other:?}", metric.name),
        }
    }
    lines
}

fn line(name: &str, attributes: &[KeyValue]) -> String {
    let label = |attribute: &KeyValue| match attribute.value.as_ref().unwrap().value.as_ref().unwrap() {
        Value::StringValue(value) => format!("{}=\"{value}\"", attribute.key),
        other => panic!("{other:?}"),
    };
    let labels: Vec<String> = attributes.iter().map(label).collect();
    if labels.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", labels.join(",")) }
}

fn number(value: Option<number_data_point::Value>) -> f64 {
    match value.unwrap() {
        number_data_point::Value::AsDouble(number) => number,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_arrive_with_the_values_of_the_page_and_no_spans_come_when_none_are_wanted() {
    let receiver = OtlpReceiver::start().await;
    let service = Setup::new()
        .variable("TLSRPT_OTLP__ENDPOINT", receiver.endpoint())
        .variable("TLSRPT_OTLP__TRACES", "false")
        .variable("TLSRPT_OTLP__METRICS", "true")
        .variable("TLSRPT_OTLP__METRICS_INTERVAL_MS", "100")
        .start()
        .await;
    let operator = service.operator();
    operator.tenant("acme", &["example.com"]).await;
    let mut reports = Generator::new(7);
    for _ in 0..3 {
        service.sender().send(reports.report("example.com", Size::Small).encode(Encoding::Gzip)).await;
    }
    settled(&operator, 3).await;
    let acknowledged = r#"tlsrpt_edge_acknowledged_total{channel="https"}"#;
    until("the reports are counted", async || {
        let lines = lines(&receiver.metrics());
        if lines.get(acknowledged) == Some(&3.0) { Ok(()) } else { Err(format!("{lines:?}")) }
    })
    .await;
    // Nothing is going on: what a report's way counts stays.
    let page = service.operations().get("/metrics").await.text();
    let steady = ["tlsrpt_edge_ack", "tlsrpt_edge_received", "tlsrpt_normalizer_", "tlsrpt_writer_batch", "tlsrpt_writer_rows"];
    let is_steady = |line: &&str| steady.iter().any(|name| line.starts_with(name)) && !line.contains("_bucket");
    let arrived = lines(&receiver.metrics());
    let mut compared = 0;
    for expected in page.lines().filter(is_steady) {
        let (name, value) = expected.rsplit_once(' ').unwrap();
        assert_eq!(arrived.get(name), Some(&value.parse().unwrap()), "{expected}");
        compared += 1;
    }
    assert!(compared > 10, "{page}");
    // And none of the page is missing.
    let name_of = |line: &str| line.split(['{', ' ']).next().unwrap().to_owned();
    let names: Vec<String> = arrived.keys().map(|line| name_of(line)).collect();
    for line in page.lines().filter(|line| !line.starts_with('#') && !line.contains("_bucket")) {
        assert!(names.contains(&name_of(line)), "{line}");
    }
    service.finish().await;
    assert!(receiver.spans().is_empty());
}
