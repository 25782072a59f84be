//! Answers that need not be sent twice, and those that no one keeps.

use crate::harness::{Api, report};

const PERIOD: &str = "from=2026-03-01&to=2026-03-31";

async fn api() -> (Api, String) {
    let api = Api::start().await;
    let key = api.tenant("a", &["a.example"]).await;
    api.submit(report("Alpha", "1", "2026-03-02", &[("sts", "a.example", 90, 10)])).await;
    api.settled().await;
    (api, key)
}

#[tokio::test]
async fn an_answer_that_is_still_the_same_is_not_sent_again_and_a_new_one_is() {
    let (api, key) = api().await;
    let reports = api.get(&format!("/v1/reports?{PERIOD}"), &key).await.json();
    let report_key = reports["reports"][0]["report_key"].as_str().unwrap();
    for path in ["summary", "timeseries", "failures", "domains", "reports"]
        .map(|route| format!("/v1/{route}?{PERIOD}"))
        .into_iter()
        .chain([format!("/v1/reports/{report_key}"), "/v1/result-types".to_owned()])
    {
        let first = api.get(&path, &key).await;
        let tag = first.header("etag");
        assert!(tag.starts_with('"') && tag.len() == 34, "{path}: {tag}");
        assert_eq!(first.header("cache-control"), "private, no-cache", "{path}");
        assert!(first.headers.get_all("vary").iter().any(|value| value == "authorization"), "{path}");
        let again = api.get_with(&path, &key, &[("if-none-match", tag)]).await;
        assert_eq!((again.status.as_u16(), again.body.len(), again.header("etag")), (304, 0, tag), "{path}");
        assert_eq!((again.header("cache-control"), again.header("content-type")), ("private, no-cache", ""), "{path}");
        let other = api.get_with(&path, &key, &[("if-none-match", "\"00\", W/\"11\"")]).await;
        assert_eq!((other.status.as_u16(), other.header("etag"), &other.body), (200, tag, &first.body), "{path}");
    }

    let path = format!("/v1/summary?{PERIOD}");
    let before = api.get(&path, &key).await.header("etag").to_owned();
    api.submit(report("Alpha", "2", "2026-03-03", &[("sts", "a.example", 1, 0)])).await;
    api.settled().await;
    let after = api.get_with(&path, &key, &[("if-none-match", &before)]).await;
    assert_eq!((after.status.as_u16(), after.json()["reports"].as_u64()), (200, Some(2)));
    assert_ne!(after.header("etag"), before);
}

#[tokio::test]
async fn each_encoding_of_an_answer_has_a_tag_of_its_own_and_all_are_known_again() {
    let (api, key) = api().await;
    let path = "/v1/result-types";
    let plain = api.get(path, &key).await;
    let mut tags = vec![plain.header("etag").to_owned()];
    for encoding in ["gzip", "zstd"] {
        let packed = api.get_with(path, &key, &[("accept-encoding", encoding)]).await;
        assert_eq!(packed.header("content-encoding"), encoding);
        assert!(packed.body.len() < plain.body.len() / 2, "{encoding}: {} of {}", packed.body.len(), plain.body.len());
        assert_eq!(packed.header("etag"), format!("{}-{encoding}\"", tags[0].trim_end_matches('"')));
        assert!(packed.header("cache-control") == "private, no-cache");
        let again = api.get_with(path, &key, &[("accept-encoding", encoding), ("if-none-match", packed.header("etag"))]).await;
        assert_eq!((again.status.as_u16(), again.header("etag")), (304, packed.header("etag")));
        tags.push(packed.header("etag").to_owned());
    }
    assert_eq!(api.get_with(path, &key, &[("if-none-match", &tags.join(", "))]).await.status.as_u16(), 304);
}

#[tokio::test]
async fn no_one_keeps_an_error_a_payload_or_an_export() {
    let (api, key) = api().await;
    let reports = api.get(&format!("/v1/reports?{PERIOD}"), &key).await.json();
    let report_key = reports["reports"][0]["report_key"].as_str().unwrap();
    for (path, status) in [
        (format!("/v1/reports/{report_key}/raw"), 200),
        (format!("/v1/export?{PERIOD}"), 200),
        ("/v1/summary?nonsense=1".to_owned(), 400),
        (format!("/v1/reports/{}", "0".repeat(32)), 404),
    ] {
        let answer = api.get_with(&path, &key, &[("if-none-match", "*")]).await;
        assert_eq!((answer.status.as_u16(), answer.header("cache-control"), answer.header("etag")), (status, "no-store", ""), "{path}");
    }
    // Nobody learns from a tag what a key is needed for.
    api.get_with("/v1/summary", "made-up", &[("if-none-match", "*")]).await.is_problem(401, "key-unknown");
}
