//! Text that is almost JSON, made JSON: what senders' own writers and mail gateways do to it.

mod token;

use token::{copy_string, copy_word};

use crate::limits::DECOMPRESSED_MAX_BYTES;

/// The first object or array of `text` as JSON; none when it is cut short, or would become
/// longer than any document may be.
///
/// Mends raw control characters and unpaired surrogate escapes in strings, escapes that JSON does not know, words and numbers
/// that JSON does not know (kept as strings, so that a field's own rules judge them), missing values, commas too many, NUL
/// bytes between values, and drops what follows. Never closes what was left open: a report cut short has lost counts.
pub(crate) fn repair(text: &str) -> Option<String> {
    let mut rest = text.get(text.find(['{', '['])?..)?;
    let mut out = String::with_capacity(rest.len() + 64);
    let mut depth = 0_usize;
    while let Some(first) = rest.chars().next() {
        // Mending adds bytes, and what it makes is bound like what it comes from.
        if out.len() > DECOMPRESSED_MAX_BYTES {
            return None;
        }
        let step;
        match first {
            '"' => step = copy_string(rest, &mut out)?,
            '{' | '[' => {
                depth += 1;
                out.push(first);
                step = 1;
            }
            '}' | ']' => {
                end_value(&mut out);
                if out.ends_with(',') {
                    out.pop();
                }
                out.push(first);
                step = 1;
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(out);
                }
            }
            ',' => {
                end_value(&mut out);
                // A comma with no value before it separates nothing.
                if !out.ends_with([',', '{', '[']) {
                    out.push(',');
                }
                step = 1;
            }
            ':' => {
                out.push(':');
                step = 1;
            }
            // Blanks between values carry nothing; leaving them out keeps "what came last" a look at one byte.
            _ if first.is_whitespace() || first.is_control() || first == '\u{feff}' => step = first.len_utf8(),
            _ => step = copy_word(rest, &mut out),
        }
        rest = rest.get(step..)?;
    }
    None
}

/// Before a comma or a closing bracket: gives a key without a value null.
fn end_value(out: &mut String) {
    if out.ends_with(':') {
        out.push_str("null");
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    fn check(broken: &str, mended: &str) {
        let repaired = repair(broken).unwrap();
        assert_eq!(repaired, mended);
        serde_json::from_str::<serde_json::Value>(&repaired).unwrap();
    }

    #[test]
    fn sound_json_keeps_its_meaning() {
        let text = r#"{"a":[1,-2.5e3,true,null,"x\n\u00e9\ud83d\ude00"],"b":{}}"#;
        check(text, text);
    }

    #[test]
    fn control_characters_in_strings_are_escaped_or_replaced() {
        check("{\"a\":\"x\ny\tz\r\u{1}\u{0}\"}", "{\"a\":\"x\\ny\\tz\\r\u{fffd}\u{fffd}\"}");
    }

    #[test]
    fn unpaired_surrogates_and_unknown_escapes_are_replaced() {
        check(
            r#"{"a":"\ud800","b":"\udc00x","c":"\ud800\u0041","d":"\uZZ","e":"C:\dir"}"#,
            "{\"a\":\"\u{fffd}\",\"b\":\"\u{fffd}x\",\"c\":\"\u{fffd}\\u0041\",\"d\":\"\\\\uZZ\",\"e\":\"C:\\\\dir\"}",
        );
    }

    #[test]
    fn words_that_json_does_not_know_become_texts() {
        check(r#"{"a":NaN,"b":1e999,"c":007,"d":None,"e":+3}"#, r#"{"a":"NaN","b":"1e999","c":"007","d":"None","e":"+3"}"#);
    }

    #[test]
    fn stray_commas_missing_values_and_what_follows_are_mended() {
        check(r#"{"a":[1,2,],"b":,"c":3,,}junk {"#, r#"{"a":[1,2],"b":null,"c":3}"#);
        check("junk{\"a\": 1\0}\0\0", r#"{"a":1}"#);
    }

    #[test]
    fn what_is_cut_short_is_not_completed() {
        for text in ["{\"a\":1", "{\"a\":\"x", "[[1]", "", "no json", "{\"a\":\"\\"] {
            assert_eq!(repair(text), None, "{text:?}");
        }
    }
}
