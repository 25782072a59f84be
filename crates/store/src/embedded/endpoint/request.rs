//! What a request asks for: its parameters sorted into query, database, settings and the rest.

use axum::http::{HeaderMap, Method, Uri};

use super::auth::{Rights, Tokens};
use super::encoding::Encoding;
use super::limits;
use crate::embedded::engine::Settings;
use crate::embedded::exception::Exception;
use crate::embedded::library::Params;

/// Parameters of the HTTP interface that are no settings and mean nothing to this endpoint.
const WITHOUT_MEANING: [&str; 9] = [
    "buffer_size",
    "close_session",
    "quota_key",
    "role",
    "send_progress_in_http_headers",
    "session_check",
    "session_timeout",
    "stacktrace",
    "user",
];

/// A request whose sender is known.
#[derive(Clone)]
pub(super) struct Asked {
    /// The statement, or its beginning, from the URL.
    pub(super) query: String,
    pub(super) params: Params,
    pub(super) database: Option<String>,
    pub(super) settings: Settings,
    /// ClickHouse's `readonly` for this request.
    pub(super) readonly: u8,
    pub(super) rights: Rights,
    pub(super) default_format: Option<String>,
    /// The id that the client gave or a new one.
    pub(super) query_id: String,
    /// The body is in ClickHouse's compressed blocks.
    pub(super) native_body: bool,
    pub(super) encoding: Encoding,
    /// The revision of the client's protocol, which shapes the Native format.
    pub(super) revision: u64,
    /// The client believes that the engine keeps things for it between requests.
    pub(super) in_session: bool,
    /// The answer waits for the end of the statement.
    pub(super) wait_end: bool,
}

impl Asked {
    /// Checks the sender and reads the parameters.
    ///
    /// # Errors
    /// As [`Tokens::check`]; BAD_ARGUMENTS for a query string that cannot be read.
    pub(super) fn new(tokens: &Tokens, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<Self, Exception> {
        let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri);
        let pairs = pairs.map_err(|error| Exception::new(36, "BAD_ARGUMENTS", format!("Cannot read the query string: {error}")))?.0;
        let rights = tokens.check(headers, &pairs)?;
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut asked = Self {
            query: String::new(),
            params: Params::new(),
            database: header("x-clickhouse-database"),
            settings: Settings::new(),
            // As in ClickHouse, GET must not change anything.
            readonly: if rights == Rights::Read { 1 } else { u8::from(method != Method::POST) * 2 },
            rights,
            default_format: header("x-clickhouse-format"),
            query_id: String::new(),
            native_body: false,
            encoding: Encoding::Plain,
            revision: 0,
            in_session: false,
            wait_end: false,
        };
        let (mut compress, mut over_http) = (false, false);
        for (name, value) in pairs {
            match name.as_str() {
                "query" => asked.query = value,
                "database" => asked.database = Some(value),
                "default_format" => asked.default_format = Some(value),
                "query_id" => asked.query_id = value,
                "decompress" => asked.native_body = is_on(&value),
                "compress" => compress = is_on(&value),
                "enable_http_compression" => over_http = is_on(&value),
                "wait_end_of_query" => asked.wait_end = is_on(&value),
                "session_id" => asked.in_session = !value.is_empty(),
                "client_protocol_version" => asked.revision = value.trim().parse().unwrap_or(0),
                "password" => {}
                name if WITHOUT_MEANING.contains(&name) => {}
                "readonly" => {
                    let value = value.trim().parse().map_err(|_| Exception::new(36, "BAD_ARGUMENTS", "readonly must be 0, 1 or 2"))?;
                    asked.readonly = stricter(asked.readonly, value);
                }
                _ => match name.strip_prefix("param_") {
                    Some(parameter) => asked.params.push((parameter.to_owned(), value)),
                    None => asked.settings.push((name, value)),
                },
            }
        }
        asked.database = asked.database.filter(|database| !database.is_empty());
        if rights == Rights::Read {
            asked.settings = limits::bound(asked.settings)?;
        }
        asked.default_format = asked.default_format.filter(|format| !format.is_empty());
        if asked.query_id.is_empty() {
            asked.query_id = uuid::Uuid::new_v4().to_string();
        }
        asked.encoding = Encoding::choose(headers, compress, over_http);
        Ok(asked)
    }
}

fn is_on(value: &str) -> bool {
    matches!(value, "1" | "true")
}

/// The stricter of two values of `readonly`: 1 is strictest, then 2, then 0.
fn stricter(one: u8, other: u8) -> u8 {
    match (one, other) {
        (1, _) | (_, 1) => 1,
        (0, 0) => 0,
        _ => 2,
    }
}
