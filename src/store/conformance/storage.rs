//! A disk in memory that outlives its store, can be put back to an earlier state, held up, filled, broken, and lose its power.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

/// What fsync has not confirmed may reach a real disk by sectors, in any order, or not at all.
const SECTOR: usize = 512;

#[derive(Clone, Default, Debug)]
pub(crate) struct Storage(Arc<(Mutex<Disk>, Condvar)>);

#[derive(Default, Debug)]
struct Disk {
    /// What a reader sees.
    seen: Vec<u8>,
    /// What the last fsync confirmed.
    durable: Vec<u8>,
    /// What was asked for since, in order.
    since: Vec<Change>,
    syncs: u64,
    fault: Option<Fault>,
    /// How many changes and fsyncs are left until the power goes.
    left: Option<u64>,
    held: bool,
    /// How many fsyncs may pass though they are held.
    passing: u64,
    waiting: bool,
}

#[derive(Clone, Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

/// What the disk refuses from now on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// Every write: no space is left.
    FullAtWrite,
    /// To make the file longer: no space is left.
    FullAtGrowth,
    /// Every fsync, after the writes have reached the disk's cache.
    Sync,
}

impl Storage {
    /// A disk with this content.
    pub(crate) fn with(content: Vec<u8>) -> Self {
        let storage = Self::default();
        storage.disk().seen.clone_from(&content);
        storage.disk().durable = content;
        storage
    }

    /// Another disk with the same content.
    pub(crate) fn copy(&self) -> Self {
        Self::with(self.content())
    }

    /// Every byte that a reader sees.
    pub(crate) fn content(&self) -> Vec<u8> {
        self.disk().seen.clone()
    }

    /// From now on the disk has this fault, or is well.
    pub(crate) fn fail(&self, fault: Option<Fault>) {
        self.disk().fault = fault;
    }

    /// How many fsyncs were asked for, but for those that made the file longer.
    pub(crate) fn syncs(&self) -> u64 {
        self.disk().syncs
    }

    /// Holds every fsync up until [`Storage::release`].
    pub(crate) fn hold(&self) {
        self.disk().held = true;
    }

    /// Waits until an fsync is being held up.
    pub(crate) fn wait_until_held(&self) {
        let waited = self.0.1.wait_while(self.disk(), |disk| !disk.waiting);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Lets so many fsyncs go on, and waits until the next one is being held up.
    pub(crate) fn hold_after(&self, syncs: u64) {
        self.disk().passing = syncs;
        self.0.1.notify_all();
        let waited = self.0.1.wait_while(self.disk(), |disk| !disk.waiting || disk.passing > 0);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Lets what is held up go on.
    pub(crate) fn release(&self) {
        self.disk().held = false;
        self.0.1.notify_all();
    }

    /// Takes the power away after so many more changes and fsyncs.
    pub(crate) fn cut_after(&self, changes: u64) {
        self.disk().left = Some(changes);
    }

    /// The disk as the power cut left it: what was confirmed, and what chance has added of the rest, sector by sector.
    pub(crate) fn after_the_cut(&self, dice: &mut Dice) -> Self {
        let disk = self.disk();
        let mut content = disk.durable.clone();
        let luck = dice.roll() % 5;
        for change in &disk.since {
            match change {
                Change::Length(length) if dice.roll() % 4 < luck => content.resize(*length, 0),
                Change::Length(_) => {}
                Change::Write(at, data) => {
                    for (n, sector) in data.chunks(SECTOR).enumerate() {
                        let at = at + n * SECTOR;
                        if dice.roll() % 4 < luck
                            && let Some(there) = content.get_mut(at..at + sector.len())
                        {
                            there.copy_from_slice(sector);
                        }
                    }
                }
            }
        }
        Self::with(content)
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk {
    fn use_power(&mut self) -> io::Result<()> {
        match &mut self.left {
            None => Ok(()),
            Some(0) => Err(io::Error::other("the power is gone")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }
}

/// Chance that is the same in every run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// The next number.
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl StorageBackend for Storage {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk().seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let (disk, at) = (self.disk(), offset as usize);
        out.copy_from_slice(disk.seen.get(at..at + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let (mut disk, len) = (self.disk(), len as usize);
        disk.use_power()?;
        if disk.fault == Some(Fault::FullAtGrowth) && len > disk.seen.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        disk.seen.resize(len, 0);
        disk.since.push(Change::Length(len));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut disk = self.disk();
        // One that makes the file longer is never held up: redb lets no reader in meanwhile.
        if !disk.since.iter().any(|change| matches!(change, Change::Length(_))) {
            disk.syncs += 1;
            disk.waiting = disk.held;
            self.0.1.notify_all();
            disk = self.0.1.wait_while(disk, |disk| disk.held && disk.passing == 0).unwrap_or_else(PoisonError::into_inner);
            disk.waiting = false;
            disk.passing = disk.passing.saturating_sub(1);
        }
        disk.use_power()?;
        if disk.fault == Some(Fault::Sync) {
            return Err(io::Error::other("the disk is gone"));
        }
        for change in std::mem::take(&mut disk.since) {
            match change {
                Change::Length(length) => disk.durable.resize(length, 0),
                Change::Write(at, data) => disk.durable[at..at + data.len()].copy_from_slice(&data),
            }
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let (mut disk, at) = (self.disk(), offset as usize);
        disk.use_power()?;
        if disk.fault == Some(Fault::FullAtWrite) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        disk.seen.get_mut(at..at + data.len()).ok_or(io::ErrorKind::UnexpectedEof)?.copy_from_slice(data);
        disk.since.push(Change::Write(at, data.to_vec()));
        Ok(())
    }
}
