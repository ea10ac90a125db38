//! An edge service in small: verifies access tokens offline, from the key sets that the issuer publishes. Builds without the service:
//!
//! ```text
//! curl -s http://127.0.0.1:8080/.well-known/jwks.json > jwks.json
//! echo "$ACCESS_TOKEN" | cargo run --no-default-features --example edge_verify -- http://127.0.0.1:8080 https://api.example jwks.json [paserk.json]
//! ```

use std::error::Error;
use std::io::{BufRead, stdin};
use std::process::ExitCode;
use std::time::SystemTime;
use std::{env, fs};

use mintage::policy::{Audience, Expectation};
use mintage::time::Moment;
use mintage::verify::{CachedVerifier, KeySet, Verifier};

/// The core has no clock: who embeds it says what time it is.
#[expect(clippy::disallowed_methods, reason = "an application of its own, which reads its own clock")]
fn now() -> Result<Moment, Box<dyn Error>> {
    Ok(Moment::from_seconds(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs()))
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [issuer, audience, jwks, paserk @ ..] = arguments.as_slice() else {
        eprintln!("usage: edge_verify ISSUER AUDIENCE JWKS_FILE [PASERK_FILE]   (tokens on standard input, one a line)");
        return Ok(ExitCode::from(2));
    };
    let mut keys = KeySet::from_jwks(&fs::read_to_string(jwks)?)?;
    for file in paserk {
        keys = keys.and(KeySet::from_paserk_set(&fs::read_to_string(file)?)?)?;
    }
    // One megabyte of verified tokens; every hit is judged again by time, keys and (with a view) revocation.
    let verifier = CachedVerifier::new(Verifier::new(Expectation::new(issuer, Audience::one(audience)), keys), 1 << 20);

    let mut refused = 0_u32;
    for token in stdin().lock().lines() {
        match verifier.verify(&token?, now()?) {
            Ok(verified) => {
                let claims = verified.claims();
                println!("good: subject {}, client {}, jti {}, until {}", claims.subject, claims.client_id, claims.jti, claims.expires_at);
            }
            Err(denial) => {
                refused += 1;
                println!("refused: {denial}");
            }
        }
    }
    Ok(if refused == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
