//! Answers up to a limit.

use reqwest::Response;

/// An answer could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It is longer than it may be.
    #[error("the answer is longer than {max_bytes} bytes")]
    TooLarge {
        /// Bytes that it may have.
        max_bytes: usize,
    },
    /// It broke off.
    #[error("read an answer")]
    Read(#[source] reqwest::Error),
}

/// Reads an answer's body, whatever length it claims.
///
/// # Errors
/// [`BodyError`]; of what is too long no more than the limit was read.
pub async fn bounded(mut response: Response, max_bytes: usize) -> Result<Vec<u8>, BodyError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| BodyError::Read(error.without_url()))? {
        if body.len() + chunk.len() > max_bytes {
            return Err(BodyError::TooLarge { max_bytes });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
