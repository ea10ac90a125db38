use std::net::SocketAddr;

use axum::extract::Request;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use super::*;
use crate::ambient::{SystemClock, SystemEntropy};
use crate::web::{Form, Observer, Part, Routes, Surface};

const QUICK: Limits = Limits {
    connections: 2,
    each_address: 2,
    handshakes: 2,
    head: Duration::from_millis(300),
    head_bytes: 32 * 1024,
    body: Duration::from_millis(300),
    answer: Duration::from_millis(500),
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
    served_without_counting(limits, &[]).await
}

async fn served_without_counting(limits: Limits, uncounted: &[&str]) -> Served {
    let metrics = Arc::new(Metrics::new("tests"));
    let observer = Observer::new(Arc::new(SystemClock::new()), Arc::new(SystemEntropy), metrics.clone());
    let part = Part::new(Surface::Api, observer, Arc::default());
    let routes = Routes::new()
        .get("/", || async { "here" })
        .get("/slow", || async { sleep(Duration::from_millis(400)).await })
        .get("/large", || async { vec![b'x'; 64 << 20] })
        .get("/never", std::future::pending::<()>)
        .get("/unread", |request: Request| async move {
            std::future::pending::<()>().await;
            drop(request)
        })
        .post("/form", |_: Form| async { "taken" })
        .post("/body", |body: axum::body::Bytes| async move { body.len().to_string() });
    let mut site = Site::new(part.clone());
    site.show(part, routes, &());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let uncounted = uncounted.iter().map(|network| network.parse().unwrap()).collect();
    let serving =
        tokio::spawn(serve(Door { listener, tls: None, site: Arc::new(site), limits, uncounted, metrics: metrics.clone() }, stop.clone()));
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
async fn when_it_is_full_whoever_was_waited_for_the_longest_leaves() {
    let served = served(Limits { head: Duration::from_secs(60), ..QUICK }).await;
    let (first, mut second) = (served.says(b"G").await, served.says(b"G").await);
    sleep(Duration::from_millis(50)).await;
    let answer = rest(served.says(b"GET / HTTP/1.0\r\n\r\n").await).await;
    assert!(answer.contains("200 OK"), "the newcomer is served: {answer}");
    assert_eq!(rest(first).await, "", "the first had to leave");
    second.write_all(b"ET / HTTP/1.0\r\n\r\n").await.unwrap();
    assert!(rest(second).await.contains("200 OK"), "the second did not");
    let page = served.metrics.render();
    assert!(page.contains("mintage_http_connections_shed_total{namespace=\"tests\"} 1"), "{page}");
    assert!(page.contains("mintage_http_connections_refused_total{namespace=\"tests\"} 0"), "{page}");
}

#[tokio::test]
async fn one_address_has_its_measure_of_places_unless_it_speaks_for_others() {
    let limits = Limits { connections: 10, each_address: 1, head: Duration::from_secs(60), ..QUICK };
    let from = async |source: [u8; 4], served: &Served| {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((source, 0).into()).unwrap();
        let mut stream = socket.connect(served.address).await.unwrap();
        stream.write_all(b"G").await.unwrap();
        sleep(Duration::from_millis(50)).await;
        stream
    };
    let go_on = async |mut stream: TcpStream| {
        let _ = stream.write_all(b"ET / HTTP/1.0\r\n\r\n").await;
        rest(stream).await.contains("200 OK")
    };
    let served = served(limits).await;
    let (other, first) = (from([127, 0, 0, 2], &served).await, from([127, 0, 0, 1], &served).await);
    let second = from([127, 0, 0, 1], &served).await;
    assert_eq!([go_on(other).await, go_on(first).await, go_on(second).await], [true, false, true]);

    let served = served_without_counting(limits, &["127.0.0.0/8"]).await;
    let (first, second) = (from([127, 0, 0, 1], &served).await, from([127, 0, 0, 1], &served).await);
    assert_eq!([go_on(first).await, go_on(second).await], [true, true]);
}

#[tokio::test]
async fn nobody_who_is_served_has_to_leave() {
    let served = served(QUICK).await;
    let slow = || served.says(b"GET /slow HTTP/1.0\r\n\r\n");
    let (first, second) = (slow().await, slow().await);
    sleep(Duration::from_millis(100)).await;
    assert_eq!(rest(served.connect().await).await, "", "there is no place");
    assert!(served.metrics.render().contains("mintage_http_connections_refused_total{namespace=\"tests\"} 1"));
    for served in [first, second] {
        assert!(rest(served).await.contains("200 OK"));
    }
    assert!(rest(served.says(b"GET / HTTP/1.0\r\n\r\n").await).await.contains("200 OK"), "places are given back");
}

#[tokio::test]
async fn a_body_that_does_not_come_keeps_no_place() {
    let served = served(Limits { body: Duration::from_secs(60), answer: Duration::from_secs(60), ..QUICK }).await;
    let held = || served.says(b"POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx");
    let (first, _second) = (held().await, held().await);
    sleep(Duration::from_millis(100)).await;
    assert!(rest(served.says(b"GET / HTTP/1.0\r\n\r\n").await).await.contains("200 OK"));
    assert_eq!(rest(first).await, "");
}

#[tokio::test]
async fn what_is_left_of_a_long_body_ends_the_connection_and_that_is_said() {
    let served = served(QUICK).await;
    for version in ["1.1", "1.0\r\nConnection: keep-alive"] {
        let long = format!("GET / HTTP/{version}\r\nHost: a\r\nContent-Length: 60000\r\n\r\nsome of it");
        let answer = rest(served.says(long.as_bytes()).await).await;
        assert!(answer.contains("200 OK") && answer.contains("connection: close"), "{answer}");
    }
    let short = b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbodyGET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let answers = rest(served.says(short).await).await;
    assert_eq!(answers.matches("200 OK").count(), 2, "{answers}");
    assert!(!answers.contains("connection: close"), "{answers}");
}

#[tokio::test]
async fn an_answer_that_is_late_is_503() {
    let served = served(Limits { connections: 10, ..QUICK }).await;
    let answer = rest(served.says(b"GET /never HTTP/1.0\r\n\r\n").await).await;
    assert!(answer.starts_with("HTTP/1.0 503 Service Unavailable") && answer.contains("timed_out"), "{answer}");
}

#[tokio::test]
async fn a_body_that_is_late_is_408() {
    let served = served(QUICK).await;
    let answer = rest(
        served
            .says(
                b"POST /form HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n\
        Content-Length: 9\r\n\r\na=1",
            )
            .await,
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("request_timeout"), "{answer}");
}

#[tokio::test]
async fn a_client_that_sends_far_too_much_still_reads_why_it_is_refused() {
    let served = served(Limits { head: Duration::from_secs(5), idle: Duration::from_secs(5), ..QUICK }).await;
    let form = "POST /form HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n";
    let body = vec![b'a'; 1 << 20];
    let announced = format!("{form}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    let chunked = format!("{form}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n", body.len()).into_bytes();
    for (head, status) in [(announced, 413), (chunked, 413), (b"GET / HTTP/1.1\r\nHost: a\r\nX: ".to_vec(), 431)] {
        let mut stream = served.connect().await;
        // Reads only when all is sent, as simple clients do.
        stream.write_all(&head).await.unwrap();
        stream.write_all(&body).await.expect("all of it is taken");
        let answer = rest(stream).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{status}: {answer}");
    }
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

/// HTTP/2 frames, as nobody's library would send them.
mod h2 {
    pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    pub(super) const SETTINGS: u8 = 4;
    pub(super) const PING: u8 = 6;
    pub(super) const DATA: u8 = 0;
    pub(super) const HEADERS: u8 = 1;
    pub(super) const RESET: u8 = 3;
    pub(super) const CONTINUATION: u8 = 9;
    pub(super) const END_STREAM: u8 = 1;
    pub(super) const END_HEADERS: u8 = 4;

    pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
    }

    /// Literals without indexing (RFC 7541 §6.2.2).
    pub(super) fn get(path: &str) -> Vec<u8> {
        let literal = |name: &str, value: &str| {
            let part = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
            [vec![0], part(name), part(value)].concat()
        };
        [literal(":method", "GET"), literal(":scheme", "http"), literal(":authority", "a"), literal(":path", path)].concat()
    }

    pub(super) fn hello() -> Vec<u8> {
        [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()
    }
}

/// Sends until the other side has had enough, within ten seconds; says how often it sent.
async fn send_until_cut(stream: TcpStream, mut next: impl FnMut(u32) -> Vec<u8>, pause: Duration, most: u32) -> Option<u32> {
    let (mut reading, mut writing) = stream.into_split();
    let reader = tokio::spawn(async move {
        let mut rest = [0; 4096];
        while matches!(reading.read(&mut rest).await, Ok(1..)) {}
    });
    let mut count = 0;
    while count < most {
        if reader.is_finished() || writing.write_all(&next(count)).await.is_err() {
            return Some(count);
        }
        count += 1;
        sleep(pause).await;
    }
    timeout(Duration::from_secs(2), reader).await.ok().map(|_| count)
}

#[tokio::test]
async fn pings_do_not_keep_a_connection() {
    let served = served(QUICK).await;
    let stream = served.says(&h2::hello()).await;
    let cut = send_until_cut(stream, |_| h2::frame(h2::PING, 0, 0, &[0; 8]), Duration::from_millis(50), 100).await;
    assert!(cut.is_some(), "it would have lived for an hour");
}

#[tokio::test]
async fn a_request_keeps_a_connection_that_only_pings() {
    let served = served(Limits { idle: Duration::from_millis(300), ..QUICK }).await;
    let mut stream = served.says(&h2::hello()).await;
    for request in 0..12_u32 {
        stream.write_all(&h2::frame(h2::HEADERS, h2::END_HEADERS | h2::END_STREAM, 2 * request + 1, &h2::get("/"))).await.unwrap();
        sleep(Duration::from_millis(100)).await;
    }
    let mut seen = vec![0; 64 * 1024];
    let read = stream.read(&mut seen).await.unwrap();
    assert_eq!(seen[..read].windows(4).filter(|bytes| bytes == b"here").count(), 12);
}

#[tokio::test]
async fn continuations_without_end_are_cut_off() {
    let served = served(Limits { head: Duration::from_secs(60), idle: Duration::from_secs(60), ..QUICK }).await;
    let opening = [h2::hello(), h2::frame(h2::HEADERS, h2::END_STREAM, 1, &h2::get("/"))].concat();
    let more = [&[0, 1, b'x', 100][..], &[b'y'; 100]].concat();
    let cut = send_until_cut(served.says(&opening).await, |_| h2::frame(h2::CONTINUATION, 0, 1, &more), Duration::ZERO, 20_000).await;
    assert!(cut.is_some_and(|count| count < 20_000), "{cut:?}");
}

#[tokio::test]
async fn requests_that_are_cancelled_at_once_are_not_free() {
    let served = served(Limits { answer: Duration::from_secs(60), idle: Duration::from_secs(60), connections: 1_000, ..QUICK }).await;
    let request = |count: u32| {
        let stream = 2 * count + 1;
        let open = h2::frame(h2::HEADERS, h2::END_HEADERS | h2::END_STREAM, stream, &h2::get("/never"));
        [open, h2::frame(h2::RESET, 0, stream, &8_u32.to_be_bytes())].concat()
    };
    let cut = send_until_cut(served.says(&h2::hello()).await, request, Duration::from_millis(1), 5_000).await;
    assert!(cut.is_some_and(|count| count < 5_000), "{cut:?}");
    assert!(rest(served.says(b"GET / HTTP/1.0\r\n\r\n").await).await.contains("200 OK"));
}

#[tokio::test]
async fn more_streams_than_agreed_are_refused() {
    let served = served(Limits { answer: Duration::from_secs(60), idle: Duration::from_secs(60), connections: 1_000, ..QUICK }).await;
    let all: Vec<u8> =
        (0..150_u32).flat_map(|n| h2::frame(h2::HEADERS, h2::END_HEADERS | h2::END_STREAM, 2 * n + 1, &h2::get("/never"))).collect();
    let mut stream = served.says(&[h2::hello(), all].concat()).await;
    sleep(Duration::from_millis(300)).await;
    let mut seen = vec![0; 64 * 1024];
    let read = stream.read(&mut seen).await.unwrap();
    // RST_STREAM with REFUSED_STREAM (RFC 9113 §5.1.2).
    let refusal = [&[0, 0, 4, h2::RESET, 0][..]].concat();
    let refused = seen[..read].windows(13).filter(|bytes| bytes.starts_with(&refusal) && bytes[9..] == [0, 0, 0, 7]).count();
    assert_eq!(refused, 50);
}

#[tokio::test]
async fn what_nobody_has_read_yet_is_bounded_for_a_whole_connection() {
    let served = served(Limits { answer: Duration::from_secs(60), idle: Duration::from_secs(60), connections: 1_000, ..QUICK }).await;
    let open = |n: u32| h2::frame(h2::HEADERS, h2::END_HEADERS, 2 * n + 1, &h2::get("/unread"));
    let opening = [h2::hello(), (0..100).flat_map(open).collect()].concat();
    let data = |count: u32| h2::frame(h2::DATA, 0, 2 * (count % 100) + 1, &[0; 16 * 1024]);
    let cut = send_until_cut(served.says(&opening).await, data, Duration::from_millis(5), 200).await;
    assert!(cut.is_some_and(|count| count < 40), "{cut:?} frames of 16 KiB, where the windows allow 16");
}
