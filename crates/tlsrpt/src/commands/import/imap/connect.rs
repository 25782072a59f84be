//! From a name to a session: TCP, TLS, the login.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, anyhow};
use async_imap::{
    Authenticator, Client, Session,
    error::Error,
    imap_proto::{Response, Status},
};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

use super::{
    super::tls,
    trouble::{Trouble, in_time, patiently},
    url::{Account, Security},
    wire::{Stream, Wire},
};
use crate::config::Secret;

/// Longest wait for a connection, and for the handshake on it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// What may come before the login is done.
const GREETING_MAX_BYTES: u64 = 256 << 10;

/// Connects to one account, as often as it has to be.
pub(crate) struct Connector {
    account: Account,
    password: Secret,
    tls: Arc<ClientConfig>,
    /// Whether a server without TLS will do.
    insecure_plaintext: bool,
}

impl Connector {
    /// `insecure_plaintext` makes `imap://` do without STARTTLS, on this machine alone.
    pub(crate) fn new(account: Account, password: Secret, ca: Option<&Path>, insecure_plaintext: bool) -> anyhow::Result<Self> {
        Ok(Self { account, password, tls: tls::client(ca)?, insecure_plaintext })
    }

    /// A session on a connection of its own.
    pub(crate) async fn connect(&self) -> Result<Session<Wire>, Trouble> {
        let Account { host, port, security, .. } = &self.account;
        let connecting = timeout(CONNECT_TIMEOUT, TcpStream::connect((host.as_str(), *port)));
        let tcp = connecting.await.context("no connection in time").and_then(|connected| connected.map_err(Into::into));
        let tcp = tcp.with_context(|| format!("connect to {host}, port {port}")).map_err(Trouble::Lost)?;
        // Commands are short and wait for their answers. A socket that refuses is served all the same.
        let _ = tcp.set_nodelay(true);
        let client = match security {
            Security::Tls => greeted(Stream::Tls(self.handshake(tcp).await?)).await?,
            Security::StartTls if self.insecure_plaintext => {
                let is_here = tcp.peer_addr().is_ok_and(|peer| peer.ip().is_loopback());
                if !is_here {
                    return Err(Trouble::Fatal(anyhow!("--insecure-plaintext is for a server on this machine: {host} is another one")));
                }
                greeted(Stream::Plain(tcp)).await?
            }
            Security::StartTls => {
                let mut client = greeted(Stream::Plain(tcp)).await?;
                let answer = patiently(client.run_command_and_check_ok("STARTTLS", None)).await;
                answer
                    .map_err(|trouble| trouble.context("the server does not do STARTTLS, and without TLS nothing is sent: use imaps://"))?;
                // What the server sent before TLS, beyond its answer, stays behind in the client that ends here.
                let Stream::Plain(tcp) = client.into_inner().into_stream() else {
                    return Err(Trouble::Fatal(anyhow!("STARTTLS on a connection that has TLS already")));
                };
                Client::new(Wire::new(Stream::Tls(self.handshake(tcp).await?), GREETING_MAX_BYTES))
            }
        };
        self.login(client).await
    }

    async fn handshake(&self, tcp: TcpStream) -> Result<Box<tokio_rustls::client::TlsStream<TcpStream>>, Trouble> {
        let host = &self.account.host;
        let name = ServerName::try_from(host.clone()).with_context(|| format!("{host} is no name of a server")).map_err(Trouble::Fatal)?;
        let handshake = timeout(CONNECT_TIMEOUT, TlsConnector::from(Arc::clone(&self.tls)).connect(name, tcp)).await;
        match handshake {
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            // A certificate does not become another one by trying again.
            Ok(Err(error)) if error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) => {
                Err(Trouble::Fatal(anyhow::Error::new(error).context(format!("TLS with {host} (--ca FILE names a private authority)"))))
            }
            Ok(Err(error)) => Err(Trouble::Lost(anyhow::Error::new(error).context(format!("TLS with {host}")))),
            Err(_) => Err(Trouble::Lost(anyhow!("TLS with {host}: no handshake in time"))),
        }
    }

    /// AUTHENTICATE PLAIN, which every server has under TLS (RFC 3501 11.1), and which takes any password.
    async fn login(&self, client: Client<Wire>) -> Result<Session<Wire>, Trouble> {
        let plain = Plain(format!("\0{}\0{}", self.account.user, self.password.reveal()));
        match in_time(client.authenticate("PLAIN", plain)).await? {
            Ok(session) => Ok(session),
            Err((Error::No(answer), _)) => {
                Err(Trouble::Fatal(anyhow!("{} refuses the user name or the password: {answer}", self.account.host)))
            }
            Err((error, _)) => Err(Trouble::from(error).context("log in")),
        }
    }
}

/// A client on a connection whose greeting was read.
async fn greeted(stream: Stream) -> Result<Client<Wire>, Trouble> {
    let mut client = Client::new(Wire::new(stream, GREETING_MAX_BYTES));
    let greeting = in_time(client.read_response()).await?.map_err(|error| Trouble::Lost(error.into()))?;
    match greeting.as_ref().map(|greeting| greeting.parsed()) {
        Some(Response::Data { status: Status::Ok, .. }) => Ok(client),
        // With PREAUTH there is no STARTTLS any more, and whose session it is was decided elsewhere (RFC 9051 6.2.1).
        Some(Response::Data { status: Status::PreAuth, .. }) => Err(Trouble::Fatal(anyhow!("the server wants no login (PREAUTH)"))),
        Some(other) => Err(Trouble::Lost(anyhow!("the server greets with {other:?}"))),
        None => Err(Trouble::Lost(anyhow!("the server closes the connection before its greeting"))),
    }
}

/// The mechanism PLAIN (RFC 4616).
struct Plain(String);

impl Authenticator for Plain {
    type Response = String;
    fn process(&mut self, _: &[u8]) -> String {
        self.0.clone()
    }
}
