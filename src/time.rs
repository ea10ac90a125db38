//! Points in time as the core counts them: integer milliseconds since the Unix epoch.

use std::fmt;
use std::time::Duration;

use ::time::OffsetDateTime;
use ::time::format_description::well_known::Rfc3339;

/// A point in time, in milliseconds since the Unix epoch. A value, never a clock: whoever needs "now" is handed one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Moment(u64);

/// How far ahead of us another's clock may be: `iat` and `nbf` up to here are accepted.
pub const CLOCK_AHEAD: Duration = Duration::from_secs(10);

impl Moment {
    /// The last moment that RFC 3339 can write: 9999-12-31T23:59:59.999Z.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// The moment `millis` milliseconds after the Unix epoch, at most [`Moment::MAX`].
    pub const fn from_millis(millis: u64) -> Self {
        Self(if millis > Self::MAX.0 { Self::MAX.0 } else { millis })
    }

    /// The moment `seconds` seconds after the Unix epoch, at most [`Moment::MAX`].
    pub const fn from_seconds(seconds: u64) -> Self {
        Self::from_millis(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the Unix epoch.
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down (the NumericDate of RFC 7519 §2).
    pub const fn seconds(self) -> u64 {
        self.0 / 1000
    }

    /// How long after `earlier` this is; zero when it is not after.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// This moment and a duration more, at most [`Moment::MAX`].
    pub fn plus(self, duration: Duration) -> Self {
        Self::from_millis(self.0.saturating_add(whole_millis(duration)))
    }

    /// This moment less a duration, at least the epoch.
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(whole_millis(duration)))
    }

    /// RFC 3339 in UTC with whole seconds: `2026-11-21T09:00:00Z` (PASETO claims).
    pub fn to_rfc3339_seconds(self) -> String {
        rfc3339(self.seconds().saturating_mul(1000))
    }

    /// RFC 3339 in UTC with milliseconds where there are any: `2026-11-21T09:00:00.25Z` (the API's `*_at`).
    pub fn to_rfc3339(self) -> String {
        rfc3339(self.0)
    }

    /// Reads any RFC 3339 date and time from 1970 on, in any offset, down to milliseconds (filters of the API, our own files).
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let nanos = OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp_nanos();
        u64::try_from(nanos / 1_000_000).ok().map(Self::from_millis)
    }

    /// Reads exactly `YYYY-MM-DDTHH:MM:SSZ`, capital T and Z, whole seconds: the one spelling that our PASETO tokens use.
    pub fn parse_rfc3339_seconds(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() != 20 || bytes[10] != b'T' || bytes[19] != b'Z' {
            return None;
        }
        let parsed = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        u64::try_from(parsed.unix_timestamp()).ok().map(Self::from_seconds)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A duration in whole milliseconds; what no `u64` holds is the greatest.
pub fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn rfc3339(millis: u64) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000)
        .ok()
        .and_then(|at| at.format(&Rfc3339).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_of_a_date_is_read() {
        assert_eq!(Moment::parse_rfc3339_seconds("1970-01-01T00:00:10Z"), Some(Moment::from_seconds(10)));
        for wrong in [
            "1970-01-01t00:00:10Z",
            "1970-01-01T00:00:10z",
            "1970-01-01T00:00:10.5Z",
            "1970-01-01T00:00:10+00:00",
            "1970-13-01T00:00:10Z",
            "",
        ] {
            assert_eq!(Moment::parse_rfc3339_seconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_date_of_the_api_is_read_in_any_offset() {
        let at = Moment::from_millis(1_795_251_600_250);
        assert_eq!(Moment::parse_rfc3339(&at.to_rfc3339()), Some(at));
        assert_eq!(Moment::parse_rfc3339("2026-11-21T10:00:00.25+01:00"), Moment::parse_rfc3339("2026-11-21T09:00:00.25Z"));
        assert_eq!(Moment::parse_rfc3339("1969-12-31T23:59:59Z"), None);
        assert_eq!(Moment::parse_rfc3339("yesterday"), None);
    }

    #[test]
    fn arithmetic_stays_in_range() {
        assert_eq!(Moment::MAX.plus(Duration::MAX), Moment::MAX);
        assert_eq!(Moment::from_millis(5).minus(Duration::from_secs(1)), Moment::from_millis(0));
        assert_eq!(Moment::MAX.to_rfc3339(), "9999-12-31T23:59:59.999Z");
        assert_eq!(Moment::from_millis(1_500).to_rfc3339_seconds(), "1970-01-01T00:00:01Z");
    }
}
