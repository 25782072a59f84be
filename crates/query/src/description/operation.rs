//! What the types in a handler's signature say of its operation.
//!
//! A handler's way into the description: its arguments draft parameters, the body and the problems that reading them has; its answer
//! drafts the successful responses. So the description cannot name a parameter that is not read, or miss one that is.

use axum::{
    Json,
    handler::Handler,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::{ToSchema, openapi::Schema};

use super::draft::Draft;
use crate::{
    auth::{App, Key},
    problem::Problem,
};

/// An argument of a handler.
pub(crate) trait Argument {
    /// Drafts what it reads.
    fn describe(_: &mut Draft<'_>) {}
}

/// What a handler answers.
pub(crate) trait Answer {
    /// Drafts its responses.
    fn describe(draft: &mut Draft<'_>);
}

impl<A: Answer> Answer for Result<A, Problem> {
    fn describe(draft: &mut Draft<'_>) {
        A::describe(draft);
    }
}

impl<T: ToSchema> Answer for Json<T> {
    fn describe(draft: &mut Draft<'_>) {
        draft.answers_json::<T>(StatusCode::OK, "It is there.");
    }
}

/// 201: something was made.
pub(crate) struct Created<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, Json(self.0)).into_response()
    }
}

impl<T: ToSchema> Answer for Created<T> {
    fn describe(draft: &mut Draft<'_>) {
        draft.answers_json::<T>(StatusCode::CREATED, "It was made.");
    }
}

/// 201 when something was made, 200 when it was there already.
pub(crate) struct Claimed<T> {
    pub(crate) is_new: bool,
    pub(crate) claim: T,
}

impl<T: Serialize> IntoResponse for Claimed<T> {
    fn into_response(self) -> Response {
        (if self.is_new { StatusCode::CREATED } else { StatusCode::OK }, Json(self.claim)).into_response()
    }
}

impl<T: ToSchema> Answer for Claimed<T> {
    fn describe(draft: &mut Draft<'_>) {
        draft.answers_json::<T>(StatusCode::CREATED, "It was made.");
        draft.answers_json::<T>(StatusCode::OK, "It was there already.");
    }
}

/// 202: something was begun.
pub(crate) struct Accepted<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Accepted<T> {
    fn into_response(self) -> Response {
        (StatusCode::ACCEPTED, Json(self.0)).into_response()
    }
}

impl<T: ToSchema> Answer for Accepted<T> {
    fn describe(draft: &mut Draft<'_>) {
        draft.answers_json::<T>(StatusCode::ACCEPTED, "It was begun.");
    }
}

/// 204: it is done, and there is nothing to say.
pub(crate) struct Done;

impl IntoResponse for Done {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

impl Answer for Done {
    fn describe(draft: &mut Draft<'_>) {
        draft.answers(StatusCode::NO_CONTENT, "It is done.");
    }
}

/// 204: it is done as far as the asker sees, and what goes on behind it is told at this path.
pub(crate) struct DoneSee(pub(crate) String);

impl IntoResponse for DoneSee {
    fn into_response(self) -> Response {
        (StatusCode::NO_CONTENT, [(header::LOCATION, self.0)]).into_response()
    }
}

impl Answer for DoneSee {
    fn describe(draft: &mut Draft<'_>) {
        draft.answers(StatusCode::NO_CONTENT, "It is done; what goes on behind it is told at the path in `Location`.");
    }
}

/// A JSON object a line.
pub(crate) const NDJSON: &str = "application/x-ndjson";

/// The media types that a route answers in, none of them JSON made from a type of ours.
pub(crate) trait Media {
    /// What it is, in a sentence.
    const ABOUT: &'static str;
    /// Each with the schema of its bytes.
    fn types() -> Vec<(&'static str, Schema)>;
}

/// 200 with bytes in one of `M`'s media types.
pub(crate) struct Sent<M> {
    response: Response,
    media: std::marker::PhantomData<M>,
}

impl<M> Sent<M> {
    /// `body` as `media_type`.
    pub(crate) fn new(media_type: &'static str, body: impl IntoResponse) -> Self {
        let mut response = body.into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        Self { response, media: std::marker::PhantomData }
    }

    /// A file to save, to a browser.
    #[must_use]
    pub(crate) fn named(mut self, file: &str) -> Self {
        if let Ok(disposition) = HeaderValue::from_str(&format!("attachment; filename=\"{file}\"")) {
            self.response.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
        }
        self
    }
}

impl<M> IntoResponse for Sent<M> {
    fn into_response(self) -> Response {
        self.response
    }
}

impl<M: Media> Answer for Sent<M> {
    fn describe(draft: &mut Draft<'_>) {
        draft.answers_in(M::types(), M::ABOUT);
    }
}

/// A handler of a route: its first argument is a key, and its signature is described. `T` is axum's mark of the arguments.
pub(crate) trait Described<T>: Handler<T, App> {
    /// Whose key it takes.
    type Key: Key;
    /// Drafts its operation.
    fn describe(draft: &mut Draft<'_>);
}

macro_rules! described {
    ($($argument:ident)*) => {
        impl<F, Fut, A, M, K, $($argument,)*> Described<(M, K, $($argument,)*)> for F
        where
            F: Fn(K, $($argument,)*) -> Fut + Handler<(M, K, $($argument,)*), App>,
            Fut: Future<Output = A>,
            A: Answer,
            K: Key,
            $($argument: Argument,)*
        {
            type Key = K;
            fn describe(draft: &mut Draft<'_>) {
                $($argument::describe(draft);)*
                A::describe(draft);
            }
        }
    };
}

described! {}
described! { A1 }
described! { A1 A2 }
described! { A1 A2 A3 }
described! { A1 A2 A3 A4 }
