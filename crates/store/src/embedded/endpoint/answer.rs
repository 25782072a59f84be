//! Runs a request on the engine and sends what comes out of it.

use std::borrow::Cow;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::auth::Rights;
use super::encoding::Encoder;
use super::formats::Joining;
use super::request::Asked;
use super::{blocks, body};
use crate::embedded::engine::{Engine, Session};
use crate::embedded::exception::Exception;
use crate::embedded::library::{Connection, Progress};
use crate::embedded::readonly::{check_readonly, name_own_grants};
use crate::embedded::statement::{Statement, changes_session};

/// The longest statement, data not counted.
const STATEMENT_MAX_BYTES: usize = 1 << 20;
/// The largest result that is put together in memory, because its format or the client wants it whole.
const WHOLE_RESULT_MAX_BYTES: usize = 256 << 20;
/// Up to this length of body an INSERT is one block, so that an error anywhere in it leaves nothing behind.
const ONE_BLOCK_MAX_BYTES: usize = 64 << 20;
/// Data is handed to the engine in pieces of this size.
const APPEND_BYTES: usize = 256 << 10;

/// How long an exception in the middle of a body is kept apart from what is before and behind it.
const EXCEPTION_APART: std::time::Duration = std::time::Duration::from_millis(50);

/// What is known when an answer begins.
pub(super) struct Head {
    pub(super) format: String,
    pub(super) progress: Progress,
}

/// Where the answer goes: its head once, then pieces of its body.
pub(super) struct Sink {
    pub(super) head: Option<oneshot::Sender<Result<Head, Exception>>>,
    pub(super) body: mpsc::Sender<Result<Bytes, std::io::Error>>,
    pub(super) encoder: Encoder,
    /// Set when the statement is over.
    pub(super) done: Arc<AtomicBool>,
    /// Marks an exception in the middle of a body.
    pub(super) tag: String,
    pub(super) version: String,
}

/// The client does not listen any more.
struct Gone;

impl Sink {
    fn start(&mut self, head: Head) -> Result<(), Gone> {
        self.head.take().map_or(Ok(()), |sender| sender.send(Ok(head)).map_err(|_| Gone))
    }

    fn push(&mut self, data: &[u8]) -> Result<(), Gone> {
        let data = self.encoder.push(data);
        self.send(data)
    }

    fn send(&mut self, data: Bytes) -> Result<(), Gone> {
        if data.is_empty() { Ok(()) } else { self.body.blocking_send(Ok(data)).map_err(|_| Gone) }
    }

    /// The statement is over. Told before the body ends, or the end of the body would be taken for a client that went away.
    fn end(&self) {
        self.done.store(true, Ordering::Release);
    }

    fn finish(mut self) {
        self.end();
        let encoder = std::mem::replace(&mut self.encoder, Encoder::Plain);
        let _ = self.send(encoder.finish());
    }

    /// Reports an exception: as the answer's status, or, when the answer has begun, at the end of its body.
    fn fail(mut self, exception: Exception) {
        self.end();
        if let Some(head) = self.head.take() {
            let _ = head.send(Err(exception));
            return;
        }
        let text = exception.with_version(&self.version);
        let length = text.len() + 1;
        let tag = &self.tag;
        let message = format!("\r\n__exception__\r\n{tag}\r\n{text}\n{length} {tag}\r\n__exception__\r\n");
        // Clients look for the mark at the end of one read, so what was sent before gets a moment to be read. Then the connection
        // breaks off, so that one who misses the mark has an error nonetheless.
        std::thread::sleep(EXCEPTION_APART);
        if self.push(message.as_bytes()).is_ok() {
            std::thread::sleep(EXCEPTION_APART);
            let _ = self.body.blocking_send(Err(std::io::Error::other("the statement failed")));
        }
    }
}

/// Runs the request to its end. Blocks.
pub(super) fn run(engine: &Engine, asked: &Asked, marker: &str, body: Box<dyn Read + Send>, length: usize, mut sink: Sink) {
    match statement(engine, asked, marker, body, length, &mut sink) {
        Ok(Ok(())) => sink.finish(),
        Ok(Err(Gone)) => sink.end(),
        Err(exception) => sink.fail(exception),
    }
}

