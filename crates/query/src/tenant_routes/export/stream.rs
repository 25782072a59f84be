//! The body of an export: made by a task of its own, handed on chunk by chunk.
//!
//! The task reads the next page only when the one before is taken, so a slow reader holds back the task and the database, and holds
//! one page of memory. It ends by itself: when all is sent, when the reader is gone, when a page fails, or when the time is up,
//! also while the reader takes nothing. Only in the first case the body ends as one that is whole.

use axum::body::{Body, Bytes};
use futures_util::stream::try_unfold;
use tlsrpt_store::{ExportPage, ExportPlace, StoreError, TenantQueries};
use tlsrpt_telemetry::otlp::Span;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

use super::Export;
use crate::{
    exports::ExportSlot,
    problem::{Problem, chain},
};

/// Reports that one query gives at most. Each query reads some blocks of every part before its first row, whatever it gives: of
/// small pages that would be nearly all the work.
const PAGE_MAX_ROWS: usize = 5_000;
/// Size from which on a page is given before it has all its rows, bytes.
const PAGE_MAX_BYTES: usize = 4 << 20;
/// What is handed on at once, bytes.
const CHUNK_MAX_BYTES: usize = 64 << 10;

enum Piece {
    Chunk(Bytes),
    /// Nothing is left.
    End,
}

/// Why a body ends before it is whole; to the reader the connection just ends.
#[derive(Debug, thiserror::Error)]
#[error("the export ended before it was whole")]
struct CutShort;

/// Why the task ends.
#[derive(Debug, thiserror::Error)]
enum ExportError {
    #[error("read a page of an export")]
    Store(#[from] StoreError),
    #[error("write a line of an export")]
    Write(#[from] serde_json::Error),
    #[error("the reader is gone")]
    Gone,
}

impl<T> From<mpsc::error::SendError<T>> for ExportError {
    fn from(_: mpsc::error::SendError<T>) -> Self {
        Self::Gone
    }
}

/// Reads the first page, so that what is wrong is told as a problem, and starts the task.
pub(super) async fn start(queries: TenantQueries, asked: Export, slot: ExportSlot) -> Result<Body, Problem> {
    let deadline = Instant::now() + asked.max;
    let first = page(&queries, &asked, asked.after.as_ref()).await?;
    let (sender, receiver) = mpsc::channel(1);
    let span = Span::current();
    let lines = async move {
        // Held until the export has ended, however it does.
        let _slot = slot;
        let until_gone = async {
            tokio::select! {
                outcome = produce(&queries, &asked, first, &sender) => outcome,
                () = sender.closed() => Err(ExportError::Gone),
            }
        };
        match timeout_at(deadline, until_gone).await {
            Ok(Ok(()) | Err(ExportError::Gone)) => {}
            Ok(Err(error)) => tracing::warn!(error = chain(&error), "an export ended before it was whole"),
            Err(_) => tracing::info!(max_seconds = asked.max.as_secs(), "an export took as long as it may and was ended"),
        }
    };
    tokio::spawn(async move { span.cover(lines).await });
    Ok(Body::from_stream(try_unfold(receiver, async |mut receiver| match receiver.recv().await {
        Some(Piece::Chunk(chunk)) => Ok(Some((chunk, receiver))),
        Some(Piece::End) => Ok(None),
        None => Err(CutShort),
    })))
}

async fn page(queries: &TenantQueries, asked: &Export, after: Option<&ExportPlace>) -> Result<ExportPage, StoreError> {
    queries.export(&asked.filter, after, PAGE_MAX_ROWS, PAGE_MAX_BYTES).await
}

async fn produce(queries: &TenantQueries, asked: &Export, first: ExportPage, sender: &mpsc::Sender<Piece>) -> Result<(), ExportError> {
    let mut page = first;
    let mut out = asked.format.head();
    loop {
        for report in &page.reports {
            asked.format.write(&mut out, report, &asked.continuation)?;
            if out.len() >= CHUNK_MAX_BYTES {
                send(&mut out, sender).await?;
            }
        }
        send(&mut out, sender).await?;
        let Some(next) = page.next else { break };
        page = self::page(queries, asked, Some(&next)).await?;
    }
    Ok(sender.send(Piece::End).await?)
}

/// Hands on what is written, in chunks: a report of many failures is longer than one.
async fn send(out: &mut String, sender: &mpsc::Sender<Piece>) -> Result<(), ExportError> {
    let bytes = Bytes::from(std::mem::take(out));
    for chunk in bytes.chunks(CHUNK_MAX_BYTES) {
        // A copy, so that a chunk which is waited for does not hold all of them.
        sender.send(Piece::Chunk(Bytes::copy_from_slice(chunk))).await?;
    }
    Ok(())
}
