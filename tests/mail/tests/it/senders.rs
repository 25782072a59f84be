//! What sends mail, with Postfix's `smtp-sink` on the other side.

use std::net::SocketAddr;

use tlsrpt_mail_peers::{Authority, Clients, Dns, Envelope, Exim, EximParts, Machine, OpenSmtpd, Peers, Postfix, Reporter, Sender, Sink};

const MAIL: &[u8] = b"From: reports@sender.example\r\nTo: a@reports.example\r\nSubject: one of a kind\r\n\r\nHello\r\n";
const ENVELOPE: Envelope<'_> = Envelope { from: "reports@sender.example", to: "a@reports.example" };

/// A sink, and a name server that says that it takes the mail for `reports.example`.
struct World {
    peers: Peers,
    sink: Sink,
    dns: Dns,
    clients: Clients,
}

impl World {
    fn new() -> Option<Self> {
        let peers = Peers::here()?;
        let sink = Sink::start(&peers);
        let dns = Dns::start(&peers, &format!("reports.example. MX 10 mx.reports.example.\nmx.reports.example. A {}", sink.smtp().ip()));
        let clients = Clients::new(&peers, &Authority::new());
        Some(Self { peers, sink, dns, clients })
    }

    fn machine(&self, name: &str) -> Machine {
        let machine = Machine::new(&self.peers, name);
        machine.name_server(self.dns.machine().address());
        machine
    }

    /// Hands the mail to an MTA, and waits until the sink has it.
    fn relays(&self, smtp: SocketAddr, logs: impl Fn() -> String) {
        self.clients.swaks(smtp, ENVELOPE, MAIL, &[]).succeeded();
        self.arrives("Hello", logs);
    }

    fn arrives(&self, end: &str, logs: impl Fn() -> String) {
        let mail = self.sink.await_mails(1, end, logs).remove(0);
        assert!(mail.contains("X-Mail-Args: <reports@sender.example>") && mail.contains("X-Rcpt-Args: <a@reports.example>"), "{mail}");
    }
}

#[test]
fn swaks_msmtp_python_and_smtp_source_send_to_a_server() {
    let Some(world) = World::new() else { return };
    let (clients, smtp) = (&world.clients, world.sink.smtp());
    clients.swaks(smtp, ENVELOPE, MAIL, &[]).succeeded();
    clients.msmtp(smtp, ENVELOPE, MAIL, &["--tls=off"]).succeeded();
    const SEND: &str = "
import smtplib, sys
host, port, sender, recipient = sys.argv[1:]
with smtplib.SMTP(host, int(port)) as server:
    server.sendmail(sender, [recipient], sys.stdin.buffer.read())
";
    let (host, port) = (smtp.ip().to_string(), smtp.port().to_string());
    clients.python(SEND, &[&host, &port, ENVELOPE.from, ENVELOPE.to], MAIL).succeeded();
    let mails = world.sink.mails();
    assert_eq!(mails.len(), 3);
    assert!(mails.iter().all(|mail| mail.contains("Subject: one of a kind")), "{mails:?}");
    clients.smtp_source(smtp, ENVELOPE, &["-m", "5", "-s", "2"]).succeeded();
    assert_eq!(world.sink.mails().len(), 8);
}

#[test]
fn postfix_sends_mail_on_to_where_the_name_server_says() {
    let Some(world) = World::new() else { return };
    let postfix = Postfix::start(world.machine("postfix"), "");
    world.relays(postfix.smtp(), || postfix.machine().logs());
    assert!(postfix.queue().contains("Mail queue is empty"));
}

#[test]
fn exim_sends_mail_on_to_where_the_name_server_says() {
    let Some(world) = World::new() else { return };
    let transport = "
by_mx_plain:
  driver = dnslookup
  transport = plain_smtp
  self = send
";
    let parts = EximParts { routers: transport, transports: "plain_smtp:\n  driver = smtp\n", ..EximParts::default() };
    let exim = Exim::start(world.machine("exim"), &parts);
    world.relays(exim.smtp(), || exim.machine().logs());
    assert_eq!(exim.queue(), "");
}

#[test]
fn opensmtpd_sends_mail_on_to_where_the_name_server_says() {
    let Some(world) = World::new() else { return };
    let opensmtpd = OpenSmtpd::start(world.machine("opensmtpd"), "action \"out\" relay\nmatch from any for any action \"out\"\n");
    world.relays(opensmtpd.smtp(), || opensmtpd.machine().logs());
}

#[test]
fn tlsrpt_reporter_mails_a_report_of_the_sessions_that_its_collector_was_told() {
    let Some(world) = World::new() else { return };
    let mut reporter = Reporter::start(world.machine("reporter"));
    reporter.session(
        r#"{"dpv": "1", "d": "example.com", "pr": "v=TLSRPTv1; rua=mailto:a@reports.example",
            "policies": [{"policy-type": 9, "policy-domain": "example.com", "f": 0, "t": 0}]}"#,
    );
    let smtp = world.sink.smtp();
    let sendmail = format!("msmtp --host={} --port={} --from=reports@sender.example --read-recipients", smtp.ip(), smtp.port());
    reporter.report(Sender { organization: "Sender", address: "reports@sender.example", sendmail: &sendmail });
    world.arrives(".json.gz\"", || reporter.machine().logs());
    assert!(world.sink.mails()[0].contains("TLS-Report-Domain: example.com"));
}
