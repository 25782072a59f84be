//! A receiver of OpenTelemetry's protocol, over gRPC and over HTTP on one port, that keeps what it gets.

use std::{
    fmt,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use opentelemetry_proto::tonic::{
    collector::{
        metrics::v1::{
            ExportMetricsServiceRequest, ExportMetricsServiceResponse,
            metrics_service_server::{MetricsService, MetricsServiceServer},
        },
        trace::v1::{
            ExportTraceServiceRequest, ExportTraceServiceResponse,
            trace_service_server::{TraceService, TraceServiceServer},
        },
    },
    common::v1::{KeyValue, any_value::Value},
    metrics::v1::Metric,
    resource::v1::Resource,
    trace::v1::{Span, span::SpanKind, status::StatusCode as SpanStatus},
};
use prost::Message;
use rustls::ServerConfig;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, service::Routes};

use crate::{
    tls::{TlsListener, certified},
    wait::until,
};

/// A span as it came.
#[derive(Clone)]
pub struct SeenSpan {
    resource: Resource,
    span: Span,
}

/// A receiver on loopback, until it is stopped.
pub struct OtlpReceiver {
    address: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
    seen: Seen,
    serving: Option<(CancellationToken, JoinHandle<()>)>,
}

/// What came; clones share it.
#[derive(Clone, Default)]
struct Seen {
    spans: Arc<Mutex<Vec<SeenSpan>>>,
    metrics: Arc<Mutex<Vec<Metric>>>,
    headers: Arc<Mutex<Vec<HeaderMap>>>,
    refuses: Arc<AtomicBool>,
}

impl OtlpReceiver {
    /// One on a free port.
    pub async fn start() -> Self {
        let mut receiver = Self::reserve().await;
        receiver.start_again().await;
        receiver
    }

    /// One over TLS, whose certificate is written to this file.
    pub async fn start_with_tls(certificate_file: &Path) -> Self {
        let mut receiver = Self::reserve().await;
        receiver.tls = Some(certified(receiver.address, certificate_file));
        receiver.start_again().await;
        receiver
    }

    /// One that is away, at an address that it has when it is started.
    pub async fn reserve() -> Self {
        Self { address: crate::free_address().await, tls: None, seen: Seen::default(), serving: None }
    }

    /// Takes requests.
    pub async fn start_again(&mut self) {
        assert!(self.serving.is_none(), "the receiver is running");
        let listener = TcpListener::bind(self.address).await.unwrap();
        let grpc = Routes::new(TraceServiceServer::new(self.seen.clone())).add_service(MetricsServiceServer::new(self.seen.clone()));
        let router = Router::new()
            .route("/v1/traces", post(traces))
            .route("/v1/metrics", post(metrics))
            .with_state(self.seen.clone())
            .merge(grpc.into_axum_router());
        let end = CancellationToken::new();
        let ended = end.clone().cancelled_owned();
        let serving = match self.tls.clone() {
            None => tokio::spawn(async move { axum::serve(listener, router).with_graceful_shutdown(ended).await.unwrap() }),
            Some(tls) => {
                let listener = TlsListener::new(listener, tls);
                tokio::spawn(async move { axum::serve(listener, router).with_graceful_shutdown(ended).await.unwrap() })
            }
        };
        self.serving = Some((end, serving));
    }

    /// Takes no more.
    pub async fn stop(&mut self) {
        let (end, serving) = self.serving.take().expect("the receiver is not running");
        end.cancel();
        serving.await.unwrap();
    }

    /// Whether every request is refused for good, as for want of a key.
    pub fn refuse(&self, refuses: bool) {
        self.seen.refuses.store(refuses, Ordering::Relaxed);
    }

    /// What a service has to be told.
    pub fn endpoint(&self) -> String {
        format!("{}://{}", if self.tls.is_some() { "https" } else { "http" }, self.address)
    }

    /// All spans so far.
    pub fn spans(&self) -> Vec<SeenSpan> {
        self.seen.spans.lock().unwrap().clone()
    }

    /// Metrics as they came last.
    pub fn metrics(&self) -> Vec<Metric> {
        self.seen.metrics.lock().unwrap().clone()
    }

    /// Headers, or metadata, of the requests so far.
    pub fn headers(&self) -> Vec<HeaderMap> {
        self.seen.headers.lock().unwrap().clone()
    }

    /// Waits for a span that `is` so.
    pub async fn span(&self, what: &str, is: impl Fn(&SeenSpan) -> bool) -> SeenSpan {
        until(what, async || self.spans().into_iter().find(&is).ok_or_else(|| format!("{:#?}", self.spans()))).await
    }

    /// Waits for the spans below `parent`, of this name.
    pub async fn below(&self, parent: &SeenSpan, name: &str) -> SeenSpan {
        self.span(&format!("{name} below {parent:?}"), |span| span.name() == name && span.is_below(parent)).await
    }
}

