//! Where traces begin, and where they go on.

use std::{borrow::Cow, sync::Arc, time::SystemTime};

use opentelemetry::{
    Context,
    trace::{Link, SpanBuilder, SpanContext, SpanKind, TraceContextExt, Tracer as _},
};
use opentelemetry_sdk::trace::SdkTracer;

use super::{span::Span, traceparent};

/// Makes spans, or none when it is off. Clones are the same.
#[derive(Clone, Default)]
pub struct Tracer(Option<Arc<Inner>>);

struct Inner {
    sdk: SdkTracer,
    /// Part of what begins here that is traced.
    ratio: f64,
}

/// A trace that begins.
pub struct Beginning<'a> {
    inner: &'a Inner,
    since: Option<SystemTime>,
    links: Vec<Link>,
}

impl Tracer {
    /// Makes no span, at the price of one comparison.
    #[must_use]
    pub const fn off() -> Self {
        Self(None)
    }

    pub(super) fn new(sdk: SdkTracer, ratio: f64) -> Self {
        Self(Some(Arc::new(Inner { sdk, ratio })))
    }

    /// A new trace, if chance has it: this is the one place where it is decided what is traced.
    #[must_use]
    pub fn choose(&self) -> Option<Beginning<'_>> {
        self.0.as_ref().filter(|inner| rand::random_bool(inner.ratio)).map(|inner| Beginning::new(inner))
    }

    /// A new trace in any case, for work on many records of which some are traced.
    #[must_use]
    pub fn batch(&self) -> Option<Beginning<'_>> {
        self.0.as_deref().map(Beginning::new)
    }

    /// Whether it makes no spans.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.0.is_none()
    }

    /// Whether what comes with this `traceparent`, which a process of this service wrote, is traced.
    #[must_use]
    pub fn follows(&self, header: Option<&[u8]>) -> bool {
        self.parent(header).is_some()
    }

    /// A span below the one that `header` names, linked to `link`; none when what comes with it is not traced.
    #[must_use]
    pub fn go_on(&self, name: &'static str, kind: SpanKind, header: Option<&[u8]>, link: &Span) -> Span {
        let Some((inner, parent)) = self.parent(header) else { return Span::none() };
        let links = link.context().into_iter().map(Link::with_context).collect();
        inner.span(SpanBuilder::from_name(name).with_kind(kind).with_links(links), &Context::new().with_remote_span_context(parent))
    }

    fn parent(&self, header: Option<&[u8]>) -> Option<(&Inner, SpanContext)> {
        let inner = self.0.as_deref()?;
        let parent = header.and_then(traceparent::parse).filter(SpanContext::is_sampled)?;
        Some((inner, parent))
    }
}

impl<'a> Beginning<'a> {
    fn new(inner: &'a Inner) -> Self {
        Self { inner, since: None, links: Vec::new() }
    }

    /// It began then, not now.
    #[must_use]
    pub fn since(self, since: Option<SystemTime>) -> Self {
        Self { since, ..self }
    }

    /// Whoever is outside says with this `traceparent` that it comes from a trace of its own, which is linked. It is not gone on with: by
    /// an id of its choice, or the flag that it is sampled, whoever sends it would decide what is traced here, and mix what others sent
    /// into one trace.
    #[must_use]
    pub fn coming_from(self, header: Option<&[u8]>) -> Self {
        Self { links: header.and_then(traceparent::parse).into_iter().map(Link::with_context).collect(), ..self }
    }

    /// Its first span.
    #[must_use]
    pub fn span(self, name: impl Into<Cow<'static, str>>, kind: SpanKind) -> Span {
        let builder = SpanBuilder { start_time: self.since, ..SpanBuilder::from_name(name).with_kind(kind).with_links(self.links) };
        self.inner.span(builder, &Context::new())
    }
}

impl Inner {
    fn span(&self, builder: SpanBuilder, parent: &Context) -> Span {
        let span = self.sdk.build_with_context(builder, parent);
        Span::new(parent.with_value(self.sdk.clone()).with_span(span))
    }
}
