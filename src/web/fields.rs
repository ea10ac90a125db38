//! From a JSON value to a request type, and when that fails: which field, and what is wrong with it, in our words.

use std::fmt;

use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, Expected, IntoDeserializer as _, Unexpected, Visitor};
use serde_json::Value;

use crate::api::Code;
use crate::audit::Text;

/// One field that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Wrong {
    /// JSON pointer (RFC 6901).
    pub(super) pointer: String,
    /// What is wrong with it.
    pub(super) code: Code,
}

/// Reads a request out of a value that the strict reader has passed.
pub(super) fn read<T: DeserializeOwned>(value: Value) -> Result<T, Wrong> {
    T::deserialize(Node(value))
}

/// The longest name, in characters, that is told whole: names come from strangers and go into answers and logs.
const TOLD_WHOLE: usize = 40;

/// The pointer to a member of the outermost object; a name too long to be one of ours is cut, and one that looks like a credential removed.
pub(super) fn pointer(name: &str) -> String {
    let name = Text::of(name);
    let name = name.as_str();
    let told: String = match name.char_indices().nth(TOLD_WHOLE) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    };
    format!("/{}", told.replace('~', "~0").replace('/', "~1"))
}

impl Wrong {
    fn here(code: Code) -> Self {
        Self { pointer: String::new(), code }
    }

    fn inside(mut self, name: &str) -> Self {
        self.pointer.insert_str(0, &pointer(name));
        self
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.pointer, self.code.name())
    }
}

impl std::error::Error for Wrong {}

impl de::Error for Wrong {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::here(Code::Malformed)
    }

    fn invalid_type(_: Unexpected<'_>, _: &dyn Expected) -> Self {
        Self::here(Code::WrongType)
    }

    fn invalid_value(_: Unexpected<'_>, _: &dyn Expected) -> Self {
        Self::here(Code::OutOfRange)
    }

    fn unknown_field(field: &str, _: &'static [&'static str]) -> Self {
        Self::here(Code::UnknownMember).inside(field)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::here(Code::Required).inside(field)
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::here(Code::Duplicate).inside(field)
    }
}

/// A value on its way into a type.
struct Node(Value);

