//! The results of authentication as text: `resinfo`s of RFC 8601 2.2, with `; ` between them. What came from outside is escaped
//! and bounded, so that nobody writes a result of his own into the text.

use std::fmt::Write as _;

/// Longest value or comment, bytes before escaping: a domain name fits.
const VALUE_MAX_BYTES: usize = 253;

/// The text, as it grows.
#[derive(Default)]
pub(crate) struct Results(String);

impl Results {
    /// Begins the next `resinfo`, such as `dkim=pass`.
    pub(crate) fn method(&mut self, name: &'static str, result: &'static str) -> &mut Self {
        let between = if self.0.is_empty() { "" } else { "; " };
        // Writing to a String cannot fail.
        let _ = write!(self.0, "{between}{name}={result}");
        self
    }

    /// `reason="…"`, in words of ours.
    pub(crate) fn reason(&mut self, reason: &str) -> &mut Self {
        self.0.push_str(" reason=");
        self.quote(reason);
        self
    }

    /// A property, such as `header.d=example.com`.
    pub(crate) fn property(&mut self, name: &'static str, value: &str) -> &mut Self {
        let _ = write!(self.0, " {name}=");
        let is_token = !value.is_empty() && value.len() <= VALUE_MAX_BYTES && value.bytes().all(is_plain);
        if is_token {
            self.0.push_str(value)
        } else {
            self.quote(value)
        }
        self
    }

    /// A comment.
    pub(crate) fn comment(&mut self, comment: &str) -> &mut Self {
        self.0.push_str(" (");
        self.escape(comment, &['(', ')', '\\']);
        self.0.push(')');
        self
    }

    pub(crate) fn finish(self) -> String {
        self.0
    }

    fn quote(&mut self, value: &str) {
        self.0.push('"');
        self.escape(value, &['"', '\\']);
        self.0.push('"');
    }

    fn escape(&mut self, value: &str, special: &[char]) {
        for c in bounded(value).chars() {
            if special.contains(&c) {
                self.0.push('\\');
            }
            self.0.push(if c.is_control() { '?' } else { c });
        }
    }
}

/// What stands in a value without quotes: less than a token of RFC 2045 allows.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'+')
}

fn bounded(value: &str) -> &str {
    value.get(..value.floor_char_boundary(VALUE_MAX_BYTES)).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn results_read_as_rfc_8601_has_them() {
        let mut results = Results::default();
        results.method("dkim", "pass").property("header.d", "google.com").property("header.s", "20230601");
        results.method("spf", "pass").property("smtp.mailfrom", "google.com");
        results.method("iprev", "pass").property("policy.iprev", "203.0.113.9").comment("mail.google.com");
        assert_eq!(
            results.finish(),
            "dkim=pass header.d=google.com header.s=20230601; spf=pass smtp.mailfrom=google.com; \
             iprev=pass policy.iprev=203.0.113.9 (mail.google.com)"
        );
    }

    #[test]
    fn what_came_from_outside_cannot_write_a_result_of_its_own() {
        let mut results = Results::default();
        results.method("dkim", "fail").property("header.s", "x; dkim=pass header.d=google.com").comment("a) dkim=pass (b\\");
        results.method("spf", "none").property("smtp.helo", "a\"\r\nb\\").property("smtp.mailfrom", "");
        assert_eq!(
            results.finish(),
            "dkim=fail header.s=\"x; dkim=pass header.d=google.com\" (a\\) dkim=pass \\(b\\\\); \
             spf=none smtp.helo=\"a\\\"??b\\\\\" smtp.mailfrom=\"\""
        );
    }

    #[test]
    fn a_value_is_bounded_between_characters() {
        let mut results = Results::default();
        results.method("dkim", "none").property("header.d", &"é".repeat(1000));
        assert!(results.finish().len() < 300);
    }
}
