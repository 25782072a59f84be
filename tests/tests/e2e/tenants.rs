//! `tlsrpt tenants import` against a running service.

use std::{
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Output, Stdio},
};

use serde_json::{Value, json};
use tlsrpt_tests::{Service, Setup, program};

/// Runs it with these lines on standard input and the summary as JSON.
async fn import(service: &Service, lines: String, args: &[&str]) -> Output {
    let mut command = program();
    command.args(["tenants", "import", "-", "--json", "--url"]).arg(format!("http://{}", service.query_address()));
    command.arg("--data-dir").arg(service.data_dir()).args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let run = move || {
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // It may end before it has read everything.
        let _ = stdin.write_all(lines.as_bytes());
        drop(stdin);
        child.wait_with_output().unwrap()
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

fn summary(output: &Output, status: i32) -> Value {
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(status), "{said}{errors}");
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}{errors}"))
}

#[tokio::test]
async fn thousands_of_tenants_come_in_by_one_command_and_their_keys_to_a_file_of_their_owner_alone() {
    const TENANTS: usize = 5_000;
    let service = Setup::new().start().await;
    let lines: String = (0..TENANTS)
        .map(|n| json!({"tenant": format!("t{n}"), "name": "T", "domains": [format!("t{n}.example")], "key": {"name": "ci"}}))
        .map(|line| format!("{line}\n"))
        .collect();
    let without = import(&service, lines.clone(), &[]).await;
    let told = summary(&without, 1);
    assert!(told["stopped"].as_str().unwrap().contains("--keys-out"), "{told}");
    assert_eq!(service.operator().json("/admin/v1/tenants").await["tenants"], json!([]), "no key is made that nobody would see");

    let keys: PathBuf = service.data_dir().join("keys.ndjson");
    let told = summary(&import(&service, lines.clone(), &["--keys-out", keys.to_str().unwrap()]).await, 0);
    assert_eq!((&told["created"], &told["new_domains"], &told["new_keys"]), (&json!(TENANTS), &json!(TENANTS), &json!(TENANTS)));
    assert_eq!(std::fs::metadata(&keys).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&keys).unwrap();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!((text.lines().count(), &last["tenant"]), (TENANTS, &json!(format!("t{}", TENANTS - 1))));
    let listed = service.tenant(last["key"].as_str().unwrap()).json("/v1/domains").await;
    assert_eq!(listed["domains"][0]["domain"], format!("t{}.example", TENANTS - 1));

    // The same again, with a line in the middle that another tenant's domain spoils.
    let (head, tail) = lines.split_at(lines.match_indices('\n').nth(2_999).unwrap().0 + 1);
    let bad = json!({"tenant": "t0", "domain": "t1.example"});
    let again = import(&service, format!("{head}{bad}\n{tail}"), &["--keys-out", "-"]).await;
    assert_eq!((again.status.code(), again.stdout.as_slice()), (Some(1), &b""[..]), "no new key, no line");
    let told: Value = serde_json::from_slice(&again.stderr).unwrap();
    assert_eq!((&told["created"], &told["unchanged"], &told["refused"]), (&json!(0), &json!(TENANTS), &json!({"domain-taken": 1})));
    assert_eq!(told["named"][0]["line"], 3_001);
    service.finish().await;
}
