//! `mintage keys`.

use std::path::PathBuf;

use clap::Subcommand;

use super::connect::Connection;
use super::custody::{self, Folder};
use super::output::{Failure, show, table};
use crate::api::{AnnounceKey, KeyBody, KeyList, MacKeyBody};

/// Look after signing keys.
#[derive(Subcommand, Clone, Debug)]
pub(crate) enum Keys {
    /// Every key and where it is in its life
    List {
        #[command(flatten)]
        connection: Connection,
    },
    /// Publish a new key that does not sign yet
    Announce {
        /// What it signs with [default: as configured]
        #[arg(long, value_parser = ["EdDSA", "Ed25519", "ES256", "v4.public"])]
        algorithm: Option<String>,
        #[command(flatten)]
        connection: Connection,
    },
    /// Have the announced keys take over as soon as everybody can know them
    Rotate {
        /// The MAC keys of refresh tokens instead of the signing keys
        #[arg(long)]
        mac: bool,
        #[command(flatten)]
        connection: Connection,
    },
    /// Add a private key that was made elsewhere, such as for RS256; the node that runs with the folder announces it within a minute
    Import {
        /// A private JWK, or PKCS#8 in PEM, unencrypted: openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072
        file: PathBuf,
        /// What an Ed25519 key signs with [default: EdDSA]
        #[arg(long, value_parser = ["EdDSA", "Ed25519", "ES256", "RS256", "v4.public"])]
        algorithm: Option<String>,
        #[command(flatten)]
        folder: Folder,
    },
    /// Seal the key files under a passphrase, or under another one; no node may run with them
    Seal {
        /// The new passphrase: one line of 16 to 1024 bytes that only its owner can read. The present one is passphrase_file of the configuration
        #[arg(long, value_name = "FILE")]
        passphrase_file: PathBuf,
        #[command(flatten)]
        folder: Folder,
    },
    /// Take the seal off the key files; no node may run with them
    Unseal {
        #[command(flatten)]
        folder: Folder,
    },
    /// Stop a key from signing; what it signed stays good
    Retire {
        /// Which
        kid: String,
        #[command(flatten)]
        connection: Connection,
    },
    /// Void everything that a key signed, at once
    Revoke {
        /// Which
        kid: String,
        #[command(flatten)]
        connection: Connection,
    },
}

pub(super) async fn run(command: Keys) -> Result<(), Failure> {
    match command {
        Keys::List { connection } => show(connection.json, &connection.open()?.keys().await?, ring),
        Keys::Announce { algorithm, connection } => {
            let key = connection.open()?.announce_key(&AnnounceKey { algorithm }).await?;
            show(connection.json, &key, |key| rows(std::slice::from_ref(key)))
        }
        Keys::Rotate { mac, connection } => {
            let api = connection.open()?;
            let keys = if mac { api.rotate_mac_keys().await? } else { api.rotate_keys().await? };
            show(connection.json, &keys, ring)
        }
        Keys::Import { file, algorithm, folder } => custody::import(&file, algorithm.as_deref(), &folder),
        Keys::Seal { passphrase_file, folder } => custody::seal(Some(&passphrase_file), &folder),
        Keys::Unseal { folder } => custody::seal(None, &folder),
        Keys::Retire { kid, connection } => {
            show(connection.json, &connection.open()?.retire_key(&kid).await?, |key| rows(std::slice::from_ref(key)))
        }
        Keys::Revoke { kid, connection } => {
            show(connection.json, &connection.open()?.revoke_key(&kid).await?, |key| rows(std::slice::from_ref(key)))
        }
    }
}

/// Warnings are told beside the result.
fn ring(keys: &KeyList) -> String {
    for warning in &keys.warnings {
        eprintln!("warning: {warning}");
    }
    let row = |mac: &MacKeyBody| {
        let id = format!("mac-{}", mac.id);
        let end = mac.ends_at.clone().unwrap_or_default();
        vec![id, "HMAC-SHA256".to_owned(), mac.state.clone(), mac.announced_at.clone(), mac.activates_at.clone(), end]
    };
    let all: Vec<_> = keys.items.iter().map(signing_row).chain(keys.macs.iter().map(row)).collect();
    table(&COLUMNS, &all)
}

const COLUMNS: [&str; 6] = ["KID", "ALGORITHM", "STATE", "ANNOUNCED", "SIGNS FROM", "ENDS"];

fn rows(keys: &[KeyBody]) -> String {
    table(&COLUMNS, &keys.iter().map(signing_row).collect::<Vec<_>>())
}

fn signing_row(key: &KeyBody) -> Vec<String> {
    let end = key.revoked_at.as_ref().or(key.ends_at.as_ref()).or(key.retires_at.as_ref());
    vec![
        key.kid.clone(),
        key.algorithm.clone(),
        key.state.clone(),
        key.announced_at.clone(),
        key.activates_at.clone(),
        end.cloned().unwrap_or_default(),
    ]
}
