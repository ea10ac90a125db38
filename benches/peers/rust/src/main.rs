//! `mintage-bench-peers FILE SECONDS`: verifies our tokens from FILE with the library that this was built with, in turns with the raw Ed25519
//! check of ring, and prints one line of JSON: nanoseconds of each.
#![expect(clippy::disallowed_methods, reason = "it measures, and none of the product's modules are here")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring_primitive::signature::{ED25519, UnparsedPublicKey};
use serde_json::{Map, Value, json};

type Thing<'a> = (&'static str, Box<dyn Fn() -> bool + 'a>);

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (file, seconds) = (arguments.next().expect("a file"), arguments.next().and_then(|text| text.parse().ok()).expect("seconds"));
    let document: Value = serde_json::from_slice(&std::fs::read(file).expect("the file")).expect("JSON");
    let text = |path: &str| document.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let (signed, signature) = text("/eddsa/token").rsplit_once('.').expect("a JWT");
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).expect("a signature");
    let point = BASE64_URL_SAFE_NO_PAD.decode(text("/eddsa/jwk/x")).expect("a point");
    let key = UnparsedPublicKey::new(&ED25519, point);
    let mut things: Vec<Thing<'_>> = vec![("ring Ed25519", Box::new(move || key.verify(black_box(signed.as_bytes()), &signature).is_ok()))];
    peer(&text, &mut things);
    println!("{}", take_turns(&things, Duration::from_secs_f64(seconds)));
}

/// Nanoseconds of each: the median of its turns.
fn take_turns(things: &[Thing<'_>], seconds: Duration) -> Value {
    const TURNS: u32 = 20;
    const AT_ONCE: u32 = 64;
    let mut turns = vec![Vec::new(); things.len()];
    for _ in 0..TURNS {
        for ((name, thing), taken) in things.iter().zip(&mut turns) {
            let (began, mut rounds) = (Instant::now(), 0);
            while began.elapsed() < seconds / TURNS {
                assert!((0..AT_ONCE).all(|_| thing()), "{name} has refused a good token");
                rounds += AT_ONCE;
            }
            taken.push(began.elapsed().as_secs_f64() * 1e9 / f64::from(rounds));
        }
    }
    let mut figures = Map::new();
    for ((name, _), taken) in things.iter().zip(&mut turns) {
        taken.sort_unstable_by(f64::total_cmp);
        figures.insert((*name).to_owned(), json!(taken[taken.len() / 2]));
    }
    figures.into()
}

#[cfg(any(feature = "aws_lc", feature = "rust_crypto", feature = "ring"))]
fn peer<'a>(text: &dyn Fn(&str) -> &'a str, things: &mut Vec<Thing<'a>>) {
    #[cfg(feature = "ring")]
    use jsonwebtoken_9 as jsonwebtoken;
    #[cfg(not(feature = "ring"))]
    use jsonwebtoken_11 as jsonwebtoken;

    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};

    /// What a resource server wants to know.
    #[derive(serde::Deserialize)]
    struct Claims {
        sub: String,
        client_id: String,
        jti: String,
        exp: u64,
    }

    let kinds = [
        ("EdDSA", Algorithm::EdDSA, text("/eddsa/token"), DecodingKey::from_ed_components(text("/eddsa/jwk/x"))),
        ("ES256", Algorithm::ES256, text("/es256/token"), DecodingKey::from_ec_components(text("/es256/jwk/x"), text("/es256/jwk/y"))),
    ];
    for (name, algorithm, token, key) in kinds {
        let key = key.expect("a key");
        let mut validation = Validation::new(algorithm);
        validation.set_audience(&[text("/audience")]);
        validation.set_issuer(&[text("/issuer")]);
        validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        let verify = move || {
            let read = decode::<Claims>(black_box(token), &key, &validation);
            let is_whole = |claims: Claims| claims.exp > 0 && ![claims.sub, claims.client_id, claims.jti].contains(&String::new());
            read.is_ok_and(|read| is_whole(read.claims))
        };
        things.push((name, Box::new(verify)));
    }
}

#[cfg(feature = "pasetors")]
fn peer<'a>(text: &dyn Fn(&str) -> &'a str, things: &mut Vec<Thing<'a>>) {
    use pasetors::Public;
    use pasetors::claims::ClaimsValidationRules;
    use pasetors::keys::AsymmetricPublicKey;
    use pasetors::token::UntrustedToken;
    use pasetors::version4::V4;

    let key = AsymmetricPublicKey::<V4>::try_from(text("/paseto/paserk")).expect("a key");
    let token = text("/paseto/token");
    // Without its rule for dates, which demands an `nbf`: so it does less than the others.
    let mut rules = ClaimsValidationRules::new();
    rules.disable_valid_at();
    rules.validate_issuer_with(text("/issuer"));
    rules.validate_audience_with(text("/audience"));
    let verify = move || {
        let token = UntrustedToken::<Public, V4>::try_from(black_box(token));
        token.is_ok_and(|token| pasetors::public::verify(&key, &token, &rules, None, None).is_ok())
    };
    things.push(("v4.public", Box::new(verify)));
}
