//! What is known of one request beside its key: who sends it, and what its answer has to tell. Made with its id, it goes along with
//! the request; the key's extractor and the handler add to it, and the layers around them read it when the answer comes back.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, OnceLock},
};

use axum::http::request::Parts;

use crate::{audit::Act, problem::Problem, rates::Standing};

/// The peer of a connection; set on each of its requests by the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// One request. Clones share it.
#[derive(Clone)]
pub(crate) struct RequestScope(Arc<Inner>);

struct Inner {
    request_id: String,
    remote_ip: Option<IpAddr>,
    standing: OnceLock<Standing>,
    act: OnceLock<Act>,
}

/// There is no scope: the request did not come through the server's layers.
#[derive(Debug, thiserror::Error)]
#[error("the request has no scope")]
struct NoScope;

impl RequestScope {
    pub(crate) fn new(request_id: String, peer: Option<Peer>) -> Self {
        let remote_ip = peer.map(|Peer(addr)| addr.ip().to_canonical());
        Self(Arc::new(Inner { request_id, remote_ip, standing: OnceLock::new(), act: OnceLock::new() }))
    }

    /// The scope of a request.
    ///
    /// # Errors
    /// 500: without one nothing can be counted or audited, so nothing is answered.
    pub(crate) fn of(parts: &Parts) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Problem::internal("find a request's scope", &NoScope))
    }

    /// As in `X-Request-Id`.
    pub(crate) fn request_id(&self) -> &str {
        &self.0.request_id
    }

    /// The peer; behind a proxy it is the proxy.
    pub(crate) fn remote_ip(&self) -> Option<IpAddr> {
        self.0.remote_ip
    }

    /// How the request's key stands after this request; once a request.
    pub(crate) fn stands(&self, standing: Standing) {
        let _ = self.0.standing.set(standing);
    }

    pub(crate) fn standing(&self) -> Option<Standing> {
        self.0.standing.get().copied()
    }

    /// Notes what is audited; once a request.
    pub(crate) fn acts(&self, act: Act) {
        let _ = self.0.act.set(act);
    }

    pub(crate) fn act(&self) -> Option<&Act> {
        self.0.act.get()
    }
}
