//! What can be set, as a page for people and as a JSON Schema for programs. Both are read off the types of the tree: the docstring of
//! a field is its description.

use std::{collections::BTreeMap, fmt::Write as _};

use clap::CommandFactory;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::{Config, Overrides};

/// JSON Schema (2020-12) of the TOML file, each section where it is used.
pub(crate) fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<Config>().to_value();
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".to_owned(), Value::from("Configuration of tlsrpt"));
    }
    schema
}

/// The page on every setting, in Markdown: a section a table.
pub(crate) fn markdown() -> String {
    let mut page = String::from(HEAD);
    section(&mut page, &flags(), "", &schema());
    page
}

const HEAD: &str = "# Configuration reference

Made by `tlsrpt config --reference`; how the sources go over each other stands in [operations.md](operations.md#configuration).

Every setting can be written in the TOML file, and in a variable `TLSRPT_SECTION__KEY`: `edge.spool.limit_bytes` is
`TLSRPT_EDGE__SPOOL__LIMIT_BYTES`, with lists as `[\"a\", \"b\"]`. Some have a flag too, with a variable of its own beside it.
`tlsrpt config --schema` prints the same as a JSON Schema, for editors and other programs.
";

/// The flag and the variable of the settings that have one, by place.
fn flags() -> BTreeMap<&'static str, String> {
    let command = crate::cli::Cli::command();
    let shown = |id: &str| {
        let argument = command.get_arguments().find(|argument| argument.get_id() == id)?;
        Some(format!("`--{}`, `{}`", argument.get_long()?, argument.get_env()?.to_str()?))
    };
    Overrides::places().into_iter().filter_map(|(flag, place)| Some((place, shown(flag)?))).collect()
}

/// Writes the settings of one table, then the tables in it. `place` is empty, or the table's with a full stop behind it.
fn section(page: &mut String, flags: &BTreeMap<&'static str, String>, place: &str, schema: &Value) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    let (tables, settings): (Vec<_>, Vec<_>) = properties.iter().partition(|(_, property)| table(property).is_some());
    // Writing to a String cannot fail.
    if !settings.is_empty() {
        let title = if place.is_empty() { "Without a section".to_owned() } else { format!("`{}`", place.trim_end_matches('.')) };
        let _ = writeln!(page, "\n## {title}\n");
        if let (false, Some(text)) = (place.is_empty(), schema.get("description").and_then(Value::as_str)) {
            let _ = writeln!(page, "{}\n", line(text));
        }
        let _ = writeln!(page, "| setting | kind | default | what it is |\n| --- | --- | --- | --- |");
    }
    for (name, property) in settings {
        let text = property.get("description").and_then(Value::as_str).map(line).unwrap_or_default();
        let flag = flags.get(format!("{place}{name}").as_str()).map(|flag| format!(" Flag {flag}.")).unwrap_or_default();
        let (default, kind) = (default(schema, name, property), kind(property));
        let _ = writeln!(page, "| `{name}` | {kind} | {default} | {text}{flag} |");
    }
    for (name, property) in tables {
        // What is said of the field says more of what it is for than what is said of the type.
        let mut inner = table(property).cloned().unwrap_or_default();
        if let Some(text) = property.get("description") {
            inner.insert("description".to_owned(), text.clone());
        }
        section(page, flags, &format!("{place}{name}."), &Value::from(inner));
    }
}

/// The schema of a table with settings of its own; none for a single setting.
fn table(property: &Value) -> Option<&Map<String, Value>> {
    alternatives(property).find_map(|one| one.as_object().filter(|one| one.contains_key("properties")))
}

/// What a setting may be: itself, or each of several.
fn alternatives(property: &Value) -> impl Iterator<Item = &Value> {
    let several = property.get("anyOf").or_else(|| property.get("oneOf")).and_then(Value::as_array);
    std::iter::once(property).filter(move |_| several.is_none()).chain(several.into_iter().flatten())
}

