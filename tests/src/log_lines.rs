//! What a process wrote to its standard error, line by line.

use std::{
    io::{BufRead, BufReader, Read},
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

use serde_json::Value;

/// Lines that are gathered while the process runs.
pub struct LogLines {
    lines: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl LogLines {
    /// Gathers until the stream ends.
    pub fn follow(stream: impl Read + Send + 'static) -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let gathered = Arc::clone(&lines);
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n') {
                let Ok(line) = line else { return };
                gathered.lock().unwrap().push(String::from_utf8_lossy(&line).into_owned());
            }
        });
        Self { lines, reader: Some(reader) }
    }

    /// Waits for the stream's end, which a dead process's streams have.
    pub fn join(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
    }

    /// All lines so far.
    pub fn all(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// The first JSON line whose message contains `part`.
    pub fn find(&self, part: &str) -> Option<Value> {
        let says = |line: &Value| line["message"].as_str().is_some_and(|message| message.contains(part));
        self.lines.lock().unwrap().iter().filter_map(|line| serde_json::from_str(line).ok()).find(says)
    }

    /// Lines of level WARN or ERROR, and lines that are no log lines (a panic's, for one), that contain none of `allowed`.
    pub fn unexpected(&self, allowed: &[String]) -> Vec<String> {
        let loud = |line: &&String| match serde_json::from_str::<Value>(line) {
            Ok(json) => !matches!(json["level"].as_str(), Some("INFO" | "DEBUG" | "TRACE")),
            Err(_) => !line.trim().is_empty(),
        };
        let lines = self.lines.lock().unwrap();
        lines.iter().filter(loud).filter(|line| !allowed.iter().any(|part| line.contains(part))).cloned().collect()
    }

    /// The last lines, for a failure's message.
    pub fn tail(&self) -> String {
        const TAIL_LINES: usize = 30;
        let lines = self.lines.lock().unwrap();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }
}
