//! Structured logs on standard error. A line that is written within a span that is traced carries the ids of both.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing::{Event, Subscriber};
use tracing_subscriber::{
    EnvFilter,
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{self, JsonFields, Writer},
    },
    layer::SubscriberExt,
    registry::LookupSpan,
    util::SubscriberInitExt,
};

use crate::otlp;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The logs could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogsError {
    /// The filter is not one.
    #[error("log filter {filter:?} is not understood: write a level (info) or target=level pairs, by commas")]
    Filter {
        /// The filter as given.
        filter: String,
        /// Why.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// The process has a log already.
    #[error("the log is set up already")]
    Twice,
}

/// Starts logging to standard error; `filter` as in `tracing`: `info`, `tlsrpt_edge=debug,info`.
///
/// # Errors
/// [`LogsError`] when the filter is not understood, or logging was started before.
pub fn init(format: LogFormat, filter: &str) -> Result<(), LogsError> {
    let parsed = EnvFilter::try_new(filter).map_err(|source| LogsError::Filter { filter: filter.to_owned(), source })?;
    let registry = tracing_subscriber::registry().with(parsed);
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match format {
        LogFormat::Text => {
            let layer = layer.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
            registry.with(layer.event_format(Traced { line: format::format(), format })).try_init()
        }
        LogFormat::Json => {
            let line = format::format().json().flatten_event(true);
            registry.with(layer.fmt_fields(JsonFields::new()).event_format(Traced { line, format })).try_init()
        }
    }
    .map_err(|_| LogsError::Twice)
}

/// Lines of `line`, with the ids of the current span: first in JSON, where a collector looks for them by name, last in text, where
/// a person reads the message before.
struct Traced<F> {
    line: F,
    format: LogFormat,
}

impl<F, S, N> FormatEvent<S, N> for Traced<F>
where
    F: FormatEvent<S, N>,
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let Some((trace_id, span_id)) = otlp::current_ids() else { return self.line.format_event(context, writer, event) };
        let mut line = String::new();
        self.line.format_event(context, Writer::new(&mut line), event)?;
        match (self.format, line.strip_prefix('{')) {
            (LogFormat::Json, Some(rest)) => write!(writer, r#"{{"trace_id":"{trace_id}","span_id":"{span_id}",{rest}"#),
            _ => writeln!(writer, "{} trace_id={trace_id} span_id={span_id}", line.trim_end_matches('\n')),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The lines of one event outside of a span and one within, and the span's ids.
    fn lines<F>(line: F, format: LogFormat) -> (String, String, String)
    where
        F: FormatEvent<tracing_subscriber::Registry, format::DefaultFields> + Send + Sync + 'static,
    {
        let written = Written::default();
        let writer = written.clone();
        let layer = tracing_subscriber::fmt::layer().with_writer(move || writer.clone()).event_format(Traced { line, format });
        let span = otlp::recorded();
        let ids = tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::info!(count = 1, "outside");
            span.within(|| {
                tracing::info!(count = 2, "within");
                otlp::current_ids().unwrap()
            })
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let [outside, within] = text.lines().collect::<Vec<_>>()[..] else { panic!("two lines: {text}") };
        (outside.to_owned(), within.to_owned(), format!("{} {}", ids.0, ids.1))
    }

    #[test]
    fn a_line_for_people_ends_with_the_ids_of_the_span_that_it_is_written_in() {
        let (outside, within, ids) = lines(format::format().with_ansi(false), LogFormat::Text);
        assert!(outside.ends_with("outside count=1") && !outside.contains("trace_id"), "{outside}");
        let (trace_id, span_id) = ids.split_once(' ').unwrap();
        assert!(within.ends_with(&format!("within count=2 trace_id={trace_id} span_id={span_id}")), "{within}");
    }

    #[test]
    fn a_line_in_json_has_the_ids_as_fields_of_their_own() {
        let (outside, within, ids) = lines(format::format().json().flatten_event(true), LogFormat::Json);
        let parsed = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
        assert_eq!(parsed(&outside)["trace_id"], serde_json::Value::Null);
        let within = parsed(&within);
        assert_eq!(format!("{} {}", within["trace_id"].as_str().unwrap(), within["span_id"].as_str().unwrap()), ids);
        assert_eq!((&within["message"], &within["count"]), (&"within".into(), &2.into()));
    }
}
