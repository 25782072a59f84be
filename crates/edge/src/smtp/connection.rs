//! One connection: moves bytes between a client and its session within the time-outs, and does what the session asks for.

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use bytes::BytesMut;
use tlsrpt_record::Channel;
use tlsrpt_report::Trust;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;

use crate::{
    config::SmtpConfig,
    intake::{Intake, Received},
    metrics::ChannelMetrics,
    peer::Peer,
    smtp::{
        envelope::Mail,
        gate::IntakeGate,
        reply::Reply,
        rules::Rules,
        session::{Protocol, Session, Step},
        wire::Wire,
    },
    spans,
    tls::Tls,
};

/// What is read at once: little while a command is awaited, so that a thousand idle connections hold little.
const COMMAND_READ_BYTES: usize = 2 << 10;
const CONTENT_READ_BYTES: usize = 16 << 10;
/// Replies that are gathered before they are sent.
const REPLIES_MAX_BYTES: usize = 16 << 10;
/// How much of what a client still sends is thrown away at the end, so that it gets to see the last reply, and for how long.
const FAREWELL_MAX_BYTES: usize = 1 << 20;
const FAREWELL_MAX: Duration = Duration::from_secs(1);

/// How connections are served.
pub(crate) struct Serving {
    pub(crate) intake: Arc<Intake>,
    pub(crate) counters: ChannelMetrics,
    pub(crate) tls: Arc<Tls>,
    rules: Arc<Rules>,
    times: Times,
}

struct Times {
    command: Duration,
    chunk: Duration,
    content: Duration,
    reply: Duration,
    session: Duration,
    grace: Duration,
}

/// Who is at the other end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    pub(crate) protocol: Protocol,
    pub(crate) peer: Peer,
    /// Whom mail comes from; none when that is a mail server of the operator's own.
    pub(crate) remote_ip: Option<IpAddr>,
}

impl Serving {
    pub(crate) fn new(config: &SmtpConfig, hosts: Vec<String>, tls: Arc<Tls>, intake: Arc<Intake>) -> Self {
        let rules = Arc::new(Rules {
            hosts,
            mail_max_bytes: intake.submission_max_bytes(),
            command_max_bytes: config.command_max_bytes,
            commands_max: config.commands_max,
            bad_commands_max: config.bad_commands_max,
            recipients_max: config.recipients_max,
        });
        let times = Times {
            command: Duration::from_millis(config.command_timeout_ms),
            chunk: Duration::from_millis(config.data_chunk_timeout_ms),
            content: Duration::from_millis(config.data_timeout_ms),
            reply: Duration::from_millis(config.reply_timeout_ms),
            session: Duration::from_millis(config.session_timeout_ms),
            grace: Duration::from_millis(config.shutdown_grace_ms),
        };
        Self { counters: intake.metrics.channel(Channel::Smtp), intake, tls, rules, times }
    }

    /// Serves until the client leaves, is too slow or too much, or `shutdown`: then a mail whose text has begun is finished within
    /// the grace.
    pub(crate) async fn serve(&self, wire: Wire, client: Client, shutdown: &CancellationToken) {
        let may_start_tls = matches!(wire, Wire::Plain(_));
        let session = Session::new(Arc::clone(&self.rules), client.protocol, self.name(&wire), may_start_tls, wire.tls());
        let now = Instant::now();
        let connection = Connection {
            serving: self,
            gate: IntakeGate::new(&self.intake, client.peer),
            wire,
            session,
            client,
            input: BytesMut::new(),
            replies: String::new(),
            session_end: now + self.times.session,
            waits_since: now,
            content_since: None,
            grace_end: None,
        };
        if let Err(error) = connection.run(shutdown).await {
            tracing::debug!(peer = %client.peer.ip, %error, "connection lost");
        }
    }

