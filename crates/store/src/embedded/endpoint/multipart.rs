//! `multipart/form-data` bodies: how clients send a statement's parameters when they may be long.

use std::io::Read;

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;

use super::request::Asked;
use crate::embedded::exception::Exception;

/// The largest form.
const FORM_MAX_BYTES: u64 = 16 << 20;

/// The boundary, when the body is a form.
pub(super) fn boundary(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let (kind, parameters) = value.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"').to_owned())
    })
}

/// Reads the fields `query` and `param_…` into `asked`.
///
/// # Errors
/// BAD_ARGUMENTS for a form that is cut off or not one; NOT_IMPLEMENTED for other fields, which ClickHouse takes for external tables.
pub(super) fn read(boundary: &str, body: Box<dyn Read + Send>, asked: &mut Asked) -> Result<(), Exception> {
    let wrong = |reason: &str| Exception::new(36, "BAD_ARGUMENTS", format!("Cannot read the multipart form: {reason}"));
    let mut form = Vec::new();
    body.take(FORM_MAX_BYTES + 1).read_to_end(&mut form).map_err(Exception::broken_body)?;
    if form.len() as u64 > FORM_MAX_BYTES {
        return Err(Exception::new(55, "QUERY_IS_TOO_LARGE", format!("The form is larger than {FORM_MAX_BYTES} bytes")));
    }
    let form = String::from_utf8(form).map_err(|_| wrong("it is not UTF-8"))?;
    let delimiter = format!("\r\n--{boundary}");
    let form = format!("\r\n{form}");
    let mut parts = form.split(delimiter.as_str());
    parts.next();
    for part in parts {
        if part.starts_with("--") {
            return Ok(());
        }
        let part = part.strip_prefix("\r\n").ok_or_else(|| wrong("a boundary does not end its line"))?;
        let (headers, value) = part.split_once("\r\n\r\n").ok_or_else(|| wrong("a field has no blank line after its headers"))?;
        let name = field_name(headers).ok_or_else(|| wrong("a field has no name"))?;
        if name == "query" {
            asked.query = value.to_owned();
        } else if let Some(parameter) = name.strip_prefix("param_") {
            asked.params.push((parameter.to_owned(), value.to_owned()));
        } else {
            let message = format!("External tables are not taken here (field {})", name.escape_debug());
            return Err(Exception::new(48, "NOT_IMPLEMENTED", message));
        }
    }
    Err(wrong("its closing boundary is missing"))
}

fn field_name(headers: &str) -> Option<&str> {
    let line = headers.lines().find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"))?;
    line.split(';').map(str::trim).find_map(|parameter| parameter.strip_prefix("name=")).map(|name| name.trim_matches('"'))
}
