//! The TLS-RPT record (RFC 8460 3): strict in what it takes, with a reason for what it does not.

use crate::{
    finding::{Code, Finding},
    txt::{Field, Fields, Kept, fields, keep_one},
};

const VERSION: &str = "v=TLSRPTv1";
/// How version, fields and the codes of what is wrong with them are called here.
const KIND: Kept = Kept {
    version: VERSION,
    // How others than `v=TLSRPTv1` begin that were meant to be it.
    is_meant: |text| {
        let text = text.to_ascii_lowercase();
        ["tlsrpt", "tslrpt", "tls-rpt", "tlsrtp", "rua="].iter().any(|part| text.contains(part))
    },
    several: Code::TlsrptSeveral,
    misspelt: Code::TlsrptVersion,
    unseparated: Some(Code::TlsrptSemicolon),
};
/// More addresses than anybody needs: a report goes to each of them.
const RUA_MAX: usize = 4;

/// What the record says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsrptRecord {
    /// The URIs of all `rua` fields, as they stand there.
    pub rua: Vec<String>,
}

/// Reads the TXT records at `name`, `_smtp._tls.` of a domain: what is in force, and what is wrong. Of records that are in force there
/// is one or none.
pub(crate) fn read(name: &str, texts: &[String], findings: &mut Vec<Finding>) -> Option<TlsrptRecord> {
    let text = keep_one(&KIND, name, texts, Code::TlsrptMissing, findings)?;
    Some(parse(name, text, findings))
}

/// Reads one record that begins with the version.
fn parse(name: &str, text: &str, findings: &mut Vec<Finding>) -> TlsrptRecord {
    let Fields { fields, is_unseparated } = fields(text, VERSION);
    if is_unseparated {
        findings.push(Finding::new(Code::TlsrptSemicolon, name).found(text));
    }
    let mut record = TlsrptRecord::default();
    let mut rua_fields = 0_usize;
    for field in fields {
        match field {
            Field::Named { name: "rua", value } => {
                rua_fields = rua_fields.saturating_add(1);
                uris(name, value, &mut record.rua, findings);
            }
            Field::Named { name: field, .. } if field.trim().eq_ignore_ascii_case("rua") => {
                findings.push(Finding::new(Code::TlsrptField, name).found(field));
            }
            Field::Named { .. } => {}
            // What follows an address was a part of it.
            Field::Other(text) if rua_fields > 0 => findings.push(Finding::new(Code::TlsrptUriUnescaped, name).found(format!(";{text}"))),
            Field::Other(text) => findings.push(Finding::new(Code::TlsrptField, name).found(text)),
        }
    }
    if rua_fields > 1 {
        findings.push(Finding::new(Code::TlsrptRuaRepeated, name));
    }
    if rua_fields == 0 {
        findings.push(Finding::new(Code::TlsrptNoRua, name));
    }
    if record.rua.len() > RUA_MAX {
        findings.push(Finding::new(Code::TlsrptRuaMany, name).found(record.rua.len().to_string()));
    }
    record
}

/// Reads the value of a `rua`: URIs with commas between.
fn uris(name: &str, value: &str, rua: &mut Vec<String>, findings: &mut Vec<Finding>) {
    for (place, uri) in value.split(',').map(str::trim).enumerate() {
        let finding = |code: Code| Finding::new(code, name).found(uri);
        match Uri::parse(uri) {
            _ if uri.contains('!') => findings.push(finding(Code::TlsrptUriUnescaped)),
            // Two fields with blanks between in place of a semicolon, or two addresses without a comma.
            _ if uri.contains(char::is_whitespace) => {
                let code =
                    if uri.split_whitespace().skip(1).any(|word| word.contains('=')) { Code::TlsrptSemicolon } else { Code::TlsrptUri };
                findings.push(finding(code));
                // It is clear what was meant; whose address it is, is said too.
                rua.extend(uri.split_whitespace().next().map(str::to_owned));
            }
            // What follows a comma and has no scheme was a part of the address before.
            Uri::NoScheme if place > 0 => findings.push(finding(Code::TlsrptUriUnescaped)),
            Uri::NoScheme | Uri::Bad => findings.push(finding(Code::TlsrptUri)),
            Uri::Http => findings.push(finding(Code::TlsrptHttp)),
            Uri::Unknown => findings.push(finding(Code::TlsrptScheme)),
            Uri::Mail { .. } | Uri::Https { .. } => rua.push(uri.to_owned()),
        }
    }
}

