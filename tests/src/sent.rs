//! What senders under load know: what they sent, what was acknowledged, and what was not answered.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use base64::{Engine as _, prelude::BASE64_STANDARD as BASE64};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    client::Sender,
    encoding::Encoding,
    mail::{MailClient, taken},
    reports::{Generator, Report, Size},
};

/// What a payload says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// The report of this number.
    Report(usize),
    /// Nothing countable.
    Nothing,
}

/// What the senders know. The same seed makes the same payloads.
pub struct Sent {
    random: SmallRng,
    generator: Generator,
    domains: &'static [&'static str],
    /// Distinct reports, by number.
    pub reports: Vec<Report>,
    /// What each acknowledged submission says, by id.
    pub acknowledged: BTreeMap<String, Said>,
    /// Sent, and neither acknowledged nor known to be lost: the answer never came, or was to come back later.
    pub unanswered: Vec<(Vec<u8>, Said)>,
    number: usize,
}

impl Sent {
    /// Nothing sent yet; reports will be about `domains`.
    pub fn new(seed: u64, domains: &'static [&'static str]) -> Self {
        Self {
            random: SmallRng::seed_from_u64(seed ^ 1),
            generator: Generator::new(seed ^ 2),
            domains,
            reports: Vec::new(),
            acknowledged: BTreeMap::new(),
            unanswered: Vec::new(),
            number: 0,
        }
    }

    /// What to send next: most often a new report, often one that was sent before, now and then one that cannot be counted.
    pub fn next_payload(&mut self) -> (Vec<u8>, Said) {
        self.number += 1;
        let dice = self.random.random_range(0..100);
        let encoding = Encoding::ALL[self.random.random_range(0..Encoding::ALL.len())];
        if dice < 5 {
            return (json!({"organization-name": format!("sender {}", self.number)}).to_string().into_bytes(), Said::Nothing);
        }
        let number = if dice < 35 && !self.reports.is_empty() {
            self.random.random_range(0..self.reports.len())
        } else {
            let domain = self.domains[self.random.random_range(0..self.domains.len())];
            let size = [Size::Small, Size::Medium, Size::Large][usize::from(dice > 70) + usize::from(dice > 97)];
            self.reports.push(self.generator.report(domain, size));
            self.reports.len() - 1
        };
        (self.reports[number].encode(encoding), Said::Report(number))
    }
}

impl Sent {
    /// What to mail next: the same, attached (RFC 8460 5.3); no other mail is like it.
    fn next_mail(&mut self) -> (String, Said) {
        let (payload, said) = self.next_payload();
        (mail(self.number, &payload), said)
    }
}

/// A mail of CRLF lines with one attachment.
fn mail(number: usize, attachment: &[u8]) -> String {
    let text = BASE64.encode(attachment);
    let lines = text.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line));
    let mut mail = format!(
        "From: reports@client.example\r\nSubject: mail {number}\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=tlsrpt; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\nA report is attached.\r\n\
         --b\r\nContent-Type: application/tlsrpt+gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    );
    lines.for_each(|line| mail.extend([&*line, "\r\n"]));
    mail.push_str("--b--\r\n");
    mail
}

/// What several senders know together.
#[derive(Clone)]
pub struct SharedSent(Arc<Mutex<Sent>>);

impl SharedSent {
    /// Shares it.
    pub fn new(sent: Sent) -> Self {
        Self(Arc::new(Mutex::new(sent)))
    }

    /// Looks at it. A sender that failed has said so: the others go on.
    pub fn lock(&self) -> MutexGuard<'_, Sent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes it out for a reckoning, which looks at it for longer than a lock may be held; the senders are at rest.
    pub fn take(&self) -> Sent {
        let mut sent = self.lock();
        let empty = Sent::new(0, sent.domains);
        std::mem::replace(&mut *sent, empty)
    }

    /// Puts it back after a reckoning.
    pub fn put_back(&self, taken: Sent) {
        *self.lock() = taken;
    }

    /// How many submissions are acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.lock().acknowledged.len()
    }

    /// Sends one payload; whether there was an answer.
    ///
    /// # Panics
    /// When the answer is neither an acknowledgement nor a request to come back.
    pub async fn send_one(&self, sender: &Sender) -> bool {
        let (payload, said) = self.lock().next_payload();
        let answer = sender.try_post(None, payload.clone()).await;
        let mut sent = self.lock();
        match answer {
            Ok(answer) if answer.status == 201 => {
                let id = answer.json()["submission_id"].as_str().unwrap().to_owned();
                let before = sent.acknowledged.insert(id.clone(), said);
                assert_eq!(before, None, "the id {id} was given twice");
                true
            }
            Ok(answer) if answer.status == 503 => {
                assert!(!answer.header("retry-after").is_empty(), "{}", answer.text());
                sent.unanswered.push((payload, said));
                true
            }
            Ok(answer) => panic!("{}: {}", answer.status, answer.text()),
            Err(_) => {
                sent.unanswered.push((payload, said));
                false
            }
        }
    }

    /// Sends one mail; whether there was an answer.
    ///
    /// # Panics
    /// When the answer is neither an acknowledgement nor a request to come back.
    async fn mail_one(&self, client: &mut MailClient, to: &str) -> bool {
        let (mail, said) = self.lock().next_mail();
        let answer = client.send(to, &mail).await;
        let mut sent = self.lock();
        let is_answered = answer.is_ok();
        match answer.as_deref().map(taken) {
            Ok(Some(id)) => {
                let before = sent.acknowledged.insert(id.to_owned(), said);
                assert_eq!(before, None, "the id {id} was given twice");
            }
            _ => sent.unanswered.push((mail.into_bytes(), said)),
        }
        if let Ok(reply) = answer {
            assert!(taken(&reply).is_some() || reply.starts_with('4'), "{reply}");
        }
        is_answered
    }

    /// Sends one mail over a connection of its own; whether there was an answer.
    ///
    /// # Panics
    /// When the answer is neither an acknowledgement nor a request to come back.
    pub async fn mail_anew(&self, address: &str, to: &str) -> bool {
        match MailClient::connect(address).await {
            Ok(mut client) => self.mail_one(&mut client, to).await,
            Err(_) => false,
        }
    }

    /// Mails one after the other until the service is gone.
    pub async fn mail_on(self, address: String, to: String, gone: CancellationToken) {
        let Ok(mut client) = MailClient::connect(&address).await else { return };
        while !gone.is_cancelled() && self.mail_one(&mut client, &to).await {}
    }

    /// Sends one after the other until the service is gone.
    pub async fn send_on(self, sender: Sender, gone: CancellationToken) {
        while !gone.is_cancelled() && self.send_one(&sender).await {}
    }
}
