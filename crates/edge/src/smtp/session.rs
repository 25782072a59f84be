//! The session as a machine: bytes in, replies and mails out. No I/O, no clock, so what it does follows from the bytes alone.

use std::{fmt::Write as _, sync::Arc};

use bytes::{Buf, BytesMut};
use tlsrpt_record::SubmissionId;

use crate::{
    refusal::Refusal,
    smtp::{
        command::{self, Command, Greeting, NoCommand},
        content::Content,
        dots::Dots,
        envelope::{Envelope, Mail},
        gate::Gate,
        line::{self, BadLine, Line},
        reply::Reply,
        rules::Rules,
    },
};

/// Which protocol is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// RFC 5321.
    Smtp,
    /// RFC 2033: the client is a mail server of the operator's own.
    Lmtp,
}

impl Protocol {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Lmtp => "lmtp",
        }
    }
}

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Read: nothing can be done with the bytes that are there.
    Read,
    /// Say it, so many times.
    Say(Reply, usize),
    /// Say it, then begin TLS and forget whatever was sent in plain text.
    StartTls(Reply),
    /// Make the mail durable, then tell the session by [`Session::delivered`].
    Deliver(Mail),
    /// Say it and close.
    Close(Reply),
}

/// A session.
pub(crate) struct Session {
    rules: Arc<Rules>,
    protocol: Protocol,
    /// What we call ourselves.
    name: String,
    may_start_tls: bool,
    tls: Option<&'static str>,
    /// The host that the client named.
    hello: Option<String>,
    envelope: Option<Envelope>,
    content: Content,
    /// Whether the mail's text has begun, so that the envelope is closed.
    is_in_content: bool,
    mode: Mode,
    commands: u32,
    bad_commands: u32,
}

/// What the next byte belongs to.
#[derive(Debug)]
enum Mode {
    Command,
    Data(Dots),
    /// A chunk of the mail (RFC 3030).
    Chunk {
        left_bytes: usize,
        is_last: bool,
    },
    /// A chunk of no mail, and the reply behind it.
    Unasked {
        left_bytes: usize,
        reply: Reply,
    },
}

impl Session {
    pub(crate) fn new(rules: Arc<Rules>, protocol: Protocol, name: String, may_start_tls: bool, tls: Option<&'static str>) -> Self {
        Self {
            rules,
            protocol,
            name,
            may_start_tls,
            tls,
            hello: None,
            envelope: None,
            content: Content::default(),
            is_in_content: false,
            mode: Mode::Command,
            commands: 0,
            bad_commands: 0,
        }
    }

    /// What is said first.
    pub(crate) fn greeting(&self) -> Reply {
        let protocol = if self.protocol == Protocol::Lmtp { "LMTP" } else { "ESMTP" };
        Reply::done(220, "", format!("{} {protocol} tlsrpt", self.name))
    }

    /// Whether a mail's text is on its way: at a stop, that mail is finished.
    pub(crate) fn is_in_content(&self) -> bool {
        self.is_in_content
    }

    /// Whether the next bytes are a command's, not text.
    pub(crate) fn awaits_command(&self) -> bool {
        matches!(self.mode, Mode::Command)
    }

    /// TLS is up, and everything before it is forgotten (RFC 3207 4.2).
    pub(crate) fn secured(&mut self, version: Option<&'static str>, gate: &mut impl Gate) {
        self.reset(gate);
        self.hello = None;
        self.may_start_tls = false;
        self.tls = version;
    }

    /// Works on the input up to the next thing that has to be done.
    pub(crate) fn next(&mut self, input: &mut BytesMut, gate: &mut impl Gate) -> Step {
        let step = match std::mem::replace(&mut self.mode, Mode::Command) {
            Mode::Command => match line::take(input, self.rules.command_max_bytes) {
                Line::Partial => Step::Read,
                Line::Whole(line) => self.command(&line, input, gate),
                Line::Bad(why) => Step::Close(bad_line(why)),
            },
            Mode::Data(dots) => self.data(dots, input, gate),
            Mode::Chunk { left_bytes, is_last } => self.chunk(left_bytes, is_last, input, gate),
            Mode::Unasked { left_bytes, reply } => self.unasked(left_bytes, reply, input),
        };
        self.counted(step)
    }

    /// What became of the mail that was to be delivered.
    pub(crate) fn delivered(&mut self, outcome: Result<SubmissionId, Refusal>, gate: &mut impl Gate) -> Step {
        let reply = match outcome {
            Ok(id) => {
                self.bad_commands = 0;
                Reply::done(250, "2.0.0", format!("taken as {id}"))
            }
            Err(refusal) => Reply::from(&refusal),
        };
        let step = self.verdict(reply, gate);
        self.counted(step)
    }

