//! `mintage keys`.

use clap::Subcommand;

use super::connect::Connection;
use super::output::{Failure, show, table};
use crate::api::{AnnounceKey, KeyBody};

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
        #[command(flatten)]
        connection: Connection,
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
        Keys::List { connection } => show(connection.json, &connection.open()?.keys().await?, |keys| rows(&keys.items)),
        Keys::Announce { algorithm, connection } => {
            let key = connection.open()?.announce_key(&AnnounceKey { algorithm }).await?;
            show(connection.json, &key, |key| rows(std::slice::from_ref(key)))
        }
        Keys::Rotate { connection } => show(connection.json, &connection.open()?.rotate_keys().await?, |keys| rows(&keys.items)),
        Keys::Retire { kid, connection } => {
            show(connection.json, &connection.open()?.retire_key(&kid).await?, |key| rows(std::slice::from_ref(key)))
        }
        Keys::Revoke { kid, connection } => {
            show(connection.json, &connection.open()?.revoke_key(&kid).await?, |key| rows(std::slice::from_ref(key)))
        }
    }
}

fn rows(keys: &[KeyBody]) -> String {
    let row = |key: &KeyBody| {
        let end = key.revoked_at.as_ref().or(key.ends_at.as_ref()).or(key.retires_at.as_ref());
        vec![
            key.kid.clone(),
            key.algorithm.clone(),
            key.state.clone(),
            key.announced_at.clone(),
            key.activates_at.clone(),
            end.cloned().unwrap_or_default(),
        ]
    };
    table(&["KID", "ALGORITHM", "STATE", "ANNOUNCED", "SIGNS FROM", "ENDS"], &keys.iter().map(row).collect::<Vec<_>>())
}
