//! A domain of a test: what it publishes, first as it should be and then with a fault.

use tlsrpt_publication::{Code, Severity};

/// The tenant's reporting address.
pub(crate) const ADDRESS: &str = "abcdefghijklmnopqrstuvwxyz";
/// What a good policy answers, with `{d}` for the domain.
pub(crate) const POLICY: &str = "version: STSv1\r\nmode: enforce\r\nmx: mx.{d}\r\nmax_age: 604800\r\n";

/// The certificate that the policy's host shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shows {
    Good,
    Expired,
    OtherHost,
    Untrusted,
}

/// A domain, its records, what the policy's host does, and what is to be found.
#[derive(Clone, Debug)]
pub(crate) struct TestDomain {
    /// Its first label; the domain is that below [`BELOW`].
    pub(crate) name: &'static str,
    pub(crate) records: String,
    pub(crate) shows: Shows,
    /// The whole HTTP response.
    pub(crate) response: Vec<u8>,
    pub(crate) expected: Vec<(Code, Severity)>,
}

/// Below it are all domains.
pub(crate) const BELOW: &str = "tested.example";

/// A domain that publishes all that it should.
pub(crate) fn good(name: &'static str) -> TestDomain {
    let records = "_smtp._tls.{d}. TXT \"v=TLSRPTv1; rua=mailto:{a}@reports.example\"
         _mta-sts.{d}. TXT \"v=STSv1; id=20260501T000000;\"
         mta-sts.{d}. A {web}
         {d}. MX 10 mx.{d}.
         mx.{d}. A 127.0.0.9
         _25._tcp.mx.{d}. TLSA 3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let mut domain = TestDomain { name, records: records.to_owned(), shows: Shows::Good, response: Vec::new(), expected: Vec::new() };
    domain.response = response("200 OK", "Content-Type: text/plain\r\n", &POLICY.replace("{d}", &domain.domain()));
    domain
}

pub(crate) fn response(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()).into_bytes()
}

impl TestDomain {
    pub(crate) fn domain(&self) -> String {
        format!("{}.{BELOW}", self.name)
    }

    /// With other records in place of some.
    #[track_caller]
    pub(crate) fn with(mut self, from: &str, to: &str) -> Self {
        assert!(self.records.contains(from), "{from} in {}", self.records);
        self.records = self.records.replace(from, to);
        self
    }

    /// Without the records that begin so.
    pub(crate) fn without(mut self, start: &str) -> Self {
        let kept: Vec<&str> = self.records.lines().map(str::trim).filter(|line| !line.starts_with(start)).collect();
        self.records = kept.join("\n");
        self
    }

    /// With a record more.
    pub(crate) fn and(mut self, record: &str) -> Self {
        self.records = format!("{}\n{record}", self.records);
        self
    }

    /// With another text of the TLS-RPT record.
    pub(crate) fn tlsrpt(self, text: &str) -> Self {
        self.with("v=TLSRPTv1; rua=mailto:{a}@reports.example", text)
    }

    /// With another text of the MTA-STS record.
    pub(crate) fn mta_sts(self, text: &str) -> Self {
        self.with("v=STSv1; id=20260501T000000;", text)
    }

    /// With another policy, `{d}` in it for the domain.
    pub(crate) fn policy(self, text: &str) -> Self {
        let text = text.replace("{d}", &self.domain());
        self.answers(response("200 OK", "Content-Type: text/plain\r\n", &text))
    }

    /// With another answer of the policy's host.
    pub(crate) fn answers(mut self, response: Vec<u8>) -> Self {
        self.response = response;
        self
    }

    pub(crate) fn shows(mut self, shows: Shows) -> Self {
        self.shows = shows;
        self
    }

    /// What is to be found, with the severity that the code usually has, and nothing else.
    pub(crate) fn finds(mut self, codes: &[Code]) -> Self {
        self.expected.extend(codes.iter().map(|&code| (code, code.severity())));
        self
    }

    /// The same with another severity.
    pub(crate) fn finds_as(mut self, code: Code, severity: Severity) -> Self {
        self.expected.push((code, severity));
        self
    }
}
