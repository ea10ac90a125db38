//! The promises in memory, as plain as they can be said: the oracle that other stores are held against. It forgets everything when it
//! is dropped.

mod life;
mod read;
mod revoke;
mod sessions;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{
    Filter, Heartbeat, Keep, Known, LogPage, Open, Opened, Patch, Patched, Position, Refreshed, Revoke, RevokeAnswer, Revoked, SessionPage,
    Settings, Store, StoreFault, SubjectPatched, Swept,
};
use crate::ambient::{Clock, Entropy};
use crate::id::{RevocationId, Sid, Stamp};
use crate::policy::Session;
use crate::policy::rotation::Request;
use crate::registry::Client;
use life::Life;

/// A store in memory.
pub struct Model {
    life: Mutex<Life>,
    clock: Arc<dyn Clock>,
}

impl Model {
    /// A new, empty store; `entropy` gives the name of its life.
    pub fn new(clock: Arc<dyn Clock>, entropy: &dyn Entropy, settings: Settings) -> Self {
        let life = Life::new(clock.wall(), u64::from_be_bytes(entropy.bytes()), settings);
        Self { life: Mutex::new(life), clock }
    }

    /// The whole store, at this moment of its clock.
    fn now(&self) -> MutexGuard<'_, Life> {
        let mut life = self.life.lock().unwrap_or_else(PoisonError::into_inner);
        life.now = self.clock.wall();
        life
    }
}

impl Store for Model {
    async fn open(&self, open: Open, known: Known) -> Result<Opened, StoreFault> {
        Ok(self.now().open(open, known))
    }

    async fn refresh(&self, request: Request, known: Known) -> Result<Refreshed, StoreFault> {
        Ok(self.now().refresh(&request, known))
    }

    async fn patch(&self, sid: Sid, patch: Patch, known: Known) -> Result<Patched, StoreFault> {
        Ok(self.now().patch(sid, &patch, known))
    }

    async fn patch_subject(
        &self,
        subject: String,
        client: Option<String>,
        patch: Patch,
        void: Option<Revoke>,
    ) -> Result<SubjectPatched, StoreFault> {
        Ok(self.now().patch_subject(&subject, client.as_deref(), &patch, void))
    }

    async fn revoke(&self, revoke: Revoke, known: Known) -> Result<RevokeAnswer, StoreFault> {
        Ok(self.now().revoke(revoke, known))
    }

    async fn revocation(&self, id: RevocationId) -> Result<Option<Revoked>, StoreFault> {
        Ok(self.now().revocations.get(&id).map(|(revoked, _)| revoked.clone()))
    }

    async fn session(&self, sid: Sid) -> Result<Option<Session>, StoreFault> {
        Ok(self.now().session(sid))
    }

    async fn sessions(&self, filter: Filter, from: Option<Sid>, limit: u32) -> Result<SessionPage, StoreFault> {
        Ok(self.now().page(&filter, from, limit))
    }

    async fn stamp(&self, subject: String, client: String, known: Known) -> Result<Stamp, StoreFault> {
        let mut life = self.now();
        let epochs = life.rows(&subject, &client).epochs().union(known.epochs);
        Ok(life.stamp(epochs, known))
    }

    async fn log(&self, position: Position, limit: u32) -> Result<LogPage, StoreFault> {
        Ok(self.now().log_page(&position, limit))
    }

    async fn heartbeat(&self) -> Result<Heartbeat, StoreFault> {
        Ok(self.now().heartbeat())
    }

    async fn put_client(&self, client: Client, keep: Keep) -> Result<(), StoreFault> {
        let mut life = self.now();
        life.settings.keep_log = life.settings.keep_log.max(keep.log);
        life.settings.longest_session = life.settings.longest_session.max(keep.session);
        life.clients.insert(client.id.clone(), client);
        Ok(())
    }

    async fn remove_client(&self, id: String) -> Result<bool, StoreFault> {
        Ok(self.now().clients.remove(&id).is_some())
    }

    async fn clients(&self) -> Result<Vec<Client>, StoreFault> {
        Ok(self.now().clients.values().cloned().collect())
    }

    async fn remember_key(&self, kid: String) -> Result<bool, StoreFault> {
        let mut life = self.now();
        let is_over = life.keys_over.contains(&kid);
        if !is_over {
            life.keys.insert(kid);
        }
        Ok(!is_over)
    }

    async fn forget_key(&self, kid: String) -> Result<(), StoreFault> {
        let mut life = self.now();
        life.keys.remove(&kid);
        life.keys_over.insert(kid);
        Ok(())
    }

    async fn keys(&self) -> Result<Vec<String>, StoreFault> {
        Ok(self.now().keys.iter().cloned().collect())
    }

    async fn spend(&self, id: [u8; 32], keep: Duration) -> Result<bool, StoreFault> {
        let mut life = self.now();
        if life.spent.contains_key(&id) {
            return Ok(false);
        }
        let until = life.confirmed + keep;
        life.spent.insert(id, until);
        Ok(true)
    }

    async fn sweep(&self, limit: u32) -> Result<Swept, StoreFault> {
        Ok(self.now().sweep(limit))
    }
}
