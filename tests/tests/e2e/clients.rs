//! The page for clients: every block of `docs/clients.md` runs as it stands, and prints what the page says.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use tlsrpt_tests::{Detail, Encoding, Network, Operator, Policy, Proxy, Report, Sender, Setup, TenantAccess, compile, settled, until};

const PAGE: &str = include_str!("../../../docs/clients.md");
const CALLS: usize = 10;
/// What a block may be written in, and beside them what all of a call's blocks print.
const LANGUAGES: [&str; 3] = ["sh", "python", "ts"];
const PRINTED: &str = "text";
/// What a block says when it is told to come back after a second: curl in its own words, the others in the page's.
const TOLD: &str = "ill retry in 1 s";

/// One of the page's calls: its title and its blocks by language.
struct Call {
    title: &'static str,
    blocks: BTreeMap<&'static str, String>,
}

impl Call {
    fn printed(&self) -> &str {
        &self.blocks[PRINTED]
    }
}

/// The calls of the page.
///
/// # Panics
/// When a call lacks a block, has one twice or has one in another language.
fn calls() -> Vec<Call> {
    let sections = PAGE.split("\n## ").skip(1);
    let calls: Vec<Call> = sections.map(|section| call(section.lines().next().unwrap_or_default(), section)).collect();
    assert_eq!(calls.len(), CALLS, "calls of the page");
    calls
}

fn call(title: &'static str, section: &'static str) -> Call {
    let mut blocks = BTreeMap::new();
    // Fences open and close by turns.
    for block in section.split("```").skip(1).step_by(2) {
        let (language, text) = block.split_once('\n').unwrap();
        assert!(LANGUAGES.contains(&language) || language == PRINTED, "{title}: a block in {language:?}");
        assert_eq!(blocks.insert(language, text.to_owned()), None, "{title}: a second block in {language}");
    }
    for language in LANGUAGES.into_iter().chain([PRINTED]) {
        assert!(blocks.contains_key(language), "{title}: no block in {language}");
    }
    Call { title, blocks }
}

/// The page's blocks as programs, the TypeScript ones compiled.
struct Programs(TempDir);

impl Programs {
    fn of(calls: &[Call]) -> Self {
        let dir = TempDir::new().unwrap();
        for (number, call) in calls.iter().enumerate() {
            for (language, extension) in LANGUAGES.into_iter().zip(["sh", "py", "mts"]) {
                fs::write(dir.path().join(format!("{number}.{extension}")), &call.blocks[language]).unwrap();
            }
        }
        compile(dir.path());
        Self(dir)
    }

    /// The program that a language runs a call's block by, with the block.
    fn command(&self, number: usize, language: &str) -> Command {
        let (program, extension) = match language {
            "sh" => ("sh", "sh"),
            "python" => ("python3", "py"),
            _ => ("node", "mjs"),
        };
        let mut command = Command::new(program);
        command.arg(self.0.path().join(format!("{number}.{extension}")));
        command
    }
}

/// A block that runs in a directory; it ends with this value.
struct Running<'d> {
    child: Child,
    dir: &'d Path,
}

struct Ran {
    status: ExitStatus,
    stdout: String,
    stderr: String,
}

