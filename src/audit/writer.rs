//! The one writer: lines wait in a queue, are written together, and intents are answered after one fsync for all of them.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::event::{Ending, Event, Facts};
use super::folder::{Folder, Name, day_of, names};
use super::line::{Digest, Kind, Line, NONE_BEFORE, Record, digest_of, spelled};
use super::read::Backwards;
use super::trail::Settings;
use crate::id::EventId;
use crate::time::Moment;

/// How many jobs share one write.
const BATCH: usize = 256;
/// How many outcomes that could not be written are held for when they can.
const HELD: usize = 10_000;
/// An outcome is on disk at most this long after it was written.
const IDLE: Duration = Duration::from_secs(1);

pub(super) type Written = Result<(), String>;

#[expect(clippy::large_enum_variant, reason = "nearly every job is a write; a box for each would cost more than the room")]
pub(super) enum Job {
    /// Writes a line; where somebody waits, it is on disk before he is told.
    Write(Record, Option<oneshot::Sender<Written>>),
    /// Tells when everything before is in the file.
    Flush(oneshot::Sender<()>),
}

/// What the handle and the writer share.
#[derive(Default, Debug)]
pub(super) struct Shared {
    /// Jobs in the queue.
    pub(super) waiting: AtomicUsize,
    /// Lines that were given up.
    pub(super) lost: AtomicU64,
    /// How often lines were brought to disk.
    pub(super) syncs: AtomicU64,
}

/// The writer's side.
pub(super) struct Desk {
    folder: Folder,
    settings: Settings,
    shared: Arc<Shared>,
    current: Option<Current>,
    head: Digest,
    /// Intents without an outcome.
    open: HashSet<EventId>,
    /// Outcomes that could not be written yet.
    held: Vec<Record>,
    unsynced: bool,
    failing: bool,
}

/// What the last run left.
pub(super) struct Before {
    pub(super) interrupted: Vec<Event>,
    /// When its last line was written.
    pub(super) last_at: Option<Moment>,
}

struct Current {
    name: Name,
    file: File,
    length: u64,
}

impl Desk {
    /// Takes up the trail where it ends; answers with the effects that the last run left open.
    pub(super) fn open(folder: Folder, settings: Settings, shared: Arc<Shared>, now: Moment) -> io::Result<(Self, Before)> {
        let files = names(&folder.path)?;
        let (mut head, mut torn, mut open_before, mut last_at) = (NONE_BEFORE, false, Vec::new(), None);
        let mut lines = Backwards::new(&folder.path, None)?;
        while let Some((place, text)) = lines.next()? {
            torn |= Some(&place.file) == files.last() && !text.ends_with(b"\n");
            if let Some(line) = Line::read(&text) {
                (head, last_at) = (digest_of(&text), Some(line.at()));
                open_before = left_open(line, lines)?;
                break;
            }
        }
        // What a crash has torn stays the end of its file.
        let goes_on = |last: &&Name| !torn && last.day >= day_of(now);
        let current = files.last().filter(goes_on).map(|name| folder.append_to(*name)).transpose()?;
        let current = files.last().copied().zip(current).map(|(name, (file, length))| Current { name, file, length });
        let interrupted: Vec<Event> = open_before.into_iter().map(Line::into_interrupted).collect();
        let record = |event: &Event| Record {
            id: event.id,
            at: now,
            deed: event.deed.clone(),
            ending: Some((Ending::Interrupted, Facts::default())),
        };
        let held: Vec<Record> = interrupted.iter().map(record).collect();
        let open = held.iter().map(|record| record.id).collect();
        let mut desk = Self { folder, settings, shared, current, head, open, held, unsynced: false, failing: false };
        desk.idle();
        Ok((desk, Before { interrupted, last_at }))
    }

    /// The end of the chain, for people.
    pub(super) fn head(&self) -> String {
        spelled(&self.head)
    }

    pub(super) fn work(mut self, jobs: &Receiver<Job>) {
        loop {
            match jobs.recv_timeout(IDLE) {
                Ok(first) => {
                    let batch: Vec<Job> = std::iter::once(first).chain(jobs.try_iter().take(BATCH - 1)).collect();
                    self.shared.waiting.fetch_sub(batch.len(), Ordering::AcqRel);
                    self.carry_out(batch);
                }
                Err(RecvTimeoutError::Timeout) => self.idle(),
                Err(RecvTimeoutError::Disconnected) => {
                    self.idle();
                    self.lose(self.held.len());
                    tracing::debug!(head = self.head(), "the audit trail is closed");
                    return;
                }
            }
        }
    }

    fn carry_out(&mut self, batch: Vec<Job>) {
        let (mut records, mut waiters, mut flushes) = (Vec::new(), Vec::new(), Vec::new());
        for job in batch {
            match job {
                Job::Write(record, waiter) => {
                    records.push(record);
                    waiters.extend(waiter);
                }
                Job::Flush(done) => flushes.push(done),
            }
        }
        let written = self.write(records, !waiters.is_empty());
        for waiter in waiters {
            // Who has gone away meanwhile does not begin: its intent stays open, and says so.
            let _ = waiter.send(written.clone());
        }
        for done in flushes {
            let _ = done.send(());
        }
    }

