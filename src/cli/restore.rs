//! `mintage restore`.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::config::configured;
use super::output::{Failure, plain, show};
use crate::config::Flags;
use crate::server::{Believed, Distrusted, Restored, Surroundings, restore};

/// Make a data folder of a backup, without un-revoking anything: what may have been called back since the backup is void in it
#[derive(Args, Clone, Debug)]
pub(crate) struct Restore {
    /// What `mintage backup --to` wrote
    file: PathBuf,
    /// The folder to make; it must not exist or be empty
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The configuration file that it will run with [default: MINTAGE_CONFIG, else none]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the key ring that it will run with; put it back first [default: keys]
    #[arg(long, value_name = "DIR")]
    keys: Option<String>,
    /// You know that since the backup no client was removed, disabled or given another secret: leave them as they were
    #[arg(long)]
    clients_are_current: bool,
    /// You know that keys/ is newer than the last revocation of a key: leave signing keys as they are
    #[arg(long)]
    keys_are_current: bool,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Restore) -> Result<(), Failure> {
    let Restore { file, data, config, keys, clients_are_current, keys_are_current, json } = args;
    let believed = Believed { clients: clients_are_current, keys: keys_are_current };
    let settings = configured(&Flags { config, keys, ..Flags::default() })?.settings;
    let restored =
        restore(&file, &data, &settings, believed, Surroundings::default()).await.map_err(|why| Failure::Refused(plain(&why)))?;
    let told = json!({
        "data": data.display().to_string(),
        "taken_at": restored.contents.taken_at.to_rfc3339(),
        "void_up_to": restored.void_up_to.to_rfc3339(),
        "disabled_clients": restored.clients.disabled,
        "admin_lost_secrets": restored.clients.admin_lost_secrets,
        "revoked_keys": restored.revoked_keys,
    });
    show(json, &told, |_| for_people(&restored))
}

fn for_people(restored: &Restored) -> String {
    let Restored { contents, void_up_to, clients: Distrusted { disabled, admin_lost_secrets }, revoked_keys } = restored;
    let mut text = String::new();
    let _ = writeln!(
        text,
        "restored: {} clients, {} entries of the revocation log and the history of {} sessions, as of {}",
        contents.clients(),
        contents.log_entries(),
        contents.sessions(),
        contents.taken_at.to_rfc3339()
    );
    let _ = writeln!(text, "lost: sessions opened, claims changed and clients added or changed after that");
    let _ = writeln!(
        text,
        "void: every session opened and every token issued up to {}, for what was revoked after the backup is not in it: everybody signs in again",
        void_up_to.to_rfc3339()
    );
    if !disabled.is_empty() {
        let _ = writeln!(
            text,
            "disabled: the clients {}, for each may have been removed, disabled or given another secret since (--clients-are-current leaves \
             them): enable them with PUT /v1/clients/ID, or remove them and add them again",
            plain(&disabled.join(", "))
        );
    }
    if *admin_lost_secrets {
        text.push_str("admin: has no secret, for it may have been replaced since: `mintage clients reset-admin` gives it one\n");
    }
    if !revoked_keys.is_empty() {
        let _ = writeln!(
            text,
            "revoked: the signing keys {}, for each may have been revoked since and keys/ may be as old as the backup (--keys-are-current \
             leaves them): the start makes new ones, and verifiers fetch the key sets again",
            revoked_keys.join(", ")
        );
    }
    text
}
