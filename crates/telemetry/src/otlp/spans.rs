//! Spans from the queue to the receiver, in batches.

use std::time::Duration;

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::InstrumentationScope,
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans},
};
use opentelemetry_sdk::trace::SpanData;
use prometheus::IntCounter;
use tokio::sync::mpsc::Receiver;
use tokio_util::sync::CancellationToken;

use super::{SCOPE, outlet::Outlet};
use crate::Backoff;

/// Spans in one request, at most.
const BATCH_SPANS_MAX: usize = 512;
/// How long a batch waits for more.
const LINGER: Duration = Duration::from_secs(1);

/// Sends what comes until `closing`, then what is left; counts in `dropped` what the receiver does not take.
pub(super) async fn send(
    mut outlet: Outlet,
    mut ended: Receiver<SpanData>,
    resource: Resource,
    dropped: IntCounter,
    closing: CancellationToken,
) {
    loop {
        let mut batch = Vec::new();
        let is_first = tokio::select! {
            biased;
            first = ended.recv_many(&mut batch, BATCH_SPANS_MAX) => first > 0,
            () = closing.cancelled() => false,
        };
        if !is_first {
            return;
        }
        let fill = async {
            while let room @ 1.. = BATCH_SPANS_MAX.saturating_sub(batch.len()) {
                if ended.recv_many(&mut batch, room).await == 0 {
                    return;
                }
            }
        };
        tokio::select! {
            _ = tokio::time::timeout(LINGER, fill) => {}
            () = closing.cancelled() => {}
        }
        let spans = batch.len() as u64;
        dropped.inc_by(deliver(&mut outlet, request(batch, &resource), spans, &closing).await);
    }
}

/// Sends a batch, again and again while the receiver is away; answers how many of its spans are lost.
async fn deliver(outlet: &mut Outlet, request: ExportTraceServiceRequest, spans: u64, closing: &CancellationToken) -> u64 {
    let mut backoff = Backoff::default();
    loop {
        match outlet.send(request.clone()).await {
            Ok(refused) => return refused.min(spans),
            Err(error) if error.passes() && !closing.is_cancelled() => {
                tokio::select! {
                    () = closing.cancelled() => {}
                    () = tokio::time::sleep(backoff.next_wait()) => {}
                }
            }
            Err(_) => return spans,
        }
    }
}

fn request(spans: Vec<SpanData>, resource: &Resource) -> ExportTraceServiceRequest {
    let scope = InstrumentationScope { name: SCOPE.to_owned(), ..InstrumentationScope::default() };
    let spans = ScopeSpans { scope: Some(scope), spans: spans.into_iter().map(Into::into).collect(), ..ScopeSpans::default() };
    let resource = Some(resource.clone());
    ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { resource, scope_spans: vec![spans], ..ResourceSpans::default() }] }
}
