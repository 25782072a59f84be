//! What a part says that it is. It decides where parts begin and end and how they are coded; whether one is a report, its
//! content alone decides.

use mail_parser::ContentType;

use super::{
    fields::Fields,
    value::{keyword, shown, with_parameters},
};

/// Type and coding of a part, by its header.
#[derive(Debug)]
pub(super) struct Media {
    pub(super) kind: Kind,
    pub(super) coding: Coding,
    /// What machine's message it belongs to.
    pub(super) notice: Option<Notice>,
    /// `name` of the type, for parts without a name in their disposition.
    name: Option<String>,
}

/// The types that mean something to the reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `multipart/*`, with what stands between the parts.
    Multipart {
        /// `boundary` (RFC 2046 5.1.1).
        boundary: Vec<u8>,
        /// `multipart/digest`: its parts are mails unless they say otherwise (RFC 2046 5.1.5).
        digest: bool,
    },
    /// `message/rfc822` or `message/global`: a whole mail.
    Mail,
    /// `application/tlsrpt+json` and `application/tlsrpt+gzip` (RFC 8460 6.4).
    Report {
        /// The former.
        json: bool,
    },
    /// `text/*`, what a person may have written; also a part without a type (RFC 2045 5.2).
    Text,
    /// Anything else.
    Other,
}

/// Messages of machines that have a type of their own, by the `report-type` of the whole (RFC 6522 3) or by their part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// A delivery status (RFC 3464).
    Delivery,
    /// A read receipt (RFC 8098).
    Disposition,
    /// Feedback on a mail (RFC 5965), as failures of DMARC are reported (RFC 6591).
    Feedback,
}

/// `Content-Transfer-Encoding` (RFC 2045 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// `7bit`, `8bit`, `binary`, or anything unknown.
    Identity,
    /// `base64`.
    Base64,
    /// `quoted-printable`.
    QuotedPrintable,
}

impl Media {
    /// The type of a part with this header; `digest` when it stands in a `multipart/digest`.
    pub(super) fn of(fields: &Fields<'_>, digest: bool) -> Self {
        let default = if digest { Kind::Mail } else { Kind::Text };
        let read = fields.first("Content-Type").and_then(|value| with_parameters(value, read_type));
        let (kind, notice, name) = read.unwrap_or((default, None, None));
        Self { kind, notice, name, coding: Coding::of(fields) }
    }

    /// The name of the attachment, from its disposition (RFC 2183 2.3), else its type.
    pub(super) fn file_name(&self, fields: &Fields<'_>) -> Option<String> {
        let disposition = fields.first("Content-Disposition");
        let named = disposition.and_then(|value| with_parameters(value, |content| content.attribute("filename").and_then(shown)));
        named.flatten().or_else(|| self.name.clone())
    }
}

fn read_type(content: &ContentType<'_>) -> (Kind, Option<Notice>, Option<String>) {
    let subtype = content.subtype().unwrap_or_default();
    let boundary = || content.attribute("boundary").filter(|boundary| !boundary.is_empty());
    let kind = match (content.ctype(), boundary()) {
        ("multipart", Some(boundary)) => Kind::Multipart { boundary: boundary.as_bytes().to_vec(), digest: subtype == "digest" },
        // Without a boundary it has no parts; what stands in it is looked at as text.
        ("text" | "multipart", _) => Kind::Text,
        ("message", _) if matches!(subtype, "rfc822" | "global") => Kind::Mail,
        ("application", _) if matches!(subtype, "tlsrpt+json" | "tlsrpt+gzip") => Kind::Report { json: subtype == "tlsrpt+json" },
        _ => Kind::Other,
    };
    (kind, read_notice(content, subtype), content.attribute("name").and_then(shown))
}

fn read_notice(content: &ContentType<'_>, subtype: &str) -> Option<Notice> {
    let report = match content.ctype() {
        "multipart" => content.attribute("report-type")?.trim().to_ascii_lowercase(),
        "message" => subtype.to_owned(),
        _ => return None,
    };
    match report.as_str() {
        // RFC 6533 has a type of its own for addresses beyond ASCII, for both.
        "delivery-status" | "global-delivery-status" => Some(Notice::Delivery),
        "disposition-notification" | "global-disposition-notification" => Some(Notice::Disposition),
        "feedback-report" => Some(Notice::Feedback),
        _ => None,
    }
}

impl Coding {
    fn of(fields: &Fields<'_>) -> Self {
        match fields.first("Content-Transfer-Encoding").map(keyword).as_deref() {
            Some("base64") => Self::Base64,
            Some("quoted-printable") => Self::QuotedPrintable,
            _ => Self::Identity,
        }
    }
}
