//! The rules of the house and what breaks them.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::Path;

use super::scan::{Import, Source};
use super::{CORE_FLOORS, FILE_LINES, FLOORS, FUNCTION_LINES, HANDED_ON, NEVERS};

/// An agreed exception to the size budget: a file, or `file::function`, and its reason.
pub(crate) type Exception<'a> = (&'a str, &'a str);

/// A broken rule.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Finding {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) rule: &'static str,
    pub(crate) what: String,
    pub(crate) way_out: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}\n    way out: {}", self.file, self.line, self.rule, self.what, self.way_out)
    }
}

/// A file or function above the budget, in the words that are printed.
pub(crate) struct Over {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) size: usize,
    pub(crate) budget: usize,
}

/// Every `.rs` file below `root`/src that is not for tests.
pub(crate) fn sources(root: &Path) -> Vec<Source> {
    let mut files = rust_files(root, "src");
    files.sort();
    let mut sources: Vec<Source> = files.iter().map(|(file, text)| Source::read(file, text)).collect();
    let for_tests: Vec<Vec<String>> = sources.iter().flat_map(test_modules).collect();
    sources.retain(|source| !source.is_test && !for_tests.iter().any(|module| source.module.starts_with(module)));
    sources
}

/// Name and text of every `.rs` file below `root`/`folder`.
pub(crate) fn rust_files(root: &Path, folder: &str) -> Vec<(String, String)> {
    let Ok(entries) = fs::read_dir(root.join(folder)) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            found.extend(rust_files(root, &name));
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(entry.path()).unwrap_or_else(|error| panic!("{name}: {error}"));
            found.push((name, text));
        }
    }
    found
}

fn test_modules(source: &Source) -> Vec<Vec<String>> {
    let below = |child: &String| [source.module.clone(), vec![child.clone()]].concat();
    source.test_children.iter().map(below).collect()
}

