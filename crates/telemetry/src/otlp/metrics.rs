//! The metrics that `/metrics` shows, as OTLP has them: one source, two ways out.

use std::time::{Duration, SystemTime};

use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value},
    metrics::v1::{
        AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary,
        SummaryDataPoint, metric::Data, number_data_point, summary_data_point::ValueAtQuantile,
    },
    resource::v1::Resource,
};
use prometheus::{
    Registry,
    proto::{self, MetricFamily, MetricType},
};
use tokio_util::sync::CancellationToken;

use super::{SCOPE, outlet::Outlet};

/// Sends all metrics every `interval` until `closing`, and then once more. What is not taken is not sent again: the next time tells
/// as much.
pub(super) async fn send(mut outlet: Outlet, registry: Registry, resource: Resource, interval: Duration, closing: CancellationToken) {
    let since = nanos_now();
    loop {
        let is_last = tokio::select! {
            () = closing.cancelled() => true,
            () = tokio::time::sleep(interval) => false,
        };
        let metrics = registry.gather().iter().map(|family| metric(family, since, nanos_now())).collect();
        // The outlet has told why.
        let _ = outlet.send(request(metrics, &resource)).await;
        if is_last {
            return;
        }
    }
}

fn request(metrics: Vec<Metric>, resource: &Resource) -> ExportMetricsServiceRequest {
    let scope = InstrumentationScope { name: SCOPE.to_owned(), ..InstrumentationScope::default() };
    let metrics = ScopeMetrics { scope: Some(scope), metrics, ..ScopeMetrics::default() };
    let resource = Some(resource.clone());
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics { resource, scope_metrics: vec![metrics], ..ResourceMetrics::default() }],
    }
}

/// One metric with all its labels' values; counts run from `since` to `now`, Unix time in nanoseconds.
fn metric(family: &MetricFamily, since: u64, now: u64) -> Metric {
    let number = |metric: &proto::Metric, value: f64, since: u64| NumberDataPoint {
        attributes: attributes(metric),
        start_time_unix_nano: since,
        time_unix_nano: now,
        value: Some(number_data_point::Value::AsDouble(value)),
        ..NumberDataPoint::default()
    };
    let metrics = || family.get_metric().iter();
    let data = match family.get_field_type() {
        MetricType::COUNTER => Data::Sum(Sum {
            data_points: metrics().map(|metric| number(metric, metric.get_counter().get_value(), since)).collect(),
            aggregation_temporality: AggregationTemporality::Cumulative.into(),
            is_monotonic: true,
        }),
        MetricType::HISTOGRAM => Data::Histogram(Histogram {
            data_points: metrics().map(|metric| histogram(metric, since, now)).collect(),
            aggregation_temporality: AggregationTemporality::Cumulative.into(),
        }),
        MetricType::SUMMARY => Data::Summary(Summary { data_points: metrics().map(|metric| summary(metric, since, now)).collect() }),
        // A gauge has no beginning.
        MetricType::GAUGE | MetricType::UNTYPED => {
            Data::Gauge(Gauge { data_points: metrics().map(|metric| number(metric, metric.get_gauge().get_value(), 0)).collect() })
        }
    };
    Metric {
        name: family.name().to_owned(),
        description: family.help().to_owned(),
        unit: unit(family.name()).to_owned(),
        data: Some(data),
        ..Metric::default()
    }
}

/// Buckets that each count what is above the one before, the last one without a bound, where Prometheus counts all below.
fn histogram(metric: &proto::Metric, since: u64, now: u64) -> HistogramDataPoint {
    let histogram = metric.get_histogram();
    let count = histogram.get_sample_count();
    let bounded = || histogram.get_bucket().iter().filter(|bucket| bucket.upper_bound().is_finite());
    let below = bounded().map(proto::Bucket::cumulative_count).chain([count]);
    let bucket_counts = below.scan(0, |before, below| Some(below.saturating_sub(std::mem::replace(before, below)))).collect();
    HistogramDataPoint {
        attributes: attributes(metric),
        start_time_unix_nano: since,
        time_unix_nano: now,
        count,
        sum: Some(histogram.get_sample_sum()),
        bucket_counts,
        explicit_bounds: bounded().map(proto::Bucket::upper_bound).collect(),
        ..HistogramDataPoint::default()
    }
}

