//! ClickHouse's HTTP interface, for this machine's clients.

mod answer;
mod auth;
mod blocks;
mod body;
mod encoding;
mod formats;
mod limits;
mod multipart;
mod native;
mod request;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use self::answer::{Head, Sink};
use self::auth::{Rights, Tokens};
use self::body::Spool;
use self::request::Asked;
use super::config::EmbeddedConfig;
use super::engine::Engine;
use super::exception::Exception;

/// Statements that may wait for their turn.
const WAITING_MAX: usize = 64;
/// Pieces of an answer that may wait for the client.
const PIECES_MAX: usize = 2;

/// The engine and those who use it.
pub(super) struct Endpoint {
    engine: Mutex<Option<Arc<Engine>>>,
    tokens: Tokens,
    version: String,
    timezone: String,
    directory: PathBuf,
    /// One permit per statement that may run.
    turns: Arc<Semaphore>,
    turns_max: u32,
    /// One permit per statement that may run or wait.
    places: Arc<Semaphore>,
    /// One permit per statement of the read-only user that may run: half of all turns, so that a dashboard holds up no insert.
    readers: Arc<Semaphore>,
    /// Markers of running statements.
    running: Mutex<HashSet<String>>,
}

impl Endpoint {
    pub(super) fn new(engine: Engine, config: &EmbeddedConfig, token: String) -> Self {
        let turns = config.concurrent_queries_max.clamp(1, 1024);
        Self {
            tokens: Tokens { all: token, readonly: config.readonly.as_ref().map(|readonly| readonly.password.clone()) },
            version: engine.version.clone(),
            timezone: engine.timezone.clone(),
            directory: config.data_dir.clone(),
            turns: Arc::new(Semaphore::new(turns)),
            turns_max: u32::try_from(turns).unwrap_or(u32::MAX),
            places: Arc::new(Semaphore::new(turns + WAITING_MAX)),
            readers: Arc::new(Semaphore::new((turns / 2).max(1))),
            running: Mutex::new(HashSet::new()),
            engine: Mutex::new(Some(Arc::new(engine))),
        }
    }

    /// Ends every running statement.
    pub(super) async fn kill_all(self: &Arc<Self>) {
        let running: Vec<String> = self.running.lock().iter().cloned().collect();
        for marker in running {
            self.kill(marker).await;
        }
    }

    /// Ends a statement, if it still runs.
    async fn kill(self: &Arc<Self>, marker: String) {
        let Some(engine) = self.engine.lock().clone() else { return };
        let killed = tokio::task::spawn_blocking(move || engine.kill(&marker)).await;
        if let Ok(Err(exception)) = killed {
            tracing::warn!(%exception, "a statement whose client is gone could not be ended");
        }
    }

    /// Waits for the last statement, then closes the data.
    pub(super) async fn close(&self) {
        let all = self.turns.acquire_many(self.turns_max).await;
        self.turns.close();
        drop(all);
        let engine = self.engine.lock().take();
        // Closing the last connection stops the engine, which takes a while.
        let _ = tokio::task::spawn_blocking(move || drop(engine)).await;
    }

    /// A turn on the engine.
    async fn turn(&self, place: OwnedSemaphorePermit) -> Result<Turn, Exception> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| stopping())?;
        let engine = self.engine.lock().clone().ok_or_else(stopping)?;
        Ok(Turn { engine, _turn: turn, _place: place, _reader: None })
    }
}

fn stopping() -> Exception {
    Exception::new(439, "CANNOT_SCHEDULE_TASK", "The engine is stopping")
}

/// The engine goes first, so that nobody holds it once all turns are given back.
struct Turn {
    engine: Arc<Engine>,
    _turn: OwnedSemaphorePermit,
    _place: OwnedSemaphorePermit,
    _reader: Option<OwnedSemaphorePermit>,
}

/// Ends the statement when its client goes away before it is done.
struct Running {
    endpoint: Arc<Endpoint>,
    marker: String,
    done: Arc<AtomicBool>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.endpoint.running.lock().remove(&self.marker);
        if !self.done.load(Ordering::Acquire) {
            let (endpoint, marker) = (Arc::clone(&self.endpoint), std::mem::take(&mut self.marker));
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                runtime.spawn(async move { endpoint.kill(marker).await });
            }
        }
    }
}

/// The routes.
pub(super) fn router(endpoint: Arc<Endpoint>) -> Router {
    let ok = || async { "Ok.\n" };
    Router::new()
        .route("/", get(statement).post(statement))
        .route("/ping", get(ok))
        .route("/replicas_status", get(ok))
        .fallback(|| async { (StatusCode::NOT_FOUND, "There is no handle here: use / or /ping\n") })
        .with_state(endpoint)
}

async fn statement(State(endpoint): State<Arc<Endpoint>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    // A browser or a probe that asks for nothing gets ClickHouse's greeting.
    if parts.uri.query().is_none() && parts.method == axum::http::Method::GET {
        return "Ok.\n".into_response();
    }
    let asked = Asked::new(&endpoint.tokens, &parts.method, &parts.uri, &parts.headers);
    let mut asked = match asked {
        Ok(asked) => asked,
        Err(exception) => return endpoint.refuse(&exception, ""),
    };
    match endpoint.answer(&mut asked, &parts.headers, body).await {
        Ok(response) => response,
        Err(exception) => endpoint.refuse(&exception, &asked.query_id),
    }
}

