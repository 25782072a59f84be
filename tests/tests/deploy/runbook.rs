//! The runbook has a section an alert, and its commands work.

use std::{collections::BTreeSet, process::Command};

use tlsrpt_tests::{Encoding, Generator, Setup, Size, program, settled};

use crate::rules::{alerts, read};

/// The parts of a section, in order.
const PARTS: [&str; 4] = ["**What it means.** ", "**First look.**\n", "**Remedy.** ", "**Safe to ignore.** "];
/// What marks a command that a single machine cannot run.
const ELSEWHERE: &str = "(needs a cluster)";

#[test]
fn every_alert_has_a_section_with_its_four_parts_and_every_section_an_alert() {
    let runbook = read("docs/runbook.md");
    let sections: Vec<(&str, &str)> = runbook.split("\n## ").skip(1).map(|section| section.split_once('\n').unwrap()).collect();
    for (name, text) in sections.iter().filter(|(name, _)| name.starts_with("Tlsrpt")) {
        let places: Vec<usize> = PARTS.iter().map(|part| text.find(part).unwrap_or_else(|| panic!("{name} has {part:?}"))).collect();
        assert!(places.is_sorted(), "{name} has its parts in order");
        let commands = &text[places[1]..places[2]];
        assert!(commands.lines().any(|line| line.starts_with("    ")), "{name} has a command for the first look");
    }
    let sections: BTreeSet<&str> = sections.iter().map(|(name, _)| *name).filter(|name| name.starts_with("Tlsrpt")).collect();
    let alerts = alerts();
    assert_eq!(sections, alerts.iter().map(|(name, _)| name.as_str()).collect());
    // Links within the page.
    for link in runbook.split("](#").skip(1).filter_map(|rest| rest.split(')').next()) {
        assert!(alerts.iter().any(|(name, _)| name.to_lowercase() == link), "#{link}");
    }
}

#[tokio::test]
async fn the_commands_of_the_runbook_work_on_a_service_that_is_well() {
    let service = Setup::new().start().await;
    service.sender().send(Generator::new(95).report("example.com", Size::Small).encode(Encoding::Gzip)).await;
    settled(&service.operator(), 1).await;
    let runbook = read("docs/runbook.md");
    let commands: BTreeSet<&str> = runbook
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|command| !command.contains(ELSEWHERE) && !command.starts_with("OPS="))
        .collect();
    assert!(commands.len() > 20, "{commands:#?}");
    for command in commands {
        let output = Command::new("sh")
            .args(["-ec", command])
            .env("OPS", format!("http://{}", service.operations_address()))
            .env("API", format!("http://{}", service.query_address()))
            .env("ADMIN", service.admin_key())
            .env("DATA", service.data_dir())
            .output()
            .unwrap();
        assert!(output.status.success() && !output.stdout.is_empty(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    }
    service.finish().await;
    // What is marked names programs that are not ours, but for one, which is.
    assert!(program().arg("dns").arg("--help").output().unwrap().status.success());
}
