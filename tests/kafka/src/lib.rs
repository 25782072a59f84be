//! Real Apache Kafka brokers on loopback: one, or three that fail over, from the jars that `make kafka-jars` fetches.
//!
//! [`Cluster::start`] writes each broker's `server.properties` ([`ClusterOptions`] says what differs), formats its storage, starts
//! its JVM and waits until the cluster answers. Brokers are then killed, stopped, paused and restarted by their number, from 0.
//! [`shared`] is a cluster that all tests of a process use.
//!
//! Invariants: no broker outlives the [`Cluster`], nor the process that holds it, however that ends; nothing listens beyond
//! loopback; everything a cluster writes is in one directory, which is removed with it. A cluster belongs to no async runtime: each
//! test may have its own.

mod broker;
mod certificate;
mod cluster;
mod error;
mod jars;
mod options;
mod ports;
mod process;
mod properties;
mod shared;

pub use self::{cluster::Cluster, error::ClusterError, options::ClusterOptions, shared::shared};
