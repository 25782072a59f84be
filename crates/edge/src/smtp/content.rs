//! The mail while it arrives: bounded, and given up at the first thing that makes it unfit.

use bytes::{Bytes, BytesMut};

use crate::{
    refusal::Refusal,
    smtp::{gate::Gate, reply::Reply},
};

/// What is read and thrown away of a mail that is refused already, so that its sender gets to see the answer.
const DISCARD_MAX_BYTES: usize = 64 << 20;

/// The mail so far.
#[derive(Debug, Default)]
pub(crate) struct Content {
    bytes: BytesMut,
    unfit: Option<Reply>,
    discarded_bytes: usize,
}

impl Content {
    /// Adds a piece, or throws it away when the mail is unfit already.
    pub(crate) fn push(&mut self, piece: &[u8], max_bytes: usize, gate: &mut impl Gate) {
        if self.unfit.is_some() {
            self.discarded_bytes = self.discarded_bytes.saturating_add(piece.len());
        } else if self.bytes.len().saturating_add(piece.len()) > max_bytes {
            self.give_up(Reply::from(&Refusal::TooLarge { found_bytes: None, max_bytes }), gate);
        } else {
            match gate.take_room(piece.len()) {
                Ok(()) => self.bytes.extend_from_slice(piece),
                Err(refusal) => self.give_up(Reply::from(&refusal), gate),
            }
        }
    }

    /// Keeps nothing of the mail any more; the first reason stays.
    pub(crate) fn give_up(&mut self, why: Reply, gate: &mut impl Gate) {
        if self.unfit.is_none() {
            self.unfit = Some(why);
            self.bytes = BytesMut::new();
            gate.give_room_back();
        }
    }

    /// Whether more was thrown away than a sender's view of the answer is worth.
    pub(crate) fn is_hopeless(&self) -> bool {
        self.discarded_bytes > DISCARD_MAX_BYTES
    }

    /// Why the mail is unfit, if it is.
    pub(crate) fn unfit(&self) -> Option<&Reply> {
        self.unfit.as_ref()
    }

    /// The whole mail.
    pub(crate) fn finish(self) -> Result<Bytes, Reply> {
        match self.unfit {
            Some(why) => Err(why),
            None if self.bytes.is_empty() => Err(Reply::from(&Refusal::Empty)),
            None => Ok(self.bytes.freeze()),
        }
    }
}