impl SeenSpan {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.span.name
    }

    /// Its trace, in hexadecimal digits.
    pub fn trace_id(&self) -> String {
        hex(&self.span.trace_id)
    }

    /// Its id, in hexadecimal digits.
    pub fn span_id(&self) -> String {
        hex(&self.span.span_id)
    }

    /// Whether it is the first of its trace.
    pub fn is_first(&self) -> bool {
        self.span.parent_span_id.is_empty()
    }

    /// Whether its parent is this one, within the same trace.
    pub fn is_below(&self, parent: &Self) -> bool {
        self.span.parent_span_id == parent.span.span_id && self.span.trace_id == parent.span.trace_id
    }

    /// Traces and spans that it is linked to, in hexadecimal digits.
    pub fn links(&self) -> Vec<(String, String)> {
        self.span.links.iter().map(|link| (hex(&link.trace_id), hex(&link.span_id))).collect()
    }

    /// What kind it is.
    pub fn kind(&self) -> SpanKind {
        self.span.kind()
    }

    /// Whether it says that it failed.
    pub fn is_failed(&self) -> bool {
        self.span.status.as_ref().is_some_and(|status| status.code() == SpanStatus::Error)
    }

    /// An attribute as text; none when it has none of this name.
    pub fn get(&self, name: &str) -> Option<String> {
        text(&self.span.attributes, name)
    }

    /// An attribute of the process that sent it.
    pub fn resource(&self, name: &str) -> Option<String> {
        text(&self.resource.attributes, name)
    }

    /// Whether no attribute's name occurs twice, as the protocol wants it.
    pub fn has_unique_attributes(&self) -> bool {
        let mut names: Vec<&str> = self.span.attributes.iter().map(|attribute| &*attribute.key).collect();
        names.sort_unstable();
        names.windows(2).all(|pair| pair[0] != pair[1])
    }
}

impl fmt::Debug for SeenSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attributes = self.span.attributes.iter().map(|attribute| (&*attribute.key, self.get(&attribute.key)));
        f.debug_struct(self.name())
            .field("service", &self.resource("service.name"))
            .field("trace", &self.trace_id())
            .field("id", &self.span_id())
            .field("parent", &hex(&self.span.parent_span_id))
            .field("links", &self.links())
            .field("attributes", &attributes.collect::<Vec<_>>())
            .field("events", &self.span.events.iter().map(|event| &*event.name).collect::<Vec<_>>())
            .finish()
    }
}

impl Seen {
    /// Keeps what came; not when it refuses.
    fn take<R: Take>(&self, headers: HeaderMap, request: R) -> bool {
        self.headers.lock().unwrap().push(headers);
        let takes = !self.refuses.load(Ordering::Relaxed);
        if takes {
            request.keep(self);
        }
        takes
    }
}

/// What can come.
trait Take {
    fn keep(self, seen: &Seen);
}

impl Take for ExportTraceServiceRequest {
    fn keep(self, seen: &Seen) {
        let mut spans = seen.spans.lock().unwrap();
        for of_resource in self.resource_spans {
            let resource = of_resource.resource.unwrap_or_default();
            let all = of_resource.scope_spans.into_iter().flat_map(|of_scope| of_scope.spans);
            spans.extend(all.map(|span| SeenSpan { resource: resource.clone(), span }));
        }
    }
}

impl Take for ExportMetricsServiceRequest {
    fn keep(self, seen: &Seen) {
        let all = self.resource_metrics.into_iter().flat_map(|of_resource| of_resource.scope_metrics);
        *seen.metrics.lock().unwrap() = all.flat_map(|of_scope| of_scope.metrics).collect();
    }
}

#[tonic::async_trait]
impl TraceService for Seen {
    async fn export(&self, request: Request<ExportTraceServiceRequest>) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let (metadata, _, request) = request.into_parts();
        let takes = self.take(metadata.into_headers(), request);
        if takes { Ok(Response::new(Default::default())) } else { Err(Status::unauthenticated("who are you?")) }
    }
}

#[tonic::async_trait]
impl MetricsService for Seen {
    async fn export(&self, request: Request<ExportMetricsServiceRequest>) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let (metadata, _, request) = request.into_parts();
        let takes = self.take(metadata.into_headers(), request);
        if takes { Ok(Response::new(Default::default())) } else { Err(Status::unauthenticated("who are you?")) }
    }
}

async fn traces(State(seen): State<Seen>, headers: HeaderMap, body: Bytes) -> (StatusCode, Vec<u8>) {
    http::<ExportTraceServiceRequest>(&seen, headers, body, &ExportTraceServiceResponse::default())
}

async fn metrics(State(seen): State<Seen>, headers: HeaderMap, body: Bytes) -> (StatusCode, Vec<u8>) {
    http::<ExportMetricsServiceRequest>(&seen, headers, body, &ExportMetricsServiceResponse::default())
}

fn http<R: Message + Default + Take>(seen: &Seen, headers: HeaderMap, body: Bytes, answer: &impl Message) -> (StatusCode, Vec<u8>) {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    let takes = seen.take(headers, R::decode(body).unwrap());
    if takes { (StatusCode::OK, answer.encode_to_vec()) } else { (StatusCode::UNAUTHORIZED, Vec::new()) }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(attributes: &[KeyValue], name: &str) -> Option<String> {
    let value = attributes.iter().find(|attribute| attribute.key == name)?.value.as_ref()?.value.as_ref()?;
    Some(match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        Value::BoolValue(flag) => flag.to_string(),
        other => format!("{other:?}"),
    })
}
