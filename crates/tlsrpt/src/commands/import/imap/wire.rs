//! The connection below the protocol: TLS or not, with a bound on what the server may send in answer to one command.

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

/// A connection to a server.
pub(crate) struct Wire {
    stream: Stream,
    /// Bytes that may still come.
    allowed_bytes: u64,
}

pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Wire {
    pub(crate) fn new(stream: Stream, allowed_bytes: u64) -> Self {
        Self { stream, allowed_bytes }
    }

    /// From now on so many bytes may come.
    pub(crate) fn allow(&mut self, bytes: u64) {
        self.allowed_bytes = bytes;
    }

    pub(crate) fn into_stream(self) -> Stream {
        self.stream
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("allowed_bytes", &self.allowed_bytes).finish_non_exhaustive()
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match &mut self.stream {
            Stream::Plain(stream) => std::task::ready!(Pin::new(stream).poll_read(cx, buf))?,
            Stream::Tls(stream) => std::task::ready!(Pin::new(stream).poll_read(cx, buf))?,
        }
        let read = u64::try_from(buf.filled().len() - before).unwrap_or(u64::MAX);
        match self.allowed_bytes.checked_sub(read) {
            Some(left) => self.allowed_bytes = left,
            None => return Poll::Ready(Err(io::Error::other("the server sends more than was asked for"))),
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
