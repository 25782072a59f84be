//! One folder, from its list of messages to the last of them.
//!
//! A round: fetch some messages → the courier brings them → those that are durable are moved, when that was asked for → they are
//! noted as imported. A connection that is lost is made anew; what a round did not settle comes in the next.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use anyhow::ensure;
use tlsrpt_telemetry::Backoff;

use super::{
    super::{
        courier::Courier,
        message::{Message, Refused},
    },
    connect::Connector,
    server::{Listed, Opened, Server},
    state::State,
    trouble::Trouble,
    url::MailboxUrl,
};

/// Messages of one round.
const ROUND_MESSAGES_MAX: usize = 64;
/// Bytes of one round; a larger message has one of its own.
const ROUND_BYTES_MAX: u64 = 8 << 20;
/// Tries of a message that does not come while others may.
const MESSAGE_TRIES_MAX: u8 = 3;
/// Connections in a row that come to nothing.
const CONNECTIONS_MAX: u32 = 8;

/// What is to be done with a folder.
pub(crate) struct Job<'a> {
    pub(crate) mailbox: &'a MailboxUrl,
    pub(crate) connector: &'a Connector,
    /// Where imported messages are moved to; none leaves everything as it is.
    pub(crate) move_to: Option<&'a str>,
    pub(crate) message_max_bytes: usize,
    pub(crate) state: State,
}

struct Folder<'a> {
    job: Job<'a>,
    courier: &'a Arc<Courier>,
    server: Option<Server>,
    /// As it was when its messages were listed.
    uid_validity: Option<u32>,
    left: VecDeque<Listed>,
    /// Messages that are durable and still to be moved.
    to_move: VecDeque<u32>,
    /// How often a message did not come.
    losses: HashMap<u32, u8>,
    /// Connections in a row that came to nothing.
    connections: u32,
    backoff: Backoff,
}

/// Imports a folder.
///
/// # Errors
/// When it cannot go on. Every message that it got to is counted.
pub(crate) async fn import(courier: &Arc<Courier>, job: Job<'_>) -> anyhow::Result<()> {
    let mut folder = Folder {
        job,
        courier,
        server: None,
        uid_validity: None,
        left: VecDeque::new(),
        to_move: VecDeque::new(),
        losses: HashMap::new(),
        connections: 0,
        backoff: Backoff::default(),
    };
    folder.list().await?;
    while (!folder.left.is_empty() || !folder.to_move.is_empty()) && !courier.stopped().is_cancelled() {
        folder.round().await?;
    }
    if let Some(server) = folder.server {
        server.end().await;
    }
    Ok(())
}

