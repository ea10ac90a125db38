//! How many connections this process may hold open at all.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Handles for everything that is no connection: the store, logs, key files, connections out, and those that are just ending.
const OTHERS: u64 = 128;

/// As many of `wanted` connections as the system allows, after its soft limit of open files was raised as far as that needs.
pub(super) fn room_for(wanted: usize) -> usize {
    let needed = wanted as u64 + OTHERS;
    let limits = getrlimit(Resource::Nofile);
    let allowed = limits.current.unwrap_or(u64::MAX);
    if allowed >= needed {
        return wanted;
    }
    let most = limits.maximum.map_or(needed, |hard| hard.min(needed));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: limits.maximum });
    let now = if raised.is_ok() { most } else { allowed };
    if now >= needed {
        return wanted;
    }
    let room = usize::try_from(now.saturating_sub(OTHERS)).unwrap_or(usize::MAX).max(16);
    tracing::warn!(wanted, room, open_files = now, "fewer connections than configured: raise the limit of open files (ulimit -n)");
    room
}
