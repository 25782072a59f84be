//! `tlsrpt tenants import`.
//!
//! The way: `lines` cuts the file into batches → each is one `POST /admin/v1/import`, again when the service asks for it → new keys go
//! to `keys_out` before anything else is sent → the `tally` counts what came of each line.

use std::{
    io::IsTerminal as _,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::header;
use serde::Deserialize;
use serde_json::Value;
use tlsrpt_telemetry::Backoff;

use super::{keys_out::KeysOut, lines::Lines, tally::Tally};
use crate::{
    commands::import::{
        service::{Service, later},
        tally::plain,
        target::NotTaken,
    },
    config::Config,
    wiring,
};

/// Where from, where to, and how.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct ImportArgs {
    /// File of lines; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// API of the running service, by its operator's key (--admin-key, TLSRPT_ADMIN_KEY, or the one in --data-dir) [default: from the
    /// configuration, http://127.0.0.1:8080]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// New file for the secrets of new keys, one JSON object a line, readable by its owner only; - is standard output
    #[arg(long, value_name = "FILE")]
    keys_out: Option<PathBuf>,
    /// Certificates of a private authority, in PEM, to trust beside the system's
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The summary as one JSON object
    #[arg(long)]
    json: bool,
    /// Seconds that the service may be away or overloaded before the import gives up
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    patience_s: u64,
}

const EXAMPLES: &str = concat!(
    "Each line names a tenant and brings any of: a name, which makes the tenant; a domain, or a list domains; a key, or a list keys, of ",
    "objects with a name and, if wanted, scopes and expires_at:\n\n",
    "  {\"tenant\":\"acme\",\"name\":\"Acme\",\"domains\":[\"acme.example\",\"acme.test\"]}\n",
    "  {\"tenant\":\"acme\",\"key\":{\"name\":\"grafana\",\"scopes\":[\"read\",\"metrics\"]}}\n\n",
    "Importing twice changes nothing; a key is there when the tenant has one of its name. A refused line is named with its reason and ",
    "leaves the others alone. Exit status: 0 when no line was refused, else 1.\n\n",
    "  tlsrpt tenants import --keys-out keys.ndjson customers.ndjson"
);

/// Wait that a service may ask for, at most.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);

/// One line of the service's answer.
#[derive(Deserialize)]
struct Answer {
    line: u64,
    outcome: String,
    tenant: Option<String>,
    #[serde(default)]
    new_domains: u64,
    #[serde(default)]
    new_keys: Vec<Value>,
    problem: Option<Problem>,
}

#[derive(Deserialize)]
struct Problem {
    r#type: String,
    status: u16,
    detail: String,
}

