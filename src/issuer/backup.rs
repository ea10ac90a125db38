//! A copy of everything in the store, taken while it serves. Keys are not in it.

use super::{Bearer, Fault, Issuer, Refusal, Unavailable};
use crate::registry::management;
use crate::store::Snapshot;

/// The bytes of a backup, piece by piece.
pub struct Backup {
    /// Away while a piece is being read.
    snapshot: Option<Snapshot>,
}

impl Issuer {
    pub(super) async fn copy_store(&self, by: &Bearer) -> Result<Backup, Fault> {
        by.must_have(management::BACKUP)?;
        let snapshot = self.store.snapshot()?.ok_or(Refusal::Unsupported("/"))?;
        tracing::info!(by = by.client_id, "a backup is being taken");
        Ok(Backup { snapshot: Some(snapshot) })
    }
}

impl Backup {
    /// The next piece, of some 64 KiB; `None` after the last. After a fault there is none, and what was taken is no backup.
    pub async fn next_piece(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        let Some(mut snapshot) = self.snapshot.take() else { return Ok(None) };
        let reading = tokio::task::spawn_blocking(move || (snapshot.next_piece(), snapshot));
        let (piece, snapshot) = reading.await.map_err(|why| Unavailable::StoreDown(why.to_string()))?;
        let piece = piece?;
        if piece.is_some() {
            self.snapshot = Some(snapshot);
        }
        Ok(piece)
    }
}
