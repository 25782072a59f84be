//! Three brokers: one at a time goes, and nothing is lost.
