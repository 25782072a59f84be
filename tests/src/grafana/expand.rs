//! Variables and macros. What is expanded how is documented at grafana.com: "Variable syntax" and "Global variables" of Grafana, "Macros" of the
//! ClickHouse data source.

use std::collections::BTreeMap;

use crate::grafana::Panel;

/// What somebody who looks at a dashboard has chosen.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// Begin, Unix seconds.
    pub from: i64,
    /// End, Unix seconds.
    pub to: i64,
    /// Variables with one value.
    pub single: BTreeMap<&'static str, String>,
    /// Variables with any number of values.
    pub multi: BTreeMap<&'static str, Vec<String>>,
}

const DAY_SECONDS: i64 = 86_400;
/// What `$__rate_interval` is: four times the interval of scrapes at least.
const RATE_INTERVAL: &str = "1m";

impl Chosen {
    /// What is chosen where a panel looks back further by itself.
    #[must_use]
    pub fn of_panel(&self, panel: &Panel) -> Self {
        let days = panel.time_from.as_deref().and_then(|text| text.strip_suffix('d')?.parse::<i64>().ok());
        Self { from: days.map_or(self.from, |days| self.to - days * DAY_SECONDS), ..self.clone() }
    }

    /// SQL as it reaches ClickHouse.
    ///
    /// # Panics
    /// When a variable or macro is left that is not known here.
    pub fn sql(&self, raw: &str) -> String {
        let mut sql = raw.replace("$__fromTime", &format!("toDateTime({})", self.from));
        sql = sql.replace("$__toTime", &format!("toDateTime({})", self.to));
        for (name, value) in &self.single {
            sql = sql.replace(&format!("${{{name}:percentencode}}"), &percent_encoded(value));
            sql = sql.replace(&format!("${{{name}:singlequote}}"), &single_quoted(value));
        }
        for (name, values) in &self.multi {
            sql = sql.replace(&format!("${{{name}:percentencode}}"), &percent_encoded(&format!("{{{}}}", values.join(","))));
        }
        assert!(!sql.contains('$'), "something is left to expand: {sql}");
        sql
    }

    /// PromQL as it reaches Prometheus.
    ///
    /// # Panics
    /// When a variable or macro is left that is not known here.
    pub fn promql(&self, raw: &str) -> String {
        let mut expression = raw.replace("$__rate_interval", RATE_INTERVAL);
        for (name, value) in &self.single {
            expression = expression.replace(&format!("${name}"), &value.replace('\\', "\\\\").replace('"', "\\\""));
        }
        assert!(!expression.contains('$'), "something is left to expand: {expression}");
        expression
    }
}

/// The format `percentencode`: everything but unreserved characters (RFC 3986 2.3) as `%XX`.
pub fn percent_encoded(value: &str) -> String {
    let encoded = value.bytes().map(|byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    encoded.collect()
}

/// The format `singlequote`: a backslash before each quote, and before nothing else.
pub fn single_quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', "\\'"))
}
