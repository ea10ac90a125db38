use std::net::SocketAddr;

use axum::routing::{get, post};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

const QUICK: Limits = Limits {
    connections: 2,
    head: Duration::from_millis(300),
    head_bytes: 32 * 1024,
    idle: Duration::from_millis(600),
    age: Duration::from_secs(60),
    stop: Duration::from_secs(5),
};

struct Served {
    address: SocketAddr,
    stop: CancellationToken,
    serving: tokio::task::JoinHandle<()>,
    metrics: Arc<Metrics>,
}

async fn served(limits: Limits) -> Served {
    let router = Router::new()
        .route("/", get(|| async { "here" }))
        .route("/slow", get(|| async { sleep(Duration::from_millis(400)).await }))
        .route("/large", get(|| async { vec![b'x'; 64 << 20] }))
        .route("/body", post(|body: axum::body::Bytes| async move { body.len().to_string() }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, metrics) = (CancellationToken::new(), Arc::new(Metrics::new("tests")));
    let serving = tokio::spawn(serve(listener, router, limits, metrics.clone(), stop.clone()));
    Served { address, stop, serving, metrics }
}

impl Served {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn says(&self, text: &[u8]) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(text).await.unwrap();
        stream
    }
}

/// Everything that comes until the other side ends the connection, which must be within three seconds.
async fn rest(mut stream: TcpStream) -> String {
    let mut all = Vec::new();
    let _ = timeout(Duration::from_secs(3), stream.read_to_end(&mut all)).await.expect("the connection is ended");
    String::from_utf8_lossy(&all).into_owned()
}

#[tokio::test]
async fn who_says_nothing_or_too_little_is_sent_away() {
    let served = served(QUICK).await;
    for opening in [&b""[..], b"PRI", b"GET / HT", b"GET / HTTP/1.1\r\nHost: a-long-enough-name\r\nX: "] {
        let answer = rest(served.says(opening).await).await;
        assert!(!answer.contains("200 OK"), "{answer}");
    }
}

#[tokio::test]
async fn a_head_that_drips_is_cut_off_however_steadily_it_drips() {
    let served = served(QUICK).await;
    let mut stream = served.says(b"GET / HTTP/1.1\r\nHost: a-long-enough-name\r\n").await;
    let dripped = timeout(Duration::from_secs(3), async {
        while stream.write_all(b"X: y\r\n").await.is_ok() {
            sleep(Duration::from_millis(50)).await;
        }
    });
    assert!(dripped.await.is_ok(), "the listener ends it");
}

#[tokio::test]
async fn an_idle_connection_is_ended_after_its_answer() {
    let served = served(QUICK).await;
    let answer = rest(served.says(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("here"), "{answer}");
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_cut_off() {
    let served = served(QUICK).await;
    let stream = served.says(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;
    sleep(Duration::from_millis(1_500)).await;
    let received = rest(stream).await.len();
    assert!(received < 64 << 20, "all {received} bytes came");
}

#[tokio::test]
async fn a_head_beyond_32_kib_is_431() {
    let served = served(QUICK).await;
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(40 * 1024));
    let mut stream = served.connect().await;
    let _ = stream.write_all(head.as_bytes()).await;
    let mut start = [0; 12];
    stream.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 431");
}

#[tokio::test]
async fn beyond_the_limit_connections_are_closed_and_counted() {
    let served = served(QUICK).await;
    let (_first, _second) = (served.says(b"G").await, served.says(b"G").await);
    sleep(Duration::from_millis(50)).await;
    assert_eq!(rest(served.connect().await).await, "");
    assert!(served.metrics.render().contains("mintage_http_connections_refused_total{namespace=\"tests\"} 1"));
    sleep(QUICK.head + Duration::from_millis(200)).await;
    let answer = rest(served.says(b"GET / HTTP/1.0\r\n\r\n").await).await;
    assert!(answer.contains("200 OK"), "places are given back: {answer}");
}

#[tokio::test]
async fn a_stop_finishes_what_was_accepted_and_takes_nothing_new() {
    let served = served(Limits { head: Duration::from_secs(5), idle: Duration::from_secs(5), ..QUICK }).await;
    let slow = served.says(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let late = served.connect().await;
    sleep(Duration::from_millis(100)).await;
    served.stop.cancel();
    sleep(Duration::from_millis(50)).await;
    assert!(TcpStream::connect(served.address).await.is_err(), "the door is shut");
    let late = tokio::spawn(async move {
        let mut late = late;
        late.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        rest(late).await
    });
    assert!(rest(slow).await.starts_with("HTTP/1.1 200"), "a request under way is answered");
    assert!(late.await.unwrap().starts_with("HTTP/1.1 200"), "so is the first one of a connection that was inside");
    timeout(Duration::from_secs(2), served.serving).await.expect("it ends").unwrap();
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever() {
    let limits = Limits { stop: Duration::from_millis(300), head: Duration::from_secs(60), idle: Duration::from_secs(60), ..QUICK };
    let served = served(limits).await;
    let _held = served.says(b"POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx").await;
    sleep(Duration::from_millis(100)).await;
    served.stop.cancel();
    timeout(Duration::from_secs(3), served.serving).await.expect("it ends").unwrap();
}
