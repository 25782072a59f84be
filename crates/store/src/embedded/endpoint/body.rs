//! A request's body: taken in whole, then read, decoded on the way.
//!
//! An INSERT begins only when its body is complete, so that a client that dies in the middle leaves nothing behind, and a slow
//! one holds no connection of the engine.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::Path;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_ENCODING;
use bytes::{Buf as _, Bytes};
use http_body_util::BodyExt as _;
use tokio::io::AsyncWriteExt as _;

use super::native::NativeReader;
use crate::embedded::exception::Exception;

/// What is kept in memory of a body; the rest goes to a file without a name in the data directory.
const MEMORY_MAX_BYTES: usize = 8 << 20;
/// The largest body, as sent.
const BODY_MAX_BYTES: usize = 1 << 30;

/// A body that has arrived whole.
pub(super) struct Spool {
    memory: VecDeque<Bytes>,
    file: Option<File>,
    /// Length as sent.
    pub(super) length: usize,
}

impl Spool {
    /// Takes the whole body.
    ///
    /// # Errors
    /// CANNOT_READ_ALL_DATA when it ends early, QUERY_IS_TOO_LARGE beyond 1 GiB, and what the file system says.
    pub(super) async fn take(mut body: Body, directory: &Path) -> Result<Self, Exception> {
        let full = |error: io::Error| Exception::new(243, "NOT_ENOUGH_SPACE", format!("Cannot keep the request's body: {error}"));
        let mut spool = Self { memory: VecDeque::new(), file: None, length: 0 };
        let mut writer: Option<tokio::fs::File> = None;
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(Exception::broken_body)?.into_data() else { continue };
            spool.length += data.len();
            if spool.length > BODY_MAX_BYTES {
                let message = format!("The request's body is larger than {BODY_MAX_BYTES} bytes: send it in parts");
                return Err(Exception::new(55, "QUERY_IS_TOO_LARGE", message));
            }
            if spool.length <= MEMORY_MAX_BYTES {
                spool.memory.push_back(data);
                continue;
            }
            let file = match writer.as_mut() {
                Some(file) => file,
                None => {
                    let directory = directory.to_owned();
                    let file = tokio::task::spawn_blocking(move || tempfile::tempfile_in(directory)).await;
                    let file = file.map_err(io::Error::other).and_then(|file| file).map_err(full)?;
                    writer.insert(tokio::fs::File::from_std(file))
                }
            };
            file.write_all(&data).await.map_err(full)?;
        }
        if let Some(mut file) = writer {
            file.flush().await.map_err(full)?;
            spool.file = Some(file.into_std().await);
        }
        Ok(spool)
    }

    /// Reads the body, undoing `Content-Encoding` and, when `native`, ClickHouse's block compression inside of it.
    ///
    /// # Errors
    /// NOT_IMPLEMENTED for an encoding other than gzip and lz4.
    pub(super) fn read(self, headers: &HeaderMap, native: bool) -> Result<Box<dyn Read + Send>, Exception> {
        let mut file = self.file;
        if let Some(file) = file.as_mut() {
            file.seek(SeekFrom::Start(0)).map_err(Exception::broken_body)?;
        }
        let raw = Chunks(self.memory).chain(OptionalFile(file));
        let encoding = headers.get(CONTENT_ENCODING).map_or(Ok("identity"), |value| value.to_str()).unwrap_or("?").trim();
        let plain: Box<dyn Read + Send> = match encoding.to_ascii_lowercase().as_str() {
            "" | "identity" => Box::new(raw),
            "gzip" | "x-gzip" => Box::new(flate2::read::MultiGzDecoder::new(raw)),
            "lz4" => Box::new(lz4_flex::frame::FrameDecoder::new(raw)),
            other => {
                let message = format!("Unknown content encoding {}: send gzip, lz4 or none", other.escape_default());
                return Err(Exception::new(48, "NOT_IMPLEMENTED", message));
            }
        };
        Ok(if native { Box::new(NativeReader::new(plain)) } else { plain })
    }
}

struct Chunks(VecDeque<Bytes>);

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.0.front().is_some_and(Bytes::is_empty) {
            self.0.pop_front();
        }
        let Some(first) = self.0.front_mut() else { return Ok(0) };
        let length = first.len().min(buffer.len());
        let mut part = first.slice(..length);
        first.advance(length);
        if let Some(target) = buffer.get_mut(..length) {
            part.copy_to_slice(target);
        }
        Ok(length)
    }
}

struct OptionalFile(Option<File>);

impl Read for OptionalFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.as_mut().map_or(Ok(0), |file| file.read(buffer))
    }
}

/// Puts bytes that were read ahead back in front.
pub(super) fn chain(ahead: Vec<u8>, rest: Box<dyn Read + Send>) -> Box<dyn Read + Send> {
    Box::new(Read::chain(Cursor::new(ahead), rest))
}
