//! OpenTelemetry: spans, and the metrics that `/metrics` shows, sent by OTLP to a receiver of the operator's.
//!
//! A span's way: [`Tracer::choose`] decides once whether a report, or a request, is traced → [`Span`]s are made below it, in this process
//! or, by a [`TRACEPARENT`] header, in the next one → `queue` takes what has ended → `spans` sends it in batches → `transport` speaks
//! gRPC or HTTP. `metrics` gathers the process's registry and takes the same way.
//!
//! Invariants: nothing here is waited for by who makes a span: what the queue cannot hold is dropped and counted; without a receiver no
//! span is made; nobody outside decides what is traced; a span never has a payload, a key, or an address of anybody.

mod config;
pub mod messaging;
mod metrics;
mod outlet;
mod queue;
mod resource;
mod span;
mod spans;
mod traceparent;
mod tracer;
mod transport;

use std::{sync::Arc, time::Duration};

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_proto::tonic::collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest};
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use prometheus::{IntCounter, Registry};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use outlet::Outlet;
use queue::Queue;
use transport::{SendError, Transport};

pub use config::{OtlpConfig, OtlpError, OtlpProtocol};
pub use opentelemetry::trace::SpanKind;
pub(crate) use span::current_ids;
pub use span::{Entered, Span};
pub use traceparent::TRACEPARENT;
pub use tracer::{Beginning, Tracer};

/// Spans that wait for being sent, at most: some 8 MB.
const QUEUE_SPANS_MAX: usize = 8_192;

/// How long the last spans and metrics may take at the end of the process.
const FLUSH_MAX: Duration = Duration::from_secs(3);

/// Name of what makes the spans and metrics.
const SCOPE: &str = "tlsrpt";

/// What sends spans and metrics while the process runs.
#[derive(Default)]
pub struct Otlp {
    tracer: Tracer,
    sending: Vec<JoinHandle<()>>,
    closing: CancellationToken,
}

impl Otlp {
    /// Nothing is traced and nothing is sent.
    #[must_use]
    pub fn off() -> Self {
        Self::default()
    }

    /// Registers the count of spans that do not arrive, which is there also while none are sent.
    ///
    /// # Errors
    /// When it is there already.
    pub fn register(metrics: &Registry) -> Result<IntCounter, prometheus::Error> {
        let dropped = IntCounter::new("tlsrpt_otlp_dropped_spans_total", "Spans that could not be sent to the OTLP receiver")?;
        metrics.register(Box::new(dropped.clone()))?;
        Ok(dropped)
    }

    /// Starts sending for a process of this role, on this runtime; `dropped` counts the spans that do not arrive. The receiver is not asked
    /// yet, and one that is away changes nothing but a log line and that counter.
    ///
    /// # Errors
    /// [`OtlpError`] when the receiver cannot be asked from this machine at all.
    pub fn start(
        config: &OtlpConfig,
        role: &str,
        version: &'static str,
        registry: &Registry,
        dropped: IntCounter,
    ) -> Result<Self, OtlpError> {
        let transport = Arc::new(Transport::new(config)?);
        let resource = resource::of(role, version);
        let closing = CancellationToken::new();
        let (mut tracer, mut sending) = (Tracer::off(), Vec::new());
        tracing::info!(
            endpoint = %config.endpoint(),
            traces = config.traces,
            sample_ratio = config.sample_ratio,
            metrics = config.metrics,
            "telemetry goes to an OTLP receiver"
        );
        if config.traces {
            let (queue, ended) = mpsc::channel(QUEUE_SPANS_MAX);
            // Whether a trace is made is decided before, by the tracer: what it asks for is recorded.
            let provider = SdkTracerProvider::builder()
                .with_sampler(Sampler::AlwaysOn)
                .with_span_processor(Queue::new(queue, dropped.clone()))
                .build();
            tracer = Tracer::new(provider.tracer(SCOPE), config.sample_ratio);
            let outlet = Outlet::new("traces", Arc::clone(&transport));
            sending.push(tokio::spawn(spans::send(outlet, ended, resource.clone(), dropped, closing.clone())));
        }
        if config.metrics {
            let outlet = Outlet::new("metrics", transport);
            sending.push(tokio::spawn(metrics::send(outlet, registry.clone(), resource, config.metrics_interval, closing.clone())));
        }
        Ok(Self { tracer, sending, closing })
    }

    /// Asks the receiver to take none of what it is to get: tells whether it can be reached, is one, and lets us in.
    ///
    /// # Errors
    /// [`OtlpError::Receiver`] says what it does not take, and why.
    pub async fn probe(config: &OtlpConfig) -> Result<(), OtlpError> {
        let transport = Transport::new(config)?;
        let refused = |kind| move |error: SendError| OtlpError::Receiver { kind, said: error.to_string() };
        if config.traces {
            transport.send(ExportTraceServiceRequest::default()).await.map_err(refused("traces"))?;
        }
        if config.metrics {
            transport.send(ExportMetricsServiceRequest::default()).await.map_err(refused("metrics"))?;
        }
        Ok(())
    }

    /// What makes spans; off when nothing is traced.
    #[must_use]
    pub fn tracer(&self) -> Tracer {
        self.tracer.clone()
    }

    /// Sends what is left, within a few seconds.
    pub async fn finish(self) {
        self.closing.cancel();
        let sent = async {
            for sending in self.sending {
                let _ = sending.await;
            }
        };
        if tokio::time::timeout(FLUSH_MAX, sent).await.is_err() {
            tracing::info!("the OTLP receiver did not take the last spans and metrics in time");
        }
    }
}

/// A span that is recorded and goes nowhere.
#[cfg(test)]
pub(crate) fn recorded() -> Span {
    let tracer = Tracer::new(SdkTracerProvider::builder().build().tracer(SCOPE), 1.0);
    tracer.choose().map_or_else(Span::none, |beginning| beginning.span("test", SpanKind::Internal))
}