    /// Brings to disk what is not there yet.
    fn idle(&mut self) {
        if self.unsynced || !self.held.is_empty() {
            let _ = self.write(Vec::new(), true);
        }
    }

    /// Writes lines together, after those that are held. What fails is as if it had not been tried: intents are refused, outcomes held.
    fn write(&mut self, records: Vec<Record>, sync: bool) -> Written {
        let mut all = std::mem::take(&mut self.held);
        all.extend(records);
        let done = self.append(&all, sync);
        match &done {
            Ok(()) if std::mem::take(&mut self.failing) => tracing::warn!("the audit trail is written again"),
            Ok(()) => {}
            Err(why) => {
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::error!(%why, folder = %self.folder.path.display(), "the audit trail cannot be written");
                }
                self.held = all.into_iter().filter(|record| record.ending.is_some()).collect();
                self.lose(self.held.len().saturating_sub(HELD));
                self.held.truncate(HELD);
            }
        }
        done.map_err(|why| why.to_string())
    }

    fn append(&mut self, records: &[Record], sync: bool) -> io::Result<()> {
        self.turn_page(records.last().map(|record| record.at))?;
        let Some(mut current) = self.current.take() else { return Ok(()) };
        let (mut head, mut open, mut text) = (self.head, self.open.clone(), Vec::new());
        let mut begins = Some(current.name).filter(|_| current.length == 0);
        for record in records {
            match record.ending {
                None => open.insert(record.id),
                Some(_) => open.remove(&record.id),
            };
            let line = record.line(&self.folder.node, begins.take(), open.len(), head);
            head = digest_of(&line);
            text.extend(line);
        }
        self.shared.syncs.fetch_add(u64::from(sync), Ordering::Relaxed);
        let written = current.file.write_all(&text).and_then(|()| if sync { current.file.sync_data() } else { Ok(()) });
        if let Err(why) = written {
            // After a failed fsync nothing is known of this file: the next line begins another one.
            let _ = current.file.set_len(current.length);
            return Err(why);
        }
        current.length += text.len() as u64;
        self.current = Some(current);
        (self.head, self.open) = (head, open);
        self.unsynced = !sync && (self.unsynced || !text.is_empty());
        Ok(())
    }

    /// Begins another file where the day is another, the file is full, or the one before failed.
    fn turn_page(&mut self, at: Option<Moment>) -> io::Result<()> {
        let day = at.map(day_of);
        let is_over = |current: &Current| day.is_some_and(|day| day > current.name.day) || current.length >= self.settings.file_size;
        if self.current.as_ref().is_some_and(|current| !is_over(current)) {
            return Ok(());
        }
        let Some(day) = day else { return Ok(()) };
        if let Some(current) = self.current.take() {
            current.file.sync_data()?;
        }
        let name = self.next_name(day)?;
        let (file, length) = self.folder.append_to(name)?;
        self.current = Some(Current { name, file, length });
        let days = self.settings.keep.as_secs() / 86_400;
        let others = self.settings.total_size.saturating_sub(self.settings.file_size);
        for gone in self.folder.prune(name, day.saturating_sub(days), others)? {
            tracing::warn!(file = %gone, "a file of the audit trail was removed before its time: audit.total_mib is reached");
        }
        Ok(())
    }

    /// One that an earlier try left empty is used first.
    fn next_name(&self, day: u64) -> io::Result<Name> {
        Ok(match names(&self.folder.path)?.last() {
            None => Name { day, number: 1 },
            Some(last) if std::fs::metadata(self.folder.path.join(last.to_string())).is_ok_and(|found| found.len() == 0) => *last,
            Some(last) if day > last.day => Name { day, number: 1 },
            Some(last) => Name { day: last.day, number: last.number + 1 },
        })
    }

    fn lose(&self, lines: usize) {
        if lines > 0 {
            self.shared.lost.fetch_add(lines as u64, Ordering::AcqRel);
            tracing::error!(lines, "lines of the audit trail were lost");
        }
    }
}

/// The intents that have no outcome up to and with the trail's last line. Every line says how many there are, so no more is read than it
/// takes.
fn left_open(last: Line, mut lines: Backwards) -> io::Result<Vec<Line>> {
    let (wanted, mut ended, mut open) = (last.open, HashSet::new(), Vec::new());
    let mut next = Some(last);
    while open.len() < wanted {
        match next.take() {
            Some(line) if line.kind == Kind::Outcome => {
                ended.insert(line.id);
            }
            Some(line) if !ended.contains(&line.id) => open.push(line),
            _ => {}
        }
        let Some((_, text)) = lines.next()? else { break };
        next = Line::read(&text);
    }
    open.reverse();
    Ok(open)
}
