//! Every bound on what one payload may cost, the unit last in the name. Beyond a hard bound a payload is refused with a
//! reason of its own; where the doc says "kept", what lies beyond is cut with a warning and the rest is used.

/// Most bytes that one payload may decompress to, all its layers' and archive entries' output together; in a mail, all its
/// parts' together.
pub const DECOMPRESSED_MAX_BYTES: usize = 64 << 20;

/// Output below this many bytes is never held to [`COMPRESSION_MAX_RATIO`]: a short report of one repeated policy
/// compresses very well.
pub const COMPRESSION_RATIO_FLOOR_BYTES: usize = 1 << 20;

/// Most bytes of output for one byte of compressed input. Real reports stay below 60, deflate can reach 1032.
pub const COMPRESSION_MAX_RATIO: usize = 200;

/// Most layers of gzip or zip around a document.
pub const LAYERS_MAX_COUNT: u32 = 2;

/// Most members of one gzip file. Block-wise writers make one for each 64 KiB.
pub const GZIP_MEMBERS_MAX_COUNT: usize = 2_000;

/// Most documents in one payload or mail.
pub const DOCUMENTS_MAX_COUNT: usize = 100;

/// Most entries that are looked at in a zip archive, whatever they hold.
pub const ZIP_ENTRIES_MAX_COUNT: usize = 1_000;

/// Most parts of one mail, those of attached mails and the files in its texts included.
pub const MAIL_PARTS_MAX_COUNT: usize = 1_000;

/// Deepest nesting of multiparts and attached mails in a mail. A forward adds two.
pub const MAIL_DEPTH_MAX_LEVELS: usize = 32;

/// Most bytes of headers in one mail, all its parts' together.
pub const MAIL_HEADERS_MAX_BYTES: usize = 1 << 20;

/// Most bytes that are read of one header field; what lies beyond is passed over.
pub const MAIL_FIELD_MAX_BYTES: usize = 2_048;

/// Most bytes kept of a mail's sender, subject or file name.
pub const MAIL_TEXT_MAX_BYTES: usize = 1_024;

/// Most elements of `policies`.
pub const POLICIES_MAX_COUNT: usize = 10_000;

/// Most elements of `failure-details`, all policies together.
pub const FAILURES_MAX_COUNT: usize = 100_000;

/// Longest string (a key included), decoded. Anything longer is no report's.
pub const STRING_MAX_BYTES: usize = 1 << 20;

/// Most bytes kept of one text.
pub const TEXT_MAX_BYTES: usize = 4_096;

/// Most elements kept of one `policy-string` or `mx-host`.
pub const LIST_MAX_COUNT: usize = 256;

/// Deepest nesting of arrays and objects inside a field that is skipped.
pub const DEPTH_MAX_LEVELS: u32 = 64;

/// Earliest date that is believed, 2015-01-01T00:00:00Z: TLS reporting was drafted in 2016.
pub const DATE_MIN_UNIX_SECONDS: i64 = 1_420_070_400;

/// Latest date that a report is filed under, 2070-01-01T00:00:00Z; without such a bound a hostile sender makes a partition of the
/// database for every month until the end of time.
pub const KEY_DATE_MAX_UNIX_SECONDS: i64 = 3_155_760_000;

/// How far after the receipt a date may lie and still be believed.
pub const DATE_AHEAD_MAX_SECONDS: i64 = 2 * 86_400;
