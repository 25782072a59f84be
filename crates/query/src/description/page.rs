//! `GET /openapi.json`, and `GET /docs`: a page that shows it. Neither needs a key, and neither tells anything of anybody.
//!
//! The page is Swagger UI, whose files are part of the program: a browser fetches nothing from elsewhere, and its security policy
//! lets it.

use std::{
    borrow::Cow,
    sync::{Arc, LazyLock},
};

use axum::{
    Router,
    body::Bytes,
    extract::Path,
    http::{HeaderValue, header},
    middleware::from_fn,
    response::{IntoResponse, Response},
    routing::get,
};
use utoipa_swagger_ui::{Config, serve};

use super::document::document;
use crate::{auth::App, config::QueryConfig, problem::Problem, reuse::reuse};

/// Scripts of our own and nothing from elsewhere. Swagger UI writes style attributes, and has its icons in `data:` addresses.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static UI: LazyLock<Arc<Config<'static>>> =
    LazyLock::new(|| Arc::new(Config::from("openapi.json").validator_url("none").persist_authorization(false)));

/// The routes of the description.
pub(crate) fn router(config: &QueryConfig) -> Router<App> {
    // Built once: the table and the limits are the process's.
    let description = document(config).to_json().map(Bytes::from).map_err(|error| error.to_string());
    let description = async move || -> Result<Response, Problem> {
        let text = description.map_err(|error| Problem::internal("describe the API", &std::io::Error::other(error)))?;
        Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
    };
    Router::new().route("/openapi.json", get(description)).route("/docs", get(page)).route("/docs/{file}", get(file)).layer(from_fn(reuse))
}

/// Its files stand below it, relative, so that it works behind a proxy that puts a prefix before all paths.
const PAGE: &str = "<!doctype html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width\">
<title>tlsrpt API</title>
<link rel=\"stylesheet\" href=\"docs/swagger-ui.css\">
<link rel=\"icon\" type=\"image/png\" href=\"docs/favicon-32x32.png\">
</head>
<body>
<div id=\"swagger-ui\"></div>
<script src=\"docs/swagger-ui-bundle.js\"></script>
<script src=\"docs/swagger-ui-standalone-preset.js\"></script>
<script src=\"docs/swagger-initializer.js\"></script>
</body>
</html>
";

async fn page() -> Response {
    with_policy("text/html; charset=utf-8", PAGE)
}

async fn file(Path(name): Path<String>) -> Result<Response, Problem> {
    let media_type = match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("png") => "image/png",
        // The page itself, and maps of sources that nobody here reads.
        _ => return Err(no_such_file()),
    };
    Ok(with_policy(media_type, ui_file(&name)?))
}

fn ui_file(name: &str) -> Result<Bytes, Problem> {
    match serve(name, Arc::clone(&UI)) {
        // Most stand in the program, and are sent from there.
        Ok(Some(file)) => Ok(match file.bytes {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => bytes.into(),
        }),
        Ok(None) => Err(no_such_file()),
        Err(error) => Err(Problem::internal("show the description", error.as_ref())),
    }
}

fn no_such_file() -> Problem {
    Problem::not_found("There is no such path here.")
}

fn with_policy(media_type: &'static str, body: impl IntoResponse) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}
