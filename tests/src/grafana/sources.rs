//! The data sources, and what they answer.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    client::http_client,
    grafana::{Chosen, Panel, Target},
    prometheus::Prometheus,
};

/// Columns and rows. A series of Prometheus is one of `time` (Unix seconds) and a value, which has the series' name.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Frame {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Types of the columns, as ClickHouse names them.
    pub types: Vec<String>,
    /// Rows.
    pub rows: Vec<Vec<Value>>,
}

impl Frame {
    /// The values of a column.
    ///
    /// # Panics
    /// When there is no such column.
    pub fn column(&self, name: &str) -> Vec<Value> {
        let at = self.columns.iter().position(|column| column == name).unwrap_or_else(|| panic!("no column {name}: {:?}", self.columns));
        self.rows.iter().map(|row| row[at].clone()).collect()
    }

    /// The only value of a frame with one row.
    ///
    /// # Panics
    /// When there are more or none.
    pub fn only(&self) -> f64 {
        match &self.rows[..] {
            [row] if row.len() == 1 => row[0].as_f64().unwrap_or_else(|| panic!("no number: {row:?}")),
            rows => panic!("not one value: {rows:?}"),
        }
    }
}

/// A user of ClickHouse's HTTP interface.
#[derive(Clone)]
pub struct ClickHouse {
    http: reqwest::Client,
    url: String,
    user: String,
    password: String,
}

#[derive(Deserialize)]
struct Compact {
    meta: Vec<Column>,
    data: Vec<Vec<Value>>,
}

#[derive(Deserialize)]
struct Column {
    name: String,
    #[serde(rename = "type")]
    kind: String,
}

impl ClickHouse {
    /// The endpoint at `url`, asked by this user.
    pub fn new(url: &str, user: &str, password: &str) -> Self {
        Self { http: http_client(), url: url.to_owned(), user: user.to_owned(), password: password.to_owned() }
    }

    /// Runs a statement in the database `tlsrpt`.
    ///
    /// # Errors
    /// What ClickHouse says.
    pub async fn query(&self, sql: &str) -> Result<Frame, String> {
        let request = self.http.post(&self.url).query(&[("default_format", "JSONCompact"), ("database", "tlsrpt")]);
        let request = request.header("X-ClickHouse-User", &self.user).header("X-ClickHouse-Key", &self.password).body(sql.to_owned());
        let response = request.send().await.map_err(|error| format!("{error:?}"))?;
        let (status, text) = (response.status(), response.text().await.map_err(|error| format!("{error:?}"))?);
        if !status.is_success() {
            return Err(text);
        }
        let answer: Compact = serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))?;
        let (columns, types) = answer.meta.into_iter().map(|column| (column.name, column.kind)).unzip();
        Ok(Frame { columns, types, rows: answer.data })
    }
}

/// Both data sources.
pub struct Sources {
    /// The database.
    pub clickhouse: ClickHouse,
    /// The metrics.
    pub prometheus: Prometheus,
}

/// Points of a series of Prometheus, at most.
const POINTS: i64 = 120;

impl Sources {
    /// What a panel shows: of ClickHouse a frame a query, of Prometheus a frame a series.
    ///
    /// # Errors
    /// What a data source says, with the query.
    pub async fn show(&self, panel: &Panel, chosen: &Chosen) -> Result<Vec<Frame>, String> {
        let chosen = chosen.of_panel(panel);
        let mut frames = Vec::new();
        for target in &panel.targets {
            if let Some(raw) = &target.raw_sql {
                let sql = chosen.sql(raw);
                frames.push(self.clickhouse.query(&sql).await.map_err(|error| format!("{}: {sql}: {error}", panel.title))?);
            } else {
                frames.extend(self.series(target, &chosen).await.map_err(|error| format!("{}: {error}", panel.title))?);
            }
        }
        Ok(frames)
    }

    async fn series(&self, target: &Target, chosen: &Chosen) -> Result<Vec<Frame>, String> {
        let expression = chosen.promql(target.expr.as_deref().unwrap_or_default());
        let step = if target.instant { None } else { Some(((chosen.to - chosen.from) / POINTS).max(1)) };
        let series =
            self.prometheus.range(&expression, chosen.from, chosen.to, step).await.map_err(|error| format!("{expression}: {error}"))?;
        Ok(series.into_iter().map(|(labels, points)| frame(&legend(target, &labels), points)).collect())
    }
}

fn frame(name: &str, points: Vec<(f64, f64)>) -> Frame {
    Frame {
        columns: vec!["time".to_owned(), name.to_owned()],
        types: vec!["DateTime".to_owned(), "Float64".to_owned()],
        rows: points.into_iter().map(|(time, value)| vec![time.into(), value.into()]).collect(),
    }
}

/// A series' name: the legend with its labels filled in.
fn legend(target: &Target, labels: &Value) -> String {
    let labels = labels.as_object().into_iter().flatten().filter_map(|(name, value)| Some((name, value.as_str()?)));
    labels.fold(target.legend_format.clone(), |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), value))
}
