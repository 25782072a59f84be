//! `POST /admin/v1/import`: tenants, domains and keys by the thousand, one JSON object a line.
//!
//! A line's way: [`Lines`] cuts the body into lines as it comes in → `read` makes an `Onboarding` of each → a batch of them is one
//! command on the registry ([`Registry::onboard`](tlsrpt_registry::Registry::onboard)) → one answer a line, in order.
//!
//! Invariants: a bad line refuses that line only; answers never hold up the reading, so a client that sends everything before it
//! reads anything is served too, and what waits to be read is bounded by the number of lines; what was answered is durable.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request},
    http::header,
};
use bytes::BytesMut;
use http_body_util::BodyExt as _;
use hyper::body::Frame;
use serde::Serialize;
use serde_json::Value;
use tlsrpt_record::TenantId;
use tlsrpt_registry::{Onboarded, Onboarding};
use tlsrpt_report::Domain;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use utoipa::openapi::Schema;

use super::keys::{KeyEntry, NewEntry, WantedKey};
use crate::{
    auth::{App, Operator},
    body_fields::{Fields, FromFields as _, invalid},
    description::{Argument, Draft, Media, NDJSON, Sent, schemas},
    parameters::{Asked, Nothing},
    problem::{self, Kind, Problem, sentence},
};

/// Lines that one command brings in.
const BATCH_MAX_LINES: usize = 1_000;
/// Records after which a command takes no more lines: below what a producer holds at one time.
const BATCH_RECORDS: usize = 4_000;
/// Most domains or keys in one line.
const LINE_MAX_ENTRIES: usize = 1_000;

const LINE_FIELDS: &[&str] = &["tenant", "name", "domain", "domains", "key", "keys"];

/// One line of the answer.
#[derive(Serialize)]
struct Answer<'a> {
    /// Of the body, from 1.
    line: usize,
    outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a TenantId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new_domains: Option<usize>,
    /// Keys that are new; the only answer that ever holds their secrets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    new_keys: Vec<NewEntry<KeyEntry>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<problem::Body<'a>>,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
    /// Something of it is new.
    Created,
    /// All of it was there.
    Unchanged,
    /// Nothing of it was done.
    Refused,
    /// Neither this line nor any after it was done, for a reason that is not the line's.
    Stopped,
}

/// An answer for each line.
pub(crate) enum Outcomes {}

impl Media for Outcomes {
    const ABOUT: &'static str = "A JSON object for each line, in order: `line`, `outcome` (`created`, `unchanged`, `refused`, `stopped`), \
                                 and what was made or the `problem`.";
    fn types() -> Vec<(&'static str, Schema)> {
        vec![(NDJSON, schemas::lines())]
    }
}

/// 200 at once, and then a line for each line.
pub(crate) async fn take(operator: Operator, _: Asked<Nothing>, lines: Lines) -> Sent<Outcomes> {
    let (answers, body) = mpsc::unbounded_channel();
    tokio::spawn(bring_in(operator, lines, answers));
    Sent::new(NDJSON, Body::new(Answers(body)))
}

async fn bring_in(operator: Operator, mut lines: Lines, answers: mpsc::UnboundedSender<Bytes>) {
    let mut line = 1;
    loop {
        let (batch, ended) = lines.batch().await;
        let count = batch.len();
        let (mut text, ended) = match bring_in_batch(&operator, line, batch).await {
            Ok(text) => {
                line += count;
                (text, ended)
            }
            Err(problem) => (Vec::new(), Err(problem)),
        };
        if let Err(problem) = &ended {
            Answer::problem(line, Outcome::Stopped, problem).write(&mut text);
        }
        let is_over = !matches!(ended, Ok(Ended::Batch));
        // Whoever has gone away needs no more.
        if answers.send(text.into()).is_err() || is_over {
            return;
        }
    }
}

/// Answers for each line; a problem when none was done.
async fn bring_in_batch(operator: &Operator, first: usize, lines: Vec<Result<Onboarding, Problem>>) -> Result<Vec<u8>, Problem> {
    let wanted: Vec<Onboarding> = lines.iter().filter_map(|line| line.as_ref().ok().cloned()).collect();
    let onboarded =
        if wanted.is_empty() { Vec::new() } else { operator.command(|registry| async move { registry.onboard(&wanted).await }).await? };
    let mut onboarded = onboarded.into_iter();
    let (mut text, mut claimed) = (Vec::new(), false);
    for (line, read) in (first..).zip(lines) {
        let outcome = match &read {
            // One outcome for each that was wanted.
            Ok(_) => onboarded.next().map(|outcome| outcome.map_err(Problem::from)),
            Err(problem) => Some(Err(problem.clone())),
        };
        match (outcome, &read) {
            (Some(Ok(outcome)), Ok(wanted)) => {
                claimed |= outcome.new_domains > 0;
                Answer::new(line, &wanted.tenant, outcome).write(&mut text);
            }
            (Some(Err(problem)), read) => {
                let tenant = read.as_ref().ok().map(|wanted| &wanted.tenant);
                Answer { tenant, ..Answer::problem(line, Outcome::Refused, &problem) }.write(&mut text);
            }
            _ => {}
        }
    }
    if claimed {
        operator.claims().claimed();
    }
    Ok(text)
}

