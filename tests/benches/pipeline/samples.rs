//! Reports of three sizes: about 650 B, 2.5 KB and 260 KB of JSON, gzipped as senders send them.

use std::io::Write as _;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use flate2::{Compression, write::GzEncoder};

/// Failure details in a report of each size.
const SIZES: [(&str, usize); 3] = [("650 B", 0), ("2.5 KB", 6), ("260 KB", 810)];

/// Name and gzipped payload of each size.
pub(crate) fn by_size() -> Vec<(&'static str, Vec<u8>)> {
    SIZES.iter().map(|&(name, details)| (name, gzip(report(0, "bench.example", details).as_bytes()))).collect()
}

/// The same reports in mails as RFC 8460 5.3 has them.
pub(crate) fn mails_by_size() -> Vec<(&'static str, Vec<u8>)> {
    by_size().into_iter().map(|(name, payload)| (name, mail(&payload).into_bytes())).collect()
}

fn mail(payload: &[u8]) -> String {
    let base64 = BASE64_STANDARD.encode(payload);
    let lines: String = base64.as_bytes().chunks(76).map(|line| format!("{}\r\n", String::from_utf8_lossy(line))).collect();
    let signature = "b=".to_owned() + &"x".repeat(344);
    format!(
        "Received: from mail.sender.example (mail.sender.example [192.0.2.1])\r\n\tby mx.example with ESMTPS id 1;\r\n\tThu, 14 May 2026 03:00:00 +0000\r\n\
         DKIM-Signature: v=1; a=rsa-sha256; d=sender.example; s=s1;\r\n\th=from:to:subject; bh=x;\r\n\t{signature}\r\n\
         From: Bench Sender <tls-reports@sender.example>\r\nTo: reports@mx.example\r\nDate: Thu, 14 May 2026 03:00:00 +0000\r\n\
         Subject: Report Domain: bench.example Submitter: sender.example Report-ID: <1@sender.example>\r\n\
         TLS-Report-Domain: bench.example\r\nTLS-Report-Submitter: sender.example\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=\"tlsrpt\"; boundary=\"=_bench\"\r\n\r\n\
         --=_bench\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nThis is an aggregate TLS report.\r\n\
         --=_bench\r\nContent-Type: application/tlsrpt+gzip\r\nContent-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment;\r\n filename=\"sender.example!bench.example!1778630400!1778716799.json.gz\"\r\n\r\n\
         {lines}--=_bench--\r\n"
    )
}

/// A report as a sender writes it; `number` makes it one of its own.
pub(crate) fn report(number: usize, domain: &str, details: usize) -> String {
    let failures: Vec<String> = (0..details)
        .map(|n| {
            format!(
                r#"{{"result-type":"{}","sending-mta-ip":"198.51.{}.{}","receiving-mx-hostname":"mx{}.{domain}","receiving-mx-helo":"mx{}.{domain}","receiving-ip":"203.0.113.{}","failed-session-count":{},"failure-reason-code":"X509_V_ERR_CERT_HAS_EXPIRED","additional-information":"https://sender.example/info?id={n}"}}"#,
                ["certificate-expired", "starttls-not-supported", "validation-failure"][n % 3],
                n / 250 % 250,
                n % 250,
                n % 4,
                n % 4,
                n % 200,
                n % 17 + 1
            )
        })
        .collect();
    let failed: usize = (0..details).map(|n| n % 17 + 1).sum();
    format!(
        r#"{{"organization-name":"Bench Sender Inc.","date-range":{{"start-datetime":"2026-05-13T00:00:00Z","end-datetime":"2026-05-13T23:59:59Z"}},"contact-info":"smtp-tls-reporting@sender.example","report-id":"2026-05-13T00:00:00Z_{domain}_{number}","policies":[{{"policy":{{"policy-type":"sts","policy-string":["version: STSv1","mode: enforce","mx: *.{domain}","max_age: 604800"],"policy-domain":"{domain}","mx-host":["*.{domain}"]}},"summary":{{"total-successful-session-count":{},"total-failure-session-count":{failed}}},"failure-details":[{}]}}]}}"#,
        1000 + number % 100,
        failures.join(",")
    )
}

/// gzip at the fastest level: the sizes of real reports hardly differ by level.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
