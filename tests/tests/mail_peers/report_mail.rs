//! Mails as senders of reports write them.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use tlsrpt_tests::{Encoding, Report};

/// A mail with this report as RFC 8460 5.3 has it, from `reports@SUBMITTER`.
pub(crate) fn report_mail(report: &Report, submitter: &str, to: &str) -> String {
    let payload = BASE64_STANDARD.encode(report.encode(Encoding::Gzip));
    let lines: Vec<&str> = payload.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let (id, domain) = (&report.report_id, &report.policies[0].domain);
    let file = format!("{submitter}!{domain}!1013662812!1013749130.json.gz");
    let text = format!(
        "From: TLS reports <reports@{submitter}>
To: {to}
Subject: Report Domain: {domain} Submitter: {submitter} Report-ID: <{id}>
TLS-Report-Domain: {domain}
TLS-Report-Submitter: {submitter}
Message-ID: <{id}@{submitter}>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=\"tlsrpt\"; boundary=\"=_part\"

--=_part
Content-Type: text/plain; charset=\"us-ascii\"

This is an aggregate TLS report from {submitter}.
--=_part
Content-Type: application/tlsrpt+gzip
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename=\"{file}\"

{}
--=_part--
",
        lines.join("\n")
    );
    text.replace('\n', "\r\n")
}