impl<'a> Answer<'a> {
    fn new(line: usize, tenant: &'a TenantId, onboarded: Onboarded) -> Self {
        let outcome = if onboarded.is_unchanged() { Outcome::Unchanged } else { Outcome::Created };
        let Onboarded { address, new_domains, new_keys, .. } = onboarded;
        Self {
            line,
            outcome,
            tenant: Some(tenant),
            address: Some(address),
            new_domains: Some(new_domains).filter(|&domains| domains > 0),
            new_keys: new_keys.into_iter().map(|(entry, key)| NewEntry { entry: entry.into(), key }).collect(),
            problem: None,
        }
    }

    fn problem(line: usize, outcome: Outcome, problem: &'a Problem) -> Self {
        Self { line, outcome, tenant: None, address: None, new_domains: None, new_keys: Vec::new(), problem: Some(problem.body()) }
    }

    fn write(&self, text: &mut Vec<u8>) {
        // Texts and numbers always serialise, and a vector takes everything.
        if serde_json::to_writer(&mut *text, self).is_ok() {
            text.push(b'\n');
        }
    }
}

/// Reads a line.
fn read(line: &[u8]) -> Result<Onboarding, Problem> {
    let fields = Fields::parse(line)?.known(LINE_FIELDS)?;
    let tenant = fields.read("tenant", TenantId::parse)?;
    let name = fields.optional_text("name")?.map(|name| name.trim().to_owned());
    let (domains, keys) = (one_or_list(&fields, "domain", "domains")?, one_or_list(&fields, "key", "keys")?);
    if name.is_none() && domains.is_empty() && keys.is_empty() {
        return Err(Problem::new(Kind::InvalidBody, "The line brings nothing: give a name, domains or keys."));
    }
    Ok(Onboarding {
        tenant,
        name,
        domains: domains.into_iter().map(read_domain).collect::<Result<_, _>>()?,
        keys: keys.into_iter().map(read_key).collect::<Result<_, _>>()?,
    })
}

/// What stands in the one field, or in the list of the other.
fn one_or_list<'f>(fields: &'f Fields, one: &'static str, list: &'static str) -> Result<Vec<&'f Value>, Problem> {
    match (fields.value(one), fields.list(list)?) {
        (Some(_), Some(_)) => Err(invalid(one, format!("Give either `{one}` or `{list}`."))),
        (Some(value), None) => Ok(vec![value]),
        (None, values) => {
            let values = values.unwrap_or_default();
            if values.len() > LINE_MAX_ENTRIES {
                return Err(invalid(
                    list,
                    format!("`{list}` has {} entries: spread more than {LINE_MAX_ENTRIES} over several lines.", values.len()),
                ));
            }
            Ok(values.iter().collect())
        }
    }
}

fn read_domain(value: &Value) -> Result<Domain, Problem> {
    let text = value.as_str().ok_or_else(|| invalid("domain", "A domain must be a text.".to_owned()))?;
    Domain::parse(text).map_err(|error| invalid("domain", format!("`{}`: {}", problem::echo(text), sentence(&error))))
}

fn read_key(value: &Value) -> Result<tlsrpt_registry::NewKey, Problem> {
    let fields =
        Fields::of(value.clone()).ok_or_else(|| invalid("key", "A key must be an object such as {\"name\":\"ci\"}.".to_owned()))?;
    Ok(WantedKey::read(&fields.known(WantedKey::NAMES)?)?.into())
}

/// A body as lines, within its limits. It holds its place among the imports at one time until it is dropped.
pub(crate) struct Lines {
    body: Body,
    /// What came in and is no line yet.
    partial: BytesMut,
    is_over: bool,
    bytes: usize,
    lines: usize,
    limits: Limits,
    _place: OwnedSemaphorePermit,
}

#[derive(Clone, Copy)]
struct Limits {
    max_bytes: usize,
    max_lines: usize,
    line_max_bytes: usize,
    chunk_timeout: Duration,
}

/// How a batch ended.
enum Ended {
    /// More may follow.
    Batch,
    /// The body is over.
    All,
}

