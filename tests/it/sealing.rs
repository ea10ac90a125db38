//! Sealing that is killed in the middle.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use mintage::keyfiles::{KeyFolder, Passphrase};
use serde_json::json;

use crate::app::TestApp;
use crate::custody::{command, key_files, passphrase};

const FIRST: &str = "correct horse battery staple";
const SECOND: &str = "another phrase altogether";

/// The names of the keys that open under this passphrase, if every file does.
fn opened(app: &TestApp, text: Option<&str>) -> Result<BTreeSet<String>, String> {
    let passphrase = text.map(|text| Passphrase::new(text.as_bytes()).expect("a passphrase"));
    let ring = KeyFolder::open(&app.folder().join("keys"), passphrase).and_then(|folder| folder.load());
    ring.map(|ring| ring.names().into_iter().collect()).map_err(|fault| fault.to_string())
}

fn lies_about(app: &TestApp) -> Vec<PathBuf> {
    let files = fs::read_dir(app.folder().join("keys")).expect("the folder").map(|entry| entry.expect("an entry").path());
    files.filter(|path| path.extension().is_some_and(|end| end == "unfinished")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn sealing_that_is_killed_at_any_file_loses_no_key_and_goes_on_when_it_is_repeated() {
    let mut app = TestApp::start().await;
    for algorithm in ["EdDSA", "ES256", "v4.public"] {
        app.post("/v1/keys", &app.admin().await, &json!({ "algorithm": algorithm })).await.must_be(201);
    }
    let session = app.open("alice").await;
    app.stop().await;
    passphrase(&app, FIRST);
    let [first, second] = ["passphrase", "second"].map(|name| app.folder().join(name));
    fs::copy(&first, &second).expect("with its rights");
    fs::write(&second, SECOND).expect("another passphrase");
    let text = |path: &Path| path.display().to_string();
    let seal = |path: &Path| vec!["seal".to_owned(), "--passphrase-file".to_owned(), text(path)];
    let steps = [
        (seal(&first), None, None, Some(FIRST)),
        (seal(&second), Some(&first), Some(FIRST), Some(SECOND)),
        (vec!["unseal".to_owned()], Some(&second), Some(SECOND), None),
    ];
    let all = opened(&app, None).expect("every key");
    let (mut killed, mut midway) = (0, 0);
    for changed in [1, all.len() / 2, all.len() - 1] {
        for (arguments, configured, before, after) in &steps {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let configured = configured.map(|path| text(path));
            let variables: Vec<_> = configured.iter().map(|path| ("MINTAGE_PASSPHRASE_FILE", path.as_str())).collect();
            let old = key_files(&app);
            let are_changed = || key_files(&app).iter().filter(|(path, content)| old.get(*path) != Some(content)).count();
            let mut child = command(&app, &arguments, &variables).stderr(Stdio::null()).spawn().expect("the command runs");
            while are_changed() < changed && child.try_wait().expect("its state").is_none() {}
            child.kill().expect("killed");
            child.wait().expect("over");
            killed += 1;
            let done = are_changed();
            if done < all.len() {
                midway += 1;
                let fault = opened(&app, *after).err().or_else(|| opened(&app, *before).err()).expect("neither opens all");
                assert!(fault.contains("passphrase"), "{fault}");
            }
            let again = command(&app, &arguments, &variables).output().expect("the command runs");
            assert!(again.status.success(), "{again:?}");
            assert_eq!(opened(&app, *after).expect("every key"), all, "after {done} files");
            assert!(lies_about(&app).is_empty(), "nothing half written stays");
        }
    }
    app.restart().await;
    assert!(app.is_active(&session.access).await);
    println!("sealing, changing and unsealing killed: {killed}, in the middle: {midway}; keys lost: 0 of {}", all.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_half_sealed_starts_with_its_passphrase_and_is_sealed_whole() {
    let mut app = TestApp::start().await;
    let session = app.open("alice").await;
    app.stop().await;
    passphrase(&app, FIRST);
    let plain = key_files(&app);
    let path = app.folder().join("passphrase").display().to_string();
    assert!(command(&app, &["seal", "--passphrase-file", &path], &[]).status().expect("the command runs").success());
    let (half, content) = plain.iter().next().expect("a key file");
    fs::write(half, content).expect("as it was");
    let fault = app.try_begin().await.expect_err("most files are sealed");
    assert!(fault.contains("sealed") && fault.contains("passphrase_file"), "{fault}");
    app.configure("passphrase_file = \"{dir}/passphrase\"\n");
    app.restart().await;
    assert!(app.is_active(&session.access).await);
    assert!(key_files(&app).values().all(|bytes| String::from_utf8_lossy(bytes).contains("argon2id")));
}
