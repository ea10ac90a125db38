//! Reading the trail, the newest line first, in bounded steps.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::event::{Action, Ending, Event, Target};
use super::folder::{Name, Place, day_of, names};
use super::line::{Kind, Line};
use super::text::Text;
use crate::id::Sid;
use crate::time::Moment;

/// How much is read at once. Every line fits many times.
const BLOCK: u64 = 256 * 1024;
/// How much one question reads at most; the rest is for the next page.
const MOST: u64 = 8 * 1024 * 1024;

/// What to look for; nothing set finds everything.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Query {
    /// Whose.
    pub subject: Option<String>,
    /// At, or about, which client.
    pub client_id: Option<String>,
    /// Done by which client.
    pub by: Option<String>,
    /// What was done.
    pub action: Option<Action>,
    /// How it ended.
    pub ending: Option<Ending>,
    /// To which session.
    pub sid: Option<Sid>,
    /// To what, by its id: of a token, a session, a subject, a client or a key.
    pub target: Option<String>,
    /// With which request.
    pub request_id: Option<String>,
    /// At or after.
    pub since: Option<Moment>,
    /// Before.
    pub until: Option<Moment>,
    /// At most this many.
    pub limit: usize,
    /// From where: the place that the page before ended at.
    pub place: Option<Place>,
}

/// What was found.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Page {
    /// The newest first.
    pub events: Vec<Event>,
    /// Where the next page begins; none at the end. A page may be short, or empty, and still have a next one.
    pub next: Option<Place>,
}

impl Query {
    /// Looks through the files of a folder, at most 8 MiB of them.
    pub(super) fn find(&self, folder: &Path) -> io::Result<Page> {
        let mut lines = Backwards::new(folder, self.place)?;
        let mut page = Page::default();
        lines.until = self.until.map(day_of);
        lines.since = self.since.map(day_of);
        while let Some((place, text)) = lines.next()? {
            let event = read(&text).filter(|event| self.fits(event));
            page.events.extend(event);
            if page.events.len() >= self.limit.max(1) || lines.read >= MOST {
                page.next = Some(place).filter(|_| lines.has_more(place));
                break;
            }
        }
        Ok(page)
    }

    fn fits(&self, event: &Event) -> bool {
        let Self { subject, client_id, by, action, ending, sid, target, request_id, since, until, limit: _, place: _ } = self;
        let is = |wanted: &Option<String>, held: Option<&Text>| wanted.as_ref().is_none_or(|wanted| held == Some(&Text::of(wanted)));
        let deed = &event.deed;
        let (of_subject, of_client) = match &deed.target {
            Target::Subject(subject) => (Some(subject), deed.client_id.as_ref()),
            Target::Client(id) => (deed.subject.as_ref(), Some(id)),
            _ => (deed.subject.as_ref(), deed.client_id.as_ref()),
        };
        let is_target = target.as_ref().is_none_or(|wanted| deed.target.parts().1.as_deref() == Some(Text::of(wanted).as_str()))
            && sid.is_none_or(|wanted| deed.target == Target::Session(wanted));
        let is_kind = action.is_none_or(|wanted| deed.action == wanted) && ending.is_none_or(|wanted| event.ending == wanted);
        let is_then = since.is_none_or(|since| event.at >= since) && until.is_none_or(|until| event.at < until);
        let is_whose = is(subject, of_subject) && is(client_id, of_client) && is(by, Some(&deed.by.client_id));
        is_whose && is_target && is_kind && is_then && is(request_id, deed.asked.request_id.as_ref())
    }
}

/// Intents are not read at all: each has an outcome, or will have one.
fn read(text: &[u8]) -> Option<Event> {
    const INTENT: &[u8] = br#""kind":"intent""#;
    let begins_as_intent = text.get(..64.min(text.len()))?.windows(INTENT.len()).any(|part| part == INTENT);
    if begins_as_intent { None } else { Line::read(text).filter(|line| line.kind == Kind::Outcome).and_then(Line::event) }
}

/// The lines of a folder, the newest first, torn ones included; each with the place before it.
pub(super) struct Backwards {
    folder: PathBuf,
    /// The files that are still to come, the oldest first.
    files: Vec<Name>,
    current: Option<(Name, File, u64)>,
    /// Lines of the current block, in the order of the file.
    lines: Vec<(u64, Vec<u8>)>,
    /// How many bytes have been read.
    pub(super) read: u64,
    /// Files that begin later than a day after this one are passed over. (A clock that was set back may have put an earlier line there.)
    pub(super) until: Option<u64>,
    /// Files of earlier days are not read.
    pub(super) since: Option<u64>,
}

impl Backwards {
    pub(super) fn new(folder: &Path, place: Option<Place>) -> io::Result<Self> {
        let mut all =
            Self { folder: folder.to_owned(), files: names(folder)?, current: None, lines: Vec::new(), read: 0, until: None, since: None };
        if let Some(place) = place {
            all.files.retain(|name| *name <= place.file);
            if all.files.last() == Some(&place.file) {
                all.open_next(Some(place.end))?;
            }
        }
        Ok(all)
    }

    pub(super) fn next(&mut self) -> io::Result<Option<(Place, Vec<u8>)>> {
        loop {
            let file = self.current.as_ref().map(|(name, ..)| *name);
            if let (Some(file), Some((end, line))) = (file, self.lines.pop()) {
                return Ok(Some((Place { file, end }, line)));
            }
            match self.current.take() {
                Some((name, file, end)) if end > 0 => self.read_block(name, file, end)?,
                _ if !self.open_next(None)? => return Ok(None),
                _ => {}
            }
        }
    }

    /// Whether something lies before a place.
    pub(super) fn has_more(&self, place: Place) -> bool {
        place.end > 0 || self.files.iter().any(|name| self.since.is_none_or(|since| name.day >= since))
    }

    fn open_next(&mut self, end: Option<u64>) -> io::Result<bool> {
        loop {
            let Some(name) = self.files.pop() else { return Ok(false) };
            if self.since.is_some_and(|since| name.day < since) {
                self.files.clear();
                return Ok(false);
            }
            if end.is_none() && self.until.is_some_and(|until| name.day > until + 1) {
                continue;
            }
            let file = match File::open(self.folder.join(name.to_string())) {
                Ok(file) => file,
                // Its time came after the folder was looked at.
                Err(why) if why.kind() == io::ErrorKind::NotFound => continue,
                Err(why) => return Err(why),
            };
            let length = file.metadata()?.len();
            self.current = Some((name, file, end.unwrap_or(length).min(length)));
            return Ok(true);
        }
    }

    fn read_block(&mut self, name: Name, file: File, end: u64) -> io::Result<()> {
        let start = end.saturating_sub(BLOCK);
        let mut block = vec![0; usize::try_from(end - start).unwrap_or_default()];
        file.read_exact_at(&mut block, start)?;
        self.read += end - start;
        // A block that does not begin a file begins inside a line, which belongs to the block before.
        let first = if start == 0 { 0 } else { block.iter().position(|&byte| byte == b'\n').map_or(0, |at| at + 1) };
        let first = if first == block.len() { 0 } else { first };
        let mut at = first;
        for line in block[first..].split_inclusive(|&byte| byte == b'\n') {
            self.lines.push((start + at as u64, line.to_vec()));
            at += line.len();
        }
        self.current = Some((name, file, start + first as u64));
        Ok(())
    }
}
