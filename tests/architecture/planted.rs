//! Plants trees that break one rule each and looks for the finding; and trees that only look as if they did.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::dependencies::Deny;
use super::guarantees;
use super::rules::{Finding, check};

/// A tree of files in a temporary folder that goes when this does.
struct Tree(PathBuf);

impl Tree {
    fn of(files: &[(&str, &str)]) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("mintage-planted-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let root = std::env::temp_dir().join(name);
        for (file, text) in files {
            let path = root.join(file);
            fs::create_dir_all(path.parent().expect("a file stands in a folder")).expect("the folder is made");
            fs::write(path, text).expect("the file is written");
        }
        Self(root)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        // Best effort: the folder is a temporary one.
        drop(fs::remove_dir_all(&self.0));
    }
}

fn found(files: &[(&str, &str)]) -> Vec<Finding> {
    check(Tree::of(files).path(), &[])
}

fn assert_red(file: &str, text: &str, rule: &str, line: usize) {
    let found = found(&[(file, text)]);
    let hit = found.iter().any(|finding| finding.rule == rule && finding.line == line && finding.file == file);
    assert!(hit, "{file}: expected `{rule}` at line {line} for:\n{text}\nfound: {found:#?}");
}

fn assert_green(file: &str, text: &str) {
    let found = found(&[(file, text)]);
    assert!(found.is_empty(), "{file}: expected nothing for:\n{text}\nfound: {found:#?}");
}

#[test]
fn a_look_upwards_is_red_in_every_spelling() {
    let spellings = [
        "use crate::issuer::Verb;",
        "use crate::{id::Sid, issuer::{self, Verb}};",
        "use super::super::issuer::Verb;",
        "fn f() { crate::issuer::verb(); }",
        "fn f(verb: &crate::issuer::Verb) {}",
        "mod inner { use super::super::super::issuer::Verb; }",
        "pub(in crate::issuer) fn f() {}",
        "#[serde(with = \"crate::issuer::wire\")] struct S;",
        "use {std::fmt, crate::issuer::Verb};",
        "macro_rules! m { () => { $crate::issuer::verb() }; }",
        "fn f() { let c = '\"'; crate::issuer::verb(); }",
        "use mintage::issuer::Verb;",
    ];
    for spelling in spellings {
        assert_red("src/store/log.rs", &format!("//! A file.\n{spelling}\n"), "floors", 2);
    }
}

#[test]
fn a_look_at_a_neighbour_is_red() {
    assert_red("src/policy/mod.rs", "\n\nuse crate::token::refresh::Parts;\n", "floors", 3);
    assert_red("src/id.rs", "use super::secret::Secret;\n", "floors", 1);
    assert_red("src/http/mod.rs", "use crate::tasks::Ticker;\n", "floors", 1);
}

#[test]
fn a_look_downwards_or_at_home_is_green() {
    assert_green(
        "src/policy/rotation.rs",
        "use super::session::Session;\nuse crate::registry::{Client, ScopeSet};\nuse crate::policy::Ended;\n",
    );
    assert_green("src/main.rs", "fn main() { mintage::cli::run() }\n");
    assert_green("src/lib.rs", "pub mod id;\npub mod time;\n");
    assert_green("src/server/mod.rs", "use crate::store::any;\nuse crate::{http, keyring, web::listener};\n");
}

#[test]
fn comments_strings_and_tests_may_name_anything() {
    assert_green(
        "src/id.rs",
        "//! See [`crate::issuer`].\n/* use crate::store::X; /* nested */ */\nconst A: &str = \"use crate::store::X;\";\n",
    );
    assert_green("src/id.rs", "const A: &str = r#\"a \" crate::store::X\"#;\nfn f<'a>(x: &'a str) -> char { 'a' }\n");
    assert_green("src/id.rs", "#[cfg(test)]\nmod tests {\n    use crate::store::X;\n    async fn f() {}\n}\n");
    assert_green("src/id.rs", "#[cfg(test)]\nuse crate::store::{X, Y};\n#[cfg(test)]\n#[path = \"id_tests.rs\"]\nmod tests;\n");
    assert_green("src/id_tests.rs", "use crate::store::X;\n");
    assert_green("src/id/tests/more.rs", "use crate::store::X;\n");
    let conformance =
        [("src/store/mod.rs", "#[cfg(test)]\nmod conformance;\n"), ("src/store/conformance/open.rs", "use crate::issuer::X;\n")];
    assert_eq!(found(&conformance), []);
}

