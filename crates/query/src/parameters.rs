//! The query string: read once, typed, and never passed over in silence.

use std::fmt::Display;

use axum::{extract::FromRequestParts, http::request::Parts};
use tlsrpt_report::Day;

use crate::{
    auth::App,
    config::QueryConfig,
    nearest::nearest,
    problem::{Kind, Problem, echo, sentence},
};

/// Most values of one parameter.
const VALUES_MAX: usize = 200;
/// Longest value of a text parameter.
const TEXT_MAX_BYTES: usize = 512;

/// What a route asks its query string for.
pub(crate) trait FromParameters: Sized {
    /// The parameters that the route knows.
    const NAMES: &'static [&'static str];
    /// Reads them.
    fn read(parameters: &Parameters, config: &QueryConfig) -> Result<Self, Problem>;
}

/// The typed query string of a request. A handler takes it after the key's extractor, so that nobody without a key learns
/// which parameters there are.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: FromParameters> FromRequestParts<App> for Asked<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let parameters = Parameters::parse(parts.uri.query().unwrap_or_default(), T::NAMES)?;
        T::read(&parameters, app.config()).map(Self)
    }
}

/// For a route without parameters.
pub(crate) struct Nothing;

impl FromParameters for Nothing {
    const NAMES: &'static [&'static str] = &[];
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
    const NAMES: &'static [&'static str] = &["limit", "cursor"];
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
    pub(crate) fn parse(query: &str, known: &'static [&'static str]) -> Result<Self, Problem> {
        let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        match pairs.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            None => Ok(Self(pairs)),
            Some((unknown, _)) => {
                let meant = nearest(unknown, known.iter().copied());
                let hint = meant.map_or_else(
                    || "this route takes none.".to_owned(),
                    |meant| format!("did you mean `{meant}`? Known are {}.", known.join(", ")),
                );
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
        if values.iter().any(|value| value.is_empty() || value.len() > TEXT_MAX_BYTES) {
            return Err(invalid(name, format!("`{name}` has 1 to {TEXT_MAX_BYTES} bytes: leave it out when it is not meant.")));
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
        let max = config.page_max_rows;
        let Some(text) = self.one("limit")? else { return Ok(config.page_default_rows.min(max)) };
        match text.parse() {
            Ok(limit) if (1..=max).contains(&limit) => Ok(limit),
            _ => Err(invalid("limit", format!("`limit={}`: write a whole number from 1 to {max}.", echo(text)))),
        }
    }
}

/// The value of this name, or a problem that tells the nearest.
fn named<T: Copy>(name: &'static str, text: &str, known: &[(&'static str, T)]) -> Result<T, Problem> {
    known.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
        let words = || known.iter().map(|(word, _)| *word);
        let meant = nearest(text, words());
        let detail = format!(
            "`{name}={}` is not known: did you mean `{}`? Known are {}.",
            echo(text),
            meant.unwrap_or_default(),
            words().collect::<Vec<_>>().join(", ")
        );
        invalid(name, detail).did_you_mean(meant)
    })
}

/// A parameter's value that is not understood.
pub(crate) fn invalid(name: &'static str, detail: String) -> Problem {
    Problem::new(Kind::InvalidParameter, detail).naming(name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const KNOWN: &[&str] = &["domain", "limit", "group_by", "subdomains", "from"];
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
    fn a_page_has_the_default_length_when_none_is_asked_for() {
        let config = QueryConfig::default();
        let page = Page::read(&parsed(""), &config).unwrap();
        assert_eq!(page, Page { limit: config.page_default_rows, cursor: None });
    }
}
