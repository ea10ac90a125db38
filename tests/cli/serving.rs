//! The real binary, serving at a free port.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Starts `command`, which serves: the process, its address, and what it printed before it listened (a first run says its secret then, a
/// later one nothing).
pub(crate) fn start(command: &mut Command, folder: &Path) -> (Child, String, String) {
    let out = folder.join("first-words");
    let command = command.stdin(Stdio::null()).stdout(File::create(&out).expect("a file")).stderr(Stdio::piped());
    let mut child = command.spawn().expect("mintage starts");
    let mut said = BufReader::new(child.stderr.take().expect("piped")).lines().map_while(Result::ok);
    let url = said.find_map(|line| line.strip_prefix("listening on ").map(str::to_owned)).expect("it says that it listens");
    // To the end, so that it never waits for a reader.
    std::thread::spawn(move || said.for_each(drop));
    (child, url, fs::read_to_string(out).expect("what it printed"))
}
