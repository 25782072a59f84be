//! The known name that somebody most likely meant.

/// The one of `known` that is nearest to `given`; none only when nothing is known.
pub(crate) fn nearest<'k>(given: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let given = given.to_ascii_lowercase();
    // Similarity over distance: a name that starts alike (`report` for `reporter`) beats a short one that is merely cheap.
    known.into_iter().map(|name| (strsim::jaro_winkler(&given, name), name)).max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_finds_the_name_that_was_meant() {
        let known = ["from", "to", "domain", "subdomains", "reporter", "policy_type", "limit"];
        for (given, meant) in
            [("form", "from"), ("domains", "domain"), ("Reporters", "reporter"), ("policytype", "policy_type"), ("lmit", "limit")]
        {
            assert_eq!(nearest(given, known), Some(meant), "{given}");
        }
    }
}