#[test]
fn what_follows_a_test_item_is_looked_at_again() {
    assert_red("src/id.rs", "#[cfg(test)]\nuse crate::store::{X, Y};\nuse crate::store::Z;\n", "floors", 3);
    assert_red("src/id.rs", "#[cfg(test)]\nmod tests { fn f() {} }\nfn g() { crate::store::z() }\n", "floors", 3);
    assert_red("src/id.rs", "struct S {\n    #[cfg(test)]\n    a: u8,\n    b: crate::store::Z,\n}\n", "floors", 4);
    assert_red("src/id.rs", "#[cfg(not(test))]\nuse crate::store::Z;\n", "floors", 2);
    assert_red("src/id.rs", "#[cfg(any(test, feature = \"x\"))]\nuse crate::store::Z;\n", "floors", 2);
}

#[test]
fn each_never_is_red() {
    let nevers = [
        ("http", "store"),
        ("http", "keyring"),
        ("web", "store"),
        ("web", "keyring"),
        ("config", "store"),
        ("store", "token"),
        ("store", "api"),
    ];
    for (who, never) in nevers {
        assert_red(&format!("src/{who}/deep/down.rs"), &format!("\nuse crate::{never}::Thing;\n"), "nevers", 2);
    }
}

#[test]
fn handing_on_what_others_never_see_is_red() {
    assert_red("src/issuer/mod.rs", "pub use crate::store::StoreFault;\n", "nevers", 1);
    assert_red("src/issuer/mod.rs", "pub(crate) use crate::keyring::{Ring, Key};\n", "nevers", 1);
    assert_green("src/issuer/mod.rs", "use crate::store::StoreFault;\n");
}

#[test]
fn the_root_is_no_way_around_the_floors() {
    assert_red("src/id.rs", "use crate::Verifier;\n", "crate root", 1);
    assert_red("src/id.rs", "use super::*;\n", "crate root", 1);
    assert_red("src/id.rs", "use crate as house;\n", "crate root", 1);
    assert_red("src/id.rs", "use crate::{self as house};\n", "crate root", 1);
    assert_red("src/id.rs", "use super as house;\n", "crate root", 1);
}

#[test]
fn every_impurity_is_red_in_the_core_and_green_above() {
    let impure = [
        "use std::time::SystemTime;",
        "use std::time::{Duration, Instant};",
        "fn f() { std::time::Instant::now(); }",
        "use std::env;",
        "use std::{fmt, env};",
        "use std::net::{IpAddr, UdpSocket};",
        "fn f() { std::fs::read(\"x\"); }",
        "use std::{collections::BTreeMap, fs::File};",
        "use tokio::sync::Mutex;",
        "async fn f() {}",
        "fn f() { let a = async move {}; }",
        "fn f() { a.await; }",
        "static mut COUNT: u32 = 0;",
        "static COUNT: AtomicU32 = AtomicU32::new(0);",
        "static ALL: Mutex<Vec<u8>> = Mutex::new(Vec::new());",
        "static ALL: std::sync::OnceLock<u8> = std::sync::OnceLock::new();",
        "use std::sync::LazyLock;",
        "thread_local! { static A: u8 = 0; }",
        "fn f() { getrandom::fill(&mut [0]); }",
    ];
    for text in impure {
        for file in ["src/json.rs", "src/revocation/view.rs", "src/token/jwt.rs", "src/verify/cache.rs"] {
            assert_red(file, &format!("\n{text}\n"), "pure core", 2);
        }
        assert_green("src/ambient/clock.rs", &format!("{text}\n"));
    }
    assert_green(
        "src/time.rs",
        "static NAMES: [&str; 2] = [\"a\", \"b\"];\nfn f(x: &'static str) {}\nuse std::time::Duration;\nuse std::net::IpAddr;\n",
    );
}

