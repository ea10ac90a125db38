//! Why a certificate and its key cannot be used.

use std::fmt;
use std::path::PathBuf;

use crate::time::Moment;

/// Something is wrong with one of the two files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsFault {
    /// Which of the two.
    pub file: TlsFile,
    /// Where it is.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: TlsProblem,
}

/// Which of the two files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TlsFile {
    /// The certificate, and the chain behind it.
    Certificate,
    /// Its private key.
    Key,
}

/// What can be wrong: a closed list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TlsProblem {
    /// The system cannot read it.
    Unreadable(String),
    /// Others may read it, or its group may write it.
    TooOpen {
        /// The permission bits that it has.
        mode: u32,
    },
    /// Not PEM, or no block of this kind in it.
    NotPem(&'static str),
    /// This certificate, counted from 1, is none.
    BadCertificate(usize),
    /// The key is of no kind that TLS signs with here.
    BadKey,
    /// The key is not that of the first certificate.
    Mismatch,
    /// The first certificate is over.
    Expired(Moment),
}

impl TlsFault {
    /// What to do about it.
    pub fn fix(&self) -> String {
        let path = self.path.display();
        match &self.problem {
            TlsProblem::Unreadable(_) => "name a file that this process may read".to_owned(),
            TlsProblem::TooOpen { .. } => format!("run: chmod 600 {path}"),
            TlsProblem::NotPem(wanted) => format!("put a PEM block there that begins: -----BEGIN {wanted}-----"),
            TlsProblem::BadCertificate(_) => "write the chain anew: the server's certificate first, then each issuer's".to_owned(),
            TlsProblem::BadKey => "use an ECDSA (P-256, P-384), Ed25519 or RSA key (2048 bits or more), without passphrase".to_owned(),
            TlsProblem::Mismatch => "put both files of one pair there; the server's certificate stands first".to_owned(),
            TlsProblem::Expired(_) => "renew it; if it is new, set this machine's clock".to_owned(),
        }
    }
}

impl fmt::Display for TlsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(why) => write!(f, "cannot be read: {why}"),
            Self::TooOpen { mode } => write!(f, "others may use it (mode {mode:04o})"),
            Self::NotPem(wanted) => write!(f, "there is no {wanted} in it"),
            Self::BadCertificate(at) => write!(f, "certificate {at} in it is not one"),
            Self::BadKey => f.write_str("the private key cannot be used"),
            Self::Mismatch => f.write_str("the private key is not that of the first certificate"),
            Self::Expired(at) => write!(f, "the certificate expired at {}", at.to_rfc3339_seconds()),
        }
    }
}

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.path.display(), self.problem, self.fix())
    }
}

impl std::error::Error for TlsFault {}
