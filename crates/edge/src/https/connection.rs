//! One connection: HTTP/1.1 or HTTP/2 over it, and the watch that ends it when its peer is idle or too slow.

use std::{
    convert::Infallible,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{config::HttpsConfig, https::receive::Receiver, peer::Peer};

/// How long an idle connection that was asked to end may take for it.
const FAREWELL: Duration = Duration::from_secs(1);
/// Smallest buffer that the HTTP/1.1 parser works with.
const HTTP1_BUFFER_MIN_BYTES: usize = 8_192;
/// What an HTTP/2 peer may send ahead of being read, by stream and in all: memory that a stalled connection can hold.
const HTTP2_STREAM_WINDOW_BYTES: u32 = 256 << 10;
const HTTP2_CONNECTION_WINDOW_BYTES: u32 = 1 << 20;

/// How connections are served.
pub(crate) struct Serving {
    http: Builder<TokioExecutor>,
    receiver: Receiver,
    header: Duration,
    idle: Duration,
    grace: Duration,
}

impl Serving {
    pub(crate) fn new(config: &HttpsConfig, receiver: Receiver) -> Self {
        let mut http = Builder::new(TokioExecutor::new());
        // The watch below bounds heads and idleness for both protocols and for the bytes that tell them apart.
        http.http1()
            .header_read_timeout(None)
            .max_buf_size(usize::try_from(config.header_max_bytes).unwrap_or(usize::MAX).max(HTTP1_BUFFER_MIN_BYTES))
            .half_close(true)
            .pipeline_flush(true);
        http.http2()
            .max_concurrent_streams(config.http2_streams_max)
            .max_header_list_size(config.header_max_bytes)
            .initial_stream_window_size(HTTP2_STREAM_WINDOW_BYTES)
            .initial_connection_window_size(HTTP2_CONNECTION_WINDOW_BYTES);
        Self {
            http,
            receiver,
            header: Duration::from_millis(config.header_timeout_ms),
            idle: Duration::from_millis(config.idle_timeout_ms),
            grace: Duration::from_millis(config.shutdown_grace_ms),
        }
    }

    /// Serves until the peer leaves, is too slow, or `shutdown`: then requests that were begun are finished within the
    /// grace.
    pub(crate) async fn serve(self: Arc<Self>, io: impl AsyncRead + AsyncWrite + Unpin + 'static, peer: Peer, shutdown: CancellationToken) {
        let activity = Arc::new(Activity::new());
        let service = service_fn(|request: Request<Incoming>| {
            let busy = Busy::begin(Arc::clone(&activity));
            let serving = Arc::clone(&self);
            async move {
                let response = serving.receiver.answer(peer, request).await;
                drop(busy);
                Ok::<_, Infallible>(response)
            }
        });
        let mut connection = pin!(self.http.serve_connection(TokioIo::new(io), service));
        let mut stop = pin!(shutdown.cancelled());
        let mut watch = pin!(sleep_until(Instant::now() + self.header));
        let mut ending = false;
        loop {
            tokio::select! {
                biased;
                outcome = connection.as_mut() => {
                    if let Err(error) = outcome {
                        tracing::debug!(peer = %peer.ip, %error, "connection ended");
                    }
                    return;
                }
                () = &mut stop, if !ending => {
                    ending = true;
                    connection.as_mut().graceful_shutdown();
                    watch.as_mut().reset(Instant::now() + self.grace);
                }
                () = &mut watch => {
                    if ending {
                        tracing::debug!(peer = %peer.ip, "connection cut");
                        return;
                    }
                    let now = Instant::now();
                    let rest_until = activity.rest_until(self.header, self.idle);
                    match rest_until {
                        // Each request has time-outs of its own.
                        None => watch.as_mut().reset(now + self.idle),
                        Some(until) if until > now => watch.as_mut().reset(until),
                        Some(_) => {
                            ending = true;
                            connection.as_mut().graceful_shutdown();
                            watch.as_mut().reset(now + FAREWELL);
                        }
                    }
                }
            }
        }
    }
}

/// What a connection's peer has done so far.
struct Activity {
    opened: Instant,
    requests: AtomicU64,
    in_flight: AtomicU32,
    /// When the last answer was given, in milliseconds after `opened`.
    answered_ms: AtomicU64,
}

/// A request that is being answered.
struct Busy(Arc<Activity>);

impl Activity {
    fn new() -> Self {
        Self { opened: Instant::now(), requests: AtomicU64::new(0), in_flight: AtomicU32::new(0), answered_ms: AtomicU64::new(0) }
    }

    /// Until when the peer may leave the connection without a request; none while one is being answered.
    fn rest_until(&self, header: Duration, idle: Duration) -> Option<Instant> {
        if self.in_flight.load(Ordering::Acquire) > 0 {
            None
        } else if self.requests.load(Ordering::Acquire) == 0 {
            Some(self.opened + header)
        } else {
            Some(self.opened + Duration::from_millis(self.answered_ms.load(Ordering::Acquire)) + idle)
        }
    }
}

impl Busy {
    fn begin(activity: Arc<Activity>) -> Self {
        activity.requests.fetch_add(1, Ordering::AcqRel);
        activity.in_flight.fetch_add(1, Ordering::AcqRel);
        Self(activity)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let after_ms = u64::try_from(self.0.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.answered_ms.fetch_max(after_ms, Ordering::AcqRel);
        self.0.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}
