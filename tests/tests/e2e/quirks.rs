//! What real reports look like, one row a deviation: what is sent, what is counted of it, and the warning that says so.

use serde_json::{Value, json};
use tlsrpt_tests::{Setup, gzip, reported_day, settled, today, wide_period, zip_of};

/// One deviation. `D` in the expectation stands for the row's own domain.
struct Quirk {
    name: &'static str,
    /// What differs in the document; it is told the domain.
    document: fn(&mut Value, &str),
    /// What differs in its text or bytes.
    payload: fn(String) -> Vec<u8>,
    /// Policies as listed, then the headline numbers.
    expected: &'static str,
}

/// A report of one policy, as RFC 8460 has it.
fn base(domain: &str) -> Value {
    let day = reported_day();
    json!({
        "organization-name": "Sender",
        "date-range": {"start-datetime": format!("{day}T00:00:00Z"), "end-datetime": format!("{day}T23:59:59Z")},
        "contact-info": "tls@sender.example",
        "report-id": format!("2026_{domain}"),
        "policies": [policy(domain)],
    })
}

fn policy(domain: &str) -> Value {
    json!({
        "policy": {
            "policy-type": "sts",
            "policy-string": ["version: STSv1", "mode: testing", format!("mx: mx.{domain}"), "max_age: 604800"],
            "policy-domain": domain,
            "mx-host": [format!("mx.{domain}")],
        },
        "summary": {"total-successful-session-count": 10, "total-failure-session-count": 3},
        "failure-details": [detail()],
    })
}

fn detail() -> Value {
    json!({"result-type": "certificate-expired", "sending-mta-ip": "198.51.100.1", "receiving-mx-hostname": "mx.example", "failed-session-count": 3})
}

const AS_IT_IS: fn(String) -> Vec<u8> = String::into_bytes;
const NOTHING: fn(&mut Value, &str) = |_, _| {};
const REGULAR: &str = "D sts(testing) 10/3 [] = 10/3";

macro_rules! quirks {
    ($($name:literal: |$document:ident, $domain:pat_param| $change:expr => $expected:expr;)+) => {
        &[$(Quirk { name: $name, document: |$document, $domain| { $change; }, payload: AS_IT_IS, expected: $expected },)+]
    };
}

/// The one policy's block.
fn block(document: &mut Value) -> &mut Value {
    &mut document["policies"][0]
}

/// A field of the one policy.
fn field<'a>(document: &'a mut Value, name: &str) -> &'a mut Value {
    &mut block(document)["policy"][name]
}

/// The one failure's detail.
fn failure<'a>(document: &'a mut Value, name: &str) -> &'a mut Value {
    &mut block(document)["failure-details"][0][name]
}

fn remove(object: &mut Value, name: &str) {
    object.as_object_mut().unwrap().remove(name).unwrap();
}

fn dates(document: &mut Value, start: Value, end: Value) {
    document["date-range"] = json!({"start-datetime": start, "end-datetime": end});
}

