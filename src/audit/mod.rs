//! The audit trail: who did what to whom, when and from where, one JSON object a line, in a folder of its own.
//!
//! An effect leaves two lines: its *intent* is on disk before it begins, its *outcome* follows. An intent without an outcome is a crash
//! between the two; the next start says so by a line of its own. A theft that was noticed, which nobody asked for, leaves an outcome
//! alone. Every line names the digest of the one before it, so that an edit or a gap is seen.
//!
//! No line can carry a token or a secret: whatever comes from strangers passes [`Text::of`].

mod event;
mod folder;
mod line;
mod read;
mod text;
mod trail;
mod verify;
mod writer;

pub use event::{Action, Asked, By, Deed, Ending, Event, Facts, Target};
pub use folder::{AuditFault, Place};
pub use read::{Page, Query};
pub use text::Text;
pub use trail::{Opened, Settings, Trail};
pub use verify::{Broken, Unfinished, Verdict, verify};
