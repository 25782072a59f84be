//! Faults of the policy and of its host.

use tlsrpt_publication::{Code, POLICY_MAX_BYTES};

use crate::{
    domain::{POLICY, Shows, TestDomain, good, response},
    world::world,
};

const TEXT: &str = "Content-Type: text/plain\r\n";

pub(crate) fn domains() -> Vec<TestDomain> {
    let none = Code::MtaStsWithoutPolicy;
    let with = |from: &str, to: &str| POLICY.replace(from, to);
    let mut all = vec![
        good("host-missing").without("mta-sts.").finds(&[none, Code::PolicyHostMissing]),
        good("host-without-address")
            .with("mta-sts.{d}. A {web}", "mta-sts.{d}. TXT \"no address\"")
            .finds(&[none, Code::PolicyHostMissing]),
        good("host-alias").with("mta-sts.{d}. A {web}", "mta-sts.{d}. CNAME web.{d}.\nweb.{d}. A {web}"),
        good("connection").with("{web}", "{silent}").finds(&[none, Code::PolicyConnection]),
        good("tls").with("{web}", "{without-tls}").finds(&[none, Code::PolicyTls]),
        good("certificate-expired").shows(Shows::Expired).finds(&[none, Code::PolicyCertificateExpired]),
        good("certificate-host").shows(Shows::OtherHost).finds(&[none, Code::PolicyCertificateHost]),
        good("certificate-untrusted").shows(Shows::Untrusted).finds(&[none, Code::PolicyCertificateUntrusted]),
        good("status").answers(response("404 Not Found", TEXT, "no")).finds(&[none, Code::PolicyStatus]),
        good("too-large").policy(&(POLICY.to_owned() + &"x".repeat(POLICY_MAX_BYTES))).finds(&[none, Code::PolicyTooLarge]),
        good("not-text")
            .answers(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\n\xff\xfe".to_vec())
            .finds(&[none, Code::PolicyNotText]),
        good("line").policy(&(POLICY.to_owned() + "<html>\r\n")).finds(&[none, Code::PolicyLine]),
        good("field-repeated").policy(&(POLICY.to_owned() + "mode: testing\r\n")).finds(&[Code::PolicyFieldRepeated]),
        good("version-missing").policy(&with("version: STSv1\r\n", "")).finds(&[none, Code::PolicyVersionMissing]),
        good("version-unknown").policy(&with("STSv1", "STSv2")).finds(&[none, Code::PolicyVersionUnknown]),
        good("version-not-first").policy(&(with("version: STSv1\r\n", "") + "version: STSv1\r\n")).finds(&[Code::PolicyVersionNotFirst]),
        good("mode-missing").policy(&with("mode: enforce\r\n", "")).finds(&[none, Code::PolicyModeMissing]),
        good("mode-unknown").policy(&with("enforce", "strict")).finds(&[none, Code::PolicyModeUnknown]),
        good("no-mx").policy(&with("mx: mx.{d}\r\n", "")).finds(&[none, Code::PolicyNoMx]),
        good("mx-invalid").policy(&with("mx: mx.{d}", "mx: mx.*.{d}")).finds(&[none, Code::PolicyMxInvalid]),
        good("max-age-missing").policy(&with("max_age: 604800\r\n", "")).finds(&[none, Code::PolicyMaxAgeMissing]),
        good("max-age-invalid").policy(&with("604800", "31557601")).finds(&[none, Code::PolicyMaxAgeInvalid]),
        good("max-age-short").policy(&with("604800", "3600")).finds(&[Code::PolicyMaxAgeShort]),
        good("unknown-field").policy(&(POLICY.to_owned() + "x-owner: somebody\r\n")),
        good("line-feeds").policy(&with("\r\n", "\n")),
        good("mode-none").policy("version: STSv1\r\nmode: none\r\nmax_age: 86400\r\n"),
        good("wildcard").policy(&with("mx.{d}", "*.{d}")),
    ];
    let redirect = good("redirect");
    let moved = format!("Location: https://{}/.well-known/mta-sts.txt\r\n{TEXT}", redirect.domain());
    all.push(redirect.answers(response("301 Moved Permanently", &moved, "")).finds(&[none, Code::PolicyRedirect]));
    let media_type = good("media-type");
    let policy = POLICY.replace("{d}", &media_type.domain());
    all.push(media_type.answers(response("200 OK", "Content-Type: text/html\r\n", &policy)).finds(&[none, Code::PolicyMediaType]));
    all
}

#[tokio::test]
async fn every_fault_of_the_policy_and_its_host_is_found_and_nothing_else() {
    let Some(world) = world().await else { return };
    world.check_all(domains()).await;
}
