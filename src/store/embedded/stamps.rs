//! Store time: the reading, stamps above every epoch, and heartbeats.

use super::super::common::EpochRows;
use super::super::{Heartbeat, Known};
use super::tables::{Broken, epoch_rows};
use super::writer::Step;
use crate::id::Stamp;
use crate::policy::rotation::StoreTime;
use crate::revocation::{Epochs, Retention};
use crate::time::whole_millis;

impl Step<'_> {
    pub(super) fn time(&self) -> StoreTime {
        StoreTime { now: self.now, last_heartbeat: self.state.last_heartbeat, steady_since: self.state.steady_since }
    }

    /// The highest store time seen here or by the caller. It never goes back when the clock does.
    pub(super) fn reading(&mut self, known: Known) -> Stamp {
        let seen = Stamp::from_millis(self.now.millis()).max(known.reading);
        self.state.reading = self.state.reading.max(seen);
        self.state.reading
    }

    /// A stamp above all these epochs and the reading. An epoch that only the caller knew is learned, so that the next one lies above
    /// what was stamped after it.
    pub(super) fn stamp(&mut self, epochs: Epochs, known: Known) -> Stamp {
        self.state.highest_epoch = self.state.highest_epoch.max(known.epochs.highest());
        self.reading(known).max(epochs.highest().next())
    }

    pub(super) fn stamp_for(&mut self, subject: &str, client: &str, known: Known) -> Result<Stamp, Broken> {
        let epochs = self.epochs(subject, client)?.epochs().union(known.epochs);
        Ok(self.stamp(epochs, known))
    }

    /// A stamp for a new epoch: above everything minted, what a failover may have lost included, and above every epoch there is.
    pub(super) fn epoch_stamp(&mut self, known: Known) -> Stamp {
        let margin = whole_millis(self.settings.margin);
        let highest = self.state.highest_epoch.max(known.epochs.highest());
        self.reading(known).plus(margin).max(highest.next())
    }

    pub(super) fn epochs(&mut self, subject: &str, client: &str) -> Result<EpochRows, Broken> {
        if self.state.highest_epoch == Stamp::ZERO {
            return Ok(EpochRows::default());
        }
        epoch_rows(self.tables.epochs.open()?, subject, client)
    }

    pub(super) fn heartbeat(&mut self) -> Heartbeat {
        let time = self.time();
        let step = self.now.since(self.state.last_heartbeat).min(Retention::MAX_STEP);
        self.state.confirmed += whole_millis(step);
        if time.is_unsteady() {
            self.state.steady_since = self.now;
        }
        self.state.last_heartbeat = self.now;
        let keep_log = std::time::Duration::from_millis(self.state.keep_log);
        Heartbeat { reading: self.reading(Known::default()), at: self.now, keep_log, progress: self.state.progress() }
    }
}
