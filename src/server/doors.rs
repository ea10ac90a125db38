//! The doors: what is served where, over TLS or not, and in what order they shut.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net};
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::StartFault;
use super::handles::room_for;
use crate::config::{Connections, Settings};
use crate::http::{self, Doors};
use crate::tasks::CertificateJob;
use crate::web::{self, Door, Limits};

/// What operators ask needs no more.
const OPS_CONNECTIONS: usize = 256;
/// Connections that wait to be let in; the system may allow fewer (`net.core.somaxconn`). Beyond, who knocks tries again after a second.
const QUEUE: u32 = 1_024;

/// Doors that are open.
pub(super) struct OpenDoors {
    service: JoinHandle<()>,
    ops: Option<(JoinHandle<()>, SocketAddr)>,
    stop_service: CancellationToken,
    stop_ops: CancellationToken,
    /// Told to stop: not ready any more, but serving for `delay`.
    stopping: CancellationToken,
    delay: Duration,
    /// Verbs that nobody waits for any more, and how long a stop waits for them.
    let_go: TaskTracker,
    deadline: Duration,
}

/// Binds, and says where: a port of 0 becomes a free one.
pub(super) async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartFault> {
    let fault = |why| StartFault::Listen { address, why };
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.map_err(fault)?;
    // After a restart the address is free at once, whatever connections of the node before still end.
    socket.set_reuseaddr(true).map_err(fault)?;
    socket.bind(address).map_err(fault)?;
    let listener = socket.listen(QUEUE).map_err(fault)?;
    let bound = listener.local_addr().map_err(fault)?;
    Ok((listener, bound))
}

impl OpenDoors {
    /// Begins to answer. Health, metrics and documents have a door of their own where one is configured; else they share a loopback
    /// address with the rest. On an address that strangers reach they are not served. TLS is for the service's door: the operators' is for
    /// probes on a network of their own.
    pub(super) async fn open(
        settings: &Settings,
        listener: TcpListener,
        doors: &Doors,
        certificate: Option<&CertificateJob>,
    ) -> Result<Self, StartFault> {
        let tls = certificate.map(|job| job.certificate().server_config()).transpose()?.map(Arc::new);
        let (stop_service, stop_ops) = (CancellationToken::new(), CancellationToken::new());
        let limits = limits(settings);
        let metrics = doors.observer.metrics.clone();
        let open = |listener, tls, site, limits, stop: &CancellationToken| {
            let uncounted = uncounted(settings);
            tokio::spawn(web::serve(
                Door { listener, tls, site: Arc::new(site), limits, uncounted, metrics: metrics.clone() },
                stop.clone(),
            ))
        };
        let shares = settings.ops_listen.is_none() && settings.listen.ip().is_loopback();
        let ops = match settings.ops_listen {
            Some(wanted) => {
                let (listener, address) = listen(wanted).await?;
                let limits = Limits { connections: OPS_CONNECTIONS.min(limits.connections), ..limits };
                Some((open(listener, None, http::ops(doors), limits, &stop_ops), address))
            }
            None => None,
        };
        if ops.is_none() && !shares {
            tracing::warn!("health, metrics and documents are not served: set ops_listen to an address that only operators reach");
        }
        let site = if shares { http::service_and_ops(doors) } else { http::service(doors) };
        let service = open(listener, tls, site, limits, &stop_service);
        let (stopping, let_go) = (doors.stopping.clone(), doors.let_go.clone());
        let (delay, deadline) = (settings.shutdown_delay, settings.shutdown_deadline);
        Ok(Self { service, ops, stop_service, stop_ops, stopping, delay, let_go, deadline })
    }

    pub(super) fn ops_address(&self) -> Option<SocketAddr> {
        self.ops.as_ref().map(|(_, address)| *address)
    }

    /// Not ready; then the service's door shuts; the operators' last, so that it can be asked until then.
    pub(super) async fn shut(self) {
        self.stopping.cancel();
        sleep(self.delay).await;
        self.stop_service.cancel();
        let _ = self.service.await;
        self.stop_ops.cancel();
        if let Some((ops, _)) = self.ops {
            let _ = ops.await;
        }
        self.let_go.close();
        if timeout(self.deadline, self.let_go.wait()).await.is_err() {
            tracing::warn!("requests were broken off whose callers had gone: they did not end in time");
        }
    }
}

/// This machine, and the proxies that speak for others.
fn uncounted(settings: &Settings) -> Vec<IpNet> {
    let here = [IpNet::from(Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8)), IpNet::from(IpAddr::from(Ipv6Addr::LOCALHOST))];
    here.into_iter().chain(settings.trusted_proxies.iter().copied()).collect()
}

fn limits(settings: &Settings) -> Limits {
    let Connections { most, per_address, head, body, answer, idle, age } = settings.connections;
    let ops = if settings.ops_listen.is_some() { OPS_CONNECTIONS } else { 0 };
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let connections = room_for(most.saturating_add(ops)).saturating_sub(ops).max(1);
    let handshakes = Limits::default().handshakes.min(connections);
    let each_address = usize::try_from(per_address).unwrap_or(usize::MAX);
    Limits { connections, each_address, handshakes, head, body, answer, idle, age, stop: settings.shutdown_deadline, ..Limits::default() }
}
