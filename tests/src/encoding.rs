//! The forms in which one document can be sent.

use std::io::{Cursor, Write as _};

use flate2::{Compression, write::GzEncoder};
use serde_json::{Map, Value};

/// A form of one and the same document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// JSON on one line.
    Plain,
    /// JSON with indentation, every object's keys in reverse order.
    Reordered,
    /// gzip.
    Gzip,
    /// gzip inside gzip.
    GzipOfGzip,
    /// A zip archive.
    Zip,
    /// UTF-16, little-endian, with a byte-order mark.
    Utf16,
}

impl Encoding {
    /// Every form.
    pub const ALL: [Self; 6] = [Self::Plain, Self::Reordered, Self::Gzip, Self::GzipOfGzip, Self::Zip, Self::Utf16];

    /// The document in this form.
    pub fn encode(self, document: &Value) -> Vec<u8> {
        let plain = document.to_string().into_bytes();
        match self {
            Self::Plain => plain,
            Self::Reordered => serde_json::to_vec_pretty(&reversed(document)).unwrap(),
            Self::Gzip => gzip(&plain),
            Self::GzipOfGzip => gzip(&gzip(&plain)),
            Self::Zip => zip_of(&[("report.json", &plain)]),
            Self::Utf16 => format!("\u{feff}{document}").encode_utf16().flat_map(u16::to_le_bytes).collect(),
        }
    }
}

fn reversed(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            Value::Object(fields.iter().rev().map(|(key, value)| (key.clone(), reversed(value))).collect::<Map<_, _>>())
        }
        // The order of policies and details is part of what is said.
        Value::Array(elements) => elements.iter().map(reversed).collect(),
        other => other.clone(),
    }
}

/// gzip of `bytes`.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

/// A zip archive of these entries.
pub fn zip_of(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        archive.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}
