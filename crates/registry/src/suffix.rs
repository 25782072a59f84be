//! Which names can be claimed.

use tlsrpt_report::Domain;

/// Whether `domain` is one under which anybody registers (a public suffix, of registries or of hosters alike), or a name of
/// one label. A name that the list does not know, such as `corp.internal`, is somebody's own.
pub(crate) fn is_public(domain: &Domain) -> bool {
    let name = domain.as_str();
    if !name.contains('.') {
        return true;
    }
    psl::suffix(name.as_bytes()).is_some_and(|suffix| suffix.is_known() && suffix.as_bytes() == name.as_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn public_suffixes_are_told_from_names_below_them() {
        for name in ["com", "co.uk", "github.io", "公司.cn", "foo.ck", "рф", "localhost", "test"] {
            assert!(is_public(&Domain::parse(name).unwrap()), "{name}");
        }
        for name in
            ["example.com", "example.co.uk", "someone.github.io", "corp.internal", "x.test", "foo.example", "www.ck", "食狮.公司.cn"]
        {
            assert!(!is_public(&Domain::parse(name).unwrap()), "{name}");
        }
    }
}
