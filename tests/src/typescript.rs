//! The TypeScript compiler that `scripts/fetch-typescript` fetched.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use tlsrpt_fetched::cache_directory;

/// What `scripts/fetch-typescript` fetches.
const PACKAGES: &str = include_str!("../../scripts/typescript/package.json");

/// Compiles every `.mts` file of a directory, strictly, to an `.mjs` beside it that the oldest Node of the types runs.
///
/// # Panics
/// When it is not fetched, or with what the compiler says.
pub fn compile(directory: &Path) {
    let packages = packages();
    let config = json!({
        "compilerOptions": {
            "strict": true, "noUncheckedIndexedAccess": true, "noUnusedLocals": true, "noEmitOnError": true,
            "target": "es2022", "lib": ["es2022"], "module": "nodenext", "types": ["node"], "typeRoots": [packages.join("@types")],
        },
        "include": ["*.mts"],
    });
    std::fs::write(directory.join("tsconfig.json"), config.to_string()).unwrap();
    let ran = Command::new(packages.join(".bin/tsc")).args(["--pretty", "false"]).current_dir(directory).output().unwrap();
    assert!(ran.status.success(), "tsc --strict:\n{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
}

fn packages() -> PathBuf {
    let pinned: Value = serde_json::from_str(PACKAGES).unwrap();
    let version = |name: &str| pinned["devDependencies"][name].as_str().unwrap().to_owned();
    let name = format!("{}-{}", version("typescript"), version("@types/node"));
    let packages = cache_directory().join("typescript").join(name).join("node_modules");
    assert!(packages.is_dir(), "{} is missing: run `make typescript`", packages.display());
    packages
}
