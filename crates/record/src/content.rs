//! What a submission's payload holds: one rule for whoever reads it, so that a report that was counted is found again.

use tlsrpt_report::{Context, Document, Mail, Reject, UnixMillis};

use crate::submission::Channel;

/// A payload, opened.
#[derive(Debug)]
pub enum Content<'p> {
    /// Reports by themselves, as by HTTPS.
    Reports(Result<Vec<Document<'p>>, Reject>),
    /// A mail with reports in it, or with none.
    Mail(Mail<'p>),
}

impl<'p> Content<'p> {
    /// Opens what came in by `channel`.
    #[must_use]
    pub fn open(channel: Channel, payload: &'p [u8]) -> Self {
        if channel.is_mail(payload) { Self::Mail(tlsrpt_report::open_mail(payload)) } else { Self::Reports(tlsrpt_report::open(payload)) }
    }

    /// The mail, when it is one.
    #[must_use]
    pub fn mail(&self) -> Option<&Mail<'p>> {
        match self {
            Self::Mail(mail) => Some(mail),
            Self::Reports(_) => None,
        }
    }

    /// Whether the sender wrote all of it; not when a report stands in an attached mail or in running text, which may be another's.
    #[must_use]
    pub fn is_the_senders(&self) -> bool {
        self.mail().and_then(|mail| mail.content.as_ref().ok()).is_none_or(|documents| documents.iter().all(|document| document.is_own))
    }

    /// The documents in it, each with what its surroundings say.
    ///
    /// # Errors
    /// Why there are none.
    pub fn documents(&self, received_at: UnixMillis) -> Result<Vec<(&Document<'p>, Context<'_>)>, &Reject> {
        match self {
            Self::Reports(documents) => Ok(documents.as_ref()?.iter().map(|document| (document, Context::received(received_at))).collect()),
            Self::Mail(mail) => {
                let documents = mail.content.as_ref()?;
                Ok(documents.iter().map(|document| (&document.document, mail.context(document, received_at))).collect())
            }
        }
    }
}
