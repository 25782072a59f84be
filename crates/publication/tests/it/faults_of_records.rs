//! Faults of the two TXT records.

use tlsrpt_publication::Code;

use crate::{
    domain::{TestDomain, good},
    world::world,
};

pub(crate) fn domains() -> Vec<TestDomain> {
    let not_here = Code::TlsrptRuaNotHere;
    vec![
        good("good"),
        good("tlsrpt-none").without("_smtp._tls.").finds(&[Code::TlsrptMissing]),
        good("tlsrpt-other-text").tlsrpt("v=spf1 -all").finds(&[Code::TlsrptMissing]),
        good("tlsrpt-several").and("_smtp._tls.{d}. TXT \"v=TLSRPTv1; rua=mailto:b@b.example\"").finds(&[Code::TlsrptSeveral]),
        good("tlsrpt-misspelt").tlsrpt("v=TSLRPTv1; rua=mailto:{a}@reports.example").finds(&[Code::TlsrptVersion]),
        good("tlsrpt-case").tlsrpt("v=tlsrptv1; rua=mailto:{a}@reports.example").finds(&[Code::TlsrptVersion]),
        good("tlsrpt-space").tlsrpt(" v=TLSRPTv1; rua=mailto:{a}@reports.example").finds(&[Code::TlsrptVersion]),
        good("tlsrpt-in-strings").tlsrpt("v=TLSRPTv1; rua=mailto:{a}\" \"@reports.example"),
        good("tlsrpt-semicolon").tlsrpt("v=TLSRPTv1 rua=mailto:{a}@reports.example").finds(&[Code::TlsrptSemicolon]),
        good("tlsrpt-semicolon-later").tlsrpt("v=TLSRPTv1; rua=mailto:{a}@reports.example x=y").finds(&[Code::TlsrptSemicolon]),
        good("tlsrpt-field").tlsrpt("v=TLSRPTv1; nothing; rua=mailto:{a}@reports.example").finds(&[Code::TlsrptField]),
        good("tlsrpt-no-rua").tlsrpt("v=TLSRPTv1; ruf=mailto:{a}@reports.example").finds(&[Code::TlsrptNoRua]),
        good("tlsrpt-rua-repeated")
            .tlsrpt("v=TLSRPTv1; rua=mailto:{a}@reports.example; rua=https://in.reports.example/v1/tlsrpt/{a}")
            .finds(&[Code::TlsrptRuaRepeated]),
        good("tlsrpt-rua-many")
            .tlsrpt(
                "v=TLSRPTv1; rua=mailto:{a}@reports.example,mailto:1@b.example,mailto:2@b.example,mailto:3@b.example,mailto:4@b.example",
            )
            .finds(&[Code::TlsrptRuaMany])
            .finds(&[Code::TlsrptRuaElsewhere; 4]),
        good("tlsrpt-uri").tlsrpt("v=TLSRPTv1; rua={a}@reports.example").finds(&[Code::TlsrptUri]),
        good("tlsrpt-comma").tlsrpt("v=TLSRPTv1; rua=mailto:{a}@reports.example,x").finds(&[Code::TlsrptUriUnescaped]),
        good("tlsrpt-second-semicolon").tlsrpt("v=TLSRPTv1; rua=mailto:{a}@reports.example;x").finds(&[Code::TlsrptUriUnescaped]),
        good("tlsrpt-exclamation").tlsrpt("v=TLSRPTv1; rua=mailto:{a}@reports.example!10m").finds(&[Code::TlsrptUriUnescaped]),
        good("tlsrpt-scheme").tlsrpt("v=TLSRPTv1; rua=ftp://reports.example/{a}").finds(&[Code::TlsrptScheme]),
        good("tlsrpt-http").tlsrpt("v=TLSRPTv1; rua=http://in.reports.example/v1/tlsrpt/{a}").finds(&[Code::TlsrptHttp]),
        good("tlsrpt-elsewhere").tlsrpt("v=TLSRPTv1; rua=mailto:a@b.example").finds(&[not_here]),
        good("tlsrpt-here-too").tlsrpt("v=TLSRPTv1; rua=mailto:{a}@reports.example,mailto:a@b.example").finds(&[Code::TlsrptRuaElsewhere]),
        good("tlsrpt-address").tlsrpt("v=TLSRPTv1; rua=mailto:zyx@reports.example").finds(&[Code::TlsrptRuaAddress]),
        good("tlsrpt-alias-nowhere")
            .without("_smtp._tls.")
            .and("_smtp._tls.{d}. CNAME tlsrpt.nowhere.example.")
            .finds(&[Code::AliasNowhere]),
        good("tlsrpt-alias")
            .without("_smtp._tls.")
            .and("_smtp._tls.{d}. CNAME here.{d}.\nhere.{d}. TXT \"v=TLSRPTv1; rua=mailto:{a}@reports.example\""),
        good("sts-none").without("_mta-sts.").finds(&[Code::MtaStsWithoutRecord]),
        good("sts-none-at-all").without("_mta-sts.").without("mta-sts.").finds(&[Code::MtaStsMissing]),
        good("sts-several").and("_mta-sts.{d}. TXT \"v=STSv1; id=2;\"").finds(&[Code::MtaStsSeveral]),
        good("sts-version").mta_sts("v=STSv2; id=1;").finds(&[Code::MtaStsVersion]),
        good("sts-field").mta_sts("v=STSv1; nothing; id=1;").finds(&[Code::MtaStsField]),
        good("sts-id-missing").mta_sts("v=STSv1;").finds(&[Code::MtaStsIdMissing]),
        good("sts-id-long").mta_sts("v=STSv1; id=123456789012345678901234567890123;").finds(&[Code::MtaStsIdLong]),
        good("sts-id-invalid").mta_sts("v=STSv1; id=2026-05-01;").finds(&[Code::MtaStsIdInvalid]),
        good("sts-alias-nowhere").without("_mta-sts.").and("_mta-sts.{d}. CNAME sts.nowhere.example.").finds(&[Code::AliasNowhere]),
    ]
}

#[tokio::test]
async fn every_fault_of_the_records_is_found_and_nothing_else() {
    let Some(world) = world().await else { return };
    world.check_all(domains()).await;
}