#[test]
fn a_file_over_the_budget_is_red_and_tests_do_not_count() {
    let lines = |count: usize| "// a line\n".repeat(count);
    assert_green("src/id.rs", &lines(400));
    assert_red("src/id.rs", &lines(401), "size", 1);
    assert_green("src/id.rs", &format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", lines(400), lines(300)));
    assert_green("src/id_tests.rs", &lines(900));
}

#[test]
fn a_function_over_the_budget_is_red() {
    let function =
        |lines: usize| format!("\npub fn long<T>(a: [u8; 4]) -> T\nwhere\n    T: Sized,\n{{\n{}}}\n", "    // a line\n".repeat(lines - 5));
    assert_green("src/id.rs", &function(40));
    assert_red("src/id.rs", &function(41), "size", 2);
}

#[test]
fn an_exception_spares_what_it_names_and_is_red_when_stale() {
    let tree = Tree::of(&[("src/id.rs", &"// a line\n".repeat(401))]);
    assert_eq!(check(tree.path(), &[("src/id.rs", "for a reason")]), []);
    let stale = check(tree.path(), &[("src/id.rs", "for a reason"), ("src/id.rs::gone", "for a reason")]);
    assert!(matches!(&stale[..], [one] if one.rule == "size" && one.what.contains("stale")), "{stale:#?}");
}

#[test]
fn a_module_without_a_floor_is_red() {
    assert_red("src/helpers/mod.rs", "pub fn help() {}\n", "known modules", 1);
    assert_red("src/utils.rs", "pub fn help() {}\n", "known modules", 1);
}

#[test]
fn a_file_drawn_in_from_elsewhere_is_red() {
    assert_red("src/id.rs", "\n#[path = \"../elsewhere.rs\"]\nmod elsewhere;\n", "one place", 2);
    assert_red("src/id.rs", "include!(\"../elsewhere.rs\");\n", "one place", 1);
}

#[test]
fn a_finding_names_file_line_rule_and_the_way_out() {
    let found = found(&[("src/config/file.rs", "\nuse crate::store::Settings;\n")]);
    let text = found.iter().map(ToString::to_string).collect::<String>();
    assert!(text.starts_with("src/config/file.rs:2: nevers: `config` never sees `store`\n    way out: "), "{text}");
}

#[test]
fn a_guarantee_without_its_test_is_red() {
    let head = "| promise | where | test |\n| --- | --- | --- |\n";
    let page =
        format!("{head}| a | b | `src/id.rs::ids_are_ordered` |\n| a | b | `src/id.rs::gone` |\n| a | b | |\n| a | b | open: later |\n");
    let threats = page.replace("| a | b | `src/id.rs::gone` |\n", "");
    let divergences = format!("{head}| a | b | `src/id.rs::ids_are_ordered` |\n");
    let source = "#[cfg(test)]\nmod tests {\n    #[test]\n    fn ids_are_ordered() {}\n}\n// fn gone() {}\n";
    let pages: &[(&str, &str)] =
        &[("docs/GUARANTEES.md", &page), ("docs/THREATS.md", &threats), ("docs/DIVERGENCES.md", &divergences), ("src/id.rs", source)];
    let missing = guarantees::missing(Tree::of(pages).path());
    assert_eq!(missing.len(), 4, "{missing:#?}");
    assert!(missing[0].contains(":4: no `gone`") && missing[1].contains("GUARANTEES.md:5:"), "{missing:#?}");
    assert!(missing[2].contains("THREATS.md:4:") && missing[3].contains("THREATS.md:5:"), "only a promise may be open: {missing:#?}");
}

const DENY: &str = "[bans]\ndeny = [\n    { crate = \"rsa\", reason = \"slow\" },\n]\n[licenses]\nallow = [\"MIT\", \"ISC\"]\n";

#[test]
fn a_banned_or_foreign_dependency_is_red() {
    let package = |name: &str, rest: &str| format!("[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\n{rest}\n");
    let good = "source = \"registry+https://registry.example\"\nchecksum = \"00\"\n";
    let faults = |name: &str, rest: &str| Deny::read(DENY).lock_faults(&(package("first", good) + &package(name, rest))).len();
    assert_eq!(faults("ring", good), 0);
    assert_eq!(faults("mintage", ""), 0);
    assert_eq!(faults("rsa", good), 1);
    assert_eq!(faults("ring", ""), 1, "a path");
    assert_eq!(faults("ring", "source = \"registry+https://other.example\"\nchecksum = \"00\"\n"), 1);
    assert_eq!(faults("ring", "source = \"registry+https://registry.example\"\n"), 1, "no checksum");
    assert!(faults("ring", "source = \"git+https://registry.example/ring\"\n") > 0);
}

#[test]
fn a_licence_that_is_not_allowed_is_red() {
    let is_good = |licence: &str| Deny::read(DENY).licence_faults(&format!("a v1\t{licence}")).is_empty();
    for good in ["MIT", "MIT OR GPL-3.0", "GPL-3.0/MIT", "MIT AND ISC", "(GPL-3.0 OR MIT) AND ISC"] {
        assert!(is_good(good), "{good}");
    }
    for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT OR ISC) AND GPL-3.0", "MIT WITH exception", "MIT ISC"] {
        assert!(!is_good(bad), "{bad}");
    }
}