/// Where a URI of `rua` leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Uri<'u> {
    /// `mailto:`.
    Mail { local: &'u str, host: &'u str },
    /// `https:`: the host with its port, as written, and the path with what follows.
    Https { host: &'u str, path: &'u str },
    /// `http:`.
    Http,
    /// Another scheme.
    Unknown,
    /// None.
    NoScheme,
    /// A known scheme, and nothing behind it that could be reached.
    Bad,
}

impl<'u> Uri<'u> {
    pub(crate) fn parse(uri: &'u str) -> Self {
        let Some((scheme, rest)) = uri.split_once(':').filter(|(scheme, _)| is_scheme(scheme)) else { return Self::NoScheme };
        // Schemes are compared without case (RFC 3986 3.1).
        match &*scheme.to_ascii_lowercase() {
            "mailto" => {
                let address = rest.split_once('?').map_or(rest, |(address, _)| address);
                match address.rsplit_once('@') {
                    Some((local, host)) if is_printable(local) && is_host(host) => Self::Mail { local, host },
                    _ => Self::Bad,
                }
            }
            "https" => {
                let Some(rest) = rest.strip_prefix("//") else { return Self::Bad };
                let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
                let (host, path) = rest.split_at(end);
                let bare = host.rsplit_once(':').map_or(host, |(bare, _)| bare);
                if is_host(bare) && (path.is_empty() || is_printable(path)) { Self::Https { host, path } } else { Self::Bad }
            }
            "http" => Self::Http,
            _ => Self::Unknown,
        }
    }
}

/// RFC 3986 3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
}

fn is_printable(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic())
}

