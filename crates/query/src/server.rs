//! The listener, its connections and the router.

use std::{io, net::SocketAddr, sync::Arc};

use axum::{Router, middleware::from_fn_with_state, routing::MethodRouter};
use hyper::{
    server::conn::http1,
    service::{Service as _, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tlsrpt_store::Store;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::sync::CancellationToken;
use tower_http::compression::CompressionLayer;

use crate::{
    admission::{Admission, admit},
    audit::{self, Audits},
    auth::App,
    config::QueryConfig,
    description,
    key_uses::KeyUses,
    middleware::observe,
    oidc::{Follower, Tokens},
    parts::Parts,
    problem::{Kind, Problem},
    request_scope::Peer,
    routes::{Route, routes},
};

/// The query role's server, bound and not yet serving.
pub struct Query {
    listener: TcpListener,
    local_addr: SocketAddr,
    router: Router,
    config: QueryConfig,
    store: Store,
    uses: KeyUses,
    issuer: Option<Follower>,
}

/// Wait after the system refused a connection (out of descriptors): trying at once would spin.
const ACCEPT_RETRY: std::time::Duration = std::time::Duration::from_millis(100);

impl Query {
    /// Binds `addr`; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address cannot be had, or an issuer of tokens cannot be asked from this machine at all; it is not asked yet.
    pub async fn bind(addr: SocketAddr, config: QueryConfig, parts: Parts) -> io::Result<Self> {
        let listener = TcpListener::bind(addr).await?;
        let local_addr = listener.local_addr()?;
        let (store, uses) = (parts.store.clone(), KeyUses::default());
        let (tokens, issuer) = match &config.oidc {
            Some(oidc) => Some(Tokens::new(oidc, parts.metrics.oidc.clone()).map_err(io::Error::other)?).unzip(),
            None => (None, None),
        };
        let router = router(&config, parts, uses.clone(), tokens);
        Ok(Self { listener, local_addr, router, config, store, uses, issuer })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Serves until `shutdown`; then takes no more connections and lets running requests end within the grace.
    ///
    /// # Errors
    /// None after binding: a connection that fails costs that connection only.
    pub async fn serve(self, shutdown: CancellationToken) -> io::Result<()> {
        let Self { listener, local_addr, router, config, store, uses, issuer } = self;
        let uses = tokio::spawn(uses.write(store, config.key_use_interval(), shutdown.clone()));
        if let Some(issuer) = issuer {
            // Nobody waits for it: keys open the API while the issuer is away.
            tokio::spawn(issuer.run(shutdown.clone()));
        }
        let connections = Arc::new(Semaphore::new(config.connections_max.min(Semaphore::MAX_PERMITS)));
        let graceful = GracefulShutdown::new();
        // HTTP/1.1 only: its head has a time-out from the first byte on, which sniffing for HTTP/2 would not have.
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(config.header_timeout());
        tracing::info!(listen = %local_addr, "query API is up");

        loop {
            let accepted = async {
                let slot = Arc::clone(&connections).acquire_owned().await;
                (slot, listener.accept().await)
            };
            let (slot, stream) = tokio::select! {
                (slot, stream) = accepted => (slot, stream),
                () = shutdown.cancelled() => break,
            };
            match stream {
                Ok((stream, addr)) => {
                    let service = TowerToHyperService::new(router.clone());
                    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
                        request.extensions_mut().insert(Peer(addr));
                        service.call(request)
                    });
                    let connection = graceful.watch(http.serve_connection(prepared(stream), service));
                    tokio::spawn(async move {
                        if let Err(error) = connection.await {
                            tracing::debug!(%error, "connection ended");
                        }
                        drop(slot);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "accept a connection");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            }
        }
        drop(listener);
        // Whoever is still served after the grace loses the connection when the process ends.
        let _ = tokio::time::timeout(config.shutdown_grace(), graceful.shutdown()).await;
        // A use that is not written by then is one that is not shown.
        let _ = tokio::time::timeout(config.shutdown_grace(), uses).await;
        Ok(())
    }
}

fn prepared(stream: TcpStream) -> TokioIo<TcpStream> {
    // Answers are written whole: waiting for more would only delay them. A socket that refuses is served all the same.
    let _ = stream.set_nodelay(true);
    TokioIo::new(stream)
}

fn router(config: &QueryConfig, parts: Parts, uses: KeyUses, tokens: Option<Tokens>) -> Router {
    let (observed, audits) = ((parts.metrics.clone(), parts.tracer.clone()), Audits::new(Arc::clone(&parts.log)));
    let app = App::new(parts, uses, audits.clone(), tokens, config.clone());
    let admission = Admission::new(config);
    // Here and not in the handlers, so that no route is forgotten.
    let handler = |route: Route| -> (&'static str, MethodRouter<App>) {
        let handler = match audit::audited(&route) {
            Some(audited) => route.handler.layer(from_fn_with_state((audits.clone(), Arc::new(audited)), audit::record)),
            None => route.handler,
        };
        (route.path, handler)
    };
    routes()
        .map(handler)
        .fold(description::router(config), |router, (path, handler)| router.route(path, handler))
        .method_not_allowed_fallback(async || {
            Problem::new(Kind::MethodNotAllowed, "The `Allow` header of this answer tells the methods that it takes.")
        })
        .fallback(async || Problem::not_found("There is no such path here."))
        .layer(from_fn_with_state(admission, admit))
        // Lengths tell nothing here (BREACH): that needs somebody who makes a victim's browser ask with a secret that it adds by
        // itself, and a key is put into its header by the program that asks.
        .layer(CompressionLayer::new().gzip(true).zstd(true))
        .layer(from_fn_with_state(observed, observe))
        .with_state(app)
}
