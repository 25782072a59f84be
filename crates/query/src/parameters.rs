//! The query string: read once, typed, and never passed over in silence.

use std::fmt::Display;

use axum::{extract::FromRequestParts, http::request::Parts};
use sha2::{Digest, Sha256};
use tlsrpt_report::Day;
use tlsrpt_store::StoreError;
use utoipa::openapi::Schema;

use crate::{
    auth::App,
    config::QueryConfig,
    description::{Argument, Draft, schemas},
    nearest::{Hint, choose},
    problem::{Kind, Problem, echo, sentence},
};

/// Most values of one parameter.
pub(crate) const VALUES_MAX: usize = 200;
/// Longest value of a text parameter.
pub(crate) const TEXT_MAX_CHARS: usize = 512;
/// Enough that no two queries of one asker are taken for each other by chance.
const FINGERPRINT_BYTES: usize = 6;

/// A parameter: its name, and what the description says of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Of one value; the configuration has the limits.
    pub(crate) schema: fn(&QueryConfig) -> Schema,
    pub(crate) takes: Takes,
    pub(crate) is_required: bool,
    /// A value; of a parameter that takes several, all of them with commas between.
    pub(crate) example: Option<&'static str>,
}

/// How many values a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    One,
    /// Several, in several parameters or in one with commas between.
    Listed,
    /// Several, each in a parameter of its own.
    Repeated,
}

impl Parameter {
    pub(crate) const fn new(name: &'static str, about: &'static str, schema: fn(&QueryConfig) -> Schema) -> Self {
        Self { name, about, schema, takes: Takes::One, is_required: false, example: None }
    }
    pub(crate) const fn takes(self, takes: Takes) -> Self {
        Self { takes, ..self }
    }
    pub(crate) const fn required(self) -> Self {
        Self { is_required: true, ..self }
    }
    pub(crate) const fn example(self, value: &'static str) -> Self {
        Self { example: Some(value), ..self }
    }
}

/// How many entries a page has.
pub(crate) const LIMIT: Parameter = Parameter::new("limit", "Most entries in the answer.", schemas::limit).example("100");
/// Where a page begins.
pub(crate) const CURSOR: Parameter =
    Parameter::new("cursor", "The `next_cursor` of the page before, in a query with the same parameters.", schemas::text);
/// The first day of a period.
pub(crate) const FROM: Parameter = Parameter::new("from", "First UTC day.", schemas::day).example("2026-05-01");
/// The last day of a period.
pub(crate) const TO: Parameter = Parameter::new("to", "Last UTC day.", schemas::day).example("2026-05-31");

/// What a route asks its query string for.
pub(crate) trait FromParameters: Sized {
    /// The parameters that the route knows.
    const PARAMETERS: &'static [Parameter];
    /// Reads them.
    fn read(parameters: &Parameters, config: &QueryConfig) -> Result<Self, Problem>;
}

/// The typed query string of a request. A handler takes it after the key's extractor, so that nobody without a key learns
/// which parameters there are.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: FromParameters> Argument for Asked<T> {
    fn describe(draft: &mut Draft<'_>) {
        draft.parameters(T::PARAMETERS);
    }
}

impl<T: FromParameters> FromRequestParts<App> for Asked<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let parameters = Parameters::parse(parts.uri.query().unwrap_or_default(), T::PARAMETERS)?;
        T::read(&parameters, app.config()).map(Self)
    }
}

/// For a route without parameters.
pub(crate) struct Nothing;

impl FromParameters for Nothing {
    const PARAMETERS: &'static [Parameter] = &[];
    fn read(_: &Parameters, _: &QueryConfig) -> Result<Self, Problem> {
        Ok(Self)
    }
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// Entries on the page.
    pub(crate) limit: usize,
    /// Where the page before ended.
    pub(crate) cursor: Option<String>,
}

impl FromParameters for Page {
    const PARAMETERS: &'static [Parameter] = &[LIMIT, CURSOR];
    fn read(parameters: &Parameters, config: &QueryConfig) -> Result<Self, Problem> {
        Ok(Self { limit: parameters.limit(config)?, cursor: parameters.one("cursor")?.map(str::to_owned) })
    }
}

