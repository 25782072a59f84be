//! The Dockerfile.

use std::{fs, process::Command};

use dockerfile_parser::{Dockerfile, Instruction};
use tlsrpt_tests::repository;

use super::compose;

fn dockerfile() -> Dockerfile {
    let text = fs::read_to_string(repository("deploy/Dockerfile")).unwrap();
    Dockerfile::parse(&text).unwrap_or_else(|error| panic!("{error}"))
}

/// The words of an instruction that the parser leaves as they are, such as USER.
fn words(file: &Dockerfile, name: &str) -> Vec<String> {
    let of_name =
        |one: &Instruction| Some(one.as_misc().filter(|one| one.instruction.content == name)?.arguments.to_string().trim().to_owned());
    file.instructions.iter().filter_map(of_name).collect()
}

/// The commands of the RUN lines, one line each.
fn commands(file: &Dockerfile) -> Vec<String> {
    let runs = file.instructions.iter().filter_map(Instruction::as_run);
    runs.map(|run| run.as_shell().unwrap().to_string().split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn the_last_stage_is_that_of_the_roles_and_the_engine_is_in_one_variant_alone() {
    let file = dockerfile();
    let stages: Vec<_> = file.instructions.iter().filter_map(Instruction::as_from).collect();
    let name = |at: usize| stages[at].alias.as_ref().unwrap().content.clone();
    let names: Vec<_> = (0..stages.len()).map(name).collect();
    assert_eq!(names, ["build", "engine", "runtime", "all-in-one", "roles"]);
    assert_eq!((&*stages[3].image.content, &*stages[4].image.content), ("runtime", "runtime"));
    let text = file.content.clone();
    let (before, after) = text.split_once("FROM runtime AS all-in-one").unwrap();
    assert!(!before.contains("--from=engine") && after.contains("COPY --from=engine /libchdb.so"), "{after}");
    assert_eq!(compose()["services"]["edge"]["build"]["target"], "roles");
}

#[test]
fn bases_are_pinned_by_version_and_can_be_by_digest() {
    let file = dockerfile();
    for (argument, least) in [("RUST_IMAGE", 3), ("NODE_IMAGE", 3), ("RUNTIME_IMAGE", 0)] {
        let default = file.get_global_arg(argument).unwrap().value.as_ref().unwrap().content.clone();
        let (_, tag) = default.split_once(':').unwrap();
        let version = tag.split('-').next().unwrap().split('.').filter(|part| part.parse::<u32>().is_ok()).count();
        assert!(version >= least && !tag.contains("latest"), "{argument}: {default}");
        assert!(tag.contains("bookworm"), "{argument}: {default}: what is built in one is run in another");
    }
    let toolchain = fs::read_to_string(repository("Cargo.toml")).unwrap();
    let least = toolchain.lines().find_map(|line| line.strip_prefix("rust-version = \"")).unwrap().trim_end_matches('"');
    assert!(file.content.contains(&format!("RUST_IMAGE=rust:{least}.")), "the compiler is the one that the workspace asks for");
}

#[test]
fn the_program_is_built_as_make_builds_it_and_runs_as_nobody() {
    let file = dockerfile();
    let makefile = fs::read_to_string(repository("Makefile")).unwrap();
    let build = commands(&file).into_iter().find(|one| one.starts_with("cargo build")).unwrap();
    assert!(makefile.contains(&build.replace("cargo", "$(CARGO)")), "{build}");
    assert!(commands(&file).contains(&"scripts/image-root target/release/tlsrpt /image".to_owned()), "{:?}", commands(&file));
    assert_eq!(words(&file, "USER"), ["65532:65532"]);
    assert!(words(&file, "HEALTHCHECK").is_empty(), "one for every command would be wrong for those that end");
    let ports = words(&file, "EXPOSE");
    assert_eq!(ports, ["8443 2525 8080 9090"]);
    // What the build needs is what scripts/setup installs for it.
    let setup = fs::read_to_string(repository("scripts/setup")).unwrap();
    let installed = &commands(&file)[0];
    for package in ["g++", "make", "pkg-config", "libssl-dev", "zlib1g-dev"] {
        assert!(installed.contains(package) && setup.contains(package), "{package}: {installed}");
    }
}

#[test]
fn what_is_copied_is_there_and_secrets_and_build_products_are_not() {
    let file = dockerfile();
    let ignored = fs::read_to_string(repository(".dockerignore")).unwrap();
    let mut lines = ignored.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    assert_eq!(lines.next(), Some("*"), "everything is left out but what is named");
    let taken: Vec<_> = lines.map(|line| line.strip_prefix('!').unwrap_or_else(|| panic!("{line}"))).collect();
    for path in &taken {
        assert!(repository(path).exists(), "{path}");
        assert!(!path.contains("secrets") && !path.contains("target"), "{path}");
    }
    let copies = file.instructions.iter().filter_map(Instruction::as_copy).filter(|copy| copy.flags.is_empty());
    let sources: Vec<_> = copies.flat_map(|copy| copy.sources.iter().map(|one| one.content.clone())).collect();
    assert!(sources.contains(&".".to_owned()), "{sources:?}");
    for source in sources {
        let is_taken = source == "." || taken.iter().any(|path| source.starts_with(path));
        assert!(is_taken && repository(&source).exists(), "{source}");
    }
    // What the build reads: the workspace's manifests name these.
    for needed in ["Cargo.toml", "Cargo.lock", "crates", "tests", "scripts", "LICENSE", "deploy/tlsrpt-ready"] {
        assert!(taken.contains(&needed), "{needed}");
    }
}

#[test]
fn what_is_sent_to_the_build_is_a_whole_workspace() {
    let context = tempfile::TempDir::new().unwrap();
    let ignored = fs::read_to_string(repository(".dockerignore")).unwrap();
    for path in ignored.lines().filter_map(|line| line.strip_prefix('!')) {
        let to = context.path().join(path);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        let copied = Command::new("cp").arg("-r").arg(repository(path)).arg(to).status().unwrap();
        assert!(copied.success(), "{path}");
    }
    let arguments = ["metadata", "--format-version=1", "--offline", "--no-deps"];
    let ran = Command::new(env!("CARGO")).args(arguments).current_dir(context.path()).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let members = serde_json::from_slice::<serde_json::Value>(&ran.stdout).unwrap()["packages"].as_array().unwrap().len();
    assert!(members > 15, "{members}");
}
