//! Reports of three sizes: about 650 B, 2.5 KB and 260 KB of JSON, gzipped as senders send them.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};

/// Failure details in a report of each size.
const SIZES: [(&str, usize); 3] = [("650 B", 0), ("2.5 KB", 6), ("260 KB", 810)];

/// Name and gzipped payload of each size.
pub(crate) fn by_size() -> Vec<(&'static str, Vec<u8>)> {
    SIZES.iter().map(|&(name, details)| (name, gzip(report(0, "bench.example", details).as_bytes()))).collect()
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
