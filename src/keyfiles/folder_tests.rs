use super::*;
use crate::keyring::test_keys::signing;
use crate::keyring::{Algorithm, BadKey, KeyLife};
use crate::secret::Secret;
use crate::time::Moment;

fn ring_key(algorithm: Algorithm, seed: u8) -> RingKey {
    let key = signing(algorithm, seed);
    let at = Moment::from_seconds;
    let life = KeyLife {
        announced_at: at(1_000),
        activates_at: at(2_000),
        retires_at: Some(at(3_000)),
        ends_at: Some(at(4_000)),
        revoked_at: None,
    };
    RingKey { key, life }
}

fn mac_key(id: u8) -> MacKey {
    MacKey::new(id, Secret::new([id; 32]), Moment::from_seconds(1), Moment::from_seconds(2), None)
}

fn folder() -> (tempfile::TempDir, KeyFolder) {
    let temporary = tempfile::tempdir().unwrap();
    let folder = KeyFolder::open(&temporary.path().join("keys")).unwrap();
    (temporary, folder)
}

fn problem(folder: &KeyFolder) -> KeyFileProblem {
    folder.load().unwrap_err().problem
}

/// A folder with one key, and the path of its file.
fn with_one_key() -> (tempfile::TempDir, KeyFolder, PathBuf) {
    let (temporary, folder) = folder();
    let key = ring_key(Algorithm::EdDsa, 7);
    folder.save_signing(&key).unwrap();
    let path = folder.path.join(format!("{}.json", key.key.verifying().kid()));
    (temporary, folder, path)
}

fn replace(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from} is not in the file");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn keys_of_every_kind_come_back_as_they_were() {
    let (_temporary, folder) = folder();
    assert_eq!(folder.is_empty(), Ok(true));
    for (seed, algorithm) in (1..).zip(Algorithm::ALL) {
        folder.save_signing(&ring_key(algorithm, seed)).unwrap();
    }
    folder.save_mac(&mac_key(3)).unwrap();
    let ring = KeyFolder::open(&folder.path).unwrap().load().unwrap();
    assert_eq!(folder.is_empty(), Ok(false));
    assert_eq!(ring.macs, [mac_key(3)]);
    assert_eq!(ring.signing.len(), Algorithm::ALL.len());
    for key in &ring.signing {
        assert_eq!(key.life, ring_key(Algorithm::EdDsa, 1).life);
        let signature = key.key.sign(b"message").unwrap();
        assert!(key.key.verifying().verify(b"message", &signature));
    }
    let same = ring_key(Algorithm::V4Public, 5);
    assert!(ring.key(same.key.verifying().kid()).unwrap().key.private() == same.key.private());
}

#[test]
fn a_file_cut_off_at_any_byte_is_refused_by_its_path() {
    let (_temporary, folder, path) = with_one_key();
    let whole = fs::read(&path).unwrap();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let fault = folder.load().unwrap_err();
        assert_eq!(fault.path, path);
        assert!(matches!(fault.problem, KeyFileProblem::Corrupt(_)), "{length} bytes: {fault}");
        assert_eq!(folder.is_empty(), Ok(false), "a damaged file still counts: no new key is made");
    }
    fs::write(&path, &whole).unwrap();
    assert!(folder.load().is_ok());
}

#[test]
fn a_flipped_bit_never_gives_another_key() {
    let (_temporary, folder, path) = with_one_key();
    let whole = fs::read(&path).unwrap();
    let private = String::from_utf8(whole.clone()).unwrap().find("\"private\": \"").unwrap() + "\"private\": \"".len();
    for at in private..private + 43 {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        fs::write(&path, &flipped).unwrap();
        assert!(folder.load().is_err(), "byte {at}");
    }
}

