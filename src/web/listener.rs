//! Our own accept loop: `axum::serve` waits for a slow head for ever.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use tracing::{debug, warn};

use super::address::Peer;
use super::limits::Limits;
use super::timed_io::TimedIo;
use crate::telemetry::Metrics;

/// How long a stop waits for the first request of a connection that was accepted and has not sent one.
const FIRST_REQUEST: Duration = Duration::from_millis(500);
/// How long accepting rests after it failed: out of file handles, most likely.
const REST: Duration = Duration::from_millis(100);

/// Serves HTTP/1.1 and HTTP/2 (with prior knowledge) until `stop`, then finishes what was accepted, for at most [`Limits::stop`].
pub async fn serve(listener: TcpListener, router: Router, limits: Limits, metrics: Arc<Metrics>, stop: CancellationToken) {
    let door = Door { router, limits, metrics, room: Arc::new(Semaphore::new(limits.connections)), stop: stop.clone() };
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => door.admit(stream, peer, &mut open),
                Err(why) => {
                    warn!(%why, "cannot accept connections");
                    sleep(REST).await;
                }
            },
            () = stop.cancelled() => break,
            Some(_) = open.join_next() => {}
        }
    }
    // `accept` goes first above: whoever was waiting at the door when the stop came is inside by now.
    drop(listener);
    let all_gone = async { while open.join_next().await.is_some() {} };
    if timeout(limits.stop, all_gone).await.is_err() {
        warn!("connections were cut off: they did not end in time");
    }
}

struct Door {
    router: Router,
    limits: Limits,
    metrics: Arc<Metrics>,
    room: Arc<Semaphore>,
    stop: CancellationToken,
}

impl Door {
    fn admit(&self, stream: TcpStream, peer: SocketAddr, open: &mut JoinSet<()>) {
        let Ok(place) = self.room.clone().try_acquire_owned() else {
            self.metrics.connection_refused();
            return;
        };
        let (router, limits, metrics, stop) = (self.router.clone(), self.limits, self.metrics.clone(), self.stop.clone());
        open.spawn(async move {
            metrics.connected();
            connection(stream, Peer(peer), router, limits, stop).await;
            metrics.disconnected();
            drop(place);
        });
    }
}

/// Serves one connection to its end. It is told to go when it is too old or the node stops; what it has begun is finished.
async fn connection(stream: TcpStream, peer: Peer, router: Router, limits: Limits, stop: CancellationToken) {
    // Without it, small answers wait for the other side's delayed acknowledgement. A failure costs only time.
    let _ = stream.set_nodelay(true);
    let first = Arc::new(First::default());
    let served = first.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        served.came();
        request.extensions_mut().insert(peer);
        router.clone().oneshot(request)
    });
    let io = TokioIo::new(TimedIo::new(stream, limits.head, limits.idle));
    let builder = builder(&limits);
    let serving = builder.serve_connection(io, service);
    tokio::pin!(serving);
    tokio::select! {
        done = serving.as_mut() => return ended(done),
        () = sleep(limits.age) => {}
        () = stop.cancelled() => {}
    }
    tokio::select! {
        done = serving.as_mut() => return ended(done),
        () = first.wait() => {}
    }
    serving.as_mut().graceful_shutdown();
    tokio::select! {
        done = serving.as_mut() => ended(done),
        () = sleep(limits.stop) => {}
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
        .max_concurrent_streams(200);
    builder
}

/// Whether a connection has sent its first request.
#[derive(Default)]
struct First {
    came: AtomicBool,
    bell: Notify,
}

impl First {
    fn came(&self) {
        if !self.came.swap(true, Ordering::AcqRel) {
            self.bell.notify_one();
        }
    }

    async fn wait(&self) {
        if !self.came.load(Ordering::Acquire) {
            let _ = timeout(FIRST_REQUEST, self.bell.notified()).await;
        }
    }
}

#[cfg(test)]
#[path = "listener_tests.rs"]
mod tests;
