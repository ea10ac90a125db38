//! What is told of an effect.

use std::net::IpAddr;
use std::str::FromStr;

use serde::de::value::{Error, StrDeserializer};
use serde::{Deserialize, Serialize};

use super::text::Text;
use crate::id::{EventId, Jti, Sid, Stamp};
use crate::time::Moment;

/// What is done: a closed list. Names are never changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A session is opened.
    OpenSession,
    /// Claims are merged into one session, or its scope is narrowed.
    PatchSession,
    /// Claims are merged into every session of a subject.
    PatchSubject,
    /// Something is called back.
    Revoke,
    /// A client gives a token back (RFC 7009).
    GiveBack,
    /// A superseded refresh token was presented: its session has been ended.
    ReuseDetected,
    /// A session had to go for a new one: its subject, or its slot, has as many as it may have.
    SessionDisplaced,
    /// A client is registered.
    AddClient,
    /// A client's registration is replaced.
    ReplaceClient,
    /// A client is removed.
    RemoveClient,
    /// A client is given one more secret.
    AddSecret,
    /// A secret of a client is ended.
    RemoveSecret,
    /// A key is made and published.
    AnnounceKey,
    /// Standbys are told to sign.
    RotateKeys,
    /// The announced MAC key is told to make refresh tokens.
    RotateMacKeys,
    /// A key is told to sign no more.
    RetireKey,
    /// A backup of the store is taken.
    TakeBackup,
    /// A key is in another state, which [`Deed::reason_code`] names: its time has come, whoever set it.
    KeyTurned,
}

impl Action {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenSession => "open_session",
            Self::PatchSession => "patch_session",
            Self::PatchSubject => "patch_subject",
            Self::Revoke => "revoke",
            Self::GiveBack => "give_back",
            Self::ReuseDetected => "reuse_detected",
            Self::SessionDisplaced => "session_displaced",
            Self::AddClient => "add_client",
            Self::ReplaceClient => "replace_client",
            Self::RemoveClient => "remove_client",
            Self::AddSecret => "add_secret",
            Self::RemoveSecret => "remove_secret",
            Self::AnnounceKey => "announce_key",
            Self::RotateKeys => "rotate_keys",
            Self::RotateMacKeys => "rotate_mac_keys",
            Self::RetireKey => "retire_key",
            Self::TakeBackup => "take_backup",
            Self::KeyTurned => "key_turned",
        }
    }

    /// Whether it only takes away what somebody could do: the safe direction.
    pub fn takes_back(self) -> bool {
        matches!(self, Self::Revoke | Self::GiveBack)
    }
}

impl FromStr for Action {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::deserialize(StrDeserializer::<Error>::new(name)).map_err(|_| ())
    }
}

/// Who does it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct By {
    /// Which client.
    pub client_id: Text,
    /// The access token that it came with, at the management API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jti: Option<Jti>,
}

/// Which request it came with.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Asked {
    /// Its id, as the answer and the log say it.
    pub request_id: Option<Text>,
    /// The address of whoever sent it.
    pub from: Option<IpAddr>,
}

/// What it is done to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", content = "id", rename_all = "snake_case")]
pub enum Target {
    /// An access token.
    Token(Jti),
    /// A session.
    Session(Sid),
    /// A subject, everywhere or at [`Deed::client_id`].
    Subject(Text),
    /// A client.
    Client(Text),
    /// Everything.
    All,
    /// A signing key, by its `kid`; or the name of the algorithm of one that is yet to be made.
    Key(Text),
    /// Every key of the ring.
    Keys,
}

impl Target {
    /// The word for its kind, and its id where it has one.
    pub fn parts(&self) -> (&'static str, Option<String>) {
        match self {
            Self::Token(jti) => ("token", Some(jti.to_string())),
            Self::Session(sid) => ("session", Some(sid.to_string())),
            Self::Subject(subject) => ("subject", Some(subject.to_string())),
            Self::Client(id) => ("client", Some(id.to_string())),
            Self::All => ("all", None),
            Self::Key(kid) => ("key", Some(kid.to_string())),
            Self::Keys => ("keys", None),
        }
    }
}

