//! Mail to the operator's relay.

use std::time::Duration;

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{
        Mailbox,
        header::{ContentType, HeaderName, HeaderValue},
    },
    transport::smtp::{Error, authentication::Credentials},
};
use sha2::{Digest, Sha256};
use tlsrpt_notify::{Address, Notice, mail_subject, mail_text};
use tlsrpt_record::TenantId;

use super::{
    config::{SmtpConfig, SmtpTls},
    courier::Undelivered,
};

/// The relay and who writes.
pub(super) struct Mailer {
    relay: AsyncSmtpTransport<Tokio1Executor>,
    from: Address,
    timeout: Duration,
}

impl Mailer {
    pub(super) fn new(config: &SmtpConfig, timeout: Duration) -> Result<Self, Error> {
        let host = &config.host;
        let mut relay = match config.tls {
            SmtpTls::Starttls => AsyncSmtpTransport::<Tokio1Executor>::starttls_relay(host)?,
            SmtpTls::Tls => AsyncSmtpTransport::<Tokio1Executor>::relay(host)?,
            SmtpTls::None => AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host).port(587),
        };
        if let Some(port) = config.port {
            relay = relay.port(port);
        }
        if let Some(user) = &config.user {
            let password = config.password.as_ref().map_or("", |password| password.reveal());
            relay = relay.credentials(Credentials::new(user.clone(), password.to_owned()));
        }
        Ok(Self { relay: relay.timeout(Some(timeout)).build(), from: config.from.clone(), timeout })
    }

    pub(super) async fn send(&self, to: &[Address], tenant: &TenantId, notices: &[Notice]) -> Result<(), Undelivered> {
        let mail = self.mail(to, tenant, notices).ok_or_else(|| Undelivered::for_good("The mail could not be written."))?;
        // Each step has a time of its own; several of them are a bounded number.
        match tokio::time::timeout(self.timeout * 3, self.relay.send(mail)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => {
                tracing::debug!(%error, "submit a mail");
                Err(Undelivered::for_now(match error.status() {
                    Some(code) => format!("The mail relay answered {code}."),
                    None if error.is_timeout() => "The mail relay did not answer in time.".to_owned(),
                    None => "The mail relay could not be used.".to_owned(),
                }))
            }
            Err(_) => Err(Undelivered::for_now("The mail relay did not answer in time.")),
        }
    }

    fn mail(&self, to: &[Address], tenant: &TenantId, notices: &[Notice]) -> Option<Message> {
        let mailbox = |address: &Address| address.as_str().parse::<Mailbox>().ok();
        let mut mail = Message::builder().from(mailbox(&self.from)?).message_id(Some(self.message_id(tenant, notices)));
        for address in to {
            mail = mail.to(mailbox(address)?);
        }
        // So that no vacation notice answers (RFC 3834 5).
        let automatic = HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
        let mail = mail.raw_header(automatic).header(ContentType::TEXT_PLAIN);
        mail.subject(mail_subject(notices)).body(mail_text(tenant, notices)).ok()
    }

    /// The same for the same notices, so that a mail that was sent twice can be told as one.
    fn message_id(&self, tenant: &TenantId, notices: &[Notice]) -> String {
        let mut hash = Sha256::new();
        hash.update(tenant.as_str());
        for notice in notices {
            hash.update(notice.key.0.to_be_bytes());
        }
        let id: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let host = self.from.as_str().rsplit_once('@').map_or("localhost", |(_, host)| host);
        format!("<{id}@{host}>")
    }
}