#[test]
fn a_file_under_another_name_is_refused() {
    let (_temporary, folder, path) = with_one_key();
    fs::rename(&path, folder.path.join("other.json")).unwrap();
    assert!(matches!(problem(&folder), KeyFileProblem::WrongName { .. }));
    fs::remove_file(folder.path.join("other.json")).unwrap();
    folder.save_mac(&mac_key(1)).unwrap();
    fs::rename(folder.path.join("mac-1.json"), folder.path.join("mac-2.json")).unwrap();
    assert_eq!(problem(&folder), KeyFileProblem::WrongName { inside: "mac-1".into() });
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let cases: [(&str, &str, KeyFileProblem); 4] = [
        ("\"version\": 1", "\"version\": 2", KeyFileProblem::UnknownVersion(2)),
        ("\"EdDSA\"", "\"ES256\"", KeyFileProblem::BadKey(BadKey::Malformed)),
        ("3000000", "5000000", KeyFileProblem::BadLife),
        ("2000000", "999999", KeyFileProblem::BadLife),
    ];
    for (from, to, expected) in cases {
        let (_temporary, folder, path) = with_one_key();
        replace(&path, from, to);
        assert_eq!(problem(&folder), expected);
    }
    for (from, to) in [("\"kid\"", "\"kit\""), ("\"version\": 1,", "\"version\": 1, \"more\": 1,"), ("\"EdDSA\"", "\"none\"")] {
        let (_temporary, folder, path) = with_one_key();
        replace(&path, from, to);
        assert!(matches!(problem(&folder), KeyFileProblem::Corrupt(_)), "{to}");
    }
}

#[test]
fn loose_rights_are_refused_with_the_command_that_helps() {
    let (_temporary, folder, path) = with_one_key();
    assert_eq!(fs::metadata(&folder.path).unwrap().mode() & 0o777, 0o700);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    let fault = folder.load().unwrap_err();
    assert_eq!(fault.problem, KeyFileProblem::TooOpen { mode: 0o640 });
    assert_eq!(fault.fix(), format!("run: chmod 600 {}", path.display()));
    fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
    assert!(folder.load().is_ok(), "a secret mount may be read-only");
    fs::set_permissions(&folder.path, Permissions::from_mode(0o777)).unwrap();
    let fault = KeyFolder::open(&folder.path).unwrap_err();
    assert_eq!(fault.fix(), format!("run: chmod 700 {}", folder.path.display()));
}

#[test]
fn a_write_that_was_cut_off_leaves_the_old_file() {
    let (_temporary, folder, path) = with_one_key();
    let unfinished = folder.path.join(format!(".{}.unfinished", path.file_stem().unwrap().to_str().unwrap()));
    fs::write(&unfinished, b"{\"version\":").unwrap();
    assert_eq!(folder.load().unwrap().signing.len(), 1);
    let mut later = ring_key(Algorithm::EdDsa, 7);
    later.life.revoked_at = Some(Moment::from_seconds(2_500));
    folder.save_signing(&later).unwrap();
    assert_eq!(folder.load().unwrap().signing[0].life, later.life);
    fs::write(&unfinished, b"{").unwrap();
    folder.sweep().unwrap();
    assert!(!unfinished.exists());
}

#[test]
fn a_key_that_is_over_can_be_removed_twice() {
    let (_temporary, folder) = folder();
    let key = ring_key(Algorithm::EdDsa, 1);
    folder.save_signing(&key).unwrap();
    folder.save_mac(&mac_key(1)).unwrap();
    for _ in 0..2 {
        folder.remove(key.key.verifying().kid()).unwrap();
        folder.remove_mac(1).unwrap();
    }
    assert_eq!(folder.is_empty(), Ok(true));
    assert!(folder.path.join("README.md").exists());
}

#[test]
fn no_fault_shows_the_private_key() {
    let (_temporary, folder, path) = with_one_key();
    let text = fs::read_to_string(&path).unwrap();
    let private = text.split("\"private\": \"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    for (from, to) in [("\"private\": \"", "\"private\": 5, \"x\": \""), ("\"EdDSA\"", "\"ES256\""), ("\n}", ",}\n")] {
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
        let fault = folder.load().unwrap_err();
        assert!(!format!("{fault} {fault:?}").contains(&private));
    }
}
