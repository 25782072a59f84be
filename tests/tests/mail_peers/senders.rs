//! Who sends mail in the world delivers here, over TLS that it verifies.

use tlsrpt_mail_peers::{Exim, EximParts, OpenSmtpd, Postfix};

use crate::world::{HOST, World};

#[tokio::test]
async fn swaks_delivers_in_plain_text_over_starttls_and_with_pipelining() {
    let Some(world) = World::start().await else { return };
    let mailbox = world.mailbox();
    let ways: [&[&str]; 3] = [&[], &["--tls", "--tls-verify"], &["--tls", "--pipeline"]];
    let ids = ["plain", "starttls", "pipelined"];
    for (id, arguments) in ids.iter().zip(ways) {
        let said = world.clients.swaks(world.smtp(), world.envelope(&mailbox), world.mail(id).as_bytes(), arguments).succeeded();
        assert_eq!(said.contains("~> MAIL FROM"), arguments.contains(&"--tls"), "what goes over TLS is shown so: {said}");
    }
    world.counted(&ids).await;
    world.stored(3).await;
    world.service.finish().await;
}

/// It asks for the certificate of an IP address, which is no host name to TLS: nothing to warn the operator of.
#[tokio::test]
async fn msmtp_delivers_over_starttls_that_it_verifies() {
    let Some(world) = World::start().await else { return };
    let mailbox = world.mailbox();
    let arguments = ["--tls=on", "--tls-starttls=on"];
    world.clients.msmtp(world.smtp(), world.envelope(&mailbox), world.mail("msmtp").as_bytes(), &arguments).succeeded();
    world.counted(&["msmtp"]).await;
    world.stored(1).await;
    world.service.finish().await;
}

/// STARTTLS with the host's name verified, then commands one by one with BODY=8BITMIME, then in one piece.
const SMTPLIB: &str = "
import smtplib, ssl, sys
host, sender, recipient = sys.argv[1:]
first, second = sys.stdin.buffer.read().split(b'\\0')
with smtplib.SMTP(host, 25) as server:
    server.starttls(context=ssl.create_default_context())
    server.ehlo()
    assert server.has_extn('8bitmime') and server.has_extn('pipelining') and server.has_extn('size'), server.esmtp_features
    server.sendmail(sender, [recipient], first, mail_options=['BODY=8BITMIME', f'SIZE={len(first)}'])
    server.send(f'MAIL FROM:<{sender}>\\r\\nRCPT TO:<{recipient}>\\r\\nDATA\\r\\n')
    replies = [server.getreply()[0] for _ in range(3)]
    assert replies == [250, 250, 354], replies
    server.send(second + b'.\\r\\n')
    assert server.getreply()[0] == 250
";

#[tokio::test]
async fn pythons_smtplib_delivers_eight_bit_mail_and_commands_in_one_piece() {
    let Some(world) = World::start().await else { return };
    let eight_bit = world.mail("eight-bit").replace("This is an aggregate", "Dies ist für Sie, ein aggregate");
    let input = format!("{eight_bit}\0{}", world.mail("one-piece"));
    world.clients.python(SMTPLIB, &[HOST, "reports@sender.example", &world.mailbox()], input.as_bytes()).succeeded();
    world.counted(&["eight-bit", "one-piece"]).await;
    world.stored(2).await;
    world.service.finish().await;
}

#[tokio::test]
async fn postfix_finds_the_receiver_by_mx_and_verifies_its_certificate() {
    let Some(world) = World::start().await else { return };
    let main = "smtp_tls_security_level = secure
smtp_tls_CAfile = /etc/ssl/certs/ca-certificates.crt
smtp_tls_loglevel = 1
";
    let postfix = Postfix::start(world.machine("postfix"), main);
    let mailbox = world.mailbox();
    world.clients.swaks(postfix.smtp(), world.envelope(&mailbox), world.mail("postfix").as_bytes(), &[]).succeeded();
    world.counted(&["postfix"]).await;
    world.stored(1).await;
    let logs = postfix.machine().logs();
    assert!(logs.contains(&format!("Verified TLS connection established to {HOST}")), "{logs}");
    world.service.finish().await;
}

#[tokio::test]
async fn exim_finds_the_receiver_by_mx_and_verifies_its_certificate() {
    let Some(world) = World::start().await else { return };
    let exim = Exim::start(world.machine("exim"), &EximParts::default());
    let mailbox = world.mailbox();
    world.clients.swaks(exim.smtp(), world.envelope(&mailbox), world.mail("exim").as_bytes(), &[]).succeeded();
    world.counted(&["exim"]).await;
    world.stored(1).await;
    let logs = exim.machine().logs();
    assert!(logs.contains("CV=yes"), "{logs}");
    world.service.finish().await;
}

#[tokio::test]
async fn opensmtpd_finds_the_receiver_by_mx_and_verifies_its_certificate() {
    let Some(world) = World::start().await else { return };
    let opensmtpd = OpenSmtpd::start(world.machine("opensmtpd"), "action \"out\" relay tls\nmatch from any for any action \"out\"\n");
    let mailbox = world.mailbox();
    world.clients.swaks(opensmtpd.smtp(), world.envelope(&mailbox), world.mail("opensmtpd").as_bytes(), &[]).succeeded();
    world.counted(&["opensmtpd"]).await;
    world.stored(1).await;
    let logs = opensmtpd.machine().logs();
    assert!(logs.contains("server-cert-check result=\"success\""), "{logs}");
    world.service.finish().await;
}
