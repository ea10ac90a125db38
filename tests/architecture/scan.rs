//! Reads Rust text just well enough to know what it imports and how long its parts are: no types, no macros expanded.

use std::collections::BTreeSet;

/// An identifier, a number, a lifetime (with its tick), `::`, or one other character.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// One file, read.
pub(crate) struct Source {
    /// Path below the root, with `/`.
    pub(crate) file: String,
    /// Its place in the crate: `src/store/mod.rs` is `["store"]`, `src/lib.rs` is `[]`.
    pub(crate) module: Vec<String>,
    /// Without comments, literals and what stands under `#[cfg(test)]`.
    pub(crate) tokens: Vec<Token>,
    /// Lines outside `#[cfg(test)]`.
    pub(crate) lines: usize,
    /// Child modules declared under `#[cfg(test)]`.
    pub(crate) test_children: Vec<String>,
    /// The whole file is for tests.
    pub(crate) is_test: bool,
}

/// One path that is rooted in this crate or in the standard library, resolved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Import {
    /// `crate` or the name of another crate.
    pub(crate) root: String,
    /// Segments below the root; `*` for a glob.
    pub(crate) path: Vec<String>,
    pub(crate) line: usize,
    /// `pub use`, with any visibility.
    pub(crate) exported: bool,
}

/// A function and how many lines it takes, from `fn` to its last brace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) length: usize,
}

impl Source {
    /// Reads `text`, which stands at `file` below the root.
    pub(crate) fn read(file: &str, text: &str) -> Self {
        let mut tokens = tokens(&blank(text));
        let mut test_lines = BTreeSet::new();
        let mut test_children = Vec::new();
        let whole = is_test_file(file) || joined(&tokens).starts_with("#![cfg(test)]");
        while let Some((from, to)) = test_item(&tokens) {
            test_lines.extend(tokens[from].line..=tokens[to - 1].line);
            let item: Vec<Token> = tokens.drain(from..to).collect();
            if let [.., keyword, name, end] = &item[..]
                && keyword.text == "mod"
                && end.text == ";"
            {
                test_children.push(name.text.clone());
            }
        }
        let lines = text.lines().count() - test_lines.len();
        Self { file: file.to_owned(), module: module_of(file), tokens, lines, test_children, is_test: whole }
    }

