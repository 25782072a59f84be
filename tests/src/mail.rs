//! A client for mails, no more than what is sent byte for byte; real mail servers are tested elsewhere.

use std::io;

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufStream},
    net::TcpStream,
};

/// One connection to the SMTP receiver.
pub struct MailClient {
    stream: BufStream<TcpStream>,
}

impl MailClient {
    /// Connects and greets.
    ///
    /// # Errors
    /// When the service is gone.
    pub async fn connect(address: &str) -> io::Result<Self> {
        let mut client = Self { stream: BufStream::new(TcpStream::connect(address).await?) };
        client.reply().await?;
        client.ask("EHLO client.example\r\n").await?;
        Ok(client)
    }

    /// Sends these bytes and reads the next reply, its last line without the line's end.
    ///
    /// # Errors
    /// When the service is gone.
    pub async fn ask(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<String> {
        self.tell(bytes).await?;
        self.reply().await
    }

    /// Sends these bytes.
    ///
    /// # Errors
    /// When the service takes no more.
    pub async fn tell(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref()).await?;
        self.stream.flush().await
    }

    async fn reply(&mut self) -> io::Result<String> {
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).await?;
            match line.strip_suffix("\r\n") {
                Some(line) if line.as_bytes().get(3) == Some(&b' ') => return Ok(line.to_owned()),
                Some(_) => {}
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
    }

    /// Sends a mail of CRLF lines, none of which begins with a dot; answers the last reply, which is the refusal when it is not
    /// taken.
    ///
    /// # Errors
    /// When there is no answer: the service may or may not have taken it.
    pub async fn send(&mut self, to: &str, mail: &str) -> io::Result<String> {
        for command in ["MAIL FROM:<reports@client.example>\r\n", &format!("RCPT TO:<{to}>\r\n")] {
            let reply = self.ask(command).await?;
            if !reply.starts_with("250 ") {
                return Ok(reply);
            }
        }
        self.ask("DATA\r\n").await?;
        self.ask(format!("{mail}.\r\n")).await
    }
}

/// The submission id in the reply to a mail that was taken.
pub fn taken(reply: &str) -> Option<&str> {
    reply.strip_prefix("250 2.0.0 taken as ")
}
