//! `tlsrpt demo`: 90 days of plausible reports for one tenant, posted through the real endpoint, then example calls.
#![expect(clippy::indexing_slicing, reason = "a JSON value that is asked for a name that it lacks answers null")]

mod client;
mod story;

use std::{process::ExitCode, time::Duration};

use anyhow::Context as _;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use tlsrpt_report::{Day, UnixMillis};

use crate::config::{Config, TlsMode};
use client::Client;

/// The demo tenant's id.
const TENANT: &str = "demo";
/// Reports on their way at one time.
const POSTS_IN_FLIGHT: usize = 16;
/// Tries of one post that is answered 429 or 503.
const POST_TRIES: u32 = 20;
/// How long to wait for the last report to be queryable.
const QUERYABLE_WAIT: Duration = Duration::from_secs(60);

/// Where the running service is.
#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// Base URL of the HTTPS receiver [default: from the configuration]
    #[arg(long, value_name = "URL")]
    edge_url: Option<String>,
    /// Base URL of the API [default: from the configuration]
    #[arg(long, value_name = "URL")]
    query_url: Option<String>,
    /// Days of history, today excluded
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u16).range(1..=730))]
    days: u16,
}

/// Creates the demo tenant (or takes the one that is there), posts its reports, waits until they can be queried, and shows
/// calls with their answers. Run again, it changes nothing: the same reports count once.
pub(crate) fn run(config: &Config, args: &DemoArgs) -> anyhow::Result<ExitCode> {
    let scheme = if config.tls.mode == TlsMode::Off { "http" } else { "https" };
    let edge_url = args.edge_url.clone().unwrap_or_else(|| format!("{scheme}://{}", config.listen.https));
    let query_url = args.query_url.clone().unwrap_or_else(|| format!("http://{}", config.listen.query));
    let admin_key = crate::admin_key::load(config).context("the demo needs the operator's key of the running service")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(demo(Client::new(edge_url, query_url, admin_key)?, i32::from(args.days)))?;
    Ok(ExitCode::SUCCESS)
}

async fn demo(client: Client, days: i32) -> anyhow::Result<()> {
    let address = tenant(&client).await?;
    let key = client.admin_post(&format!("/admin/v1/tenants/{TENANT}/keys"), &json!({"name": "demo"})).await?;
    let key = key.1["key"].as_str().context("the service gave no key")?.to_owned();

    let today = UnixMillis(i64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_millis())?).day();
    let reports = story::reports(today, days);
    let sessions: u64 = reports.iter().map(story::DemoReport::sessions).sum();
    println!("posting {} reports on {} domains, {days} days, {sessions} sessions", reports.len(), story::DOMAINS.len());
    post_all(&client, &address, &reports).await?;
    wait_until_queryable(&client, &key, today.plus(-days), today, sessions).await?;
    show(&client, &key, today).await
}

/// The demo tenant with its domains; answers its reporting address.
async fn tenant(client: &Client) -> anyhow::Result<String> {
    let (status, created) = client.admin_post("/admin/v1/tenants", &json!({"id": TENANT, "name": "Demo"})).await?;
    let tenant = if status == 409 { client.admin_get(&format!("/admin/v1/tenants/{TENANT}")).await? } else { created };
    for domain in story::DOMAINS {
        client.admin_post(&format!("/admin/v1/tenants/{TENANT}/domains"), &json!({"domain": domain})).await?;
    }
    Ok(tenant["address"].as_str().context("the service gave no address")?.to_owned())
}

async fn post_all(client: &Client, address: &str, reports: &[story::DemoReport]) -> anyhow::Result<()> {
    let bar = ProgressBar::new(u64::try_from(reports.len())?);
    bar.set_style(ProgressStyle::with_template("{bar:40} {pos}/{len} reports, {per_sec}, {eta} left")?);
    for chunk in reports.chunks(POSTS_IN_FLIGHT) {
        let mut posts = tokio::task::JoinSet::new();
        for report in chunk {
            let (client, address, payload) = (client.clone(), address.to_owned(), report.gzip()?);
            posts.spawn(async move { client.post_report(&address, payload, POST_TRIES).await });
        }
        while let Some(post) = posts.join_next().await {
            post??;
            bar.inc(1);
        }
    }
    bar.finish();
    Ok(())
}

/// Waits until the tenant's sessions are those that were posted.
async fn wait_until_queryable(client: &Client, key: &str, from: Day, to: Day, sessions: u64) -> anyhow::Result<()> {
    let path = format!("/v1/summary?from={from}&to={to}");
    let deadline = tokio::time::Instant::now() + QUERYABLE_WAIT;
    loop {
        let summary = client.tenant_get(key, &path).await?;
        let count = |name: &str| summary[name].as_u64().unwrap_or(0);
        let found = count("successful_sessions") + count("failed_sessions");
        if found >= sessions {
            return Ok(());
        }
        anyhow::ensure!(
            tokio::time::Instant::now() < deadline,
            "posted {sessions} sessions, the tenant sees {found} after {} s",
            QUERYABLE_WAIT.as_secs()
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Calls that a tenant makes first, with their answers.
async fn show(client: &Client, key: &str, today: Day) -> anyhow::Result<()> {
    let from = today.plus(-90);
    let [shop, bank, news] = story::DOMAINS;
    let calls = [
        ("How is mail to all domains doing?", format!("/v1/summary?from={from}")),
        ("A roll-out, week by week", format!("/v1/timeseries?from={from}&step=week&domain={shop}")),
        (
            "An expired certificate: who failed, and when?",
            format!("/v1/failures?from={from}&domain={bank}&group_by=result_type,receiving_mx"),
        ),
        ("An MX that lost STARTTLS", format!("/v1/failures?from={from}&domain={news}&group_by=result_type,receiving_mx,reporter")),
        ("The newest reports", "/v1/reports?limit=2".to_owned()),
    ];
    println!("\nexport KEY={key}");
    for (question, path) in calls {
        let answer = client.tenant_get(key, &path).await?;
        println!("\n# {question}\ncurl -s -H \"Authorization: Bearer $KEY\" '{}{path}'", client.query_url());
        println!("{}", shortened(&answer));
    }
    Ok(())
}

/// An answer as indented JSON, long lists cut.
fn shortened(answer: &Value) -> String {
    const LINES_MAX: usize = 40;
    let text = serde_json::to_string_pretty(answer).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    match lines.get(..LINES_MAX) {
        Some(head) if lines.len() > LINES_MAX => format!("{}\n… {} lines more", head.join("\n"), lines.len() - LINES_MAX),
        _ => text,
    }
}
