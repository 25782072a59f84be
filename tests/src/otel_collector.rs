//! A real OpenTelemetry collector, with the configuration of `deploy/otel`.

use std::{
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use crate::{client::http_client, proxy::free_address, repository::repository, tools::go_program, wait::until};

/// A collector under way, which ends with this value.
pub struct OtelCollector {
    child: Child,
    grpc: SocketAddr,
    http: SocketAddr,
    figures: SocketAddr,
}

/// The collector's program, with the configuration of `deploy/otel`.
///
/// # Panics
/// When it is not fetched.
pub fn otel_collector() -> Command {
    let mut command = Command::new(go_program("otel-collector"));
    command.arg("--config").arg(repository("deploy/otel/collector.yaml")).stdin(Stdio::null());
    command
}

impl OtelCollector {
    /// Starts one that listens on free ports of loopback, and is otherwise as it is deployed.
    ///
    /// # Panics
    /// When it is not fetched or does not start.
    pub async fn start() -> Self {
        let [grpc, http, figures] = [free_address().await, free_address().await, free_address().await];
        let mut command = otel_collector();
        for (protocol, address) in [("grpc", grpc), ("http", http)] {
            command.arg("--config").arg(format!("yaml:receivers::otlp::protocols::{protocol}::endpoint: {address}"));
        }
        let exporter = format!("{{host: {}, port: {}}}", figures.ip(), figures.port());
        command
            .arg("--config")
            .arg(format!("yaml:service::telemetry::metrics::readers: [{{pull: {{exporter: {{prometheus: {exporter}}}}}}}]"));
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let collector = Self { child, grpc, http, figures };
        until("the collector listens", async || tokio::net::TcpStream::connect(http).await.map(drop).map_err(|error| error.to_string()))
            .await;
        collector
    }

    /// Where it takes OTLP over gRPC, and over HTTP.
    pub fn endpoints(&self) -> [String; 2] {
        [self.grpc, self.http].map(|address| format!("http://{address}"))
    }

    /// What it tells of itself under this name, all labels together; 0 while it tells nothing.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn figure(&self, name: &str) -> f64 {
        let page = http_client().get(format!("http://{}/metrics", self.figures)).send().await.unwrap().text().await.unwrap();
        let of_name = page.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])));
        of_name.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum()
    }
}

impl Drop for OtelCollector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
