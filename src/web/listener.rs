//! Our own accept loop: `axum::serve` waits for a slow head for ever.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::address::{Network, Peer};
use super::connection::{Served, attend};
use super::guests::Guests;
use super::limits::Limits;
use super::site::Site;
use crate::telemetry::Metrics;

/// How long accepting rests after it failed and there was nobody to send away.
const REST: Duration = Duration::from_millis(100);

/// A door: where it is, what it shows, and what is behind it.
pub struct Door {
    /// Where it is.
    pub listener: TcpListener,
    /// TLS, where it speaks that.
    pub tls: Option<Arc<ServerConfig>>,
    /// What is behind it.
    pub site: Arc<Site>,
    /// How much one client can take.
    pub limits: Limits,
    /// Whose connections [`Limits::each_address`] does not count.
    pub uncounted: Vec<IpNet>,
    /// Counts.
    pub metrics: Arc<Metrics>,
}

/// Serves HTTP/1.1 and HTTP/2 (by ALPN, or with prior knowledge) until `stop`, then finishes what was accepted, for at most
/// [`Limits::stop`].
pub async fn serve(door: Door, stop: CancellationToken) {
    let Door { listener, tls, site, limits, uncounted, metrics } = door;
    let tls = tls.map(|config| (TlsAcceptor::from(config), Guests::new(limits.handshakes, limits.handshakes)));
    let served = Arc::new(Served { site, limits, metrics, tls, stop: stop.clone() });
    let guests = Guests::new(limits.connections, limits.each_address);
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => match guests.admit(counted(peer, &uncounted)) {
                    Some(guest) => {
                        served.metrics.connected();
                        open.spawn(attend(stream, Peer(peer), guest, served.clone()));
                    }
                    None => served.metrics.connection_refused(),
                },
                Err(why) => {
                    warn!(%why, "cannot accept connections");
                    // Out of file handles, most likely.
                    if !guests.make_room() {
                        sleep(REST).await;
                    }
                    tokio::task::yield_now().await;
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

fn counted(peer: SocketAddr, uncounted: &[IpNet]) -> Option<Network> {
    let address: IpAddr = peer.ip().to_canonical();
    (!uncounted.iter().any(|network| network.contains(&address))).then(|| address.into())
}

#[cfg(test)]
#[path = "listener_tests.rs"]
mod tests;
