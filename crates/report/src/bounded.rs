//! Texts cut to what is kept of one.

use std::borrow::Cow;

use crate::limits::TEXT_MAX_BYTES;

/// The first [`TEXT_MAX_BYTES`] of `text`, cut between characters; `cut` is told when something goes.
pub(crate) fn bound(text: Cow<'_, str>, cut: impl FnOnce()) -> Cow<'_, str> {
    if text.len() <= TEXT_MAX_BYTES {
        return text;
    }
    cut();
    let end = text.floor_char_boundary(TEXT_MAX_BYTES);
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(..end).unwrap_or_default()),
        // A copy: the long text's memory would stay with the short one.
        Cow::Owned(text) => Cow::Owned(text.get(..end).unwrap_or_default().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters_and_the_cut_is_told() {
        let mut cuts = 0;
        let text = "é".repeat(TEXT_MAX_BYTES);
        let kept = bound(Cow::Borrowed(&format!("x{text}")), || cuts += 1).into_owned();
        assert_eq!(kept.len(), TEXT_MAX_BYTES - 1);
        assert_eq!(cuts, 1);
    }

    #[test]
    fn a_text_of_the_limit_is_kept_whole() {
        let text = "x".repeat(TEXT_MAX_BYTES);
        assert_eq!(bound(Cow::Borrowed(&text), || panic!("nothing is cut")), text);
    }
}
