//! Commands that do one thing and end.

pub(crate) mod backup;
pub(crate) mod check;
pub(crate) mod config;
pub(crate) mod demo;
pub(crate) mod dns;
pub(crate) mod doctor;
pub(crate) mod import;
pub(crate) mod metrics;
pub(crate) mod migrate;
pub(crate) mod restore;
pub(crate) mod tenants;
pub(crate) mod version;
