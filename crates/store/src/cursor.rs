//! Cursors: the last entry's sorting key, opaque to whoever holds one.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::error::StoreError;

/// Parts of a key are joined by a byte that none of them holds.
const SEPARATOR: char = '\n';

pub(crate) fn encode<const N: usize>(parts: [&str; N]) -> String {
    URL_SAFE_NO_PAD.encode(parts.join(&SEPARATOR.to_string()))
}

/// The parts of a cursor; what they mean is checked by whoever reads them.
pub(crate) fn decode<const N: usize>(cursor: &str) -> Result<[String; N], StoreError> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| StoreError::Cursor)?;
    let text = String::from_utf8(bytes).map_err(|_| StoreError::Cursor)?;
    let parts: Vec<String> = text.split(SEPARATOR).map(str::to_owned).collect();
    parts.try_into().map_err(|_| StoreError::Cursor)
}
