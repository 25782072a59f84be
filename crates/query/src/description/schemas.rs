//! Schemas of the values of parameters.

use tlsrpt_registry::NAME_MAX_CHARS;
use utoipa::openapi::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type, schema::SchemaType};

use crate::{config::QueryConfig, parameters::TEXT_MAX_CHARS};

fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// One name out of a set.
pub(crate) fn words<T>(known: &[(&'static str, T)]) -> Schema {
    string().enum_values(Some(known.iter().map(|&(name, _)| name))).into()
}

/// A name out of a set, or with a `-` before it.
pub(crate) fn sorts(names: impl IntoIterator<Item = &'static str>) -> Schema {
    let both = names.into_iter().flat_map(|name| [name.to_owned(), format!("-{name}")]);
    string().enum_values(Some(both.collect::<Vec<_>>())).into()
}

/// Any text.
pub(crate) fn text(_: &QueryConfig) -> Schema {
    string().min_length(Some(1)).max_length(Some(TEXT_MAX_CHARS)).into()
}

/// An id of whatever form.
pub(crate) fn id() -> Schema {
    string().min_length(Some(1)).into()
}

/// A network in CIDR form, or an address.
pub(crate) fn network(_: &QueryConfig) -> Schema {
    const OCTET: &str = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
    let v4 = format!("{OCTET}(\\.{OCTET}){{3}}(/(3[0-2]|[12]?[0-9]))?");
    // IPv6 in as many forms as a pattern can say plainly: all eight groups.
    let v6 = "([0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}(/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?";
    string().pattern(Some(format!("^({v4}|{v6})$"))).into()
}

/// What something is called: up to so many characters, none of them a control character, neither first nor last a space.
pub(crate) fn name() -> Schema {
    const INNER: &str = "[^\\x00-\\x1f\\x7f-\\x9f]";
    const OUTER: &str = "[^\\x00-\\x20\\x7f-\\xa0]";
    string().min_length(Some(1)).max_length(Some(NAME_MAX_CHARS)).pattern(Some(format!("^{OUTER}({INNER}*{OUTER})?$"))).into()
}

/// A UTC day.
pub(crate) fn day(_: &QueryConfig) -> Schema {
    string().format(Some(SchemaFormat::KnownFormat(KnownFormat::Date))).into()
}

/// A moment (RFC 3339).
pub(crate) fn moment(_: &QueryConfig) -> Schema {
    string().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))).into()
}

/// `true` or `false`.
pub(crate) fn flag(_: &QueryConfig) -> Schema {
    ObjectBuilder::new().schema_type(SchemaType::Type(Type::Boolean)).default(Some(false.into())).into()
}

/// A whole number from 1 to `max`.
pub(crate) fn whole(max: usize) -> Schema {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(i64::try_from(max).unwrap_or(i64::MAX))).into()
}

/// A whole number from 0 to `max`.
pub(crate) fn whole_or_none(max: usize) -> Schema {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).maximum(Some(i64::try_from(max).unwrap_or(i64::MAX))).into()
}

/// The length of a page.
pub(crate) fn limit(config: &QueryConfig) -> Schema {
    whole(config.page_max_rows)
}

/// Bytes as they are.
pub(crate) fn bytes() -> Schema {
    string().content_encoding("binary").into()
}

/// A JSON object of somebody else's.
pub(crate) fn object() -> Schema {
    ObjectBuilder::new().schema_type(Type::Object).into()
}

/// Text as it is.
pub(crate) fn lines() -> Schema {
    string().into()
}

/// Bytes, one at least.
pub(crate) fn payload() -> Schema {
    string().content_encoding("binary").min_length(Some(1)).into()
}

/// Bytes, one at least, for instance this text.
pub(crate) fn payload_such_as(example: &str) -> Schema {
    string().min_length(Some(1)).examples([example]).into()
}

/// Text as it is, for instance this.
pub(crate) fn lines_such_as(example: &str) -> Schema {
    string().examples([example]).into()
}
