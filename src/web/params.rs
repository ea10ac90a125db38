//! Parameters of forms and queries (`application/x-www-form-urlencoded`), read strictly.

use memchr::{memchr, memchr_iter, memchr2};

use crate::api::Code;
use crate::secret::Secret;

/// Parameters that may come more than once (RFC 8707 §2, RFC 8693 §2.1).
const REPEATABLE: [&str; 2] = ["resource", "audience"];
/// How many parameters are read at most.
const MOST: usize = 64;

/// Parameters in the order they came, each name once but for `resource` and `audience`. In a form, one without a value counts as left
/// out (RFC 6749 §3.1). Values never print: they may be tokens.
#[derive(Clone, Debug)]
pub struct Params(Vec<(String, Secret<String>)>);

/// Why parameters are not read; with the name of the one that is wrong, where it has one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadParams {
    /// The parameter, where it has a name.
    pub name: Option<String>,
    /// What is wrong.
    pub code: Code,
}

impl Params {
    /// Reads a body. Percent signs stand before two hexadecimal digits, and what they spell is UTF-8.
    pub fn parse(text: &[u8]) -> Result<Self, BadParams> {
        let mut params = Self::pairs(text)?;
        params.retain(|(_, value)| !is_empty(value));
        Ok(Self(params))
    }

    /// Reads a query, in which a parameter without a value is a mistake: a filter left empty must not list everything.
    pub fn parse_filled(text: &[u8]) -> Result<Self, BadParams> {
        let params = Self::pairs(text)?;
        match params.iter().find(|(_, value)| is_empty(value)) {
            Some((name, _)) => Err(BadParams { name: Some(name.clone()), code: Code::Required }),
            None => Ok(Self(params)),
        }
    }

    fn pairs(text: &[u8]) -> Result<Vec<(String, Secret<String>)>, BadParams> {
        let mut params: Vec<(String, Secret<String>)> = Vec::new();
        for pair in parts(text, b'&').filter(|pair| !pair.is_empty()) {
            let at = memchr(b'=', pair);
            let (name, value) = at.map_or((pair, &b""[..]), |at| (&pair[..at], &pair[at + 1..]));
            let name = decode(name).ok_or(BadParams { name: None, code: Code::Malformed })?;
            let value = decode(value).map(Secret::new).ok_or_else(|| BadParams { name: Some(name.clone()), code: Code::Malformed })?;
            if params.iter().any(|(seen, _)| *seen == name) && !REPEATABLE.contains(&name.as_str()) {
                return Err(BadParams { name: Some(name), code: Code::Duplicate });
            }
            if params.len() == MOST {
                return Err(BadParams { name: None, code: Code::TooMany });
            }
            params.push((name, value));
        }
        Ok(params)
    }

    /// The value of a parameter, taken out.
    pub fn take(&mut self, name: &str) -> Option<Secret<String>> {
        let at = self.0.iter().position(|(held, _)| held == name)?;
        Some(self.0.remove(at).1)
    }

    /// The value of a parameter that is no secret, taken out.
    pub fn text(&mut self, name: &str) -> Option<String> {
        self.take(name).map(|value| value.expose(String::clone))
    }

    /// Every value of a parameter that may repeat, taken out in order.
    pub fn all(&mut self, name: &str) -> Vec<String> {
        std::iter::from_fn(|| self.text(name)).collect()
    }

    /// Whether the parameter came with a value.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(held, _)| held == name)
    }

    /// A parameter that is none of `known`.
    pub fn stranger(&self, known: &[&str]) -> Option<&str> {
        self.0.iter().map(|(name, _)| name.as_str()).find(|name| !known.contains(name))
    }
}

fn is_empty(value: &Secret<String>) -> bool {
    value.expose(String::is_empty)
}

fn parts(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let ends = memchr_iter(separator, text).chain([text.len()]);
    ends.scan(0, move |start, end| Some(&text[std::mem::replace(start, end + 1)..end]))
}

/// Undoes `application/x-www-form-urlencoded`; `None` for a stray percent sign or what is not UTF-8.
pub fn decode(text: &[u8]) -> Option<String> {
    unescape(text, b'+')
}

/// Undoes percent signs (RFC 3986 §2.1), and puts a space for each `space`; `None` for a stray percent sign or what is not UTF-8.
pub(super) fn unescape(text: &[u8], space: u8) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr2(space, b'%', rest) {
        bytes.extend_from_slice(&rest[..at]);
        rest = match &rest[at..] {
            [first, rest @ ..] if *first == space => {
                bytes.push(b' ');
                rest
            }
            [_, high, low, rest @ ..] => {
                bytes.push(hex(*high)? << 4 | hex(*low)?);
                rest
            }
            _ => return None,
        };
    }
    bytes.extend_from_slice(rest);
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bad(text: &str) -> Option<BadParams> {
        Params::parse(text.as_bytes()).err()
    }

    #[test]
    fn a_parameter_comes_once_but_for_resource_and_audience() {
        assert_eq!(bad("scope=a&scope=a"), Some(BadParams { name: Some("scope".into()), code: Code::Duplicate }));
        assert_eq!(bad("sc%6fpe=a&scope=b"), Some(BadParams { name: Some("scope".into()), code: Code::Duplicate }));
        assert_eq!(bad("scope=&scope=a"), Some(BadParams { name: Some("scope".into()), code: Code::Duplicate }));
        let mut params = Params::parse(b"resource=a&audience=x&resource=b").unwrap();
        assert_eq!(params.all("resource"), ["a", "b"]);
        assert_eq!(params.all("audience"), ["x"]);
    }

    #[test]
    fn what_is_not_percent_encoded_utf_8_is_refused() {
        for wrong in ["a=%", "a=%2", "a=%zz", "a=%ff", "%ff=a", "a=%c3", "a=%+1"] {
            assert!(bad(wrong).is_some(), "{wrong}");
        }
        let mut params = Params::parse("a=%C3%A9+b&c=1%3d2=3".as_bytes()).unwrap();
        assert_eq!(params.text("a").as_deref(), Some("é b"));
        assert_eq!(params.text("c").as_deref(), Some("1=2=3"));
    }

    #[test]
    fn a_parameter_without_a_value_counts_as_left_out() {
        let params = Params::parse(b"scope=&&refresh_token").unwrap();
        assert!(!params.has("scope") && !params.has("refresh_token"));
    }

    #[test]
    fn the_number_of_parameters_is_bounded() {
        let many: String = (0..65).map(|n| format!("p{n}=1&")).collect();
        assert_eq!(bad(&many).map(|bad| bad.code), Some(Code::TooMany));
    }

    #[test]
    fn values_never_print() {
        let params = Params::parse(b"refresh_token=canary").unwrap();
        assert!(!format!("{params:?}").contains("canary"));
    }
}
