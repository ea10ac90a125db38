//! Randomness, handed in wherever an id or a secret is made.

use std::sync::{Arc, Mutex, PoisonError};

/// How many bytes [`Drawn`] asks for at a time.
const DRAWN: usize = 1024;

/// A source of random bytes.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}

/// The operating system's generator.
#[derive(Clone, Copy, Default, Debug)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    /// # Panics
    /// When the operating system has no randomness: nothing may be made without it.
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system gives randomness");
    }
}

impl dyn Entropy {
    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

/// Randomness for names and delays, never for secrets: asked of its source a kilobyte at a time, since each question to the system costs more
/// than all else about a name.
pub struct Drawn {
    entropy: Arc<dyn Entropy>,
    left: Mutex<Vec<u8>>,
}

impl Drawn {
    /// Draws from this source.
    pub fn new(entropy: Arc<dyn Entropy>) -> Self {
        Self { entropy, left: Mutex::default() }
    }

    /// `N` random bytes, at most 1024.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        const { assert!(N <= DRAWN) };
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if left.len() < N {
            // Should that fail, nothing is left, and no zeros.
            let mut more = [0; DRAWN];
            self.entropy.fill(&mut more);
            left.clear();
            left.extend_from_slice(&more);
        }
        let at = left.len() - N;
        let mut bytes = [0; N];
        bytes.copy_from_slice(&left[at..]);
        left.truncate(at);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// Gives each eight bytes another number, and counts how often it is asked.
    #[derive(Default)]
    struct Numbers {
        next: AtomicU64,
        asked: AtomicU64,
    }

    impl Entropy for Numbers {
        fn fill(&self, bytes: &mut [u8]) {
            self.asked.fetch_add(1, Ordering::Relaxed);
            for part in bytes.chunks_mut(8) {
                part.copy_from_slice(&self.next.fetch_add(1, Ordering::Relaxed).to_be_bytes()[..part.len()]);
            }
        }
    }

    #[test]
    fn what_was_drawn_is_given_once_and_the_source_is_asked_seldom() {
        let numbers = Arc::new(Numbers::default());
        let drawn = Drawn::new(numbers.clone());
        let given: BTreeSet<[u8; 16]> = (0..1_000).map(|_| drawn.bytes::<16>()).collect();
        assert_eq!(given.len(), 1_000);
        assert!(numbers.asked.load(Ordering::Relaxed) <= 1_000 * 16 / DRAWN as u64 + 1);
        let odd: BTreeSet<[u8; 10]> = (0..1_000).map(|_| drawn.bytes::<10>()).collect();
        assert!(odd.len() > 900 && !odd.contains(&[0; 10]), "sizes may be mixed");
    }
}
