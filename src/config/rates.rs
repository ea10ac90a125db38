//! `[rate_limits]`.

use std::time::Duration;

use super::section::Section;
use super::settings::{Rate, RateLimits};

#[derive(Clone, Copy)]
enum Apply {
    Auto,
    On,
    Off,
}

/// Reads the limits; `None` where they do not hold. `is_local`: whether only this machine can ask.
pub(super) fn read(top: &mut Section<'_>, is_local: bool) -> Option<RateLimits> {
    let mut section = top.section("rate_limits");
    let apply = section.choice("apply", &[("auto", Apply::Auto), ("on", Apply::On), ("off", Apply::Off)]);
    let per_minute = section.number("failures_per_minute", 1, 60_000).unwrap_or(60);
    let per_second = section.number("requests_per_second", 1, 100_000).unwrap_or(1_000);
    let limits = RateLimits {
        failures: Rate { every: Duration::from_secs(60) / per_minute, burst: section.number("failures_burst", 1, 100_000).unwrap_or(120) },
        requests: Rate {
            every: Duration::from_secs(1) / per_second,
            burst: section.number("requests_burst", 1, 1_000_000).unwrap_or(2_000),
        },
    };
    section.finish();
    let holds = match apply.unwrap_or(Apply::Auto) {
        Apply::Auto => !is_local,
        Apply::On => true,
        Apply::Off => false,
    };
    holds.then_some(limits)
}