/// Imports, prints the summary, and answers success when no line was refused.
pub(super) fn run(config: &Config, args: &ImportArgs) -> anyhow::Result<ExitCode> {
    let key = crate::admin_key::load(config)
        .context("the import needs the operator's key of the running service: set TLSRPT_ADMIN_KEY, or give --data-dir")?;
    let url = args.url.clone().unwrap_or_else(|| format!("http://{}", config.listen.query));
    let service = Service::new("--url", &url, key, args.ca.as_deref())?;
    let lines = Lines::open(&args.file)?;
    let keys_out = args.keys_out.as_deref().map(KeysOut::create).transpose()?;
    let bar = ProgressBar::new(lines.size_bytes().unwrap_or(0));
    bar.set_style(ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes}, {eta} left, {msg}")?);
    let mut import = Import { service, keys_out, tally: Tally::default(), bar, patience: Duration::from_secs(args.patience_s) };
    let outcome = wiring::runtime().context("start the runtime")?.block_on(import.bring_in(lines));
    import.bar.finish_and_clear();
    if let Err(error) = outcome {
        import.tally.stop(&format!("{error:#}"));
    }
    let summary = if args.json { serde_json::to_string(&import.tally)? + "\n" } else { import.tally.text() };
    // Standard output has the keys alone, when it has them.
    if import.keys_out.as_ref().is_some_and(KeysOut::is_stdout) {
        eprint!("{summary}")
    } else {
        print!("{summary}")
    }
    Ok(if import.tally.is_complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Import {
    service: Service,
    keys_out: Option<KeysOut>,
    tally: Tally,
    bar: ProgressBar,
    patience: Duration,
}

impl Import {
    async fn bring_in(&mut self, mut lines: Lines) -> anyhow::Result<()> {
        if lines.is_stdin() && std::io::stdin().is_terminal() {
            eprintln!("tlsrpt: reading lines from the terminal; end with Ctrl-D");
        }
        while let Some(batch) = lines.next_batch()? {
            anyhow::ensure!(
                self.keys_out.is_some() || !batch.brings_keys,
                "from line {} on there are lines that bring keys, whose secrets are shown once: say with --keys-out where they go",
                batch.first
            );
            self.bring_batch(batch.first, &batch.lines).await?;
            self.bar.inc(batch.bytes);
            self.bar.set_message(format!("{} lines", self.tally.lines()));
        }
        Ok(())
    }

    /// Sends these lines, and again from where the service stopped, until each has its outcome.
    async fn bring_batch(&mut self, first: u64, lines: &[Vec<u8>]) -> anyhow::Result<()> {
        let (mut done, mut since, mut backoff) = (0, Instant::now(), Backoff::default());
        while let Some(rest) = lines.get(done..).filter(|rest| !rest.is_empty()) {
            let before = done;
            let why_not = match self.post(rest).await {
                Ok(answers) => self.take(first, &mut done, answers)?,
                Err(why) => Some(why),
            };
            if done > before {
                (since, backoff) = (Instant::now(), Backoff::default());
            }
            match why_not {
                None => {}
                Some(NotTaken::Later { why, after }) => {
                    anyhow::ensure!(
                        since.elapsed() < self.patience,
                        "nothing was taken for {} s (--patience-s): {why}",
                        self.patience.as_secs()
                    );
                    self.bar.suspend(|| {
                        eprintln!("tlsrpt: waiting, for {} s at most (--patience-s): {}", self.patience.as_secs(), plain(&why))
                    });
                    tokio::time::sleep(after.unwrap_or_else(|| backoff.next_wait()).min(RETRY_AFTER_MAX)).await;
                }
                Some(NotTaken::Never { detail, .. }) => anyhow::bail!(detail),
                Some(NotTaken::Nothing(why)) => anyhow::bail!(why),
            }
        }
        Ok(())
    }

    async fn post(&self, lines: &[Vec<u8>]) -> Result<Vec<Answer>, NotTaken> {
        let request = self.service.post("/admin/v1/import").header(header::CONTENT_TYPE, "application/x-ndjson").body(lines.concat());
        let response = request.send().await.map_err(later)?;
        if !response.status().is_success() {
            return Err(self.service.not_taken(response).await);
        }
        let text = response.bytes().await.map_err(later)?;
        let answers = text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).map(serde_json::from_slice);
        answers.collect::<Result<_, _>>().map_err(|_| NotTaken::Nothing("the service's answer is not understood".to_owned()))
    }

    /// Counts the answers for lines that follow the first `done`; answers why the rest has none.
    fn take(&mut self, first: u64, done: &mut usize, answers: Vec<Answer>) -> anyhow::Result<Option<NotTaken>> {
        // Lines of the request count from 1.
        let at = first + u64::try_from(*done)? - 1;
        let mut why_not = Some(NotTaken::Later { why: "the answer ended before its end".to_owned(), after: None });
        for answer in answers {
            let line = at + answer.line;
            if answer.outcome == "stopped" {
                let problem = answer.problem.map_or((0, String::new()), |problem| (problem.status, problem.detail));
                let (status, why) = (problem.0, format!("line {line}: {}", problem.1));
                return Ok(Some(if status == 503 { NotTaken::Later { why, after: None } } else { NotTaken::Nothing(why) }));
            }
            if let Some(keys_out) = &mut self.keys_out {
                keys_out.write(answer.tenant.as_deref().unwrap_or_default(), &answer.new_keys)?;
            }
            *done += 1;
            let new_keys = u64::try_from(answer.new_keys.len())?;
            match (answer.outcome.as_str(), answer.problem) {
                ("refused", Some(Problem { r#type, detail, .. })) => {
                    self.tally.refuse(line, r#type.rsplit('/').next().unwrap_or_default(), detail);
                }
                ("unchanged", _) => self.tally.unchanged += 1,
                _ => self.tally.create(answer.new_domains, new_keys),
            }
            why_not = None;
        }
        if let Some(keys_out) = &mut self.keys_out {
            keys_out.sync()?;
        }
        Ok(why_not)
    }
}
