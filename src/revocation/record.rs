//! One raise of an epoch as it stands in a queue of bytes: a name takes as much as it is long.

use std::collections::VecDeque;

use super::{Extent, Target};
use crate::id::Stamp;

/// A raise that was read, and how many bytes it takes.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Entry {
    pub(super) target: Target,
    pub(super) extent: Extent,
    pub(super) stamp: Stamp,
    pub(super) bytes: usize,
}

/// Tick (4 bytes), target and extent (1), stamp (6), then each name behind its length.
pub(super) fn write(target: &Target, extent: Extent, stamp: Stamp, tick: u32) -> Vec<u8> {
    let (kind, names): (u8, &[&String]) = match target {
        Target::All => (0, &[]),
        Target::Subject(subject) => (1, &[subject]),
        Target::SubjectAtClient { subject, client } => (2, &[subject, client]),
        Target::Client(client) => (3, &[client]),
    };
    let mut bytes = tick.to_le_bytes().to_vec();
    bytes.push(kind << 1 | extent as u8);
    bytes.extend(&stamp.millis().to_le_bytes()[..6]);
    for name in names {
        write_length(&mut bytes, name.len());
        bytes.extend(name.as_bytes());
    }
    bytes
}

/// The tick of the first record; `None` at the end.
pub(super) fn tick(queue: &VecDeque<u8>) -> Option<u32> {
    Some(u32::from_le_bytes(array(&mut queue.iter())?))
}

/// The record that begins at a byte; `None` at the end.
pub(super) fn read(queue: &VecDeque<u8>, at: usize) -> Option<Entry> {
    let mut rest = queue.range(at.min(queue.len())..);
    let all = rest.len();
    let [_, _, _, _, what] = array(&mut rest)?;
    let mut millis = [0; 8];
    millis[..6].copy_from_slice(&array::<6>(&mut rest)?);
    let mut name = || -> Option<String> {
        let length = read_length(&mut rest)?;
        String::from_utf8(rest.by_ref().take(length).copied().collect()).ok()
    };
    let target = match what >> 1 {
        0 => Target::All,
        1 => Target::Subject(name()?),
        2 => Target::SubjectAtClient { subject: name()?, client: name()? },
        _ => Target::Client(name()?),
    };
    let extent = if what & 1 == 0 { Extent::Sessions } else { Extent::AccessTokens };
    Some(Entry { target, extent, stamp: Stamp::from_millis(u64::from_le_bytes(millis)), bytes: all - rest.len() })
}

/// Seven bits a byte, the lowest first; the topmost bit says that more follow.
fn write_length(bytes: &mut Vec<u8>, mut length: usize) {
    while length > 0x7f {
        bytes.push(length as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
}

fn read_length<'a>(bytes: &mut impl Iterator<Item = &'a u8>) -> Option<usize> {
    let (mut length, mut shift) = (0, 0);
    loop {
        let byte = *bytes.next()?;
        length |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return Some(length);
        }
    }
}

fn array<'a, const N: usize>(bytes: &mut impl Iterator<Item = &'a u8>) -> Option<[u8; N]> {
    let mut array = [0; N];
    for byte in &mut array {
        *byte = *bytes.next()?;
    }
    Some(array)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_names_of_any_length_stand_one_behind_the_other() {
        let long = "ü".repeat(10_000);
        let targets = [
            Target::All,
            Target::Subject(String::new()),
            Target::SubjectAtClient { subject: long.clone(), client: "x".repeat(127) },
            Target::Client("x".repeat(128)),
            Target::Subject(long),
        ];
        let (mut queue, mut at) = (VecDeque::new(), 0);
        for (tick, target) in (7..).zip(&targets) {
            queue.extend(write(target, Extent::AccessTokens, Stamp::from_millis((1 << 48) - u64::from(tick)), tick));
        }
        assert_eq!(self::tick(&queue), Some(7));
        for (tick, target) in (7..).zip(targets) {
            let entry = read(&queue, at).unwrap();
            at += entry.bytes;
            let stamp = Stamp::from_millis((1 << 48) - tick);
            assert_eq!(entry, Entry { target, extent: Extent::AccessTokens, stamp, bytes: entry.bytes });
        }
        assert_eq!((at, read(&queue, at), self::tick(&VecDeque::new())), (queue.len(), None, None));
    }
}