    /// The step, or the end of a session that has too much refused.
    fn counted(&mut self, step: Step) -> Step {
        if let Step::Say(reply, _) = &step
            && reply.is_permanent_refusal()
        {
            self.bad_commands += 1;
            if self.bad_commands > self.rules.bad_commands_max {
                return Step::Close(Reply::too_much("too-many-bad-commands", "too many commands that were refused"));
            }
        }
        step
    }

    fn command(&mut self, line: &[u8], input: &mut BytesMut, gate: &mut impl Gate) -> Step {
        self.commands += 1;
        if self.commands > self.rules.commands_max {
            return Step::Close(Reply::too_much("too-many-commands", "too many commands in one session: connect again"));
        }
        match command::parse(line) {
            Ok(command) => self.perform(command, input, gate),
            Err(NoCommand::Refused(reply)) => Step::Say(reply, 1),
            Err(NoCommand::Lost(reply)) => Step::Close(reply),
        }
    }

    fn perform(&mut self, command: Command, input: &mut BytesMut, gate: &mut impl Gate) -> Step {
        let reply = match command {
            Command::Hello { greeting, host } => self.hello(greeting, host, gate),
            Command::Mail { from, size_bytes } => self.mail(from, size_bytes, gate),
            Command::Rcpt { to } => match &mut self.envelope {
                None => Reply::out_of_order("name the sender first"),
                Some(_) if self.is_in_content => Reply::out_of_order("the mail has begun"),
                Some(envelope) => envelope.add(to, &self.rules, gate),
            },
            Command::Data => self.begin_data(),
            Command::Bdat { bytes, is_last } => return self.begin_chunk(bytes, is_last, input, gate),
            Command::StartTls if self.tls.is_some() => Reply::out_of_order("TLS is in use already"),
            Command::StartTls if self.may_start_tls => return Step::StartTls(Reply::done(220, "2.0.0", "go ahead with TLS")),
            Command::StartTls => Reply::not_here("there is no TLS here"),
            Command::Rset => {
                self.reset(gate);
                Reply::done(250, "2.0.0", "forgotten")
            }
            Command::Noop => Reply::done(250, "2.0.0", "fine"),
            Command::Vrfy => Reply::done(252, "2.0.0", "send the mail, then it shows"),
            Command::Help => Reply::done(214, "2.0.0", "mails with TLS reports are received here (RFC 8460 5.3)"),
            Command::Quit => return Step::Close(Reply::done(221, "2.0.0", "goodbye")),
        };
        Step::Say(reply, 1)
    }

    fn hello(&mut self, greeting: Greeting, host: String, gate: &mut impl Gate) -> Reply {
        // RFC 2033 4.1: each protocol has greetings of its own.
        if (self.protocol == Protocol::Lmtp) != (greeting == Greeting::Lhlo) {
            let ours = if self.protocol == Protocol::Lmtp { "LMTP is spoken here: begin with LHLO" } else { "begin with EHLO or HELO" };
            return Reply::refuse(500, "5.5.1", "unknown-command", ours);
        }
        self.reset(gate);
        self.hello = Some(host);
        let mut text = self.name.clone();
        if greeting != Greeting::Helo {
            // Writing to a String cannot fail.
            let _ = write!(text, "\nPIPELINING\nSIZE {}\n8BITMIME\nSMTPUTF8\nCHUNKING\nENHANCEDSTATUSCODES", self.rules.mail_max_bytes);
            if self.may_start_tls {
                text.push_str("\nSTARTTLS");
            }
        }
        Reply::done(250, "", text)
    }

    fn mail(&mut self, from: String, size_bytes: usize, gate: &mut impl Gate) -> Reply {
        if self.hello.is_none() {
            return Reply::out_of_order("say who you are first");
        }
        if self.envelope.is_some() {
            return Reply::out_of_order("there is a sender already");
        }
        let max_bytes = self.rules.mail_max_bytes;
        if size_bytes > max_bytes {
            return Reply::from(&Refusal::TooLarge { found_bytes: u64::try_from(size_bytes).ok(), max_bytes });
        }
        if let Err(refusal) = gate.admit_mail() {
            return Reply::from(&refusal);
        }
        self.envelope = Some(Envelope::new(from));
        Reply::done(250, "2.1.0", "sender noted")
    }

    /// Why the text of a mail cannot begin, if it cannot.
    fn not_yet(&self) -> Option<Reply> {
        match &self.envelope {
            None => Some(Reply::out_of_order("name sender and recipient first")),
            Some(envelope) if envelope.recipients() == 0 => {
                // RFC 5321 3.3, RFC 2033 4.2.
                let code = if self.protocol == Protocol::Lmtp { 503 } else { 554 };
                Some(Reply::refuse(code, "5.5.1", "out-of-order", "no recipient of this mail is here"))
            }
            Some(_) => None,
        }
    }

