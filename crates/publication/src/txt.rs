//! What the two TXT records have in common: a version first, then `name=value` with semicolons between (RFC 8460 3, RFC 8461 3.1).

use crate::finding::{Code, Finding};

/// A kind of record.
pub(crate) struct Kept {
    /// With which it has to begin, exactly; a semicolon follows.
    pub(crate) version: &'static str,
    /// Whether a record that does not begin so was meant to be of this kind.
    pub(crate) is_meant: fn(&str) -> bool,
    /// The code of more than one.
    pub(crate) several: Code,
    /// The code of one that was meant to be and is not.
    pub(crate) misspelt: Code,
    /// The code of a version without a semicolon behind it, where that has one of its own.
    pub(crate) unseparated: Option<Code>,
}

/// The one record of its kind among the TXT records of a name; `missing` is the code of none. Records of other kinds are passed over,
/// as RFC 8460 3 and RFC 8461 3.1 have it.
pub(crate) fn keep_one<'t>(kind: &Kept, name: &str, texts: &'t [String], missing: Code, findings: &mut Vec<Finding>) -> Option<&'t str> {
    let is_kept = |text: &str| match text.strip_prefix(kind.version) {
        Some(rest) if kind.unseparated.is_some() => rest.is_empty() || rest.starts_with([';', ' ', '\t']),
        Some(rest) => rest.trim_start_matches([' ', '\t']).starts_with(';'),
        None => false,
    };
    let kept: Vec<&str> = texts.iter().map(String::as_str).filter(|text| is_kept(text)).collect();
    let misspelt = texts.iter().map(String::as_str).filter(|text| !is_kept(text) && (kind.is_meant)(text));
    let before = findings.len();
    findings.extend(misspelt.map(|text| Finding::new(kind.misspelt, name).found(text)));
    match kept.as_slice() {
        [] => {
            if findings.len() == before {
                findings.push(Finding::new(missing, name));
            }
            None
        }
        [one] => Some(one),
        several => {
            findings.push(Finding::new(kind.several, name).found(several.len().to_string()));
            None
        }
    }
}

/// A field of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field<'t> {
    /// `name=value`.
    Named { name: &'t str, value: &'t str },
    /// Anything else.
    Other(&'t str),
}

/// The fields behind the version.
pub(crate) struct Fields<'t> {
    pub(crate) fields: Vec<Field<'t>>,
    /// Whether the semicolon behind the version is missing.
    pub(crate) is_unseparated: bool,
}

/// Takes a record that begins with `version` apart. A semicolon at the end is no empty field.
pub(crate) fn fields<'t>(text: &'t str, version: &str) -> Fields<'t> {
    const BLANK: [char; 2] = [' ', '\t'];
    let rest = text.strip_prefix(version).unwrap_or(text).trim_start_matches(BLANK);
    let (rest, is_unseparated) = match rest.strip_prefix(';') {
        Some(rest) => (rest, false),
        None => (rest, true),
    };
    let mut pieces: Vec<&str> = rest.split(';').map(|piece| piece.trim_matches(BLANK)).collect();
    if pieces.last().is_some_and(|last| last.is_empty()) {
        pieces.pop();
    }
    let field = |piece: &'t str| match piece.split_once('=') {
        Some((name, value)) if !name.is_empty() => Field::Named { name, value },
        _ => Field::Other(piece),
    };
    Fields { fields: pieces.into_iter().map(field).collect(), is_unseparated }
}
