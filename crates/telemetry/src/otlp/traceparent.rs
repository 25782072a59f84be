//! `traceparent` of W3C Trace Context: the trace and the span of it that something comes from.

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

/// The name of the header, in HTTP and in records of the log (W3C Trace Context 3.2.1).
pub const TRACEPARENT: &str = "traceparent";

/// The version that must not be (W3C Trace Context 3.2.2.1).
const VERSION_INVALID: u128 = 0xff;

/// The span that a header names; none when it is not one that can be understood, which is no error: whoever reads it goes on
/// without (W3C Trace Context 3.2.2).
pub(super) fn parse(header: &[u8]) -> Option<SpanContext> {
    let mut fields = std::str::from_utf8(header).ok()?.splitn(5, '-');
    let version = hex(fields.next()?, 2)?;
    let trace_id = hex(fields.next()?, 32)?;
    let span_id = u64::try_from(hex(fields.next()?, 16)?).ok()?;
    let flags = u8::try_from(hex(fields.next()?, 2)?).ok()?;
    // A later version may say more behind a hyphen; this one ends here.
    let is_known = version != VERSION_INVALID && (version != 0 || fields.next().is_none());
    let context = SpanContext::new(TraceId::from(trace_id), SpanId::from(span_id), TraceFlags::new(flags), true, TraceState::default());
    // All zeroes are no id.
    (is_known && context.is_valid()).then_some(context)
}

/// The header that names a span.
pub(super) fn write(context: &SpanContext) -> String {
    format!("00-{}-{}-{:02x}", context.trace_id(), context.span_id(), context.trace_flags().to_u8())
}

/// Exactly so many lower-case hexadecimal digits, 32 at most.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_hex = text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_hex.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use proptest::prelude::*;

    use super::*;

    /// The example of W3C Trace Context 3.2.2.
    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn the_example_of_the_standard_is_read_and_written_as_it_stands_there() {
        let context = parse(EXAMPLE.as_bytes()).unwrap();
        assert!(context.is_sampled() && context.is_remote());
        assert_eq!(context.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(context.span_id().to_string(), "00f067aa0ba902b7");
        assert_eq!(write(&context), EXAMPLE);
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        for later in [
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes",
        ] {
            assert!(parse(later.as_bytes()).is_some_and(|context| context.is_sampled()), "{later}");
        }
    }

    #[test]
    fn what_is_no_header_is_passed_over() {
        for wrong in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(parse(wrong.as_bytes()), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn every_span_comes_back_as_it_was_written(trace_id in 1u128.., span_id in 1u64.., flags in any::<u8>()) {
            let context = SpanContext::new(trace_id.into(), span_id.into(), TraceFlags::new(flags), true, TraceState::default());
            prop_assert_eq!(parse(write(&context).as_bytes()), Some(context));
        }

        #[test]
        fn no_bytes_make_the_reader_panic_and_what_it_takes_is_written_alike(header in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = parse(&header);
        }

        #[test]
        fn what_is_nearly_a_header_is_read_whole_or_not_at_all(at in 0usize..55, byte in any::<u8>()) {
            let mut header = EXAMPLE.as_bytes().to_vec();
            header[at] = byte;
            if let Some(context) = parse(&header) {
                // All but the version comes back.
                let written = write(&context);
                prop_assert_eq!(&written.as_bytes()[2..], &header[2..]);
            }
        }
    }
}
