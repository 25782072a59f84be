//! The known name that somebody most likely meant.

/// The one of `known` that is nearest to `given`; none only when nothing is known.
pub(crate) fn nearest<'k>(given: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let given = given.to_ascii_lowercase();
    // Similarity over distance: a name that starts alike (`report` for `reporter`) beats a short one that is merely cheap.
    known.into_iter().map(|name| (strsim::jaro_winkler(&given, name), name)).max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, name)| name)
}

/// What helps whoever gave a name that is not known.
pub(crate) struct Hint {
    /// The known name that was most likely meant.
    pub(crate) meant: Option<&'static str>,
    /// That name and all that are known, as the end of a sentence.
    pub(crate) text: String,
}

impl Hint {
    pub(crate) fn new(given: &str, known: impl Iterator<Item = &'static str> + Clone) -> Self {
        let meant = nearest(given, known.clone());
        let text = format!("did you mean `{}`? Known are {}.", meant.unwrap_or_default(), known.collect::<Vec<_>>().join(", "));
        Self { meant, text }
    }
}

/// The value of this name out of a fixed set, else the hint.
pub(crate) fn choose<T: Copy>(given: &str, known: &[(&'static str, T)]) -> Result<T, Hint> {
    let found = known.iter().find(|(name, _)| *name == given).map(|(_, value)| *value);
    found.ok_or_else(|| Hint::new(given, known.iter().map(|(name, _)| *name)))
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
