//! Commands, as `smtp-proto` reads them, brought down to what is served here.

use std::borrow::Cow;

use smtp_proto::{Error, MAIL_BODY_7BIT, MAIL_BODY_8BITMIME, MAIL_SMTPUTF8, MailFrom, RcptTo, Request};

use crate::smtp::reply::Reply;

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Hello { greeting: Greeting, host: String },
    Mail { from: String, size_bytes: usize },
    Rcpt { to: String },
    Data,
    Bdat { bytes: usize, is_last: bool },
    StartTls,
    Rset,
    Noop,
    Vrfy,
    Help,
    Quit,
}

/// How a client greets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Greeting {
    Helo,
    Ehlo,
    Lhlo,
}

/// Why a line is no command that is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoCommand {
    /// The session goes on after the reply.
    Refused(Reply),
    /// Nobody knows where the next command begins.
    Lost(Reply),
}

/// Commands that take no parameters (RFC 5321 4.1.1, RFC 3207 4).
const BARE: [&str; 4] = ["DATA", "RSET", "QUIT", "STARTTLS"];

/// Reads a line with its CRLF.
pub(crate) fn parse(line: &[u8]) -> Result<Command, NoCommand> {
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let verb = words.next().unwrap_or_default();
    let parameter = words.next();
    let is = |name: &str| verb.eq_ignore_ascii_case(name.as_bytes());
    if parameter.is_some() && BARE.iter().any(|bare| is(bare)) {
        return Err(NoCommand::Refused(syntax("5.5.4", "this command takes no parameters")));
    }
    // How many bytes of a mail follow stands in the command: when that cannot be read, they must not be taken for commands.
    let refused = |reply| if is("BDAT") { NoCommand::Lost(reply) } else { NoCommand::Refused(reply) };
    let command = Request::parse(&mut line.iter()).map_err(refusal).and_then(|request| command(request, line)).map_err(refused)?;
    match command {
        // The parser wraps round at numbers beyond its own.
        Command::Bdat { bytes, .. } if parameter.and_then(number) != Some(bytes) => Err(refused(syntax("5.5.4", "the chunk is too large"))),
        command => Ok(command),
    }
}

