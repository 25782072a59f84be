//! What stands in a request's body: a flat JSON object of texts.

use axum::extract::{FromRequest, Request};
use serde_json::{Map, Value};

use crate::{
    auth::App,
    body_bytes::read_body,
    nearest::nearest,
    problem::{Kind, Problem, echo},
};

/// The fields of the body, whatever media type it was sent under.
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    /// Refuses fields other than these.
    pub(crate) fn known(self, known: &'static [&'static str]) -> Result<Self, Problem> {
        match self.0.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(self),
            Some(unknown) => {
                let meant = nearest(unknown, known.iter().copied());
                let detail = format!(
                    "`{}` is not a field here: did you mean `{}`? Known are {}.",
                    echo(unknown),
                    meant.unwrap_or_default(),
                    known.join(", ")
                );
                Err(Problem::new(Kind::UnknownField, detail).naming(unknown).did_you_mean(meant))
            }
        }
    }

    /// The text of a field that must be there.
    pub(crate) fn text(&self, name: &'static str) -> Result<&str, Problem> {
        match self.0.get(name) {
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(Problem::new(Kind::InvalidBody, format!("The field `{name}` must be a text.")).naming(name)),
            None => Err(Problem::new(Kind::InvalidBody, format!("The field `{name}` is missing.")).naming(name)),
        }
    }
}

impl FromRequest<App> for Fields {
    type Rejection = Problem;
    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let bytes = read_body(request, app.config().body_max_bytes).await?;
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) => Err(Problem::new(Kind::InvalidBody, "The body must be one JSON object.")),
            Err(error) => Err(Problem::new(
                Kind::InvalidBody,
                format!("The body must be one JSON object; what came is no JSON at line {}, column {}.", error.line(), error.column()),
            )),
        }
    }
}
