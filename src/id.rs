//! Ids that carry their origin in time: UUIDv7 (RFC 9562 §5.7) whose 48-bit time field is a stamp of the store.

use std::fmt;
use std::str::FromStr;

/// A point in store time that orders what was opened, minted and revoked, in milliseconds since the Unix epoch.
///
/// Given by the store, never going back within a shard. It serves order only: no lifetime, window or retention reads it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Stamp(u64);

impl Stamp {
    /// Before everything: as an epoch it voids nothing.
    pub const ZERO: Self = Self(0);
    const MAX: u64 = (1 << 48) - 1;

    /// The stamp `millis` milliseconds after the Unix epoch, at most the 48 bits of a UUIDv7 (the year 10889).
    pub const fn from_millis(millis: u64) -> Self {
        Self(if millis > Self::MAX { Self::MAX } else { millis })
    }

    /// Milliseconds since the Unix epoch.
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// The stamp `millis` later.
    pub const fn plus(self, millis: u64) -> Self {
        Self::from_millis(self.0.saturating_add(millis))
    }

    /// The next stamp: the least one that lies above an epoch set at this one.
    pub const fn next(self) -> Self {
        self.plus(1)
    }
}

/// Random bytes that an id is made of, handed in by the caller.
pub type IdRandom = [u8; 10];

macro_rules! uuid_v7 {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name([u8; 16]);

        impl $name {
            /// The id of a thing that originates at `stamp`.
            pub fn new(stamp: Stamp, random: &IdRandom) -> Self {
                Self(compose(stamp, random))
            }

            /// When the thing originated, in store time.
            pub fn stamp(&self) -> Stamp {
                stamp_of(&self.0)
            }

            /// The 16 bytes as they stand in stores and refresh tokens.
            pub fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// Takes 16 bytes back; `None` unless they are a UUID of version 7 and the RFC 9562 variant.
            pub fn from_bytes(bytes: [u8; 16]) -> Option<Self> {
                (bytes[6] >> 4 == 7 && bytes[8] >> 6 == 0b10).then_some(Self(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(spelled(&self.0, &mut [0; UUID]))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(spelled(&self.0, &mut [0; UUID]))
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            /// Reads the one spelling: lower case, hyphenated, version 7.
            fn from_str(text: &str) -> Result<Self, BadId> {
                parse_uuid(text).and_then(Self::from_bytes).ok_or(BadId)
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadId;

            fn try_from(text: String) -> Result<Self, BadId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
    };
}

uuid_v7! {
    /// A session's id: its time field is the stamp at which it was opened, its random part carries its shard.
    Sid
}
uuid_v7! {
    /// An access token's id: its time field is the stamp at which it was minted.
    Jti
}
uuid_v7! {
    /// The id of a revocation, under which its outcome can be read again.
    RevocationId
}
uuid_v7! {
    /// The id of an event of the audit trail. Its time field is the node's clock, not a stamp of the store: it orders nothing.
    EventId
}

impl Sid {
    /// The id of a session opened at `stamp` in `shard`: a refresh token alone finds its shard.
    pub fn in_shard(stamp: Stamp, shard: u8, random: &IdRandom) -> Self {
        let mut bytes = compose(stamp, random);
        bytes[6] = 0x70 | (shard >> 4);
        bytes[7] = (shard << 4) | (bytes[7] & 0x0f);
        Self(bytes)
    }

    /// The shard that holds the session: eight of the bits that RFC 9562 leaves to the maker (`rand_a`).
    pub fn shard(&self) -> u8 {
        (self.0[6] << 4) | (self.0[7] >> 4)
    }
}

/// A text that is no id of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadId;

impl fmt::Display for BadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a lower-case UUID of version 7")
    }
}

impl std::error::Error for BadId {}

/// Where a token comes from: all that revocation judges it by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Origin<'a> {
    /// The token.
    pub jti: Jti,
    /// Its session, where it has one.
    pub sid: Option<Sid>,
    /// Its subject.
    pub subject: &'a str,
    /// The client it was issued to.
    pub client: &'a str,
    /// The key that signed it.
    pub kid: &'a str,
}

impl Origin<'_> {
    /// When the token was minted, in store time.
    pub fn stamp(&self) -> Stamp {
        self.jti.stamp()
    }
}

fn compose(stamp: Stamp, random: &IdRandom) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&stamp.millis().to_be_bytes()[2..]);
    bytes[6..].copy_from_slice(random);
    bytes[6] = 0x70 | (bytes[6] & 0x0f);
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    bytes
}

fn stamp_of(bytes: &[u8; 16]) -> Stamp {
    let mut millis = [0; 8];
    millis[2..].copy_from_slice(&bytes[..6]);
    Stamp(u64::from_be_bytes(millis))
}

/// The length of the text of a UUID, and where each byte stands in it.
const UUID: usize = 36;
const PLACES: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

/// Appends the text of a UUID.
pub fn push_uuid(out: &mut String, bytes: &[u8; 16]) {
    out.push_str(spelled(bytes, &mut [0; UUID]));
}

fn spelled<'t>(bytes: &[u8; 16], text: &'t mut [u8; UUID]) -> &'t str {
    *text = [b'-'; UUID];
    for (byte, at) in bytes.iter().zip(PLACES) {
        text[at..at + 2].copy_from_slice(&hex(*byte));
    }
    str::from_utf8(text).unwrap_or_default()
}

/// A byte as two lower-case digits.
pub fn hex(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 0x0f)]]
}

fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let text: &[u8; UUID] = text.as_bytes().try_into().ok()?;
    if HYPHENS.iter().any(|&at| text[at] != b'-') {
        return None;
    }
    let mut bytes = [0; 16];
    for (byte, at) in bytes.iter_mut().zip(PLACES) {
        *byte = hex_digit(text[at])? << 4 | hex_digit(text[at + 1])?;
    }
    Some(bytes)
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_carries_its_stamp_and_shard() {
        let stamp = Stamp::from_millis(0x0190_1234_5678);
        for shard in [0, 1, 63, 255] {
            let sid = Sid::in_shard(stamp, shard, &[0xff; 10]);
            assert_eq!((sid.stamp(), sid.shard()), (stamp, shard));
            assert_eq!(sid.to_string().parse(), Ok(sid));
            assert_eq!(Sid::from_bytes(*sid.as_bytes()), Some(sid));
        }
    }

    #[test]
    fn one_spelling_of_an_id_is_read() {
        let good = "01901234-5678-7abc-8def-0123456789ab";
        assert_eq!(good.parse::<Jti>().map(|id| id.to_string()).as_deref(), Ok(good));
        for wrong in [
            "01901234-5678-7ABC-8def-0123456789ab", // upper case
            "0190123456787abc8def0123456789ab",
            "01901234-5678-4abc-8def-0123456789ab", // version 4
            "01901234-5678-7abc-cdef-0123456789ab", // other variant
            "01901234-5678-7abc-8def-0123456789a",
            "{1901234-5678-7abc-8def-0123456789ab",
            "",
        ] {
            assert_eq!(wrong.parse::<Jti>(), Err(BadId), "{wrong}");
        }
    }
}
