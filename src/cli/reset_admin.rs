//! `mintage clients reset-admin`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::clients::print_secret;
use super::config::configured;
use super::output::{Failure, print};
use crate::config::Flags;
use crate::server::{Surroundings, reset_admin};

/// Give the client admin a new secret, shown this once, while no node runs; all that it could prove itself with before is void
#[derive(Args, Clone, Debug)]
pub(crate) struct ResetAdmin {
    /// The configuration file [default: MINTAGE_CONFIG, else none]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the state [default: data]
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// Make admin again, with every right, where it was removed
    #[arg(long)]
    yes: bool,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(reset: ResetAdmin) -> Result<(), Failure> {
    let ResetAdmin { config, data, yes, json } = reset;
    let loaded = configured(&Flags { config, data, ..Flags::default() })?;
    let secret = reset_admin(&loaded.settings, Surroundings::default(), yes).await;
    let secret = secret.map_err(|fault| Failure::Refused(fault.to_string()))?;
    secret.expose(|secret| match json {
        true => print(&zeroize::Zeroizing::new(format!("{}\n", json!({ "client_id": "admin", "client_secret": secret })))),
        false => print_secret(secret),
    })
}
