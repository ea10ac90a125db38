//! One connection, from its first byte to its last.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::IntoResponse;
use bytes::Bytes;
use http::header::{CONNECTION, RETRY_AFTER};
use http::{HeaderValue, StatusCode, Version};
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::address::Peer;
use super::arrival::Arrival;
use super::guests::{Guest, Guests, Turn};
use super::lent::Lent;
use super::limits::{AT_WORK, CONNECTION_WINDOW, Deadlines, Limits, SEND_BUFFER, STREAM_WINDOW, STREAMS};
use super::site::Site;
use super::timed_io::TimedIo;
use crate::telemetry::Metrics;

/// How long a stop waits for the first request of a connection that was accepted and has not sent one.
const FIRST_REQUEST: Duration = Duration::from_millis(500);
/// What is still taken from a client that we have answered and that is sending all the same, so that it reads the answer: a socket that
/// is closed over unread bytes takes the answer with it.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 2 << 20;
/// A body that nobody wants, and that is no longer, is most often there with its head, and read away. What is left of another ends the connection,
/// which has to be said (RFC 9112 §9.6): no other request may be on its way when it does.
const DRAINED: u64 = 4096;
/// The first byte of a TLS handshake (RFC 8446 §5.1).
const HANDSHAKE: u8 = 0x16;
const SPEAKS_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 37\r\n\r\n\
    This port speaks TLS: use https://...";

/// What all connections of a door have in common.
pub(super) struct Served {
    pub(super) site: Arc<Site>,
    pub(super) limits: Limits,
    pub(super) metrics: Arc<Metrics>,
    pub(super) tls: Option<(TlsAcceptor, Arc<Guests>)>,
    pub(super) stop: CancellationToken,
}

/// Serves one connection to its end, or until its place is needed.
pub(super) async fn attend(stream: TcpStream, peer: Peer, guest: Arc<Guest>, served: Arc<Served>) {
    // Without it, small answers wait for the other side's delayed acknowledgement. A failure costs only time.
    let _ = stream.set_nodelay(true);
    tokio::select! {
        biased;
        () = guest.is_told_to_leave() => served.metrics.connection_shed(),
        () = served.to_the_end(stream, peer, &guest) => {}
    }
    served.metrics.disconnected();
}

impl Served {
    async fn to_the_end(&self, stream: TcpStream, peer: Peer, guest: &Arc<Guest>) {
        // Until something comes, a connection costs its handle and this small task.
        let silence = async {
            self.stop.cancelled().await;
            sleep(FIRST_REQUEST).await;
        };
        let mut first = [0; 1];
        let something = tokio::select! {
            done = timeout(self.limits.head, stream.peek(&mut first)) => matches!(done, Ok(Ok(1))),
            () = silence => false,
        };
        if !something {
            return;
        }
        let (lent, back) = Lent::new(stream);
        Box::pin(self.speak(lent, first[0], peer, guest)).await;
        if let Ok(stream) = back.await {
            see_off(stream).await;
        }
    }

    async fn speak(&self, stream: Lent<TcpStream>, first: u8, peer: Peer, guest: &Arc<Guest>) {
        match &self.tls {
            None => self.serve(stream, peer, guest).await,
            Some((acceptor, shaking)) => {
                if let Some(stream) = self.shake_hands(stream, first, acceptor, shaking).await {
                    self.serve(stream, peer, guest).await;
                }
            }
        }
    }

