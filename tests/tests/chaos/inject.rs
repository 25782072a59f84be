//! Bringing a fault about, keeping it for a while under load, and ending it.

use std::time::Duration;

use rand::{RngExt as _, rngs::SmallRng};

use crate::{
    faults::{Fault, Who},
    world::World,
};

/// Longer than a member's session, so that its group goes on without it.
const BEYOND_THE_SESSION: Duration = Duration::from_secs(8);

/// The file that takes the disk's last byte.
const SOMEBODY_ELSES: &str = "somebody-elses";

/// Long enough that the spool is in use.
const OUTAGE: Duration = Duration::from_secs(5);

/// Brings the fault about and ends it; whether it can be had on this machine.
pub(crate) async fn inject(world: &mut World, fault: Fault, random: &mut SmallRng) -> bool {
    // Not always at the same moment of a batch.
    wait(Duration::from_millis(random.random_range(0..400))).await;
    match fault {
        Fault::None => wait(OUTAGE).await,
        Fault::Killed(who) => {
            for _ in 0..2 {
                world.member(who).service.kill();
                wait(Duration::from_millis(random.random_range(0..1_500))).await;
                world.member(who).service.start_again().await;
                wait(Duration::from_millis(random.random_range(300..1_000))).await;
            }
        }
        Fault::Stopped(who) => {
            world.member(who).service.pause();
            wait(BEYOND_THE_SESSION).await;
            world.member(who).service.resume();
        }
        Fault::RollingRestart => {
            for who in Who::ALL {
                world.member(who).service.stop().await;
                world.member(who).service.start_again().await;
            }
        }
        Fault::BrokerKilled => {
            world.kafka.kill(0).unwrap();
            wait(OUTAGE).await;
            world.kafka.restart(0).await.unwrap();
        }
        Fault::BrokerRestarted => {
            world.kafka.stop(0).await.unwrap();
            world.kafka.restart(0).await.unwrap();
        }
        Fault::BrokerStopped => {
            world.kafka.pause(0).unwrap();
            wait(BEYOND_THE_SESSION).await;
            world.kafka.resume(0).unwrap();
        }
        Fault::LeaderKilled => {
            let leader = world.leader().await;
            world.kafka.kill(leader).unwrap();
            wait(BEYOND_THE_SESSION).await;
            world.kafka.restart(leader).await.unwrap();
        }
        Fault::FollowerCutOff => {
            let cut_off = random.random_range(0..world.to_peer.len());
            world.to_peer[cut_off].cut().await;
            wait(BEYOND_THE_SESSION).await;
            world.to_peer[cut_off].restore().await;
        }
        Fault::Network(trouble) => {
            for proxy in &mut world.to_kafka {
                proxy.disturb(trouble.network()).await;
            }
            wait(BEYOND_THE_SESSION).await;
            for proxy in &mut world.to_kafka {
                proxy.mend().await;
            }
        }
        Fault::Database(trouble) => {
            world.to_database.disturb(trouble.network()).await;
            wait(OUTAGE).await;
            world.to_database.mend().await;
        }
        Fault::Rebalances => {
            for round in 0..2 {
                world.add(Who::Normalizer, 2 + round).await;
                world.add(Who::Writer, 2 + round).await;
                wait(Duration::from_millis(random.random_range(500..1_500))).await;
                // The longest-serving one of those beyond the first goes.
                world.normalizers.remove(1).service.finish().await;
                world.writers.remove(1).service.finish().await;
                wait(Duration::from_millis(random.random_range(500..1_500))).await;
            }
        }
        Fault::DiskFull => {
            let Some(disk) = &world.disk else { return false };
            for proxy in &mut world.to_kafka {
                proxy.cut().await;
            }
            wait(OUTAGE).await;
            disk.fill(SOMEBODY_ELSES);
            wait(OUTAGE).await;
            disk.clear(SOMEBODY_ELSES);
            for proxy in &mut world.to_kafka {
                proxy.restore().await;
            }
        }
        Fault::ClockSteps(who, hours) => {
            world.member(who).clock.step_to(hours * 3_600);
            wait(OUTAGE).await;
            world.member(who).clock.step_to(0);
        }
    }
    true
}

/// A fault lasts for a time; nothing is awaited.
async fn wait(time: Duration) {
    tokio::time::sleep(time).await;
}
