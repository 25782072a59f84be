//! The engine behind a door that holds back every query with one word in it, until it is released: heavy queries, without the weight.

use std::sync::Arc;

use tlsrpt_store::{Store, StoreConfig};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::harness::fresh_database;

pub(crate) struct HeldDatabase {
    direct: StoreConfig,
    through: StoreConfig,
    held: watch::Receiver<usize>,
    released: watch::Sender<bool>,
}

impl HeldDatabase {
    pub(crate) async fn start(word: &'static str) -> Self {
        let direct = fresh_database().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let through = StoreConfig { url: format!("http://{}", listener.local_addr().unwrap()), ..direct.clone() };
        let target = direct.url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let (holding, held) = watch::channel(0);
        let (released, release) = watch::channel(false);
        let holding = Arc::new(holding);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&target).await.unwrap();
                tokio::spawn(pass(client, server, word, Arc::clone(&holding), release.clone()));
            }
        });
        Self { direct, through, held, released }
    }

    /// A store behind the door, with the schema.
    pub(crate) async fn store(&self) -> Store {
        Store::new(&self.direct).migrate().await.unwrap();
        Store::new(&self.through)
    }

    /// Waits until so many queries are held.
    pub(crate) async fn holds(&self, count: usize) {
        self.held.clone().wait_for(|held| *held == count).await.unwrap();
    }

    pub(crate) fn release(&self) {
        self.released.send(true).unwrap();
    }
}

async fn pass(
    client: TcpStream,
    server: TcpStream,
    word: &'static str,
    holding: Arc<watch::Sender<usize>>,
    mut release: watch::Receiver<bool>,
) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    let mut chunk = vec![0; 1 << 16];
    while let Ok(read @ 1..) = from_client.read(&mut chunk).await {
        if chunk[..read].windows(word.len()).any(|part| part == word.as_bytes()) && !*release.borrow() {
            holding.send_modify(|held| *held += 1);
            let _ = release.wait_for(|released| *released).await;
        }
        if to_server.write_all(&chunk[..read]).await.is_err() {
            return;
        }
    }
}
