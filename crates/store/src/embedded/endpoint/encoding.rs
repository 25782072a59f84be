//! How an answer's body is compressed.

use std::io::Write as _;

use axum::http::HeaderMap;
use axum::http::header::ACCEPT_ENCODING;
use bytes::Bytes;

use super::native;

/// What the client asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Nothing.
    Plain,
    /// ClickHouse's blocks (`compress=1`).
    Native,
    /// `Content-Encoding: gzip`.
    Gzip,
    /// `Content-Encoding: lz4`.
    Lz4,
}

impl Encoding {
    /// Chooses; over HTTP only when the setting `enable_http_compression` is on, as in ClickHouse.
    pub(super) fn choose(headers: &HeaderMap, compress: bool, over_http: bool) -> Self {
        if compress {
            return Self::Native;
        }
        let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut accepted = accepted.split(',').map(|entry| entry.split(';').next().unwrap_or_default().trim());
        if !over_http {
            return Self::Plain;
        }
        accepted
            .find_map(|name| match name.to_ascii_lowercase().as_str() {
                "gzip" | "x-gzip" => Some(Self::Gzip),
                "lz4" => Some(Self::Lz4),
                _ => None,
            })
            .unwrap_or(Self::Plain)
    }

    /// The value of `Content-Encoding`.
    pub(super) fn header(self) -> Option<&'static str> {
        match self {
            Self::Plain | Self::Native => None,
            Self::Gzip => Some("gzip"),
            Self::Lz4 => Some("lz4"),
        }
    }

    /// Starts a body.
    pub(super) fn encoder(self) -> Encoder {
        match self {
            Self::Plain => Encoder::Plain,
            Self::Native => Encoder::Native,
            Self::Gzip => Encoder::Gzip(Box::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()))),
            Self::Lz4 => Encoder::Lz4(Box::new(lz4_flex::frame::FrameEncoder::new(Vec::new()))),
        }
    }
}

/// Compresses a body piece by piece.
pub(super) enum Encoder {
    Plain,
    Native,
    Gzip(Box<flate2::write::GzEncoder<Vec<u8>>>),
    Lz4(Box<lz4_flex::frame::FrameEncoder<Vec<u8>>>),
}

impl Encoder {
    /// Compresses a piece; all of it is in what this gives, so that a client sees it at once. Writing to memory cannot fail.
    pub(super) fn push(&mut self, data: &[u8]) -> Bytes {
        match self {
            Self::Plain => Bytes::copy_from_slice(data),
            Self::Native => native::compress(data).into(),
            Self::Gzip(encoder) => {
                let _ = encoder.write_all(data).and_then(|()| encoder.flush());
                std::mem::take(encoder.get_mut()).into()
            }
            Self::Lz4(encoder) => {
                let _ = encoder.write_all(data).and_then(|()| encoder.flush());
                std::mem::take(encoder.get_mut()).into()
            }
        }
    }

    /// What ends the body.
    pub(super) fn finish(self) -> Bytes {
        match self {
            Self::Plain | Self::Native => Bytes::new(),
            Self::Gzip(encoder) => encoder.finish().unwrap_or_default().into(),
            Self::Lz4(encoder) => encoder.finish().unwrap_or_default().into(),
        }
    }
}
