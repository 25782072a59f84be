//! The two ways to a receiver: gRPC, and protobuf over HTTP.

use std::{future::Future, sync::Arc, time::Duration};

use opentelemetry_proto::tonic::collector::{
    metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse, metrics_service_client::MetricsServiceClient},
    trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse, trace_service_client::TraceServiceClient},
};
use prost::Message;
use reqwest::{
    StatusCode, Url,
    header::{CONTENT_TYPE, HeaderMap},
    redirect,
};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use tonic::{
    Code, Status,
    metadata::MetadataMap,
    transport::{Channel, ClientTlsConfig, Endpoint},
};

use super::config::{OtlpConfig, OtlpError, OtlpProtocol};
use crate::chain;

/// Most that is repeated of what a receiver says.
const SHOWN_MAX_CHARS: usize = 200;
/// Longest answer over HTTP that is read: it counts what was refused, and says why.
const ANSWER_MAX_BYTES: usize = 64 << 10;
/// The media type of protobuf (OTLP 1, "Binary Protobuf Encoding").
const PROTOBUF: &str = "application/x-protobuf";

/// A connection to a receiver, made when it is needed.
pub(super) struct Transport {
    way: Way,
    timeout: Duration,
}

enum Way {
    Grpc { channel: Channel, metadata: MetadataMap },
    Http { client: reqwest::Client, base: Url, headers: HeaderMap },
}

/// The receiver did not take it.
#[derive(Debug, thiserror::Error)]
#[error("{said}")]
pub(super) struct SendError {
    said: String,
    passes: bool,
}

impl SendError {
    /// Whether the same request may be taken later.
    pub(super) fn passes(&self) -> bool {
        self.passes
    }

    fn new(said: &str, passes: bool) -> Self {
        Self { said: said.chars().take(SHOWN_MAX_CHARS).collect(), passes }
    }
}

/// What can be sent.
pub(super) trait Request: Message + Send + Sized + 'static {
    /// Its path over HTTP.
    const PATH: &'static str;
    /// What answers it.
    type Answer: Message + Default;

    /// Sends it over gRPC.
    fn call(request: tonic::Request<Self>, channel: Channel) -> impl Future<Output = Result<Self::Answer, Status>> + Send;

    /// How many of its items the receiver refused.
    fn refused(answer: Self::Answer) -> i64;
}

impl Request for ExportTraceServiceRequest {
    const PATH: &'static str = "/v1/traces";
    type Answer = ExportTraceServiceResponse;

    async fn call(request: tonic::Request<Self>, channel: Channel) -> Result<Self::Answer, Status> {
        TraceServiceClient::new(channel).export(request).await.map(tonic::Response::into_inner)
    }

    fn refused(answer: Self::Answer) -> i64 {
        answer.partial_success.map_or(0, |partial| partial.rejected_spans)
    }
}

impl Request for ExportMetricsServiceRequest {
    const PATH: &'static str = "/v1/metrics";
    type Answer = ExportMetricsServiceResponse;

    async fn call(request: tonic::Request<Self>, channel: Channel) -> Result<Self::Answer, Status> {
        MetricsServiceClient::new(channel).export(request).await.map(tonic::Response::into_inner)
    }

    fn refused(answer: Self::Answer) -> i64 {
        answer.partial_success.map_or(0, |partial| partial.rejected_data_points)
    }
}

impl Transport {
    /// A connection that is made with the first request.
    ///
    /// # Errors
    /// [`OtlpError`] when TLS or the client cannot be set up.
    pub(super) fn new(config: &OtlpConfig) -> Result<Self, OtlpError> {
        let way = match config.protocol {
            OtlpProtocol::Grpc => {
                let mut endpoint = Endpoint::from_shared(config.endpoint.to_string())?.connect_timeout(config.timeout);
                if config.endpoint.scheme() == "https" {
                    endpoint = endpoint.tls_config(ClientTlsConfig::new().with_native_roots())?;
                }
                Way::Grpc { channel: endpoint.connect_lazy(), metadata: MetadataMap::from_headers(config.headers.clone()) }
            }
            OtlpProtocol::Http => Way::Http { client: http_client()?, base: config.endpoint.clone(), headers: config.headers.clone() },
        };
        Ok(Self { way, timeout: config.timeout })
    }

    /// Sends a request; answers how many of its items the receiver refused.
    ///
    /// # Errors
    /// [`SendError`].
    pub(super) async fn send<R: Request>(&self, request: R) -> Result<u64, SendError> {
        let answer = async {
            match &self.way {
                Way::Grpc { channel, metadata } => {
                    let mut call = tonic::Request::new(request);
                    metadata.clone_into(call.metadata_mut());
                    call.set_timeout(self.timeout);
                    R::call(call, channel.clone()).await.map_err(|status| of_status(&status))
                }
                Way::Http { client, base, headers } => post(client, base, headers, request).await,
            }
        };
        let answer = tokio::time::timeout(self.timeout, answer).await;
        let answer = answer.map_err(|_| SendError::new("it did not answer in time", true))??;
        Ok(u64::try_from(R::refused(answer)).unwrap_or(0))
    }
}

async fn post<R: Request>(client: &reqwest::Client, base: &Url, headers: &HeaderMap, request: R) -> Result<R::Answer, SendError> {
    let mut url = base.clone();
    url.set_path(&format!("{}{}", base.path().trim_end_matches('/'), R::PATH));
    let post = client.post(url).headers(headers.clone()).header(CONTENT_TYPE, PROTOBUF).body(request.encode_to_vec());
    let failed = |error: reqwest::Error| SendError::new(&chain(&error.without_url()), true);
    let mut answer = post.send().await.map_err(failed)?;
    let status = answer.status();
    if !status.is_success() {
        // OTLP 1, "Retryable Response Codes".
        let passes = matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
        );
        return Err(SendError::new(&format!("it answers {status}"), passes));
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_MAX_BYTES {
            break;
        }
    }
    // What it says of refused items is of no use when it cannot be read: it took the request.
    Ok(R::Answer::decode(body.as_slice()).unwrap_or_default())
}

fn of_status(status: &Status) -> SendError {
    // OTLP 1, "Failures": codes after which the client may try again.
    let passes = matches!(
        status.code(),
        Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unavailable
            | Code::DataLoss
            | Code::ResourceExhausted
    );
    SendError::new(&format!("{:?}: {}", status.code(), chain_of_status(status)), passes)
}

fn chain_of_status(status: &Status) -> String {
    use std::error::Error as _;
    status.source().map_or_else(|| status.message().to_owned(), chain)
}

fn http_client() -> Result<reqwest::Client, OtlpError> {
    let mut authorities = RootCertStore::empty();
    // Without any, every receiver is refused as one that is not known, which names the cause.
    authorities.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(authorities)
        .with_no_client_auth();
    // A redirect would take the headers, which may be secrets, elsewhere.
    Ok(reqwest::Client::builder().tls_backend_preconfigured(tls).redirect(redirect::Policy::none()).build()?)
}