fn is_host(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)) && !text.contains("..")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use proptest::prelude::*;

    use super::*;

    const NAME: &str = "_smtp._tls.example.com";

    #[track_caller]
    fn check(texts: &[&str], rua: Option<&[&str]>, codes: &[Code]) {
        let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
        let mut findings = Vec::new();
        let record = read(NAME, &texts, &mut findings);
        assert_eq!(findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), codes, "{texts:?}: {findings:?}");
        let found = record.map(|record| record.rua);
        assert_eq!(found, rua.map(|rua| rua.iter().map(|&uri| uri.to_owned()).collect()), "{texts:?}");
    }

    #[test]
    fn records_as_they_should_be_are_read_without_a_finding() {
        check(&["v=TLSRPTv1; rua=mailto:a@b.example"], Some(&["mailto:a@b.example"]), &[]);
        check(&["v=TLSRPTv1;rua=mailto:a@b.example;"], Some(&["mailto:a@b.example"]), &[]);
        let both = ["mailto:a@b.example", "https://b.example/v1"];
        check(&["v=TLSRPTv1 ; rua=mailto:a@b.example , https://b.example/v1 ; "], Some(&both), &[]);
        check(&["v=TLSRPTv1; x=y; rua=mailto:a%2Cb@b.example", "v=spf1 -all"], Some(&["mailto:a%2Cb@b.example"]), &[]);
        check(&["v=TLSRPTv1; rua=MAILTO:a@b.example"], Some(&["MAILTO:a@b.example"]), &[]);
    }

    #[test]
    fn no_record_and_several_records_are_none() {
        check(&[], None, &[Code::TlsrptMissing]);
        check(&["some other text"], None, &[Code::TlsrptMissing]);
        check(&["v=TLSRPTv1; rua=mailto:a@b.example", "v=TLSRPTv1; rua=mailto:c@b.example"], None, &[Code::TlsrptSeveral]);
    }

    #[test]
    fn a_record_of_another_version_is_told_from_no_record() {
        for text in [
            "v=TSLRPTv1; rua=mailto:a@b.example",
            "v=tlsrptv1; rua=mailto:a@b.example",
            "V=TLSRPTv1; rua=mailto:a@b.example",
            " v=TLSRPTv1; rua=mailto:a@b.example",
            "v=TLSRPTv2; rua=mailto:a@b.example",
            "\"v=TLSRPTv1; rua=mailto:a@b.example\"",
        ] {
            check(&[text], None, &[Code::TlsrptVersion]);
        }
    }

    #[test]
    fn a_missing_semicolon_is_found_wherever_it_is_missing() {
        check(&["v=TLSRPTv1 rua=mailto:a@b.example"], Some(&["mailto:a@b.example"]), &[Code::TlsrptSemicolon]);
        check(&["v=TLSRPTv1"], Some(&[]), &[Code::TlsrptSemicolon, Code::TlsrptNoRua]);
        check(&["v=TLSRPTv1; rua=mailto:a@b.example x=y"], Some(&["mailto:a@b.example"]), &[Code::TlsrptSemicolon]);
    }

    #[test]
    fn what_is_wrong_with_the_addresses_is_said_for_each() {
        check(&["v=TLSRPTv1;"], Some(&[]), &[Code::TlsrptNoRua]);
        check(&["v=TLSRPTv1; RUA=mailto:a@b.example"], Some(&[]), &[Code::TlsrptField, Code::TlsrptNoRua]);
        check(&["v=TLSRPTv1; a@b.example"], Some(&[]), &[Code::TlsrptField, Code::TlsrptNoRua]);
        check(&["v=TLSRPTv1; rua=a@b.example"], Some(&[]), &[Code::TlsrptUri]);
        check(&["v=TLSRPTv1; rua="], Some(&[]), &[Code::TlsrptUri]);
        check(&["v=TLSRPTv1; rua=mailto:b.example"], Some(&[]), &[Code::TlsrptUri]);
        check(&["v=TLSRPTv1; rua=https:/b.example/"], Some(&[]), &[Code::TlsrptUri]);
        check(&["v=TLSRPTv1; rua=ftp://b.example/"], Some(&[]), &[Code::TlsrptScheme]);
        check(&["v=TLSRPTv1; rua=http://b.example/"], Some(&[]), &[Code::TlsrptHttp]);
        check(&["v=TLSRPTv1; rua=mailto:a@b.example!10m"], Some(&[]), &[Code::TlsrptUriUnescaped]);
        check(&["v=TLSRPTv1; rua=mailto:a,b@b.example"], Some(&[]), &[Code::TlsrptUri, Code::TlsrptUriUnescaped]);
        check(&["v=TLSRPTv1; rua=https://b.example/x;y"], Some(&["https://b.example/x"]), &[Code::TlsrptUriUnescaped]);
        let two = ["mailto:a@b.example", "mailto:c@b.example"];
        check(&["v=TLSRPTv1; rua=mailto:a@b.example; rua=mailto:c@b.example"], Some(&two), &[Code::TlsrptRuaRepeated]);
        let many = ["mailto:a@b.example"; 5];
        check(&[&format!("v=TLSRPTv1; rua={}", many.join(","))], Some(&many), &[Code::TlsrptRuaMany]);
    }

    proptest! {
        #[test]
        fn no_text_whatever_makes_it_panic(texts in prop::collection::vec("(v=TLSRPTv1)?[ ;,=!:@/a-zA-Zäé\\PC]{0,60}", 0..4)) {
            let mut findings = Vec::new();
            let record = read(NAME, &texts, &mut findings);
            // Something is in force, or it is said why not.
            prop_assert!(record.is_some() || !findings.is_empty());
        }

        #[test]
        fn every_record_of_the_grammar_is_read_whole(
            fields in prop::collection::vec(("[a-z][a-z0-9_.-]{0,20}", "[!-:<>-~]{1,20}"), 0..4),
            locals in prop::collection::vec("[a-z0-9.]{1,10}", 1..4),
            blank in "[ \t]{0,2}",
        ) {
            prop_assume!(fields.iter().all(|(name, _)| !name.eq_ignore_ascii_case("rua")));
            let rua: Vec<String> = locals.iter().map(|local| format!("mailto:{local}@b.example")).collect();
            let mut text = format!("v=TLSRPTv1{blank};{blank}rua={}", rua.join(&format!("{blank},{blank}")));
            for (name, value) in &fields {
                text += &format!("{blank};{blank}{name}={value}");
            }
            let mut findings = Vec::new();
            let record = read(NAME, &[text], &mut findings);
            prop_assert_eq!(record.map(|record| record.rua), Some(rua));
            prop_assert_eq!(findings, vec![]);
        }
    }
}
