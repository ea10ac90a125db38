//! Why a node does not start: what is wrong, where, and what to do about it.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::audit::AuditFault;
use crate::issuer::{Fault, Unavailable};
use crate::keyfiles::KeyFileFault;
use crate::store::StoreFault;
use crate::store::embedded::OpenFault;
use crate::tls::TlsFault;

/// A closed list; each prints its remedy.
#[derive(Debug)]
pub enum StartFault {
    /// The store cannot be opened.
    Store(OpenFault),
    /// A key file cannot be read.
    Keys(KeyFileFault),
    /// The key folder has seen more of the store than there is.
    StoreOlderThanKeys {
        /// The folder of the state.
        data: PathBuf,
        /// The folder of the keys.
        keys: PathBuf,
    },
    /// The store was used with a key folder that said how far it had come, and this one does not.
    NoMark {
        /// The folder of the state.
        data: PathBuf,
        /// The folder of the keys.
        keys: PathBuf,
    },
    /// The store remembers keys that are not in the folder.
    KeysMissing {
        /// The folder.
        folder: PathBuf,
        /// The keys that must be there.
        missing: Vec<String>,
    },
    /// The folder has signing keys but no key for refresh tokens.
    NoMacKey {
        /// The folder.
        folder: PathBuf,
    },
    /// The configured algorithm needs an imported key, and there is none.
    NoImportedKey {
        /// The folder.
        folder: PathBuf,
        /// The algorithm.
        algorithm: &'static str,
    },
    /// The audit trail cannot be kept.
    Audit(AuditFault),
    /// An address cannot be listened on.
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        why: std::io::Error,
    },
    /// The certificate or its key cannot be used.
    Tls(Vec<TlsFault>),
    /// TLS cannot be set up at all.
    TlsSetup(rustls::Error),
    /// The node's own start-up work failed.
    Issuer(Fault),
}

impl fmt::Display for StartFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(fault) => write!(f, "{fault}"),
            Self::Keys(fault) => write!(f, "{fault}"),
            Self::Audit(fault) => write!(f, "{fault}"),
            Self::KeysMissing { folder, missing } => keys_missing(f, folder, missing),
            Self::StoreOlderThanKeys { data, keys } => older(f, &data.display(), &keys.display()),
            Self::NoMark { data, keys } => no_mark(f, &data.display(), &keys.display()),
            Self::NoMacKey { folder } => write!(
                f,
                "{}: there are signing keys but no mac-*.json: the refresh tokens that are out could not be read. Put the file back from its \
                 backup; if it is lost for good, see \"Lost keys\" in docs/operations.md.",
                folder.display()
            ),
            Self::NoImportedKey { folder, algorithm } => write!(
                f,
                "{}: signing.algorithm is {algorithm}, and there is no {algorithm} key that may sign. Such keys cannot be made here: run \
                 `mintage keys import FILE --keys {}` with a private key (PKCS#8 in PEM, or a JWK), or set another signing.algorithm.",
                folder.display(),
                folder.display()
            ),
            Self::Listen { address, why } => {
                write!(f, "cannot listen on {address}: {why}. Stop what listens there, or name another address with --listen.")
            }
            Self::Tls(faults) => f.write_str(&faults.iter().map(TlsFault::to_string).collect::<Vec<_>>().join("\n")),
            Self::TlsSetup(why) => write!(f, "TLS cannot be set up: {why}"),
            Self::Issuer(Fault::Unavailable(why @ Unavailable::KeyFolder(_))) => write!(f, "{why}. Check that the folder can be written."),
            Self::Issuer(Fault::Unavailable(why)) => write!(f, "{why}"),
            Self::Issuer(fault) => write!(f, "the start was refused: {fault:?}"),
        }
    }
}

fn older(f: &mut fmt::Formatter<'_>, data: &impl fmt::Display, keys: &impl fmt::Display) -> fmt::Result {
    write!(
        f,
        "the state in {data} is older than the keys in {keys}, or of another deployment: what was called back since is not in it, and \
         would be good again. Put the newest state back, or name it with --data. If it is lost, "
    )?;
    void_it(f, data, keys)
}

fn no_mark(f: &mut fmt::Formatter<'_>, data: &impl fmt::Display, keys: &impl fmt::Display) -> fmt::Result {
    write!(
        f,
        "{keys}/store.mark is missing, which says how far the state in {data} had come: without it an older copy of the state cannot be \
         told from the newest, and what was called back since would be good again. Put the file back from where the keys came. If that is lost too, "
    )?;
    void_it(f, data, keys)
}

/// The way out where nobody knows what was called back.
fn void_it(f: &mut fmt::Formatter<'_>, data: &impl fmt::Display, keys: &impl fmt::Display) -> fmt::Result {
    write!(
        f,
        "make a new state of this one, in which everything is void: `mintage backup --data {data} --to FILE`, then `mintage restore FILE --data NEW \
         --keys {keys}`."
    )
}

fn keys_missing(f: &mut fmt::Formatter<'_>, folder: &Path, missing: &[String]) -> fmt::Result {
    write!(
        f,
        "{}: {} of the keys that this store was used with {} missing: {}. Put the folder back from its backup, or name the right one with \
         --keys. Mintage never makes new keys in place of old ones; if they are lost for good, see \"Lost keys\" in docs/operations.md.",
        folder.display(),
        missing.len(),
        if missing.len() == 1 { "is" } else { "are" },
        missing.join(", "),
    )
}

impl std::error::Error for StartFault {}

impl From<Fault> for StartFault {
    fn from(fault: Fault) -> Self {
        Self::Issuer(fault)
    }
}

impl From<StoreFault> for StartFault {
    fn from(fault: StoreFault) -> Self {
        Self::Issuer(fault.into())
    }
}

impl From<AuditFault> for StartFault {
    fn from(fault: AuditFault) -> Self {
        Self::Audit(fault)
    }
}

impl From<rustls::Error> for StartFault {
    fn from(why: rustls::Error) -> Self {
        Self::TlsSetup(why)
    }
}

impl From<Vec<TlsFault>> for StartFault {
    fn from(faults: Vec<TlsFault>) -> Self {
        Self::Tls(faults)
    }
}

impl From<KeyFileFault> for StartFault {
    fn from(fault: KeyFileFault) -> Self {
        Self::Keys(fault)
    }
}

impl From<OpenFault> for StartFault {
    fn from(fault: OpenFault) -> Self {
        Self::Store(fault)
    }
}