const EXAMPLE: &str = "{\"tenant\":\"acme\",\"name\":\"Acme\",\"domains\":[\"acme.example\",\"acme.test\"]}\n\
    {\"tenant\":\"acme\",\"key\":{\"name\":\"grafana\",\"scopes\":[\"read\",\"metrics\"]}}\n";

impl Argument for Lines {
    fn describe(draft: &mut Draft<'_>) {
        draft.bytes([(NDJSON, schemas::lines_such_as(EXAMPLE))], false);
        draft.may_fail(&[Kind::Overloaded]);
    }
}

impl FromRequest<App> for Lines {
    type Rejection = Problem;
    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let config = app.config();
        let limits = Limits {
            max_bytes: config.import_max_bytes,
            max_lines: config.import_max_lines,
            line_max_bytes: config.import_line_max_bytes,
            chunk_timeout: config.request_timeout(),
        };
        let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        if length.is_some_and(|length: usize| length > limits.max_bytes) {
            return Err(limits.too_large());
        }
        let place = app
            .place_for_import()
            .ok_or_else(|| Problem::new(Kind::Overloaded, "As many imports as may be are under way. Try again in a second."))?;
        Ok(Self { body: request.into_body(), partial: BytesMut::new(), is_over: false, bytes: 0, lines: 0, limits, _place: place })
    }
}

impl Limits {
    fn too_large(self) -> Problem {
        Problem::new(Kind::BodyTooLarge, format!("The body is longer than {} bytes: send the rest by itself.", self.max_bytes))
    }
}

impl Lines {
    /// The next lines, and how they end; with a problem, nothing after them can be read.
    async fn batch(&mut self) -> (Vec<Result<Onboarding, Problem>>, Result<Ended, Problem>) {
        let (mut batch, mut records) = (Vec::new(), 0);
        while batch.len() < BATCH_MAX_LINES && records < BATCH_RECORDS {
            match self.next().await {
                Ok(Some(line)) => {
                    records += line.as_ref().map_or(0, Onboarding::records_max);
                    batch.push(line);
                }
                Ok(None) => return (batch, Ok(Ended::All)),
                Err(problem) => return (batch, Err(problem)),
            }
        }
        (batch, Ok(Ended::Batch))
    }

    /// The next line; none after the last. A last line need not end.
    async fn next(&mut self) -> Result<Option<Result<Onboarding, Problem>>, Problem> {
        let mut searched = 0;
        loop {
            let found = self.partial.get(searched..).and_then(|rest| rest.iter().position(|&byte| byte == b'\n'));
            let line = match found {
                Some(at) => self.partial.split_to(searched + at + 1),
                None if self.is_over && self.partial.is_empty() => return Ok(None),
                None if self.is_over => self.partial.split(),
                None => {
                    searched = self.partial.len();
                    self.more(&mut searched).await?;
                    continue;
                }
            };
            self.lines += 1;
            if self.lines > self.limits.max_lines {
                let detail = format!("The body has more than {} lines: send the rest by itself.", self.limits.max_lines);
                return Err(Problem::new(Kind::BodyTooLarge, detail));
            }
            let line = line.trim_ascii();
            if line.len() > self.limits.line_max_bytes {
                let detail = format!("The line is longer than {} bytes: spread it over several.", self.limits.line_max_bytes);
                return Ok(Some(Err(Problem::new(Kind::BodyTooLarge, detail))));
            }
            return Ok(Some(read(line)));
        }
    }

    /// Takes more of the body in. Of a line that is too long only as much is kept as shows that it is.
    async fn more(&mut self, searched: &mut usize) -> Result<(), Problem> {
        let frame = tokio::time::timeout(self.limits.chunk_timeout, self.body.frame()).await;
        let frame = frame.map_err(|_| Problem::new(Kind::TimedOut, "The rest of the body did not come in time."))?;
        let Some(frame) = frame else {
            self.is_over = true;
            return Ok(());
        };
        let frame = frame.map_err(|_| Problem::new(Kind::InvalidBody, "The body ended before it was whole."))?;
        let Ok(data) = frame.into_data() else { return Ok(()) };
        self.bytes = self.bytes.saturating_add(data.len());
        if self.bytes > self.limits.max_bytes {
            return Err(self.limits.too_large());
        }
        // Nothing that was kept ends a line.
        self.partial.truncate(self.limits.line_max_bytes + 1);
        *searched = self.partial.len();
        self.partial.extend_from_slice(&data);
        Ok(())
    }
}

/// The answers as a body.
struct Answers(mpsc::UnboundedReceiver<Bytes>);

impl hyper::body::Body for Answers {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(cx).map(|answer| answer.map(|bytes| Ok(Frame::data(bytes))))
    }
}
