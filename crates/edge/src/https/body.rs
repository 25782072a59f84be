//! Reading a body: bounded in bytes, and in time twice over.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::{
    HeaderMap,
    body::{Body as _, Incoming},
    header::EXPECT,
};
use tokio::time::{Instant, timeout_at};

use crate::{bytes_in_flight::Share, config::HttpsConfig, https::problem::Problem, intake::Intake, refusal::Refusal};

/// How much of a refused body is read and thrown away, so that its sender gets to see the answer, and for how long.
const DISCARD_MAX_BYTES: usize = 16 << 20;
const DISCARD_MAX: Duration = Duration::from_secs(2);

/// A request's body.
pub(crate) struct Body {
    incoming: Incoming,
    /// The sender waits for `100 Continue` (RFC 9110 10.1.1), which is sent when reading begins.
    held_back: bool,
}

/// How long a body may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyTimes {
    chunk: Duration,
    whole: Duration,
}

impl BodyTimes {
    pub(crate) fn new(config: &HttpsConfig) -> Self {
        Self { chunk: Duration::from_millis(config.body_chunk_timeout_ms), whole: Duration::from_millis(config.body_timeout_ms) }
    }
}

impl Body {
    pub(crate) fn new(headers: &HeaderMap, incoming: Incoming) -> Self {
        Self { incoming, held_back: headers.contains_key(EXPECT) }
    }

    /// The whole body.
    pub(crate) async fn read(&mut self, times: BodyTimes, intake: &Intake, share: &mut Share<'_>) -> Result<Bytes, Problem> {
        let max_bytes = intake.submission_max_bytes();
        // What the length alone forbids is refused before it is sent.
        let announced = self.incoming.size_hint().exact();
        match announced {
            Some(0) => return Err(Refusal::Empty.into()),
            Some(found) if usize::try_from(found).map_or(true, |found| found > max_bytes) => {
                return Err(Refusal::TooLarge { found_bytes: Some(found), max_bytes }.into());
            }
            _ => {}
        }

        let started = Instant::now();
        let mut body = Gathered::default();
        while let Some(piece) = self.next(times, started).await? {
            if body.len() + piece.len() > max_bytes {
                return Err(Refusal::TooLarge { found_bytes: None, max_bytes }.into());
            }
            share.grow(piece.len()).map_err(|_| intake.no_room())?;
            body.push(piece, announced);
        }
        if body.len() == 0 { Err(Refusal::Empty.into()) } else { Ok(body.into_bytes()) }
    }

    async fn next(&mut self, times: BodyTimes, started: Instant) -> Result<Option<Bytes>, Problem> {
        self.held_back = false;
        loop {
            if self.incoming.is_end_stream() {
                return Ok(None);
            }
            let deadline = (Instant::now() + times.chunk).min(started + times.whole);
            match timeout_at(deadline, self.incoming.frame()).await {
                Err(_) => return Err(Problem::BodyTimeout),
                Ok(None) => return Ok(None),
                Ok(Some(Err(_))) => return Err(Problem::BodyBroken),
                // Trailers say nothing here.
                Ok(Some(Ok(frame))) => match frame.into_data() {
                    Ok(piece) if !piece.is_empty() => return Ok(Some(piece)),
                    _ => {}
                },
            }
        }
    }

    /// Reads on for a while without keeping anything: a sender whose connection is cut while it writes may never read why.
    pub(crate) async fn discard(mut self) {
        if self.held_back {
            return;
        }
        let until = Instant::now() + DISCARD_MAX;
        let mut left_bytes = DISCARD_MAX_BYTES;
        while left_bytes > 0 && !self.incoming.is_end_stream() {
            match timeout_at(until, self.incoming.frame()).await {
                Ok(Some(Ok(frame))) => left_bytes = left_bytes.saturating_sub(frame.data_ref().map_or(0, Bytes::len)),
                _ => return,
            }
        }
    }
}

/// The pieces so far. Most bodies are one piece, which is taken as it is.
#[derive(Default)]
struct Gathered {
    first: Bytes,
    all: BytesMut,
}

impl Gathered {
    fn len(&self) -> usize {
        self.first.len() + self.all.len()
    }

    fn push(&mut self, piece: Bytes, announced: Option<u64>) {
        if self.len() == 0 {
            self.first = piece;
            return;
        }
        if self.all.is_empty() {
            // The length was checked against the limit before anything was read.
            self.all.reserve(announced.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0));
            self.all.extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.all.extend_from_slice(&piece);
    }

    fn into_bytes(self) -> Bytes {
        if self.all.is_empty() { self.first } else { self.all.freeze() }
    }
}
