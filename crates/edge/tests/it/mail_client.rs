//! A client of the SMTP receiver that sends what the test says, byte for byte.

use std::{net::SocketAddr, path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
};
use tokio_rustls::TlsConnector;

use crate::harness::{Edge, soon};

/// A mail that has a report, for all that the receiver knows.
pub(crate) const MAIL: &str = "From: reports@client.example\r\nSubject: Report Domain: acme.example\r\n\r\n..\r\n";
/// The same as a client sends it after DATA, and the end.
pub(crate) const MAIL_IN_DATA: &str = "From: reports@client.example\r\nSubject: Report Domain: acme.example\r\n\r\n...\r\n.\r\n";

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// One connection.
pub(crate) struct MailClient {
    stream: Box<dyn Stream>,
    read: Vec<u8>,
}

impl MailClient {
    /// Connects and says nothing.
    pub(crate) async fn silent(addr: SocketAddr) -> Self {
        Self::over(TcpStream::connect(addr).await.unwrap())
    }

    fn over(stream: impl Stream + 'static) -> Self {
        Self { stream: Box::new(stream), read: Vec::new() }
    }

    /// Connects and reads the greeting.
    pub(crate) async fn connect(edge: &Edge) -> Self {
        let mut client = Self::silent(edge.mail.smtp).await;
        assert!(client.reply().await.starts_with("220 "));
        client
    }

    /// Connects over a socket in the file system and reads the greeting.
    pub(crate) async fn connect_unix(path: &Path) -> Self {
        let mut client = Self::over(UnixStream::connect(path).await.unwrap());
        assert!(client.reply().await.starts_with("220 "));
        client
    }

    /// Connects within TLS, after `first` in plain text, and reads the greeting.
    pub(crate) async fn connect_tls(edge: &Edge, cert: &str, first: &str) -> Self {
        let mut stream = TcpStream::connect(edge.mail.smtps.unwrap()).await.unwrap();
        stream.write_all(first.as_bytes()).await.unwrap();
        let mut client = Self::over(handshake(stream, cert).await);
        assert!(client.reply().await.starts_with("220 "));
        client
    }

    /// Greets, asks for TLS with `injected` behind it, and does the handshake, trusting `cert`.
    pub(crate) async fn starttls(edge: &Edge, cert: &str, injected: &str) -> Self {
        let mut stream = TcpStream::connect(edge.mail.smtp).await.unwrap();
        stream.write_all(format!("EHLO plain.example\r\nSTARTTLS\r\n{injected}").as_bytes()).await.unwrap();
        // Byte by byte: what comes behind the reply is TLS.
        let mut text = String::new();
        while !text.ends_with("220 2.0.0 go ahead with TLS\r\n") {
            text.push(char::from(soon("the reply to STARTTLS", stream.read_u8()).await.unwrap()));
        }
        Self::over(handshake(stream, cert).await)
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// Sends until the edge takes no more.
    pub(crate) async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.stream.write_all(bytes.as_ref()).await?;
        self.stream.flush().await
    }

    /// Sends no more, and still reads.
    pub(crate) async fn half_close(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// The next reply, all of its lines.
    pub(crate) async fn reply(&mut self) -> String {
        self.try_reply().await.expect("a reply, not the end")
    }

    /// The next reply; none when the edge has closed.
    pub(crate) async fn try_reply(&mut self) -> Option<String> {
        soon("a reply", async {
            loop {
                if let Some(bytes) = reply_bytes(&self.read) {
                    let rest = self.read.split_off(bytes);
                    return Some(String::from_utf8(std::mem::replace(&mut self.read, rest)).unwrap());
                }
                let mut piece = [0; 4096];
                // A reset is a close too.
                match self.stream.read(&mut piece).await {
                    Ok(bytes @ 1..) => self.read.extend_from_slice(&piece[..bytes]),
                    _ => return None,
                }
            }
        })
        .await
    }

    /// Sends a line and answers the reply.
    pub(crate) async fn ask(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n")).await;
        self.reply().await
    }

    /// Sends a line; the reply begins with `expected`.
    #[track_caller]
    pub(crate) fn expect(&mut self, line: &str, expected: &str) -> impl Future<Output = ()> {
        let at = std::panic::Location::caller();
        async move {
            let reply = self.ask(line).await;
            assert!(reply.starts_with(expected), "{line} at {at}: {reply}");
        }
    }

    /// Greets and names sender and recipients, as far as they are taken.
    pub(crate) async fn begin(&mut self, to: &[&str]) {
        self.expect("EHLO client.example", "250-").await;
        self.expect("MAIL FROM:<reports@client.example>", "250 2.1.0 ").await;
        for to in to {
            self.expect(&format!("RCPT TO:<{to}>"), "250 2.1.5 ").await;
        }
    }

    /// Sends [`MAIL`] to a recipient; answers the reply to it.
    pub(crate) async fn deliver(&mut self, to: &str) -> String {
        self.begin(&[to]).await;
        self.expect("DATA", "354 ").await;
        self.send(MAIL_IN_DATA).await;
        self.reply().await
    }

    /// The edge closes, after these replies.
    pub(crate) async fn closes_after(&mut self, expected: &[&str]) {
        for expected in expected {
            let reply = self.reply().await;
            assert!(reply.starts_with(expected), "{reply}");
        }
        assert_eq!(self.try_reply().await, None);
    }
}

/// Length of the first whole reply.
fn reply_bytes(read: &[u8]) -> Option<usize> {
    let mut bytes = 0;
    for line in read.split_inclusive(|&byte| byte == b'\n') {
        bytes += line.len();
        if line.ends_with(b"\r\n") && line.get(3) == Some(&b' ') {
            return Some(bytes);
        }
    }
    None
}

async fn handshake(stream: TcpStream, cert: &str) -> impl Stream + 'static {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(cert.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    soon("the handshake", TlsConnector::from(Arc::new(config)).connect(name, stream)).await.unwrap()
}

/// The submission id in the reply to a mail.
pub(crate) fn taken(reply: &str) -> String {
    let id = reply.strip_prefix("250 2.0.0 taken as ").unwrap_or_else(|| panic!("not taken: {reply}"));
    id.trim_end().to_owned()
}
