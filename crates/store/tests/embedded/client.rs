//! Through the official client.

use clickhouse::{Compression, Row};
use serde::{Deserialize, Serialize};

use crate::engine::client;

#[derive(Row, Serialize, Deserialize, Clone, PartialEq, Debug)]
struct Report {
    id: u64,
    name: String,
    #[serde(rename = "details.kind")]
    kinds: Vec<String>,
    #[serde(rename = "details.count")]
    counts: Vec<u64>,
}

const REPORTS: &str =
    "CREATE TABLE reports (id UInt64, name String, details Nested(kind String, count UInt64)) ENGINE = MergeTree ORDER BY id";

fn report(id: u64) -> Report {
    let details = usize::try_from(id % 4).unwrap();
    Report { id, name: format!("report {id}"), kinds: vec!["expired".to_owned(); details], counts: vec![id; details] }
}

#[tokio::test]
async fn rows_with_nested_arrays_come_back_whole_with_and_without_compression() {
    let plain = client("nested").await;
    plain.query(REPORTS).execute().await.unwrap();
    for (part, client) in [plain.clone(), plain.clone().with_compression(Compression::Lz4)].into_iter().enumerate() {
        let first = part as u64 * 150_000;
        let begun = std::time::Instant::now();
        let mut insert = client.insert::<Report>("reports").await.unwrap();
        for id in first..first + 150_000 {
            insert.write(&report(id)).await.unwrap();
        }
        insert.end().await.unwrap();
        println!("insert 150000 rows: {:?}", begun.elapsed());
        let rows = client.query("SELECT ?fields FROM reports WHERE id >= ? ORDER BY id").bind(first).fetch_all::<Report>().await.unwrap();
        assert_eq!(rows.len(), 150_000);
        assert!(rows.iter().zip(first..).all(|(row, id)| *row == report(id)));
    }
    let sums =
        plain.query("SELECT count(), sum(id), sum(arraySum(details.count)) FROM reports").fetch_one::<(u64, u64, u64)>().await.unwrap();
    assert_eq!(sums, (300_000, (0..300_000).sum(), (0..300_000).map(|id| id * (id % 4)).sum()));
}
