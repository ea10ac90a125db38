//! Where fuzzing begins: the published and the own vectors, and what clients send.

use std::path::Path;

use mintage::secret::Secret;
use mintage::token::{RefreshToken, b64};
use serde_json::Value;

use super::targets::{ASSERTION_HEADER, GOOD_ASSERTION, GOOD_PROOF, proof_header, ring, signed};

/// The seeds of one target. `root` is the project's folder.
pub fn of(root: &Path, target: &str) -> Vec<Vec<u8>> {
    let read = |path: &str| std::fs::read(root.join(path)).expect("the file of seeds is there");
    match target {
        "jwt" => tokens(&read("tests/vectors/mintage/jwt.jsonl")),
        "paseto" => tokens(&read("tests/vectors/mintage/paseto.jsonl")),
        "refresh_token" => vec![a_refresh_token().into_bytes(), b"mrt_".to_vec(), vec![0; 38]],
        "client_assertion" => jwt_of(ASSERTION_HEADER, GOOD_ASSERTION),
        "dpop_proof" => jwt_of(&proof_header(), GOOD_PROOF),
        "form" => FORMS.iter().map(|form| form.as_bytes().to_vec()).collect(),
        "json_body" => BODIES.iter().map(|body| body.as_bytes().to_vec()).chain(json_suite(root)).collect(),
        "header" => HEADERS.iter().map(|header| header.as_bytes().to_vec()).collect(),
        "key_set" => vec![read("tests/vectors/mintage/jwks.json"), read("tests/vectors/mintage/paserk.json")],
        "config" => CONFIGS.iter().map(|text| text.as_bytes().to_vec()).collect(),
        other => panic!("there is no target `{other}`"),
    }
}

const SID: &str = "01a1f0c2-0000-7222-8222-222222222222";

const FORMS: &[&str] = &[
    "grant_type=refresh_token&client_id=app&refresh_token=mrt_AQAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "grant_type=client_credentials&scope=read+write&resource=https%3A%2F%2Fapi.example&resource=https%3A%2F%2Fb.example",
    "token=eyJ0eXAiOiJhdCtqd3QifQ.e30.AA&token_type_hint=access_token&client_id=a&client_secret=%F0%9F%94%91",
    "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=a.b.c",
    "a=1&a=2&=&&b&c==&%00=%ff",
];

const BODIES: &[&str] = &[
    r#"{"subject":"alice","client_id":"app","audience":["https://api.example"],"scope":"read","claims":{"role":"reader"},"auth_time":1,"acr":"x","amr":["pwd"],"cnf":{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"},"device":{"name":"n","user_agent":"u","ip":"::1"},"slot":"phone","lifetime":60,"upstream":{"iss":"https://up.example","sid":"s"}}"#,
    r#"{"claims":{"role":null},"scope":"read"}"#,
    r#"{"subject":"alice","client_id":"app","claims":{"a":[1,2.5e3,{"b":"\u0063\ud83d\ude00"}]},"void_access_tokens":true}"#,
    r#"{"target":{"type":"subject","subject":"alice","client_id":"app","except_sid":"01a1f0c2-0000-7222-8222-222222222222"},"extent":"access_tokens","reason":{"code":"lost_device","note":"n"},"dry_run":true}"#,
    r#"{"target":{"type":"key","kid":"k4.pid.oFk4UuUI-fnuyUmrMhgD5TgCRkmTKHDdm26vS1XN_7qC"}}"#,
    r#"{"id":"web","type":"public","grants":["refresh_token"],"scopes":["read"],"audiences":["https://api.example"],"opens_for":["*"],"format":"paseto","origins":["https://web.example"],"lifetimes":{"access_ttl":60},"rotates":true,"sessions_per_slot":1,"disabled":false}"#,
];

const HEADERS: &[&str] = &[
    "Bearer eyJ0eXAiOiJhdCtqd3QifQ.e30.AA",
    "bearer\tx",
    "Basic YXBwOnNlY3JldA==",
    "Basic Og==",
    "DPoP a.b.c",
    "access_token=x&a=b",
    "01a1f0c2-0000-7222-8222-222222222222",
];

const CONFIGS: &[&str] = &[
    "issuer = \"https://id.example\"\nlisten = \"127.0.0.1:0\"\n[defaults]\naccess_ttl = \"5m\"\nabsolute = \"30d\"\nidle = \"7d\"\nretry_window = \"30s\"\nrotation_pause = \"30s\"\n",
    "[[clients]]\nid = \"app\"\ntype = \"public\"\ngrants = [\"refresh_token\"]\nscopes = [\"read\"]\naudiences = [\"https://api.example\"]\n[[clients]]\nid = \"app\"\n",
    "[[resource_servers]]\naudience = \"https://api.example\"\nwhen_stale = \"accept\"\nimplicit = \"tenant\"\n[log]\nlevel = \"trace\"\nformat = \"json\"\n",
    "a.b.c = [1, 2.5, true, 1979-05-27T07:32:00Z, {x = 'y'}]\n\"quoted \\u0041\" = '''\nmany\nlines'''\n",
];

/// The whole, and its parts.
fn jwt_of(header: &str, claims: &str) -> Vec<Vec<u8>> {
    vec![signed(header.as_bytes(), claims.as_bytes()).into_bytes(), header.into(), claims.into()]
}

fn tokens(lines: &[u8]) -> Vec<Vec<u8>> {
    let lines = std::str::from_utf8(lines).expect("UTF-8").lines();
    let token = |line| serde_json::from_str::<Value>(line).ok()?["token"].as_str().map(|token| token.as_bytes().to_vec());
    let whole: Vec<Vec<u8>> = lines.filter_map(token).filter(|token| token.len() <= 2_048).collect();
    // Their headers and payloads too: what a stranger may put under a signature.
    let parts = whole.iter().flat_map(|token| token.split(|&byte| byte == b'.').collect::<Vec<_>>());
    let decoded: Vec<Vec<u8>> = parts.filter_map(|part| b64::decode(std::str::from_utf8(part).ok()?)).collect();
    whole.into_iter().chain(decoded).collect()
}

fn json_suite(root: &Path) -> Vec<Vec<u8>> {
    let folder = std::fs::read_dir(root.join("tests/vectors/jsontestsuite/test_parsing")).expect("the suite is there");
    let mut files: Vec<_> = folder.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    files.iter().filter_map(|file| std::fs::read(file).ok()).filter(|text| text.len() <= 4_096).collect()
}

fn a_refresh_token() -> String {
    let token = RefreshToken::new(1, SID.parse().expect("an id"), 3, Secret::new([9; 16]));
    token.write(&ring()).expect("its MAC key is there").expose(String::clone)
}
