//! The pipeline's topics and groups.

use std::time::Duration;

use tlsrpt_log::{Cleanup, Topic};

const DAY: Duration = Duration::from_secs(86_400);
const GIB: u64 = 1 << 30;

/// Largest record on any topic, unless set otherwise: a normalized record holds the payload and all that was read from it.
pub const RECORD_MAX_BYTES: usize = 80 << 20;

/// Payloads as received, from the edge to the normalizer. Kept for a week at most, so that a mistake can be replayed.
pub const SUBMISSIONS: Topic =
    Topic { name: "tlsrpt.submissions", partitions: 1, cleanup: Cleanup::Delete { age_max: DAY.saturating_mul(7), bytes_max: 4 * GIB } };

/// Outcomes, from the normalizer to the writer.
pub const NORMALIZED: Topic =
    Topic { name: "tlsrpt.normalized", partitions: 1, cleanup: Cleanup::Delete { age_max: DAY, bytes_max: 2 * GIB } };

/// Tenants, domains, addresses and keys.
pub const REGISTRY: Topic = Topic { name: "tlsrpt.registry", partitions: 1, cleanup: Cleanup::Compact };

/// Who changed what and who read which payload, from the API to the writer. Kept for a month at most once it is in the database.
pub const AUDIT: Topic =
    Topic { name: "tlsrpt.audit", partitions: 1, cleanup: Cleanup::Delete { age_max: DAY.saturating_mul(30), bytes_max: GIB } };

/// The normalizer's consumer group.
pub const NORMALIZER_GROUP: &str = "tlsrpt-normalizer";

/// The writer's consumer group.
pub const WRITER_GROUP: &str = "tlsrpt-writer";

/// The consumer group that moves audit entries to the database. The writers are its members.
pub const AUDIT_GROUP: &str = "tlsrpt-audit";