    async fn shake_hands(
        &self,
        mut stream: Lent<TcpStream>,
        first: u8,
        acceptor: &TlsAcceptor,
        shaking: &Arc<Guests>,
    ) -> Option<TlsStream<Lent<TcpStream>>> {
        if first != HANDSHAKE {
            self.metrics.tls_handshake("not_tls");
            let _ = stream.write_all(SPEAKS_TLS).await;
            return None;
        }
        // Nobody among them is ever served, so there is always one who can leave.
        let place = shaking.admit(None)?;
        let shaken = tokio::select! {
            () = place.is_told_to_leave() => return self.not_shaken("shed"),
            shaken = timeout(self.limits.head, acceptor.accept(stream)) => shaken,
        };
        match shaken {
            Ok(Ok(stream)) => {
                self.metrics.tls_handshake("done");
                Some(stream)
            }
            Ok(Err(why)) => {
                debug!(%why, "a TLS handshake failed");
                self.not_shaken("failed")
            }
            Err(_) => self.not_shaken("timed_out"),
        }
    }

    fn not_shaken<T>(&self, outcome: &'static str) -> Option<T> {
        self.metrics.tls_handshake(outcome);
        None
    }

    /// It is told to go when it is too old, rests too long, or the node stops; what it has begun is finished.
    async fn serve<T: AsyncRead + AsyncWrite + Unpin + Send + 'static>(&self, stream: T, peer: Peer, guest: &Arc<Guest>) {
        let deadlines = Deadlines::from(&self.limits);
        let service = service_fn(|request: Request<Incoming>| {
            let turn = guest.turn(AT_WORK);
            let site = self.site.clone();
            async move {
                let Some(turn) = turn else { return Ok((StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")]).into_response()) };
                let is_http_1 = request.version() < Version::HTTP_2;
                let is_long = request.body().size_hint().upper().is_none_or(|size| size > DRAINED);
                let mut response = site.answer(accompanied(request, turn.clone(), peer, deadlines)).await;
                if is_http_1 && !turn.has_all() && (is_long || response.status() == StatusCode::REQUEST_TIMEOUT) {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(response)
            }
        });
        let builder = builder(&self.limits);
        let serving = builder.serve_connection(TokioIo::new(TimedIo::new(stream, self.limits.head, self.limits.idle)), service);
        tokio::pin!(serving);
        tokio::select! {
            done = serving.as_mut() => return ended(done),
            () = sleep(self.limits.age) => {}
            () = guest.rests_for(self.limits.idle) => {}
            () = self.stop.cancelled() => {}
        }
        tokio::select! {
            done = serving.as_mut() => return ended(done),
            _ = timeout(FIRST_REQUEST, guest.comes_first()) => {}
        }
        serving.as_mut().graceful_shutdown();
        tokio::select! {
            done = serving.as_mut() => ended(done),
            () = sleep(self.limits.stop) => {}
        }
    }
}

fn ended(done: Result<(), Box<dyn std::error::Error + Send + Sync>>) {
    if let Err(why) = done {
        debug!(%why, "a connection ended early");
    }
}

fn builder(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(limits.head_bytes);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER);
    builder
}

/// Says that we are done and takes what still comes, within bounds.
async fn see_off(mut stream: TcpStream) {
    let taking = async {
        stream.shutdown().await?;
        let (mut rest, mut left) = (vec![0; 16 * 1024], LINGER_BYTES);
        while left > 0 {
            match stream.read(&mut rest).await? {
                0 => break,
                read => left = left.saturating_sub(read),
            }
        }
        Ok::<_, std::io::Error>(())
    };
    let _ = timeout(LINGER, taking).await;
}

/// A request whose turn lasts until its body is read and its verb is done, whichever is later.
fn accompanied(request: Request<Incoming>, turn: Arc<Turn>, peer: Peer, deadlines: Deadlines) -> Request {
    let (mut parts, body) = request.into_parts();
    if body.is_end_stream() {
        turn.is_whole();
    }
    parts.extensions.insert(Arrival { peer: Some(peer), deadlines, turn: Some(turn.clone()), ..Arrival::default() });
    Request::from_parts(parts, Body::new(Accompanied { body, turn }))
}

struct Accompanied {
    body: Incoming,
    turn: Arc<Turn>,
}

impl hyper::body::Body for Accompanied {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(polled, Poll::Ready(None)) || self.body.is_end_stream() {
            self.turn.is_whole();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