const DOCUMENTS: &[Quirk] = quirks! {
    "a report as RFC 8460 has it": |_d, _| {} => REGULAR;
    "contact-info is null": |d, _| d["contact-info"] = Value::Null => REGULAR;
    "contact-info is missing": |d, _| remove(d, "contact-info") => REGULAR;
    "report-id is missing": |d, _| remove(d, "report-id") => "D sts(testing) 10/3 [missing-report-id] = 10/3";
    "report-id is a number": |d, _| d["report-id"] = json!(123) => REGULAR;
    "organization-name is missing": |d, _| remove(d, "organization-name") => "D sts(testing) 10/3 [missing-organization] = 10/3";
    "sending-mta-ip is missing": |d, _| remove(&mut block(d)["failure-details"][0], "sending-mta-ip") => REGULAR;
    "sending-mta-ip is empty": |d, _| *failure(d, "sending-mta-ip") = json!("") => REGULAR;
    "sending-mta-ip is `...`": |d, _| *failure(d, "sending-mta-ip") = json!("...") => "D sts(testing) 10/3 [invalid-sending-ip] = 10/3";
    "sending-mta-ip is a host name": |d, _| *failure(d, "sending-mta-ip") = json!("mail.example") => "D sts(testing) 10/3 [invalid-sending-ip] = 10/3";
    "sending-mta-ip has a port": |d, _| *failure(d, "sending-mta-ip") = json!("198.51.100.1:25") => "D sts(testing) 10/3 [invalid-sending-ip] = 10/3";
    "sending-mta-ip is in brackets": |d, _| *failure(d, "sending-mta-ip") = json!("[2001:db8::1]") => "D sts(testing) 10/3 [invalid-sending-ip] = 10/3";
    "the only detail has no count": |d, _| remove(&mut block(d)["failure-details"][0], "failed-session-count") => "D sts(testing) 10/3 [detail-count-from-summary] = 10/3";
    "the only detail's count is null": |d, _| *failure(d, "failed-session-count") = Value::Null => "D sts(testing) 10/3 [detail-count-from-summary] = 10/3";
    "a count is a text": |d, _| *failure(d, "failed-session-count") = json!("3") => REGULAR;
    "a count is negative": |d, _| *failure(d, "failed-session-count") = json!(-3) => "D sts(testing) 10/3 [invalid-detail-count] = 10/3";
    "a count is a fraction": |d, _| *failure(d, "failed-session-count") = json!(1.5) => "D sts(testing) 10/3 [invalid-detail-count] = 10/3";
    "one of two details has no count": |d, _| block(d)["failure-details"] = json!([detail(), {"result-type": "validation-failure"}]) => "D sts(testing) 10/3 [missing-detail-count] = 10/3";
    "the summary's counts are texts": |d, _| block(d)["summary"] = json!({"total-successful-session-count": "10", "total-failure-session-count": "3"}) => REGULAR;
    "the summary has no failures": |d, _| remove(&mut block(d)["summary"], "total-failure-session-count") => "D sts(testing) 10/3 [failed-count-from-details,missing-failed-count] = 10/3";
    "the summary has no successes": |d, _| remove(&mut block(d)["summary"], "total-successful-session-count") => "D sts(testing) -/3 [missing-successful-count] = 0/3";
    "details do not add up to the summary": |d, _| block(d)["failure-details"] = json!([detail(), detail()]) => "D sts(testing) 10/3 [details-mismatch] = 10/3";
    "policy-domain is missing and the report-id's tail names it": |d, _| { *field(d, "policy-type") = json!("no-policy-found"); remove(&mut block(d)["policy"], "policy-domain") } => "D no-policy-found 10/3 [missing-policy-domain] = 10/3";
    "policy-domain in upper case, with a dot and blanks": |d, domain| *field(d, "policy-domain") = json!(format!(" {}. ", domain.to_uppercase())) => REGULAR;
    "policy-domain is a U-label": |d, domain| *field(d, "policy-domain") = json!(format!("Bücher.{domain}")) => "xn--bcher-kva.D sts(testing) 10/3 [] = 10/3";
    "policy-type in upper case": |d, _| *field(d, "policy-type") = json!("STS") => "D sts(testing) 10/3 [policy-type-spelling] = 10/3";
    "policy-type is `dane`": |d, _| *field(d, "policy-type") = json!("dane") => "D tlsa 10/3 [policy-type-spelling] = 10/3";
    "policy-type is `dane-only`": |d, _| *field(d, "policy-type") = json!("dane-only") => "D tlsa 10/3 [policy-type-spelling] = 10/3";
    "policy-type is none of RFC 8460's": |d, _| *field(d, "policy-type") = json!("invalid-policy-type") => "D other 10/3 [unknown-policy-type] = 10/3";
    "policy-type is missing": |d, _| remove(&mut block(d)["policy"], "policy-type") => "D other 10/3 [missing-policy-type] = 10/3";
    "policy-string is one text of several lines": |d, _| *field(d, "policy-string") = json!("version: STSv1\r\nmode: enforce\r\nmax_age: 86400") => "D sts(enforce) 10/3 [policy-string-form] = 10/3";
    "policy-string is a JSON array inside a text": |d, _| *field(d, "policy-string") = json!("[\"version: STSv1\",\"mode: enforce\"]") => "D sts(enforce) 10/3 [policy-string-form] = 10/3";
    "policy-string with odd spacing": |d, _| *field(d, "policy-string") = json!(["version :STSv1", " Mode:  enforce "]) => "D sts(enforce) 10/3 [] = 10/3";
    "mx-host is one text": |d, _| *field(d, "mx-host") = json!("*.mx.example") => "D sts(testing) 10/3 [mx-host-form] = 10/3";
    "mx-host is null": |d, _| *field(d, "mx-host") = Value::Null => "D sts(testing) 10/3 [mx-host-form] = 10/3";
    "the key is mx-host-pattern": |d, _| { let hosts = field(d, "mx-host").take(); remove(&mut block(d)["policy"], "mx-host"); *field(d, "mx-host-pattern") = hosts } => "D sts(testing) 10/3 [mx-host-form] = 10/3";
    "mx-host with the prefix of a policy line": |d, _| *field(d, "mx-host") = json!(["mx: mx.example"]) => "D sts(testing) 10/3 [mx-host-prefix] = 10/3";
    "failure-details is null": |d, _| block(d)["failure-details"] = Value::Null => "D sts(testing) 10/3 [failure-details-form] = 10/3";
    "failure-details is missing": |d, _| remove(block(d), "failure-details") => REGULAR;
    "failure-details is a lone object": |d, _| block(d)["failure-details"] = detail() => "D sts(testing) 10/3 [failure-details-form] = 10/3";
    "additional-info-uri and a reason that is a number": |d, _| { *failure(d, "additional-info-uri") = json!("https://x.example/"); *failure(d, "failure-reason-code") = json!(404) } => REGULAR;
    "a reason of many words": |d, _| *failure(d, "failure-reason-code") = json!("bad https response code: 404") => REGULAR;
    "result-type in upper case with underscores": |d, _| *failure(d, "result-type") = json!("CERTIFICATE_EXPIRED") => "D sts(testing) 10/3 [result-type-spelling] = 10/3";
    "result-type outside the registry": |d, _| *failure(d, "result-type") = json!("cosmic-rays") => "D sts(testing) 10/3 [unknown-result-type] = 10/3";
    "dates with an offset": |d, _| dates(d, json!(format!("{}T02:00:00+02:00", reported_day())), json!(format!("{}T01:59:59+02:00", reported_day().plus(1)))) => REGULAR;
    "dates with fractional seconds": |d, _| dates(d, json!(format!("{}T00:00:00.000Z", reported_day())), json!(format!("{}T23:59:59.999Z", reported_day()))) => REGULAR;
    "dates without a zone": |d, _| dates(d, json!(format!("{}T00:00:00", reported_day())), json!(format!("{}T23:59:59", reported_day()))) => "D sts(testing) 10/3 [date-format] = 10/3";
    "dates with a blank for the T": |d, _| dates(d, json!(format!("{} 00:00:00Z", reported_day())), json!(format!("{} 23:59:59Z", reported_day()))) => "D sts(testing) 10/3 [date-format] = 10/3";
    "dates in epoch seconds": |d, _| dates(d, json!(reported_day().start().0), json!(reported_day().start().0 + 86_399)) => "D sts(testing) 10/3 [date-format] = 10/3";
    "the end is the next midnight": |d, _| dates(d, json!(format!("{}T00:00:00Z", reported_day())), json!(format!("{}T00:00:00Z", reported_day().plus(1)))) => REGULAR;
    "a period of a week": |d, _| dates(d, json!(format!("{}T00:00:00Z", reported_day().plus(-6))), json!(format!("{}T23:59:59Z", reported_day()))) => REGULAR;
    "the end is before the start": |d, _| dates(d, json!(format!("{}T00:00:00Z", reported_day())), json!(format!("{}T00:00:00Z", reported_day().plus(-2)))) => "D sts(testing) 10/3 [period-reversed] = 10/3";
    "no date at all": |d, _| remove(d, "date-range") => "D sts(testing) 10/3 [missing-date] = 10/3";
    "a date that is none": |d, _| dates(d, json!("yesterday"), json!("today")) => "D sts(testing) 10/3 [invalid-date] = 10/3";
    "dates of 1970": |d, _| dates(d, json!("1970-01-01T00:00:00Z"), json!("1970-01-01T23:59:59Z")) => "D sts(testing) 10/3 [date-out-of-range] = 10/3";
    "dates in the far future": |d, _| dates(d, json!("2106-02-07T00:00:00Z"), json!("2106-02-07T23:59:59Z")) => "D sts(testing) 10/3 [date-out-of-range] = 10/3";
    "the same sessions under sts and tlsa count once": |d, domain| {
        let mut tlsa = policy(domain);
        tlsa["policy"] = json!({"policy-type": "tlsa", "policy-domain": domain, "policy-string": "[\"3 1 1 0D6FCE3D\"]"});
        tlsa["summary"] = json!({"total-successful-session-count": 12, "total-failure-session-count": 1});
        tlsa["failure-details"] = json!([]);
        d["policies"].as_array_mut().unwrap().push(tlsa)
    } => "D sts(testing) 10/3 [], D tlsa 12/1 [policy-string-form] = 12/3";
    "sts and no-policy-found are different sessions": |d, domain| {
        let none = json!({"policy": {"policy-type": "no-policy-found", "policy-domain": domain}, "summary": {"total-successful-session-count": 5, "total-failure-session-count": 1}});
        d["policies"].as_array_mut().unwrap().push(none)
    } => "D sts(testing) 10/3 [], D no-policy-found 5/1 [] = 15/4";
    "one policy of several has no domain": |d, domain| {
        d["report-id"] = json!("no domain here");
        let mut second = policy(domain);
        remove(&mut second["policy"], "policy-domain");
        second["policy"]["policy-type"] = json!("tlsa");
        d["policies"].as_array_mut().unwrap().push(second)
    } => "D sts(testing) 10/3 [], D tlsa 10/3 [missing-policy-domain] = 10/3";
    "one policy of several cannot be counted": |d, domain| d["policies"].as_array_mut().unwrap().push(json!({"policy": {"policy-type": "sts", "policy-domain": domain}})) => "D sts(testing) 10/3 [uncountable-policy] = 10/3";
    "one policy of several is no object": |d, _| d["policies"].as_array_mut().unwrap().push(json!("nothing")) => "D sts(testing) 10/3 [invalid-policies] = 10/3";
    "one policy stands there twice": |d, domain| d["policies"].as_array_mut().unwrap().push(policy(domain)) => "D sts(testing) 10/3 [duplicate-policy] = 10/3";
    "policies is a lone object": |d, domain| d["policies"] = policy(domain) => "D sts(testing) 10/3 [invalid-policies] = 10/3";
    "fields that nobody knows": |d, _| { d["x"] = json!({"y": [1, {"z": null}]}); *failure(d, "w") = json!([[]]) } => REGULAR;
};

