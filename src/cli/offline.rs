//! Runs the commands that read tokens from standard input and need no deployment.

use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use super::connect::http_client;
use super::inspect::{self, InspectArgs};
use super::output::Failure;
use super::verify::{self, VerifyArgs};
use crate::ambient::{Clock, SystemClock};
use crate::config;

pub(super) fn run_verify(args: &VerifyArgs) -> Result<(), Failure> {
    let now = SystemClock::new().wall();
    let ca = args.ca.clone().or(config::Remote::of(config::variables()).ca_file.map(PathBuf::from));
    let fetch = |url: &str| fetch(url, ca.as_deref());
    ended(verify::run(args, fetch, io::stdin().lock(), BufWriter::new(io::stdout().lock()), now))
}

pub(super) fn run_inspect(args: &InspectArgs) -> Result<(), Failure> {
    ended(inspect::run(args, io::stdin().lock(), BufWriter::new(io::stdout().lock())))
}

/// A reader that has gone away is no fault; keys that cannot be read are wrong use, so that 1 says only that a token was refused.
fn ended(status: io::Result<u8>) -> Result<(), Failure> {
    match status {
        Ok(0) => Ok(()),
        Ok(_) => Err(Failure::Refused(String::new())),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::Usage(error.to_string())),
    }
}

fn fetch(url: &str, ca: Option<&Path>) -> io::Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let client = http_client(ca).map_err(|failure| io::Error::other(failure.text().to_owned()))?;
    let answer = runtime.block_on(client.get(url)).map_err(io::Error::other)?;
    if !answer.status.is_success() {
        return Err(io::Error::other(format!("it answered {}", answer.status)));
    }
    String::from_utf8(answer.body.to_vec()).map_err(io::Error::other)
}