/// Names and values as sent, every name known.
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Decodes a query string.
    ///
    /// # Errors
    /// 400 for a parameter that is not among `known`.
    pub(crate) fn parse(query: &str, known: &'static [Parameter]) -> Result<Self, Problem> {
        let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        match pairs.iter().find(|(name, _)| known.iter().all(|parameter| parameter.name != name)) {
            None => Ok(Self(pairs)),
            Some((unknown, _)) => {
                let Hint { meant, text } = Hint::new(unknown, known.iter().map(|parameter| parameter.name));
                let hint = if known.is_empty() { "this route takes none." } else { &text };
                let detail = format!("`{}` is not a parameter here: {hint}", echo(unknown));
                Err(Problem::new(Kind::UnknownParameter, detail).naming(unknown).did_you_mean(meant))
            }
        }
    }

    /// All values of `name`, in order.
    pub(crate) fn all<'s>(&'s self, name: &'static str) -> Result<Vec<&'s str>, Problem> {
        let values: Vec<&str> = self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect();
        if values.len() > VALUES_MAX {
            return Err(invalid(name, format!("`{name}` is given {} times: give it {VALUES_MAX} times at most.", values.len())));
        }
        if values.iter().any(|value| value.is_empty() || value.chars().count() > TEXT_MAX_CHARS) {
            return Err(invalid(name, format!("`{name}` has 1 to {TEXT_MAX_CHARS} characters: leave it out when it is not meant.")));
        }
        Ok(values)
    }

    /// The value of `name`, which may stand there once.
    pub(crate) fn one(&self, name: &'static str) -> Result<Option<&str>, Problem> {
        match self.all(name)?.as_slice() {
            [] => Ok(None),
            [value] => Ok(Some(value)),
            _ => Err(invalid(name, format!("`{name}` is given more than once."))),
        }
    }

    /// All values of `name`, each read by `read`.
    pub(crate) fn each<T, E: Display>(&self, name: &'static str, read: impl Fn(&str) -> Result<T, E>) -> Result<Vec<T>, Problem> {
        self.all(name)?
            .into_iter()
            .map(|value| read(value).map_err(|error| invalid(name, format!("`{name}={}`: {}", echo(value), sentence(&error)))))
            .collect()
    }

    /// Values of `name` out of a fixed set; several stand in several parameters or in one, by commas; each once.
    pub(crate) fn names<T: Copy + PartialEq>(&self, name: &'static str, known: &[(&'static str, T)]) -> Result<Vec<T>, Problem> {
        let mut values = Vec::new();
        for text in self.all(name)?.into_iter().flat_map(|value| value.split(',')).map(str::trim) {
            let value = named(name, text, known)?;
            if !values.contains(&value) {
                values.push(value);
            }
        }
        Ok(values)
    }

    /// One value of `name` out of a fixed set.
    pub(crate) fn name<T: Copy>(&self, name: &'static str, known: &[(&'static str, T)]) -> Result<Option<T>, Problem> {
        self.one(name)?.map(|text| named(name, text, known)).transpose()
    }

    /// `true` or `false`; false when it is not there.
    pub(crate) fn flag(&self, name: &'static str) -> Result<bool, Problem> {
        Ok(self.name(name, &[("true", true), ("false", false)])?.unwrap_or(false))
    }

    /// A UTC day.
    pub(crate) fn day(&self, name: &'static str) -> Result<Option<Day>, Problem> {
        self.one(name)?
            .map(|text| text.parse().map_err(|error| invalid(name, format!("`{name}={}`: {}", echo(text), sentence(&error)))))
            .transpose()
    }

    /// `limit`: how many entries a page has.
    pub(crate) fn limit(&self, config: &QueryConfig) -> Result<usize, Problem> {
        Ok(self.limit_if_any(config)?.unwrap_or(config.page_default_rows.min(config.page_max_rows)))
    }

    /// `limit` of a list that is whole without it.
    pub(crate) fn limit_if_any(&self, config: &QueryConfig) -> Result<Option<usize>, Problem> {
        let max = config.page_max_rows;
        let Some(text) = self.one("limit")? else { return Ok(None) };
        match text.parse() {
            Ok(limit) if (1..=max).contains(&limit) => Ok(Some(limit)),
            _ => Err(invalid("limit", format!("`limit={}`: write a whole number from 1 to {max}.", echo(text)))),
        }
    }

    /// `sort`: one name out of a set, and whether a `-` before it asks for the greatest first.
    pub(crate) fn sort<T: Copy>(&self, known: &[(&'static str, T)]) -> Result<Option<(T, bool)>, Problem> {
        let Some(text) = self.one("sort")? else { return Ok(None) };
        let (word, descending) = text.strip_prefix('-').map_or((text, false), |word| (word, true));
        named("sort", word, known).map(|by| Some((by, descending)))
    }

    /// What tells this query from every other: a short hash of its parameters, in whatever order they stand. `limit` and
    /// `cursor` may change from page to page; a period that is left out is the same query tomorrow.
    fn fingerprint(&self) -> String {
        let mut pairs: Vec<&(String, String)> = self.0.iter().filter(|(name, _)| !["limit", "cursor"].contains(&name.as_str())).collect();
        pairs.sort();
        let mut hash = Sha256::new();
        for text in pairs.into_iter().flat_map(|(name, value)| [name, value]) {
            hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(text);
        }
        hash.finalize().iter().take(FINGERPRINT_BYTES).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Where a list goes on. Its cursors hold a hash of the query that they come from: in another query they would skip entries
/// without anybody noticing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Continuation {
    fingerprint: String,
    cursor: Option<String>,
}

impl Continuation {
    /// Reads `cursor`.
    ///
    /// # Errors
    /// 400 for a cursor of another query.
    pub(crate) fn read(parameters: &Parameters) -> Result<Self, Problem> {
        let fingerprint = parameters.fingerprint();
        let cursor = match parameters.one("cursor")?.map(|text| text.split_once('.')) {
            None => None,
            Some(Some((of, cursor))) if of == fingerprint => Some(cursor.to_owned()),
            Some(Some((of, _))) if of.len() == fingerprint.len() && of.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                let detail = "The cursor comes from a query with other parameters. Give the parameters of that query again, of which \
                              only `limit` may change, or leave `cursor` out to start from the beginning.";
                return Err(Problem::new(Kind::InvalidCursor, detail).naming("cursor"));
            }
            Some(_) => return Err(StoreError::Cursor.into()),
        };
        Ok(Self { fingerprint, cursor })
    }

    /// The store's cursor, when the list does not start from its beginning.
    pub(crate) fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// A cursor of the store's as this query's.
    pub(crate) fn bind(&self, cursor: &str) -> String {
        format!("{}.{cursor}", self.fingerprint)
    }
}

/// The value of this name, or a problem that tells the nearest.
fn named<T: Copy>(name: &'static str, text: &str, known: &[(&'static str, T)]) -> Result<T, Problem> {
    choose(text, known)
        .map_err(|hint| invalid(name, format!("`{name}={}` is not known: {}", echo(text), hint.text)).did_you_mean(hint.meant))
}

