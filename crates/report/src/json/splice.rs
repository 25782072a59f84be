//! Cutting elements of `policies` out of a document without touching a byte of the rest.

use std::borrow::Cow;

use serde::de::{Deserialize, IgnoredAny};

use super::repair::repair;
use crate::reject::Reject;

/// `text` with only those elements of its `policies` for which `keep` answers true. What follows the object goes, since it
/// belongs to no policy.
pub(crate) fn keep_policies(text: &str, keep: impl Fn(usize) -> bool) -> Result<String, Reject> {
    // The cuts below need JSON that is known to be sound.
    if is_sound(text) {
        return cut(text, keep);
    }
    let repaired = repair(text).filter(|repaired| is_sound(repaired)).ok_or(Reject::NotJson)?;
    cut(&repaired, keep)
}

fn is_sound(text: &str) -> bool {
    IgnoredAny::deserialize(&mut serde_json::Deserializer::from_str(text)).is_ok()
}

fn cut(text: &str, keep: impl Fn(usize) -> bool) -> Result<String, Reject> {
    let mut json = Cursor { text, at: 0 };
    json.skip_blanks();
    let start = json.at;
    if !json.accept(b'{') {
        return Err(Reject::NotAnObject);
    }
    let mut out = String::with_capacity(text.len());
    let mut copied = start;
    let mut seen = false;
    loop {
        json.skip_blanks();
        if json.accept(b'}') {
            break;
        }
        let name = json.value();
        json.skip_blanks();
        json.accept(b':');
        json.skip_blanks();
        if is_policies(name) {
            if std::mem::replace(&mut seen, true) {
                return Err(Reject::DuplicateKey { key: "policies" });
            }
            out.push_str(text.get(copied..json.at).unwrap_or_default());
            copy_kept(&mut json, &keep, &mut out);
            copied = json.at;
        } else {
            json.value();
        }
        json.skip_blanks();
        if !json.accept(b',') {
            json.skip_blanks();
            json.accept(b'}');
            break;
        }
    }
    out.push_str(text.get(copied..json.at).unwrap_or_default());
    Ok(out)
}

/// Copies the value of `policies`: the kept elements of an array, or the lone object that stands in its place.
fn copy_kept(json: &mut Cursor<'_>, keep: &impl Fn(usize) -> bool, out: &mut String) {
    match json.peek() {
        Some(b'[') => {
            json.accept(b'[');
            out.push('[');
            let mut index = 0;
            let mut kept = 0;
            loop {
                json.skip_blanks();
                if json.accept(b']') || json.peek().is_none() {
                    break;
                }
                let element = json.value();
                if keep(index) {
                    if kept > 0 {
                        out.push(',');
                    }
                    out.push_str(element);
                    kept += 1;
                }
                index += 1;
                json.skip_blanks();
                json.accept(b',');
            }
            out.push(']');
        }
        Some(b'{') => {
            let element = json.value();
            out.push_str(if keep(0) { element } else { "[]" });
        }
        _ => out.push_str(json.value()),
    }
}

fn is_policies(name: &str) -> bool {
    if !name.contains('\\') {
        return name == "\"policies\"";
    }
    serde_json::from_str::<Cow<'_, str>>(name).is_ok_and(|name| name == "policies")
}

/// Walks over sound JSON.
struct Cursor<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Cursor<'t> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn accept(&mut self, byte: u8) -> bool {
        let accepted = self.peek() == Some(byte);
        self.at += usize::from(accepted);
        accepted
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// Passes over one value; gives its text.
    fn value(&mut self) -> &'t str {
        let start = self.at;
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => self.skip_string(),
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    if depth == 0 {
                        break;
                    }
                    depth -= 1;
                    self.at += 1;
                }
                b',' | b':' if depth == 0 => break,
                b' ' | b'\t' | b'\r' | b'\n' if depth == 0 => break,
                _ => {
                    self.at += 1;
                    continue;
                }
            }
            if depth == 0 {
                break;
            }
        }
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn skip_string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'"' => break,
                b'\\' => self.at += 1,
                _ => {}
            }
        }
    }
}
