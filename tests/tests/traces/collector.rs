//! The collector of OpenTelemetry's own, with the configuration that lies in `deploy/`.

use tlsrpt_tests::{Encoding, Generator, OtelCollector, Setup, Size, otel_collector, program, settled, until};

#[test]
fn the_collector_takes_its_configuration() {
    let checked = otel_collector().arg("validate").output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let wrong = otel_collector().args(["validate", "--config", "yaml:processors::batch::timeuot: 5s"]).output().unwrap();
    assert!(!wrong.status.success() && String::from_utf8_lossy(&wrong.stderr).contains("timeuot"), "a wrong one is refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_collector_takes_the_spans_and_the_metrics_and_passes_on_every_one() {
    let collector = OtelCollector::start().await;
    let [grpc, http] = collector.endpoints();
    let setup =
        Setup::new().config(&format!("[otlp]\nendpoint = \"{grpc}\"\nsample_ratio = 1.0\nmetrics = true\nmetrics_interval_ms = 500\n"));
    let service = setup.start().await;
    let operator = service.operator();
    let access = operator.tenant("acme", &["example.com"]).await;
    service.sender().send_to(&access.address, Generator::new(7).report("example.com", Size::Small).encode(Encoding::Gzip)).await;
    settled(&operator, 1).await;
    service.finish().await;
    for (what, taken, sent) in [
        ("spans", "otelcol_receiver_accepted_spans", "otelcol_exporter_sent_spans"),
        ("metrics", "otelcol_receiver_accepted_metric_points", "otelcol_exporter_sent_metric_points"),
    ] {
        until(&format!("{what} have gone through"), async || {
            let (taken, sent) = (collector.figure(taken).await, collector.figure(sent).await);
            // A report is at least six spans.
            if taken >= 6.0 && taken == sent { Ok(()) } else { Err(format!("{taken} taken, {sent} sent")) }
        })
        .await;
    }

    // Over HTTP nothing but the probe is sent, which it takes as well.
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("http.toml");
    std::fs::write(&config, format!("[otlp]\nendpoint = \"{http}\"\nprotocol = \"http\"\nmetrics = true\n")).unwrap();
    let mut doctor = program();
    doctor.args(["doctor", "--role", "normalizer", "--data-dir"]).arg(dir.path().join("data")).arg("--config").arg(config);
    let said = tokio::task::spawn_blocking(move || doctor.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.lines().any(|line| line.starts_with("ok    otlp") && line.contains("takes what is sent")), "{said}");
}
