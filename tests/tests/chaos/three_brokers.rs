//! Three brokers: any one may go, and nothing is lost.

use rand::{SeedableRng as _, rngs::SmallRng};

use crate::{ONE, faults::Fault, one, seed::seed, table::Line, world::World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_three_brokers_any_one_may_go() {
    let _one = ONE.lock().await;
    let seed = seed();
    let mut random = SmallRng::seed_from_u64(seed);
    let mut world = World::start(seed, 3).await;
    println!("{}", Line::HEAD);
    for fault in Fault::of_three_brokers() {
        if let Some(line) = one(&mut world, fault, &mut random).await {
            println!("{}", line.text());
        }
    }
    world.finish().await;
}