impl Endpoint {
    async fn answer(self: &Arc<Self>, asked: &mut Asked, headers: &axum::http::HeaderMap, body: Body) -> Result<Response, Exception> {
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| Exception::new(202, "TOO_MANY_SIMULTANEOUS_QUERIES", "Too many simultaneous queries"))?;
        let spool = Spool::take(body, &self.directory).await?;
        let mut length = spool.length;
        let mut body = spool.read(headers, asked.native_body)?;
        if let Some(boundary) = multipart::boundary(headers) {
            multipart::read(&boundary, body, asked)?;
            body = Box::new(std::io::empty());
            length = 0;
        }
        let reader = match asked.rights {
            Rights::All => None,
            Rights::Read => Some(Arc::clone(&self.readers).acquire_owned().await.map_err(|_| stopping())?),
        };
        let turn = Turn { _reader: reader, ..self.turn(place).await? };
        let marker = uuid::Uuid::new_v4().to_string();
        let done = Arc::new(AtomicBool::new(false));
        let running = Running { endpoint: Arc::clone(self), marker: marker.clone(), done: Arc::clone(&done) };
        self.running.lock().insert(marker.clone());

        let (head, answered) = oneshot::channel();
        let (pieces, received) = mpsc::channel(PIECES_MAX);
        let tag: String = (0..16).map(|_| char::from(b'a' + rand::random::<u8>() % 26)).collect();
        let sink = Sink {
            head: Some(head),
            body: pieces,
            encoder: asked.encoding.encoder(),
            done,
            tag: tag.clone(),
            version: self.version.clone(),
        };
        let request = asked.clone();
        let begun = std::time::Instant::now();
        tokio::task::spawn_blocking(move || {
            answer::run(&turn.engine, &request, &marker, body, length, sink);
            drop(turn);
        });
        let head = answered.await.map_err(|_| Exception::new(1002, "UNKNOWN_EXCEPTION", "The statement's thread ended"))??;
        Ok(self.response(asked, &head, &tag, begun.elapsed(), received, running))
    }

    fn response(
        &self,
        asked: &Asked,
        head: &Head,
        tag: &str,
        elapsed: std::time::Duration,
        received: mpsc::Receiver<Result<Bytes, std::io::Error>>,
        running: Running,
    ) -> Response {
        let stream = futures_util::stream::unfold((received, running), |(mut received, running)| async move {
            let piece = received.recv().await?;
            Some((piece, (received, running)))
        });
        let mut response = Response::new(Body::from_stream(stream));
        self.name_headers(&mut response, &asked.query_id);
        let progress = &head.progress;
        let summary = format!(
            "{{\"read_rows\":\"{}\",\"read_bytes\":\"{}\",\"written_rows\":\"{}\",\"written_bytes\":\"{}\",\"total_rows_to_read\":\"0\",\
             \"result_rows\":\"{}\",\"result_bytes\":\"{}\",\"elapsed_ns\":\"{}\"}}",
            progress.read.0,
            progress.read.1,
            progress.written.0,
            progress.written.1,
            progress.result.0,
            progress.result.1,
            elapsed.as_nanos()
        );
        set(&mut response, "x-clickhouse-summary", &summary);
        set(&mut response, "x-clickhouse-format", &head.format);
        set(&mut response, "x-clickhouse-timezone", &self.timezone);
        set(&mut response, "x-clickhouse-exception-tag", tag);
        set(&mut response, header::CONTENT_TYPE.as_str(), formats::content_type(&head.format));
        if let Some(encoding) = asked.encoding.header() {
            set(&mut response, header::CONTENT_ENCODING.as_str(), encoding);
        }
        response
    }

    /// An exception as the whole answer.
    fn refuse(&self, exception: &Exception, query_id: &str) -> Response {
        let mut response = Response::new(Body::from(exception.with_version(&self.version) + "\n"));
        *response.status_mut() = exception.status();
        self.name_headers(&mut response, query_id);
        set(&mut response, "x-clickhouse-exception-code", &exception.code.to_string());
        set(&mut response, header::CONTENT_TYPE.as_str(), "text/plain; charset=UTF-8");
        if exception.status() == StatusCode::UNAUTHORIZED {
            set(&mut response, header::WWW_AUTHENTICATE.as_str(), "Basic realm=\"ClickHouse server HTTP API\"");
        }
        response
    }

    fn name_headers(&self, response: &mut Response, query_id: &str) {
        set(response, "x-clickhouse-server-display-name", "tlsrpt-embedded");
        if !query_id.is_empty() {
            set(response, "x-clickhouse-query-id", query_id);
        }
    }
}

/// Sets a header; a value that cannot be one (a query id with a line break) is left out.
fn set(response: &mut Response, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
        response.headers_mut().insert(name, value);
    }
}
