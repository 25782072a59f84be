//! The listeners: accept, within the limits on connections, until they are told to stop.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use ipnet::IpNet;
use tlsrpt_telemetry::{Dependency, Health};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    accept,
    config::SmtpConfig,
    connections::Connections,
    error::EdgeError,
    intake::Intake,
    smtp::{
        connection::Serving,
        entrance::{Entrance, Kind},
        lmtp::{LmtpAddress, UnixSocket},
    },
    tls::Tls,
};

/// Where the SMTP receiver listens; port 0 takes a free one.
#[derive(Clone, Debug)]
pub struct SmtpListen {
    /// SMTP, with STARTTLS.
    pub smtp: SocketAddr,
    /// SMTP within TLS.
    pub smtps: Option<SocketAddr>,
    /// LMTP.
    pub lmtp: Option<LmtpAddress>,
}

/// What the SMTP receiver works with.
pub struct SmtpParts {
    /// Its limits.
    pub config: SmtpConfig,
    /// Its TLS.
    pub tls: Arc<Tls>,
    /// Host names that mail is received for, the first being our own; when there is none, any host part of a known address will do.
    pub hosts: Vec<String>,
    /// The way to the log.
    pub intake: Arc<Intake>,
    /// Where it says, as `smtp`, whether it is listening.
    pub health: Health,
}

/// The SMTP receiver, bound and not yet serving.
pub struct Smtp {
    smtp: TcpListener,
    smtps: Option<TcpListener>,
    lmtp: Option<Lmtp>,
    listens: SmtpListen,
    config: SmtpConfig,
    serving: Arc<Serving>,
    ready: Dependency,
}

enum Lmtp {
    Tcp(TcpListener),
    Unix(UnixSocket),
}

impl Smtp {
    /// Takes the ports, and makes the socket.
    ///
    /// # Errors
    /// [`EdgeError::Listen`], [`EdgeError::ListenUnix`].
    pub async fn bind(listen: SmtpListen, parts: SmtpParts) -> Result<Self, EdgeError> {
        let SmtpParts { config, tls, hosts, intake, health } = parts;
        let ready = health.dependency("smtp");
        let (smtp, smtp_addr) = bind(listen.smtp).await?;
        let smtps = match listen.smtps {
            Some(address) => Some(bind(address).await?),
            None => None,
        };
        let (smtps, smtps_addr) = smtps.unzip();
        let lmtp = match listen.lmtp {
            Some(LmtpAddress::Tcp(address)) => {
                let (listener, address) = bind(address).await?;
                Some((Lmtp::Tcp(listener), LmtpAddress::Tcp(address)))
            }
            Some(LmtpAddress::Unix(path)) => {
                let socket = UnixSocket::bind(&path).map_err(|source| EdgeError::ListenUnix { path: path.clone(), source })?;
                Some((Lmtp::Unix(socket), LmtpAddress::Unix(path)))
            }
            None => None,
        };
        let (lmtp, lmtp_address) = lmtp.unzip();
        let serving = Arc::new(Serving::new(&config, hosts, tls, intake));
        let listens = SmtpListen { smtp: smtp_addr, smtps: smtps_addr, lmtp: lmtp_address };
        Ok(Self { smtp, smtps, lmtp, listens, config, serving, ready })
    }

    /// What is listened on.
    #[must_use]
    pub fn listens(&self) -> &SmtpListen {
        &self.listens
    }

    /// Serves until `shutdown`, then finishes the mails whose text has begun, within the configured grace.
    pub async fn serve(self, shutdown: CancellationToken) {
        let Self { smtp, smtps, lmtp, listens, config, serving, ready } = self;
        let open = TaskTracker::new();
        let proxy_networks: Arc<[IpNet]> = config.proxy_networks.into();
        let entrance = |kind, connections: &Arc<Connections>| Entrance {
            kind,
            serving: Arc::clone(&serving),
            connections: Arc::clone(connections),
            proxy_networks: Arc::clone(&proxy_networks),
            proxy: Duration::from_millis(config.proxy_timeout_ms),
            open: open.clone(),
            shutdown: shutdown.clone(),
        };
        let from_outside = Connections::new(config.connections_max, config.connections_per_ip_max);
        // A flood from outside keeps nobody out who hands mail over.
        let from_own = Connections::new(config.connections_max, config.connections_per_ip_max);
        let by_smtp = entrance(Kind::Smtp, &from_outside);
        let by_smtps = entrance(Kind::Smtps, &from_outside);
        let by_lmtp = entrance(Kind::Lmtp, &from_own);

        tracing::info!(listen = %listens.smtp, "SMTP edge is listening");
        if let Some(listen) = listens.smtps {
            tracing::info!(%listen, "SMTPS edge is listening");
        }
        if let Some(listen) = listens.lmtp {
            tracing::info!(%listen, "LMTP edge is listening");
        }
        ready.ready();
        tokio::join!(
            accept::until(&shutdown, &smtp, |stream, remote| by_smtp.tcp(stream, remote)),
            async {
                if let Some(smtps) = &smtps {
                    accept::until(&shutdown, smtps, |stream, remote| by_smtps.tcp(stream, remote)).await;
                }
            },
            async {
                match &lmtp {
                    Some(Lmtp::Tcp(listener)) => accept::until(&shutdown, listener, |stream, remote| by_lmtp.tcp(stream, remote)).await,
                    Some(Lmtp::Unix(socket)) => accept::until(&shutdown, &socket.listener, |stream, _| by_lmtp.unix(stream)).await,
                    None => {}
                }
            },
        );

        ready.missing("stopping");
        drop((smtp, smtps, lmtp));
        open.close();
        tracing::info!(open = open.len(), "SMTP edge stops: mails whose text has begun are finished");
        // Each connection ends itself within the grace.
        open.wait().await;
        tracing::info!("SMTP edge has stopped");
    }
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), EdgeError> {
    let error = |source| EdgeError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(error)?;
    let local = listener.local_addr().map_err(error)?;
    Ok((listener, local))
}