/// Every broken rule of the tree at `root`, in order.
pub(crate) fn check(root: &Path, exceptions: &[Exception<'_>]) -> Vec<Finding> {
    let sources = sources(root);
    let mut findings = Vec::new();
    for source in &sources {
        findings.extend(known_module(source));
        let imports = source.imports();
        findings.extend(imports.iter().filter_map(|import| floors(source, import)));
        findings.extend(imports.iter().filter_map(|import| nevers(source, import)));
        findings.extend(imports.iter().filter_map(|import| crate_root(source, import)));
        findings.extend(one_place(source));
        if floor_of(source).is_some_and(|floor| floor < CORE_FLOORS) {
            findings.extend(imports.iter().filter_map(|import| impure_import(source, import)));
            findings.extend(impure_tokens(source));
        }
    }
    findings.extend(budget(&sources, exceptions));
    findings.sort();
    findings.dedup();
    findings
}

/// What is larger than the budget, exceptions included.
pub(crate) fn over_budget(sources: &[Source]) -> Vec<Over> {
    let mut over = Vec::new();
    for source in sources {
        if source.lines > FILE_LINES {
            over.push(Over { name: source.file.clone(), line: 1, size: source.lines, budget: FILE_LINES });
        }
        for function in source.functions().into_iter().filter(|function| function.length > FUNCTION_LINES) {
            let name = format!("{}::{}", source.file, function.name);
            over.push(Over { name, line: function.line, size: function.length, budget: FUNCTION_LINES });
        }
    }
    over
}

fn floor_named(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

/// The binary stands above all floors; the root of the library only lists its modules.
fn floor_of(source: &Source) -> Option<usize> {
    match source.module.first()?.as_str() {
        "main" => Some(FLOORS.len()),
        module => floor_named(module),
    }
}

fn finding(source: &Source, line: usize, rule: &'static str, what: String, way_out: &str) -> Finding {
    Finding { file: source.file.clone(), line, rule, what, way_out: way_out.to_owned() }
}

fn known_module(source: &Source) -> Option<Finding> {
    let name = source.module.first()?;
    let is_known = name == "main" || floor_named(name).is_some();
    let way_out = "give it a floor in FLOORS of tests/architecture.rs (design §8) and a line in docs/DECISIONS.md, or put it into a module that has one";
    (!is_known).then(|| finding(source, 1, "known modules", format!("`{name}` has no floor"), way_out))
}

fn floors(source: &Source, import: &Import) -> Option<Finding> {
    let (floor, own) = (floor_of(source)?, source.module.first()?);
    let seen = own_module(import)?;
    let seen_floor = floor_named(seen)?;
    let is_below = seen_floor < floor;
    let how = if seen_floor == floor { "its neighbour" } else { "above it" };
    let what = format!("`{own}` (floor {floor}) sees `{seen}` (floor {seen_floor}), {how}");
    let way_out = "move what both need to a floor below, hand it in as an argument or a trait, or lift this code to a floor above; \
                   if the floor itself is wrong, move it in FLOORS and say why in docs/DECISIONS.md";
    (seen != own && !is_below).then(|| finding(source, import.line, "floors", what, way_out))
}

fn nevers(source: &Source, import: &Import) -> Option<Finding> {
    let own = source.module.first()?;
    let seen = own_module(import)?;
    if is_handed_on(own, import) {
        let path = import.path.join("::");
        let what = format!("`{own}` hands on `{path}` by `pub use`, so that those who never see `{seen}` could");
        let way_out =
            "wrap it in a type of this module's own; a plain value gets a line with the reason in HANDED_ON of tests/architecture.rs";
        let is_agreed = HANDED_ON.iter().any(|(who, agreed, _)| who == own && *agreed == path);
        return (!is_agreed).then(|| finding(source, import.line, "nevers", what, way_out));
    }
    let (_, _, way_out) = NEVERS.iter().find(|(who, never, _)| who == own && never == seen)?;
    Some(finding(source, import.line, "nevers", format!("`{own}` never sees `{seen}`"), way_out))
}

fn is_handed_on(own: &str, import: &Import) -> bool {
    let seen = own_module(import);
    import.exported && seen.is_some_and(|seen| seen != own && NEVERS.iter().any(|(_, never, _)| never == seen))
}

/// Who hands on what from a module that others never see.
pub(crate) fn handed_on(sources: &[Source]) -> Vec<(String, String)> {
    let of_source = |source: &Source| {
        let own = source.module.first().cloned().unwrap_or_default();
        let imports = source.imports().into_iter().filter(|import| is_handed_on(&own, import));
        imports.map(|import| (own.clone(), import.path.join("::"))).collect::<Vec<_>>()
    };
    sources.iter().flat_map(of_source).collect()
}

/// A name at the root of the crate would be a way around the floors.
fn crate_root(source: &Source, import: &Import) -> Option<Finding> {
    source.module.first()?;
    let is_module = own_module(import).is_some_and(|name| name == "main" || floor_named(name).is_some());
    let what = format!("`crate::{}` names no module that has a floor", import.path.join("::"));
    let way_out = "write the path in full, `crate::module::Name`; nothing is re-exported at, renamed from or globbed out of the root";
    (import.root == "crate" && !is_module).then(|| finding(source, import.line, "crate root", what, way_out))
}

/// The first segment of a path into this crate.
fn own_module(import: &Import) -> Option<&String> {
    if import.root == "crate" { import.path.first() } else { None }
}

/// A file belongs to one module: the one whose name it bears.
fn one_place(source: &Source) -> Vec<Finding> {
    let text = |at: usize| source.text(at);
    let is_path = |at: usize| text(at) == "#" && text(at + 1) == "[" && text(at + 2) == "path" && text(at + 3) == "=";
    let is_include = |at: usize| text(at) == "include" && text(at + 1) == "!";
    let way_out = "give the file the name of its module; `#[path]` is for test files only";
    let found = (0..source.tokens.len()).filter(|at| is_path(*at) || is_include(*at));
    found.map(|at| finding(source, source.tokens[at].line, "one place", "a file is drawn in from elsewhere".to_owned(), way_out)).collect()
}

const HAND_IN: &str = "floors 0 to 3 are the pure core: take a `now`, random bytes or data as an argument, and do this on floor 4 or above";

fn impure_import(source: &Source, import: &Import) -> Option<Finding> {
    const MODULES: [&str; 6] = ["env", "net", "fs", "process", "thread", "os"];
    // Addresses are values to parse and compare; nothing of `net` but sockets reaches the network.
    const ADDRESSES: [&str; 3] = ["IpAddr", "Ipv4Addr", "Ipv6Addr"];
    let of_std = matches!(import.root.as_str(), "std" | "core" | "alloc");
    let of_module = import.path.first().is_some_and(|first| MODULES.contains(&first.as_str()));
    let is_address = import.path.get(1).is_some_and(|name| ADDRESSES.contains(&name.as_str()));
    let is_impure = (of_std && of_module && !is_address) || matches!(import.root.as_str(), "tokio" | "getrandom");
    let what = format!("`{}::{}` in the pure core", import.root, import.path.join("::"));
    is_impure.then(|| finding(source, import.line, "pure core", what, HAND_IN))
}

fn impure_tokens(source: &Source) -> Vec<Finding> {
    const NAMES: [&str; 9] =
        ["SystemTime", "Instant", "OnceLock", "LazyLock", "thread_local", "lazy_static", "tokio", "getrandom", "async_trait"];
    let mut found = Vec::new();
    for (at, token) in source.tokens.iter().enumerate() {
        let what = match token.text.as_str() {
            "async" => "`async`".to_owned(),
            "await" if at > 0 && source.text(at - 1) == "." => "`.await`".to_owned(),
            "static" if is_mutable_static(source, at) => "a global that changes".to_owned(),
            name if NAMES.contains(&name) => format!("`{name}`"),
            _ => continue,
        };
        found.push(finding(source, token.line, "pure core", format!("{what} in the pure core"), HAND_IN));
    }
    found
}

fn is_mutable_static(source: &Source, at: usize) -> bool {
    let words = source.tokens[at + 1..].iter().map(|token| token.text.as_str());
    let mut of_type = words.take_while(|word| !matches!(*word, "=" | ";" | "|" | "{"));
    of_type.any(|word| word == "mut" || word.starts_with("Atomic") || word.ends_with("Lock") || word.ends_with("Cell") || word == "Mutex")
}

fn budget(sources: &[Source], exceptions: &[Exception<'_>]) -> Vec<Finding> {
    let over = over_budget(sources);
    let agreed: BTreeSet<&str> = exceptions.iter().map(|(name, _)| *name).collect();
    let mut findings = Vec::new();
    for large in over.iter().filter(|large| !agreed.contains(large.name.as_str())) {
        let file = large.name.split("::").next().unwrap_or_default().to_owned();
        let what = format!("`{}` takes {} lines, the budget is {}", large.name, large.size, large.budget);
        let way_out =
            "split it by what it does; if it reads better whole, give it a line with the reason in EXCEPTIONS of tests/architecture.rs";
        findings.push(Finding { file, line: large.line, rule: "size", what, way_out: way_out.to_owned() });
    }
    for (name, _) in exceptions.iter().filter(|(name, _)| !over.iter().any(|large| large.name == *name)) {
        let what = format!("the exception for `{name}` is stale: it is within the budget, or gone");
        let way_out = "take its line out of EXCEPTIONS".to_owned();
        findings.push(Finding { file: "tests/architecture.rs".to_owned(), line: 1, rule: "size", what, way_out });
    }
    findings
}
