//! Listeners behind TCP proxies.

use std::{
    io,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use rdkafka::consumer::{BaseConsumer, Consumer};
use tlsrpt_kafka_broker::{Cluster, ClusterOptions};

use crate::client::{PATIENCE, append, config, create_topic, leader, read};

/// A TCP proxy that can be cut. It ends with the test process.
#[derive(Clone)]
struct Proxy(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    to: u16,
    is_cut: bool,
    open: Vec<TcpStream>,
}

impl Proxy {
    /// Listens on the port that it gives back.
    fn start() -> (Self, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let proxy = Self(Arc::default());
        let accepting = proxy.clone();
        thread::spawn(move || listener.incoming().for_each(|client| accepting.forward(client.unwrap())));
        (proxy, port)
    }

    fn leads_to(&self, port: u16) {
        self.0.lock().unwrap().to = port;
    }

    /// Closes every connection, and takes no new ones until [`Proxy::mend`].
    fn cut(&self) {
        let mut state = self.0.lock().unwrap();
        state.is_cut = true;
        for stream in state.open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn mend(&self) {
        self.0.lock().unwrap().is_cut = false;
    }

    fn forward(&self, client: TcpStream) {
        let mut state = self.0.lock().unwrap();
        if state.is_cut {
            return;
        }
        let Ok(server) = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], state.to))) else { return };
        for (from, to) in [(&client, &server), (&server, &client)] {
            let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
            thread::spawn(move || {
                let _ = io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Both);
            });
        }
        state.open.extend([client, server]);
    }
}

fn proxies(count: usize) -> (Vec<Proxy>, Vec<u16>) {
    (0..count).map(|_| Proxy::start()).unzip()
}

#[tokio::test]
async fn a_client_that_starts_at_a_proxy_stays_with_the_proxies_and_a_cut_broker_is_not_copied_from() {
    let (for_clients, advertised) = proxies(3);
    let (for_peers, peer_advertised) = proxies(3);
    // The brokers look for each other while they start: cut are the proxies until it is known where they lead.
    let options = ClusterOptions {
        advertised_ports: Some(advertised.clone()),
        peer_advertised_ports: Some(peer_advertised),
        ..ClusterOptions::brokers(3)
    };
    let cluster = Cluster::start(options).await.unwrap();
    for broker in 0..3 {
        for_clients[broker].leads_to(cluster.backend_port(broker));
        for_peers[broker].leads_to(cluster.peer_backend_port(broker));
    }

    let direct = config(&cluster);
    let mut proxied = direct.clone();
    proxied.set("bootstrap.servers", format!("127.0.0.1:{}", advertised[0]));
    let client: BaseConsumer = proxied.create().unwrap();
    let told = tokio::task::spawn_blocking(move || client.fetch_metadata(None, PATIENCE).unwrap()).await.unwrap();
    let mut ports: Vec<_> = told.brokers().iter().map(|broker| (broker.id(), u16::try_from(broker.port()).unwrap())).collect();
    ports.sort_unstable();
    assert_eq!(ports, (0..3).map(|broker| (Cluster::node_id(broker), advertised[broker])).collect::<Vec<_>>());

    create_topic(&proxied, "proxied").await;
    append(&proxied, "proxied", "whole", PATIENCE).await.unwrap();
    let leader = leader(&direct, "proxied").await;
    for_clients[leader].cut();
    assert!(append(&proxied, "proxied", "to nobody", Duration::from_secs(2)).await.is_err());
    for_clients[leader].mend();

    for_peers[leader].cut();
    assert!(append(&proxied, "proxied", "by the leader alone", Duration::from_secs(2)).await.is_err());
    for_peers[leader].mend();
    append(&proxied, "proxied", "mended", PATIENCE).await.unwrap();
    let all = read(&direct, "proxied", 2).await;
    assert_eq!(all[0], "whole");
}
