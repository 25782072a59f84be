//! What is asked of a server, in its own words (RFC 3501, RFC 6851, RFC 4315). Nothing here changes a mailbox but `move_to`.

use anyhow::anyhow;
use async_imap::{
    Session,
    imap_proto::{AttributeValue, Response, Status},
};
use bytes::Bytes;
use tlsrpt_report::UnixMillis;

use super::{
    super::dates,
    trouble::{Trouble, in_time, patiently},
    url::encoded_folder,
    wire::Wire,
};

/// What may come in answer to a command that asks for no messages.
const ANSWER_MAX_BYTES: u64 = 1 << 20;
/// What may come for each message beside its text.
const BESIDE_MESSAGE_MAX_BYTES: u64 = 16 << 10;
/// Messages that are listed by one command.
const LISTED_MAX: u32 = 1000;

/// A message as the server lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) uid: u32,
    pub(crate) size_bytes: u32,
    /// When the server took it in (INTERNALDATE).
    pub(crate) taken_in_at: Option<UnixMillis>,
}

/// A folder that is open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opened {
    pub(crate) uid_validity: Option<u32>,
    messages: u32,
}

/// A server that took the login.
pub(crate) struct Server {
    session: Session<Wire>,
    has_move: bool,
    has_uidplus: bool,
}

impl Server {
    pub(crate) async fn new(session: Session<Wire>) -> Result<Self, Trouble> {
        let mut server = Self { session, has_move: false, has_uidplus: false };
        server.session.get_mut().allow(ANSWER_MAX_BYTES);
        let capabilities = patiently(server.session.capabilities()).await?;
        server.has_move = capabilities.has_str("MOVE");
        server.has_uidplus = capabilities.has_str("UIDPLUS");
        Ok(server)
    }

    /// Opens a folder; without `for_moving` so that nothing in it can change (EXAMINE).
    pub(crate) async fn open(&mut self, folder: &str, for_moving: bool) -> Result<Opened, Trouble> {
        self.session.get_mut().allow(ANSWER_MAX_BYTES);
        let name = encoded_folder(folder);
        let opened = if for_moving { patiently(self.session.select(name)).await } else { patiently(self.session.examine(name)).await };
        let opened = opened.map_err(|trouble| trouble.context(format!("open the folder {folder}")))?;
        Ok(Opened { uid_validity: opened.uid_validity, messages: opened.exists })
    }

    /// Makes a folder unless it is there.
    pub(crate) async fn ensure(&mut self, folder: &str) -> Result<(), Trouble> {
        self.session.get_mut().allow(ANSWER_MAX_BYTES);
        let name = encoded_folder(folder);
        match patiently(self.session.status(name.as_ref(), "(MESSAGES)")).await {
            Ok(_) => Ok(()),
            Err(Trouble::Refused(_)) => {
                let made = patiently(self.session.create(name)).await;
                made.map_err(|trouble| trouble.context(format!("make the folder {folder}, to move messages to")))
            }
            Err(trouble) => Err(trouble),
        }
    }

    /// All messages of the open folder, in order of UID.
    pub(crate) async fn list(&mut self, opened: Opened) -> Result<Vec<Listed>, Trouble> {
        let mut all = Vec::new();
        for first in (1..=opened.messages).step_by(usize::try_from(LISTED_MAX).unwrap_or(usize::MAX)) {
            let last = first.saturating_add(LISTED_MAX - 1).min(opened.messages);
            let allowed_bytes = ANSWER_MAX_BYTES + BESIDE_MESSAGE_MAX_BYTES;
            let command = format!("FETCH {first}:{last} (UID RFC822.SIZE INTERNALDATE)");
            self.fetch(&command, allowed_bytes, listed, async |listed| all.push(listed)).await?;
        }
        all.sort_by_key(|listed| listed.uid);
        all.dedup_by_key(|listed| listed.uid);
        Ok(all)
    }

    /// Gives the texts of `messages` to `take`, one after the other as they come. Their flags stay as they are (BODY.PEEK). What
    /// is gone meanwhile does not come.
    pub(crate) async fn texts(&mut self, messages: &[Listed], take: impl AsyncFnMut((u32, Bytes))) -> Result<(), Trouble> {
        let sizes = messages.iter().map(|message| u64::from(message.size_bytes) + BESIDE_MESSAGE_MAX_BYTES);
        // Sizes are what the server told; that some count line ends otherwise is known.
        let allowed_bytes = ANSWER_MAX_BYTES + sizes.sum::<u64>().saturating_mul(2);
        let uids = uid_set(messages.iter().map(|message| message.uid));
        self.fetch(&format!("UID FETCH {uids} (UID BODY.PEEK[])"), allowed_bytes, text, take).await
    }