/// An effect, as it is known before it happens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Deed {
    /// What.
    pub action: Action,
    /// To what.
    pub target: Target,
    /// Who does it.
    pub by: By,
    /// With which request.
    pub asked: Asked,
    /// Whose session it is about, where that is known.
    pub subject: Option<Text>,
    /// At which client, where that is known.
    pub client_id: Option<Text>,
    /// The reason given, for programs.
    pub reason_code: Option<Text>,
}

impl Deed {
    /// A deed of which no more is known.
    pub fn new(action: Action, target: Target, by: By) -> Self {
        let asked = Asked::default();
        Self { action, target, by, asked, subject: None, client_id: None, reason_code: None }
    }
}

/// How it ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It happened, and is durable.
    Done,
    /// It did not happen.
    Refused,
    /// Nobody can say: the store, the folder of keys or the node itself failed while it happened.
    Unknown,
    /// The node ended while it happened: nobody can say. Written at the next start.
    Interrupted,
}

impl Ending {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
            Self::Interrupted => "interrupted",
        }
    }
}

impl FromStr for Ending {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::deserialize(StrDeserializer::<Error>::new(name)).map_err(|_| ())
    }
}

/// What is known of an effect only afterwards.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Facts {
    /// To what, where it was not known before.
    pub target: Option<Target>,
    /// Whose session it was about.
    pub subject: Option<Text>,
    /// At which client.
    pub client_id: Option<Text>,
    /// Up to when something is void, or since when something exists, in store time.
    pub stamp: Option<Stamp>,
    /// How many sessions it touched, where that is counted.
    pub sessions: Option<u32>,
    /// The code of the refusal or fault.
    pub code: Option<&'static str>,
}

impl Facts {
    /// Only to what.
    pub fn of(target: Target) -> Self {
        Self { target: Some(target), ..Self::default() }
    }
}

/// An effect that has ended, as a line says it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// The same for intent and outcome.
    pub id: EventId,
    /// When it ended, by the node's clock.
    pub at: Moment,
    /// Which node wrote it.
    pub node: Text,
    /// What, to what, by whom.
    pub deed: Deed,
    /// How it ended.
    pub ending: Ending,
    /// The code of the refusal or fault.
    pub code: Option<Text>,
    /// See [`Facts::stamp`].
    pub stamp: Option<Stamp>,
    /// See [`Facts::sessions`].
    pub sessions: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_the_same_in_a_line_a_filter_and_the_log() {
        let actions = [
            Action::OpenSession,
            Action::PatchSession,
            Action::PatchSubject,
            Action::Revoke,
            Action::GiveBack,
            Action::ReuseDetected,
            Action::SessionDisplaced,
            Action::AddClient,
            Action::ReplaceClient,
            Action::RemoveClient,
            Action::AddSecret,
            Action::RemoveSecret,
            Action::AnnounceKey,
            Action::RotateKeys,
            Action::RotateMacKeys,
            Action::TakeBackup,
            Action::RetireKey,
            Action::KeyTurned,
        ];
        let page = include_str!("../../docs/api.md");
        for action in actions {
            assert_eq!(serde_json::to_value(action).unwrap(), action.name());
            assert_eq!(action.name().parse(), Ok(action));
            assert!(page.contains(&format!("`{}`", action.name())), "docs/api.md does not know {}", action.name());
        }
        for ending in [Ending::Done, Ending::Refused, Ending::Unknown, Ending::Interrupted] {
            assert_eq!((serde_json::to_value(ending).unwrap(), ending.name().parse()), (ending.name().into(), Ok(ending)));
        }
        assert_eq!("revoked".parse::<Action>(), Err(()));
    }
}
