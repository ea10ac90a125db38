//! The two ends of the HTTP measurements, which `benches/run` starts, each on a core of its own:
//!
//! - `drive`, with a [`drive::Plan`] on standard input: asks a server in a closed loop and prints one line of JSON;
//! - `baseline FOLDER COMMITS REFRESH_BYTES INTROSPECTION_BYTES`: what the same machine can do at most with the same crates.

mod baseline;
mod connection;
mod drive;
mod figures;
mod touch;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["drive"] => drive::run(),
        ["baseline", folder, commits, refresh, introspection] => baseline::run(folder, commits, refresh, introspection),
        _ => {
            println!("started by benches/run"); // `cargo bench` starts this one too
            Ok(())
        }
    };
    done.map_or_else(
        |why| {
            eprintln!("{why}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}
