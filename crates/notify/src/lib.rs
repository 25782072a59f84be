//! What a tenant is told of its domains, and when. Pure: no I/O, no clock.
//!
//! A notice's way: what is known of the domains now ([`DomainView`]) and the conditions that were known before ([`Before`]) → those that
//! began and those that ended ([`changes`]) → a [`Notice`] each → whether its time is now ([`QuietHours`]) → the body of a webhook
//! ([`webhook_body`]) with its [`signature`], or with others the text of a mail ([`mail_text`]).
//!
//! Invariants: a condition that goes on is told once, whatever came late; one that ended and came back is told again; the same notice has
//! the same key, whichever process finds it; a secret is in no message and in no debug output.

mod changes;
mod condition;
mod kind;
mod message;
mod quiet;
mod settings;

pub use changes::{Before, Changes, Known, Opened, changes};
pub use condition::{Condition, DomainView, FailureClass, QUIET_DAYS};
pub use kind::{Kind, Kinds};
pub use message::{BODY_VERSION, Notice, NoticeKey, mail_subject, mail_text, signature, test_notice, webhook_body};
pub use quiet::{QuietHours, QuietHoursError};
pub use settings::{
    Address, AddressError, MAIL_MAX_ADDRESSES, OldSecret, SECRET_OVERLAP, Secret, Settings, URL_MAX_BYTES, Webhook, WebhookUrl,
    WebhookUrlError,
};
