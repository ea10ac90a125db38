//! The commands of `mintage keys` that work on the folder itself and speak to no node.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use clap::Args;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use zeroize::Zeroizing;

use super::config::configured;
use super::output::{Failure, print};
use crate::ambient::{Clock, SystemClock};
use crate::config::Flags;
use crate::keyfiles::{KeyFileFault, KeyFolder, Passphrase};
use crate::keyring::{Algorithm, KeyLife, RingKey, SigningKey};

/// More than any private key has.
const MAX_FILE: u64 = 64 * 1024;

const NO_PKCS8: &str =
    "neither a private JWK nor an unencrypted PKCS#8 private key in PEM. Convert it: openssl pkcs8 -topk8 -nocrypt -in OLD -out NEW";

const MORE_THAN_ONE: &str = "more than one block of PEM. Put each private key into a file of its own, and nothing else beside it";

/// Which folder, and how it is sealed.
#[derive(Args, Clone, Debug)]
pub(super) struct Folder {
    /// The configuration file [default: MINTAGE_CONFIG, else none]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the key ring [default: keys]
    #[arg(long, value_name = "DIR")]
    keys: Option<String>,
}

impl Folder {
    /// One that is not there is made, if it may be `new`.
    fn open(&self, new: bool) -> Result<(KeyFolder, PathBuf), Failure> {
        let Self { config, keys } = self.clone();
        let settings = configured(&Flags { config, keys, ..Flags::default() })?.settings;
        if !new && !settings.keys.is_dir() {
            return Err(Failure::Refused(format!(
                "{}: there is no such folder: name that of the key ring with --keys",
                settings.keys.display()
            )));
        }
        KeyFolder::open_with(&settings.keys, settings.passphrase_file.as_deref()).map(|folder| (folder, settings.keys)).map_err(refused)
    }
}

/// Puts a key into the folder. It is a file like any other: sealed where the others are, and a node takes it up when it reads the folder.
pub(super) fn import(file: &Path, algorithm: Option<&str>, folder: &Folder) -> Result<(), Failure> {
    let (folder, place) = folder.open(true)?;
    let ring = folder.load().map_err(refused)?;
    let (key, mode) =
        read_key(file, algorithm.and_then(Algorithm::from_name)).map_err(|why| Failure::Refused(format!("{}: {why}", file.display())))?;
    let kid = key.verifying().kid().to_owned();
    let thumbprint = key.verifying().thumbprint();
    let same = |held: &&RingKey| held.key.verifying().kid() == kid || held.key.verifying().thumbprint() == thumbprint;
    if let Some(held) = ring.signing.iter().find(same).map(|held| held.key.verifying()) {
        let (id, algorithm, file, place) = (held.kid(), held.algorithm().name(), file.display(), place.display());
        return Err(Failure::Refused(format!(
            "{file}: this private key is in {place} already, as {id} for {algorithm}. Make a key of its own for each algorithm"
        )));
    }
    let name = key.verifying().algorithm().name();
    folder.save_signing(&RingKey { key, life: KeyLife::imported(SystemClock::new().wall()) }).map_err(refused)?;
    print(&format!("{kid}\n"))?;
    if mode & 0o077 != 0 {
        eprintln!("warning: others than its owner may use {} (mode {mode:04o}): if anybody else could, import another key", file.display());
    }
    eprintln!("imported {kid} for {name} into {}: a node announces it within a minute. Remove {} now.", place.display(), file.display());
    Ok(())
}

/// Seals every file under this passphrase, or under none.
pub(super) fn seal(passphrase_file: Option<&Path>, folder: &Folder) -> Result<(), Failure> {
    let passphrase = passphrase_file.map(Passphrase::read).transpose().map_err(refused)?;
    let (folder, place) = folder.open(false)?;
    let reseal = |folder: KeyFolder| folder.sweep().and_then(|()| folder.resealed(passphrase).reseal());
    let changed = folder.alone().and_then(reseal).map_err(refused)?;
    match passphrase_file {
        Some(file) => eprintln!(
            "{}: {changed} files have been sealed. Start with passphrase_file = \"{}\" (MINTAGE_PASSPHRASE_FILE).",
            place.display(),
            file.display()
        ),
        None => eprintln!("{}: {changed} files have been unsealed. Start without passphrase_file.", place.display()),
    }
    Ok(())
}

/// The one key of a file, and who may use the file.
fn read_key(file: &Path, algorithm: Option<Algorithm>) -> Result<(SigningKey, u32), String> {
    let found = std::fs::metadata(file).map_err(|error| error.to_string())?;
    if !found.is_file() || found.len() > MAX_FILE {
        return Err("not a file with a private key".to_owned());
    }
    let text = Zeroizing::new(std::fs::read(file).map_err(|error| error.to_string())?);
    let key = if text.trim_ascii_start().starts_with(b"{") {
        SigningKey::from_private_jwk(&text, algorithm)
    } else if text.split(|byte| *byte == b'\n').filter(|line| line.trim_ascii().starts_with(b"-----BEGIN ")).count() > 1 {
        return Err(MORE_THAN_ONE.to_owned());
    } else {
        let der = PrivatePkcs8KeyDer::from_pem_slice(&text).map_err(|_| NO_PKCS8.to_owned())?;
        SigningKey::from_pkcs8(der.secret_pkcs8_der(), algorithm)
    };
    let key = key.map_err(|bad| format!("{bad}. Take a private key of RSA (2048 to 4096 bits), P-256 or Ed25519"))?;
    Ok((key, found.mode() & 0o7777))
}

fn refused(fault: KeyFileFault) -> Failure {
    Failure::Refused(fault.to_string())
}
