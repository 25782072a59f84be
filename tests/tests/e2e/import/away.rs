//! Imports that are broken off, with the service away, and into the log without it.

use std::process::Child;

use tlsrpt_tests::{LogLines, Setup, caught_up, free_address, settled, until};

use super::{COPIES, MANY, accepted_at_least, ended, import, import_to, imported, large_mbox, sees, sources, summary, totals};

#[tokio::test]
async fn an_import_that_is_killed_and_started_again_brings_everything_once() {
    let service = Setup::new().start().await;
    let operator = service.operator();
    let access = operator.tenant("acme", &["example.com"]).await;
    let dir = tempfile::tempdir().unwrap();
    let mbox = large_mbox(dir.path());
    let all = u64::try_from(MANY).unwrap() * COPIES;
    let mut killed: Child = import_to(&service, &["--parallel", "2", &mbox]).spawn().unwrap();
    accepted_at_least(&service, 20).await;
    killed.kill().unwrap();
    killed.wait().unwrap();
    let before = caught_up(&operator).await.accepted;
    assert!((20..all).contains(&before), "it was killed in the middle: {before}");

    let done = imported(&service, &[&mbox]).await;
    assert_eq!((&done["accepted"], &done["reports"]), (&all.into(), &all.into()), "{done}");
    let ledger = settled(&operator, all).await;
    assert_eq!((ledger.stored, ledger.duplicate), (u64::try_from(MANY).unwrap(), all - u64::try_from(MANY).unwrap()), "{ledger:?}");
    sees(&service, &access, totals(0..MANY)).await;
    service.finish().await;
}

#[tokio::test]
async fn a_service_that_is_away_is_waited_for_visibly_and_the_import_goes_on() {
    let address = free_address().await.to_string();
    let mut service = Setup::new().flag("--query-listen", &address).start().await;
    let access = service.operator().tenant("acme", &["example.com"]).await;
    let dir = tempfile::tempdir().unwrap();
    let mbox = large_mbox(dir.path());
    let mut child = import_to(&service, &["--parallel", "2", &mbox]).spawn().unwrap();
    let mut said = LogLines::follow(child.stderr.take().unwrap());
    accepted_at_least(&service, 20).await;
    service.stop().await;
    until("the import says that it waits", async || {
        let lines = said.all();
        if lines.iter().any(|line| line.contains("waiting, for 600 s at most")) { Ok(()) } else { Err(lines.join("\n")) }
    })
    .await;
    service.start_again().await;
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    said.join();
    let lines = said.all();
    let all = u64::try_from(MANY).unwrap() * COPIES;
    let done = summary(&output, 0);
    assert_eq!(done["accepted"], all, "{done}");
    assert!(lines.iter().any(|line| line.contains("it goes on")), "{lines:?}");
    settled(&service.operator(), all).await;
    sees(&service, &access, totals(0..MANY)).await;
    service.finish().await;
}

#[tokio::test]
async fn a_service_that_stays_away_ends_the_import_which_says_what_was_not_sent() {
    let dir = tempfile::tempdir().unwrap();
    let mbox = large_mbox(dir.path());
    let url = format!("http://{}", free_address().await);
    let mut command = import(dir.path(), &["--to", &url, "--patience-s", "0", &mbox]);
    command.env("TLSRPT_ADMIN_KEY", "a-key");
    let told = summary(&ended(command).await, 1);
    assert!(told["stopped"].as_str().unwrap().contains("--patience-s"), "{told}");
    assert_eq!(told["accepted"], 0, "{told}");
    assert!(told["failed"]["not-taken"].as_u64().unwrap() > 0, "{told}");
    // Without a key nothing is tried.
    let output = ended(import(dir.path(), &["--to", &url, &mbox])).await;
    assert!(String::from_utf8_lossy(&output.stderr).contains("TLSRPT_ADMIN_KEY"), "{output:?}");
}

#[tokio::test]
async fn straight_into_the_log_while_no_service_runs_on_it_and_never_beside_one() {
    let mut service = Setup::new().start().await;
    let access = service.operator().tenant("acme", &["example.com"]).await;
    let dir = tempfile::tempdir().unwrap();
    sources(dir.path());
    let paths = dir.path().to_str().unwrap();
    let data_dir = service.data_dir();
    let output = ended(import(&data_dir, &["--into-log", paths])).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("another process") && said.contains("without --into-log"), "{said}");
    service.stop().await;

    let done = summary(&ended(import(&data_dir, &["--into-log", paths])).await, 0);
    assert_eq!((&done["accepted"], &done["reports"]), (&10.into(), &10.into()), "{done}");
    service.start_again().await;
    settled(&service.operator(), 10).await;
    sees(&service, &access, totals(0..10)).await;
    // Through the service it is the same again.
    imported(&service, &[paths]).await;
    let ledger = settled(&service.operator(), 10).await;
    assert_eq!(ledger.stored, 10, "{ledger:?}");
    service.finish().await;

    let output = ended(import(&dir.path().join("no-such-directory"), &["--into-log", paths])).await;
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no data directory"), "{output:?}");
}