fn number(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn command(request: Request<Cow<'_, str>>, line: &[u8]) -> Result<Command, Reply> {
    let hello = |greeting, host: Cow<'_, str>| Command::Hello { greeting, host: host.into_owned() };
    Ok(match request {
        Request::Helo { host } => hello(Greeting::Helo, host),
        Request::Ehlo { host } => hello(Greeting::Ehlo, host),
        Request::Lhlo { host } => hello(Greeting::Lhlo, host),
        Request::Mail { from } => mail(from, line)?,
        Request::Rcpt { to } => rcpt(to, line)?,
        Request::Data => Command::Data,
        Request::Bdat { chunk_size, is_last } => Command::Bdat { bytes: chunk_size, is_last },
        Request::StartTls => Command::StartTls,
        Request::Rset => Command::Rset,
        Request::Noop { .. } => Command::Noop,
        Request::Vrfy { .. } => Command::Vrfy,
        Request::Help { .. } => Command::Help,
        Request::Quit => Command::Quit,
        Request::Expn { .. } => return Err(Reply::not_here("there are no lists here")),
        Request::Auth { .. } => return Err(Reply::not_here("nobody signs in here: reports are taken from everybody")),
        Request::Etrn { .. } | Request::Atrn { .. } | Request::Burl { .. } => return Err(Reply::not_here("this is not served here")),
    })
}

fn mail(from: MailFrom<Cow<'_, str>>, line: &[u8]) -> Result<Command, Reply> {
    let announced = MailFrom {
        address: from.address.clone(),
        size: from.size,
        flags: from.flags & (MAIL_BODY_7BIT | MAIL_BODY_8BITMIME | MAIL_SMTPUTF8),
        ..MailFrom::default()
    };
    if from != announced {
        return Err(unknown_parameter());
    }
    if !from.address.is_ascii() && from.flags & MAIL_SMTPUTF8 == 0 {
        return Err(Reply::refuse(553, "5.6.7", "syntax", "an address beyond ASCII needs SMTPUTF8"));
    }
    let size_bytes = from.size;
    let from = whole(from.address, line).ok_or_else(|| refusal(Error::InvalidSenderAddress))?;
    Ok(Command::Mail { from, size_bytes })
}

fn rcpt(to: RcptTo<Cow<'_, str>>, line: &[u8]) -> Result<Command, Reply> {
    if (RcptTo { address: to.address.clone(), ..RcptTo::default() }) != to {
        return Err(unknown_parameter());
    }
    let to = whole(to.address, line).filter(|to| !to.is_empty()).ok_or_else(|| refusal(Error::InvalidRecipientAddress))?;
    Ok(Command::Rcpt { to })
}

/// The address; the parser gives the empty one for `<postmaster>` too. None when it has control characters, which not even
/// quoting allows (RFC 5321 4.1.2).
fn whole(address: Cow<'_, str>, line: &[u8]) -> Option<String> {
    const POSTMASTER: &[u8] = b"<postmaster>";
    let names_postmaster = || line.windows(POSTMASTER.len()).any(|found| found.eq_ignore_ascii_case(POSTMASTER));
    match &*address {
        "" if names_postmaster() => Some("postmaster".to_owned()),
        _ if address.contains(char::is_control) => None,
        _ => Some(address.into_owned()),
    }
}

fn syntax(status: &'static str, text: impl Into<Cow<'static, str>>) -> Reply {
    Reply::refuse(501, status, "syntax", text)
}

fn unknown_parameter() -> Reply {
    Reply::refuse(555, "5.5.4", "unknown-parameter", "a parameter that was not announced: see the answer to EHLO")
}

fn refusal(error: Error) -> Reply {
    match error {
        Error::UnknownCommand => Reply::refuse(500, "5.5.1", "unknown-command", "there is no such command"),
        Error::InvalidSenderAddress => syntax("5.1.7", "the sender is no address"),
        Error::InvalidRecipientAddress => syntax("5.1.3", "the recipient is no address"),
        Error::SyntaxError { syntax: expected } => syntax("5.5.2", format!("the syntax is {expected}")),
        Error::InvalidParameter { param } => syntax("5.5.4", format!("the value of {param} is none")),
        Error::UnsupportedParameter { .. } => unknown_parameter(),
        Error::NeedsMoreData { .. } | Error::ResponseTooLong | Error::InvalidResponse { .. } => syntax("5.5.2", "the command breaks off"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use proptest::prelude::*;

    use super::*;

    fn code(line: &str) -> String {
        let mut out = String::new();
        match parse(line.as_bytes()).unwrap_err() {
            NoCommand::Refused(reply) | NoCommand::Lost(reply) => reply.write(&mut out),
        }
        out[..9].to_owned()
    }

    #[test]
    fn addresses_are_read_as_clients_write_them() {
        for (line, expected) in [
            ("RCPT TO:<a@b.example>\r\n", "a@b.example"),
            ("rcpt to: <a@b.example>\r\n", "a@b.example"),
            ("RCPT TO:<@one.example,@two.example:a@b.example>\r\n", "a@b.example"),
            ("RCPT TO:<\"a\"@b.example>\r\n", "a@b.example"),
            ("RCPT TO:<Postmaster>\r\n", "postmaster"),
            ("RCPT TO:<postmaster@b.example>\r\n", "postmaster@b.example"),
        ] {
            assert_eq!(parse(line.as_bytes()), Ok(Command::Rcpt { to: expected.to_owned() }), "{line}");
        }
        let mail = |from: &str, size_bytes| Ok(Command::Mail { from: from.to_owned(), size_bytes });
        assert_eq!(parse(b"MAIL FROM:<>\r\n"), mail("", 0));
        assert_eq!(parse(b"MAIL FROM:<a@b.example> SIZE=123 BODY=8BITMIME SMTPUTF8\r\n"), mail("a@b.example", 123));
        assert_eq!(parse("MAIL FROM:<ä@b.example> SMTPUTF8\r\n".as_bytes()), mail("ä@b.example", 0));
    }

    #[test]
    fn what_is_no_command_is_refused_with_its_code() {
        for (line, expected) in [
            ("\r\n", "500 5.5.1"),
            ("GET / HTTP/1.1\r\n", "500 5.5.1"),
            ("EHLO\r\n", "501 5.5.2"),
            ("RCPT TO:<>\r\n", "501 5.1.3"),
            ("RCPT TO:a@b.example\r\n", "501 5.5.2"),
            ("RCPT TO:<a@b@c>\r\n", "501 5.1.3"),
            ("RCPT TO:<\"a\u{1}\"@b.example>\r\n", "501 5.1.3"),
            ("RCPT TO:<a@b.example> NOTIFY=NEVER\r\n", "555 5.5.4"),
            ("MAIL FROM:<a>\r\n", "501 5.1.7"),
            ("MAIL FROM:<> SIZE=x\r\n", "501 5.5.4"),
            ("MAIL FROM:<> BODY=BINARYMIME\r\n", "555 5.5.4"),
            ("MAIL FROM:<> REQUIRETLS\r\n", "555 5.5.4"),
            ("MAIL FROM:<> WHATEVER=1\r\n", "555 5.5.4"),
            ("MAIL FROM:<ä@b.example>\r\n", "553 5.6.7"),
            ("STARTTLS now\r\n", "501 5.5.4"),
            ("DATA x\r\n", "501 5.5.4"),
            ("EXPN list\r\n", "502 5.5.1"),
            ("AUTH PLAIN AGEAYg==\r\n", "502 5.5.1"),
        ] {
            assert_eq!(code(line), expected, "{line:?}");
        }
    }

    #[test]
    fn after_a_bdat_that_cannot_be_read_nothing_is_taken_for_a_command() {
        for line in ["BDAT\r\n", "BDAT x\r\n", "bdat -1\r\n", "BDAT 5 FIRST\r\n", " BDAT 99999999999999999999999\r\n"] {
            assert!(matches!(parse(line.as_bytes()), Err(NoCommand::Lost(_))), "{line:?}: {:?}", parse(line.as_bytes()));
        }
        assert_eq!(parse(b"BDAT 5 LAST\r\n"), Ok(Command::Bdat { bytes: 5, is_last: true }));
        assert_eq!(parse(b"BDAT 0\r\n"), Ok(Command::Bdat { bytes: 0, is_last: false }));
    }

    proptest! {
        #[test]
        fn no_line_makes_the_parser_panic(
            verb in prop::sample::select(vec!["MAIL FROM:<", "RCPT TO:<", "BDAT ", "AUTH ", "EHLO ", "MAIL FROM:<a@b> ", "RCPT TO:<a@b> ", "BURL ", "ATRN ", "VRFY ", ""]),
            rest in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let rest: Vec<u8> = rest.into_iter().filter(|byte| !matches!(byte, 0 | b'\r' | b'\n')).collect();
            let _ = parse(&[verb.as_bytes(), &rest, b"\r\n"].concat());
        }
    }
}
