//! Tenants, domains, reporting addresses and keys: an in-memory view rebuilt from the compacted registry topic, and the
//! commands that change it.
//!
//! A command's way: [`Registry`] takes the fenced writer → reads the topic to its end → validates against the view → appends
//! → the view follows. Whoever asks the view afterwards sees what the command did.
//!
//! Many tenants at once go the same way as one batch: [`Registry::onboard`] validates each against the view and what those before
//! it did, and appends all of it together.
//!
//! The topic holds one record an entity, keyed `tenant/<id>`, `domain/<domain>`, `key/<id>`, `operator-key/<id>` or `notify/<tenant>`; its value is
//! the entity's state as JSON, and an empty value says that it is gone. A deleted tenant keeps a record that says so: its id stays reserved, so
//! that no later tenant inherits the rows that are stored under that id. Until it is erased, the record also has its address and
//! the ids of its keys, by which what is left of it is found.
//!
//! Invariants: one domain has one owner; a claim that lost a race is never written, so compaction cannot revive it; keys are
//! held as hashes only, and the secrets that sign notices, which have to be kept as they are, are in no answer but the first; the view is what the topic says and nothing else writes it.

mod command;
mod entity;
mod error;
mod fence;
mod follower;
mod key_command;
mod notify_command;
mod onboard;
mod registry;
mod scope;
mod secret;
mod settings;
mod state;
mod suffix;
mod view;

pub use command::NAME_MAX_CHARS;
pub use entity::{ApiKey, ClaimedDomain, DeletedTenant, Grant, NewKey, OperatorGrant, OperatorKey, Tenant};
pub use error::{CommandError, RegistryError};
pub use key_command::{EXPIRED_KEPT, OVERLAP_MAX};
pub use notify_command::{WantedNotifications, WebhookSecret};
pub use onboard::{Onboarded, Onboarding};
pub use registry::{Registry, RegistrySize};
pub use scope::{Role, Scope, Scopes};
pub use secret::ADDRESS_CHARS;
pub use settings::{RETENTION_MAX_DAYS, RetentionDays, RetentionError, RuleSettings, SettingsChange, TenantSettings};
pub use tlsrpt_record::{TenantId, TenantIdError};
pub use view::is_expired;
