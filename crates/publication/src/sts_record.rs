//! The MTA-STS record (RFC 8461 3.1).

use crate::{
    finding::{Code, Finding},
    txt::{Field, Fields, Kept, fields, keep_one},
};

const VERSION: &str = "v=STSv1";
const KIND: Kept = Kept {
    version: VERSION,
    is_meant: |text| {
        let text = text.to_ascii_lowercase();
        ["stsv1", "v=sts", "mta-sts", "id="].iter().any(|part| text.contains(part))
    },
    several: Code::MtaStsSeveral,
    misspelt: Code::MtaStsVersion,
    unseparated: None,
};
const ID_MAX_CHARS: usize = 32;

/// What the record says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StsRecord {
    /// Which version of the policy it is; none when the record's is not one.
    pub id: Option<String>,
}

/// Reads the TXT records at `name`, `_mta-sts.` of a domain: what is in force, and what is wrong.
pub(crate) fn read(name: &str, texts: &[String], findings: &mut Vec<Finding>) -> Option<StsRecord> {
    let text = keep_one(&KIND, name, texts, Code::MtaStsMissing, findings)?;
    let Fields { fields, .. } = fields(text, VERSION);
    let mut record = StsRecord::default();
    let mut has_id = false;
    for field in fields {
        match field {
            Field::Named { name: "id", value } if !has_id => {
                has_id = true;
                let is_valid = !value.is_empty() && value.bytes().all(|b| b.is_ascii_alphanumeric());
                match value {
                    _ if value.chars().count() > ID_MAX_CHARS => findings.push(Finding::new(Code::MtaStsIdLong, name).found(value)),
                    _ if !is_valid => findings.push(Finding::new(Code::MtaStsIdInvalid, name).found(value)),
                    _ => record.id = Some(value.to_owned()),
                }
            }
            Field::Named { .. } => {}
            Field::Other(text) => findings.push(Finding::new(Code::MtaStsField, name).found(text)),
        }
    }
    if !has_id {
        findings.push(Finding::new(Code::MtaStsIdMissing, name));
    }
    Some(record)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use proptest::prelude::*;

    use super::*;

    const NAME: &str = "_mta-sts.example.com";

    #[track_caller]
    fn check(texts: &[&str], id: Option<Option<&str>>, codes: &[Code]) {
        let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
        let mut findings = Vec::new();
        let record = read(NAME, &texts, &mut findings);
        assert_eq!(findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), codes, "{texts:?}: {findings:?}");
        assert_eq!(record.map(|record| record.id), id.map(|id| id.map(str::to_owned)), "{texts:?}");
    }

    #[test]
    fn the_record_is_read_as_the_grammar_has_it_and_told_apart_from_what_is_wrong() {
        check(&["v=STSv1; id=20260501T000000;"], Some(Some("20260501T000000")), &[]);
        check(&["v=STSv1 ;id=1; ext=x", "v=spf1 -all"], Some(Some("1")), &[]);
        check(&["v=STSv1; id=1; id=2;"], Some(Some("1")), &[]);
        check(&[], None, &[Code::MtaStsMissing]);
        check(&["v=STSv1; id=1;", "v=STSv1; id=2;"], None, &[Code::MtaStsSeveral]);
        for text in ["v=STSv2; id=1;", "v=stsv1; id=1;", " v=STSv1; id=1;", "v=STSv1 id=1", "v=STSv1"] {
            check(&[text], None, &[Code::MtaStsVersion]);
        }
        check(&["v=STSv1;"], Some(None), &[Code::MtaStsIdMissing]);
        check(&["v=STSv1; nothing; id=1"], Some(Some("1")), &[Code::MtaStsField]);
        check(&[&format!("v=STSv1; id={}", "1".repeat(33))], Some(None), &[Code::MtaStsIdLong]);
        check(&[&format!("v=STSv1; id={}", "1".repeat(32))], Some(Some(&"1".repeat(32))), &[]);
        for id in ["", "2026-05-01", "1 2", "é"] {
            check(&[&format!("v=STSv1; id={id};")], Some(None), &[Code::MtaStsIdInvalid]);
        }
    }

    proptest! {
        #[test]
        fn no_text_whatever_makes_it_panic(texts in prop::collection::vec("(v=STSv1)?[ ;=a-z\\PC]{0,60}", 0..4)) {
            let mut findings = Vec::new();
            let record = read(NAME, &texts, &mut findings);
            prop_assert!(record.is_some_and(|record| record.id.is_some()) || !findings.is_empty());
        }
    }
}