/// The text with a byte order mark, in UTF-16.
fn utf16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    format!("\u{feff}{text}").encode_utf16().flat_map(to_bytes).collect()
}

const PAYLOADS: &[Quirk] = &[
    Quirk {
        name: "gzip followed by a line end",
        document: NOTHING,
        payload: |text| [gzip(text.as_bytes()), b"\r\n".to_vec()].concat(),
        expected: "D sts(testing) 10/3 [gzip-trailing-data] = 10/3",
    },
    Quirk {
        name: "two gzip members",
        document: NOTHING,
        payload: |text| [gzip(&text.as_bytes()[..40]), gzip(&text.as_bytes()[40..])].concat(),
        expected: "D sts(testing) 10/3 [gzip-members] = 10/3",
    },
    Quirk {
        name: "gzip inside gzip",
        document: NOTHING,
        payload: |text| gzip(&gzip(text.as_bytes())),
        expected: "D sts(testing) 10/3 [nested-compression] = 10/3",
    },
    Quirk {
        name: "a zip archive",
        document: NOTHING,
        payload: |text| zip_of(&[("r.json", text.as_bytes())]),
        expected: "D sts(testing) 10/3 [zip-archive] = 10/3",
    },
    Quirk {
        name: "a byte-order mark",
        document: NOTHING,
        payload: |text| format!("\u{feff}{text}").into_bytes(),
        expected: "D sts(testing) 10/3 [byte-order-mark] = 10/3",
    },
    Quirk {
        name: "UTF-16, little-endian",
        document: NOTHING,
        payload: |text| utf16(&text, u16::to_le_bytes),
        expected: "D sts(testing) 10/3 [byte-order-mark,utf-16] = 10/3",
    },
    Quirk {
        name: "UTF-16, big-endian",
        document: NOTHING,
        payload: |text| utf16(&text, u16::to_be_bytes),
        expected: "D sts(testing) 10/3 [byte-order-mark,utf-16] = 10/3",
    },
    Quirk {
        name: "Latin-1 in the organisation's name",
        document: NOTHING,
        payload: |text| {
            text.replace("Sender", "S\u{1}nder").into_bytes().into_iter().map(|byte| if byte == 1 { 0xe9 } else { byte }).collect()
        },
        expected: "D sts(testing) 10/3 [latin-1] = 10/3",
    },
    Quirk {
        name: "padded with NUL",
        document: NOTHING,
        payload: |text| format!("{text}\0\0\0").into_bytes(),
        expected: "D sts(testing) 10/3 [nul-padding] = 10/3",
    },
    Quirk {
        name: "an unpaired surrogate",
        document: NOTHING,
        payload: |text| text.replace("Sender", "S\\ud800nder").into_bytes(),
        expected: "D sts(testing) 10/3 [repaired-json] = 10/3",
    },
    Quirk {
        name: "blanks and line ends around",
        document: NOTHING,
        payload: |text| format!("\r\n\t {text} \r\n").into_bytes(),
        expected: REGULAR,
    },
    Quirk {
        name: "something after the object",
        document: NOTHING,
        payload: |text| format!("{text}{{}}").into_bytes(),
        expected: "D sts(testing) 10/3 [trailing-data] = 10/3",
    },
];

