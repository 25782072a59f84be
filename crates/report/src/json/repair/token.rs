//! Strings and words, copied with what is wrong in them mended.

use crate::limits::DECOMPRESSED_MAX_BYTES;

/// Copies the string that `rest` starts with; gives its length. None when it does not end
/// or grows beyond every limit.
pub(super) fn copy_string(rest: &str, out: &mut String) -> Option<usize> {
    out.push('"');
    let mut at = 1;
    while out.len() <= DECOMPRESSED_MAX_BYTES {
        let tail = rest.get(at..)?;
        let plain = tail.find(|c: char| c == '"' || c == '\\' || c < ' ')?;
        out.push_str(tail.get(..plain)?);
        at += plain;
        let special = tail.get(plain..)?;
        at += match special.chars().next()? {
            '"' => {
                out.push('"');
                return Some(at + 1);
            }
            '\\' => copy_escape(special, out)?,
            control => {
                match control {
                    '\n' => out.push_str("\\n"),
                    '\r' => out.push_str("\\r"),
                    '\t' => out.push_str("\\t"),
                    _ => out.push(char::REPLACEMENT_CHARACTER),
                }
                1
            }
        };
    }
    None
}

/// Copies the escape that `rest` starts with; gives its length.
fn copy_escape(rest: &str, out: &mut String) -> Option<usize> {
    let kind = rest.get(1..)?.chars().next()?;
    match kind {
        '"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't' => {
            out.push_str(rest.get(..2)?);
            return Some(2);
        }
        'u' => match unit(rest) {
            Some(0xd800..=0xdbff) => {
                if rest.get(6..).and_then(unit).is_some_and(|low| (0xdc00..=0xdfff).contains(&low)) {
                    out.push_str(rest.get(..12)?);
                    return Some(12);
                }
                out.push(char::REPLACEMENT_CHARACTER);
                return Some(6);
            }
            Some(0xdc00..=0xdfff) => {
                out.push(char::REPLACEMENT_CHARACTER);
                return Some(6);
            }
            Some(_) => {
                out.push_str(rest.get(..6)?);
                return Some(6);
            }
            None => {}
        },
        _ => {}
    }
    // The backslash was meant as itself.
    out.push_str("\\\\");
    Some(1)
}

/// The UTF-16 unit of the `\uXXXX` that `rest` starts with.
fn unit(rest: &str) -> Option<u16> {
    let digits = rest.strip_prefix("\\u")?.get(..4)?;
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u16::from_str_radix(digits, 16).ok()
}

/// Copies the word that `rest` starts with, as a string when JSON does not know it; gives its length.
pub(super) fn copy_word(rest: &str, out: &mut String) -> usize {
    let end = rest.find(|c: char| matches!(c, '"' | '{' | '}' | '[' | ']' | ':' | ',') || c.is_whitespace() || c.is_control());
    let word = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
    let known = matches!(word, "true" | "false" | "null") || serde_json::from_str::<f64>(word).is_ok();
    if known {
        out.push_str(word);
    } else {
        out.push('"');
        // No quote or control character is in a word.
        word.chars().for_each(|c| if c == '\\' { out.push_str("\\\\") } else { out.push(c) });
        out.push('"');
    }
    word.len()
}