impl<'d> Running<'d> {
    fn start(mut command: Command, dir: &'d Path, url: &str, key: &str) -> Self {
        let passed_on = ["PATH", "HOME"].map(|name| (name, std::env::var_os(name).unwrap_or_default()));
        command.env_clear().envs(passed_on).env("TLSRPT_URL", url).env("TLSRPT_KEY", key).current_dir(dir);
        command.stdin(Stdio::null()).stdout(File::create(dir.join("stdout")).unwrap()).stderr(File::create(dir.join("stderr")).unwrap());
        Self { child: command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")), dir }
    }

    fn stderr(&self) -> String {
        fs::read_to_string(self.dir.join("stderr")).unwrap()
    }

    fn ended(&mut self) -> Option<Ran> {
        let status = self.child.try_wait().unwrap()?;
        Some(Ran { status, stdout: fs::read_to_string(self.dir.join("stdout")).unwrap(), stderr: self.stderr() })
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a block to its end in a directory.
async fn run(command: Command, dir: &Path, url: &str, key: &str) -> Ran {
    let name = format!("{command:?} ends");
    let mut running = Running::start(command, dir, url, key);
    until(&name, async || running.ended().ok_or_else(|| "it runs".to_owned())).await
}

/// Runs a block, which must succeed and print what the page says.
async fn prints_what_the_page_says(call: &Call, command: Command, dir: &Path, url: &str, key: &str) {
    let name = format!("{}, {:?}", call.title, command.get_program());
    let ran = run(command, dir, url, key).await;
    assert!(ran.status.success(), "{name}: {}:\n{}{}", ran.status, ran.stdout, ran.stderr);
    assert_eq!((&*ran.stdout, &*ran.stderr), (call.printed(), ""), "{name}");
}

/// The five reports that the page speaks of.
async fn send_reports(sender: &Sender, tenant: &TenantAccess) {
    let detail = |result_type, receiving_mx: &str, sessions| Detail {
        result_type,
        sending_ip: "198.51.100.7".to_owned(),
        receiving_mx: receiving_mx.to_owned(),
        sessions,
    };
    let expired = |sessions| detail("certificate-expired", "mx1.example.com", sessions);
    let plain = detail("starttls-not-supported", "mx2.example.com", 3);
    for (day, organization, domain, successful, details) in [
        ("2026-03-02", "Alpha Mail", "example.com", 900, vec![expired(7), plain]),
        ("2026-03-03", "Beta Mail", "example.com", 400, vec![expired(5)]),
        ("2026-03-10", "Alpha Mail", "example.com", 950, vec![]),
        ("2026-03-11", "Alpha Mail", "example.org", 100, vec![detail("validation-failure", "mx.example.org", 2)]),
        ("2026-03-12", "Beta Mail", "example.org", 60, vec![]),
    ] {
        let failed = details.iter().map(|detail| detail.sessions).sum();
        let policy = Policy { details, ..Policy::sts(domain, successful, failed) };
        let report = Report { day: day.parse().unwrap(), ..Report::new(organization, &format!("{day}-{domain}"), vec![policy]) };
        sender.send_to(&tenant.address, report.encode(Encoding::Gzip)).await;
    }
}

async fn tenant(operator: &Operator) -> TenantAccess {
    operator.tenant("acme", &["example.com", "example.org", "example.net"]).await
}

#[tokio::test]
async fn every_block_of_the_page_for_clients_runs_and_prints_what_the_page_says_in_each_language() {
    let calls = calls();
    let programs = Programs::of(&calls);
    let service = Setup::new().start().await;
    let (operator, url) = (service.operator(), format!("http://{}", service.query_address()));
    let acme = tenant(&operator).await;
    send_reports(&service.sender(), &acme).await;
    settled(&operator, 5).await;

    for (number, call) in calls.iter().enumerate() {
        for language in LANGUAGES {
            let dir = TempDir::new().unwrap();
            let run = async || prints_what_the_page_says(call, programs.command(number, language), dir.path(), &url, &acme.key).await;
            run().await;
            let export = dir.path().join("export.ndjson");
            let Ok(whole) = fs::read(&export) else { continue };
            // Cut off within a line, at a line's end, before the first, and not at all, it goes on to the same.
            let second_line = whole.iter().position(|&byte| byte == b'\n').unwrap() + 1;
            for bytes in [second_line + 20, second_line, 20, 0, whole.len()] {
                fs::write(&export, &whole[..bytes]).unwrap();
                run().await;
                assert!(fs::read(&export).unwrap() == whole, "{}, {language}: gone on with after {bytes} bytes", call.title);
            }
        }
    }
    assert!(calls.iter().any(|call| LANGUAGES.iter().all(|language| call.blocks[language].contains("export.ndjson"))));
    service.finish().await;
}

#[tokio::test]
async fn an_export_that_the_network_cuts_off_is_a_failure_and_whole_once_it_is_run_again() {
    let calls = calls();
    let programs = Programs::of(&calls);
    let (number, _) = calls.iter().enumerate().find(|(_, call)| call.blocks["python"].contains("export.ndjson")).unwrap();
    let service = Setup::new().start().await;
    let (operator, acme) = (service.operator(), tenant(&service.operator()).await);
    send_reports(&service.sender(), &acme).await;
    settled(&operator, 5).await;
    let whole = service.tenant(&acme.key).get("/v1/export?from=2026-03-02&to=2026-03-29").await.is(200).text();
    let mut proxy = Proxy::reserve(service.query_address().parse().unwrap()).await;
    proxy.restore().await;
    let url = format!("http://{}", proxy.listen());

    for language in LANGUAGES {
        let dir = TempDir::new().unwrap();
        let export = async |network: Network| {
            proxy.network(network);
            run(programs.command(number, language), dir.path(), &url, &acme.key).await
        };
        let is_whole = || fs::read_to_string(dir.path().join("export.ndjson")).unwrap() == whole;
        // After the head of the answer, and in the middle of a line; of a compressed answer both are early.
        for bytes in [900, 1_300] {
            let ran = export(Network::EndsAnswersAfter(bytes)).await;
            assert!(!ran.status.success() && !is_whole(), "{language}, cut off after {bytes} bytes: {}{}", ran.stdout, ran.stderr);
        }
        let ran = export(Network::Sound).await;
        assert!(ran.status.success() && is_whole(), "{language}: {}{}", ran.stdout, ran.stderr);
    }
    service.finish().await;
}

#[tokio::test]
async fn a_client_of_the_page_that_is_told_to_come_back_does_so_and_has_its_answer() {
    let calls = calls();
    let programs = Programs::of(&calls);
    let (number, call) = calls.iter().enumerate().find(|(_, call)| call.blocks["python"].contains("Retry-After")).unwrap();
    let service = Setup::new().config("[query.rate]\nrequests_per_second = 1\nburst = 1\n").start().await;
    let (url, acme) = (format!("http://{}", service.query_address()), tenant(&service.operator()).await);
    let other = service.tenant(&acme.key);

    for language in LANGUAGES {
        until(&format!("{language} is told to come back"), async || {
            let dir = TempDir::new().unwrap();
            let mut running = Running::start(programs.command(number, language), dir.path(), &url, &acme.key);
            let ran = loop {
                if let Some(ran) = running.ended() {
                    break ran;
                }
                // Another client of the same key takes what there is, until the block was refused.
                if running.stderr().contains(TOLD) {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                } else {
                    other.get("/v1/result-types").await;
                }
            };
            assert_eq!((ran.status.code(), &*ran.stdout), (Some(0), call.printed()), "{language}: {}", ran.stderr);
            if ran.stderr.contains(TOLD) { Ok(()) } else { Err(format!("it was not: {}", ran.stderr)) }
        })
        .await;
    }
    service.finish().await;
}
