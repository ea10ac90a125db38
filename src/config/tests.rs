use std::path::PathBuf;

use super::*;

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        path
    }

    fn load(&self, text: &str) -> Result<Loaded, Vec<Fault>> {
        let config = Some(self.write("mintage.toml", text));
        load(&Flags { config, ..Flags::default() }, [])
    }

    /// The faults of a text: line, column, key, code of what is wrong.
    fn faults(&self, text: &str) -> Vec<String> {
        let folder = format!("{}/", self.0.path().display());
        self.load(text).unwrap_err().iter().map(|fault| fault.to_string().replace(&folder, "")).collect()
    }
}

fn env(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

const GOOD_SECRET: &str = "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=\n";

#[test]
fn without_configuration_everything_has_its_default() {
    let settings = load(&Flags::default(), []).unwrap().settings;
    assert_eq!(settings.listen, "127.0.0.1:8080".parse().unwrap());
    assert_eq!(settings.issuer_at(settings.listen), "http://127.0.0.1:8080");
    assert_eq!(settings.registry.defaults, crate::registry::Lifetimes::default());
    assert!(settings.registry.clients.is_empty());
}

#[test]
fn the_documented_defaults_are_the_ones_that_hold() {
    let files = Files::new();
    let mut text = String::new();
    let mut table = "";
    for key in
        keys::KEYS.iter().filter(|key| !key.default.is_empty() && !key.name.starts_with("clients") && !key.name.starts_with("resource"))
    {
        let (of, name) = key.name.rsplit_once('.').unwrap_or(("", key.name));
        if of != table {
            text.push_str(&format!("[{of}]\n"));
            table = of;
        }
        text.push_str(&format!("{name} = {}\n", key.default));
    }
    let written = files.load(&text).unwrap().settings;
    assert_eq!(format!("{written:?}"), format!("{:?}", load(&Flags::default(), []).unwrap().settings));
}

#[test]
fn what_is_no_file_is_refused_unopened() {
    let files = Files::new();
    for no_file in ["/dev/zero".to_owned(), files.0.path().display().to_string()] {
        let text = format!("[[clients]]\nid = \"a\"\ntype = \"confidential\"\nsecret_file = \"{no_file}\"\n");
        let faults = files.faults(&text);
        assert!(faults.iter().any(|fault| fault.contains("secret_file") && fault.contains("it is not a file")), "{faults:?}");
    }
}

#[test]
fn keys_and_state_never_share_a_folder() {
    let files = Files::new();
    for (data, keys) in [("both", "both"), ("both", "./both/"), ("/srv/m", "/srv/m/")] {
        let faults = files.faults(&format!("data = \"{data}\"\nkeys = \"{keys}\"\n"));
        assert!(faults[0].starts_with("mintage.toml:2:1: keys: is the folder of the state, too"), "{faults:?}");
    }
    assert_eq!(files.faults("data = \"keys\"\n").len(), 1, "also where it is the default");
    files.load("data = \"a\"\nkeys = \"a/keys\"\n").unwrap();
}

#[test]
fn the_page_lists_exactly_the_keys_that_are_read() {
    let sample = "[[clients]]\n[[resource_servers]]\n";
    let tables = ["defaults", "sessions", "signing", "audit", "tls", "connections", "log", "rate_limits", "clients", "resource_servers"];
    let read: Vec<_> = load::known_keys(sample).into_iter().filter(|key| !tables.contains(&key.as_str())).collect();
    let mut listed: Vec<_> = keys::KEYS.iter().map(|key| key.name.to_owned()).collect();
    listed.sort();
    assert_eq!(read, listed);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test asks whether to rewrite the page")]
fn the_page_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");
    if std::env::var("UPDATE_DOCS").is_ok() {
        std::fs::write(path, page()).unwrap();
    }
    let page_is_current = std::fs::read_to_string(path).is_ok_and(|text| text == page());
    assert!(page_is_current, "docs/configuration.md is out of date: run UPDATE_DOCS=1 cargo test --lib config::");
}

#[test]
fn every_fault_of_a_file_is_reported_at_once_with_place_and_fix() {
    let files = Files::new();
    let weak = files.write("weak", "hunter2\n");
    let text = format!(
        r#"issuer = "http://id.example"
listn = "127.0.0.1:8080"
store = "redis://localhost"

[defaults]
access_ttl = "25h"
idle = "a week"
rotation_pause = "10s"

[sessions]
per_subject = "many"

[[clients]]
id = "backend"
type = "confidential"
secret_file = "{}"
grants = ["client_credentials"]
scopes = ["mintage:revok"]
opens_for = ["app"]

[[clients]]
id = "spa"
type = "public"
grants = ["client_credentials"]
origins = ["https://spa.example/"]
"#,
        weak.display()
    );
    let expected = [
        r#"mintage.toml:1:1: issuer: "http://id.example" cannot be understood: write https://host with no slash at its end (http only on loopback)"#,
        r#"mintage.toml:2:1: listn: there is no such key: did you mean "listen"?"#,
        r#"mintage.toml:3:1: store: a store on Redis is not supported in this version: write "embedded""#,
        r#"mintage.toml:6:1: defaults.access_ttl: "1500m" is out of range: use "1s" to "1d""#,
        r#"mintage.toml:7:1: defaults.idle: "a week" cannot be understood: write a whole number and ms, s, m, h or d, such as "90s""#,
        r#"mintage.toml:8:1: defaults.rotation_pause: rotation_pause is below retry_window: raise rotation_pause to at least retry_window, or set it to "0s" in a test"#,
        r#"mintage.toml:11:1: sessions.per_subject: must be a number, not text: write it without quotes, whole"#,
        r#"mintage.toml:16:1: clients[0].secret_file: the secret could be guessed: it needs 128 bits of entropy on one line; make one with: openssl rand -hex 32"#,
        r#"mintage.toml:18:1: clients[0].scopes: "mintage:revok" is no scope of Mintage: did you mean "mintage:revoke"?"#,
        r#"mintage.toml:19:1: clients[0].opens_for: no client "app" is registered: register that client, or write ["*"]"#,
        r#"mintage.toml:24:1: clients[1].grants: a public client may not use client_credentials: make the client confidential, or leave client_credentials out"#,
        r#"mintage.toml:25:1: clients[1].origins: "https://spa.example/" is no web origin: write scheme, host and port only, such as https://app.example (http only on loopback)"#,
    ];
    let expected: Vec<_> = expected.iter().map(|line| line.replace("1500m", "25h")).collect();
    assert_eq!(files.faults(&text), expected);
}

#[test]
fn a_second_client_of_one_id_is_checked_like_the_first() {
    let text = "[[clients]]\nid = \"spa\"\ntype = \"public\"\n\n[[clients]]\nid = \"spa\"\ntype = \"public\"\norigins = [\"https://spa.example/\"]\n";
    let expected = [
        r#"mintage.toml:5:1: clients[1].id: "spa" stands there twice: give each client an id of its own"#,
        r#"mintage.toml:8:1: clients[1].origins: "https://spa.example/" is no web origin: write scheme, host and port only, such as https://app.example (http only on loopback)"#,
    ];
    assert_eq!(Files::new().faults(text), expected);
}

#[test]
fn torn_lines_are_reported_beside_the_other_faults() {
    let files = Files::new();
    let faults = files.faults("listen = 127.0.0.1:8080\ndata = 7\n[defaults]\nidle = 7d\n");
    let places: Vec<_> =
        faults.iter().map(|fault| fault.split(": ").next().unwrap_or_default().rsplit_once(':').unwrap().0.to_owned()).collect();
    assert!(places.contains(&"mintage.toml:1".to_owned()), "{faults:#?}");
    assert!(places.contains(&"mintage.toml:2".to_owned()), "{faults:#?}");
    assert!(places.contains(&"mintage.toml:4".to_owned()), "{faults:#?}");
}

#[test]
fn a_full_file_is_taken_as_written() {
    let files = Files::new();
    let secret = files.write("secret", GOOD_SECRET);
    let text = format!(
        r#"issuer = "https://id.example"
listen = "0.0.0.0:8443"
[defaults]
rotation_pause = "0s"
[signing]
algorithm = "ES256"
[[clients]]
id = "backend"
type = "confidential"
secret_files = ["{0}"]
grants = ["client_credentials"]
scopes = ["mintage:sessions.open"]
opens_for = ["*"]
[[clients]]
id = "app"
type = "public"
scopes = ["read", "mintage:me"]
audiences = ["https://api.example"]
format = "paseto"
access_ttl = "1m"
[[resource_servers]]
audience = "https://api.example"
when_stale = "accept"
implicit = "blue"
"#,
        secret.display()
    );
    let settings = files.load(&text).unwrap().settings;
    let app = settings.registry.client("app").unwrap();
    assert_eq!(settings.registry.lifetimes(app).access_ttl.as_secs(), 60);
    assert!(settings.registry.lifetimes(app).rotation_pause.is_zero());
    assert_eq!(settings.registry.implicit("https://api.example"), "blue");
    assert_eq!(settings.signing.algorithm, JwtAlgorithm::Es256);
    assert!(settings.registry.client("backend").unwrap().knows_secret(GOOD_SECRET.trim_end().as_bytes()));
}

#[test]
fn the_environment_lies_over_the_file_and_flags_over_both() {
    let files = Files::new();
    let config = Some(files.write("mintage.toml", "listen = \"127.0.0.1:1\"\nkeys = \"k\"\n[defaults]\nidle = \"1d\"\n"));
    let flags = Flags { config, listen: Some("127.0.0.1:3".into()), ..Flags::default() };
    let variables = [
        ("MINTAGE_LISTEN", "127.0.0.1:2"),
        ("MINTAGE_DEFAULTS__ROTATION_PAUSE", "0"),
        ("MINTAGE_SESSIONS__PER_SUBJECT", "7"),
        ("MINTAGE_URL", "http://elsewhere"),
        ("PATH", "/bin"),
    ];
    let loaded = load(&flags, env(&variables)).unwrap();
    assert_eq!(loaded.settings.listen.port(), 3);
    assert_eq!(loaded.settings.keys, PathBuf::from("k"));
    assert!(loaded.settings.registry.defaults.rotation_pause.is_zero());
    assert_eq!(loaded.settings.registry.defaults.idle.as_secs(), 86_400);
    assert_eq!(loaded.settings.sessions.per_subject, 7);
    let shown: Vec<_> = loaded.shown.iter().map(|one| format!("{} = {} ({})", one.key, one.value, one.place)).collect();
    assert!(shown.contains(&r#"listen = "127.0.0.1:3" (--listen)"#.to_owned()), "{shown:#?}");
    assert!(shown.contains(&r#"sessions.per_subject = "7" (MINTAGE_SESSIONS__PER_SUBJECT)"#.to_owned()), "{shown:#?}");
    assert!(shown.contains(&r#"defaults.absolute = "30d" (default)"#.to_owned()), "{shown:#?}");
}

#[test]
fn a_wrong_variable_is_named_with_what_was_meant() {
    let variables = [("MINTAGE_LISTN", "x"), ("MINTAGE_CLIENTS__ID", "x"), ("MINTAGE_DATA", ""), ("MINTAGE_LISTEN", "8080")];
    let faults: Vec<_> = load(&Flags::default(), env(&variables)).unwrap_err().iter().map(ToString::to_string).collect();
    let expected = [
        "MINTAGE_CLIENTS__ID: there is no such key: unset it",
        "MINTAGE_DATA: data: \"\" cannot be understood: name a folder",
        "MINTAGE_LISTEN: listen: \"8080\" cannot be understood: write an address and a port, such as 127.0.0.1:8080",
        "MINTAGE_LISTN: there is no such key: did you mean MINTAGE_LISTEN?",
    ];
    assert_eq!(faults, expected);
}

#[test]
fn an_address_that_others_reach_needs_an_issuer() {
    let faults = load(&Flags { listen: Some("0.0.0.0:8080".into()), ..Flags::default() }, []).unwrap_err();
    assert!(matches!(&faults[..], [Fault { place: Place::Flag("--listen"), problem: Problem::Conflict(_), .. }]), "{faults:?}");
}

#[test]
fn a_guessable_admin_secret_is_refused_and_not_shown() {
    let faults = load(&Flags::default(), env(&[("MINTAGE_ADMIN_SECRET", "canary")])).unwrap_err();
    assert_eq!(faults[0].problem, Problem::WeakSecret);
    assert!(!faults[0].to_string().contains("canary"));
    let loaded = load(&Flags::default(), env(&[("MINTAGE_ADMIN_SECRET", GOOD_SECRET.trim_end())])).unwrap();
    assert!(loaded.settings.admin_secret.is_some());
    assert!(!format!("{loaded:?}").contains(GOOD_SECRET.trim_end()));
}

#[test]
fn a_file_that_is_not_there_is_said_so() {
    let flags = Flags { config: Some("nowhere/mintage.toml".into()), ..Flags::default() };
    let faults = load(&flags, []).unwrap_err();
    assert!(faults[0].to_string().starts_with("--config: cannot be read: nowhere/mintage.toml: "), "{}", faults[0]);
}

#[test]
fn an_issuer_is_https_or_on_loopback_and_has_no_path() {
    let files = Files::new();
    for good in ["https://id.example", "https://id.example:8443", "http://127.0.0.1:8080", "http://localhost", "http://[::1]:80"] {
        assert!(files.load(&format!("issuer = \"{good}\"")).is_ok(), "{good}");
    }
    for wrong in
        ["http://id.example", "https://id.example/", "https://id.example/a", "https://ID.example", "id.example", "https://id.example?x", ""]
    {
        assert!(files.load(&format!("issuer = \"{wrong}\"")).is_err(), "{wrong}");
    }
}

#[test]
fn proxies_are_believed_only_with_their_header_and_never_everybody() {
    let files = Files::new();
    let settings = files.load("trusted_proxies = [\"10.0.0.0/8\", \"fd00::1\"]\nproxy_header = \"forwarded\"\n").unwrap().settings;
    assert_eq!((settings.trusted_proxies.len(), settings.proxy_header), (2, ProxyHeader::Forwarded));
    let expected = [
        r#"mintage.toml:1:1: proxy_header: is missing: write "x-forwarded-for" or "forwarded": the one header to which your proxies append whom they speak for"#,
        r#"mintage.toml:1:34: trusted_proxies[1]: "0.0.0.0/0" is out of range: name the networks of your proxies only: whoever is trusted can claim any address"#,
        r#"mintage.toml:1:47: trusted_proxies[2]: "10.1.2.3/8" cannot be understood: write a network or an address, such as "10.0.0.0/8" or "192.0.2.7""#,
    ];
    assert_eq!(files.faults("trusted_proxies = [\"10.0.0.0/8\", \"0.0.0.0/0\", \"10.1.2.3/8\"]\n"), expected);
    assert_eq!(files.faults("proxy_header = \"forwarded\"\n").len(), 1);
}

#[test]
fn a_secret_that_everybody_can_read_is_refused_and_not_shown() {
    let files = Files::new();
    let path = files.write("secret", GOOD_SECRET);
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let text = format!("[[clients]]\nid = \"backend\"\ntype = \"confidential\"\nsecret_file = {path:?}\n");
    let faults = files.faults(&text);
    let fix = "chmod o-rwx the file, and make a new secret if others could have read it";
    assert_eq!(faults, [format!("mintage.toml:4:1: clients[0].secret_file: secret can be read by everybody: {fix}")]);
    let given = [("MINTAGE_ADMIN_SECRET_FILE", path.to_str().unwrap())];
    let faults = load(&Flags::default(), env(&given)).unwrap_err();
    assert_eq!(faults[0].problem, Problem::WorldReadable(path.display().to_string()));
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
    assert!(files.load(&text).is_ok(), "its group may: mounted secrets are read so");
}

#[test]
fn the_administrators_secret_comes_from_one_place() {
    let path = Files::new().write("secret", GOOD_SECRET);
    let both = [("MINTAGE_ADMIN_SECRET", GOOD_SECRET.trim_end()), ("MINTAGE_ADMIN_SECRET_FILE", path.to_str().unwrap())];
    let faults = load(&Flags::default(), env(&both)).unwrap_err();
    assert_eq!(faults[0].to_string(), "MINTAGE_ADMIN_SECRET: is set together with MINTAGE_ADMIN_SECRET_FILE: unset one of the two");
}

#[test]
fn a_pair_for_tls_that_cannot_be_used_is_told_with_its_place_and_fix() {
    let files = Files::new();
    let write = |name: &str, text: &str, mode: u32| {
        let path = files.write(name, text);
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        path.display().to_string()
    };
    let pair = || rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (one, other) = (pair(), pair());
    let certificate = write("cert.pem", &one.cert.pem(), 0o644);
    let (key, others_key) =
        (write("key.pem", &one.signing_key.serialize_pem(), 0o600), write("other.pem", &other.signing_key.serialize_pem(), 0o600));
    let open_key = write("open.pem", &one.signing_key.serialize_pem(), 0o644);
    let faults =
        |certificate: &str, key: &str| files.faults(&format!("[tls]\ncert_file = {certificate:?}\nkey_file = {key:?}\n")).join("\n");
    assert_eq!(
        faults("missing.pem", &open_key),
        "mintage.toml:2:1: tls.cert_file: missing.pem: cannot be read: No such file or directory (os error 2): name a file that this process may read\n\
         mintage.toml:3:1: tls.key_file: open.pem: others may use it (mode 0644): run: chmod 600 open.pem"
    );
    assert!(faults(&certificate, &others_key).starts_with("mintage.toml:3:1: tls.key_file: other.pem: the private key is not that"));
    assert!(
        faults(&key, &key)
            .contains("key.pem: there is no CERTIFICATE in it: put a PEM block there that begins: -----BEGIN CERTIFICATE-----")
    );
    assert!(files.faults(&format!("[tls]\ncert_file = {certificate:?}\n"))[0].contains("key_file"), "one without the other");
    let text = format!("issuer = \"http://127.0.0.1:8080\"\n[tls]\ncert_file = {certificate:?}\nkey_file = {key:?}\n");
    assert!(files.faults(&text)[0].contains("write https:// there, or take [tls] out"));
    let loaded = files.load(&text.replace("http:", "https:")).unwrap();
    assert_eq!(loaded.fault_at(crate::time::Moment::from_seconds(1_800_000_000)), None);
    let over = loaded.fault_at(crate::time::Moment::MAX).unwrap().to_string();
    assert!(over.contains("mintage.toml:3:1: tls.cert_file") && over.contains("the certificate expired at 4096-01-01"), "{over}");
}
