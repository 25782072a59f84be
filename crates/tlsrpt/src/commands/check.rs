//! `tlsrpt check`: reports read offline, with all that is understood of them.
#![expect(clippy::indexing_slicing, reason = "a JSON value that is asked for a name that it lacks answers null")]

use std::{
    fmt::Write as _,
    io::Read as _,
    path::{Path, PathBuf},
    process::ExitCode,
    time::SystemTime,
};

use anyhow::Context as _;
use serde_json::{Value, json};
use tlsrpt_report::{Context, Domain, Failure, Mail, Policy, Reject, Report, UnixMillis, UnixSeconds, WarningCode};

/// Reads each file and prints what is understood; the status tells whether every file could be counted.
pub(crate) fn run(files: &[PathBuf], as_json: bool) -> anyhow::Result<ExitCode> {
    let mut all_counted = true;
    for path in files {
        let payload = read(path)?;
        let checked = check(path, &payload);
        all_counted &= checked.get("rejected").is_none();
        if as_json { println!("{checked}") } else { print!("{}", text(&checked)) }
    }
    Ok(if all_counted { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    if path == Path::new("-") {
        let mut payload = Vec::new();
        std::io::stdin().read_to_end(&mut payload).context("read standard input")?;
        return Ok(payload);
    }
    std::fs::read(path).with_context(|| format!("read {}", path.display()))
}

/// What is understood of one file: a payload when its first bytes say so, else a mail.
fn check(path: &Path, content: &[u8]) -> Value {
    let file = path.display().to_string();
    if tlsrpt_report::detect(content).is_some() {
        let context =
            Context { received_at: now(), report_domain: None, subject: None, file_name: path.file_name().and_then(|name| name.to_str()) };
        return match tlsrpt_report::open(content) {
            Ok(documents) => {
                parsed(json!({"file": file}), documents.iter().map(|document| (None, tlsrpt_report::parse(document, &context))))
            }
            Err(reject) => rejected(json!({"file": file}), &reject),
        };
    }
    let mail = tlsrpt_report::open_mail(content);
    let checked = json!({"file": file, "mail": mail_json(&mail)});
    match &mail.content {
        Ok(documents) => parsed(
            checked,
            documents.iter().map(|document| {
                let context = mail.context(document, now());
                (document.file_name.as_deref(), tlsrpt_report::parse(&document.document, &context))
            }),
        ),
        Err(reject) => rejected(checked, reject),
    }
}

/// Adds what became of each document, which has the name of its attachment if it came in one.
fn parsed<'d>(mut checked: Value, documents: impl Iterator<Item = (Option<&'d str>, Result<Report<'d>, Reject>)>) -> Value {
    let mut reports = Vec::new();
    let mut skipped = Vec::new();
    let mut first = None;
    for (attachment, document) in documents {
        match document {
            Ok(report) => reports.push(report_json(&report, attachment)),
            Err(reject) => {
                skipped.push(json!({"reason": reject.code(), "detail": reject.to_string(), "attachment": attachment}));
                first.get_or_insert(reject);
            }
        }
    }
    match first {
        Some(reject) if reports.is_empty() => rejected(checked, &reject),
        _ => {
            checked["reports"] = reports.into();
            checked["skipped"] = skipped.into();
            checked
        }
    }
}

fn rejected(mut checked: Value, reject: &Reject) -> Value {
    checked["rejected"] = json!({"reason": reject.code(), "detail": reject.to_string()});
    checked
}

fn mail_json(mail: &Mail<'_>) -> Value {
    json!({
        "sender": mail.sender,
        "sender_domain": mail.sender_domain.as_ref().map(Domain::as_str),
        "submitter": mail.submitter.as_ref().map(Domain::as_str),
        "subject": mail.subject,
        "report_domain": mail.report_domain,
        "date": mail.date.map(UnixMillis::rfc3339),
        "received_at": mail.received_at.map(UnixMillis::rfc3339),
    })
}

fn report_json(report: &Report<'_>, attachment: Option<&str>) -> Value {
    json!({
        "attachment": attachment,
        "reporter": report.organization,
        "report_id": report.report_id,
        "contact": report.contact,
        "period": {"from": report.period.begin.map(UnixSeconds::rfc3339), "to": report.period.end.map(UnixSeconds::rfc3339)},
        "day": report.period.day(),
        "warnings": warnings(&report.warnings),
        "policies": report.policies.iter().map(policy_json).collect::<Vec<_>>(),
    })
}

fn policy_json(policy: &Policy<'_>) -> Value {
    json!({
        "report_key": policy.key.to_string(),
        "domain": policy.domain.as_ref().map(Domain::as_str),
        "domain_sent": policy.domain_sent,
        "policy_type": policy.class,
        "policy_type_sent": policy.type_sent,
        "policy_mode": policy.mode,
        "policy_max_age": policy.max_age,
        "policy_strings": policy.strings,
        "mx_hosts": policy.mx_hosts,
        "successful_sessions": policy.successful,
        "failed_sessions": policy.failed,
        "failures": policy.failures.iter().map(failure_json).collect::<Vec<_>>(),
        "warnings": warnings(&policy.warnings),
    })
}

fn failure_json(failure: &Failure<'_>) -> Value {
    let address = |ip: Option<std::net::IpAddr>, sent: &Option<std::borrow::Cow<'_, str>>| {
        ip.map(|ip| ip.to_string()).or_else(|| sent.as_deref().map(str::to_owned))
    };
    json!({
        "result_type": failure.result,
        "result_type_sent": failure.result_sent,
        "sending_ip": address(failure.sending_ip, &failure.sending_ip_sent),
        "receiving_mx": failure.receiving_mx,
        "receiving_mx_helo": failure.receiving_helo,
        "receiving_ip": address(failure.receiving_ip, &failure.receiving_ip_sent),
        "failed_sessions": failure.sessions,
        "reason": failure.reason,
        "additional_information": failure.additional,
    })
}

