//! A mail's envelope (RFC 5321 2.3.1), from MAIL on.

use bytes::Bytes;
use tlsrpt_record::MailFacts;

use crate::{
    refusal::Refusal,
    smtp::{
        address::{Mailbox, mailbox},
        gate::Gate,
        reply::Reply,
        rules::Rules,
    },
};

/// Sender and recipients.
#[derive(Debug)]
pub(crate) struct Envelope {
    from: String,
    recipients: Vec<String>,
    /// The first reporting address, in lower case.
    address: Option<String>,
    role: Option<&'static str>,
}

/// A whole mail.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mail {
    /// The reporting address that it was sent to first, else `postmaster` or `abuse`.
    pub(crate) address: Option<String>,
    pub(crate) facts: MailFacts,
    pub(crate) payload: Bytes,
}

impl Envelope {
    /// Nobody is to get it yet.
    pub(crate) fn new(from: String) -> Self {
        Self { from, recipients: Vec::new(), address: None, role: None }
    }

    /// How many are to get it.
    pub(crate) fn recipients(&self) -> usize {
        self.recipients.len()
    }

    /// Adds a recipient who is here, and answers RCPT.
    pub(crate) fn add(&mut self, to: String, rules: &Rules, gate: &mut impl Gate) -> Reply {
        if self.recipients.len() >= rules.recipients_max {
            return Reply::refuse(452, "4.5.3", "too-many-recipients", "too many recipients: send the mail again to the others");
        }
        match mailbox(&to, &rules.hosts) {
            Some(Mailbox::Role(role)) => self.role = self.role.or(Some(role)),
            Some(Mailbox::Reporting(address)) => match gate.admit_address(address) {
                Ok(()) => self.address = self.address.take().or_else(|| Some(address.to_ascii_lowercase())),
                Err(refusal) => return Reply::from(&refusal),
            },
            None => return Reply::from(&Refusal::unknown_address(&to)),
        }
        self.recipients.push(to);
        Reply::done(250, "2.1.5", "recipient known")
    }

    /// The mail with this text. Several recipients get one submission: its reports count once anyhow.
    pub(crate) fn with(&self, payload: Bytes, helo: Option<String>, tls: Option<&'static str>) -> Mail {
        Mail {
            address: self.address.clone().or_else(|| self.role.map(str::to_owned)),
            facts: MailFacts {
                helo,
                mail_from: Some(self.from.clone()),
                recipients: self.recipients.clone(),
                tls: tls.map(str::to_owned),
                origin: None,
            },
            payload,
        }
    }
}
