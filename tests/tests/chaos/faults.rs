//! The faults.

use std::time::Duration;

use tlsrpt_tests::Network;

/// What can be killed, stopped, cut off or given a wrong clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Edge,
    Normalizer,
    Writer,
    Query,
}

impl Who {
    pub(crate) const ALL: [Self; 4] = [Self::Edge, Self::Normalizer, Self::Writer, Self::Query];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::Normalizer => "normalizer",
            Self::Writer => "writer",
            Self::Query => "query",
        }
    }
}

/// A network that is not as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    Cut,
    Slow,
    Narrow,
    HalfOpen,
    Reset,
}

impl Trouble {
    pub(crate) const ALL: [Self; 5] = [Self::Cut, Self::Slow, Self::Narrow, Self::HalfOpen, Self::Reset];

    fn name(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Slow => "latency",
            Self::Narrow => "bandwidth",
            Self::HalfOpen => "half-open",
            Self::Reset => "reset",
        }
    }

    /// What the proxy does; none: it is cut.
    pub(crate) fn network(self) -> Option<Network> {
        match self {
            Self::Cut => None,
            Self::Slow => Some(Network::Slow(Duration::from_millis(150))),
            Self::Narrow => Some(Network::Narrow(200_000)),
            Self::HalfOpen => Some(Network::HalfOpen),
            Self::Reset => Some(Network::ResetAfter(20_000)),
        }
    }
}

/// What a database answers that has no memory left.
const NO_MEMORY: &str = "HTTP/1.1 500 Internal Server Error\r\nX-ClickHouse-Exception-Code: 241\r\nContent-Length: 66\r\nConnection: close\r\n\r\n\
                         Code: 241. DB::Exception: Memory limit exceeded (MEMORY_LIMIT_EXC\n";

/// A database that is not as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Database {
    Away,
    Slow,
    Errors,
    FailsInAnInsert,
    Hangs,
}

impl Database {
    pub(crate) const ALL: [Self; 5] = [Self::Away, Self::Slow, Self::Errors, Self::FailsInAnInsert, Self::Hangs];

    fn name(self) -> &'static str {
        match self {
            Self::Away => "away",
            Self::Slow => "slow",
            Self::Errors => "answering errors",
            Self::FailsInAnInsert => "failing in the middle of an insert",
            Self::Hangs => "hanging",
        }
    }

    /// What the proxy does; none: it is cut.
    pub(crate) fn network(self) -> Option<Network> {
        match self {
            Self::Away => None,
            Self::Slow => Some(Network::Slow(Duration::from_millis(400))),
            Self::Errors => Some(Network::Answers(NO_MEMORY)),
            Self::FailsInAnInsert => Some(Network::ResetAfter(1_500)),
            Self::Hangs => Some(Network::HalfOpen),
        }
    }
}

/// Everything that is done to the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing: what the others are compared with.
    None,
    Killed(Who),
    Stopped(Who),
    RollingRestart,
    BrokerKilled,
    BrokerRestarted,
    BrokerStopped,
    /// Of three, the one that leads.
    LeaderKilled,
    /// Of three, one to which the others cannot come.
    FollowerCutOff,
    /// Between the broker and one edge, one normalizer and one writer; the others are not touched.
    Network(Trouble),
    Database(Database),
    /// Replicas come and go.
    Rebalances,
    /// The edge's data directory is full, and Kafka is away.
    DiskFull,
    /// The clock of a role steps by so many hours, and back.
    ClockSteps(Who, i64),
}

impl Fault {
    /// Each once.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = vec![Self::None];
        all.extend(Who::ALL.map(Self::Killed));
        all.extend(Who::ALL.map(Self::Stopped));
        all.extend([Self::RollingRestart, Self::BrokerKilled, Self::BrokerRestarted, Self::BrokerStopped]);
        all.extend(Trouble::ALL.map(Self::Network));
        all.extend(Database::ALL.map(Self::Database));
        all.extend([Self::Rebalances, Self::DiskFull]);
        all.extend(
            [(Who::Edge, 20), (Who::Edge, -20), (Who::Normalizer, 20), (Who::Writer, -20)].map(|(who, hours)| Self::ClockSteps(who, hours)),
        );
        all
    }

    /// Those that need three brokers, each once.
    pub(crate) fn of_three_brokers() -> Vec<Self> {
        vec![Self::LeaderKilled, Self::FollowerCutOff]
    }

    pub(crate) fn name(self) -> String {
        match self {
            Self::LeaderKilled => "leader of three brokers killed".to_owned(),
            Self::FollowerCutOff => "one of three brokers cut off from the others".to_owned(),
            Self::None => "none".to_owned(),
            Self::Killed(who) => format!("{} killed (SIGKILL)", who.name()),
            Self::Stopped(who) => format!("{} stopped (SIGSTOP)", who.name()),
            Self::RollingRestart => "every role restarted in turn (SIGTERM)".to_owned(),
            Self::BrokerKilled => "broker killed".to_owned(),
            Self::BrokerRestarted => "broker restarted".to_owned(),
            Self::BrokerStopped => "broker stopped (SIGSTOP)".to_owned(),
            Self::Network(trouble) => format!("network to the broker: {}", trouble.name()),
            Self::Database(trouble) => format!("database {}", trouble.name()),
            Self::Rebalances => "replicas added and removed".to_owned(),
            Self::DiskFull => "edge's disk full while the broker is away".to_owned(),
            Self::ClockSteps(who, hours) => format!("{}'s clock steps by {hours:+} h", who.name()),
        }
    }
}
