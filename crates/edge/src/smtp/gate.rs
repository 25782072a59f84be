//! What a session asks of the world outside: who is let in, and room for what they send.

use crate::{bytes_in_flight::Share, intake::Intake, peer::Peer, refusal::Refusal};

/// Whom and what a session lets in.
pub(crate) trait Gate {
    /// Counts a mail of the peer against its rate.
    fn admit_mail(&mut self) -> Result<(), Refusal>;
    /// Looks a reporting address up and counts a mail to it against its rate.
    fn admit_address(&mut self, address: &str) -> Result<(), Refusal>;
    /// Takes room in memory for so many bytes more of the mail.
    fn take_room(&mut self, bytes: usize) -> Result<(), Refusal>;
    /// Gives the mail's room back.
    fn give_room_back(&mut self);
}

/// The gate to the real [`Intake`].
pub(crate) struct IntakeGate<'a> {
    intake: &'a Intake,
    peer: Peer,
    share: Share<'a>,
}

impl<'a> IntakeGate<'a> {
    pub(crate) fn new(intake: &'a Intake, peer: Peer) -> Self {
        Self { intake, peer, share: intake.bytes.share() }
    }
}

impl Gate for IntakeGate<'_> {
    fn admit_mail(&mut self) -> Result<(), Refusal> {
        self.intake.admit_peer(self.peer)
    }

    fn admit_address(&mut self, address: &str) -> Result<(), Refusal> {
        self.intake.admit_address(self.peer, address).map(drop)
    }

    fn take_room(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.share.grow(bytes).map_err(|_| self.intake.no_room())
    }

    fn give_room_back(&mut self) {
        self.share = self.intake.bytes.share();
    }
}
