//! `docs/cli.md`, printed from the commands themselves.

use clap::{Command, CommandFactory};

use super::Cli;

/// Wide enough for every help text, whatever the terminal.
const WIDTH: usize = 110;

/// The page.
pub fn page() -> String {
    let mut page = String::from(INTRODUCTION);
    let mut root = Cli::command().term_width(WIDTH);
    root.build();
    describe(&mut root, "mintage", &mut page);
    page
}

const INTRODUCTION: &str = "# Command line

<!-- Printed from the commands; a test compares them. Rewrite with `UPDATE_DOCS=1 cargo test --lib cli::`. -->

Exit status: 0 done, 1 refused or found wanting, 2 wrong use. Standard output carries results only, everything else goes to standard error.
Commands that concern a running deployment speak HTTP to it: `MINTAGE_URL`, `MINTAGE_CLIENT_ID`, `MINTAGE_CLIENT_SECRET`.
";

fn describe(command: &mut Command, path: &str, page: &mut String) {
    let help = command.clone().term_width(WIDTH).bin_name(path).render_long_help().to_string();
    let lines: Vec<_> = help.lines().map(str::trim_end).collect();
    page.push_str(&format!("\n## `{path}`\n\n```text\n{}\n```\n", lines.join("\n").trim_end()));
    for below in command.get_subcommands_mut().filter(|below| below.get_name() != "help") {
        let path = format!("{path} {}", below.get_name());
        describe(below, &path, page);
    }
}
