//! What is registered and what is used up: clients, the keys that must exist, single-use ids.

use std::time::Duration;

use redb::{ReadTransaction, ReadableTable};

use super::super::Keep;
use super::tables::{Broken, CLIENTS, Due, KEYS, MARKED_ROW, decode, encode};
use super::writer::Step;
use crate::registry::Client;

impl Step<'_> {
    pub(super) fn put_client(&mut self, client: &Client, keep: Keep) -> Result<(), Broken> {
        self.state.keep_at_least(keep);
        self.tables.clients.open()?.insert(client.id.as_str(), encode(client)?.as_slice())?;
        Ok(())
    }

    pub(super) fn remove_client(&mut self, id: &str) -> Result<bool, Broken> {
        Ok(self.tables.clients.open()?.remove(id)?.is_some())
    }

    pub(super) fn remember_key(&mut self, kid: &str) -> Result<bool, Broken> {
        let is_over = self.tables.keys_over.open()?.get(kid)?.is_some();
        if !is_over {
            self.tables.keys.open()?.insert(kid, ())?;
        }
        Ok(!is_over)
    }

    pub(super) fn expect_mark(&mut self) -> Result<(), Broken> {
        self.tables.meta.open()?.insert(MARKED_ROW, &[][..])?;
        Ok(())
    }

    pub(super) fn forget_key(&mut self, kid: &str) -> Result<(), Broken> {
        self.tables.keys.open()?.remove(kid)?;
        self.tables.keys_over.open()?.insert(kid, ())?;
        Ok(())
    }

    pub(super) fn spend(&mut self, id: &[u8; 32], keep: Duration) -> Result<bool, Broken> {
        if self.tables.spent.open()?.insert(id, ())?.is_some() {
            return Ok(false);
        }
        self.forget_after(keep, Due::Spent, id)?;
        Ok(true)
    }
}

pub(super) fn all(txn: &ReadTransaction) -> Result<Vec<Client>, Broken> {
    txn.open_table(CLIENTS)?.iter()?.map(|row| decode(row?.1.value())).collect()
}

pub(super) fn keys(txn: &ReadTransaction) -> Result<Vec<String>, Broken> {
    txn.open_table(KEYS)?.iter()?.map(|row| Ok(row?.0.value().to_owned())).collect()
}