#[tokio::test]
async fn every_known_deviation_is_counted_as_far_as_it_can_be_and_marked() {
    let service = Setup::new().start().await;
    let (operator, sender) = (service.operator(), service.sender());
    let access = operator.tenant("acme", &[]).await;
    let tenant = service.tenant(&access.key);
    let rows: Vec<(String, &Quirk)> =
        DOCUMENTS.iter().chain(PAYLOADS).enumerate().map(|(number, quirk)| (format!("q{number}.example"), quirk)).collect();
    for (domain, quirk) in &rows {
        operator.claim("acme", domain).await;
        let mut document = base(domain);
        (quirk.document)(&mut document, domain);
        let answer = sender.post((quirk.payload)(document.to_string())).await;
        assert_eq!(answer.status, 201, "{}: {}", quirk.name, answer.text());
    }
    settled(&operator, rows.len() as u64).await;

    let mut wrong = Vec::new();
    for (domain, quirk) in &rows {
        let query = format!("{}&domain={domain}&subdomains=true", wide_period());
        let listed = tenant.json(&format!("/v1/reports?{query}")).await;
        let summary = tenant.json(&format!("/v1/summary?{query}")).await;
        let found = shown(&listed, &summary).replace(domain.as_str(), "D");
        if found != quirk.expected {
            wrong.push(format!("{}\n  expected {}\n  found    {found}", quirk.name, quirk.expected));
        }
    }
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
    service.finish().await;
}

