//! What the API is, for programs and people: OpenAPI 3.1, made from the table of routes and the types in the handlers' signatures.
//!
//! A route's way: the table names it ([`Summary`]) → the types of its handler draft the operation ([`Described`], [`Draft`]) →
//! [`document`] puts all of them together → [`page`] serves it.

mod document;
mod draft;
mod operation;
mod page;
mod path;
pub(crate) mod schemas;

pub(crate) use document::Summary;
pub(crate) use draft::{Draft, inline};
pub(crate) use operation::{Accepted, Argument, Claimed, Created, Described, Done, DoneSee, Media, NDJSON, Sent};
pub(crate) use page::router;
