//! What a message holds, by the same code that the normalizer uses: for its receipt time, and for the summary.

use tlsrpt_record::{Channel, Content};
use tlsrpt_report::{Context, Document, Reject, UnixMillis};

use super::{message::Message, receipt};

/// What is understood of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Understood {
    /// When it was received.
    pub(crate) received_at: UnixMillis,
    /// Reports in it that can be counted, or the code of the reason why there are none.
    pub(crate) reports: Result<u64, &'static str>,
}

/// Reads a message as the normalizer will.
pub(crate) fn understand(message: &Message, now: UnixMillis) -> Understood {
    let content = Content::open(Channel::Import, &message.payload);
    let told = content.mail().map_or([None, None], |mail| [mail.received_at, mail.date]);
    let mut found = Found::default();
    match content.documents(now) {
        Ok(documents) => documents.iter().for_each(|(document, context)| found.parse(document, context)),
        Err(reject) => found.reject = Some(reject.clone()),
    }
    let received_at =
        receipt::first_possible(told, now).unwrap_or_else(|| receipt::without_word_of_its_own(message.fallback, found.last_end, now));
    let reports = if found.reports > 0 { Ok(found.reports) } else { Err(found.reject.map_or("no-document", |reject| reject.code())) };
    Understood { received_at, reports }
}

/// What was found so far.
#[derive(Default)]
struct Found {
    reports: u64,
    /// Of the first document that cannot be counted.
    reject: Option<Reject>,
    /// The end of the last reported period.
    last_end: Option<UnixMillis>,
}

impl Found {
    fn parse(&mut self, document: &Document<'_>, context: &Context<'_>) {
        match tlsrpt_report::parse(document, context) {
            Ok(report) => {
                self.reports += 1;
                let end = report.period.end.map(|end| UnixMillis(end.0.saturating_mul(1000)));
                self.last_end = self.last_end.max(end);
            }
            Err(reject) => {
                self.reject.get_or_insert(reject);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_795_000_000_000);
    const REPORT: &str = r#"{"organization-name":"Sender","report-id":"1","date-range":{"start-datetime":"2024-05-13T00:00:00Z","end-datetime":"2024-05-13T23:59:59Z"},"policies":[{"policy":{"policy-type":"sts","policy-domain":"example.com"},"summary":{"total-successful-session-count":1,"total-failure-session-count":0}}]}"#;

    fn check(payload: &str, fallback: &str, received_at: &str, reports: Result<u64, &'static str>) {
        let fallback = [fallback.parse().ok(), None];
        let message = Message { name: String::new(), payload: payload.to_owned().into(), fallback };
        let understood = understand(&message, NOW);
        assert_eq!((understood.received_at.rfc3339(), understood.reports), (received_at.to_owned(), reports), "{payload}");
    }

    #[test]
    fn a_report_was_received_when_its_file_was_written_and_never_before_its_period_was_over() {
        check(REPORT, "2024-05-15T01:02:03Z", "2024-05-15T01:02:03.000Z", Ok(1));
        check(REPORT, "2016-01-01T00:00:00Z", "2024-05-13T23:59:59.000Z", Ok(1));
        check(REPORT, "2199-01-01T00:00:00Z", "2024-05-13T23:59:59.000Z", Ok(1));
        check(REPORT, "", "2024-05-13T23:59:59.000Z", Ok(1));
        check("{}", "2016-01-01T00:00:00Z", "2016-01-01T00:00:00.000Z", Err("no-policies"));
        check("{}", "", &NOW.rfc3339(), Err("no-policies"));
    }

    #[test]
    fn a_mail_says_itself_when_it_was_received() {
        let received = "Received: from a.example by b.example; Wed, 15 May 2024 03:02:03 +0200\r\n";
        let older = "Received: from x.example by a.example; Wed, 15 May 2024 02:00:00 +0200\r\n";
        let date = "Date: Tue, 14 May 2024 23:00:00 +0000\r\n";
        let rest = format!("From: a@example.com\r\nContent-Type: application/tlsrpt+json\r\n\r\n{REPORT}\r\n");
        check(&format!("{received}{older}{date}{rest}"), "2025-01-01T00:00:00Z", "2024-05-15T01:02:03.000Z", Ok(1));
        check(&format!("{date}{rest}"), "2025-01-01T00:00:00Z", "2024-05-14T23:00:00.000Z", Ok(1));
        check(&rest, "2025-01-01T00:00:00Z", "2025-01-01T00:00:00.000Z", Ok(1));
        check(&format!("Date: Thu, 1 Jan 1970 00:00:00 +0000\r\n{rest}"), "", "2024-05-13T23:59:59.000Z", Ok(1));
        check(
            "From: a@example.com\r\nSubject: hello\r\n\r\nhello\r\n",
            "2025-01-01T00:00:00Z",
            "2025-01-01T00:00:00.000Z",
            Err("no-report"),
        );
    }
}
