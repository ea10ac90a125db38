//! The store of this node, whichever backend it is: the only place that matches on it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{
    Embedded, Filter, Heartbeat, Keep, Known, LogPage, Model, Open, Opened, Patch, Patched, Position, Refreshed, Revoke, RevokeAnswer,
    Revoked, SessionPage, Snapshot, Store, StoreFault, SubjectPatched, Swept,
};
use crate::id::{RevocationId, Sid, Stamp};
use crate::policy::Session;
use crate::policy::rotation::Request;
use crate::registry::Client;

/// A store of any kind. It counts the calls that it gets.
pub struct AnyStore {
    backend: Backend,
    calls: Calls,
}

enum Backend {
    Embedded(Embedded),
    Model(Box<Model>),
}

impl From<Embedded> for AnyStore {
    fn from(store: Embedded) -> Self {
        Self { backend: Backend::Embedded(store), calls: Calls::default() }
    }
}

impl From<Model> for AnyStore {
    fn from(store: Model) -> Self {
        Self { backend: Backend::Model(Box::new(store)), calls: Calls::default() }
    }
}

impl AnyStore {
    /// The whole store as it is now; `None` where a backend is not backed up through us.
    pub fn snapshot(&self) -> Result<Option<Snapshot>, StoreFault> {
        match &self.backend {
            Backend::Embedded(store) => store.snapshot().map(Some),
            Backend::Model(_) => Ok(None),
        }
    }

    /// Remembers that the key folder has a mark of this store: a start without it is refused from now on.
    pub async fn expect_mark(&self) -> Result<(), StoreFault> {
        match &self.backend {
            Backend::Embedded(store) => store.expect_mark().await,
            Backend::Model(_) => Ok(()),
        }
    }

    /// Whether it can be used. What has failed for good says so at once, before any call does.
    pub fn is_up(&self) -> bool {
        match &self.backend {
            Backend::Embedded(store) => store.is_up(),
            Backend::Model(_) => true,
        }
    }
}

macro_rules! delegate {
    ($($operation:ident($($name:ident: $kind:ty),*) -> $answer:ty;)*) => {
        #[derive(Default)]
        struct Calls {
            $($operation: AtomicU64,)*
        }

        impl AnyStore {
            /// How often each operation has been called, by its name.
            pub fn calls(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($operation), self.calls.$operation.load(Ordering::Relaxed)),)*].into_iter()
            }
        }

        impl Store for AnyStore {
            $(async fn $operation(&self, $($name: $kind),*) -> Result<$answer, StoreFault> {
                self.calls.$operation.fetch_add(1, Ordering::Relaxed);
                match &self.backend {
                    Backend::Embedded(store) => store.$operation($($name),*).await,
                    Backend::Model(store) => store.$operation($($name),*).await,
                }
            })*
        }
    };
}

delegate! {
    open(open: Open, known: Known) -> Opened;
    refresh(request: Request, known: Known) -> Refreshed;
    patch(sid: Sid, patch: Patch, known: Known) -> Patched;
    patch_subject(subject: String, client: Option<String>, patch: Patch, void: Option<Revoke>) -> SubjectPatched;
    revoke(revoke: Revoke, known: Known) -> RevokeAnswer;
    revocation(id: RevocationId) -> Option<Revoked>;
    session(sid: Sid) -> Option<Session>;
    sessions(filter: Filter, from: Option<Sid>, limit: u32) -> SessionPage;
    stamp(subject: String, client: String, known: Known) -> Stamp;
    log(position: Position, limit: u32) -> LogPage;
    heartbeat() -> Heartbeat;
    put_client(client: Client, keep: Keep) -> ();
    remove_client(id: String) -> bool;
    clients() -> Vec<Client>;
    remember_key(kid: String) -> bool;
    forget_key(kid: String) -> ();
    keys() -> Vec<String>;
    spend(id: [u8; 32], keep: Duration) -> bool;
    sweep(limit: u32) -> Swept;
}
