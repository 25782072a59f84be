//! Addresses of machines.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, TcpListener},
};

use parking_lot::Mutex;

/// Addresses that machines of this process were given: a server listens on its own only later, and not while it is stopped.
static GIVEN: Mutex<BTreeSet<Ipv4Addr>> = Mutex::new(BTreeSet::new());

/// An address of loopback that nobody else has: all of 127/8 is this machine, and seven million of its addresses leave room for many
/// test processes at one time.
pub(crate) fn free() -> Ipv4Addr {
    loop {
        let address = Ipv4Addr::new(127, rand::random_range(16..128), rand::random(), rand::random_range(1..255));
        if GIVEN.lock().insert(address) {
            TcpListener::bind((address, 0)).unwrap_or_else(|error| panic!("this machine has no {address}, as Linux does: {error}"));
            return address;
        }
    }
}