    /// Says why there is no session, and closes.
    pub(crate) async fn turn_away(mut wire: Wire, reply: &Reply) {
        let mut text = String::new();
        reply.write(&mut text);
        let told = async {
            wire.write_all(text.as_bytes()).await?;
            wire.shutdown().await
        };
        // Whoever was not let in is not waited for.
        let _ = timeout(FAREWELL_MAX, told).await;
    }

    /// A domain, else an address literal (RFC 5321 4.1.3).
    fn name(&self, wire: &Wire) -> String {
        match (self.rules.hosts.first(), wire.local_ip()) {
            (Some(host), _) => host.clone(),
            (None, Some(IpAddr::V4(ip))) => format!("[{ip}]"),
            (None, Some(IpAddr::V6(ip))) => format!("[IPv6:{ip}]"),
            (None, None) => "localhost".to_owned(),
        }
    }

    /// Counts what is refused.
    pub(crate) fn note(&self, peer: Peer, reply: &Reply) {
        if let Some(reason) = reply.reason() {
            self.counters.refused(reason);
            tracing::debug!(peer = %peer.ip, reason, "refused");
        }
    }
}

struct Connection<'a> {
    serving: &'a Serving,
    gate: IntakeGate<'a>,
    wire: Wire,
    session: Session,
    client: Client,
    input: BytesMut,
    /// Replies that are not sent yet: those to commands that came together go together (RFC 2920).
    replies: String,
    session_end: Instant,
    /// Since when the next command is waited for.
    waits_since: Instant,
    /// Since when the text of the mail is on its way.
    content_since: Option<Instant>,
    /// Until when, after the order to stop.
    grace_end: Option<Instant>,
}

/// What came of reading.
enum Read {
    Bytes,
    End,
    /// Nothing within the time.
    Late,
    /// Nothing before the order to stop.
    Stop,
}

