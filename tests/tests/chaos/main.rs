//! Faults under load, one after the other, on real brokers, the real engine and every role as a process of its own. After each:
//! every acknowledged submission is in the ledger in exactly one fate, the tenant API's numbers are the senders' own, and nothing
//! is pending.
//!
//! `make chaos` goes round for at least twenty minutes; `make test` takes each fault once. `TLSRPT_E2E_SEED` repeats a run:
//! the same faults in the same order, with the same payloads.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod clock;
mod faults;
mod inject;
mod load;
#[path = "../e2e/seed.rs"]
mod seed;
mod table;
mod three_brokers;
mod world;

use std::time::{Duration, Instant};

use rand::{SeedableRng as _, rngs::SmallRng, seq::SliceRandom as _};
use tokio::sync::Mutex;

use crate::{faults::Fault, load::Load, seed::seed, table::Line, world::World};

/// The engine's library expects an allocator that it does not share with its host.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// One engine a process: the tests of this suite come one after the other.
static ONE: Mutex<()> = Mutex::const_new(());

/// Load before a fault and after it.
const CALM: Duration = Duration::from_millis(700);

/// How long the suite goes round at least, in minutes; without it each fault comes once.
const MINUTES: &str = "TLSRPT_CHAOS_MINUTES";

/// Faults by a part of their names, by commas; without it all.
const ONLY: &str = "TLSRPT_CHAOS_FAULTS";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_fault_loses_or_double_counts_what_was_acknowledged() {
    let _one = ONE.lock().await;
    let seed = seed();
    let minutes: u64 = std::env::var(MINUTES).map_or(0, |text| text.parse().expect("TLSRPT_CHAOS_MINUTES is a number"));
    let only = std::env::var(ONLY).unwrap_or_default();
    let is_wanted = |fault: &Fault| only.is_empty() || only.split(',').any(|part| fault.name().contains(part));
    let mut random = SmallRng::seed_from_u64(seed);
    let mut world = World::start(seed, 1).await;
    let began = Instant::now();
    println!("{}", Line::HEAD);
    let mut lines = Vec::new();
    loop {
        let mut faults: Vec<Fault> = Fault::all().into_iter().filter(is_wanted).collect();
        faults.shuffle(&mut random);
        for fault in faults {
            if let Some(line) = one(&mut world, fault, &mut random).await {
                println!("{}", line.text());
                lines.push(line);
            }
        }
        if began.elapsed() >= Duration::from_secs(60 * minutes) {
            break;
        }
    }
    println!("\nEach fault over all rounds, the longest time to recover:\n{}", table::summary(&lines));
    world.finish().await;
}

/// One fault under load, and the reckoning; none when it cannot be had on this machine.
async fn one(world: &mut World, fault: Fault, random: &mut SmallRng) -> Option<Line> {
    let before = world.counts();
    let load = Load::start(&world.sender(), world.smtp_listen, &world.mail_to(), &world.sent);
    tokio::time::sleep(CALM).await;
    let was_possible = inject::inject(world, fault, random).await;
    let healed = Instant::now();
    tokio::time::sleep(CALM).await;
    load.stop().await;
    let line = world.reckon(fault.name(), before, healed).await;
    was_possible.then_some(line)
}
