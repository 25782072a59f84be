//! A service that others look at: its database as the read-only user, its metrics by Prometheus.

use std::{net::SocketAddr, process::Stdio};

use serde_json::json;
use tlsrpt_tests::{
    Detail, Encoding, MailClient, Policy, Prometheus, Report, Service, Setup, TenantAccess, caught_up, free_address,
    grafana::{Chosen, ClickHouse},
    program, reported_day, today,
};

/// The password of the user `tlsrpt_readonly`.
pub(crate) const PASSWORD: &str = "only for who reads";
/// The user.
pub(crate) const USER: &str = "tlsrpt_readonly";
/// Days of the demo's story.
const DEMO_DAYS: &str = "60";
const DAY_SECONDS: i64 = 86_400;

/// The service and where its database is.
pub(crate) struct Watched {
    pub(crate) service: Service,
    pub(crate) database: SocketAddr,
    /// A tenant with reports under two policy types, and failures.
    pub(crate) acme: TenantAccess,
}

impl Watched {
    /// Starts it, with what the tenant `acme` was reported, a report for nobody, one that came twice, rejects, a mail and a refusal.
    pub(crate) async fn start() -> Self {
        let database = free_address().await;
        let config = format!("[store]\nembedded_listen = \"{database}\"\nembedded_readonly_password = \"{PASSWORD}\"\n");
        let service = Setup::new().config(&config).flag("--mail-host", "mx.example").start().await;
        let (operator, sender) = (service.operator(), service.sender());
        let acme = operator.tenant("acme", &["acme.example"]).await;
        for report in reports() {
            sender.send_to(&acme.address, report.encode(Encoding::Gzip)).await;
        }
        sender.send_to(&acme.address, reports()[0].encode(Encoding::Plain)).await;
        sender.send(Report::new("Example Mail", "nobody's", vec![Policy::sts("unclaimed.example", 8, 1)]).encode(Encoding::Gzip)).await;
        sender.send("{}").await;
        sender.post("nothing").await.is(415);
        let mail = "From: reports@client.example\r\nSubject: no report\r\n\r\nNothing to count.\r\n";
        let mut client = MailClient::connect(&service.smtp_address()).await.unwrap();
        client.send(&format!("{}@mx.example", acme.address), mail).await.unwrap();
        caught_up(&operator).await;
        Self { service, database, acme }
    }

    /// Adds the demo's tenant with its days.
    pub(crate) async fn with_demo(self) -> Self {
        let mut demo = program();
        demo.arg("demo").args(["--days", DEMO_DAYS]).arg("--data-dir").arg(self.service.data_dir());
        demo.args(["--edge-url", &format!("https://{}", self.service.edge_address())]);
        demo.args(["--query-url", &format!("http://{}", self.service.query_address())]);
        let ran = demo.stdin(Stdio::null()).output().unwrap();
        assert!(ran.status.success(), "{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        caught_up(&self.service.operator()).await;
        self
    }

    /// The database, asked by this user.
    pub(crate) fn asked_by(&self, user: &str, password: &str) -> ClickHouse {
        ClickHouse::new(&format!("http://{}/", self.database), user, password)
    }

    /// A Prometheus that scrapes the operations endpoint and the metrics of the tenants with these keys.
    pub(crate) async fn prometheus(&self, tenants: &[(&str, &str)]) -> Prometheus {
        let operations = self.service.operations().url().trim_start_matches("http://").to_owned();
        let mut jobs = format!("- job_name: tlsrpt\n  static_configs:\n  - targets: ['{operations}']\n    labels: {{role: all-in-one}}\n");
        for (tenant, key) in tenants {
            jobs.push_str(&format!(
                "- job_name: tlsrpt-tenant-{tenant}\n  metrics_path: /v1/metrics\n  authorization: {{credentials: {key}}}\n  static_configs:\n  \
                 - targets: ['{}']\n    labels: {{tenant: {tenant}}}\n",
                self.service.query_address()
            ));
        }
        Prometheus::with_jobs(&jobs).await
    }

    /// A new key of a tenant.
    pub(crate) async fn key(&self, tenant: &str) -> String {
        let made = self.service.operator().post(&format!("/admin/v1/tenants/{tenant}/keys"), &json!({"name": "watched"})).await.is(201);
        made.json()["key"].as_str().unwrap().to_owned()
    }
}

/// Reports of three days: under MTA-STS and DANE at once, with failures by several mail servers and networks, and one without a policy.
fn reports() -> Vec<Report> {
    let detail = |result_type, sending_ip: &str, mx: &str, sessions| Detail {
        result_type,
        sending_ip: sending_ip.to_owned(),
        receiving_mx: mx.to_owned(),
        sessions,
    };
    (0..3)
        .map(|day| {
            let details = vec![
                detail("certificate-expired", "198.51.100.7", "mx1.acme.example", 4),
                detail("starttls-not-supported", "2001:db8:7::1", "mx2.acme.example", 2),
            ];
            let sts = Policy { details: details.clone(), ..Policy::sts("acme.example", 90, 6) };
            let tlsa = Policy { policy_type: "tlsa", mode: "", details: details[..1].to_vec(), ..Policy::sts("acme.example", 92, 4) };
            let below = Policy { policy_type: "no-policy-found", mode: "", ..Policy::sts("mail.acme.example", 5, 0) };
            Report { day: reported_day().plus(-day), ..Report::new("Example Mail", &format!("two-{day}"), vec![sts, tlsa, below]) }
        })
        .collect()
}

/// The last 30 days as a dashboard looks at them, of this tenant and domain.
pub(crate) fn chosen(tenant: &str, domain: &str) -> Chosen {
    let to = today().start().0 + DAY_SECONDS - 1;
    let trust = ["dkim-aligned", "dkim-other", "none", "dkim-fail"].map(str::to_owned).to_vec();
    let single = [("tenant", tenant.to_owned()), ("domain", domain.to_owned())];
    Chosen { from: to - 30 * DAY_SECONDS, to, single: single.into(), multi: [("trust", trust)].into() }
}
