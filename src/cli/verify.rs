//! `mintage verify`: tokens on standard input, verdicts on standard output.

use std::fs;
use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::time::Duration;

use super::lines::each_line;
use crate::policy::{Audience, Expectation};
use crate::time::Moment;
use crate::token::claims_json::{self, Dates};
use crate::verify::{KeySet, KeySetFault, Verifier};

/// Verify access tokens offline: one a line on standard input, one JSON line each on standard output.
///
/// Exit status 1 when any is refused. Revocation is not asked: this needs no server (but for --url, once, for its keys).
#[derive(Clone, Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("keys").required(true).multiple(true)))]
pub struct VerifyArgs {
    /// The issuer that tokens must name
    #[arg(long, value_name = "ISS")]
    pub issuer: String,
    /// The audience that tokens must be for
    #[arg(long, value_name = "A")]
    pub audience: String,
    /// A JWK Set with the keys of JWTs
    #[arg(long, value_name = "FILE", group = "keys")]
    pub jwks: Option<PathBuf>,
    /// A set of PASERKs with the keys of PASETO tokens
    #[arg(long, value_name = "FILE", group = "keys")]
    pub paserk: Option<PathBuf>,
    /// A running issuer, asked for both sets
    #[arg(long, value_name = "URL", group = "keys", conflicts_with_all = ["jwks", "paserk"])]
    pub url: Option<String>,
    /// Trust the PEM certificates in this file when --url is asked, and no others [default: MINTAGE_CA_FILE, else what the system trusts]
    #[arg(long, value_name = "FILE", requires = "url")]
    pub ca: Option<PathBuf>,
    /// Judge as of this time instead of now
    #[arg(long, value_name = "UNIX_SECONDS")]
    pub at: Option<u64>,
    /// Accept tokens for so many seconds after they expired
    #[arg(long, value_name = "S", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=60))]
    pub leeway: u64,
    /// Refuse tokens that live longer than so many seconds
    #[arg(long, value_name = "S", default_value_t = 86_400, value_parser = clap::value_parser!(u64).range(1..))]
    pub max_ttl: u64,
    /// The implicit assertion of the audience's PASETO tokens
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub implicit: String,
}

/// Where an issuer publishes its key sets.
const PUBLISHED: [(&str, ReadSet); 2] =
    [("/.well-known/jwks.json", KeySet::from_jwks), ("/.well-known/paserk.json", KeySet::from_paserk_set)];

type ReadSet = fn(&str) -> Result<KeySet, KeySetFault>;

/// Runs the command; `fetch` gives the body of a URL. Says the exit status: 0 when every token is good, 1 when one is not.
///
/// # Errors
/// A key file or set that cannot be read, with its name; or a pipe that broke.
pub fn run(
    args: &VerifyArgs,
    fetch: impl Fn(&str) -> io::Result<String>,
    input: impl BufRead,
    mut output: impl Write,
    now: Moment,
) -> io::Result<u8> {
    let verifier = verifier(args, fetch)?;
    let now = args.at.map_or(now, Moment::from_seconds);
    let mut status = 0;
    each_line(input, |token| match verifier.verify(token, now) {
        Ok(verified) => writeln!(output, r#"{{"ok":true,"claims":{}}}"#, claims_json::write(verified.claims(), Dates::Numeric)),
        Err(denial) => {
            status = 1;
            writeln!(output, r#"{{"ok":false,"denial":"{denial}"}}"#)
        }
    })?;
    output.flush()?;
    Ok(status)
}

fn verifier(args: &VerifyArgs, fetch: impl Fn(&str) -> io::Result<String>) -> io::Result<Verifier> {
    let mut keys = KeySet::default();
    let mut add = |name: String, text: io::Result<String>, read: ReadSet| {
        let named = |why: &dyn std::fmt::Display| io::Error::new(io::ErrorKind::InvalidData, format!("{name}: {why}"));
        let set = read(&text.map_err(|why| named(&why))?).map_err(|why| named(&why))?;
        keys = std::mem::take(&mut keys).and(set).map_err(|why| named(&why))?;
        Ok::<_, io::Error>(())
    };
    for (file, read) in [(&args.jwks, KeySet::from_jwks as ReadSet), (&args.paserk, KeySet::from_paserk_set)] {
        if let Some(file) = file {
            add(file.display().to_string(), fs::read_to_string(file), read)?;
        }
    }
    if let Some(url) = &args.url {
        for (path, read) in PUBLISHED {
            let address = format!("{}{path}", url.trim_end_matches('/'));
            add(address.clone(), fetch(&address), read)?;
        }
    }
    let expectation = Expectation {
        leeway: Duration::from_secs(args.leeway),
        max_ttl: Duration::from_secs(args.max_ttl),
        ..Expectation::new(&args.issuer, Audience::one(&args.audience))
    };
    Ok(Verifier::new(expectation, keys).with_implicit(&args.audience, &args.implicit))
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
