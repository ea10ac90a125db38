//! A strict reader of JSON (RFC 8259) for texts that strangers send: one pass, no tree, strings borrowed where they have no escapes.
//!
//! Stricter than the RFC: names are unique at every level (also when spelled with escapes), depth and members are limited, there is no byte
//! order mark, no lone surrogate and nothing after the value. The work is linear in the text, but for the comparison of names, which the
//! member limit bounds.

mod write;

use std::borrow::Cow;
use std::fmt;

use write::stands_for_itself;
pub use write::{compact, push_compact, push_string};

/// How much structure a text may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Objects and arrays inside one another; the outermost counts as 1.
    pub depth: u8,
    /// Members of all objects of the text together.
    pub members: usize,
}

impl Limits {
    /// What a token's header or payload may have.
    pub const TOKEN: Self = Self { depth: 8, members: 64 };
}

/// Members of a token of ours: room for their names is made at once.
const USUAL_MEMBERS: usize = 16;

/// Why a text is not read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Not one JSON value in UTF-8, and nothing else.
    Malformed,
    /// A value, but not of the kind that is read here (object, array).
    WrongKind,
    /// An object with two members of one name.
    DuplicateName,
    /// Deeper than [`Limits::depth`].
    TooDeep,
    /// More members than [`Limits::members`].
    TooMany,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not well-formed JSON",
            Self::WrongKind => "not the kind of JSON value that belongs here",
            Self::DuplicateName => "a name appears twice in one object",
            Self::TooDeep => "nested too deeply",
            Self::TooMany => "too many members",
        })
    }
}

impl std::error::Error for Fault {}