impl Folder<'_> {
    fn moves_to(&self) -> Option<&str> {
        self.job.move_to.filter(|_| !self.courier.is_dry_run())
    }

    /// Lists what there is, without what was imported before.
    async fn list(&mut self) -> anyhow::Result<()> {
        let listed = loop {
            let opened = self.open().await?;
            let Some(server) = &mut self.server else { continue };
            match server.list(opened).await {
                Ok(listed) => {
                    self.uid_validity = opened.uid_validity;
                    break listed;
                }
                Err(trouble) => self.lost(trouble).await?,
            }
        };
        self.connections = 0;
        if self.job.state.begin(self.uid_validity) {
            self.courier.progress().say(&format!(
                "{}: the server has numbered its messages anew (UIDVALIDITY), so all are imported again, which changes nothing",
                self.job.mailbox
            ));
        }
        self.courier.progress().expect(listed.iter().map(|message| u64::from(message.size_bytes)).sum());
        for message in listed {
            let bytes = u64::from(message.size_bytes);
            if self.job.state.is_imported(message.uid) {
                self.courier.skip(1, bytes);
                if self.moves_to().is_some() {
                    self.to_move.push_back(message.uid);
                }
            } else if usize::try_from(message.size_bytes).is_ok_and(|size| size <= self.job.message_max_bytes) {
                self.left.push_back(message);
            } else {
                self.courier.refuse(Refused::too_large(self.name(message.uid), self.job.message_max_bytes), bytes);
            }
        }
        Ok(())
    }

    /// Connects and opens the folder.
    async fn open(&mut self) -> anyhow::Result<Opened> {
        loop {
            let move_to = self.moves_to().map(str::to_owned);
            let connecting = async {
                let mut server = Server::new(self.job.connector.connect().await?).await?;
                if let Some(folder) = &move_to {
                    server.ensure(folder).await?;
                }
                let opened = server.open(&self.job.mailbox.folder, move_to.is_some()).await?;
                Ok((server, opened))
            };
            match connecting.await {
                Ok((server, opened)) => {
                    self.server = Some(server);
                    return Ok(opened);
                }
                Err(trouble) => self.lost(trouble).await?,
            }
        }
    }

    /// Gives the connection up and waits before the next; an error when there is to be none.
    async fn lost(&mut self, trouble: Trouble) -> anyhow::Result<()> {
        self.server = None;
        let error = match trouble {
            Trouble::Lost(error) => error,
            Trouble::Refused(error) | Trouble::Fatal(error) => return Err(error),
        };
        self.connections += 1;
        if self.connections >= CONNECTIONS_MAX {
            return Err(error.context(format!("gave up after {CONNECTIONS_MAX} connections")));
        }
        let wait: Duration = self.backoff.next_wait();
        self.courier.progress().say(&format!("{}: {error:#}; connecting again", self.job.mailbox));
        tokio::select! {
            () = self.courier.stopped().cancelled() => {}
            () = tokio::time::sleep(wait) => {}
        }
        Ok(())
    }

    async fn round(&mut self) -> anyhow::Result<()> {
        if self.server.is_none() {
            let opened = self.open().await?;
            ensure!(
                opened.uid_validity == self.uid_validity,
                "the server has numbered its messages anew meanwhile (UIDVALIDITY): import the folder again"
            );
        }
        if !self.to_move.is_empty() {
            return self.move_some().await;
        }
        self.fetch_some().await
    }

    /// Fetches some messages and waits until it is known what becomes of each.
    async fn fetch_some(&mut self) -> anyhow::Result<()> {
        let round = self.next_round();
        let Some(server) = &mut self.server else { return Ok(()) };
        let mut handed = Vec::with_capacity(round.len());
        let (courier, mailbox) = (self.courier, self.job.mailbox);
        let fetched = server
            .texts(&round, async |(uid, payload)| {
                // A server may send a message that was not asked for, or one twice.
                let Some(asked) = round.iter().find(|asked| asked.uid == uid) else { return };
                if payload.is_empty() || handed.iter().any(|(handed, _)| *handed == uid) {
                    return;
                }
                let message = Message { name: name(mailbox, uid), payload, fallback: [asked.taken_in_at, None] };
                handed.push((uid, courier.hand_over(message).await));
            })
            .await;
        let mut settled = HashSet::with_capacity(handed.len());
        for (uid, task) in handed {
            let is_durable = task.await.unwrap_or(false);
            settled.insert(uid);
            if is_durable && self.moves_to().is_some() {
                self.to_move.push_back(uid);
            } else if is_durable {
                self.job.state.imported(uid);
            }
        }
        self.save()?;
        if !settled.is_empty() {
            self.connections = 0;
            self.backoff.reset();
        }
        let missing: Vec<Listed> = round.into_iter().filter(|message| !settled.contains(&message.uid)).collect();
        match fetched {
            Ok(()) => {
                // The server has given out all that it has: these are gone.
                for message in missing {
                    self.courier.skip(1, message.size_bytes.into());
                }
                Ok(())
            }
            Err(Trouble::Fatal(error)) => Err(error),
            Err(Trouble::Refused(error)) => {
                self.did_not_come(&missing, &error);
                Ok(())
            }
            Err(Trouble::Lost(error)) => {
                self.did_not_come(&missing, &error);
                self.lost(Trouble::Lost(error)).await
            }
        }
    }

    /// Takes the messages of the next round: one alone when it has failed before, so that it costs no other.
    fn next_round(&mut self) -> Vec<Listed> {
        let mut round = Vec::new();
        let mut bytes: u64 = 0;
        while let Some(next) = self.left.front() {
            bytes = bytes.saturating_add(next.size_bytes.into());
            let has_failed = self.losses.contains_key(&next.uid);
            if !round.is_empty() && (bytes > ROUND_BYTES_MAX || round.len() >= ROUND_MESSAGES_MAX || has_failed) {
                break;
            }
            round.extend(self.left.pop_front());
            if has_failed {
                break;
            }
        }
        round
    }

    /// Puts back what did not come, and notes it of the first, with which it most likely broke: one that never comes is given up.
    fn did_not_come(&mut self, missing: &[Listed], why: &anyhow::Error) {
        let Some((first, rest)) = missing.split_first() else { return };
        rest.iter().rev().for_each(|message| self.left.push_front(*message));
        let losses = self.losses.entry(first.uid).or_default();
        *losses += 1;
        if *losses >= MESSAGE_TRIES_MAX {
            self.courier.refuse(Refused::failed(self.name(first.uid), "not-fetched", format!("{why:#}")), first.size_bytes.into());
        } else {
            self.left.push_front(*first);
        }
    }

    /// Moves some of the messages that are durable.
    async fn move_some(&mut self) -> anyhow::Result<()> {
        let some: Vec<u32> = self.to_move.iter().take(ROUND_MESSAGES_MAX).copied().collect();
        let target = self.moves_to().unwrap_or_default().to_owned();
        let Some(server) = &mut self.server else { return Ok(()) };
        match server.move_to(&some, &target).await {
            Ok(are_gone) => {
                self.courier.moved(u64::try_from(some.len()).unwrap_or(u64::MAX));
                self.connections = 0;
                if !are_gone {
                    self.courier.progress().say(&format!(
                        "{}: the server can remove no single messages (UIDPLUS): what was copied is marked as deleted and stays",
                        self.job.mailbox
                    ));
                }
            }
            Err(Trouble::Refused(error)) => {
                for uid in &some {
                    self.courier.refuse(Refused::failed(self.name(*uid), "not-moved", format!("imported; {error:#}")), 0);
                }
            }
            Err(trouble) => return self.lost(trouble).await,
        }
        self.to_move.drain(..some.len());
        some.iter().for_each(|uid| self.job.state.imported(*uid));
        self.save()
    }

    fn save(&self) -> anyhow::Result<()> {
        if self.courier.is_dry_run() { Ok(()) } else { self.job.state.save() }
    }

    fn name(&self, uid: u32) -> String {
        name(self.job.mailbox, uid)
    }
}

fn name(mailbox: &MailboxUrl, uid: u32) -> String {
    format!("{mailbox}, UID {uid}")
}
