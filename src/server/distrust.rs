//! A store that is new or older than what it stands for says nothing of what has been called back since: all of that is called back now.

use std::time::Duration;

use crate::ambient::Entropy;
use crate::id::{RevocationId, Stamp};
use crate::issuer::ADMIN;
use crate::policy::EndReason;
use crate::registry::{Client, ClientType};
use crate::revocation::{Epochs, Extent, Target};
use crate::store::{Keep, Known, Revocable, Revoke, RevokeAnswer, Store, StoreFault};
use crate::time::Moment;

/// How far the clock that gave the lost stamps may have run ahead of this one.
const CLOCKS_APART: Duration = Duration::from_secs(300);

/// Clients after a time of which nothing is known.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Distrusted {
    /// Those that may have been removed or changed: disabled.
    pub disabled: Vec<String>,
    /// Whether there is an administrator of the store's, whose secrets were taken away.
    pub admin_lost_secrets: bool,
}

/// Voids every session opened and every token issued up to now, and some minutes more, which are answered.
pub(super) async fn void_everything(store: &impl Store, now: Moment, why: &str, entropy: &dyn Entropy) -> Result<Moment, StoreFault> {
    let up_to = now.plus(CLOCKS_APART);
    let mut epochs = Epochs::default();
    epochs.all.raise(Extent::Sessions, Stamp::from_millis(up_to.millis()));
    let everything = Revocable::Epoch { target: Target::All, extent: Extent::Sessions };
    revoke(store, everything, Known { epochs, ..Known::default() }, why, entropy).await?;
    Ok(up_to)
}

/// Takes back what a key signed, and signs.
pub(super) async fn void_key(store: &impl Store, kid: &str, why: &str, entropy: &dyn Entropy) -> Result<(), StoreFault> {
    revoke(store, Revocable::Key(kid.to_owned()), Known::default(), why, entropy).await
}

/// Voids the access tokens of a client.
pub(super) async fn void_tokens_of(store: &impl Store, client: &str, why: &str, entropy: &dyn Entropy) -> Result<(), StoreFault> {
    let tokens = Revocable::Epoch { target: Target::Client(client.to_owned()), extent: Extent::AccessTokens };
    revoke(store, tokens, Known::default(), why, entropy).await
}

/// Lets no client of the store do anything until somebody says that it still may. The administrator keeps his rights and loses what he
/// proved himself with: `mintage clients reset-admin` gives him another secret.
pub(super) async fn distrust_clients(store: &impl Store) -> Result<Distrusted, StoreFault> {
    let mut told = Distrusted::default();
    for client in store.clients().await? {
        let client = if client.id == ADMIN && client.kind == ClientType::Confidential {
            told.admin_lost_secrets = true;
            Client { secrets: Vec::new(), keys: Vec::new(), ..client }
        } else {
            told.disabled.push(client.id.clone());
            Client { disabled: true, ..client }
        };
        store.put_client(client, Keep { log: Duration::ZERO, session: Duration::ZERO }).await?;
    }
    Ok(told)
}

async fn revoke(store: &impl Store, what: Revocable, known: Known, why: &str, entropy: &dyn Entropy) -> Result<(), StoreFault> {
    let revoke = Revoke {
        id: RevocationId::new(Stamp::ZERO, &entropy.bytes()),
        what,
        only_if: None,
        end_reason: EndReason::AllRevoked,
        reason_code: Some(why.to_owned()),
        reason_note: None,
        by: "mintage".to_owned(),
        idempotency: None,
    };
    match store.revoke(revoke, known).await? {
        RevokeAnswer::Done { .. } => Ok(()),
        other => Err(StoreFault::Down(format!("what may have been called back could not be: {other:?}"))),
    }
}