    /// Moves messages of the open folder: in one step, or by a copy and a removal; where the server can remove no single messages
    /// they stay, marked as deleted. Answers whether they are gone from here.
    pub(crate) async fn move_to(&mut self, uids: &[u32], folder: &str) -> Result<bool, Trouble> {
        self.session.get_mut().allow(ANSWER_MAX_BYTES);
        let (set, name) = (uid_set(uids.iter().copied()), encoded_folder(folder));
        if self.has_move {
            patiently(self.session.uid_mv(&set, name)).await?;
            return Ok(true);
        }
        patiently(self.session.uid_copy(&set, name)).await?;
        patiently(self.session.run_command_and_check_ok(format!("UID STORE {set} +FLAGS.SILENT (\\Deleted)"))).await?;
        if self.has_uidplus {
            // Never a plain EXPUNGE, which would remove what others have marked.
            patiently(self.session.run_command_and_check_ok(format!("UID EXPUNGE {set}"))).await?;
        }
        Ok(self.has_uidplus)
    }

    /// Says goodbye; whether the server hears it does not matter.
    pub(crate) async fn end(mut self) {
        let _ = patiently(self.session.logout()).await;
    }

    /// Runs a FETCH to its end and gives what `read` finds in each answer to `take`. Not by the session's own call, which takes
    /// a refusal for the end of the list.
    async fn fetch<T>(
        &mut self,
        command: &str,
        allowed_bytes: u64,
        read: impl Fn(&[AttributeValue<'_>]) -> Option<T>,
        mut take: impl AsyncFnMut(T),
    ) -> Result<(), Trouble> {
        self.session.get_mut().allow(allowed_bytes);
        let id = patiently(self.session.run_command(command)).await?;
        loop {
            let answer = in_time(self.session.read_response()).await?.map_err(|error| Trouble::Lost(error.into()))?;
            let answer = answer.ok_or_else(|| Trouble::Lost(anyhow!("the server closes the connection")))?;
            let found = match answer.parsed() {
                Response::Fetch(_, attributes) => read(attributes),
                Response::Done { tag, status, outcome } if *tag == id => {
                    let words = outcome.information.as_deref().unwrap_or_default();
                    return match status {
                        Status::Ok => Ok(()),
                        _ => Err(Trouble::Refused(anyhow!("the server refuses to give messages out: {words}"))),
                    };
                }
                Response::Data { status: Status::Bye, outcome } => {
                    let words = outcome.information.as_deref().unwrap_or_default();
                    return Err(Trouble::Lost(anyhow!("the server ends the connection: {words}")));
                }
                _ => None,
            };
            drop(answer);
            if let Some(found) = found {
                take(found).await;
            }
        }
    }
}

fn uid_set(uids: impl Iterator<Item = u32>) -> String {
    uids.map(|uid| uid.to_string()).collect::<Vec<_>>().join(",")
}

/// A message in a list; none in an answer that the server sends by itself, about flags say.
fn listed(attributes: &[AttributeValue<'_>]) -> Option<Listed> {
    let uid = uid(attributes)?;
    let size_bytes = attributes.iter().find_map(|value| if let AttributeValue::Rfc822Size(size) = value { Some(*size) } else { None })?;
    let date = attributes.iter().find_map(|value| if let AttributeValue::InternalDate(date) = value { Some(date) } else { None });
    Some(Listed { uid, size_bytes, taken_in_at: date.and_then(|date| dates::of_internal_date(date)) })
}

/// A message's text.
fn text(attributes: &[AttributeValue<'_>]) -> Option<(u32, Bytes)> {
    let text = attributes.iter().find_map(|value| match value {
        AttributeValue::BodySection { section: None, data: Some(data), .. } => Some(Bytes::copy_from_slice(data)),
        _ => None,
    })?;
    Some((uid(attributes)?, text))
}

fn uid(attributes: &[AttributeValue<'_>]) -> Option<u32> {
    attributes.iter().find_map(|value| if let AttributeValue::Uid(uid) = value { Some(*uid) } else { None })
}