/// Policies by class, then the headline numbers.
fn shown(listed: &Value, summary: &Value) -> String {
    let count = |value: &Value| value.as_u64().map_or_else(|| "-".to_owned(), |count| count.to_string());
    let mut policies: Vec<(usize, String)> = listed["reports"]
        .as_array()
        .unwrap()
        .iter()
        .map(|report| {
            let class = report["policy_type"].as_str().unwrap();
            let mode = report["policy_mode"].as_str().map(|mode| format!("({mode})")).unwrap_or_default();
            let mut warnings: Vec<&str> = report["warnings"].as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect();
            warnings.sort_unstable();
            let numbers = format!("{}/{}", count(&report["successful_sessions"]), count(&report["failed_sessions"]));
            let order = ["sts", "tlsa", "no-policy-found", "other"].iter().position(|known| *known == class).unwrap();
            (order, format!("{} {class}{mode} {numbers} [{}]", report["domain"].as_str().unwrap(), warnings.join(",")))
        })
        .collect();
    policies.sort();
    let policies: Vec<String> = policies.into_iter().map(|(_, text)| text).collect();
    format!("{} = {}/{}", policies.join(", "), count(&summary["successful_sessions"]), count(&summary["failed_sessions"]))
}

#[tokio::test]
async fn a_report_without_a_date_is_shown_under_its_receipt_and_a_resend_does_not_count_again() {
    let service = Setup::new().start().await;
    let (operator, sender) = (service.operator(), service.sender());
    let access = operator.tenant("acme", &["example.com"]).await;
    let mut document = base("example.com");
    remove(&mut document, "date-range");
    sender.send(document.to_string()).await;
    sender.send(gzip(document.to_string().as_bytes())).await;
    let ledger = settled(&operator, 2).await;
    assert_eq!((ledger.stored, ledger.duplicate), (1, 1), "{ledger:?}");
    let tenant = service.tenant(&access.key);
    let listed = tenant.json("/v1/reports").await;
    assert_eq!(listed["reports"][0]["period"], json!({"from": null, "to": null}), "no date is made up: {listed}");
    let key = listed["reports"][0]["report_key"].as_str().unwrap();
    let day = tenant.json(&format!("/v1/reports/{key}")).await["day"].as_str().unwrap().to_owned();
    let days = [today().to_string(), today().plus(-1).to_string()];
    assert!(days.contains(&day), "{day} is the day of the receipt, or midnight passed since: {days:?}");
    service.finish().await;
}

#[tokio::test]
async fn a_report_whose_domain_nobody_can_tell_is_unclaimed_and_not_lost() {
    let service = Setup::new().start().await;
    let (operator, sender) = (service.operator(), service.sender());
    for (id, domain) in [("a", Value::Null), ("b", json!("not a domain!")), ("c", json!(7))] {
        let mut document = base("example.com");
        document["report-id"] = json!(id);
        *field(&mut document, "policy-domain") = domain;
        sender.send(document.to_string()).await;
    }
    let ledger = settled(&operator, 3).await;
    assert_eq!((ledger.unclaimed, ledger.accepted), (3, 3), "{ledger:?}");
    let unclaimed = operator.json("/admin/v1/unclaimed").await;
    assert_eq!((&unclaimed["domains"][0]["domain"], &unclaimed["domains"][0]["reports"]), (&json!(""), &json!(3)), "{unclaimed}");
    service.finish().await;
}
