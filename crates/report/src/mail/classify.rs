//! What a mail without a report is instead, so that an operator can tell strays from senders who need help.

use super::{
    fields::Fields,
    media::Notice,
    value::{keyword, sender_address, text},
};
use crate::reject::Reject;

/// What the parts of a mail show beside documents.
#[derive(Debug, Default)]
pub(super) struct Signs {
    /// Why the first part that was meant as a report could not be read.
    pub(super) damage: Option<Reject>,
    /// A DMARC report is in it.
    pub(super) dmarc: bool,
    delivery: bool,
    disposition: bool,
    feedback: bool,
}

impl Signs {
    pub(super) fn damaged(&mut self, reject: Reject) {
        self.damage.get_or_insert(reject);
    }

    pub(super) fn note(&mut self, notice: Option<Notice>) {
        match notice {
            Some(Notice::Delivery) => self.delivery = true,
            Some(Notice::Disposition) => self.disposition = true,
            Some(Notice::Feedback) => self.feedback = true,
            None => {}
        }
    }

    /// Why a mail with this header and these signs holds no report. What its form says comes first: a bounce may quote a report
    /// that it cut short. What a person wrote about, or a machine's habits, comes last.
    pub(super) fn reject(self, fields: &Fields<'_>) -> Reject {
        if self.delivery {
            return Reject::Bounce;
        }
        if let Some(damage) = self.damage {
            return damage;
        }
        if self.dmarc || self.feedback {
            return Reject::DmarcReport;
        }
        if is_bounce(fields) {
            return Reject::Bounce;
        }
        if self.disposition || is_automatic(fields) {
            return Reject::AutoReply;
        }
        Reject::NoReport
    }
}

/// A bounce without the form of RFC 3464.
fn is_bounce(fields: &Fields<'_>) -> bool {
    const SUBJECTS: [&str; 7] = [
        "undeliver",
        "delivery status notification",
        "delivery failure",
        "delivery has failed",
        "mail delivery failed",
        "returned mail",
        "failure notice",
    ];
    let from = sender_address(fields).unwrap_or_default();
    let from_daemon = from.starts_with("mailer-daemon@") || from == "mailer-daemon";
    // RFC 5321 4.5.5: a bounce has the null path to return it by.
    let from_nobody = fields.first("Return-Path").is_some_and(|path| path.trim_ascii() == b"<>");
    fields.has("X-Failed-Recipients") || from_daemon || ((from_nobody || from.starts_with("postmaster@")) && subject_has(fields, &SUBJECTS))
}

/// RFC 3834 5, and what vacation programs did before it.
fn is_automatic(fields: &Fields<'_>) -> bool {
    const SUBJECTS: [&str; 5] = ["automatic reply", "autoreply", "auto-reply", "out of office", "vacation"];
    fields.first("Auto-Submitted").is_some_and(|value| keyword(value) != "no")
        || fields.first("Precedence").is_some_and(|value| matches!(&*keyword(value), "auto_reply" | "auto-reply"))
        || ["X-Autoreply", "X-Autorespond", "X-Autoresponder"].iter().any(|name| fields.has(name))
        || subject_has(fields, &SUBJECTS)
}

fn subject_has(fields: &Fields<'_>, words: &[&str]) -> bool {
    let subject = fields.first("Subject").and_then(text).unwrap_or_default().to_lowercase();
    words.iter().any(|word| subject.contains(word))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    fn check(header: &str, expected: Reject) {
        assert_eq!(Signs::default().reject(&Fields::new(header.as_bytes())), expected, "{header:?}");
    }

    #[test]
    fn bounces_are_known_without_their_form() {
        check("From: Mail Delivery System <MAILER-DAEMON@mx.example>\n", Reject::Bounce);
        check("X-Failed-Recipients: a@b.example\n", Reject::Bounce);
        check("Return-Path: <>\nSubject: Undeliverable: hello\n", Reject::Bounce);
        check("From: postmaster@mx.example\nSubject: Delivery Status Notification (Failure)\n", Reject::Bounce);
        check("From: postmaster@mx.example\nSubject: hello\n", Reject::NoReport);
        check("Return-Path: <a@b.example>\nSubject: Undeliverable: hello\n", Reject::NoReport);
    }

    #[test]
    fn automatic_answers_are_known() {
        check("Auto-Submitted: auto-replied (vacation)\n", Reject::AutoReply);
        check("Auto-Submitted: No\nSubject: hello\n", Reject::NoReport);
        check("Precedence: auto_reply\n", Reject::AutoReply);
        check("Precedence: bulk\n", Reject::NoReport);
        check("X-Autoreply: yes\n", Reject::AutoReply);
        check("Subject: =?utf-8?q?Automatic_reply=3A?= hello\n", Reject::AutoReply);
    }

    #[test]
    fn what_the_parts_show_comes_before_the_header() {
        let header = Fields::new(b"From: mailer-daemon@mx.example\nAuto-Submitted: auto-generated\n");
        let mut signs = Signs { dmarc: true, ..Signs::default() };
        assert_eq!(Signs { dmarc: true, ..Signs::default() }.reject(&header), Reject::DmarcReport);
        signs.damaged(Reject::CorruptGzip);
        signs.damaged(Reject::CorruptZip);
        assert_eq!(signs.reject(&header), Reject::CorruptGzip);
        for (notice, expected) in
            [(Notice::Delivery, Reject::Bounce), (Notice::Feedback, Reject::DmarcReport), (Notice::Disposition, Reject::AutoReply)]
        {
            let mut signs = Signs::default();
            signs.note(Some(notice));
            assert_eq!(signs.reject(&Fields::default()), expected);
        }
        let mut cut_short = Signs { damage: Some(Reject::CorruptGzip), ..Signs::default() };
        cut_short.note(Some(Notice::Delivery));
        assert_eq!(cut_short.reject(&header), Reject::Bounce);
    }
}
