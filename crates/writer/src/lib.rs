//! Normalized records in batches into ClickHouse