/// A value of a member or an element, already checked to the last byte.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value<'a> {
    /// A string, its escapes resolved.
    Str(Cow<'a, str>),
    /// A number as it is spelled.
    Number(&'a str),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
    /// An array as it is spelled; [`array()`] goes through it.
    Array(&'a str),
    /// An object as it is spelled; [`object`] goes through it.
    Object(&'a str),
}

impl Value<'_> {
    /// The number, where it is spelled as a non-negative integer (no sign, point or exponent) that 64 bits hold.
    pub fn whole(&self) -> Option<u64> {
        match self {
            Self::Number(text) => text.parse().ok(),
            _ => None,
        }
    }
}

/// Goes through the members of the object that `text` is, in the order of the text.
///
/// What `each` has seen is good only when the whole call is: a later part of the text may still be refused.
///
/// # Errors
/// A [`Fault`] of the text, or the first error of `each`.
pub fn object<'a, E: From<Fault>>(text: &'a [u8], limits: Limits, mut each: impl FnMut(&str, Value<'a>) -> Result<(), E>) -> Result<(), E> {
    let mut reader = Reader::new(text, limits)?;
    reader.space();
    if reader.peek() != Some(b'{') {
        return Err(reader.not_this_kind().into());
    }
    reader.names.reserve(USUAL_MEMBERS);
    reader.members(&mut each)?;
    Ok(reader.end()?)
}

/// Goes through the elements of the array that `text` is; otherwise like [`object`].
///
/// # Errors
/// A [`Fault`] of the text, or the first error of `each`.
pub fn array<'a, E: From<Fault>>(text: &'a [u8], limits: Limits, mut each: impl FnMut(Value<'a>) -> Result<(), E>) -> Result<(), E> {
    let mut reader = Reader::new(text, limits)?;
    reader.space();
    if reader.peek() != Some(b'[') {
        return Err(reader.not_this_kind().into());
    }
    reader.elements(&mut each)?;
    Ok(reader.end()?)
}

/// Checks that `text` is one JSON value of any kind, within the limits.
///
/// # Errors
/// The first [`Fault`] of the text.
pub fn check(text: &[u8], limits: Limits) -> Result<(), Fault> {
    let mut reader = Reader::new(text, limits)?;
    reader.space();
    reader.value()?;
    reader.end()
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    limits: Limits,
    depth: u8,
    members: usize,
    /// Names of the objects that are open, the innermost last.
    names: Vec<Cow<'a, str>>,
}

impl<'a> Reader<'a> {
    fn new(text: &'a [u8], limits: Limits) -> Result<Self, Fault> {
        let text = std::str::from_utf8(text).map_err(|_| Fault::Malformed)?;
        Ok(Self { text, at: 0, limits, depth: 0, members: 0, names: Vec::new() })
    }

    fn not_this_kind(&mut self) -> Fault {
        match self.value().and_then(|_| self.end()) {
            Ok(()) => Fault::WrongKind,
            Err(fault) => fault,
        }
    }

    fn end(&mut self) -> Result<(), Fault> {
        self.space();
        if self.at == self.text.len() { Ok(()) } else { Err(Fault::Malformed) }
    }

    fn members<E: From<Fault>>(&mut self, each: &mut dyn FnMut(&str, Value<'a>) -> Result<(), E>) -> Result<(), E> {
        self.descend(b'{')?;
        let outer = self.names.len();
        let mut more = !self.skip_one(b'}');
        while more {
            let name = self.name(outer)?;
            let value = self.value()?;
            each(&name, value)?;
            self.names.push(name);
            more = self.goes_on(b'}')?;
        }
        self.names.truncate(outer);
        self.depth -= 1;
        Ok(())
    }

    fn elements<E: From<Fault>>(&mut self, each: &mut dyn FnMut(Value<'a>) -> Result<(), E>) -> Result<(), E> {
        self.descend(b'[')?;
        let mut more = !self.skip_one(b']');
        while more {
            let element = self.value()?;
            each(element)?;
            more = self.goes_on(b']')?;
        }
        self.depth -= 1;
        Ok(())
    }

    /// A member's name and the colon after it; `outer` is where the names of its object begin.
    fn name(&mut self, outer: usize) -> Result<Cow<'a, str>, Fault> {
        if self.members == self.limits.members {
            return Err(Fault::TooMany);
        }
        self.members += 1;
        let name = self.string()?;
        if self.names[outer..].contains(&name) {
            return Err(Fault::DuplicateName);
        }
        self.space();
        self.expect(b':')?;
        self.space();
        Ok(name)
    }

    fn value(&mut self) -> Result<Value<'a>, Fault> {
        let start = self.at;
        match self.peek() {
            Some(b'"') => self.string().map(Value::Str),
            Some(b'{') => {
                self.members::<Fault>(&mut |_, _| Ok(()))?;
                Ok(Value::Object(&self.text[start..self.at]))
            }
            Some(b'[') => {
                self.elements::<Fault>(&mut |_| Ok(()))?;
                Ok(Value::Array(&self.text[start..self.at]))
            }
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            _ => Err(Fault::Malformed),
        }
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Fault> {
        self.expect(b'"')?;
        let start = self.at;
        self.plain();
        if self.peek() == Some(b'"') {
            self.at += 1;
            return Ok(Cow::Borrowed(&self.text[start..self.at - 1]));
        }
        let mut out = String::from(&self.text[start..self.at]);
        loop {
            match self.next()? {
                b'"' => return Ok(Cow::Owned(out)),
                b'\\' => out.push(self.escape()?),
                _ => return Err(Fault::Malformed),
            }
            let start = self.at;
            self.plain();
            out.push_str(&self.text[start..self.at]);
        }
    }

    /// Goes past all characters that stand for themselves.
    fn plain(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().position(|byte| !stands_for_itself(*byte)).unwrap_or(rest.len());
    }

    fn escape(&mut self) -> Result<char, Fault> {
        Ok(match self.next()? {
            plain @ (b'"' | b'\\' | b'/') => char::from(plain),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return Err(Fault::Malformed),
        })
    }

    fn unicode(&mut self) -> Result<char, Fault> {
        let mut code = self.hex4()?;
        if (0xd800..0xdc00).contains(&code) {
            self.expect(b'\\')?;
            self.expect(b'u')?;
            let low = self.hex4()?;
            if !(0xdc00..0xe000).contains(&low) {
                return Err(Fault::Malformed);
            }
            code = 0x1_0000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        }
        char::from_u32(code).ok_or(Fault::Malformed)
    }

    fn hex4(&mut self) -> Result<u32, Fault> {
        let mut code = 0;
        for _ in 0..4 {
            code = code << 4 | char::from(self.next()?).to_digit(16).ok_or(Fault::Malformed)?;
        }
        Ok(code)
    }

    fn number(&mut self) -> Result<Value<'a>, Fault> {
        let start = self.at;
        self.skip_one(b'-');
        if !self.skip_one(b'0') {
            self.digits()?;
        }
        if self.skip_one(b'.') {
            self.digits()?;
        }
        if self.skip(b"eE") {
            self.skip(b"+-");
            self.digits()?;
        }
        Ok(Value::Number(&self.text[start..self.at]))
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while self.skip(b"0123456789") {}
        if self.at == start { Err(Fault::Malformed) } else { Ok(()) }
    }

    fn word(&mut self, word: &str, value: Value<'a>) -> Result<Value<'a>, Fault> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(Fault::Malformed);
        }
        self.at += word.len();
        Ok(value)
    }

    fn descend(&mut self, open: u8) -> Result<(), Fault> {
        if self.depth == self.limits.depth {
            return Err(Fault::TooDeep);
        }
        self.depth += 1;
        self.expect(open)?;
        self.space();
        Ok(())
    }

    /// Whether, after a member or an element, another one follows.
    fn goes_on(&mut self, close: u8) -> Result<bool, Fault> {
        self.space();
        if self.skip_one(close) {
            return Ok(false);
        }
        self.expect(b',')?;
        self.space();
        Ok(true)
    }

    fn skip_one(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn skip(&mut self, any_of: &[u8]) -> bool {
        let found = self.peek().is_some_and(|byte| any_of.contains(&byte));
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        if self.skip_one(byte) { Ok(()) } else { Err(Fault::Malformed) }
    }

    fn next(&mut self) -> Result<u8, Fault> {
        let byte = self.peek().ok_or(Fault::Malformed)?;
        self.at += 1;
        Ok(byte)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
