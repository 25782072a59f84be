//! The quick start: its blocks run one after the other in one shell, and print what the page says.

use std::{
    fs::{self, File},
    process::{Command, Stdio},
};

use tempfile::TempDir;
use tlsrpt_tests::{Setup, binary, until};

const PAGE: &str = include_str!("../../../docs/quickstart.md");

/// The page's blocks in a language, in order.
fn blocks(language: &str) -> Vec<&'static str> {
    // Fences open and close by turns.
    let fenced = PAGE.split("```").skip(1).step_by(2).filter_map(|block| block.split_once('\n'));
    fenced.filter(|(named, _)| *named == language).map(|(_, text)| text).collect()
}

#[tokio::test]
async fn the_quick_starts_blocks_print_what_the_page_says() {
    let (programs, printed) = (blocks("sh"), blocks("text"));
    assert_eq!((programs.len(), printed.len()), (4, 4), "each block has what it prints behind it");

    let service = Setup::new().start().await;
    // Where the page's service is, and where this one is.
    let places = [
        ("127.0.0.1:9090", service.operations_address()),
        ("127.0.0.1:8080", service.query_address()),
        ("127.0.0.1:8443", service.edge_address()),
        ("tlsrpt-data", service.data_dir().display().to_string()),
    ];
    // A line between the blocks' outputs tells them apart.
    let end = "-- end of a block --";
    let mut script = programs.join(&format!("\necho '{end}'\n"));
    for (here, there) in places {
        assert!(script.contains(here), "{here}");
        script = script.replace(here, &there);
    }

    let dir = TempDir::new().unwrap();
    let path = format!("{}:{}", binary().parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut child = Command::new("sh")
        .args(["-euc", &script])
        .current_dir(dir.path())
        .env_clear()
        .env("PATH", path)
        .stdin(Stdio::null())
        .stdout(File::create(dir.path().join("stdout")).unwrap())
        .stderr(File::create(dir.path().join("stderr")).unwrap())
        .spawn()
        .unwrap();
    let status = until("the blocks end", async || child.try_wait().unwrap().ok_or_else(|| "they run".to_owned())).await;
    let output = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
    let (stdout, stderr) = (output("stdout"), output("stderr"));
    assert!(status.success() && stderr.is_empty(), "{status}\n{stdout}\n{stderr}");
    let outputs: Vec<&str> = stdout.split(&format!("{end}\n")).collect();
    assert_eq!(outputs, printed, "{stderr}");
    service.finish().await;
}
