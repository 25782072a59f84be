//! Faults of the mail servers' records, and of the policy held against them.

use tlsrpt_publication::{Code, Severity};

use crate::{
    domain::{POLICY, TestDomain, good},
    world::world,
};

pub(crate) fn domains() -> Vec<TestDomain> {
    let many: String = (0..21).map(|n| format!("{{d}}. MX {n} mx{n}.{{d}}.\nmx{n}.{{d}}. A 127.0.0.9\n")).collect();
    let second = "{d}. MX 20 mx2.{d}.\nmx2.{d}. A 127.0.0.9";
    vec![
        good("mx-uncovered").and(second).finds(&[Code::PolicyMxUncovered]),
        good("mx-uncovered-testing")
            .and(second)
            .policy(&POLICY.replace("enforce", "testing"))
            .finds_as(Code::PolicyMxUncovered, Severity::Warning),
        good("mx-unused").policy(&(POLICY.to_owned() + "mx: old.{d}\r\n")).finds(&[Code::PolicyMxUnused]),
        good("mx-missing").without("{d}. MX").policy(&POLICY.replace("mx.{d}", "{d}")).finds(&[Code::MxMissing]),
        good("mx-null").with("{d}. MX 10 mx.{d}.", "{d}. MX 0 .").finds(&[Code::MxNull]),
        good("mx-null-among-others").and("{d}. MX 0 .").finds(&[Code::MxNullAmongOthers]),
        good("mx-is-address").with("{d}. MX 10 mx.{d}.", "{d}. MX 10 mx.{d}.\n{d}. MX 20 127.0.0.9.").finds(&[Code::MxIsAddress]),
        good("mx-is-alias")
            .and("{d}. MX 20 mx2.{d}.\nmx2.{d}. CNAME mx.{d}.")
            .policy(&(POLICY.to_owned() + "mx: mx2.{d}\r\n"))
            .finds(&[Code::MxIsAlias]),
        good("mx-without-address").without("mx.{d}. A").finds(&[Code::MxWithoutAddress]),
        good("mx-ipv6-alone").with("mx.{d}. A 127.0.0.9", "mx.{d}. AAAA 2001:db8::9"),
        good("mx-many").without("{d}. MX").and(&many).policy(&POLICY.replace("mx.{d}", "*.{d}")).finds(&[Code::MxMany]),
        good("tlsa-usage").and("_25._tcp.mx.{d}. TLSA 1 1 1 0123456789abcdef").finds(&[Code::TlsaUsage]),
    ]
}

#[tokio::test]
async fn every_fault_of_the_mail_servers_is_found_and_nothing_else() {
    let Some(world) = world().await else { return };
    world.check_all(domains()).await;
}