fn warnings(codes: &[WarningCode]) -> Vec<Value> {
    codes.iter().map(|code| json!({"code": code.as_str(), "meaning": code.meaning()})).collect()
}

fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The same for people.
fn text(checked: &Value) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_text(&mut out, checked);
    out
}

fn write_text(out: &mut String, checked: &Value) -> std::fmt::Result {
    let list = |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    writeln!(out, "{}", plain(&checked["file"]))?;
    if let Some(mail) = checked.get("mail") {
        writeln!(out, "  mail from {}: {}", plain(&mail["sender"]), plain(&mail["subject"]))?;
    }
    if let Some(rejected) = checked.get("rejected") {
        return writeln!(out, "  rejected ({}): {}", plain(&rejected["reason"]), plain(&rejected["detail"]));
    }
    for skipped in list(checked, "skipped") {
        writeln!(out, "  skipped a document ({}): {}", plain(&skipped["reason"]), plain(&skipped["detail"]))?;
    }
    for report in list(checked, "reports") {
        writeln!(out, "  report {} from {}", plain(&report["report_id"]), plain(&report["reporter"]))?;
        if !report["attachment"].is_null() {
            writeln!(out, "    attachment {}", plain(&report["attachment"]))?;
        }
        writeln!(out, "    period {} to {}", plain(&report["period"]["from"]), plain(&report["period"]["to"]))?;
        write_warnings(out, "    ", &list(&report, "warnings"))?;
        for policy in list(&report, "policies") {
            let mode = if policy["policy_mode"].is_null() { String::new() } else { format!(", mode {}", plain(&policy["policy_mode"])) };
            writeln!(out, "    {} ({}{mode})", plain(&policy["domain"]), plain(&policy["policy_type"]))?;
            writeln!(
                out,
                "      {} successful, {} failed sessions",
                plain(&policy["successful_sessions"]),
                plain(&policy["failed_sessions"])
            )?;
            for failure in list(&policy, "failures") {
                let sent = if failure["result_type_sent"].is_null() {
                    String::new()
                } else {
                    format!(" (sent as {})", plain(&failure["result_type_sent"]))
                };
                writeln!(
                    out,
                    "      {} x {}{sent}, from {} to {}",
                    plain(&failure["failed_sessions"]),
                    plain(&failure["result_type"]),
                    plain(&failure["sending_ip"]),
                    plain(&failure["receiving_mx"]),
                )?;
            }
            write_warnings(out, "      ", &list(&policy, "warnings"))?;
        }
    }
    Ok(())
}

fn write_warnings(out: &mut String, indent: &str, warnings: &[Value]) -> std::fmt::Result {
    for warning in warnings {
        writeln!(out, "{indent}warning {}: {}", plain(&warning["code"]), plain(&warning["meaning"]))?;
    }
    Ok(())
}

/// A value as words; control characters, which a hostile report may bring, cannot reach the terminal.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "unknown".to_owned(),
        Value::String(text) => text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    const REPORT: &str = r#"{"organization-name":"Example\u001b[31m Corp","report-id":"r-1","date-range":{"start-datetime":"2026-05-13T00:00:00Z","end-datetime":"2026-05-13T23:59:59Z"},
        "policies":[{"policy":{"policy-type":"sts","policy-domain":"Example.COM."},"summary":{"total-successful-session-count":12,"total-failure-session-count":3},
        "failure-details":[{"result-type":"certificate-expired","sending-mta-ip":"...","failed-session-count":3}]}]}"#;

    #[test]
    fn what_is_understood_of_a_report_is_shown_with_its_warnings_and_without_control_characters() {
        let checked = check(Path::new("r.json"), REPORT.as_bytes());
        let policy = &checked["reports"][0]["policies"][0];
        assert_eq!(policy["domain"], "example.com");
        assert_eq!(policy["successful_sessions"], 12);
        assert_eq!(policy["failures"][0]["sending_ip"], "...");
        assert!(!policy["warnings"].as_array().unwrap().is_empty());
        let text = text(&checked);
        assert!(text.contains("12 successful, 3 failed sessions"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn a_mail_is_shown_with_its_sender_its_subject_and_each_report() {
        let attachment =
            format!("Content-Disposition: attachment; filename=report.json\r\nContent-Type: application/tlsrpt+json\r\n\r\n{REPORT}");
        let mail = format!(
            "From: Sender <a@sender.example>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n{attachment}\r\n--b\r\n{attachment}\r\n--b--\r\n"
        );
        let checked = check(Path::new("-"), mail.as_bytes());
        assert_eq!(checked["mail"]["sender_domain"], "sender.example");
        assert_eq!(checked["reports"].as_array().unwrap().len(), 2);
        assert_eq!(checked["reports"][1]["attachment"], "report.json");
        let text = text(&checked);
        assert!(text.contains("mail from Sender <a@sender.example>: Grüße"), "{text}");
        assert!(text.contains("attachment report.json"), "{text}");
    }

    #[test]
    fn a_mail_without_a_report_is_shown_with_the_reason() {
        let checked = check(Path::new("-"), b"From: a@sender.example\r\nSubject: hello\r\n\r\nhello\r\n");
        assert_eq!(checked["rejected"]["reason"], "no-report");
        assert!(text(&checked).contains("mail from a@sender.example: hello"));
    }

    #[test]
    fn a_payload_that_cannot_be_counted_is_shown_with_the_reason() {
        let checked = check(Path::new("r.json"), b"{}");
        assert!(checked["rejected"]["reason"].is_string());
        assert!(text(&checked).contains("rejected ("));
    }
}
