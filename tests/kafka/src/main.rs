//! `make kafka`: brokers in the foreground, on Kafka's usual port and the ones beside it.

use clap::Parser;
use tlsrpt_kafka_broker::{Cluster, ClusterOptions};
use tokio::signal::{
    ctrl_c,
    unix::{SignalKind, signal},
};

/// Real Apache Kafka brokers on loopback, until Ctrl-C. What they hold is gone with them.
#[derive(Parser)]
struct Arguments {
    /// How many brokers.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=9))]
    brokers: u8,
    /// Port of the first broker; the next are on every second port after it.
    #[arg(long, default_value_t = 9092, value_parser = clap::value_parser!(u16).range(1..=60_000))]
    port: u16,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Arguments { brokers, port } = Arguments::parse();
    let ports = (0..u16::from(brokers)).map(|index| port + 2 * index).collect();
    let options = ClusterOptions { brokers: brokers.into(), ports: Some(ports), ..ClusterOptions::default() };
    let mut terminated = signal(SignalKind::terminate())?;
    let cluster = tokio::select! {
        started = Cluster::start(options) => started?,
        _ = ctrl_c() => return Ok(()),
        _ = terminated.recv() => return Ok(()),
    };
    println!("Kafka answers: --kafka-brokers {}", cluster.bootstrap());
    tokio::select! {
        _ = ctrl_c() => {}
        _ = terminated.recv() => {}
    }
    Ok(())
}
