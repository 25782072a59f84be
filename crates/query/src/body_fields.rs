//! What stands in a request's body, or in a line of one: a JSON object of texts, numbers, lists and objects.

use std::{fmt::Display, marker::PhantomData, ops::RangeInclusive};

use axum::extract::{FromRequest, Request};
use serde_json::{Map, Value};
use tlsrpt_report::UnixMillis;
use utoipa::ToSchema;

use crate::{
    auth::App,
    body_bytes::read_body,
    description::{Argument, Draft},
    nearest::{Hint, choose},
    problem::{Kind, Problem, echo, sentence},
};

/// The fields of a JSON object, whatever media type it was sent under.
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    /// Reads a JSON object.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        match serde_json::from_slice(bytes) {
            Ok(value) => Self::of(value).ok_or_else(|| Problem::new(Kind::InvalidBody, "It must be one JSON object.")),
            Err(error) => Err(Problem::new(
                Kind::InvalidBody,
                format!("It must be one JSON object; what came is no JSON at line {}, column {}.", error.line(), error.column()),
            )),
        }
    }

    /// The fields of a value that is an object.
    pub(crate) fn of(value: Value) -> Option<Self> {
        if let Value::Object(fields) = value { Some(Self(fields)) } else { None }
    }

    /// Refuses fields other than these.
    pub(crate) fn known(self, known: &'static [&'static str]) -> Result<Self, Problem> {
        match self.0.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(self),
            Some(unknown) => {
                let Hint { meant, text } = Hint::new(unknown, known.iter().copied());
                let detail = format!("`{}` is not a field here: {text}", echo(unknown));
                Err(Problem::new(Kind::UnknownField, detail).naming(unknown).did_you_mean(meant))
            }
        }
    }

    /// The text of a field that must be there.
    pub(crate) fn text(&self, name: &'static str) -> Result<&str, Problem> {
        self.optional_text(name)?.ok_or_else(|| invalid(name, format!("The field `{name}` is missing.")))
    }

    /// The text of a field that must be there, read by `read`.
    pub(crate) fn read<T, E: Display>(&self, name: &'static str, read: impl FnOnce(&str) -> Result<T, E>) -> Result<T, Problem> {
        read(self.text(name)?).map_err(|error| invalid(name, sentence(&error)))
    }

    /// What something is called.
    pub(crate) fn name(&self) -> Result<String, Problem> {
        Ok(self.text("name")?.trim().to_owned())
    }

    /// The text of a field that may be missing.
    pub(crate) fn optional_text(&self, name: &'static str) -> Result<Option<&str>, Problem> {
        match self.0.get(name) {
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(invalid(name, format!("The field `{name}` must be a text."))),
            None => Ok(None),
        }
    }

    /// A moment; none when the field is missing or null.
    pub(crate) fn moment(&self, name: &'static str) -> Result<Option<UnixMillis>, Problem> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => {
                text.parse().map(Some).map_err(|error| invalid(name, format!("The field `{name}`: {}", sentence(&error))))
            }
            Some(_) => Err(invalid(name, format!("The field `{name}` must be a moment as a text, for example 2026-05-13T08:30:00Z."))),
        }
    }

    /// A whole number within bounds; none when the field is missing.
    pub(crate) fn whole(&self, name: &'static str, bounds: RangeInclusive<u64>) -> Result<Option<u64>, Problem> {
        self.0.get(name).map(|value| whole(name, value, bounds)).transpose()
    }

    /// As [`Fields::whole`]; some of none when the field is null.
    pub(crate) fn nullable_whole(&self, name: &'static str, bounds: RangeInclusive<u64>) -> Result<Option<Option<u64>>, Problem> {
        self.nullable(name, |value| whole(name, value, bounds))
    }

    /// A value out of a fixed set, which must be there.
    pub(crate) fn word<T: Copy>(&self, name: &'static str, known: &[(&'static str, T)]) -> Result<T, Problem> {
        self.0.get(name).ok_or_else(|| invalid(name, format!("The field `{name}` is missing."))).and_then(|value| word(name, value, known))
    }

    /// A value out of a fixed set; none when the field is missing, some of none when it is null.
    pub(crate) fn nullable_word<T: Copy>(&self, name: &'static str, known: &[(&'static str, T)]) -> Result<Option<Option<T>>, Problem> {
        self.nullable(name, |value| word(name, value, known))
    }

    /// A list of values out of a fixed set; none when the field is missing or null.
    pub(crate) fn words<T: Copy>(&self, name: &'static str, known: &[(&'static str, T)]) -> Result<Option<Vec<T>>, Problem> {
        self.list(name)?.map(|values| values.iter().map(|value| word(name, value, known)).collect()).transpose()
    }

    /// A list; none when the field is missing or null.
    pub(crate) fn list(&self, name: &'static str) -> Result<Option<&[Value]>, Problem> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Array(values)) => Ok(Some(values)),
            Some(_) => Err(invalid(name, format!("The field `{name}` must be a list."))),
        }
    }

    /// A value of whatever form.
    pub(crate) fn value(&self, name: &'static str) -> Option<&Value> {
        self.0.get(name)
    }

    fn nullable<T>(&self, name: &'static str, read: impl FnOnce(&Value) -> Result<T, Problem>) -> Result<Option<Option<T>>, Problem> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Null) => Ok(Some(None)),
            Some(value) => read(value).map(|value| Some(Some(value))),
        }
    }
}

