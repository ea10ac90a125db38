//! The key ring on disk (design §6): `keys/<kid>.json` and `keys/mac-<id>.json`, readable by their owner only, sealed where there is a
//! passphrase, replaced whole. A file that is damaged is a fault with its path, never a reason to make a new key.

mod checked;
mod fault;
mod folder;
mod format;
mod passphrase;
mod seal;

pub use fault::{KeyFileFault, KeyFileProblem};
pub use folder::KeyFolder;
pub use passphrase::Passphrase;
