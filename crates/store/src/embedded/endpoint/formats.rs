//! Output formats: their media types, and how the engine's chunks become one document.
//!
//! The engine formats each chunk of a streamed result as a document of its own, with its own header. Formats of plain rows can
//! be put behind one another, those with a header once the later headers are cut off; all others are formatted as a whole.

/// How chunks of a format are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joining {
    /// One behind the other.
    Plain,
    /// Each begins with this many lines of header.
    Lines(usize),
    /// The same, with line breaks inside double quotes.
    QuotedLines(usize),
    /// Each begins with a count of columns and this many lists of strings, in RowBinary's encoding.
    Binary(usize),
    /// Not at all.
    Whole,
}

impl Joining {
    /// How `format` is joined.
    pub(super) fn of(format: &str) -> Self {
        let lower = format.to_ascii_lowercase();
        let (base, lines) = match lower.strip_suffix("withnamesandtypes") {
            Some(base) => (base, 2),
            None => lower.strip_suffix("withnames").map_or((lower.as_str(), 0), |base| (base, 1)),
        };
        match (base, lines) {
            ("tabseparated" | "tsv" | "csv" | "jsoncompacteachrow" | "jsoncompactstringseachrow" | "rowbinary", 0)
            | ("tabseparatedraw" | "tsvraw" | "raw" | "tskv" | "jsoneachrow" | "jsonlines" | "ndjson" | "jsonstringseachrow", 0)
            | ("lineasstring" | "native" | "rawblob" | "null", 0) => Self::Plain,
            ("tabseparated" | "tsv" | "jsoncompacteachrow" | "jsoncompactstringseachrow", lines) => Self::Lines(lines),
            ("csv", lines) => Self::QuotedLines(lines),
            ("rowbinary", lines) => Self::Binary(lines),
            _ => Self::Whole,
        }
    }

    /// Length of the header at the beginning of `chunk`.
    pub(super) fn header_length(self, chunk: &[u8]) -> usize {
        match self {
            Self::Plain | Self::Whole => 0,
            Self::Lines(lines) => lines_length(chunk, lines, false),
            Self::QuotedLines(lines) => lines_length(chunk, lines, true),
            Self::Binary(lists) => binary_length(chunk, lists).unwrap_or(0),
        }
    }
}

fn lines_length(chunk: &[u8], lines: usize, quotes: bool) -> usize {
    let (mut quoted, mut left) = (false, lines);
    for (at, byte) in chunk.iter().enumerate() {
        match byte {
            b'"' if quotes => quoted = !quoted,
            b'\n' if !quoted => {
                left -= 1;
                if left == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    chunk.len()
}

fn binary_length(chunk: &[u8], lists: usize) -> Option<usize> {
    let mut at = 0;
    let columns = varint(chunk, &mut at)?;
    for _ in 0..columns.checked_mul(lists)? {
        let length = varint(chunk, &mut at)?;
        at = at.checked_add(length)?;
    }
    (at <= chunk.len()).then_some(at)
}

/// Reads a LEB128 number.
fn varint(bytes: &[u8], at: &mut usize) -> Option<usize> {
    let mut value = 0_usize;
    for shift in (0..usize::BITS).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= usize::from(byte & 0x7F).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// The media type that ClickHouse gives for `format`.
pub(super) fn content_type(format: &str) -> &'static str {
    let lower = format.to_ascii_lowercase();
    match lower.as_str() {
        "jsoneachrow" | "jsonlines" | "ndjson" | "jsonstringseachrow" | "jsoneachrowwithprogress" => "application/x-ndjson; charset=UTF-8",
        "xml" => "application/xml; charset=UTF-8",
        "native" | "parquet" | "orc" | "avro" | "arrow" | "arrowstream" | "protobuf" | "msgpack" => "application/octet-stream",
        _ if lower.starts_with("rowbinary") => "application/octet-stream",
        _ if lower.starts_with("json") => "application/json; charset=UTF-8",
        _ if lower.starts_with("csv") => "text/csv; charset=UTF-8; header=absent",
        _ if lower.starts_with("tabseparated") || lower.starts_with("tsv") => "text/tab-separated-values; charset=UTF-8",
        _ => "text/plain; charset=UTF-8",
    }
}
