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
    let folder = KeyFolder::open(&temporary.path().join("keys"), None).unwrap();
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
    let ring = KeyFolder::open(&folder.path, None).unwrap().load().unwrap();
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
    fs::set_permissions(&folder.path, Permissions::from_mode(0o755)).unwrap();
    KeyFolder::open(&folder.path, None).unwrap();
    assert_eq!(fs::metadata(&folder.path).unwrap().mode() & 0o777, 0o700, "a checkout's folder is closed");
    fs::set_permissions(&folder.path, Permissions::from_mode(0o777)).unwrap();
    let fault = KeyFolder::open(&folder.path, None).unwrap_err();
    assert_eq!(fault.fix(), format!("run: chmod 700 {}", folder.path.display()));
}

#[test]
fn a_write_that_was_cut_off_leaves_the_old_file() {
    let (_temporary, folder, path) = with_one_key();
    let unfinished = folder.path.join(format!(".{}.0123456789abcdef.unfinished", path.file_stem().unwrap().to_str().unwrap()));
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

fn passphrase(text: &str) -> Option<Passphrase> {
    Some(Passphrase::new(text.as_bytes()).unwrap())
}

const FIRST: &str = "correct horse battery staple";
const SECOND: &str = "another phrase altogether";

/// Every file of the folder, by name.
fn content(folder: &KeyFolder) -> Vec<(PathBuf, Vec<u8>)> {
    folder.key_files().unwrap().into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn sealed_files_show_nothing_and_open_under_their_passphrase_alone() {
    let (_temporary, plain, path) = with_one_key();
    plain.save_mac(&mac_key(1)).unwrap();
    let private = fs::read_to_string(&path).unwrap().split("\"private\": \"").nth(1).unwrap()[..43].to_owned();
    let sealed = KeyFolder::open(&plain.path, passphrase(FIRST)).unwrap();
    assert_eq!(sealed.reseal(), Ok(2), "a plain file is sealed");
    assert_eq!(sealed.reseal(), Ok(0));
    for (path, bytes) in content(&sealed) {
        let text = String::from_utf8(bytes).unwrap();
        assert!(!text.contains(&private) && text.contains("argon2id"), "{text}");
        assert_eq!(fs::metadata(path).unwrap().mode() & 0o777, 0o600);
    }
    let again = KeyFolder::open(&plain.path, passphrase(FIRST)).unwrap().load().unwrap();
    assert_eq!((again.signing.len(), again.macs), (1, vec![mac_key(1)]));
    let before = content(&plain);
    assert_eq!(problem(&plain), KeyFileProblem::Sealed);
    assert_eq!(problem(&KeyFolder::open(&plain.path, passphrase(SECOND)).unwrap()), KeyFileProblem::WrongPassphrase);
    assert!(KeyFolder::open(&plain.path, passphrase(SECOND)).unwrap().reseal().is_err());
    assert_eq!(content(&plain), before, "nothing was changed");
    sealed.save_mac(&mac_key(2)).unwrap();
    assert_eq!(problem(&plain), KeyFileProblem::Sealed, "what is written later is sealed too");
}

#[test]
fn a_change_of_passphrase_that_was_cut_off_goes_on_where_it_stopped() {
    let (_temporary, plain, path) = with_one_key();
    plain.save_mac(&mac_key(1)).unwrap();
    let first = KeyFolder::open(&plain.path, passphrase(FIRST)).unwrap();
    first.reseal().unwrap();
    let half = fs::read(&path).unwrap();
    first.clone().resealed(passphrase(SECOND)).reseal().unwrap();
    fs::write(&path, half).unwrap();
    assert!(KeyFolder::open(&plain.path, passphrase(SECOND)).unwrap().load().is_err());
    assert_eq!(first.clone().resealed(passphrase(SECOND)).reseal(), Ok(1));
    assert!(KeyFolder::open(&plain.path, passphrase(SECOND)).unwrap().load().is_ok());
    let unsealed = KeyFolder::open(&plain.path, passphrase(SECOND)).unwrap().resealed(None);
    assert_eq!(unsealed.reseal(), Ok(2));
    assert_eq!(plain.load().unwrap().macs, [mac_key(1)]);
}

#[test]
fn a_seal_that_was_bent_does_not_open() {
    let (_temporary, plain, path) = with_one_key();
    let sealed = KeyFolder::open(&plain.path, passphrase(FIRST)).unwrap();
    sealed.reseal().unwrap();
    let whole = fs::read_to_string(&path).unwrap();
    for (from, to, expected) in [
        ("\"memory_kib\": 65536", "\"memory_kib\": 8", KeyFileProblem::BadSeal),
        ("\"memory_kib\": 65536", "\"memory_kib\": 4000000000", KeyFileProblem::BadSeal),
        ("\"passes\": 3", "\"passes\": 1", KeyFileProblem::BadSeal),
        ("\"passes\": 3", "\"passes\": 1000000", KeyFileProblem::BadSeal),
        ("\"passes\": 3", "\"passes\": 2", KeyFileProblem::WrongPassphrase),
        ("\"version\": 1", "\"version\": 2", KeyFileProblem::UnknownVersion(2)),
    ] {
        fs::write(&path, whole.replacen(from, to, 1)).unwrap();
        assert_eq!(problem(&sealed), expected, "{to}");
    }
    for field in ["salt", "nonce", "text"] {
        let at = whole.find(&format!("\"{field}\": \"")).unwrap() + field.len() + 5;
        let mut bent = whole.clone().into_bytes();
        bent[at] = if bent[at] == b'A' { b'B' } else { b'A' };
        fs::write(&path, bent).unwrap();
        assert_eq!(problem(&sealed), KeyFileProblem::WrongPassphrase, "{field}");
    }
    fs::write(&path, &whole).unwrap();
    fs::rename(&path, path.with_file_name("other.json")).unwrap();
    assert_eq!(problem(&sealed), KeyFileProblem::WrongPassphrase, "a seal is for one name");
    for length in 0..whole.len() {
        fs::write(path.with_file_name("other.json"), &whole[..length]).unwrap();
        assert!(sealed.load().is_err(), "{length} bytes");
    }
}

#[test]
fn what_is_no_key_file_does_not_hold_the_start_up() {
    let (temporary, folder, path) = with_one_key();
    let odd = folder.path.join("odd.json");
    let problem_of = || {
        let fault = folder.load().unwrap_err();
        assert_eq!(fault.path, odd);
        fault.problem
    };
    assert!(std::process::Command::new("mkfifo").arg("-m").arg("600").arg(&odd).status().unwrap().success());
    assert_eq!(problem_of(), KeyFileProblem::NotAFile);
    fs::remove_file(&odd).unwrap();
    fs::create_dir(&odd).unwrap();
    assert_eq!(problem_of(), KeyFileProblem::NotAFile);
    fs::remove_dir(&odd).unwrap();
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&odd).unwrap();
    file.set_len(1 << 40).unwrap();
    assert_eq!(problem_of(), KeyFileProblem::TooLarge(1 << 40));
    fs::remove_file(&odd).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &odd).unwrap();
    assert_eq!(problem_of(), KeyFileProblem::NotAFile);
    fs::remove_file(&odd).unwrap();
    std::os::unix::fs::symlink(&odd, &odd).unwrap();
    assert!(matches!(problem_of(), KeyFileProblem::Io(_)));
    fs::remove_file(&odd).unwrap();
    let mark = folder.path.join(MARK);
    assert_eq!(folder.mark(), Ok(None));
    assert!(std::process::Command::new("mkfifo").arg("-m").arg("600").arg(&mark).status().unwrap().success());
    assert_eq!(folder.mark().unwrap_err().problem, KeyFileProblem::NotAFile);
    fs::remove_file(&mark).unwrap();
    let elsewhere = temporary.path().join(path.file_name().unwrap());
    fs::rename(&path, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
    assert!(folder.load().is_ok(), "secret mounts are full of links");
}

#[test]
fn a_key_in_the_place_of_one_that_was_read_does_not_take_it() {
    let (_temporary, folder, _) = with_one_key();
    let at = Moment::from_seconds(1_000);
    folder.save_mac(&mac_key(1)).unwrap();
    let before = folder.load().unwrap();
    assert_eq!(folder.must_still_hold(&folder.load().unwrap(), &before, at), Ok(()));
    folder.save_mac(&MacKey::new(1, Secret::new([9; 32]), at, at, None)).unwrap();
    let fault = folder.must_still_hold(&folder.load().unwrap(), &before, at).unwrap_err();
    assert_eq!((fault.problem, fault.path), (KeyFileProblem::Gone, folder.path.join("mac-1.json")));
}

#[test]
fn an_offline_command_is_alone_in_the_folder() {
    let (_temporary, folder, _) = with_one_key();
    let fault = KeyFolder::open(&folder.path, None).unwrap().alone().unwrap_err();
    assert_eq!(fault.problem, KeyFileProblem::InUse);
    let path = folder.path.clone();
    drop(folder);
    let alone = KeyFolder::open(&path, None).unwrap().alone().unwrap();
    assert_eq!(KeyFolder::open(&path, None).unwrap_err().problem, KeyFileProblem::InUse);
    drop(alone);
    KeyFolder::open(&path, None).unwrap();
}

#[test]
fn a_passphrase_is_one_line_of_a_file_of_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("passphrase");
    let with = |text: &str, mode: u32| {
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        Passphrase::read(&path).map_err(|fault| fault.problem)
    };
    assert_eq!(with(&format!("{FIRST}\n"), 0o600), Ok(Passphrase::new(FIRST.as_bytes()).unwrap()));
    assert_eq!(with(FIRST, 0o400), Ok(Passphrase::new(FIRST.as_bytes()).unwrap()));
    fs::remove_file(&path).unwrap();
    assert_eq!(with(FIRST, 0o644), Err(KeyFileProblem::TooOpen { mode: 0o644 }));
    assert!(matches!(with("short", 0o600), Err(KeyFileProblem::BadPassphrase(_))));
    assert!(matches!(with("two lines of words\nof some length", 0o600), Err(KeyFileProblem::BadPassphrase(_))));
    assert_eq!(with(&"x".repeat(2000), 0o600), Err(KeyFileProblem::TooLarge(2000)));
    assert!(!format!("{:?}", passphrase(FIRST)).contains("horse"));
    let fault = Passphrase::read(&folder.path().join("none")).unwrap_err();
    assert!(matches!(fault.problem, KeyFileProblem::Io(_)) && fault.path.ends_with("none"));
}