fn summary(metric: &proto::Metric, since: u64, now: u64) -> SummaryDataPoint {
    let summary = metric.get_summary();
    let quantile = |quantile: &proto::Quantile| ValueAtQuantile { quantile: quantile.quantile(), value: quantile.value() };
    SummaryDataPoint {
        attributes: attributes(metric),
        start_time_unix_nano: since,
        time_unix_nano: now,
        count: summary.sample_count(),
        sum: summary.sample_sum(),
        quantile_values: summary.get_quantile().iter().map(quantile).collect(),
        ..SummaryDataPoint::default()
    }
}

fn attributes(metric: &proto::Metric) -> Vec<KeyValue> {
    let attribute = |label: &proto::LabelPair| KeyValue {
        key: label.name().to_owned(),
        value: Some(AnyValue { value: Some(any_value::Value::StringValue(label.value().to_owned())) }),
        ..KeyValue::default()
    };
    metric.get_label().iter().map(attribute).collect()
}

/// The unit that a metric's name ends in, as UCUM writes it.
fn unit(name: &str) -> &'static str {
    match name.strip_suffix("_total").unwrap_or(name).rsplit('_').next() {
        Some("seconds") => "s",
        Some("bytes") => "By",
        _ => "",
    }
}

fn nanos_now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use prometheus::{HistogramOpts, IntCounterVec, IntGauge, Opts};

    use super::*;

    fn gathered(collector: impl prometheus::core::Collector + 'static) -> Metric {
        let registry = Registry::new();
        registry.register(Box::new(collector)).unwrap();
        metric(&registry.gather()[0], 1, 2)
    }

    #[test]
    fn a_counter_is_a_sum_that_only_rises_with_its_labels() {
        let counters = IntCounterVec::new(Opts::new("taken_bytes_total", "help"), &["channel"]).unwrap();
        counters.with_label_values(&["https"]).inc_by(7);
        let metric = gathered(counters);
        assert_eq!((&*metric.name, &*metric.description, &*metric.unit), ("taken_bytes_total", "help", "By"));
        let Some(Data::Sum(sum)) = metric.data else { panic!("no sum") };
        assert!(sum.is_monotonic && sum.aggregation_temporality() == AggregationTemporality::Cumulative);
        let point = &sum.data_points[0];
        assert_eq!((point.start_time_unix_nano, point.time_unix_nano), (1, 2));
        assert_eq!(point.value, Some(number_data_point::Value::AsDouble(7.0)));
        assert_eq!(point.attributes[0].key, "channel");
    }

    #[test]
    fn a_gauge_is_a_gauge() {
        let gauge = IntGauge::new("lag_seconds", "help").unwrap();
        gauge.set(-3);
        let metric = gathered(gauge);
        assert_eq!(metric.unit, "s");
        let Some(Data::Gauge(gauge)) = metric.data else { panic!("no gauge") };
        assert_eq!(gauge.data_points[0].value, Some(number_data_point::Value::AsDouble(-3.0)));
    }

    #[test]
    fn a_histograms_buckets_each_count_their_own_and_add_up() {
        let histogram = prometheus::Histogram::with_opts(HistogramOpts::new("took", "help").buckets(vec![1.0, 2.0, 4.0])).unwrap();
        for value in [0.5, 1.5, 1.6, 3.0, 100.0] {
            histogram.observe(value);
        }
        let Some(Data::Histogram(histogram)) = gathered(histogram).data else { panic!("no histogram") };
        let point = &histogram.data_points[0];
        assert_eq!((point.count, &*point.bucket_counts, &*point.explicit_bounds), (5, &[1, 2, 1, 1][..], &[1.0, 2.0, 4.0][..]));
        assert!((point.sum.unwrap() - 106.6).abs() < 1e-9);
    }
}
