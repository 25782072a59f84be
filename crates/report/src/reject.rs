//! Why nothing countable could be had from a payload.

use crate::limits;

/// A reject: a stable code for the ledger, and a sentence for a person that says what the sender has to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// The payload has no form that is known here.
    #[error("the payload is neither JSON, gzip nor zip: send the report as JSON or as gzip of it")]
    UnknownForm,
    /// The deflate data inside gzip is damaged, cut short, or does not match its checksum.
    #[error("the gzip data is damaged or cut short: send the report again")]
    CorruptGzip,
    /// The zip archive cannot be read.
    #[error("the zip archive is damaged, cut short, encrypted or of an unknown method: send the report as gzip")]
    CorruptZip,
    /// An archive or gzip without a JSON text in it.
    #[error("there is no JSON text in the compressed payload: compress the report itself")]
    NoDocument,
    /// More layers than [`limits::LAYERS_MAX_COUNT`].
    #[error("the report is compressed more than {} times: compress it once", limits::LAYERS_MAX_COUNT)]
    TooManyLayers,
    /// More output than [`limits::DECOMPRESSED_MAX_BYTES`].
    #[error("the payload decompresses to more than {} bytes: split the report", limits::DECOMPRESSED_MAX_BYTES)]
    TooLarge,
    /// Output beyond [`limits::COMPRESSION_MAX_RATIO`] times the input.
    #[error("the payload decompresses to more than {} times its size, as no report does", limits::COMPRESSION_MAX_RATIO)]
    CompressionRatio,
    /// More gzip members than [`limits::GZIP_MEMBERS_MAX_COUNT`].
    #[error("the gzip file has more than {} members: compress the report as one", limits::GZIP_MEMBERS_MAX_COUNT)]
    TooManyMembers,
    /// More documents than [`limits::DOCUMENTS_MAX_COUNT`].
    #[error("there are more than {} documents in it: send fewer reports at a time", limits::DOCUMENTS_MAX_COUNT)]
    TooManyDocuments,
    /// More archive entries than [`limits::ZIP_ENTRIES_MAX_COUNT`].
    #[error("the zip archive holds more than {} entries: send the report alone", limits::ZIP_ENTRIES_MAX_COUNT)]
    TooManyEntries,
    /// A mail without anything that looks like a report.
    #[error("there is no TLS report in the mail: attach it as JSON or gzip of it (RFC 8460 5.3)")]
    NoReport,
    /// A DMARC report, plain, compressed or as feedback, where a TLS report ought to be.
    #[error("this is a DMARC report, not a TLS report: send it to the address in the domain's DMARC record")]
    DmarcReport,
    /// The mail says that another one could not be delivered.
    #[error("the mail tells that another mail could not be delivered, and holds no report")]
    Bounce,
    /// The mail was sent by a machine as an answer or a notice.
    #[error("the mail is an automatic answer or notice, and holds no report")]
    AutoReply,
    /// More parts than [`limits::MAIL_PARTS_MAX_COUNT`].
    #[error("the mail has more than {} parts: send fewer reports at a time", limits::MAIL_PARTS_MAX_COUNT)]
    TooManyParts,
    /// Parts nested deeper than [`limits::MAIL_DEPTH_MAX_LEVELS`].
    #[error("the parts of the mail are nested deeper than {} levels: attach the report itself", limits::MAIL_DEPTH_MAX_LEVELS)]
    PartsTooDeep,
    /// More headers than [`limits::MAIL_HEADERS_MAX_BYTES`].
    #[error("the headers of the mail are longer than {} bytes, as no report's are", limits::MAIL_HEADERS_MAX_BYTES)]
    HeadersTooLarge,
    /// Not JSON, even after repair.
    #[error("the text is not JSON and cannot be repaired: send a whole RFC 8460 report")]
    NotJson,
    /// JSON, but no object.
    #[error("the text is JSON but not an object: a report is one JSON object (RFC 8460 4.4)")]
    NotAnObject,
    /// A known key stands twice in one object, so that two readers could count differently.
    #[error("the key {key} stands twice in one object: send each key once")]
    DuplicateKey {
        /// The key.
        key: &'static str,
    },
    /// Nested deeper than [`limits::DEPTH_MAX_LEVELS`].
    #[error("the JSON is nested deeper than {} levels, as no report is", limits::DEPTH_MAX_LEVELS)]
    TooDeep,
    /// A string longer than [`limits::STRING_MAX_BYTES`].
    #[error("a string is longer than {} bytes: shorten it", limits::STRING_MAX_BYTES)]
    StringTooLong,
    /// More policies than [`limits::POLICIES_MAX_COUNT`].
    #[error("the report has more than {} policies: split it", limits::POLICIES_MAX_COUNT)]
    TooManyPolicies,
    /// More failure details than [`limits::FAILURES_MAX_COUNT`].
    #[error("the report has more than {} failure details: split it", limits::FAILURES_MAX_COUNT)]
    TooManyFailures,
    /// `policies` is missing or has no object in it.
    #[error("the report has no policies: add one element to `policies` for each policy domain (RFC 8460 4.4)")]
    NoPolicies,
    /// No policy has a count.
    #[error("no policy of the report has a session count: add `summary` to each (RFC 8460 4.4)")]
    NoCounts,
}

impl Reject {
    /// Every code that [`Reject::code`] gives.
    pub const CODES: [&'static str; 26] = [
        "unknown-form",
        "corrupt-gzip",
        "corrupt-zip",
        "no-document",
        "too-many-layers",
        "too-large",
        "compression-ratio",
        "too-many-members",
        "too-many-documents",
        "too-many-entries",
        "no-report",
        "dmarc-report",
        "bounce",
        "auto-reply",
        "too-many-parts",
        "parts-too-deep",
        "headers-too-large",
        "not-json",
        "not-an-object",
        "duplicate-key",
        "too-deep",
        "string-too-long",
        "too-many-policies",
        "too-many-failures",
        "no-policies",
        "no-counts",
    ];

    /// The stable code, such as `unknown-form`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownForm => "unknown-form",
            Self::CorruptGzip => "corrupt-gzip",
            Self::CorruptZip => "corrupt-zip",
            Self::NoDocument => "no-document",
            Self::TooManyLayers => "too-many-layers",
            Self::TooLarge => "too-large",
            Self::CompressionRatio => "compression-ratio",
            Self::TooManyMembers => "too-many-members",
            Self::TooManyDocuments => "too-many-documents",
            Self::TooManyEntries => "too-many-entries",
            Self::NoReport => "no-report",
            Self::DmarcReport => "dmarc-report",
            Self::Bounce => "bounce",
            Self::AutoReply => "auto-reply",
            Self::TooManyParts => "too-many-parts",
            Self::PartsTooDeep => "parts-too-deep",
            Self::HeadersTooLarge => "headers-too-large",
            Self::NotJson => "not-json",
            Self::NotAnObject => "not-an-object",
            Self::DuplicateKey { .. } => "duplicate-key",
            Self::TooDeep => "too-deep",
            Self::StringTooLong => "string-too-long",
            Self::TooManyPolicies => "too-many-policies",
            Self::TooManyFailures => "too-many-failures",
            Self::NoPolicies => "no-policies",
            Self::NoCounts => "no-counts",
        }
    }
}
