//! One engine for all tests of this binary: a process can run one at a time.

use std::sync::OnceLock;

use clickhouse::{Client, Compression};
use tlsrpt_store::StoreConfig;
use tlsrpt_store::embedded::{Embedded, EmbeddedConfig, Readonly};

pub(crate) const READONLY_TOKEN: &str = "the token of the one who reads";

/// The engine runs on a runtime of its own, since each test's runtime ends with the test.
pub(crate) fn config() -> &'static StoreConfig {
    static CONFIG: OnceLock<StoreConfig> = OnceLock::new();
    CONFIG.get_or_init(|| {
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let directory = tempfile::tempdir().unwrap();
                let grants = ["SELECT ON readable.*", "SELECT(n) ON unwritable.t"].map(str::to_owned).to_vec();
                let readonly = Some(Readonly { password: READONLY_TOKEN.to_owned(), grants });
                let config = EmbeddedConfig { readonly, ..EmbeddedConfig::new(directory.path()) };
                let embedded = Embedded::start(config).await.unwrap();
                sender.send(embedded.config.clone()).unwrap();
                std::future::pending::<()>().await;
            });
        });
        receiver.recv().expect("the engine starts")
    })
}

/// A client of `config`, without compression.
pub(crate) fn client_of(config: &StoreConfig) -> Client {
    Client::default().with_url(&config.url).with_user(&config.user).with_password(&config.password).with_compression(Compression::None)
}

/// A client of the shared engine with a database of its own.
pub(crate) async fn client(database: &str) -> Client {
    let client = client_of(config());
    client.query(&format!("CREATE DATABASE {database}")).execute().await.unwrap();
    client.with_database(database)
}

/// Resident memory of this process.
pub(crate) fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}
