//! What one tenant may see of a document that several share.

use crate::{json::keep_policies, open::Document, reject::Reject};

/// The document with only those elements of `policies` for which `keep` answers true (asked with the element's index),
/// everything else as sent: what one tenant may see of a report that several share. A document that had to be repaired to be
/// read is given in its repaired form.
///
/// # Errors
/// A [`Reject`] when the text is no JSON object.
pub fn redact(document: &Document<'_>, keep: impl Fn(usize) -> bool) -> Result<String, Reject> {
    keep_policies(&document.text, keep)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    fn check(text: &str, keep: impl Fn(usize) -> bool, expected: Result<&str, Reject>) {
        let document = Document { text: text.into(), warnings: Vec::new() };
        assert_eq!(redact(&document, keep).as_deref(), expected.as_deref(), "{text}");
    }

    #[test]
    fn only_the_kept_policies_stay_and_the_rest_is_as_sent() {
        let text =
            "{ \"a\" : 18446744073709551616 ,\n \"policies\": [ {\"n\":[0,\"]\"]} , {\"n\":1},\t{\"n\":\"2\\\"\"} ], \"z\":\"\\u00e9\" }";
        check(
            text,
            |index| index != 1,
            Ok("{ \"a\" : 18446744073709551616 ,\n \"policies\": [{\"n\":[0,\"]\"]},{\"n\":\"2\\\"\"}], \"z\":\"\\u00e9\" }"),
        );
        check(text, |_| false, Ok("{ \"a\" : 18446744073709551616 ,\n \"policies\": [], \"z\":\"\\u00e9\" }"));
    }

    #[test]
    fn only_the_documents_own_policies_are_cut() {
        let text = r#"{"policy":{"policies":[1,2]},"x":"policies","policies":[3,4]}"#;
        check(text, |index| index == 1, Ok(r#"{"policy":{"policies":[1,2]},"x":"policies","policies":[4]}"#));
    }

    #[test]
    fn an_escaped_key_hides_nothing() {
        check(r#"{"polic\u0069es":[3,4]}"#, |index| index == 0, Ok(r#"{"polic\u0069es":[3]}"#));
        check(r#"{"policies":[1],"polic\u0069es":[3,4]}"#, |_| true, Err(Reject::DuplicateKey { key: "policies" }));
    }

    #[test]
    fn a_lone_policy_is_kept_or_goes() {
        check(r#"{"policies":{"n":1}}"#, |_| true, Ok(r#"{"policies":{"n":1}}"#));
        check(r#"{"policies":{"n":1}}"#, |_| false, Ok(r#"{"policies":[]}"#));
    }

    #[test]
    fn documents_that_need_repair_are_cut_too() {
        check("{\"a\":\"x\ny\",\"policies\":[1,2,],}\0", |index| index == 1, Ok("{\"a\":\"x\\ny\",\"policies\":[2]}"));
        check("{\"policies\":[1,2]} {\"policies\":[3]}", |_| false, Ok("{\"policies\":[]}"));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        check("[1,2]", |_| true, Err(Reject::NotAnObject));
        check("{\"a\":", |_| true, Err(Reject::NotJson));
    }
}
