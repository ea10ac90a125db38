//! The folder of the trail: one file a day, more where a day is long; the names sort as they were written.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::text::Text;
use crate::time::Moment;

/// Holds the node's name, and is locked while a node writes here.
const NODE_FILE: &str = "node";
const DAY: u64 = 86_400;

/// Why the trail cannot be kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AuditFault {
    /// The folder or a file in it cannot be read or written.
    Io {
        /// Which.
        path: PathBuf,
        /// Why, in the system's words.
        why: String,
    },
    /// Others than its owner may write there.
    TooOpen {
        /// The folder.
        path: PathBuf,
    },
    /// Something else than a file has the name of one.
    NotAFile {
        /// Which.
        path: PathBuf,
    },
    /// Another process writes there.
    InUse {
        /// The folder.
        path: PathBuf,
    },
}

impl fmt::Display for AuditFault {
    /// With what to do about it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, why } => {
                write!(
                    f,
                    "the audit trail: {}: {why}. Let this process's user write there, make room, or name another folder with audit.folder.",
                    path.display()
                )
            }
            Self::TooOpen { path } => write!(f, "the audit trail: others may write to {0}; run: chmod go-w {0}", path.display()),
            Self::NotAFile { path } => {
                write!(
                    f,
                    "the audit trail: {} is no plain file, and is not opened. Move it away, and look who put it there.",
                    path.display()
                )
            }
            Self::InUse { path } => {
                write!(
                    f,
                    "the audit trail: another mintage writes to {}. Stop it, or name another folder with audit.folder.",
                    path.display()
                )
            }
        }
    }
}

impl std::error::Error for AuditFault {}

impl AuditFault {
    /// `path` is what was being done, where the error does not say better.
    pub(super) fn io(path: &Path, why: &io::Error) -> Self {
        match why.get_ref().and_then(|inner| inner.downcast_ref::<Self>()) {
            Some(fault) => fault.clone(),
            None => Self::Io { path: path.to_owned(), why: why.to_string() },
        }
    }
}

/// One file of the trail: the first day that it tells of, and which of that day.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Name {
    /// Days since the Unix epoch, in UTC.
    pub(super) day: u64,
    pub(super) number: u32,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = Moment::from_seconds(self.day * DAY).to_rfc3339_seconds();
        write!(f, "audit-{}.{:06}.ndjson", date.get(..10).unwrap_or_default(), self.number)
    }
}

impl FromStr for Name {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let parts = text.strip_prefix("audit-").and_then(|rest| rest.strip_suffix(".ndjson")).and_then(|rest| rest.split_once('.'));
        let (date, number) = parts.ok_or(())?;
        let start = Moment::parse_rfc3339_seconds(&format!("{date}T00:00:00Z")).ok_or(())?;
        let name = Self { day: day_of(start), number: number.parse().map_err(|_| ())? };
        if name.to_string() == text { Ok(name) } else { Err(()) }
    }
}

pub(super) fn day_of(at: Moment) -> u64 {
    at.seconds() / DAY
}

/// A place in the trail: what comes before it has not been read yet. On the wire it is opaque text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    pub(super) file: Name,
    pub(super) end: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.file.day, self.file.number, self.end)
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let numbers: Vec<u64> = text.split('.').map(str::parse).collect::<Result<_, _>>().map_err(|_| ())?;
        let [day, number, end] = numbers[..] else { return Err(()) };
        // The last day that can be written as a date.
        let day = Some(day).filter(|day| *day <= Moment::MAX.seconds() / DAY).ok_or(())?;
        Ok(Self { file: Name { day, number: u32::try_from(number).map_err(|_| ())? }, end })
    }
}

/// The folder, opened for writing by this process alone.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    pub(super) node: Text,
    /// Held for its lock.
    _lock: File,
}

impl Folder {
    /// Opens the folder, makes it (0700) where there is none, and locks it. `random` names the node where it has no name yet.
    pub(super) fn open(path: &Path, random: [u8; 4]) -> Result<Self, AuditFault> {
        let io = |why: io::Error| AuditFault::io(path, &why);
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io)?;
        if fs::metadata(path).map_err(io)?.mode() & 0o022 != 0 {
            return Err(AuditFault::TooOpen { path: path.to_owned() });
        }
        let node_path = path.join(NODE_FILE);
        if let Ok(found) = fs::symlink_metadata(&node_path) {
            must_be_plain(&node_path, found.file_type()).map_err(io)?;
        }
        let mut lock = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&node_path).map_err(io)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(AuditFault::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(why)) => return Err(io(why)),
        }
        let mut node = String::new();
        (&lock).take(64).read_to_string(&mut node).map_err(io)?;
        if node.is_empty() {
            node = format!("{:08x}", u32::from_be_bytes(random));
            lock.write_all(node.as_bytes()).and_then(|()| lock.sync_all()).map_err(io)?;
        }
        Ok(Self { path: path.to_owned(), node: Text::of(node.trim()), _lock: lock })
    }

    /// Opens a file of the trail to append to, readable by its owner only; with its length.
    pub(super) fn append_to(&self, name: Name) -> io::Result<(File, u64)> {
        let path = self.path.join(name.to_string());
        let is_new = !path.exists();
        let file = OpenOptions::new().append(true).read(true).create(true).mode(0o600).open(path)?;
        if is_new {
            File::open(&self.path)?.sync_all()?;
        }
        let length = file.metadata()?.len();
        Ok((file, length))
    }

    /// Removes what is older than `oldest` or beyond `total` bytes, the oldest first, never `current`; answers with what went for want
    /// of room, which is more than the operator asked for.
    pub(super) fn prune(&self, current: Name, oldest: u64, total: u64) -> io::Result<Vec<Name>> {
        let mut files = Vec::new();
        for name in names(&self.path)?.into_iter().filter(|name| *name != current) {
            files.push((name, fs::metadata(self.path.join(name.to_string()))?.len()));
        }
        let mut held: u64 = files.iter().map(|(_, length)| length).sum();
        let mut crowded_out = Vec::new();
        for (name, length) in files {
            let is_old = name.day < oldest;
            if !is_old && held <= total {
                break;
            }
            fs::remove_file(self.path.join(name.to_string()))?;
            held -= length;
            if !is_old {
                crowded_out.push(name);
            }
        }
        Ok(crowded_out)
    }
}

/// The files of the trail, the oldest first. Whatever else lies in the folder is none of them; what has the name of one must be a plain
/// file: opening a pipe would wait for ever, and a link may lead anywhere.
pub(super) fn names(path: &Path) -> io::Result<Vec<Name>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if let Some(name) = entry.file_name().to_str().and_then(|name| name.parse::<Name>().ok()) {
            must_be_plain(&entry.path(), entry.file_type()?)?;
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn must_be_plain(path: &Path, found: fs::FileType) -> io::Result<()> {
    if found.is_file() { Ok(()) } else { Err(io::Error::other(AuditFault::NotAFile { path: path.to_owned() })) }
}
