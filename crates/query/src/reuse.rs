//! Answers that need not be sent twice: an `ETag` for each, and 304 to whoever has it already (RFC 9110 8.8.3, 13.1.2).
//!
//! The tag is strong: a hash of the answer's bytes. Compression makes other bytes of them, and a strong tag stands for bytes, so a
//! compressed answer has the tag with the encoding's name behind it, as Apache has it. The answer is not made faster by this (the
//! database is asked all the same), but it is not sent again, and a client knows at once that nothing is new.

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};

use crate::problem::Problem;

/// Encodings whose name may stand behind a tag.
const ENCODINGS: [&str; 2] = ["gzip", "zstd"];
/// Bytes of the hash in a tag.
const TAG_BYTES: usize = 16;
/// It may be kept by who asked and by nobody between, and is used again only after asking whether it is still so.
const KEPT_BY_THE_ASKER: HeaderValue = HeaderValue::from_static("private, no-cache");

/// Gives a successful answer its tag, and leaves its body out for whoever has it.
pub(crate) async fn reuse(request: Request, next: Next) -> Response {
    let had: Vec<HeaderValue> = request.headers().get_all(header::IF_NONE_MATCH).iter().cloned().collect();
    let response = next.run(request).await;
    if response.status() != StatusCode::OK {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // The handlers of these routes make their answers whole, so nothing is waited for or copied here.
    let body = match to_bytes(body, usize::MAX).await {
        Ok(body) => body,
        Err(error) => return Problem::internal("read an answer of ours", &error).into_response(),
    };
    let hash: String = Sha256::digest(&body).iter().take(TAG_BYTES).map(|byte| format!("{byte:02x}")).collect();
    let same = had.iter().filter_map(|value| value.to_str().ok()).find_map(|value| had_tag(value, &hash));
    parts.headers.insert(header::CACHE_CONTROL, KEPT_BY_THE_ASKER);
    // The one that the asker has: it is told that its own copy is good, whichever encoding that has.
    let tag = same.clone().unwrap_or_else(|| format!("\"{hash}\""));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        parts.headers.insert(header::ETAG, tag);
    }
    if same.is_some() {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
        parts.headers.remove(header::CONTENT_LENGTH);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(body))
}

/// The tag in a list of tags that stands for the answer with this hash, in any encoding. `If-None-Match` compares weakly, so that a
/// proxy which made the tag weak does no harm.
fn had_tag(list: &str, hash: &str) -> Option<String> {
    if list.trim() == "*" {
        return Some(format!("\"{hash}\""));
    }
    list.split(',').map(str::trim).find_map(|tag| {
        let tag = tag.strip_prefix("W/").unwrap_or(tag);
        let text = tag.strip_prefix('"')?.strip_suffix('"')?;
        let rest = text.strip_prefix(hash)?;
        let is_ours = rest.is_empty() || rest.strip_prefix('-').is_some_and(|encoding| ENCODINGS.contains(&encoding));
        is_ours.then(|| tag.to_owned())
    })
}

/// Puts the name of the encoding behind the tag of an answer that was compressed after it got its tag.
pub(crate) fn tell_encodings_apart(headers: &mut HeaderMap) {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let (Some(encoding), Some(tag)) = (text(header::CONTENT_ENCODING), text(header::ETAG)) else { return };
    let Some(tag) = tag.strip_suffix('"') else { return };
    if let Ok(tag) = HeaderValue::from_str(&format!("{tag}-{encoding}\"")) {
        headers.insert(header::ETAG, tag);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_known_again_in_every_encoding_and_strength_and_no_other_is() {
        for (list, found) in [
            ("\"ab\"", Some("\"ab\"")),
            ("W/\"ab\"", Some("\"ab\"")),
            ("\"x\", \"ab-zstd\"", Some("\"ab-zstd\"")),
            ("\"ab-gzip\"", Some("\"ab-gzip\"")),
            ("*", Some("\"ab\"")),
            ("\"abc\"", None),
            ("\"ab-br\"", None),
            ("ab", None),
            ("\"\"", None),
            ("", None),
        ] {
            assert_eq!(had_tag(list, "ab").as_deref(), found, "{list}");
        }
    }
}
