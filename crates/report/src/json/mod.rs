//! JSON into typed structs in one pass, forgiving each field by itself.
//!
//! [`read`] walks the text once through serde_json; every field takes whatever type it finds, and what it cannot use it skips
//! and marks. Strings borrow from the text. Text that is not quite JSON goes through [`repair`] and is read again.

mod block;
mod detail;
mod key;
mod list;
mod object;
mod raw;
mod repair;
mod root;
mod scalar;
mod scope;
mod skip;
mod splice;

pub(crate) use raw::{Block, RawReport};
pub(crate) use repair::repair;
pub(crate) use root::{ReadError, read};
pub(crate) use scalar::Scalar;
pub(crate) use splice::keep_policies;
