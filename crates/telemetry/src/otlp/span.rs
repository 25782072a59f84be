//! A piece of work within a trace; most work has none.

use std::future::Future;

use opentelemetry::{
    Context, ContextGuard, KeyValue, Value,
    context::FutureExt as _,
    trace::{Link, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt, Tracer as _},
};
use opentelemetry_sdk::trace::SdkTracer;

use super::traceparent;

/// A span that is recorded, or none: then everything below does nothing. Clones are the same span; it ends when the last of them is
/// gone, or by [`Span::end`].
#[derive(Clone, Debug, Default)]
pub struct Span(Option<Context>);

impl Span {
    /// No span.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    /// `context` holds the span and the tracer that made it.
    pub(super) fn new(context: Context) -> Self {
        Self(Some(context))
    }

    /// The one that this work is done in, by [`Span::cover`] or [`Span::enter`].
    #[must_use]
    pub fn current() -> Self {
        Self(Context::map_current(|context| context.has_active_span().then(|| context.clone())))
    }

    /// Whether it is recorded: what an attribute costs is worth it then alone.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.0.is_some()
    }

    /// A span below it.
    #[must_use]
    pub fn child(&self, name: &'static str, kind: SpanKind) -> Self {
        self.child_with_link(name, kind, &Self::none())
    }

    /// A span below it, linked to one of another trace.
    #[must_use]
    pub fn child_with_link(&self, name: &'static str, kind: SpanKind, link: &Self) -> Self {
        let below = |context: &Context| {
            let links = link.context().into_iter().map(Link::with_context).collect();
            let builder = SpanBuilder::from_name(name).with_kind(kind).with_links(links);
            let span = context.get::<SdkTracer>()?.build_with_context(builder, context);
            Some(context.with_span(span))
        };
        Self(self.0.as_ref().and_then(below))
    }

    /// Sets an attribute.
    pub fn set(&self, name: &'static str, value: impl Into<Value>) {
        if let Some(context) = &self.0 {
            context.span().set_attribute(KeyValue::new(name, value));
        }
    }

    /// Sets an attribute that counts something.
    pub fn count(&self, name: &'static str, number: impl TryInto<i64>) {
        if self.is_recorded() {
            self.set(name, number.try_into().unwrap_or(i64::MAX));
        }
    }

    /// Notes that something happened now.
    pub fn event(&self, name: &'static str) {
        if let Some(context) = &self.0 {
            context.span().add_event(name, Vec::new());
        }
    }

    /// Marks it as failed, with the stable code of the reason.
    pub fn fail(&self, reason: &'static str) {
        if let Some(context) = &self.0 {
            context.span().set_attribute(KeyValue::new("error.type", reason));
            context.span().set_status(Status::error(""));
        }
    }

    /// Ends it now, whoever still has it.
    pub fn end(&self) {
        if let Some(context) = &self.0 {
            context.span().end();
        }
    }

    /// The header by which the next process goes on.
    #[must_use]
    pub fn traceparent(&self) -> Option<String> {
        self.context().as_ref().map(traceparent::write)
    }

    /// Does `work` in it: log lines carry its ids, and [`Span::current`] is it.
    pub async fn cover<F: Future>(&self, work: F) -> F::Output {
        match &self.0 {
            None => work.await,
            Some(context) => work.with_context(context.clone()).await,
        }
    }

    /// The same for work that does not wait, while the answer lives.
    #[must_use]
    pub fn enter(&self) -> Option<Entered> {
        self.0.clone().map(|context| Entered { _guard: context.attach() })
    }

    /// Does `work`, which does not wait, in it.
    pub fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        let _entered = self.enter();
        work()
    }

    /// Its ids; none when it is none.
    pub(super) fn context(&self) -> Option<SpanContext> {
        self.0.as_ref().map(|context| context.span().span_context().clone())
    }
}

/// Work that is done in a span. It stays on its thread.
pub struct Entered {
    _guard: ContextGuard,
}

/// The ids of the span that this thread works in now, for log lines.
pub(crate) fn current_ids() -> Option<(String, String)> {
    Context::map_current(|context| {
        context.has_active_span().then(|| {
            let span = context.span();
            (span.span_context().trace_id().to_string(), span.span_context().span_id().to_string())
        })
    })
}

#[cfg(test)]
mod tests {
    use crate::otlp::{self, Span, SpanKind, Tracer};

    #[test]
    fn what_is_off_or_not_chosen_or_not_followed_makes_no_span() {
        let off = Tracer::off();
        let header = otlp::recorded().traceparent().unwrap_or_default();
        assert!(off.choose().is_none() && off.batch().is_none() && off.is_off() && !off.follows(Some(header.as_bytes())));
        let span = off.go_on("x", SpanKind::Consumer, Some(header.as_bytes()), &Span::none());
        assert!(!span.is_recorded() && span.traceparent().is_none() && !span.child("y", SpanKind::Client).is_recorded());
        assert!(span.enter().is_none() && !Span::current().is_recorded());
    }

    #[tokio::test]
    async fn a_span_is_the_current_one_where_it_covers_and_nowhere_else() {
        let span = otlp::recorded();
        let seen = span.cover(async {
            tokio::task::yield_now().await;
            Span::current().traceparent()
        });
        assert_eq!(seen.await, span.traceparent());
        assert!(span.traceparent().is_some_and(|header| header.ends_with("-01")));
        assert!(!Span::current().is_recorded());
        let child = span.child("child", SpanKind::Client);
        let trace = |span: &Span| span.traceparent().and_then(|header| header.split('-').nth(1).map(str::to_owned));
        assert_eq!(trace(&child), trace(&span));
        assert_ne!(child.traceparent(), span.traceparent());
    }
}
