//! Kafka's errors in the log's words.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::error::{LogError, ProduceError};

/// Whether nobody but the operator can cure it: another try gives the same answer.
pub(super) fn is_permanent(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed
            | Code::InvalidConfig
            | Code::InvalidReplicationFactor
            | Code::InvalidPartitions
            | Code::InvalidTopic
            | Code::PolicyViolation
            | Code::UnsupportedVersion
            | Code::InvalidGroupId
            | Code::InvalidArgument
    )
}

/// Whether the brokers are still settling who does what, as they are for a moment after a topic was made or a broker came or went.
pub(super) fn is_settling(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::NotLeaderForPartition
                | Code::LeaderNotAvailable
                | Code::NotCoordinator
                | Code::CoordinatorNotAvailable
                | Code::CoordinatorLoadInProgress
        )
    )
}

/// What an action on the cluster failed with.
pub(super) fn log_error(action: impl Into<String>, error: &KafkaError) -> LogError {
    let (action, reason) = (action.into(), error.to_string());
    match error.rdkafka_error_code() {
        Some(code) if is_permanent(code) => LogError::Engine { action, reason },
        None => LogError::Engine { action, reason },
        Some(_) => LogError::Unavailable { action, reason },
    }
}

/// What librdkafka says of a configuration that it does not take.
pub(super) fn config_error(error: &KafkaError) -> LogError {
    LogError::Engine { action: "configure Kafka".to_owned(), reason: error.to_string() }
}

/// What an append failed with. `bytes` is the record's size, `bytes_max` what this process sends at most.
pub(super) fn produce_error(error: &KafkaError, bytes: usize, bytes_max: usize) -> ProduceError {
    use RDKafkaErrorCode as Code;
    match error.rdkafka_error_code() {
        Some(Code::QueueFull) => ProduceError::Full,
        Some(Code::MessageSizeTooLarge | Code::InvalidMessageSize) => ProduceError::TooLarge { bytes, bytes_max },
        // The request may have reached the broker, and the broker may have done it.
        Some(Code::MessageTimedOut | Code::OperationTimedOut | Code::RequestTimedOut | Code::PurgeInflight) => ProduceError::Unknown,
        Some(Code::ProducerFenced | Code::Fenced | Code::InvalidProducerEpoch) => ProduceError::Fenced,
        _ => ProduceError::Unavailable { reason: error.to_string() },
    }
}
