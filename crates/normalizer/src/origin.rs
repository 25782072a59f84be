//! The verdicts on the mails of a batch, before they are normalized.
//!
//! A replayed submission keeps the verdict that it has: signers change their keys, so what was found at the receipt is the truth. A
//! deferred one is looked at anew.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use tlsrpt_origin::{Evidence, Verdict, Verifier};
use tlsrpt_record::Submission;
use tokio::runtime::Handle;

/// How the origins of a batch are verified.
pub(crate) struct Origins<'a> {
    pub(crate) verifier: &'a Verifier,
    /// Mails looked at one time.
    pub(crate) concurrent_max: usize,
    /// All of a batch.
    pub(crate) timeout: Duration,
}

impl Origins<'_> {
    /// Gives every mail its verdict; one for which there is no time is deferred. Without a mail nothing is done. Blocks: not for
    /// an async thread.
    pub(crate) fn verify<'s>(&self, submissions: impl Iterator<Item = &'s mut Submission>, runtime: &Handle) {
        let mut mails: Vec<&mut Submission> = submissions.filter(|submission| needs_verdict(submission)).collect();
        if mails.is_empty() {
            return;
        }
        let work = stream::iter(&mut mails).for_each_concurrent(self.concurrent_max.max(1), async |submission| {
            let verdict = self.verifier.verify(&evidence(submission)).await;
            settle(submission, verdict);
        });
        // What is not done by then stays without a verdict, or with one that is deferred.
        let is_done = runtime.block_on(async { tokio::time::timeout(self.timeout, work).await.is_ok() });
        if !is_done {
            for submission in mails.into_iter().filter(|submission| needs_verdict(submission)) {
                settle(submission, Verdict::deferred());
            }
        }
    }
}

fn needs_verdict(submission: &Submission) -> bool {
    let has_verdict = || submission.mail.as_ref().and_then(|facts| facts.origin.as_ref()).is_some_and(|origin| !origin.deferred);
    submission.channel.is_mail(&submission.payload) && !has_verdict()
}

fn evidence(submission: &Submission) -> Evidence<'_> {
    let facts = submission.mail.as_ref();
    Evidence {
        raw: &submission.payload,
        received_at: submission.id.received_at(),
        remote_ip: submission.remote_ip,
        helo: facts.and_then(|facts| facts.helo.as_deref()),
        mail_from: facts.and_then(|facts| facts.mail_from.as_deref()),
    }
}

fn settle(submission: &mut Submission, verdict: Verdict) {
    submission.trust = verdict.trust;
    submission.mail.get_or_insert_default().origin = Some(verdict.origin);
}