    fn begin_data(&mut self) -> Reply {
        if self.is_in_content {
            return Reply::out_of_order("the mail has begun with BDAT");
        }
        self.not_yet().unwrap_or_else(|| {
            self.is_in_content = true;
            self.mode = Mode::Data(Dots::new());
            Reply::done(354, "", "end the mail with a dot on a line of its own")
        })
    }

    fn begin_chunk(&mut self, bytes: usize, is_last: bool, input: &mut BytesMut, gate: &mut impl Gate) -> Step {
        match self.not_yet() {
            None => {
                self.is_in_content = true;
                self.chunk(bytes, is_last, input, gate)
            }
            // A client that does not wait for replies (RFC 2920) sends the mail to recipients who were refused.
            Some(reply) if bytes <= self.rules.mail_max_bytes => self.unasked(bytes, reply, input),
            Some(reply) => Step::Close(reply),
        }
    }

    fn data(&mut self, mut dots: Dots, input: &mut BytesMut, gate: &mut impl Gate) -> Step {
        let (content, max_bytes) = (&mut self.content, self.rules.mail_max_bytes);
        let is_whole = dots.take(input, |text| content.push(text, max_bytes, gate));
        if dots.has_lone_ending() {
            content.give_up(lone_ending(), gate);
            if is_whole {
                // Whatever else is wrong: which was first must not depend on the pieces that the mail came in.
                return self.verdict(lone_ending(), gate);
            }
        }
        if is_whole {
            return self.whole(gate);
        }
        self.mode = Mode::Data(dots);
        self.read_on()
    }

    fn chunk(&mut self, left_bytes: usize, is_last: bool, input: &mut BytesMut, gate: &mut impl Gate) -> Step {
        // Its length tells where a chunk ends, so a lone CR or LF in it misleads nobody and stays: some senders use BDAT just for
        // mails that have one.
        let piece = input.split_to(left_bytes.min(input.len()));
        self.content.push(&piece, self.rules.mail_max_bytes, gate);
        if piece.len() < left_bytes {
            self.mode = Mode::Chunk { left_bytes: left_bytes - piece.len(), is_last };
            return self.read_on();
        }
        if is_last {
            return self.whole(gate);
        }
        match self.content.unfit().cloned() {
            None => Step::Say(Reply::done(250, "2.0.0", "chunk received"), 1),
            Some(why) => {
                // RFC 3030 2: chunks behind it find no mail.
                self.reset(gate);
                Step::Say(why, 1)
            }
        }
    }

    fn unasked(&mut self, left_bytes: usize, reply: Reply, input: &mut BytesMut) -> Step {
        let bytes = left_bytes.min(input.len());
        input.advance(bytes);
        if bytes == left_bytes {
            return Step::Say(reply, 1);
        }
        self.mode = Mode::Unasked { left_bytes: left_bytes - bytes, reply };
        Step::Read
    }

    fn read_on(&self) -> Step {
        match self.content.unfit() {
            Some(why) if self.content.is_hopeless() => Step::Close(why.clone()),
            _ => Step::Read,
        }
    }

    fn whole(&mut self, gate: &mut impl Gate) -> Step {
        let payload = match std::mem::take(&mut self.content).finish() {
            Ok(payload) => payload,
            Err(why) => return self.verdict(why, gate),
        };
        // Over LMTP it is the operator's own mail server that names itself, not who sent the mail.
        let helo = self.hello.clone().filter(|_| self.protocol == Protocol::Smtp);
        match &self.envelope {
            Some(envelope) => Step::Deliver(envelope.with(payload, helo, self.tls)),
            None => self.verdict(Reply::out_of_order("name sender and recipient first"), gate),
        }
    }

    /// Says what became of the mail: once, or over LMTP once for each recipient (RFC 2033 4.2).
    fn verdict(&mut self, reply: Reply, gate: &mut impl Gate) -> Step {
        let recipients = self.envelope.as_ref().map_or(1, Envelope::recipients);
        self.reset(gate);
        Step::Say(reply, if self.protocol == Protocol::Lmtp { recipients } else { 1 })
    }

    fn reset(&mut self, gate: &mut impl Gate) {
        self.envelope = None;
        self.content = Content::default();
        self.is_in_content = false;
        gate.give_room_back();
    }
}

fn bad_line(why: BadLine) -> Reply {
    match why {
        BadLine::LoneEnding => Reply::refuse(500, "5.5.2", "lone-line-ending", "a CR or a LF alone: lines end with CRLF"),
        BadLine::Nul => Reply::refuse(500, "5.5.2", "nul", "a NUL byte in a command"),
        BadLine::TooLong => Reply::refuse(500, "5.5.2", "line-too-long", "the command is too long"),
    }
}

fn lone_ending() -> Reply {
    let text = "the mail has a CR or a LF alone: end its lines with CRLF (RFC 5321 2.3.8)";
    Reply::refuse(554, "5.6.0", "lone-line-ending", text)
}

#[cfg(test)]
mod tests;
