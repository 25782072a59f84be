//! The systemd units: what systemd says of them, and what the program says of their command lines and configurations.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;
use tlsrpt_fetched::{cache_directory, version};
use tlsrpt_tests::{binary, program, repository};

/// What `scripts/fetch-systemd` fetches.
const PACKAGE: &str = include_str!("../../../scripts/systemd/package");

/// Most exposure that `systemd-analyze security` may find, of 100; an unconfined service has 96.
const EXPOSURE_MAX: &str = "20";

fn directory() -> PathBuf {
    repository("deploy/systemd")
}

fn files(extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory()).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|found| found == extension)).collect();
    files.sort();
    assert!(!files.is_empty(), "no .{extension} in {}", directory().display());
    files
}

/// The values of a setting, in order.
fn values<'u>(unit: &'u str, name: &str) -> Vec<&'u str> {
    unit.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('=')).collect()
}

/// systemd's own program, with nothing of this machine's systemd.
fn analyze(arguments: &[&str], units: &Path) -> Output {
    let root = cache_directory().join("systemd").join(version(PACKAGE));
    let analyze = root.join("usr/bin/systemd-analyze");
    assert!(analyze.is_file(), "{} is missing: run `make systemd`", analyze.display());
    let below = |paths: &[&str]| paths.iter().map(|path| root.join(path)).collect::<Vec<_>>();
    let architecture = std::env::consts::ARCH;
    let libraries: Vec<PathBuf> = ["usr/lib", "lib"]
        .iter()
        .flat_map(|lib| [format!("{lib}/{architecture}-linux-gnu/systemd"), format!("{lib}/{architecture}-linux-gnu")])
        .map(|path| root.join(path))
        .collect();
    let unit_paths = [vec![units.to_owned()], below(&["lib/systemd/system", "usr/lib/systemd/system"])].concat();
    let mut command = Command::new(analyze);
    command.args(arguments).env("LD_LIBRARY_PATH", std::env::join_paths(libraries).unwrap());
    command.env("SYSTEMD_UNIT_PATH", std::env::join_paths(unit_paths).unwrap());
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The units as they are installed, with the program where it is here: systemd looks whether it can be run.
fn installed() -> (TempDir, Vec<PathBuf>) {
    let dir = tempfile::tempdir().unwrap();
    let install = |unit: PathBuf| {
        let text = fs::read_to_string(&unit).unwrap();
        assert_eq!(values(&text, "ExecStart").len(), 1, "{}", unit.display());
        let text = text.replace("ExecStart=/usr/bin/tlsrpt ", &format!("ExecStart={} ", binary().display()));
        let path = dir.path().join(unit.file_name().unwrap());
        fs::write(&path, text).unwrap();
        path
    };
    let units = files("service").into_iter().map(install).collect();
    (dir, units)
}

#[test]
fn systemd_understands_every_unit_without_a_warning() {
    let (dir, units) = installed();
    for unit in &units {
        let output = analyze(&["verify", "--man=no", unit.to_str().unwrap()], dir.path());
        assert!(output.status.success() && said(&output).is_empty(), "{}: {}", unit.display(), said(&output));
    }
    // And it would say so.
    let misspelt = dir.path().join("misspelt.service");
    fs::write(&misspelt, "[Service]\nExecStart=/nonexistent/tlsrpt\nProtectSytem=strict\n").unwrap();
    let output = analyze(&["verify", "--man=no", misspelt.to_str().unwrap()], dir.path());
    assert!(said(&output).contains("ProtectSytem") && !output.status.success(), "{}", said(&output));
}

#[test]
fn every_unit_is_confined() {
    let (dir, units) = installed();
    for unit in &units {
        let threshold = format!("--threshold={EXPOSURE_MAX}");
        let output = analyze(&["security", "--offline=yes", "--no-pager", &threshold, unit.to_str().unwrap()], dir.path());
        assert!(output.status.success(), "{}: {}", unit.display(), said(&output));
        let text = fs::read_to_string(unit).unwrap();
        // The one privilege, where ports below 1024 are listened on.
        let receives = ["tlsrpt.service", "tlsrpt-edge.service"].iter().any(|name| unit.ends_with(name));
        let capability = if receives { "CAP_NET_BIND_SERVICE" } else { "" };
        for setting in ["AmbientCapabilities", "CapabilityBoundingSet"] {
            assert_eq!(values(&text, setting), [capability], "{}: {setting}", unit.display());
        }
        // The engine compiles expressions, and alone may write what it runs.
        let compiles = if unit.ends_with("tlsrpt.service") { "no" } else { "yes" };
        assert_eq!(values(&text, "MemoryDenyWriteExecute"), [compiles], "{}", unit.display());
    }
}

#[test]
fn every_command_line_is_one_of_the_programs_with_the_configuration_that_lies_beside_it() {
    let mut configurations = files("toml");
    for unit in files("service") {
        let text = fs::read_to_string(&unit).unwrap();
        let name = unit.file_stem().unwrap().to_str().unwrap();
        let words: Vec<&str> = values(&text, "ExecStart")[0].split(' ').collect();
        assert_eq!(words[0], "/usr/bin/tlsrpt", "{name}");
        let help = program().args([words[1], "--help"]).output().unwrap();
        assert!(help.status.success(), "{name}: {}", said(&help));
        for flag in words[2..].iter().filter(|word| word.starts_with("--")) {
            assert!(said(&help).contains(&format!("{flag} ")), "{name}: {flag} is no flag of tlsrpt {}", words[1]);
        }
        let argument = |flag: &str| words.iter().position(|word| *word == flag).map(|at| words[at + 1]);
        // The credential is the file that the example is installed as.
        let file = argument("--config").unwrap().strip_prefix("%d/").unwrap();
        assert_eq!(values(&text, "LoadCredential"), [format!("{file}:/etc/tlsrpt/{file}")], "{name}");
        let configuration = directory().join(file);
        configurations.retain(|found| *found != configuration);
        let state = argument("--data-dir").map(|dir| dir.strip_prefix("%S/").unwrap());
        assert_eq!(values(&text, "StateDirectory"), state.into_iter().collect::<Vec<_>>(), "{name}");

        let output = program().args(["config", "--config"]).arg(&configuration).output().unwrap();
        assert!(output.status.success(), "{}: {}", configuration.display(), said(&output));
        // A port below 1024 needs the capability, and what needs none has none.
        let shown = said(&output);
        let low = shown
            .lines()
            .filter_map(|line| line.rsplit_once(':')?.1.trim_end_matches('"').parse::<u16>().ok())
            .any(|port| port < 1024 && port > 0);
        assert!(!low || text.contains("AmbientCapabilities=CAP_NET_BIND_SERVICE"), "{name}: {shown}");
    }
    assert_eq!(configurations, Vec::<PathBuf>::new(), "every example belongs to a unit");
}

#[test]
fn the_user_of_the_units_is_the_one_that_is_made() {
    let made = fs::read_to_string(directory().join("tlsrpt.sysusers")).unwrap();
    let user = made.lines().find_map(|line| line.strip_prefix("u ")?.split(' ').next()).unwrap();
    for unit in files("service") {
        let text = fs::read_to_string(&unit).unwrap();
        assert_eq!((values(&text, "User"), values(&text, "Group")), (vec![user], vec![user]), "{}", unit.display());
    }
}
