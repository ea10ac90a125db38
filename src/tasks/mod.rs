//! What runs by itself: one ticker. Each job can be run by hand, which is how tests hold time.

mod certificate;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

pub use certificate::CertificateJob;

use crate::ambient::Clock;
use crate::issuer::{Fault, Issuer};

const BEAT: Duration = Duration::from_secs(1);
const TEND: Duration = Duration::from_secs(60);
const SWEEP: Duration = Duration::from_secs(15 * 60);

/// The jobs of a node.
pub struct Ticker {
    issuer: Arc<Issuer>,
    clock: Arc<dyn Clock>,
    certificate: Option<CertificateJob>,
}

impl Ticker {
    /// Jobs for this issuer.
    pub fn new(issuer: Arc<Issuer>, clock: Arc<dyn Clock>, certificate: Option<CertificateJob>) -> Self {
        Self { issuer, clock, certificate }
    }

    /// Runs every job at its time until `stop`; a job that has begun is finished. Runs none where the clock does not go on by itself.
    pub async fn run(self, stop: CancellationToken) {
        if !self.clock.goes_on() {
            return;
        }
        let (mut beat, mut tend, mut sweep) = (every(BEAT), every(TEND), every(SWEEP));
        let beats = async {
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    _ = beat.tick() => self.beat().await,
                    _ = tend.tick() => self.tend().await,
                }
            }
        };
        // A long sweep holds no heartbeat up.
        let sweeps = async {
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    _ = sweep.tick() => self.sweep(&stop).await,
                }
            }
        };
        tokio::join!(beats, sweeps);
    }

    /// Every second: the clock settles, the store's time is written, the view follows the log.
    pub async fn beat(&self) {
        self.clock.settle();
        report("heartbeat", self.issuer.heartbeat().await);
        report("follow", self.issuer.follow().await);
        report("mark the keys", self.issuer.mark_keys().await);
        report("reread the key ring", self.issuer.reread_ring_if_wanted().await);
        self.issuer.observe();
    }

    /// Every minute: keys are announced, take over and end on schedule; a new certificate is taken up.
    pub async fn tend(&self) {
        self.look_at_certificate(false);
        report("tend the keys", self.issuer.tend_keys().await);
    }

    /// Looks at the certificate's files, also when they have not changed if the operator has told so.
    pub fn look_at_certificate(&self, is_told: bool) {
        if let Some(certificate) = &self.certificate {
            certificate.run(self.clock.wall(), is_told);
        }
    }

    /// Every quarter of an hour: what may be forgotten is, in bounded steps.
    pub async fn sweep(&self, stop: &CancellationToken) {
        let (mut sessions, mut entries, mut ended) = (0_u64, 0_u64, 0_u64);
        while !stop.is_cancelled() {
            match self.issuer.sweep().await {
                Ok(swept) => {
                    sessions += u64::from(swept.sessions);
                    entries += u64::from(swept.entries);
                    ended += u64::from(swept.ended);
                    if !swept.more {
                        break;
                    }
                }
                Err(fault) => return report("sweep", Err(fault)),
            }
        }
        if sessions + entries + ended > 0 {
            tracing::info!(sessions, entries, ended, "swept");
        }
    }
}

fn every(period: Duration) -> Interval {
    let mut interval = tokio::time::interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

fn report(job: &str, done: Result<(), Fault>) {
    if let Err(fault) = done {
        match fault {
            Fault::Unavailable(why) => tracing::error!(job, %why, "a job of the node failed"),
            Fault::Denied(_) | Fault::Unproven(_) | Fault::Refused(_) => tracing::error!(job, ?fault, "a job of the node was refused"),
        }
    }
}
