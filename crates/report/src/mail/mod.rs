//! Mails: who sent one, and the reports in it, however they were wrapped.
//!
//! A mail's way: [`walk`] goes through its lines once and gives each part → [`transfer`] undoes the part's coding → the content
//! decides: a payload goes through the same opening as one by HTTPS, a mail is walked in turn, a text is searched for what stands
//! in it ([`uuencode`], [`prose`]). What none of this finds a report in is told apart by [`classify`].

mod classify;
mod fields;
mod media;
mod prose;
mod reader;
mod transfer;
mod uuencode;
mod value;
mod walk;

use fields::Fields;

use crate::{
    domain::Domain,
    open::Document,
    origin::{Context, subject_domain},
    reject::Reject,
    time::UnixMillis,
};

/// A mail as far as a report's reader needs it. Its texts are decoded, and bounded by
/// [`MAIL_TEXT_MAX_BYTES`](crate::limits::MAIL_TEXT_MAX_BYTES).
#[derive(Clone, Debug)]
pub struct Mail<'m> {
    /// The `From` field, name and address.
    pub sender: Option<String>,
    /// The domain of the address in `From`; none when two fields or addresses name different ones.
    pub sender_domain: Option<Domain>,
    /// The `Subject` field.
    pub subject: Option<String>,
    /// `TLS-Report-Domain` (RFC 8460 5.3).
    pub report_domain: Option<String>,
    /// `TLS-Report-Submitter` (RFC 8460 5.3); none when two fields name different ones.
    pub submitter: Option<Domain>,
    /// The `Date` field.
    pub date: Option<UnixMillis>,
    /// The time of the topmost `Received` field that has one: when the last server took the mail.
    pub received_at: Option<UnixMillis>,
    /// The documents in the mail, at least one, or why there is none.
    pub content: Result<Vec<MailDocument<'m>>, Reject>,
}

/// A document and where in the mail it stood.
#[derive(Clone, Debug)]
pub struct MailDocument<'m> {
    /// The document.
    pub document: Document<'m>,
    /// The attachment's name, decoded and bounded like the mail's texts.
    pub file_name: Option<String>,
    /// Whether it is content of the mail itself; not in an attached mail and not in running text, where a sender passes on what others
    /// wrote, as bounces and replies do.
    pub is_own: bool,
    /// What the attached mails say in which it stood.
    attached: Surroundings,
}

/// What the header of an attached mail says about a report in it.
#[derive(Clone, Debug, Default)]
struct Surroundings {
    report_domain: Option<String>,
    /// The subject, when it names a domain.
    subject: Option<String>,
}

impl Surroundings {
    fn of(fields: &Fields<'_>) -> Self {
        Self {
            report_domain: fields.first("TLS-Report-Domain").and_then(value::text),
            subject: fields.first("Subject").and_then(value::text).filter(|subject| subject_domain(subject).is_some()),
        }
    }

    /// What is missing, from elsewhere.
    fn or_else(self, other: impl FnOnce() -> Self) -> Self {
        if self.report_domain.is_some() && self.subject.is_some() {
            return self;
        }
        let other = other();
        Self { report_domain: self.report_domain.or(other.report_domain), subject: self.subject.or(other.subject) }
    }
}

/// Reads a mail as received, line ends of either kind. Always answers; what it takes is bounded by [`limits`](crate::limits) and
/// by the size of `raw`.
#[must_use]
pub fn open_mail(raw: &[u8]) -> Mail<'_> {
    let fields = walk::leading_header(raw);
    let text_of = |name| fields.first(name).and_then(value::text);
    Mail {
        sender: text_of("From"),
        sender_domain: value::sender_domain(&fields),
        subject: text_of("Subject"),
        report_domain: text_of("TLS-Report-Domain"),
        submitter: value::submitter(&fields),
        date: fields.first("Date").and_then(value::date),
        received_at: fields.all("Received").find_map(value::date),
        content: reader::Reader::new().read(raw, &fields),
    }
}

impl Mail<'_> {
    /// What is known of one of the mail's documents beside it. What an attached mail says counts where the mail itself is silent.
    #[must_use]
    pub fn context<'c>(&'c self, document: &'c MailDocument<'_>, received_at: UnixMillis) -> Context<'c> {
        let own = self.subject.as_deref();
        let attached = document.attached.subject.as_deref();
        let subject = if own.and_then(subject_domain).is_some() { own } else { attached.or(own) };
        Context {
            received_at,
            report_domain: self.report_domain.as_deref().or(document.attached.report_domain.as_deref()),
            subject,
            file_name: document.file_name.as_deref(),
        }
    }
}
