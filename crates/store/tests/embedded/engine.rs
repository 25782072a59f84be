//! One engine for all tests of this binary: a process can run one at a time.

use std::sync::OnceLock;

use clickhouse::{Client, Compression};
use tlsrpt_store::StoreConfig;
use tlsrpt_store::embedded::{Embedded, EmbeddedConfig};

pub const READONLY_TOKEN: &str = "the token of the one who reads";

/// The engine runs on a runtime of its own, since each test's runtime ends with the test.
pub fn config() -> &'static StoreConfig {
    static CONFIG: OnceLock<StoreConfig> = OnceLock::new();
    CONFIG.get_or_init(|| {
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let directory = tempfile::tempdir().unwrap();
                let config = EmbeddedConfig { readonly_token: Some(READONLY_TOKEN.to_owned()), ..EmbeddedConfig::new(directory.path()) };
                let embedded = Embedded::start(config).await.unwrap();
                sender.send(embedded.config.clone()).unwrap();
                std::future::pending::<()>().await;
            });
        });
        receiver.recv().expect("the engine starts")
    })
}

/// A client with a database of its own.
pub async fn client(database: &str) -> Client {
    let config = config();
    let client =
        Client::default().with_url(&config.url).with_user(&config.user).with_password(&config.password).with_compression(Compression::None);
    client.query(&format!("CREATE DATABASE {database}")).execute().await.unwrap();
    client.with_database(database)
}
