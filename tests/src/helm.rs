//! The helm that `scripts/fetch-helm` built, and what it makes of the chart.

use std::{path::PathBuf, process::Command};

use serde_json::Value;
use tempfile::TempDir;
use tlsrpt_fetched::cache_directory;

use crate::yaml::documents;

/// What `scripts/fetch-helm` builds.
const LOCK: &str = include_str!("../../scripts/helm/module.lock");
/// The chart.
pub const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../helm/tlsrpt");
/// The release and the namespace that it is rendered for.
pub const RELEASE: (&str, &str) = ("r", "reports");

/// The version of Kubernetes that it believes to be rendering for: the oldest that the chart is for.
const KUBERNETES: &str = "1.30.0";

/// A run of helm with values from files of the chart's `ci`, and more by `--set`.
#[derive(Default)]
pub struct Helm {
    files: Vec<String>,
    set: Vec<String>,
}

impl Helm {
    /// With the chart's own values.
    pub fn new() -> Self {
        Self::default()
    }

    /// With `ci/<name>.yaml` besides.
    #[must_use]
    pub fn values(mut self, name: &str) -> Self {
        self.files.push(format!("{CHART}/ci/{name}.yaml"));
        self
    }

    /// With one more value, as `--set-json` has it: `a.b=1`.
    #[must_use]
    pub fn set(mut self, value: &str) -> Self {
        self.set.push(value.to_owned());
        self
    }

    /// What it renders.
    ///
    /// # Errors
    /// With its message when it refuses the values.
    pub fn template(&self) -> Result<String, String> {
        self.run(&["template", RELEASE.0, CHART, "--namespace", RELEASE.1, "--kube-version", KUBERNETES])
    }

    /// What it renders, as objects.
    ///
    /// # Panics
    /// When it refuses the values.
    pub fn objects(&self) -> Objects {
        Objects(documents(&self.template().unwrap_or_else(|refused| panic!("{refused}"))))
    }

    /// What its linter says.
    ///
    /// # Errors
    /// When it finds something.
    pub fn lint(&self) -> Result<String, String> {
        self.run(&["lint", CHART, "--strict", "--namespace", RELEASE.1, "--kube-version", KUBERNETES])
    }

    fn run(&self, arguments: &[&str]) -> Result<String, String> {
        let version = LOCK.lines().find_map(|line| line.strip_prefix("helm.sh/helm/v3 ")?.split(' ').next()).unwrap();
        let program: PathBuf = cache_directory().join("helm").join(version).join("helm");
        assert!(program.is_file(), "{} is missing: run `make helm`", program.display());
        // Nothing of this machine's settings: no cluster, no plugins.
        let home = TempDir::new().unwrap();
        let mut command = Command::new(program);
        command.env_clear().env("HOME", home.path()).args(arguments);
        for file in &self.files {
            command.args(["--values", file]);
        }
        for value in &self.set {
            command.args(["--set-json", value]);
        }
        let ran = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if ran.status.success() { Ok(text(&ran.stdout)) } else { Err(text(&ran.stderr) + &text(&ran.stdout)) }
    }
}

/// Objects of Kubernetes.
pub struct Objects(pub Vec<Value>);

impl Objects {
    /// Those of a kind.
    pub fn of(&self, kind: &str) -> Vec<&Value> {
        self.0.iter().filter(|object| object["kind"] == kind).collect()
    }

    /// The one of a kind whose name ends so.
    ///
    /// # Panics
    /// When there is none, or several.
    pub fn one(&self, kind: &str, ending: &str) -> &Value {
        let found: Vec<_> = self.of(kind).into_iter().filter(|object| name(object).ends_with(ending)).collect();
        let names: Vec<_> = self.of(kind).into_iter().map(name).collect();
        assert_eq!(found.len(), 1, "{kind} …{ending} among {names:?}");
        found[0]
    }

    /// Every pod, by itself or in what makes it: who makes it, its metadata, its spec.
    pub fn pods(&self) -> Vec<(String, &Value, &Value)> {
        let pods = self.0.iter().filter_map(|object| match object["kind"].as_str() {
            Some("Deployment" | "StatefulSet" | "Job") => {
                let template = &object["spec"]["template"];
                Some((name(object), &template["metadata"], &template["spec"]))
            }
            Some("Pod") => Some((name(object), &object["metadata"], &object["spec"])),
            _ => None,
        });
        pods.collect()
    }
}

/// The name of an object.
///
/// # Panics
/// When it has none.
pub fn name(object: &Value) -> String {
    object["metadata"]["name"].as_str().unwrap_or_else(|| panic!("no name: {object}")).to_owned()
}
