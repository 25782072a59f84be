//! An HTTP answer, read whole.

use bytes::Bytes;
use reqwest::header::HeaderMap;
use serde_json::Value;

/// An HTTP answer, read whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What was asked, for messages.
    pub request: String,
    /// Status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

impl Answer {
    /// Reads a response to its end.
    ///
    /// # Errors
    /// When the connection broke in between.
    pub async fn read(request: String, response: reqwest::Response) -> Result<Self, reqwest::Error> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Self { request, status, headers, body: response.bytes().await? })
    }

    /// The answer, if its status is this one.
    ///
    /// # Panics
    /// When it is another.
    #[must_use]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}: {}", self.request, self.text());
        self
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{}: no JSON ({error}): {}", self.request, self.text()))
    }

    /// A header's value; empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The problem document (RFC 9457) of this status, whose `type` ends in `code`.
    ///
    /// # Panics
    /// When the answer is anything else.
    pub fn problem(self, status: u16, code: &str) -> Value {
        let answer = self.is(status);
        assert_eq!(answer.header("content-type"), "application/problem+json", "{}", answer.request);
        let problem = answer.json();
        let kind = problem["type"].as_str().unwrap_or_default();
        assert_eq!(kind.rsplit(['/', ':']).next(), Some(code), "{}: {problem}", answer.request);
        assert_eq!(problem["status"], status, "{}: {problem}", answer.request);
        for text in ["title", "detail"] {
            assert!(problem[text].as_str().is_some_and(|text| !text.is_empty()), "{}: no {text}: {problem}", answer.request);
        }
        problem
    }
}
