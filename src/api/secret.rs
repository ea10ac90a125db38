//! A secret on its one allowed way out: in the body that hands it to its owner.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::{RefOr, Schema};

use crate::secret::Secret;

/// A token or client secret inside a body. It serialises, because handing it over is what the body is for; it never prints.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Disclosed(Secret<String>);

impl Disclosed {
    /// Lets a secret out into a body.
    pub fn new(secret: Secret<String>) -> Self {
        Self(secret)
    }

    /// Takes it back into custody.
    pub fn into_secret(self) -> Secret<String> {
        self.0
    }

    /// Lends the content to `use_it`.
    pub fn expose<R>(&self, use_it: impl FnOnce(&str) -> R) -> R {
        self.0.expose(|content| use_it(content))
    }
}

impl Serialize for Disclosed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.expose(|content| serializer.serialize_str(content))
    }
}

impl<'de> Deserialize<'de> for Disclosed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|content| Self(Secret::new(content)))
    }
}

impl utoipa::PartialSchema for Disclosed {
    fn schema() -> RefOr<Schema> {
        String::schema()
    }
}

impl utoipa::ToSchema for Disclosed {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Disclosed")
    }
}
