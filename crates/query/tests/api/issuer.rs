//! A small OpenID Connect issuer over HTTP, as good or as bad as a test wants it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tlsrpt_query::{Issuer as IssuerName, OidcConfig, TokenAudience};
use tokio::{net::TcpListener, sync::watch};

use crate::signer::Signer;

pub(crate) const AUDIENCE: &str = "https://reports.example";

/// How it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Manner {
    /// As it should.
    Good,
    /// 503.
    Away,
    /// Not before it is asked to be good again.
    Silent,
    /// The head of an answer, and then a byte now and then.
    Slow,
    /// An endless set of keys.
    Huge,
    /// Good answers, elsewhere.
    Redirecting,
    /// What is no JSON.
    Garbled,
    /// JSON, and no set of keys.
    Wrong,
    /// The document of another issuer.
    Foreign,
    /// Keys where somebody could change them.
    Exposed,
}

#[derive(Clone)]
struct Running {
    url: String,
    manner: watch::Sender<Manner>,
    keys: watch::Sender<Vec<Value>>,
    looks: Arc<AtomicUsize>,
}

/// An issuer under way.
pub(crate) struct TestIssuer(Running);

impl TestIssuer {
    pub(crate) async fn start(keys: &[&Signer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let running =
            Running { url, manner: watch::Sender::new(Manner::Good), keys: watch::Sender::new(Vec::new()), looks: Arc::default() };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/jwks/{manner}", get(jwks))
            .route("/elsewhere", get(async |State(running): State<Running>| document(&running, Manner::Good)))
            .with_state(running.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let issuer = Self(running);
        issuer.has(keys);
        issuer
    }

    /// From now on it has these keys.
    pub(crate) fn has(&self, keys: &[&Signer]) {
        self.0.keys.send_replace(keys.iter().map(|key| key.jwk()).collect());
    }

    /// From now on it answers so.
    pub(crate) fn is(&self, manner: Manner) {
        self.0.manner.send_replace(manner);
    }

    /// How often it was asked for its document.
    pub(crate) fn looks(&self) -> usize {
        self.0.looks.load(Ordering::SeqCst)
    }

    /// Taken by the API, which asks when a token makes it, as often as one does.
    pub(crate) fn config(&self) -> OidcConfig {
        let issuer = IssuerName::parse(&self.0.url).unwrap();
        OidcConfig { refresh_min_ms: 0, refresh_interval_ms: 3_600_000, ..OidcConfig::new(issuer, TokenAudience::parse(AUDIENCE).unwrap()) }
    }

    /// The claims of a token for a tenant, good for an hour.
    pub(crate) fn claims(&self, tenant: &str, scope: &str) -> Value {
        json!({"iss": self.0.url, "aud": AUDIENCE, "exp": now_seconds() + 3_600, "sub": "alice", "tenant": tenant, "scope": scope})
    }

    /// Such a token.
    pub(crate) fn token(&self, key: &Signer, tenant: &str, scope: &str) -> String {
        key.token(&self.claims(tenant, scope))
    }
}

/// The document, which names keys that are in the same manner, so that a look is in one from its beginning to its end.
fn document(running: &Running, manner: Manner) -> Response {
    let issuer = if manner == Manner::Foreign { "https://login.example" } else { &running.url };
    let keys = if manner == Manner::Exposed { "http://192.0.2.1/jwks".to_owned() } else { format!("{}/jwks/{manner:?}", running.url) };
    axum::Json(json!({"issuer": issuer, "jwks_uri": keys})).into_response()
}

async fn discovery(State(running): State<Running>) -> Response {
    running.looks.fetch_add(1, Ordering::SeqCst);
    let manner = *running.manner.borrow();
    match manner {
        Manner::Away => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Manner::Silent => {
            running.manner.subscribe().wait_for(|manner| *manner != Manner::Silent).await.unwrap();
            document(&running, Manner::Good)
        }
        Manner::Redirecting => (StatusCode::FOUND, [(header::LOCATION, format!("{}/elsewhere", running.url))]).into_response(),
        Manner::Garbled => "<html>a login page</html>".into_response(),
        _ => document(&running, manner),
    }
}

async fn jwks(Path(manner): Path<Manner>, State(running): State<Running>) -> Response {
    match manner {
        Manner::Huge => {
            let chunk = std::iter::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 64 << 10]));
            Body::from_stream(stream::iter(chunk)).into_response()
        }
        Manner::Slow => Body::from_stream(stream::unfold((), async |()| {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Some((Ok::<_, std::io::Error>(vec![b' ']), ()))
        }))
        .into_response(),
        Manner::Wrong => axum::Json(json!({"keys": "none"})).into_response(),
        _ => axum::Json(json!({"keys": *running.keys.borrow()})).into_response(),
    }
}

/// The seconds since 1970.
pub(crate) fn now_seconds() -> i64 {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since_1970.as_secs()).unwrap()
}