fn whole(name: &'static str, value: &Value, bounds: RangeInclusive<u64>) -> Result<u64, Problem> {
    let number = value.as_u64().or_else(|| written_as_fraction(value)).filter(|number| bounds.contains(number));
    number.ok_or_else(|| invalid(name, format!("The field `{name}` must be a whole number from {} to {}.", bounds.start(), bounds.end())))
}

/// A whole number that is written with a fraction, such as `90.0`: to JSON Schema it is an integer too, and some writers of JSON have no
/// other numbers.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is whole and in bounds")]
fn written_as_fraction(value: &Value) -> Option<u64> {
    value.as_f64().filter(|number| number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(number)).map(|number| number as u64)
}

/// The value of this name, or a problem that tells the nearest.
fn word<T: Copy>(name: &'static str, value: &Value, known: &[(&'static str, T)]) -> Result<T, Problem> {
    choose(value.as_str().unwrap_or_default(), known).map_err(|hint| {
        let detail = format!("`{}` is not known as `{name}`: {}", echo(&value.to_string()), hint.text);
        invalid(name, detail).did_you_mean(hint.meant)
    })
}

/// A field's value that is not understood.
pub(crate) fn invalid(name: &'static str, detail: String) -> Problem {
    Problem::new(Kind::InvalidBody, detail).naming(name)
}

/// What a route takes in its body.
pub(crate) trait FromFields: ToSchema + Sized {
    /// The fields that it knows: those of the schema.
    const NAMES: &'static [&'static str];
    /// Whether it may be left out.
    const IS_OPTIONAL: bool = false;
    /// Reads them.
    fn read(fields: &Fields) -> Result<Self, Problem>;
}

/// The body of a request, a JSON object, which is looked at when [`Given::read`] says so: what the path names comes first.
pub(crate) struct Given<T>(Fields, PhantomData<T>);

impl<T: FromFields> Given<T> {
    /// What it holds.
    pub(crate) fn read(self) -> Result<T, Problem> {
        T::read(&self.0.known(T::NAMES)?)
    }
}

impl<T: FromFields> Argument for Given<T> {
    fn describe(draft: &mut Draft<'_>) {
        draft.fields::<T>(!T::IS_OPTIONAL);
    }
}

impl<T> FromRequest<App> for Given<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let bytes = read_body(request, app.config().body_max_bytes).await?;
        // What says nothing says that everything is as it is when nothing is said.
        let fields = if bytes.is_empty() { Fields(Map::new()) } else { Fields::parse(&bytes)? };
        Ok(Self(fields, PhantomData))
    }
}