/// The default as the TOML file would have it; `none`, or that it has to be given.
fn default(schema: &Value, name: &str, property: &Value) -> String {
    let is_required = schema.get("required").and_then(Value::as_array).is_some_and(|all| all.iter().any(|one| one == name));
    match property.get("default") {
        _ if is_required => "has to be given".to_owned(),
        None | Some(Value::Null) => "none".to_owned(),
        Some(Value::Object(values)) if values.is_empty() => "none".to_owned(),
        Some(Value::Array(values)) if values.is_empty() => "none".to_owned(),
        Some(value) => format!("`{}`", cell(&value.to_string())),
    }
}

/// The kind of a value in words.
fn kind(property: &Value) -> String {
    let values: Vec<String> = alternatives(property)
        .flat_map(|one| one.get("const").into_iter().chain(one.get("enum").and_then(Value::as_array).into_iter().flatten()))
        .filter_map(|value| value.as_str().map(|value| format!("`{value}`")))
        .collect();
    if !values.is_empty() {
        return values.join(", ");
    }
    let is = |wanted: &str| {
        alternatives(property).any(|one| match one.get("type") {
            Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == wanted),
            Some(kind) => kind == wanted,
            None => false,
        })
    };
    let words = [
        ("integer", "whole number"),
        ("number", "number"),
        ("boolean", "true or false"),
        ("array", "list"),
        ("object", "names with a value each"),
        ("string", "text"),
    ];
    words.into_iter().find(|(kind, _)| is(kind)).map_or("text", |(_, words)| words).to_owned()
}

/// A docstring, broken into lines in the source, on one line.
fn line(text: &str) -> String {
    cell(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Text for a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    /// The places of a tree of values, each value that is no table being one.
    fn places(value: &toml::Value, place: &str, all: &mut Vec<String>) {
        match value {
            toml::Value::Table(table) => {
                for (name, value) in table {
                    places(value, &format!("{place}.{name}"), all);
                }
            }
            _ => all.push(place.trim_start_matches('.').to_owned()),
        }
    }

    #[test]
    fn the_page_in_the_docs_is_the_one_that_the_program_makes() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert!(page == markdown(), "docs/configuration.md is not true any more: tlsrpt config --reference >docs/configuration.md");
    }

    #[test]
    fn every_setting_is_described() {
        fn look(place: &str, schema: &Value) {
            for (name, property) in schema["properties"].as_object().into_iter().flatten() {
                let place = format!("{place}.{name}");
                assert!(property["description"].as_str().is_some_and(|text| !text.is_empty()), "{place} has no docstring");
                table(property).into_iter().for_each(|inner| look(&place, &Value::from(inner.clone())));
            }
        }
        look("", &schema());
    }

    #[test]
    fn every_default_fits_the_schema_and_has_its_place_in_it() {
        let config = Config::default();
        let validator = jsonschema::validator_for(&schema()).unwrap();
        let shown = serde_json::to_value(&config).unwrap();
        assert_eq!(validator.iter_errors(&shown).map(|error| error.to_string()).collect::<Vec<_>>(), Vec::<String>::new());
        assert!(!validator.is_valid(&serde_json::json!({"listen": {"htps": "127.0.0.1:1"}})), "an unknown key is refused");

        let mut all = Vec::new();
        places(&toml::Value::try_from(&config).unwrap(), "", &mut all);
        for place in all {
            let path = format!("/properties/{}", place.replace('.', "/properties/"));
            assert!(schema().pointer(&path).is_some(), "{place}");
        }
    }

    #[test]
    fn every_flag_has_its_setting_in_the_page() {
        let places = Overrides::places();
        let flags = flags();
        assert_eq!(flags.len(), places.len(), "a flag is called otherwise than its field");
        let page = markdown();
        for flag in flags.values() {
            assert!(page.contains(&format!("Flag {flag}.")), "{flag}");
        }
        // --config is the file itself.
        let all = crate::cli::Cli::command().get_arguments().filter(|one| one.get_env().is_some() && one.get_id() != "config").count();
        assert_eq!(all, places.len());
    }
}
