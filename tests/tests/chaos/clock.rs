//! A wall clock that can be stepped under a role: libc's clock, replaced in the role's process by a preloaded library.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// Builds the library in `dir`.
pub(crate) fn library(dir: &Path) -> PathBuf {
    let library = dir.join("clock_step.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chaos/clock_step.c");
    let built = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).arg("-ldl").status().unwrap();
    assert!(built.success(), "the clock's library cannot be built");
    library
}

/// One role's clock.
pub(crate) struct Clock {
    file: PathBuf,
}

impl Clock {
    /// A clock that is right, with its file in `dir`.
    pub(crate) fn new(dir: &Path, role: &str) -> Self {
        let clock = Self { file: dir.join(format!("{role}.clock")) };
        clock.step_to(0);
        clock
    }

    /// Sets it off by so many seconds from now on.
    pub(crate) fn step_to(&self, seconds: i64) {
        // Beside its place and then there, so that nobody reads half of it.
        let unfinished = self.file.with_extension("new");
        std::fs::write(&unfinished, seconds.to_string()).unwrap();
        std::fs::rename(unfinished, &self.file).unwrap();
    }

    /// The variables that make a role use it.
    pub(crate) fn variables(&self, library: &Path) -> [(&'static str, PathBuf); 2] {
        [("LD_PRELOAD", library.to_owned()), ("CLOCK_STEP_FILE", self.file.clone())]
    }
}