    /// Every path into this crate (`crate::`, `super::`, `self::`, `mintage::`) or into another one that a rule asks for.
    pub(crate) fn imports(&self) -> Vec<Import> {
        const ROOTS: [&str; 9] = ["crate", "super", "self", "mintage", "std", "core", "alloc", "tokio", "getrandom"];
        let (mut found, mut inline, mut depth) = (Vec::new(), Vec::<(String, usize)>::new(), 0);
        let mut at = 0;
        while at < self.tokens.len() {
            match self.text(at) {
                "{" => depth += 1,
                "}" => {
                    depth -= 1;
                    inline.retain(|(_, outside)| *outside < depth);
                }
                "mod" if self.text(at + 2) == "{" => inline.push((self.text(at + 1).to_owned(), depth)),
                root if ROOTS.contains(&root) && self.begins_a_path(at) => {
                    let mut here = self.module.clone();
                    here.extend(inline.iter().map(|(name, _)| name.clone()));
                    let exported = at > 1 && self.text(at - 1) == "use" && matches!(self.text(at - 2), "pub" | ")");
                    let mut paths = Vec::new();
                    let end = self.path_tree(at, &[], &mut paths);
                    found.extend(paths.into_iter().map(|(path, line)| resolve(&here, path, line, exported)));
                    at = end;
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
        found
    }

    /// Every function with a body.
    pub(crate) fn functions(&self) -> Vec<Function> {
        let starts = (0..self.tokens.len()).filter(|at| self.text(*at) == "fn" && is_name(self.text(at + 1)));
        starts
            .filter_map(|at| {
                let open = self.end_of(at, |text| text == "{" || text == ";")?;
                let close = if self.text(open) == "{" { closing(&self.tokens, open)? } else { return None };
                let line = self.tokens[at].line;
                Some(Function { name: self.text(at + 1).to_owned(), line, length: self.tokens[close].line - line + 1 })
            })
            .collect()
    }

    /// The text at `at`, empty beyond the end.
    pub(crate) fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| &token.text)
    }

    fn begins_a_path(&self, at: usize) -> bool {
        let continues = at > 1 && self.text(at - 1) == "::" && (is_name(self.text(at - 2)) || self.text(at - 2) == ">");
        let renamed = matches!(self.text(at), "crate" | "super") && self.text(at + 1) == "as";
        !continues && (self.text(at + 1) == "::" || renamed)
    }

    /// Reads `a::b::{c, d::*}` from `at` on, writes down each full path, and answers where it ends.
    fn path_tree(&self, mut at: usize, before: &[String], paths: &mut Vec<(Vec<String>, usize)>) -> usize {
        let mut path = before.to_vec();
        let line = self.tokens[at].line;
        loop {
            path.push(self.text(at).to_owned());
            at += 1;
            if self.text(at) != "::" {
                break;
            }
            if self.text(at + 1) == "{" {
                return self.group(at + 2, &path, paths);
            }
            if !is_name(self.text(at + 1)) && self.text(at + 1) != "*" {
                break;
            }
            at += 1;
        }
        paths.push((path, line));
        if self.text(at) == "as" { at + 2 } else { at }
    }

    fn group(&self, mut at: usize, path: &[String], paths: &mut Vec<(Vec<String>, usize)>) -> usize {
        while at < self.tokens.len() && self.text(at) != "}" {
            at = if self.text(at) == "," { at + 1 } else { self.path_tree(at, path, paths) };
        }
        at + 1
    }

    /// The first token from `at` on, outside round and square brackets, that `wanted` accepts.
    fn end_of(&self, at: usize, wanted: impl Fn(&str) -> bool) -> Option<usize> {
        let mut depth = 0;
        (at..self.tokens.len()).find(|here| {
            match self.text(*here) {
                "(" | "[" => depth += 1,
                ")" | "]" => depth -= 1,
                _ => {}
            }
            depth == 0 && wanted(self.text(*here))
        })
    }
}

fn resolve(here: &[String], path: Vec<String>, line: usize, exported: bool) -> Import {
    let mut segments = path.into_iter();
    let first = segments.next().unwrap_or_default();
    let (root, mut full) = match first.as_str() {
        "crate" | "mintage" => ("crate", Vec::new()),
        "self" => ("crate", here.to_vec()),
        "super" => ("crate", here[..here.len().saturating_sub(1)].to_vec()),
        other => (other, Vec::new()),
    };
    for segment in segments {
        match segment.as_str() {
            "super" => drop(full.pop()),
            "self" => {}
            _ => full.push(segment),
        }
    }
    Import { root: root.to_owned(), path: full, line, exported }
}

fn module_of(file: &str) -> Vec<String> {
    let inside = file.strip_prefix("src/").unwrap_or(file).trim_end_matches(".rs");
    let mut module: Vec<String> = inside.split('/').map(str::to_owned).collect();
    if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
        module.pop();
    }
    module
}

