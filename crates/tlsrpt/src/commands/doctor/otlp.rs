//! The receiver of traces and metrics by OTLP, when one is set.

use std::time::Duration;

use tlsrpt_telemetry::otlp::{Otlp, OtlpProtocol};

use super::{Finding, chain};
use crate::config::Config;

const SUBJECT: &str = "otlp";
const ANSWER_MAX: Duration = Duration::from_secs(6);

/// Sends it nothing, in each kind that is to be sent.
pub(super) async fn check(config: Config) -> Vec<Finding> {
    let mut receiver = match config.otlp.receiver() {
        Ok(Some(receiver)) => receiver,
        Ok(None) => return Vec::new(),
        Err(error) => return vec![Finding::fail(SUBJECT, format!("{error:#}"), "correct the section otlp")],
    };
    receiver.timeout = receiver.timeout.min(ANSWER_MAX);
    vec![match Otlp::probe(&receiver).await {
        Ok(()) => Finding::ok(SUBJECT, format!("{} takes what is sent", receiver.endpoint())),
        // The service runs without it.
        Err(error) => {
            let other = match config.otlp.protocol {
                OtlpProtocol::Grpc => "\"http\", by custom on port 4318",
                OtlpProtocol::Http => "\"grpc\", by custom on port 4317",
            };
            let remedy = format!(
                "start it, or correct otlp.endpoint, otlp.protocol (or is it {other}?) and otlp.headers; until then the service goes on without"
            );
            Finding::warn(SUBJECT, format!("{}: {}", receiver.endpoint(), chain(&error)), remedy)
        }
    }]
}
