//! Whether files of the trail are as they were written.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::folder::name_of;
use super::line::{Digest, Line, NONE_BEFORE, digest_of, spelled};
use crate::time::Moment;

/// What whole files say of themselves.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Verdict {
    /// How many lines.
    pub lines: u64,
    /// Lines that a crash tore off; the chain goes through them.
    pub torn: u64,
    /// Whether the trail begins here; if not, older files have been removed, or were not given.
    pub from_the_beginning: bool,
    /// When the first line was written.
    pub first_at: Option<Moment>,
    /// When the last line was written.
    pub last_at: Option<Moment>,
    /// SHA-256 of the last line, in hex: compare it with one that was noted elsewhere, to see that nothing was cut off at the end.
    pub head: String,
    /// Where the chain breaks first.
    pub broken: Option<Broken>,
}

/// A line that does not follow the one before it: something was changed, left out or put in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: u64,
}

/// Follows the chain through files, which are taken in the order that their names say.
///
/// An edit, a line left out or one put in breaks it. Whoever can write the files could compute every line after his edit anew: only a
/// head that was noted elsewhere shows that, and that lines were cut off at the end.
///
/// # Errors
/// When a file cannot be read.
pub fn verify(paths: &[PathBuf]) -> io::Result<Verdict> {
    let mut paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    paths.sort_by_key(|path| name_of(path));
    let mut verdict = Verdict::default();
    let mut head: Option<Digest> = None;
    for path in paths {
        let mut reader = BufReader::new(File::open(path)?);
        let (mut text, mut number) = (Vec::new(), 0);
        while reader.read_until(b'\n', &mut text)? > 0 {
            number += 1;
            follow(&mut verdict, &mut head, &text, path, number);
            text.clear();
        }
    }
    verdict.head = head.map(|head| spelled(&head)).unwrap_or_default();
    Ok(verdict)
}

fn follow(verdict: &mut Verdict, head: &mut Option<Digest>, text: &[u8], path: &Path, number: u64) {
    verdict.lines += 1;
    match Line::read(text) {
        None => verdict.torn += 1,
        Some(line) => {
            if verdict.first_at.is_none() {
                verdict.first_at = Some(line.at());
                verdict.from_the_beginning = line.prev == NONE_BEFORE;
            }
            verdict.last_at = Some(line.at());
            let follows = head.is_none_or(|head| line.prev == head);
            if !follows && verdict.broken.is_none() {
                verdict.broken = Some(Broken { path: path.to_owned(), line: number });
            }
        }
    }
    *head = Some(digest_of(text));
}
