//! Which proofs came before (RFC 9449 §11.1).

use std::collections::HashSet;
use std::mem;
use std::time::Duration;

use super::WINDOW;
use crate::time::Moment;

/// How long a proof could be accepted again by its `iat` alone.
const KEPT: Duration = Duration::from_secs(2 * WINDOW.as_secs());
/// How many proofs a generation remembers; two of them take some 10 MiB.
const MOST: usize = 200_000;

/// Remembers proofs for as long as they could be taken again. In memory, of one node: another node, or this one after a restart, takes a
/// proof a second time within its nonce's life; and beyond 200,000 proofs in 10 minutes the oldest are forgotten first.
#[derive(Debug)]
pub struct Seen {
    now: HashSet<[u8; 16]>,
    before: HashSet<[u8; 16]>,
    since: Moment,
    most: usize,
}

impl Default for Seen {
    fn default() -> Self {
        Self { now: HashSet::new(), before: HashSet::new(), since: Moment::default(), most: MOST }
    }
}

impl Seen {
    /// Whether this proof comes for the first time. It has come from now on.
    pub fn is_first(&mut self, id: [u8; 16], now: Moment) -> bool {
        let age = now.since(self.since);
        if age >= KEPT || self.now.len() >= self.most {
            self.before = mem::take(&mut self.now);
            if age >= 2 * KEPT {
                self.before.clear();
            }
            self.since = now;
        }
        !self.before.contains(&id) && self.now.insert(id)
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.now.len() + self.before.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment::from_seconds(1_800_000_000);

    fn later(seconds: u64) -> Moment {
        NOW.plus(Duration::from_secs(seconds))
    }

    #[test]
    fn a_proof_is_remembered_while_it_could_be_taken_again() {
        for began in [0, 1, 300, 599] {
            let mut seen = Seen::default();
            assert!(seen.is_first([0; 16], NOW));
            assert!(seen.is_first([1; 16], later(began)));
            for after in [0, 1, 299, 600] {
                assert!(!seen.is_first([1; 16], later(began + after)), "{began} {after}");
            }
        }
    }

    #[test]
    fn what_cannot_be_taken_again_is_forgotten() {
        let mut seen = Seen::default();
        assert!(seen.is_first([1; 16], NOW));
        assert!(seen.is_first([2; 16], later(600)));
        assert!(seen.is_first([3; 16], later(1_200)));
        assert_eq!(seen.len(), 2, "the first is gone");
        assert!(seen.is_first([4; 16], later(9_999)));
        assert_eq!(seen.len(), 1);
    }

    #[test]
    fn memory_is_bounded() {
        let mut seen = Seen { most: 10, ..Seen::default() };
        for count in 0..1_000_u16 {
            let mut id = [0; 16];
            id[..2].copy_from_slice(&count.to_be_bytes());
            assert!(seen.is_first(id, NOW));
            assert!(!seen.is_first(id, NOW), "the newest are remembered");
            assert!(seen.len() <= 20 && !seen.is_empty());
        }
    }
}