fn statement(
    engine: &Engine,
    asked: &Asked,
    marker: &str,
    mut body: Box<dyn Read + Send>,
    length: usize,
    sink: &mut Sink,
) -> Result<Result<(), Gone>, Exception> {
    let mut text = asked.query.clone().into_bytes();
    if !text.is_empty() {
        text.push(b'\n');
    }
    let room = STATEMENT_MAX_BYTES.saturating_sub(text.len());
    let more = (&mut body).take(room as u64 + 1).read_to_end(&mut text).map_err(Exception::broken_body)?;
    let is_cut = more > room;
    if asked.rights == Rights::Read {
        check_readonly(&text, asked.database.as_deref(), |name| engine.is_outside(name))?;
        name_own_grants(&mut text);
    }
    if asked.in_session && changes_session(&text) {
        let message = "Sessions are not kept here, each request stands for itself: send settings and database with the request";
        return Err(Exception::new(48, "NOT_IMPLEMENTED", message));
    }
    let session = Session {
        query_id: marker,
        database: asked.database.as_deref(),
        settings: &asked.settings,
        readonly: asked.readonly,
        is_granted: asked.rights == Rights::Read,
    };
    let parsed = Statement::parse(&text)?;
    match parsed {
        Statement::Insert { head_length, format, data_at } => {
            let format = format.or_else(|| asked.default_format.clone()).unwrap_or_else(|| "Values".to_owned());
            let data = body::chain(text.split_off(data_at.min(text.len())), body);
            text.truncate(head_length);
            let mut settings = one_block(asked, length);
            settings.extend_from_slice(session.settings);
            let mut connection = engine.connect(&Session { settings: &settings, ..session })?;
            let progress = insert(&mut connection, asked, &text, &format, data)?;
            Ok(sink.start(Head { format, progress }))
        }
        Statement::Other { length, format, whole } => {
            if is_cut {
                let message = format!("The statement is longer than {STATEMENT_MAX_BYTES} bytes");
                return Err(Exception::new(55, "QUERY_IS_TOO_LARGE", message));
            }
            text.truncate(length);
            let format = format.or_else(|| asked.default_format.clone()).unwrap_or_else(|| "TabSeparated".to_owned());
            let mut connection = engine.connect(&session)?;
            let joining = if whole { Joining::Whole } else { Joining::of(&format) };
            if joining != Joining::Whole && !asked.wait_end {
                match select(&mut connection, asked, &text, &format, joining, sink) {
                    // Only SELECTs can be streamed. Nothing ran yet, so it can be run in one go.
                    Err(exception) if exception.code == 36 && exception.text.contains("Streaming query is not supported") => {}
                    other => return other,
                }
            }
            let chunk = connection.query(&text, &format, &asked.params)?;
            if chunk.bytes().len() > WHOLE_RESULT_MAX_BYTES {
                let message = format!("The result is larger than {WHOLE_RESULT_MAX_BYTES} bytes: ask for a format of plain rows");
                return Err(Exception::new(396, "TOO_MANY_ROWS_OR_BYTES", message));
            }
            let bytes = shaped(chunk.bytes(), &format, asked.revision)?;
            Ok(sink.start(Head { format, progress: chunk.progress() }).and_then(|()| sink.push(&bytes)))
        }
    }
}

/// Settings that make one block of an INSERT, unless it is too large for that.
fn one_block(asked: &Asked, length: usize) -> Vec<(String, String)> {
    if length.max(asked.query.len()) > ONE_BLOCK_MAX_BYTES {
        return Vec::new();
    }
    [
        ("max_insert_block_size", "1000000000"),
        ("max_insert_block_size_bytes", "0"),
        ("min_insert_block_size_rows", "1000000000"),
        ("min_insert_block_size_bytes", "0"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

fn insert(
    connection: &mut Connection,
    asked: &Asked,
    head: &[u8],
    format: &str,
    mut data: Box<dyn Read + Send>,
) -> Result<Progress, Exception> {
    let mut stream = connection.insert(head, format, &asked.params)?;
    let mut buffer = vec![0_u8; APPEND_BYTES];
    loop {
        let length = match data.read(&mut buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            // Dropping the stream aborts it.
            Err(error) => return Err(Exception::broken_body(error)),
        };
        if length == 0 || !stream.append(buffer.get(..length).unwrap_or_default()) {
            break;
        }
    }
    stream.finish()
}

/// The bytes as the client's revision has them.
fn shaped<'bytes>(bytes: &'bytes [u8], format: &str, revision: u64) -> Result<Cow<'bytes, [u8]>, Exception> {
    if revision == 0 || !format.eq_ignore_ascii_case("Native") {
        return Ok(Cow::Borrowed(bytes));
    }
    blocks::with_revision(bytes, revision).map(Cow::Owned)
}

fn select(
    connection: &mut Connection,
    asked: &Asked,
    sql: &[u8],
    format: &str,
    joining: Joining,
    sink: &mut Sink,
) -> Result<Result<(), Gone>, Exception> {
    let mut stream = connection.stream(sql, format, &asked.params)?;
    let mut header: Option<Vec<u8>> = None;
    while let Some(chunk) = stream.next()? {
        let bytes = shaped(chunk.bytes(), format, asked.revision)?;
        // The first piece decides over the status; later calls do nothing.
        if sink.start(Head { format: format.to_owned(), progress: Progress::default() }).is_err() {
            return Ok(Err(Gone));
        }
        let begin = match &header {
            None => {
                header = Some(bytes.get(..joining.header_length(&bytes)).unwrap_or_default().to_vec());
                0
            }
            Some(header) if bytes.starts_with(header) => header.len(),
            Some(_) => return Err(Exception::new(49, "LOGICAL_ERROR", "The engine changed the header within a result")),
        };
        if sink.push(bytes.get(begin..).unwrap_or_default()).is_err() {
            return Ok(Err(Gone));
        }
    }
    Ok(sink.start(Head { format: format.to_owned(), progress: Progress::default() }))
}
