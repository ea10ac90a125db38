//! Holds `docs/GUARANTEES.md` to the sources: a promise whose test has gone is no promise.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::rules::rust_files;
use super::scan::Source;

/// Every `file.rs::test_name` in the page that has no such function, with the line that names it; and every row that names no test
/// and does not say `open`.
pub(crate) fn missing(root: &Path) -> Vec<String> {
    let page = fs::read_to_string(root.join("docs/GUARANTEES.md")).unwrap_or_default();
    let functions = functions(root);
    let mut missing = Vec::new();
    if !page.contains("| ") {
        missing.push("docs/GUARANTEES.md: the table is gone".to_owned());
    }
    for (number, line) in page.lines().enumerate() {
        let is_row = line.starts_with('|') && !line.starts_with("| ---") && !line.starts_with("| promise");
        let named: Vec<(&str, &str)> = line.split('`').skip(1).step_by(2).filter_map(|code| code.split_once(".rs::")).collect();
        if is_row && named.is_empty() && !line.contains("| open:") {
            missing.push(format!("docs/GUARANTEES.md:{}: a row names its test, or says `open:` and why", number + 1));
        }
        for (file, name) in named {
            let file = format!("{file}.rs");
            if !functions.get(&file).is_some_and(|names| names.iter().any(|known| known == name)) {
                missing.push(format!("docs/GUARANTEES.md:{}: no `{name}` in {file}", number + 1));
            }
        }
    }
    missing
}

/// The names of the functions of every file, tests included.
fn functions(root: &Path) -> BTreeMap<String, Vec<String>> {
    let files = [rust_files(root, "src"), rust_files(root, "tests")].concat();
    files.into_iter().map(|(file, text)| (file, names(&text))).collect()
}

fn names(text: &str) -> Vec<String> {
    // A made-up name keeps test items in: only the words of the file are asked for.
    let text = text.replace("cfg(test)", "cfg(tests)");
    let source = Source::read("src/any.rs", &text);
    source.functions().into_iter().map(|function| function.name).collect()
}