impl Connection<'_> {
    async fn run(mut self, shutdown: &CancellationToken) -> io::Result<()> {
        let greeting = self.session.greeting();
        self.say(&greeting, 1).await?;
        let mut answered = None;
        loop {
            let step = match answered.take() {
                Some(step) => step,
                None if shutdown.is_cancelled() && !self.session.is_in_content() => Step::Close(Reply::stopping()),
                None => self.session.next(&mut self.input, &mut self.gate),
            };
            let content_since = self.content_since;
            if !self.session.is_in_content() {
                self.content_since = None;
            }
            match step {
                Step::Read => match self.read(shutdown).await? {
                    Read::Bytes => continue,
                    Read::End => return Ok(()),
                    Read::Late => return self.close(&Reply::too_slow()).await,
                    Read::Stop => return self.close(&Reply::stopping()).await,
                },
                Step::Say(reply, times) => self.say(&reply, times).await?,
                Step::Close(reply) => return self.close(&reply).await,
                Step::Deliver(mail) => answered = Some(self.deliver(mail, content_since).await?),
                Step::StartTls(reply) => {
                    self.say(&reply, 1).await?;
                    self.flush().await?;
                    // What came behind STARTTLS in plain text may be somebody else's (RFC 3207 6).
                    self.input = BytesMut::new();
                    self.wire = match self.wire {
                        Wire::Plain(stream) => {
                            let secured = shutdown.run_until_cancelled(self.serving.tls.accept_smtp(stream)).await;
                            let metrics = &self.serving.intake.metrics;
                            match secured {
                                Some(Ok(stream)) => {
                                    metrics.starttls("done");
                                    Wire::Tls(Box::new(stream))
                                }
                                Some(Err(error)) => {
                                    metrics.starttls("failed");
                                    return Err(error);
                                }
                                None => return Ok(()),
                            }
                        }
                        // STARTTLS is offered in plain text only.
                        other => other,
                    };
                    self.session.secured(self.wire.tls(), &mut self.gate);
                }
            }
            self.waits_since = Instant::now();
        }
    }

    async fn deliver(&mut self, mail: Mail, since: Option<Instant>) -> io::Result<Step> {
        // Replies to what came before do not wait for the log.
        self.flush().await?;
        let Mail { address, facts, payload } = mail;
        self.serving.counters.received(payload.len());
        let received =
            Received { address, remote_ip: self.client.remote_ip, content_type: None, trust: Trust::None, mail: Some(facts), payload };
        let Serving { intake, counters, .. } = self.serving;
        let span = spans::mail(&intake.tracer, self.client.protocol.name(), since.map(|since| since.elapsed()));
        let outcome = span.cover(intake.take(Channel::Smtp, counters, received)).await;
        if let Err(refusal) = &outcome {
            spans::refused(&span, refusal);
        }
        span.end();
        Ok(self.session.delivered(outcome, &mut self.gate))
    }

    /// Sends the replies, then reads.
    async fn read(&mut self, shutdown: &CancellationToken) -> io::Result<Read> {
        self.flush().await?;
        let bytes = if self.session.awaits_command() { COMMAND_READ_BYTES } else { CONTENT_READ_BYTES };
        if self.input.is_empty() && self.input.capacity() > bytes {
            self.input = BytesMut::new();
        }
        self.input.reserve(bytes);
        if self.session.is_in_content() {
            self.content_since.get_or_insert_with(Instant::now);
        }
        loop {
            let stops = shutdown.is_cancelled();
            if stops && !self.session.is_in_content() {
                return Ok(Read::Stop);
            }
            if stops {
                self.grace_end.get_or_insert_with(|| Instant::now() + self.serving.times.grace);
            }
            let until = self.until();
            tokio::select! {
                biased;
                () = shutdown.cancelled(), if !stops => {}
                read = timeout_at(until, self.wire.read_buf(&mut self.input)) => return Ok(match read {
                    Ok(read) => if read? == 0 { Read::End } else { Read::Bytes },
                    Err(_) if stops => Read::Stop,
                    Err(_) => Read::Late,
                }),
            }
        }
    }

    /// Until when the next bytes are waited for.
    fn until(&self) -> Instant {
        let times = &self.serving.times;
        let next = if self.session.awaits_command() { self.waits_since + times.command } else { Instant::now() + times.chunk };
        let content = self.content_since.map(|since| since + times.content);
        [Some(self.session_end), content, self.grace_end].into_iter().flatten().fold(next, Instant::min)
    }

    /// Adds a reply to those that are to be sent.
    async fn say(&mut self, reply: &Reply, times: usize) -> io::Result<()> {
        self.serving.note(self.client.peer, reply);
        for _ in 0..times {
            reply.write(&mut self.replies);
        }
        if self.replies.len() < REPLIES_MAX_BYTES { Ok(()) } else { self.flush().await }
    }

    async fn flush(&mut self) -> io::Result<()> {
        if self.replies.is_empty() {
            return Ok(());
        }
        let sent = async {
            self.wire.write_all(self.replies.as_bytes()).await?;
            self.wire.flush().await
        };
        let late = |_| io::Error::new(io::ErrorKind::TimedOut, "the client does not take replies");
        timeout(self.serving.times.reply, sent).await.map_err(late)??;
        self.replies.clear();
        Ok(())
    }

    /// Says the last reply. Input that nobody reads would reset the connection, and take the reply with it.
    async fn close(mut self, reply: &Reply) -> io::Result<()> {
        self.say(reply, 1).await?;
        self.flush().await?;
        let farewell = async {
            self.wire.shutdown().await?;
            let mut left_bytes = FAREWELL_MAX_BYTES;
            while left_bytes > 0 {
                self.input.clear();
                self.input.reserve(COMMAND_READ_BYTES);
                match self.wire.read_buf(&mut self.input).await? {
                    0 => break,
                    bytes => left_bytes = left_bytes.saturating_sub(bytes),
                }
            }
            Ok(())
        };
        timeout(FAREWELL_MAX, farewell).await.unwrap_or(Ok(()))
    }
}
