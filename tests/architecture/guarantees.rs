//! Holds the pages that name tests to the sources: a promise or a guard whose test has gone is none.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::rules::rust_files;
use super::scan::Source;

/// The pages whose tables name a test in every row, as `file.rs::test_name`.
const PAGES: &[&str] = &["docs/GUARANTEES.md", "docs/THREATS.md", "docs/DIVERGENCES.md"];

/// The languages that tests are written in.
const FILES: &[&str] = &[".rs", ".py"];

/// Every test that a page names and no file has, with the line; and every row that names none. Only a promise may say `open:` instead.
pub(crate) fn missing(root: &Path) -> Vec<String> {
    let functions = functions(root);
    PAGES.iter().flat_map(|page| missing_of(page, &fs::read_to_string(root.join(page)).unwrap_or_default(), &functions)).collect()
}

fn missing_of(page: &str, text: &str, functions: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let mut missing = Vec::new();
    if !text.contains("| --- |") {
        missing.push(format!("{page}: the table is gone"));
    }
    let lines: Vec<&str> = text.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        let is_head = |line: &str| line.starts_with("| --- |");
        if !line.starts_with('|') || is_head(line) || lines.get(at + 1).is_some_and(|next| is_head(next)) {
            continue;
        }
        let named: Vec<(&str, &str)> = line.split('`').skip(1).step_by(2).filter_map(|code| code.split_once("::")).collect();
        let named: Vec<_> = named.into_iter().filter(|(file, _)| FILES.iter().any(|ending| file.ends_with(ending))).collect();
        if named.is_empty() && !(page.ends_with("GUARANTEES.md") && line.contains("| open:")) {
            missing.push(format!("{page}:{}: a row names its test", at + 1));
        }
        for (file, name) in named {
            if !functions.get(file).is_some_and(|names| names.iter().any(|known| known == name)) {
                missing.push(format!("{page}:{}: no `{name}` in {file}", at + 1));
            }
        }
    }
    missing
}

/// The names of the functions of every file, tests included.
fn functions(root: &Path) -> BTreeMap<String, Vec<String>> {
    let files = [rust_files(root, "src"), rust_files(root, "tests")].concat();
    let rust = files.into_iter().map(|(file, text)| (file, names(&text)));
    let python = fs::read_dir(root.join("tests/interop")).into_iter().flatten().flatten().filter_map(|entry| {
        let file = format!("tests/interop/{}", entry.file_name().to_str()?);
        let text = fs::read_to_string(entry.path()).ok()?;
        let defined = text.lines().filter_map(|line| Some(line.trim_start().strip_prefix("def ")?.split_once('(')?.0.to_owned()));
        Some((file, defined.collect()))
    });
    rust.chain(python).collect()
}

fn names(text: &str) -> Vec<String> {
    // A made-up name keeps test items in: only the words of the file are asked for.
    let text = text.replace("cfg(test)", "cfg(tests)");
    let source = Source::read("src/any.rs", &text);
    source.functions().into_iter().map(|function| function.name).collect()
}
