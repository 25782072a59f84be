//! Dashboards, as much of them as matters for what they show.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

use crate::repository;

/// A dashboard.
#[derive(Clone, Debug, Deserialize)]
pub struct Dashboard {
    /// Its id in links.
    pub uid: String,
    /// Its title.
    pub title: String,
    /// Rows and panels.
    pub panels: Vec<Panel>,
    templating: Templating,
}

#[derive(Clone, Debug, Deserialize)]
struct Templating {
    list: Vec<Variable>,
}

/// A variable.
#[derive(Clone, Debug, Deserialize)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// `datasource`, `query`, `custom` or `constant`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its query, values or value.
    pub query: String,
}

/// A panel, or a row's title.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Panel {
    /// Its number.
    pub id: u64,
    /// How it is drawn; `row` is a row's title.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its title.
    pub title: String,
    /// What it shows.
    #[serde(default)]
    pub description: String,
    /// Its queries.
    #[serde(default)]
    pub targets: Vec<Target>,
    /// It looks so far back, whatever is chosen.
    pub time_from: Option<String>,
    /// Where it leads to.
    #[serde(default)]
    pub links: Vec<Value>,
}

/// A query of a panel.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// SQL for ClickHouse.
    pub raw_sql: Option<String>,
    /// PromQL for Prometheus.
    pub expr: Option<String>,
    /// How a series is named.
    #[serde(default)]
    pub legend_format: String,
    /// The values of now alone.
    #[serde(default)]
    pub instant: bool,
}

impl Dashboard {
    /// Where the dashboards are.
    pub fn directory() -> PathBuf {
        repository("deploy/grafana/dashboards")
    }

    /// The dashboard in the file of this name.
    ///
    /// # Panics
    /// When it is not there or is none.
    pub fn read(name: &str) -> Self {
        let file = Self::directory().join(format!("{name}.json"));
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    }

    /// Its panels, without the titles of rows.
    pub fn drawn(&self) -> impl Iterator<Item = &Panel> {
        self.panels.iter().filter(|panel| panel.kind != "row")
    }

    /// The panel with this title.
    ///
    /// # Panics
    /// When there is none.
    pub fn panel(&self, title: &str) -> &Panel {
        self.drawn().find(|panel| panel.title == title).unwrap_or_else(|| panic!("{} has no panel {title}", self.uid))
    }

    /// Its variables.
    pub fn variables(&self) -> &[Variable] {
        &self.templating.list
    }
}
