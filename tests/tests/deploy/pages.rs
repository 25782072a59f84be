//! The pages: each is found from the README, every link leads somewhere, and every command of `tlsrpt` is one that the program has.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use tlsrpt_tests::{program, repository};

const DIRECTORIES: [&str; 4] = ["", "docs", "deploy", "helm/tlsrpt"];

/// Every page by its path, as it is from the repository.
fn pages() -> BTreeMap<PathBuf, String> {
    let mut pages = BTreeMap::new();
    for directory in DIRECTORIES {
        let Ok(entries) = fs::read_dir(repository(directory)) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|ending| ending == "md")) {
            let text = fs::read_to_string(&path).unwrap();
            pages.insert(Path::new(directory).join(path.file_name().unwrap()), text);
        }
    }
    pages
}

/// The anchors of a page: its headings in lower case, blanks as hyphens, without what is neither a letter, a digit, `-` nor `_`; of a
/// heading that comes again the next ones have a number.
fn anchors(text: &str) -> Vec<String> {
    let (mut anchors, mut seen, mut is_code) = (Vec::new(), BTreeMap::new(), false);
    for line in text.lines() {
        is_code ^= line.starts_with("```");
        let title = line.trim_start_matches('#');
        if is_code || title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let kept = title.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let anchor: String = kept.collect::<String>().to_lowercase().replace(' ', "-");
        let before = seen.entry(anchor.clone()).and_modify(|before| *before += 1).or_insert(0);
        anchors.push(if *before == 0 { anchor } else { format!("{anchor}-{before}") });
    }
    anchors
}

/// The targets of a page's links and pictures.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target)
}

#[test]
fn every_link_of_the_pages_leads_to_a_file_and_a_heading_that_are_there() {
    let pages = pages();
    assert!(pages.len() > 10, "pages: {:?}", pages.keys());
    let mut dead = Vec::new();
    for (path, text) in &pages {
        for target in links(text).filter(|target| !target.contains("://") && !target.starts_with("mailto:")) {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let directory = path.parent().unwrap();
            let there = if file.is_empty() { path.clone() } else { directory.join(file) };
            let there = repository("").join(there);
            let leads =
                there.exists() && (anchor.is_empty() || anchors(&fs::read_to_string(&there).unwrap()).iter().any(|one| one == anchor));
            if !leads {
                dead.push(format!("{}: {target}", path.display()));
            }
        }
    }
    assert_eq!(dead, Vec::<String>::new());
}

#[test]
fn the_readme_names_every_page_of_docs() {
    let pages = pages();
    let named: Vec<&str> = links(&pages[Path::new("README.md")]).collect();
    let is_named = |path: &&PathBuf| named.iter().any(|target| path.as_path() == Path::new(target));
    let missing: Vec<&PathBuf> = pages.keys().filter(|path| path.starts_with("docs")).filter(|path| !is_named(path)).collect();
    assert_eq!(missing, Vec::<&PathBuf>::new());
}

/// The commands of `tlsrpt` in a page: lines of code, and those within a line between backticks.
fn commands(text: &str) -> Vec<String> {
    let joined = text.replace("\\\n", " ");
    let lines = joined.lines().map(str::trim_start).filter(|line| line.starts_with("tlsrpt "));
    // Backticks open and close by turns within a paragraph.
    let inline = joined.split("\n\n").flat_map(|paragraph| paragraph.split('`').skip(1).step_by(2));
    let inline = inline.filter(|code| code.starts_with("tlsrpt ") && !code.contains([',', '|', '\n']));
    let whole = lines.chain(inline).map(|line| {
        // What the shell does with it is not looked at.
        let line = line.split(" #").next().unwrap_or_default();
        line.split(['|', '>', '&', ';', '`']).next().unwrap_or_default().trim().to_owned()
    });
    whole.collect()
}

#[test]
fn every_command_of_the_pages_is_one_that_the_program_has() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (path, text) in pages() {
        for command in commands(&text) {
            // What may be left out stands in brackets.
            let words: Vec<&str> = command.split_whitespace().skip(1).map(|word| word.trim_matches(['[', ']', '"', '\''])).collect();
            // With --help at its end the program reads the line, and does nothing.
            let output = program().args(&words).arg("--help").output().unwrap();
            count += 1;
            if !output.status.success() {
                wrong.push(format!("{}: {command}: {}", path.display(), String::from_utf8_lossy(&output.stderr)));
            }
        }
    }
    assert!(count > 10, "only {count} commands were found");
    assert_eq!(wrong, Vec::<String>::new());
}

/// Pages whose blocks a test runs: `e2e quickstart`, `e2e clients`, `deploy runbook`, which leaves out what is marked in the page.
const RUN: [&str; 3] = ["docs/quickstart.md", "docs/clients.md", "docs/runbook.md"];
/// What begins a sentence of a page whose commands no test runs, and says what they need.
const NOT_RUN: &str = "No test runs the commands of this page";
/// Programs beside `tlsrpt` and `make` that pages call.
const OTHERS: [&str; 14] = [
    "apt-get",
    "clickhouse-client",
    "curl",
    "dig",
    "docker",
    "helm",
    "install",
    "journalctl",
    "kafka-topics.sh",
    "kubectl",
    "mv",
    "openssl",
    "runuser",
    "systemctl",
];

/// The lines of a page that are code: indented, or between fences for the shell.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let mut fence = None;
    text.lines().filter_map(move |line| {
        if let Some(language) = line.strip_prefix("```") {
            fence = fence.is_none().then_some(language);
            return None;
        }
        let is_code = fence.map_or_else(|| line.starts_with("    "), |language| language == "sh");
        is_code.then_some(line.trim())
    })
}

#[test]
fn every_other_command_of_the_pages_is_run_by_a_test_or_its_page_says_what_it_needs() {
    let makefile = fs::read_to_string(repository("Makefile")).unwrap();
    let (mut wrong, mut others) = (Vec::new(), 0);
    for (path, text) in pages() {
        let is_told = RUN.iter().any(|page| path == Path::new(page)) || text.contains(NOT_RUN);
        for line in code(&text) {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("make") if !words.next().is_some_and(|target| makefile.contains(&format!("\n{target}:"))) => {
                    wrong.push(format!("{}: no such target: {line}", path.display()));
                }
                Some(program) if OTHERS.contains(&program) => {
                    others += 1;
                    if !is_told {
                        wrong.push(format!("{}: {line}", path.display()));
                    }
                }
                _ => {}
            }
        }
    }
    assert!(others > 10, "only {others} commands were found");
    assert_eq!(wrong, Vec::<String>::new(), "let a test run them, or write {NOT_RUN:?} and what they need");
}
