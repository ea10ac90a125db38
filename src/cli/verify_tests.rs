use std::path::Path;

use super::*;
use crate::claims::{Claims, Custom};
use crate::id::{Jti, Stamp};
use crate::keyring::{Algorithm, SigningKey};
use crate::token::{jwt, paseto};

const NOW: Moment = Moment::from_seconds(1_800_000_000);
const API: &str = "https://api.example";

fn signing(algorithm: Algorithm) -> SigningKey {
    SigningKey::generate(algorithm, &mut |bytes| bytes.fill(5)).unwrap()
}

fn tokens() -> (String, String) {
    tokens_bound_to(None)
}

fn tokens_bound_to(sender_key: Option<String>) -> (String, String) {
    let claims = Claims {
        issuer: "https://id.example".into(),
        subject: "alice".into(),
        audience: vec![API.into()],
        expires_at: NOW.plus(Duration::from_secs(300)),
        issued_at: NOW,
        not_before: None,
        jti: Jti::new(Stamp::from_millis(NOW.millis()), &[1; 10]),
        client_id: "app".into(),
        sid: None,
        scope: None,
        auth_time: None,
        acr: None,
        amr: vec![],
        sender_key,
        actor: None,
        custom: Custom::default(),
    };
    let (jwt_key, paseto_key) = (signing(Algorithm::EdDsa), signing(Algorithm::V4Public));
    let input = jwt::signing_input(&claims, jwt_key.verifying());
    let signature = jwt_key.sign(input.as_bytes()).unwrap();
    let unsigned = paseto::signing_input(&claims, paseto_key.verifying().kid(), b"tenant");
    (jwt::finish(input, &signature), paseto::finish(&unsigned, &paseto_key.sign(unsigned.signed()).unwrap()))
}

fn sets() -> [(&'static str, String); 2] {
    let paseto_key = signing(Algorithm::V4Public);
    let paserk = serde_json::json!({"kid": paseto_key.verifying().kid(), "paserk": paseto_key.verifying().to_paserk()});
    [
        ("/.well-known/jwks.json", serde_json::json!({"keys": [signing(Algorithm::EdDsa).verifying().to_jwk()]}).to_string()),
        ("/.well-known/paserk.json", serde_json::json!({ "keys": [paserk] }).to_string()),
    ]
}

fn arguments(line: &str) -> Result<VerifyArgs, clap::Error> {
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: VerifyArgs,
    }
    let all = format!("verify --issuer https://id.example --audience {API} {line}");
    <Line as clap::Parser>::try_parse_from(all.split_whitespace()).map(|line| line.args)
}

fn run_on(line: &str, input: &str) -> io::Result<(u8, Vec<serde_json::Value>)> {
    let fetch = |url: &str| {
        let found = sets().into_iter().find(|(path, _)| url == format!("https://id.example{path}"));
        found.map(|(_, text)| text).ok_or_else(|| io::Error::other("not found"))
    };
    let mut output = Vec::new();
    let status = run(&arguments(line).unwrap(), fetch, input.as_bytes(), &mut output, NOW)?;
    let lines = String::from_utf8(output).unwrap();
    Ok((status, lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()))
}

fn write_sets(folder: &Path) -> String {
    let [(_, jwks), (_, paserk)] = sets();
    fs::write(folder.join("jwks.json"), jwks).unwrap();
    fs::write(folder.join("paserk.json"), paserk).unwrap();
    format!("--jwks {0}/jwks.json --paserk {0}/paserk.json", folder.display())
}

#[test]
fn claims_have_jwt_types_in_both_formats() {
    let folder = tempfile::tempdir().unwrap();
    let (jwt, paseto) = tokens();
    let files = write_sets(folder.path());
    for source in [files.as_str(), "--url https://id.example/"] {
        let (status, lines) = run_on(&format!("{source} --implicit tenant"), &format!("{jwt}\n{paseto}\n")).unwrap();
        assert_eq!((status, lines.len()), (0, 2));
        assert_eq!(lines[0], lines[1]);
        assert_eq!((&lines[1]["claims"]["exp"], &lines[1]["claims"]["aud"]), (&1_800_000_300_u64.into(), &API.into()));
    }
}

#[test]
fn one_refused_token_is_enough_for_status_1_and_every_line_gets_its_answer() {
    let (jwt, paseto) = tokens();
    let (status, lines) = run_on("--url https://id.example", &format!("{jwt}\n\n{paseto}\n")).unwrap();
    let denials: Vec<_> = lines.iter().map(|line| line["denial"].as_str()).collect();
    assert_eq!((status, denials), (1, vec![None, Some("malformed"), Some("bad_signature")]));
}

#[test]
fn time_leeway_and_maximum_are_the_callers() {
    let (jwt, _) = tokens();
    let answer = |line: &str| run_on(&format!("--url https://id.example {line}"), &jwt).unwrap().1[0]["denial"].as_str().map(str::to_owned);
    assert_eq!(answer("--at 1800000299"), None);
    assert_eq!(answer("--at 1800000300").as_deref(), Some("expired"));
    assert_eq!(answer("--at 1800000300 --leeway 1"), None);
    assert_eq!(answer("--max-ttl 299").as_deref(), Some("lifetime_too_long"));
    assert!(arguments("--url u --leeway 61").is_err());
}

#[test]
fn keys_that_cannot_be_had_are_an_error_with_their_name() {
    assert!(arguments("").is_err(), "some keys must be given");
    assert!(run_on("--jwks /nowhere/jwks.json", "").unwrap_err().to_string().starts_with("/nowhere/jwks.json: "));
    assert!(run_on("--url https://down.example", "").unwrap_err().to_string().contains("https://down.example/.well-known/jwks.json"));
    let folder = tempfile::tempdir().unwrap();
    write_sets(folder.path());
    let swapped = format!("--paserk {}/jwks.json", folder.path().display());
    assert!(run_on(&swapped, "").unwrap_err().to_string().contains("jwks.json: key 0"));
}

#[test]
fn a_token_that_is_bound_to_a_key_is_refused_and_the_reason_is_told() {
    let (jwt, paseto) = tokens_bound_to(Some("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I".into()));
    let (status, lines) = run_on("--url https://id.example --implicit tenant", &format!("{jwt}\n{paseto}\n")).unwrap();
    assert_eq!(status, 1);
    assert!(lines.iter().all(|line| line["denial"] == "sender_key"), "{lines:?}");
}
