//! `/v1/revocations`.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::id::{Jti, Sid};
use crate::revocation::Extent;

/// `POST /v1/revocations`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRevocation {
    /// What.
    #[serde(deserialize_with = "object")]
    pub target: TargetBody,
    /// How far; `sessions` where nothing is said. Only subjects, clients and `all` know `access_tokens`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "sessions")]
    pub extent: Option<Extent>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Only say what would happen.
    #[serde(default)]
    pub dry_run: bool,
}

/// What is to be called back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum TargetBody {
    /// One access token.
    Token {
        /// Its id.
        #[schema(value_type = String, format = "uuid")]
        jti: Jti,
    },
    /// One session.
    Session {
        /// Its id.
        #[schema(value_type = String, format = "uuid")]
        sid: Sid,
    },
    /// A subject.
    Subject {
        /// Whose.
        subject: String,
        /// Only at this client.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client_id: Option<String>,
        /// All sessions but this one: "sign out my other devices".
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>, format = "uuid")]
        except_sid: Option<Sid>,
    },
    /// Every subject of a client.
    Client {
        /// Which.
        client_id: String,
    },
    /// Everything.
    All {},
    /// Everything that a key signed.
    Key {
        /// Which.
        kid: String,
    },
}

/// Why something was revoked.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// For programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// For people. What looks like a token or a secret is left out, here and above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A revocation as it was carried out, or, on a dry run, would be.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct RevocationBody {
    /// Its id; `null` on a dry run.
    pub id: Option<String>,
    /// What.
    pub target: TargetBody,
    /// How far.
    #[schema(value_type = String)]
    pub extent: Extent,
    /// Up to when, in store time; `null` on a dry run.
    pub stamp_ms: Option<u64>,
    /// Where the log has it: opaque; `null` on a dry run.
    pub position: Option<String>,
    /// When; `null` on a dry run.
    pub created_at: Option<String>,
    /// By when every edge has it or refuses; `null` on a dry run.
    pub enforced_by: Option<String>,
    /// Which edges have applied it; always `null` for now.
    #[schema(value_type = Option<Object>)]
    pub receipt: Option<serde_json::Value>,
    /// Why.
    pub reason: Option<Reason>,
    /// The client that asked.
    pub by: String,
    /// How many live sessions it ends, where that is known.
    pub sessions: Option<u32>,
    /// Whether nothing was done.
    pub dry_run: bool,
}

/// Reads a target from an object only: serde would read a tagged enum from an array too, by places.
fn object<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TargetBody, D::Error> {
    struct Object;

    impl<'de> Visitor<'de> for Object {
        type Value = TargetBody;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<TargetBody, A::Error> {
            TargetBody::deserialize(MapAccessDeserializer::new(members))
        }
    }

    deserializer.deserialize_map(Object)
}