fn is_test_file(file: &str) -> bool {
    file.ends_with("_tests.rs") || file.ends_with("/tests.rs") || file.contains("/tests/")
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

fn joined(tokens: &[Token]) -> String {
    tokens.iter().take(16).map(|token| token.text.as_str()).collect()
}

/// From the first `#[cfg(test)]` to behind the item that it stands before.
fn test_item(tokens: &[Token]) -> Option<(usize, usize)> {
    let text = |at: usize| tokens.get(at).map_or("", |token: &Token| token.text.as_str());
    let from = (0..tokens.len()).find(|at| text(*at) == "#" && text(at + 1) == "[" && is_for_tests(&tokens[*at..]))?;
    let mut at = from;
    while text(at) == "#" {
        at = closing(tokens, at + 1)? + 1;
    }
    let visible_from = if text(at) == "pub" && text(at + 1) == "(" { closing(tokens, at + 1)? + 1 } else { at };
    let keyword = text(if text(visible_from) == "pub" { visible_from + 1 } else { visible_from });
    let ends_with_semicolon = matches!(keyword, "use" | "static" | "type" | "let") || (keyword == "const" && text(at + 1) != "fn");
    let is_item = matches!(keyword, "fn" | "async" | "const" | "impl" | "mod" | "struct" | "enum" | "trait" | "macro_rules" | "unsafe");
    while at < tokens.len() {
        match text(at) {
            ";" => return Some((from, at + 1)),
            "," if !is_item && !ends_with_semicolon => return Some((from, at + 1)),
            ")" | "]" | "}" => return Some((from, at)),
            "{" if !ends_with_semicolon => return Some((from, closing(tokens, at)? + 1)),
            "(" | "[" | "{" => at = closing(tokens, at)? + 1,
            _ => at += 1,
        }
    }
    None
}

fn is_for_tests(tokens: &[Token]) -> bool {
    let Some(end) = closing(tokens, 1) else { return false };
    let words: Vec<&str> = tokens[2..end].iter().map(|token| token.text.as_str()).collect();
    words == ["cfg", "(", "test", ")"] || (words.starts_with(&["cfg", "(", "all"]) && words.contains(&"test") && !words.contains(&"not"))
}

/// The bracket that closes the one at `open`.
fn closing(tokens: &[Token], open: usize) -> Option<usize> {
    let mut depth = 0;
    (open..tokens.len()).find(|at| {
        match tokens[*at].text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        depth == 0
    })
}

fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let (mut found, mut line, mut at) = (Vec::new(), 1, 0);
    while at < chars.len() {
        let start = at;
        at += 1;
        if chars[start] == '\n' {
            line += 1;
        }
        if chars[start].is_whitespace() {
            continue;
        }
        if is_word(chars[start]) || (chars[start] == '\'' && chars.get(at).copied().is_some_and(is_word)) {
            while at < chars.len() && is_word(chars[at]) {
                at += 1;
            }
        } else if chars[start] == ':' && chars.get(at) == Some(&':') {
            at += 1;
        }
        found.push(Token { text: chars[start..at].iter().collect(), line });
    }
    found
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The text with comments and literals made blank, line for line. A literal that is nothing but a path of ours stays
/// (`#[serde(with = "crate::time::seconds")]` is an import too).
pub(crate) fn blank(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = skipped(&chars, at);
        if end == at {
            out.push(chars[at]);
            at += 1;
            continue;
        }
        let inside: String = chars[at..end].iter().filter(|c| **c != '"').collect();
        let is_path = chars[at] == '"'
            && (inside.starts_with("crate::") || inside.starts_with("super::"))
            && inside.chars().all(|c| is_word(c) || c == ':');
        out.extend(chars[at..end].iter().map(|c| if *c == '\n' || (is_path && *c != '"') { *c } else { ' ' }));
        at = end;
    }
    out
}

/// Where the comment or literal that begins at `at` ends; `at` itself when none begins there.
fn skipped(chars: &[char], at: usize) -> usize {
    let next = |by: usize| chars.get(at + by).copied().unwrap_or(' ');
    let in_word = at > 0 && is_word(chars[at - 1]);
    match (chars[at], next(1)) {
        ('/', '/') => at + chars[at..].iter().position(|c| *c == '\n').unwrap_or(chars.len() - at),
        ('/', '*') => block_comment(chars, at),
        ('"', _) => quoted(chars, at + 1, '"'),
        ('r', '"' | '#') if !in_word => raw(chars, at, at + 1),
        ('b' | 'c', 'r') if !in_word && matches!(next(2), '"' | '#') => raw(chars, at, at + 2),
        ('\'', '\\') => quoted(chars, at + 1, '\''),
        ('\'', _) if next(2) == '\'' => at + 3,
        _ => at,
    }
}

fn block_comment(chars: &[char], start: usize) -> usize {
    let (mut depth, mut at) = (0, start);
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => (depth, at) = (depth + 1, at + 2),
            ('*', '/') => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    chars.len()
}

fn quoted(chars: &[char], mut at: usize, end: char) -> usize {
    while at < chars.len() && chars[at] != end {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

fn raw(chars: &[char], start: usize, mut at: usize) -> usize {
    let hashes = chars[at..].iter().take_while(|c| **c == '#').count();
    at += hashes;
    if chars.get(at) != Some(&'"') {
        return start;
    }
    let is_end = |here: usize| chars[here] == '"' && chars[here + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
    (at + 1..chars.len()).find(|here| is_end(*here)).map_or(chars.len(), |here| here + 1 + hashes)
}
