//! A consumer group: who is in it, who owns which partition, and what is committed.

use parking_lot::Mutex;

use crate::backend::Positions;

/// A group on one topic.
pub(super) struct Group {
    pub(super) name: String,
    state: Mutex<State>,
}

struct State {
    partitions: Vec<Share>,
    members: Vec<u64>,
    member_next: u64,
}

#[derive(Clone, Copy)]
struct Share {
    /// Durably committed: the next offset to read.
    committed: u64,
    owner: Option<u64>,
    /// Counts the changes of owner, so that a member that lost a partition and got it back starts from what is committed.
    epoch: u64,
}

/// A partition that a member owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owned {
    pub(super) partition: u32,
    pub(super) epoch: u64,
    pub(super) committed: u64,
}

impl Group {
    /// A group that has committed these next offsets, by partition.
    pub(super) fn new(name: &str, committed: Vec<u64>) -> Self {
        let partitions = committed.into_iter().map(|committed| Share { committed, owner: None, epoch: 0 }).collect();
        Self { name: name.to_owned(), state: Mutex::new(State { partitions, members: Vec::new(), member_next: 0 }) }
    }

    /// Adds a member and gives it its share.
    pub(super) fn join(&self) -> u64 {
        let mut state = self.state.lock();
        let member = state.member_next;
        state.member_next += 1;
        state.members.push(member);
        state.share_out();
        member
    }

    /// Takes a member out and gives its share to the others.
    pub(super) fn leave(&self, member: u64) {
        let mut state = self.state.lock();
        state.members.retain(|&other| other != member);
        state.share_out();
    }

    /// What `member` owns now.
    pub(super) fn owned(&self, member: u64) -> Vec<Owned> {
        let state = self.state.lock();
        (0u32..)
            .zip(&state.partitions)
            .filter(|(_, share)| share.owner == Some(member))
            .map(|(partition, share)| Owned { partition, epoch: share.epoch, committed: share.committed })
            .collect()
    }

    /// What of `positions` belongs to `member`, and the first partition that does not.
    pub(super) fn of_member(&self, member: u64, positions: &Positions) -> (Positions, Option<u32>) {
        let state = self.state.lock();
        let is_owned = |partition: u32| state.partitions.get(partition as usize).is_some_and(|share| share.owner == Some(member));
        let revoked = positions.iter().map(|(partition, _)| partition).find(|&partition| !is_owned(partition));
        (positions.iter().filter(|&(partition, _)| is_owned(partition)).collect(), revoked)
    }

    /// The next offset to read of `partition`.
    pub(super) fn committed(&self, partition: u32) -> u64 {
        self.state.lock().partitions.get(partition as usize).map_or(0, |share| share.committed)
    }

    /// Notes that `next` is durably committed; never moves back.
    pub(super) fn set_committed(&self, partition: u32, next: u64) {
        if let Some(share) = self.state.lock().partitions.get_mut(partition as usize) {
            share.committed = share.committed.max(next);
        }
    }
}

impl State {
    /// Gives each member its fair number of partitions, and moves no partition that need not move.
    fn share_out(&mut self) {
        let members = self.members.len();
        if members == 0 {
            for share in &mut self.partitions {
                share.owner = None;
            }
            return;
        }
        // The first members, by age, take what does not divide evenly.
        let (each, rest) = (self.partitions.len() / members, self.partitions.len() % members);
        let mut room: Vec<(u64, usize)> =
            self.members.iter().enumerate().map(|(index, &member)| (member, each + usize::from(index < rest))).collect();
        let mut free = Vec::new();
        for (index, share) in self.partitions.iter().enumerate() {
            match share.owner.and_then(|owner| room.iter_mut().find(|(member, room)| *member == owner && *room > 0)) {
                Some((_, room)) => *room -= 1,
                None => free.push(index),
            }
        }
        let mut takers = room.into_iter().flat_map(|(member, room)| std::iter::repeat_n(member, room));
        for index in free {
            if let Some(share) = self.partitions.get_mut(index) {
                share.owner = takers.next();
                share.epoch += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn partitions_are_shared_fairly_and_none_is_left_or_moved_without_need(
            partitions in 1..9usize,
            steps in proptest::collection::vec(proptest::option::of(0..6usize), 1..30),
        ) {
            let group = Group::new("g", vec![0; partitions]);
            let mut members = Vec::new();
            for step in steps {
                let before: Vec<Vec<Owned>> = members.iter().map(|&member| group.owned(member)).collect();
                let survivors: Vec<(u64, Vec<Owned>)> = match step {
                    None => {
                        let survivors = members.iter().copied().zip(before).collect();
                        members.push(group.join());
                        survivors
                    }
                    Some(_) if members.is_empty() => continue,
                    Some(index) => {
                        let index = index % members.len();
                        group.leave(members.remove(index));
                        let mut before = before;
                        before.remove(index);
                        members.iter().copied().zip(before).collect()
                    }
                };
                if members.is_empty() {
                    continue;
                }
                let mut owned: Vec<u32> = Vec::new();
                for &member in &members {
                    let share = group.owned(member);
                    prop_assert!(share.len() == partitions / members.len() || share.len() == partitions.div_ceil(members.len()));
                    owned.extend(share.iter().map(|owned| owned.partition));
                }
                owned.sort_unstable();
                prop_assert_eq!(owned, (0..partitions as u32).collect::<Vec<_>>());
                for (member, before) in survivors {
                    let now = group.owned(member);
                    let kept = before.iter().filter(|owned| now.contains(owned)).count();
                    prop_assert_eq!(kept, before.len().min(now.len()), "a member keeps what its share has room for");
                }
            }
        }
    }

    #[test]
    fn a_partition_that_was_away_and_came_back_is_read_from_the_commit() {
        let group = Group::new("g", vec![0]);
        let first = group.join();
        let epoch = group.owned(first)[0].epoch;
        group.leave(first);
        let second = group.join();
        group.set_committed(0, 7);
        let owned = group.owned(second)[0];
        assert_ne!(owned.epoch, epoch);
        assert_eq!(owned.committed, 7);
        assert!(group.owned(first).is_empty());
        let mut positions = Positions::default();
        positions.done(crate::record::Position { partition: 0, offset: 9 });
        assert_eq!(group.of_member(first, &positions), (Positions::default(), Some(0)));
        assert_eq!(group.of_member(second, &positions), (positions.clone(), None));
    }
}
