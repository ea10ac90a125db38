//! Recovery of a lost administrator's secret: offline, with the store locked.

use std::fmt;
use std::path::PathBuf;

use super::start::store_settings;
use super::{StartFault, Surroundings, distrust};
use crate::config::Settings;
use crate::issuer::{self, ADMIN, keep_log};
use crate::secret::Secret;
use crate::store::{AnyStore, Embedded, Keep, Store, StoreFault};

/// Why the administrator gets no new secret, and what to do instead.
#[derive(Debug)]
pub enum ResetFault {
    /// Clients stand in the file: they administer.
    ClientsInFile,
    /// The environment gives `admin` a secret at every start.
    SecretGiven,
    /// No node has ever run on this folder.
    NoStore(PathBuf),
    /// `admin` was removed.
    NoAdmin,
    /// The store cannot be opened or written.
    Start(StartFault),
}

/// Gives `admin` a new secret, which is the only thing that it can prove itself with from then on; its access tokens are void. Where it was
/// removed, it is made again as on a first start, if `make_again`. Durable when this returns.
pub async fn reset_admin(settings: &Settings, surroundings: Surroundings, make_again: bool) -> Result<Secret<String>, ResetFault> {
    let Surroundings { clock, entropy } = surroundings;
    if !settings.registry.clients.is_empty() {
        return Err(ResetFault::ClientsInFile);
    }
    if settings.admin_secret.is_some() {
        return Err(ResetFault::SecretGiven);
    }
    if !Embedded::exists(&settings.data) {
        return Err(ResetFault::NoStore(settings.data.clone()));
    }
    let opened = Embedded::open(&settings.data, clock, &*entropy, store_settings(settings));
    let store = AnyStore::from(opened.map_err(|fault| ResetFault::Start(fault.into()))?);
    let held = store.clients().await?.into_iter().find(|client| client.id == ADMIN);
    if held.is_none() && !make_again {
        return Err(ResetFault::NoAdmin);
    }
    let secret = issuer::new_secret(&*entropy);
    let admin = issuer::administrator(held, &secret);
    let lifetimes = settings.registry.lifetimes(&admin);
    store.put_client(admin, Keep { log: keep_log(lifetimes.access_ttl), session: lifetimes.absolute }).await?;
    distrust::void_tokens_of(&store, ADMIN, "admin_reset", &*entropy).await?;
    Ok(secret)
}

impl From<StoreFault> for ResetFault {
    fn from(fault: StoreFault) -> Self {
        Self::Start(StartFault::Issuer(fault.into()))
    }
}

impl fmt::Display for ResetFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClientsInFile => f.write_str(
                "clients stand in the configuration file, and they administer: write a new secret (openssl rand -hex 32) into the \
                 secret_file of one that has mintage:clients, and restart",
            ),
            Self::SecretGiven => f.write_str(
                "MINTAGE_ADMIN_SECRET or MINTAGE_ADMIN_SECRET_FILE is set, and becomes the secret of admin at every start: start the node \
                 with the secret that you want, or unset it",
            ),
            Self::NoStore(data) => write!(f, "{} holds no store: name the folder of the node's state with --data", data.display()),
            Self::NoAdmin => f.write_str("there is no client admin, it was removed: --yes makes it again, with every right"),
            Self::Start(fault) => write!(f, "{fault}"),
        }
    }
}

impl std::error::Error for ResetFault {}
