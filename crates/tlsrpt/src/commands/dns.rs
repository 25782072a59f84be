//! `tlsrpt dns`: what a domain publishes, what is wrong with it, and what to publish.

use std::{fmt::Write as _, process::ExitCode};

use tlsrpt_publication::{Advice, Expected, ShownTexts, State};
use tlsrpt_report::Domain;

use crate::{config::Config, wiring};

/// Exit status when DNS told nothing at all.
const EXIT_BLIND: u8 = 2;

/// What to look at.
#[derive(clap::Args, Debug)]
pub(crate) struct DnsArgs {
    /// The domain
    #[arg(value_name = "DOMAIN")]
    domain: Domain,
    /// The tenant's reporting address, as the operator's API shows it: then it is said, too, whether reports come in here
    #[arg(long, value_name = "ADDRESS")]
    address: Option<String>,
    /// JSON, as `GET /v1/domains/{domain}/dns` answers it, instead of text
    #[arg(long)]
    json: bool,
}

/// Looks and prints.
pub(crate) fn run(config: &Config, args: &DnsArgs) -> anyhow::Result<ExitCode> {
    tlsrpt_telemetry::logs::init(config.logs.format, &config.logs.filter)?;
    let receiver = wiring::publication::receiver(config);
    let checked =
        wiring::runtime()?.block_on(async { anyhow::Ok(wiring::publication::checker(config)?.check(&args.domain, true).await) })?;
    let advice = Advice::new(&checked, Expected { receiver: &receiver, address: args.address.as_deref(), seen: &[] });
    if args.json {
        println!("{}", serde_json::to_string_pretty(&advice)?);
    } else {
        print!("{}", text(&advice));
    }
    Ok(match (checked.look.is_blind(), advice.has_errors()) {
        (true, _) => ExitCode::from(EXIT_BLIND),
        (false, true) => ExitCode::FAILURE,
        (false, false) => ExitCode::SUCCESS,
    })
}

/// As text for people.
fn text(advice: &Advice) -> String {
    let mut out = String::new();
    // A string takes whatever is written to it, here and below.
    let _ = writeln!(out, "{}\n\nTo publish:", advice.domain);
    for record in &advice.publish {
        let _ = writeln!(out, "  {}. {} \"{}\"\n    {}", record.name, record.r#type, record.value, record.why);
    }
    let published = &advice.published;
    let _ = writeln!(out, "\nPublished:");
    texts(&mut out, &published.tlsrpt.records);
    texts(&mut out, &published.mta_sts.records);
    let policy = &published.policy;
    let state = match (policy.mode, policy.status) {
        (Some(mode), _) => format!("mode {}, mx {}", mode.as_str(), policy.mx.join(" ")),
        (None, Some(status)) => format!("status {status}"),
        (None, None) => word(policy.state).to_owned(),
    };
    let _ = writeln!(out, "  {}: {state}", policy.url);
    if published.mx.hosts.is_empty() {
        let _ = writeln!(out, "  {} MX: {}", advice.domain, word(published.mx.state));
    }
    for mx in &published.mx.hosts {
        let addresses: Vec<String> = mx.addresses.iter().map(ToString::to_string).collect();
        let _ = writeln!(out, "  {} MX {} {}: {}, {} TLSA", advice.domain, mx.preference, mx.host, addresses.join(" "), mx.tlsa.len());
    }
    let _ = writeln!(out, "\nFound:");
    if advice.findings.is_empty() {
        let _ = writeln!(out, "  nothing that is wrong");
    }
    for finding in &advice.findings {
        let _ = writeln!(out, "  {} {} at {}", finding.severity.as_str(), finding.code.as_str(), finding.name);
        if let Some(found) = &finding.found {
            let _ = writeln!(out, "    found: {found}");
        }
        let _ = writeln!(out, "    {}\n    {}", finding.text, finding.remedy);
    }
    out
}

fn texts(out: &mut String, shown: &ShownTexts) {
    if shown.texts.is_empty() {
        let _ = writeln!(out, "  {} TXT: {}", shown.name, word(shown.state));
    }
    for alias in &shown.aliases {
        let _ = writeln!(out, "  {} leads to {alias}", shown.name);
    }
    for text in &shown.texts {
        let _ = writeln!(out, "  {} TXT {text:?}", shown.name);
    }
}

fn word(state: State) -> &'static str {
    match state {
        State::Found => "found",
        State::Missing => "none",
        State::Failed => "not known",
    }
}
