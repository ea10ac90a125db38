//! Lengths of time as people write them: a whole number and a unit.

use std::time::Duration;

use crate::time::whole_millis;

const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// Reads `90s`, `5m`, `12h`, `30d` or `250ms`; a bare `0` too. Anything else is `None`.
pub(super) fn parse(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*millis).map(Duration::from_millis)
}

/// The shortest spelling that [`parse`] reads back; below a millisecond nothing is kept.
pub(super) fn print(duration: Duration) -> String {
    let millis = whole_millis(duration);
    if millis == 0 {
        return "0s".to_owned();
    }
    let (unit, size) = UNITS.iter().rev().find(|(_, size)| millis.is_multiple_of(*size)).unwrap_or(&UNITS[0]);
    format!("{}{unit}", millis / size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_print() {
        for text in ["250ms", "90s", "5m", "12h", "30d", "0s"] {
            assert_eq!(print(parse(text).unwrap()), text);
        }
        assert_eq!(parse("0"), Some(Duration::ZERO));
        for wrong in ["", "5", "m", "5 m", "-5m", "1.5h", "5M", "5min", "1h30m", "99999999999999999999d", "999999999999999999d"] {
            assert_eq!(parse(wrong), None, "{wrong:?}");
        }
    }
}