impl<'de> Deserializer<'de> for Node {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(truth) => visitor.visit_bool(truth),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(whole), _) => visitor.visit_u64(whole),
                (None, Some(negative)) => visitor.visit_i64(negative),
                (None, None) => visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(text) => visitor.visit_string(text),
            Value::Array(elements) => visitor.visit_seq(Elements { rest: elements.into_iter(), at: 0 }),
            Value::Object(members) => visitor.visit_map(Members { rest: members.into_iter(), open: None }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(self, _: &'static str, _: &'static [&'static str], visitor: V) -> Result<V::Value, Wrong> {
        match self.0 {
            Value::String(name) => visitor.visit_enum(name.into_deserializer()),
            _ => Err(Wrong::here(Code::WrongType)),
        }
    }

    /// Only from an object: serde would read the members from an array too, by their places.
    fn deserialize_struct<V: Visitor<'de>>(self, _: &'static str, _: &'static [&'static str], visitor: V) -> Result<V::Value, Wrong> {
        if self.0.is_object() { self.deserialize_any(visitor) } else { Err(Wrong::here(Code::WrongType)) }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

struct Elements {
    rest: std::vec::IntoIter<Value>,
    at: usize,
}

impl<'de> de::SeqAccess<'de> for Elements {
    type Error = Wrong;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Wrong> {
        let Some(element) = self.rest.next() else { return Ok(None) };
        let at = self.at;
        self.at += 1;
        seed.deserialize(Node(element)).map(Some).map_err(|wrong| wrong.inside(&at.to_string()))
    }
}

struct Members {
    rest: serde_json::map::IntoIter,
    open: Option<(String, Value)>,
}

impl<'de> de::MapAccess<'de> for Members {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Wrong> {
        self.open = self.rest.next();
        self.open.as_ref().map(|(name, _)| seed.deserialize(name.clone().into_deserializer())).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        let (name, value) = self.open.take().unwrap_or_default();
        seed.deserialize(Node(value)).map_err(|wrong| wrong.inside(&name))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::{NewRevocation, NewSession, ReplaceClient};

    fn wrong<T: DeserializeOwned + fmt::Debug>(value: Value) -> (String, Code) {
        let wrong = read::<T>(value).unwrap_err();
        (wrong.pointer, wrong.code)
    }

    #[test]
    fn the_pointer_names_the_field_and_the_code_what_is_wrong() {
        let cases = [
            (json!({"client_id": "c"}), "/subject", Code::Required),
            (json!({"subject": 7, "client_id": "c"}), "/subject", Code::WrongType),
            (json!({"subject": "s", "client_id": "c", "admin": true}), "/admin", Code::UnknownMember),
            (json!({"subject": "s", "client_id": "c", "audience": ["a", 1]}), "/audience/1", Code::WrongType),
            (json!({"subject": "s", "client_id": "c", "cnf": {"jkt": "k", "a/b": 1}}), "/cnf/a~1b", Code::UnknownMember),
            (json!({"subject": "s", "client_id": "c", "device": {"ip": 1}}), "/device/ip", Code::WrongType),
            (json!({"subject": "s", "client_id": "c", "scope": "a  b"}), "/scope", Code::Malformed),
            (json!({"subject": "s", "client_id": "c", "lifetime": -1}), "/lifetime", Code::OutOfRange),
            (json!({"subject": "s", "client_id": "c", "lifetime": 1.5}), "/lifetime", Code::WrongType),
            (json!({"subject": "s", "client_id": "c", "claims": []}), "/claims", Code::WrongType),
            (json!({"subject": "s", "client_id": "c", "cnf": ["k"]}), "/cnf", Code::WrongType),
            (json!(["s", "c"]), "", Code::WrongType),
        ];
        for (value, pointer, code) in cases {
            assert_eq!(wrong::<NewSession>(value.clone()), (pointer.to_owned(), code), "{value}");
        }
    }

    #[test]
    fn a_target_has_exactly_the_members_of_its_type() {
        let cases = [
            (json!({"target": {}}), "/target/type", Code::Required),
            (json!({"target": {"type": "token"}}), "/target/jti", Code::Required),
            (json!({"target": {"type": "token", "jti": "x"}}), "/target", Code::Malformed),
            (json!({"target": {"type": "all", "subject": "s"}}), "/target/subject", Code::UnknownMember),
            (json!({"target": {"type": "client", "client_id": "c", "except_sid": null}}), "/target/except_sid", Code::UnknownMember),
            (json!({"target": {"type": "world"}}), "/target/type", Code::Malformed),
            (json!({"target": ["all"]}), "/target", Code::WrongType),
            (json!({"target": {"type": "all"}, "extent": "all"}), "/extent", Code::Malformed),
        ];
        for (value, pointer, code) in cases {
            assert_eq!(wrong::<NewRevocation>(value.clone()), (pointer.to_owned(), code), "{value}");
        }
    }

    #[test]
    fn a_put_that_omits_a_member_is_an_error() {
        let whole = json!({"type": "public", "jwks": null, "grants": [], "scopes": [], "audiences": [], "opens_for": [], "format": "jwt", "origins": [],
            "access_ttl": null, "absolute": null, "idle": null, "retry_window": null, "rotation_pause": 5,
            "rotates": true, "dpop_bound_access_tokens": false, "sessions_per_slot": null, "disabled": false});
        assert!(read::<ReplaceClient>(whole.clone()).is_ok());
        for name in whole.as_object().unwrap().keys() {
            let mut part = whole.clone();
            part.as_object_mut().unwrap().remove(name);
            assert_eq!(wrong::<ReplaceClient>(part), (format!("/{name}"), Code::Required));
        }
    }
}
