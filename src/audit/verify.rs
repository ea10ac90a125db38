//! Whether the files of a trail are as they were written, and what they tell of that was never finished. Needs no node.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::event::{Ending, Event};
use super::folder::{AuditFault, Name, names};
use super::line::{Digest, Kind, Line, NONE_BEFORE, digest_of, spelled};
use crate::id::EventId;
use crate::time::Moment;

/// What whole files say of themselves.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Verdict {
    /// How many files.
    pub files: usize,
    /// How many lines.
    pub lines: u64,
    /// Lines that a crash tore off, each the last of its file and without an end; the chain passes them over.
    pub torn: u64,
    /// Whether the trail begins here; if not, whole older files have been removed.
    pub from_the_beginning: bool,
    /// When the first line was written.
    pub first_at: Option<Moment>,
    /// When the last line was written.
    pub last_at: Option<Moment>,
    /// SHA-256 of the last line that is not torn, in hex: compare it with one that was noted elsewhere, to see that nothing was cut off at the end.
    pub head: String,
    /// Whether a line has the digest that was asked for.
    pub knows_noted: bool,
    /// Where the chain breaks first.
    pub broken: Option<Broken>,
    /// The effects that were begun and have no outcome of their own, the oldest first.
    pub unfinished: Vec<Unfinished>,
}

/// A line that does not follow the one before it, begins a file that is not its own, or cannot be read: something was changed, left out
/// or put in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: u64,
}

/// An effect that was begun; nobody can say whether it happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unfinished {
    /// As its intent tells of it; `at` is when it began.
    pub event: Event,
    /// When a later start of the node said so. None: no node has started since, or one is carrying it out right now.
    pub told_at: Option<Moment>,
}

/// Follows the chain through the files of a folder, in the order of their names. `noted` is a head that was noted elsewhere.
///
/// An edit, a line left out or one put in breaks it, and so does a file without its first line. What cannot be read is torn only as the last
/// line of a file, and without an end. Whoever can write the files could compute every line after his edit anew: only a
/// head that was noted elsewhere shows that, and that lines were cut off at the end.
///
/// # Errors
/// When a file cannot be read.
pub fn verify(folder: &Path, noted: Option<&str>) -> Result<Verdict, AuditFault> {
    let io = |path: &Path, why: io::Error| AuditFault::io(path, &why);
    let files = names(folder).map_err(|why| io(folder, why))?;
    let mut reading = Reading { noted, ..Reading::default() };
    for name in &files {
        let path = folder.join(name.to_string());
        reading.read(&path, *name).map_err(|why| io(&path, why))?;
    }
    let Reading { verdict, head, begun, .. } = reading;
    let mut unfinished: Vec<Unfinished> = begun.into_values().collect();
    unfinished.sort_by_key(|effect| effect.event.at);
    Ok(Verdict { files: files.len(), head: head.map(|head| spelled(&head)).unwrap_or_default(), unfinished, ..verdict })
}

#[derive(Default)]
struct Reading<'a> {
    noted: Option<&'a str>,
    verdict: Verdict,
    head: Option<Digest>,
    /// What has no outcome yet, or was interrupted.
    begun: BTreeMap<EventId, Unfinished>,
}

impl Reading<'_> {
    fn read(&mut self, path: &Path, name: Name) -> io::Result<()> {
        let mut reader = BufReader::new(File::open(path)?);
        let (mut text, mut number) = (Vec::new(), 0);
        while reader.read_until(b'\n', &mut text)? > 0 {
            number += 1;
            if !self.follow(&text, name, number) && self.verdict.broken.is_none() {
                self.verdict.broken = Some(Broken { path: path.to_owned(), line: number });
            }
            text.clear();
        }
        Ok(())
    }

    /// Whether the line stands where it was written.
    fn follow(&mut self, text: &[u8], name: Name, number: u64) -> bool {
        let verdict = &mut self.verdict;
        verdict.lines += 1;
        let Some(line) = Line::read(text) else {
            let is_torn = !text.ends_with(b"\n");
            verdict.torn += u64::from(is_torn);
            return is_torn;
        };
        if verdict.first_at.is_none() {
            verdict.first_at = Some(line.at());
            verdict.from_the_beginning = line.prev == NONE_BEFORE;
        }
        verdict.last_at = Some(line.at());
        let begins = (number == 1).then(|| name.to_string());
        let follows = line.file == begins && self.head.is_none_or(|head| line.prev == head);
        self.pair(line);
        let digest = digest_of(text);
        self.verdict.knows_noted |= self.noted.is_some_and(|noted| spelled(&digest).eq_ignore_ascii_case(noted));
        self.head = Some(digest);
        follows
    }

    fn pair(&mut self, line: Line) {
        let (id, at) = (line.id, line.at());
        match line.kind {
            Kind::Intent => {
                self.begun.insert(id, Unfinished { event: line.into_interrupted(), told_at: None });
            }
            Kind::Outcome => match line.event() {
                Some(event) if event.ending == Ending::Interrupted => {
                    self.begun.entry(id).or_insert(Unfinished { event, told_at: None }).told_at = Some(at);
                }
                _ => {
                    self.begun.remove(&id);
                }
            },
        }
    }
}
