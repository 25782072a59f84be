//! Which partitions a member may commit. Held locked over every commit and every change of owner, so that no commit is late.

use std::collections::BTreeMap;

use crate::backend::Positions;

/// The partitions that a member owns.
#[derive(Default)]
pub(super) struct Gate {
    /// Next offset that the group is known to have committed; none when the cluster could not tell.
    owned: BTreeMap<u32, Option<u64>>,
}

impl Gate {
    /// The member got `partition`, of which the group has committed everything before `committed`.
    pub(super) fn open(&mut self, partition: u32, committed: Option<u64>) {
        self.owned.insert(partition, committed);
    }

    /// The member lost `partition`.
    pub(super) fn shut(&mut self, partition: u32) {
        self.owned.remove(&partition);
    }

    /// The first record that arrived since the member got `partition` stands at `offset`: the group has committed all before.
    /// `restarted` when the topic begins anew below what was committed.
    pub(super) fn first_arrived(&mut self, partition: u32, offset: u64, restarted: bool) {
        if let Some(committed) = self.owned.get_mut(&partition)
            && (committed.is_none() || restarted)
        {
            *committed = Some(offset);
        }
    }

    /// What of `positions` is to be committed, and the first partition that is another member's. A position of which nothing is
    /// known to compare it with is another member's too: it stems from an earlier time as owner.
    pub(super) fn due(&self, positions: &Positions) -> (Positions, Option<u32>) {
        let known = |partition: u32| self.owned.get(&partition).copied().flatten();
        let revoked = positions.iter().map(|(partition, _)| partition).find(|&partition| known(partition).is_none());
        let due = positions.iter().filter(|&(partition, next)| known(partition).is_some_and(|committed| next > committed)).collect();
        (due, revoked)
    }

    /// Notes what was committed.
    pub(super) fn committed(&mut self, positions: &Positions) {
        for (partition, next) in positions.iter() {
            if let Some(committed) = self.owned.get_mut(&partition) {
                *committed = (*committed).max(Some(next));
            }
        }
    }

    /// Partitions that the member owns.
    pub(super) fn partitions(&self) -> impl Iterator<Item = u32> + '_ {
        self.owned.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    fn positions(of: &[(u32, u64)]) -> Positions {
        of.iter().copied().collect()
    }

    #[test]
    fn what_is_owned_is_due_once_and_only_forward() {
        let mut gate = Gate::default();
        gate.open(0, Some(5));
        gate.open(1, Some(0));
        let (due, revoked) = gate.due(&positions(&[(0, 4), (1, 3)]));
        assert_eq!((due, revoked), (positions(&[(1, 3)]), None));
        gate.committed(&positions(&[(1, 3)]));
        assert_eq!(gate.due(&positions(&[(1, 3)])), (positions(&[]), None));
        assert_eq!(gate.due(&positions(&[(1, 2)])), (positions(&[]), None));
        assert_eq!(gate.due(&positions(&[(1, 4)])), (positions(&[(1, 4)]), None));
    }

    #[test]
    fn what_was_lost_is_refused_and_the_rest_is_due() {
        let mut gate = Gate::default();
        gate.open(0, Some(0));
        gate.open(1, Some(0));
        gate.shut(0);
        assert_eq!(gate.due(&positions(&[(0, 9), (1, 9)])), (positions(&[(1, 9)]), Some(0)));
    }

    #[test]
    fn work_from_an_earlier_time_as_owner_never_moves_the_group_back() {
        let mut gate = Gate::default();
        gate.open(0, Some(10));
        gate.shut(0);
        // Another member committed up to 30 meanwhile.
        gate.open(0, Some(30));
        assert_eq!(gate.due(&positions(&[(0, 20)])), (positions(&[]), None));
    }

    #[test]
    fn where_the_cluster_could_not_tell_the_commit_nothing_is_due_before_the_first_record() {
        let mut gate = Gate::default();
        gate.open(0, None);
        assert_eq!(gate.due(&positions(&[(0, 20)])), (positions(&[]), Some(0)));
        gate.first_arrived(0, 30, false);
        assert_eq!(gate.due(&positions(&[(0, 20)])), (positions(&[]), None));
        assert_eq!(gate.due(&positions(&[(0, 31)])), (positions(&[(0, 31)]), None));
    }

    #[test]
    fn a_topic_that_begins_anew_is_committed_from_its_start() {
        let mut gate = Gate::default();
        gate.open(0, Some(500));
        gate.first_arrived(0, 0, true);
        assert_eq!(gate.due(&positions(&[(0, 1)])), (positions(&[(0, 1)]), None));
    }
}