/// A parameter's value that is not understood.
pub(crate) fn invalid(name: &'static str, detail: String) -> Problem {
    Problem::new(Kind::InvalidParameter, detail).naming(name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const fn text(name: &'static str) -> Parameter {
        Parameter::new(name, "", schemas::text)
    }

    const KNOWN: &[Parameter] = &[text("domain"), LIMIT, text("group_by"), text("subdomains"), FROM];
    const WORDS: &[(&str, u8)] = &[("reporter", 1), ("domain", 2)];

    fn parsed(query: &str) -> Parameters {
        Parameters::parse(query, KNOWN).unwrap()
    }

    #[test]
    fn a_parameter_that_may_repeat_keeps_every_value_in_order() {
        assert_eq!(parsed("domain=b.example&limit=3&domain=a+b%2Eexample").all("domain").unwrap(), ["b.example", "a b.example"]);
    }

    #[test]
    fn several_names_stand_behind_commas_or_in_several_parameters_and_count_once() {
        assert_eq!(parsed("group_by=domain,reporter&group_by=domain").names("group_by", WORDS).unwrap(), [2, 1]);
    }

    #[test]
    fn what_is_not_understood_is_refused_whatever_it_is() {
        let config = QueryConfig::default();
        assert!(Parameters::parse("limitt=1", KNOWN).is_err());
        assert!(Parameters::parse("Domain=a", KNOWN).is_err());
        assert!(parsed("limit=1&limit=2").limit(&config).is_err());
        for text in ["0", "1001", "-1", "ten", "1.5", ""] {
            assert!(parsed(&format!("limit={text}")).limit(&config).is_err(), "{text}");
        }
        assert!(parsed("subdomains=yes").flag("subdomains").is_err());
        assert!(parsed("from=2026-02-30").day("from").is_err());
        assert!(parsed("group_by=reporters").names("group_by", WORDS).is_err());
        assert!(parsed("group_by=reporter,").names("group_by", WORDS).is_err());
        assert!(parsed(&"domain=a&".repeat(VALUES_MAX + 1)).all("domain").is_err());
    }

    #[test]
    fn a_sort_names_what_it_sorts_by_and_a_dash_before_it_turns_it_round() {
        assert_eq!(Parameters(vec![]).sort(WORDS).unwrap(), None);
        let sort = |text: &str| Parameters(vec![("sort".to_owned(), text.to_owned())]).sort(WORDS);
        assert_eq!(sort("domain").unwrap(), Some((2, false)));
        assert_eq!(sort("-domain").unwrap(), Some((2, true)));
        for text in ["--domain", "-", "domain-", "domain,reporter", "domains"] {
            assert!(sort(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_cursor_goes_on_in_its_own_query_only_whatever_the_order_of_its_parameters_and_the_length_of_a_page() {
        let read = |query: &str| Continuation::read(&Parameters::parse(query, &[const { text("domain") }, LIMIT, CURSOR, FROM]).unwrap());
        let cursor = read("domain=a&domain=b&from=2026-01-01").unwrap().bind("abc");
        let goes_on = |query: &str| read(&format!("{query}&cursor={cursor}")).map(|there| there.cursor().map(str::to_owned));
        assert_eq!(goes_on("from=2026-01-01&domain=b&domain=a&limit=7").unwrap().as_deref(), Some("abc"));
        for other in ["domain=a&from=2026-01-01", "domain=ab&from=2026-01-01", "domain=a&domain=b&from=2026-01-02", ""] {
            assert!(goes_on(other).is_err(), "{other}");
        }
        assert!(read("cursor=abc").is_err());
        assert_eq!(read("").unwrap().cursor(), None);
    }

    #[test]
    fn a_page_has_the_default_length_when_none_is_asked_for() {
        let config = QueryConfig::default();
        let page = Page::read(&parsed(""), &config).unwrap();
        assert_eq!(page, Page { limit: config.page_default_rows, cursor: None });
    }
}
