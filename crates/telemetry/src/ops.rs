//! The operations endpoint: `/healthz`, `/readyz`, `/metrics`.

use std::time::Duration;

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use prometheus::{Encoder, Registry, TextEncoder};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::health::Health;

/// Body of `/readyz`.
#[derive(Serialize)]
struct Readiness {
    ready: bool,
    /// Dependencies that are not there, with the reason.
    missing: std::collections::BTreeMap<&'static str, String>,
}

#[derive(Clone)]
struct Ops {
    health: Health,
    metrics: Registry,
}

/// Serves until `shutdown`.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, health: Health, metrics: Registry, shutdown: CancellationToken) -> std::io::Result<()> {
    let router = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics_text))
        .with_state(Ops { health, metrics });
    let serving = axum::serve(listener, router).with_graceful_shutdown(shutdown.clone().cancelled_owned());
    tokio::select! {
        outcome = serving => outcome,
        // A scraper that holds its connection open must not hold up the end.
        () = async { shutdown.cancelled().await; tokio::time::sleep(Duration::from_secs(2)).await } => Ok(()),
    }
}

async fn readyz(State(ops): State<Ops>) -> Response {
    let missing = ops.health.missing();
    let status = if missing.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready: missing.is_empty(), missing })).into_response()
}

async fn metrics_text(State(ops): State<Ops>) -> Response {
    let mut text = Vec::new();
    match TextEncoder::new().encode(&ops.metrics.gather(), &mut text) {
        Ok(()) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "encode metrics");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
