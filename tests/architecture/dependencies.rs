//! Holds bans, licences and sources of `deny.toml` without cargo-deny, so that they hold wherever the tests run.
//!
//! Bans and sources are read from `Cargo.lock`, which lists every platform; licences from `cargo tree`, which knows the packages of
//! this one. cargo-deny, where it is installed, looks at all of it again.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The lists of `deny.toml` that are held here.
pub(crate) struct Deny {
    pub(crate) banned: Vec<String>,
    pub(crate) licences: Vec<String>,
}

impl Deny {
    /// # Panics
    /// When a list is missing or empty: no rule would hold then.
    pub(crate) fn read(text: &str) -> Self {
        let banned: Vec<String> = list(text, "deny = [").into_iter().filter_map(after_crate).collect();
        let licences: Vec<String> = list(text, "allow = [").iter().flat_map(|line| quoted(line)).collect();
        assert!(!banned.is_empty() && !licences.is_empty(), "deny.toml: `deny` of [bans] and `allow` of [licenses] are lists");
        Self { banned, licences }
    }

    /// What `Cargo.lock` has that it must not: banned crates, and sources other than the public registry.
    pub(crate) fn lock_faults(&self, lock: &str) -> Vec<String> {
        let packages: Vec<&str> = lock.split("[[package]]").skip(1).collect();
        let registries: Vec<String> = packages.iter().filter_map(|package| field(package, "source")).collect();
        let mut faults = Vec::new();
        for package in &packages {
            let name = field(package, "name").unwrap_or_default();
            let source = field(package, "source");
            if self.banned.contains(&name) {
                faults.push(format!("Cargo.lock: `{name}` is banned (deny.toml says why): take the feature or crate out that brings it (cargo tree -i {name})"));
            }
            if name != "mintage" && !source.as_ref().is_some_and(|source| source.starts_with("registry+")) {
                faults.push(format!("Cargo.lock: `{name}` does not come from the public registry: use a released version"));
            }
            if source.is_some() && (source.as_ref() != registries.first() || field(package, "checksum").is_none()) {
                faults.push(format!("Cargo.lock: `{name}` comes from another registry, or has no checksum"));
            }
        }
        faults
    }

    /// Which lines of `name<tab>licence` no allowed licence satisfies.
    pub(crate) fn licence_faults(&self, tree: &str) -> Vec<String> {
        let refused = |line: &&str| !line.split_once('\t').is_some_and(|(_, licence)| self.satisfies(licence));
        let fault =
            |line: &str| format!("{}: no licence that deny.toml allows: use another crate, or allow it there", line.replace('\t', " has "));
        tree.lines().filter(|line| !line.is_empty()).filter(refused).map(fault).collect()
    }

    /// An SPDX expression; `MIT/Apache-2.0` is the old way to write OR.
    fn satisfies(&self, expression: &str) -> bool {
        let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
        let mut words = spaced.split_whitespace().peekable();
        let satisfied = self.either(&mut words);
        satisfied && words.next().is_none()
    }

    fn either<'a>(&self, words: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>) -> bool {
        let mut satisfied = self.all(words);
        while words.next_if_eq(&"OR").is_some() {
            satisfied |= self.all(words);
        }
        satisfied
    }

    fn all<'a>(&self, words: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>) -> bool {
        let mut satisfied = self.one(words);
        while words.next_if_eq(&"AND").is_some() {
            satisfied &= self.one(words);
        }
        satisfied
    }

    fn one<'a>(&self, words: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>) -> bool {
        let Some(word) = words.next() else { return false };
        if word == "(" {
            // A type of its own would be needed to recurse through the same iterator: groups are flat in practice.
            let inside: Vec<&str> = std::iter::from_fn(|| words.next_if(|word| *word != ")")).collect();
            return words.next_if_eq(&")").is_some() && self.satisfies(&inside.join(" "));
        }
        let exception = words.next_if_eq(&"WITH").and_then(|_| words.next());
        let licence = exception.map_or_else(|| word.to_owned(), |exception| format!("{word} WITH {exception}"));
        self.licences.contains(&licence)
    }
}

/// Every package of this platform with its licence, ours left out: `name<tab>licence` a line.
pub(crate) fn licences(root: &Path) -> String {
    // Not `--offline`: crates of features that nobody has built yet may have to be fetched.
    let arguments = ["tree", "--locked", "--all-features", "-e", "normal,build,dev", "--prefix", "none", "--no-dedupe", "-f", "{p}\t{l}"];
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(root).output().expect("cargo tree runs");
    assert!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("mintage v")).collect();
    lines.sort_unstable();
    lines.dedup();
    lines.join("\n")
}

/// All that is wrong with the dependencies of the tree at `root`.
pub(crate) fn faults(root: &Path) -> Vec<String> {
    let read = |file: &str| fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    let deny = Deny::read(&read("deny.toml"));
    let mut faults = deny.lock_faults(&read("Cargo.lock"));
    faults.extend(deny.licence_faults(&licences(root)));
    faults
}

/// The lines of the TOML list that begins with `opening`.
fn list(text: &str, opening: &str) -> Vec<String> {
    let rest = text.split_once(&format!("\n{opening}")).map_or("", |(_, rest)| rest);
    let inside = rest.split("\n]").next().unwrap_or_default().split("]\n").next().unwrap_or_default();
    inside.lines().map(str::to_owned).collect()
}

fn after_crate(line: String) -> Option<String> {
    quoted(line.split_once("crate = ")?.1).into_iter().next()
}

fn quoted(text: &str) -> Vec<String> {
    text.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

fn field(package: &str, name: &str) -> Option<String> {
    let line = package.lines().find(|line| line.starts_with(&format!("{name} = ")))?;
    quoted(line).into_iter().next()
}
