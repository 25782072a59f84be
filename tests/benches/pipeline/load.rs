//! A load generator: keep-alive connections that post prepared bodies, on one thread, with as little work of its own as can
//! be, since it runs on the cores that it measures.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// What a run did.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    /// Answers 201.
    pub(crate) created: u64,
    /// Any other answer.
    pub(crate) refused: u64,
    /// How long it took.
    pub(crate) took: Duration,
}

impl Outcome {
    /// 201s a second.
    #[expect(clippy::cast_precision_loss, reason = "counts of a minute's run")]
    pub(crate) fn rate(&self) -> f64 {
        self.created as f64 / self.took.as_secs_f64()
    }
}

/// How a run ends and how fast it goes.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    /// Connections.
    pub(crate) connections: usize,
    /// When it ends; it ends too when the bodies are used up.
    pub(crate) length: Duration,
    /// Posts a second over all connections; none: as fast as answers come.
    pub(crate) per_second: Option<f64>,
    /// Whether bodies are used again from the start when they are used up.
    pub(crate) repeat: bool,
}

/// Posts `bodies` to `path`, each once or in turns.
pub(crate) fn post(address: SocketAddr, path: &str, bodies: &Arc<Vec<Vec<u8>>>, plan: Plan) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let next = Arc::new(AtomicUsize::new(0));
    let (created, refused) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let head = Arc::new(format!("POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/tlsrpt+gzip\r\nContent-Length: "));
    let started = Instant::now();
    runtime.block_on(async {
        let mut connections = tokio::task::JoinSet::new();
        for _ in 0..plan.connections {
            let (bodies, next, head) = (Arc::clone(bodies), Arc::clone(&next), Arc::clone(&head));
            let (created, refused) = (Arc::clone(&created), Arc::clone(&refused));
            connections.spawn(async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.set_nodelay(true).unwrap();
                let (mut request, mut answer) = (Vec::new(), Vec::new());
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if (number >= bodies.len() && !plan.repeat) || started.elapsed() >= plan.length {
                        return;
                    }
                    if let Some(per_second) = plan.per_second {
                        #[expect(clippy::cast_precision_loss, reason = "counts of a minute's run")]
                        let due = started + Duration::from_secs_f64(number as f64 / per_second);
                        tokio::time::sleep_until(due.into()).await;
                    }
                    let body = &bodies[number % bodies.len()];
                    request.clear();
                    request.extend_from_slice(head.as_bytes());
                    request.extend_from_slice(body.len().to_string().as_bytes());
                    request.extend_from_slice(b"\r\n\r\n");
                    request.extend_from_slice(body);
                    stream.write_all(&request).await.unwrap();
                    let counter = if read_answer(&mut stream, &mut answer).await == 201 { &created } else { &refused };
                    counter.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        while let Some(ended) = connections.join_next().await {
            ended.unwrap();
        }
    });
    Outcome { created: created.load(Ordering::Relaxed), refused: refused.load(Ordering::Relaxed), took: started.elapsed() }
}

/// Reads one answer with a Content-Length; gives its status.
async fn read_answer(stream: &mut TcpStream, answer: &mut Vec<u8>) -> u16 {
    answer.clear();
    loop {
        assert_ne!(stream.read_buf(answer).await.unwrap(), 0, "the server closed a connection");
        let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let text = std::str::from_utf8(&answer[..head]).unwrap();
        let length = text
            .lines()
            .find_map(|line| line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("content-length")))
            .map_or(0, |(_, value)| value.trim().parse::<usize>().unwrap());
        if answer.len() >= head + 4 + length {
            return text[9..12].parse().unwrap();
        }
    }
}
