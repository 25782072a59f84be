//! What stands in a path.

use std::fmt::Display;

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::request::Parts,
};

use crate::{
    description::{Argument, Draft},
    problem::{Problem, sentence},
};

/// The named segments of the request's path, decoded.
pub(crate) struct Segments(RawPathParams);

impl Segments {
    /// Reads the segment `name`.
    ///
    /// # Errors
    /// 404: what is not of the form cannot exist, and the answer says what the form is.
    pub(crate) fn read<T, E: Display>(&self, name: &str, read: impl FnOnce(&str) -> Result<T, E>) -> Result<T, Problem> {
        let text = self.0.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value);
        read(text).map_err(|error| Problem::not_found(sentence(&error)).naming(text))
    }
}

impl Argument for Segments {
    fn describe(draft: &mut Draft<'_>) {
        draft.segments();
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Segments {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        RawPathParams::from_request_parts(parts, state).await.map(Self).map_err(|_| Problem::not_found("The path is not text."))
    }
}
