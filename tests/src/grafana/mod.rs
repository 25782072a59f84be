//! Grafana's part, as far as a dashboard's queries go: it reads the dashboards, expands variables and macros as Grafana and its data sources
//! do, and asks the real database and the real Prometheus. It draws nothing.

mod dashboard;
mod expand;
mod sources;

pub use dashboard::{Dashboard, Panel, Target, Variable};
pub use expand::{Chosen, percent_encoded, single_quoted};
pub use sources::{ClickHouse, Frame, Sources};
