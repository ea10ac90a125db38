//! The key folder remembers how far the store had come, so that an older copy of the store beside it is noticed at the next start.

use std::sync::PoisonError;
use std::time::Duration;

use super::{Fault, Issuer, Unavailable};
use crate::store::Progress;

/// While nothing is called back, the folder is told this often. Changes of clients and claims that are younger may go unnoticed after a
/// `kill -9`; a stop in order tells everything.
const EVERY: Duration = Duration::from_secs(60);

/// What the folder was told last.
#[derive(Clone, Copy, Default)]
pub(super) struct Mark {
    told: Option<Progress>,
    /// Whether the last write failed, and was warned about.
    fails: bool,
    /// Whether the store knows that there is a mark.
    is_expected: bool,
}

impl Issuer {
    /// Tells the key folder how far the store has come, where something has been called back since it was told, or a minute has passed.
    pub async fn mark_keys(&self) -> Result<(), Fault> {
        self.mark_keys_after(EVERY).await
    }

    /// Tells it exactly: for the start and the end.
    pub async fn mark_keys_now(&self) -> Result<(), Fault> {
        self.heartbeat().await?;
        self.mark_keys_after(Duration::ZERO).await
    }

    async fn mark_keys_after(&self, time: Duration) -> Result<(), Fault> {
        let Some(here) = *self.progress.lock().unwrap_or_else(PoisonError::into_inner) else { return Ok(()) };
        let before = *self.marked.lock().unwrap_or_else(PoisonError::into_inner);
        if before.told.is_some_and(|told| !here.is_news_after(told, time)) {
            return Ok(());
        }
        let folder = self.folder.clone();
        let writing = tokio::task::spawn_blocking(move || folder.save_mark(&here.to_string()));
        let written = writing.await.map_err(|why| Unavailable::KeyFolder(why.to_string()))?;
        if written.is_ok() && !before.is_expected {
            self.store.expect_mark().await?;
        }
        if let Err(why) = &written
            && !before.fails
        {
            tracing::warn!(%why, "the key folder cannot be told how far the store has come: an older copy of the store would go unnoticed");
        }
        let now = Mark { told: Some(here), fails: written.is_err(), is_expected: before.is_expected || written.is_ok() };
        *self.marked.lock().unwrap_or_else(PoisonError::into_inner) = now;
        Ok(())
    }
}
