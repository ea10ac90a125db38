//! One line: an event as JSON, chained to the line before it.

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::event::{Action, Asked, By, Deed, Ending, Event, Facts, Target};
use super::folder::Name;
use super::text::Text;
use crate::id::{EventId, Stamp};
use crate::time::Moment;

/// The version of the format.
const VERSION: u32 = 1;

/// SHA-256 of a line's bytes, without its end.
pub(super) type Digest = [u8; 32];

/// What the first line of all names as the one before it.
pub(super) const NONE_BEFORE: Digest = [0; 32];

/// Which half of an effect a line tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Intent,
    Outcome,
}

/// The shape of a line. Members that are not known are ignored when one is read: later versions may add some.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Line {
    v: u32,
    pub(super) kind: Kind,
    pub(super) id: EventId,
    #[serde(with = "rfc3339")]
    at: Moment,
    node: Text,
    action: Action,
    by: By,
    target: Target,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_id: Option<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason_code: Option<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request_id: Option<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<std::net::IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    result: Option<Ending>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stamp_ms: Option<Stamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sessions: Option<u32>,
    /// In the first line of a file, and in no other: the file's name. A file without it has lost its beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<String>,
    /// How many intents before this line, itself included, have no outcome yet.
    pub(super) open: usize,
    #[serde(with = "hex")]
    pub(super) prev: Digest,
}

/// What is to be written.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) id: EventId,
    pub(super) at: Moment,
    pub(super) deed: Deed,
    /// None for an intent.
    pub(super) ending: Option<(Ending, Facts)>,
}

impl Record {
    /// The line, with its end; `begins` is the file whose first line it is.
    pub(super) fn line(&self, node: &Text, begins: Option<Name>, open: usize, prev: Digest) -> Vec<u8> {
        let Deed { action, target, by, asked, subject, client_id, reason_code } = self.deed.clone();
        let Asked { request_id, from } = asked;
        let facts = self.ending.as_ref().map(|(_, facts)| facts.clone()).unwrap_or_default();
        let line = Line {
            v: VERSION,
            kind: if self.ending.is_some() { Kind::Outcome } else { Kind::Intent },
            id: self.id,
            at: self.at,
            node: node.clone(),
            action,
            by,
            target: facts.target.unwrap_or(target),
            subject: facts.subject.or(subject),
            client_id: facts.client_id.or(client_id),
            reason_code,
            request_id,
            from,
            result: self.ending.as_ref().map(|(ending, _)| *ending),
            code: facts.code.map(Text::of),
            stamp_ms: facts.stamp,
            sessions: facts.sessions,
            file: begins.map(|name| name.to_string()),
            open,
            prev,
        };
        // Serialising plain texts and numbers into memory cannot fail.
        let mut text = serde_json::to_vec(&line).unwrap_or_default();
        text.push(b'\n');
        text
    }
}

impl Line {
    /// Reads a line; `None` for one that is torn, or of a version that cannot be read.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        serde_json::from_slice::<Self>(text).ok().filter(|line| line.v == VERSION)
    }

    pub(super) fn deed(self) -> Deed {
        let Self { action, target, by, subject, client_id, reason_code, request_id, from, .. } = self;
        let asked = Asked { request_id, from };
        Deed { action, target, by, asked, subject, client_id, reason_code }
    }

    /// The event that an outcome tells; `None` for an intent.
    pub(super) fn event(self) -> Option<Event> {
        let ending = self.result?;
        let Self { id, at, ref node, ref code, stamp_ms, sessions, .. } = self;
        let (node, code) = (node.clone(), code.clone());
        Some(Event { id, at, node, deed: self.deed(), ending, code, stamp: stamp_ms, sessions })
    }

    /// The event of an intent that has no outcome.
    pub(super) fn into_interrupted(self) -> Event {
        let (id, at, node) = (self.id, self.at, self.node.clone());
        Event { id, at, node, deed: self.deed(), ending: Ending::Interrupted, code: None, stamp: None, sessions: None }
    }

    pub(super) fn at(&self) -> Moment {
        self.at
    }
}

/// The digest of a line without its end.
pub(super) fn digest_of(text: &[u8]) -> Digest {
    let mut out = NONE_BEFORE;
    out.copy_from_slice(digest(&SHA256, text.strip_suffix(b"\n").unwrap_or(text)).as_ref());
    out
}

/// A digest, for people.
pub(super) fn spelled(digest: &Digest) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

mod rfc3339 {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::time::Moment;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    pub(super) fn serialize<S: Serializer>(at: &Moment, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&at.to_rfc3339())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Moment, D::Error> {
        let text = String::deserialize(deserializer)?;
        Moment::parse_rfc3339(&text).ok_or_else(|| D::Error::custom("no time"))
    }
}

mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::{Digest, spelled};

    pub(super) fn serialize<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&spelled(digest))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digit = |at: usize| text.get(2 * at..2 * at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        let bytes: Option<Vec<u8>> = (0..32).map(digit).collect();
        bytes.filter(|_| text.len() == 64).and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| D::Error::custom("no digest"))
    }
}
