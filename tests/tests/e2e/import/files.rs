//! Every kind of file, twice, and files that are bad.

use serde_json::Value;
use tlsrpt_tests::{Encoding, Setup, caught_up, program, settled};

use super::{ended, import_to, imported, report, sees, sources, summary, totals, write};

#[tokio::test]
async fn every_kind_of_file_comes_in_with_its_receipt_and_a_second_time_changes_nothing() {
    let service = Setup::new().start().await;
    let operator = service.operator();
    let access = operator.tenant("acme", &["example.com"]).await;
    let dir = tempfile::tempdir().unwrap();
    sources(dir.path());
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (reports, mboxes, maildir) = (path("reports"), path("*.mbox"), path("Maildir"));

    let dry = imported(&service, &["--dry-run", &reports, &mboxes, &maildir]).await;
    assert_eq!((&dry["dry_run"], &dry["accepted"], &dry["reports"]), (&Value::Bool(true), &10.into(), &10.into()), "{dry}");
    assert_eq!(caught_up(&operator).await.accepted, 0, "nothing was sent");

    for _ in 0..2 {
        let done = imported(&service, &["--address", &access.address, &reports, &mboxes, &maildir]).await;
        assert_eq!((&done["accepted"], &done["with_report"], &done["reports"]), (&10.into(), &10.into(), &10.into()), "{done}");
        assert_eq!(done["received"][0], format!("{}T01:00:00.000Z", report(0).day.plus(1)), "{done}");
        assert_eq!(done["received"][1], format!("{}T06:07:08.000Z", report(9).day.plus(1)), "{done}");
        let ledger = settled(&operator, 10).await;
        assert_eq!(ledger.stored, 10, "{ledger:?}");
        sees(&service, &access, totals(0..10)).await;
    }
    // The ledger has them on their days of receipt.
    let first = report(0).day.plus(1);
    let ledger = operator.json(&format!("/admin/v1/ledger?from={first}&to={first}")).await;
    assert_eq!(ledger["stored"], 1, "{ledger}");
    let listed = operator.json("/admin/v1/submissions?limit=1").await;
    let newest = &listed["submissions"][0];
    assert_eq!((&newest["channel"], &newest["address"]), (&"import".into(), &access.address.as_str().into()), "{newest}");
    // Freshness is of what comes in now.
    let metrics = service.operations().get("/metrics").await.text();
    assert!(metrics.contains("tlsrpt_writer_receipt_to_queryable_seconds_count 0"), "imports are none of it");
    // What a sender delivers now, in another form, is the same report.
    service.sender().send_to(&access.address, report(5).encode(Encoding::Gzip)).await;
    let ledger = settled(&operator, 11).await;
    assert_eq!((ledger.stored, ledger.duplicate), (10, 1), "{ledger:?}");
    sees(&service, &access, totals(0..10)).await;
    service.finish().await;
}

#[tokio::test]
async fn what_is_bad_is_told_with_its_reason_and_stops_nothing() {
    let service = Setup::new().start().await;
    let operator = service.operator();
    operator.tenant("acme", &["example.com"]).await;
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    write(path("a.bin"), [0, 1, 2, 3], None);
    write(path("b.empty"), "", None);
    write(path("c.eml"), "From: a@example.com\nDate: Wed, 15 May 2024 03:02:03 +0200\nSubject: hello\n\nhello\n", None);
    write(path("d.json"), "{}", Some(&report(0)));
    write(path("e.json"), report(1).text(), Some(&report(1)));
    let missing = path("missing.json").to_str().unwrap().to_owned();
    let output = ended(import_to(&service, &[&missing, dir.path().to_str().unwrap()])).await;
    let told = summary(&output, 1);
    assert_eq!((&told["accepted"], &told["reports"]), (&3.into(), &1.into()), "{told}");
    assert_eq!(told["without_report"], serde_json::json!({"no-policies": 1, "no-report": 1}), "{told}");
    assert_eq!(told["rejected"], serde_json::json!({"empty": 1, "unknown-form": 1}), "{told}");
    assert_eq!(told["failed"], serde_json::json!({"unreadable": 1}), "{told}");
    let named: Vec<&str> = told["named"].as_array().unwrap().iter().map(|named| named["name"].as_str().unwrap()).collect();
    assert!(named.len() == 3 && named.iter().any(|name| name.ends_with("a.bin")) && named.contains(&missing.as_str()), "{told}");
    let ledger = settled(&operator, 3).await;
    assert_eq!((ledger.stored, ledger.rejected), (1, 2), "{ledger:?}");

    // Without --json the same for people.
    let url = format!("http://{}", service.query_address());
    let mut command = program();
    command.args(["import", "--to", &url, "--data-dir"]).arg(service.data_dir()).arg(dir.path());
    let output = ended(command).await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    for part in ["accepted  3", "without a report  1 (no-report)", "rejected  1 (unknown-form)", "a.bin: unknown-form: "] {
        assert!(said.contains(part), "{part}: {said}");
    }

    // One thing that is wrong with all of it ends it at once, and is said.
    let file = path("e.json").to_str().unwrap().to_owned();
    let mut command = import_to(&service, &[&file]);
    command.env("TLSRPT_ADMIN_KEY", "another-key");
    let told = summary(&ended(command).await, 1);
    assert!(told["stopped"].as_str().unwrap().contains("401"), "{told}");
    let told = summary(&ended(import_to(&service, &["--address", "nobody", &file])).await, 1);
    assert!(told["stopped"].as_str().unwrap().contains("404"), "{told}");
    let output = ended(import_to(&service, &[dir.path().join("*.nothing").to_str().unwrap()])).await;
    assert!(output.status.code() == Some(1) && String::from_utf8_lossy(&output.stderr).contains("nothing matches"));
    assert_eq!(caught_up(&operator).await.accepted, 3);
    service.finish().await;
}
