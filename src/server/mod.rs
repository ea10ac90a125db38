//! The composition root: settings become a store, keys, an issuer, tasks and doors; they start and stop in order.

mod distrust;
mod doors;
mod fault;
mod greeting;
mod handles;
mod reset_admin;
mod restore;
mod start;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::signal::unix::Signal;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::ambient::{Clock, Entropy, SystemClock, SystemEntropy};
use crate::config::Settings;
use crate::issuer::{FirstRun, Issuer};
use crate::store::AnyStore;
use crate::tasks::{CertificateJob, Ticker};

use doors::OpenDoors;

pub use distrust::Distrusted;
pub use fault::StartFault;
pub use reset_admin::{ResetFault, reset_admin};
pub use restore::{Believed, Restored, rename_for_good, restore, snapshot_of};

/// Time and randomness of a node.
pub struct Surroundings {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

impl Default for Surroundings {
    /// The machine's own.
    fn default() -> Self {
        Self { clock: Arc::new(SystemClock::new()), entropy: Arc::new(SystemEntropy) }
    }
}

/// A node that serves.
pub struct Node {
    issuer: Arc<Issuer>,
    store: Arc<AnyStore>,
    clock: Arc<dyn Clock>,
    address: SocketAddr,
    /// `http`, or `https` with TLS.
    scheme: &'static str,
    first_run: FirstRun,
    certificate: Option<CertificateJob>,
    stop: CancellationToken,
    doors: OpenDoors,
    ticker: JoinHandle<()>,
}

/// Serves until `shutdown` completes, then stops in order: not ready, no new connections, what is accepted is finished, the store is closed.
/// Whenever `reload` says so meanwhile, the certificate is read anew.
pub async fn run(settings: Settings, shutdown: impl Future<Output = ()>, mut reload: Signal) -> Result<(), StartFault> {
    let node = Node::start(settings, Surroundings::default()).await?;
    node.greet();
    let jobs = node.jobs();
    let reloading = async move {
        while reload.recv().await.is_some() {
            jobs.look_at_certificate(true);
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = shutdown => {}
        () = reloading => {}
    }
    tracing::info!("stopping");
    node.stop().await;
    Ok(())
}

impl Node {
    /// Where it listens, as a URL.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where `/healthz`, `/metrics` and the documents are, if not at [`Node::address`].
    pub fn ops_address(&self) -> Option<SocketAddr> {
        self.doors.ops_address()
    }

    /// What the first start made.
    pub fn first_run(&self) -> &FirstRun {
        &self.first_run
    }

    /// The node's jobs, to be run by hand where a test or a drill holds the clock.
    pub fn jobs(&self) -> Ticker {
        Ticker::new(self.issuer.clone(), self.clock.clone(), self.certificate.clone())
    }

    /// Tells on standard output what the first start made and how to try it, and on standard error that the node is ready.
    pub fn greet(&self) {
        greeting::print(self.issuer.issuer(), &self.first_run);
        eprintln!("listening on {}", self.url());
    }

    /// Stops in order. When this returns, every acknowledged effect is on disk and the folder can be opened again.
    pub async fn stop(self) {
        self.doors.shut().await;
        self.stop.cancel();
        let _ = self.ticker.await;
        if let Err(fault) = self.issuer.mark_keys_now().await {
            tracing::warn!(?fault, "the key folder was not told how far the store has come");
        }
        // The last owner closes the store: what was acknowledged is on disk already, the file is released now.
        drop((self.issuer, self.store));
    }
}
