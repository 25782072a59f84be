//! The schemathesis that `scripts/fetch-schemathesis` fetched: it tries an API by the API's own description.

use std::process::Command;

use tempfile::TempDir;
use tlsrpt_fetched::cache_directory;

/// What `scripts/fetch-schemathesis` fetches.
const LOCK: &str = include_str!("../../scripts/schemathesis/requirements.lock");

/// One run over some of the operations of an API.
pub struct Schemathesis {
    command: Command,
    dir: TempDir,
}

impl Schemathesis {
    /// Tries the operations below `path` of the API at `url`, with a bearer key, by all checks. `hooks` is a Python module by which requests
    /// are made fit.
    ///
    /// # Panics
    /// When it is not fetched.
    pub fn new(url: &str, key: &str, path: &str, hooks: &str) -> Self {
        let version = LOCK.lines().find_map(|line| line.strip_prefix("schemathesis==")?.split(' ').next()).unwrap();
        let program = cache_directory().join("schemathesis").join(version).join("bin/schemathesis");
        assert!(program.is_file(), "{} is missing: run `make schemathesis`", program.display());
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("hooks.py");
        std::fs::write(&file, hooks).unwrap();
        let mut command = Command::new(program);
        // Nothing of this machine's settings, such as a proxy.
        command.env_clear().env("SCHEMATHESIS_HOOKS", file).env("HOME", dir.path()).current_dir(dir.path());
        command.args(["run", &format!("{url}/openapi.json"), "--url", url, "--include-path-regex", &format!("^{path}")]);
        command.args(["--header", &format!("Authorization: Bearer {key}")]);
        command.args(["--phases", "examples,coverage,fuzzing,stateful", "--continue-on-failure", "--no-color"]);
        command.args(["--generation-database", "none", "--request-timeout", "60"]);
        Self { command, dir }
    }

    /// Draws by this seed, so many requests an operation at most: the same seed makes the same requests.
    #[must_use]
    pub fn drawing(mut self, seed: u64, examples_max: usize) -> Self {
        self.command.args(["--seed", &seed.to_string(), "--max-examples", &examples_max.to_string()]);
        self
    }

    /// What it is told of single operations, in its own configuration language.
    ///
    /// # Panics
    /// When it cannot be written.
    #[must_use]
    pub fn configured(self, toml: &str) -> Self {
        std::fs::write(self.dir.path().join("schemathesis.toml"), toml).unwrap();
        self
    }

    /// A variable for the hooks.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs to its end; answers how many operations were tried.
    ///
    /// # Panics
    /// With its report when it finds something.
    pub fn finds_nothing(mut self) -> usize {
        let ran = self.command.output().unwrap();
        let report = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success(), "schemathesis, {}:\n{report}{}", ran.status, String::from_utf8_lossy(&ran.stderr));
        let tried = report.lines().find_map(|line| line.trim().strip_prefix("Tested: "));
        tried.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("how many operations were tried:\n{report}"))
    }
}
