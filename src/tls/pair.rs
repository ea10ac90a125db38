//! Two files become a certificate with its key, or the first thing that is wrong with them.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ring::digest;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SigningKey};
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::Zeroizing;

use super::fault::{TlsFault, TlsFile, TlsProblem};
use crate::time::Moment;

/// More than a chain or a key has.
const MAX_FILE: u64 = 256 * 1024;

/// Where certificate and key are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsFiles {
    /// PEM: the server's certificate, then those behind it.
    pub certificate: PathBuf,
    /// PEM: the private key, out of reach for all but its owner, or readers of its group.
    pub key: PathBuf,
}

/// A certificate and the key that belongs to it.
#[derive(Clone, Debug)]
pub struct Pair {
    pub(super) key: Arc<CertifiedKey>,
    /// When the certificate ends.
    pub not_after: Moment,
}

/// The two files as they stand, not yet understood.
pub(super) struct Texts {
    certificate: Result<Vec<u8>, TlsProblem>,
    key: Result<Zeroizing<Vec<u8>>, TlsProblem>,
}

impl TlsFiles {
    /// Reads both. Whether the certificate is over is for [`Pair::good_at`] to say.
    ///
    /// # Errors
    /// What is wrong with each file; or, where both are good, that they do not belong together. Never empty.
    pub fn read(&self) -> Result<Pair, Vec<TlsFault>> {
        self.understand(self.texts())
    }

    pub(super) fn texts(&self) -> Texts {
        let too_open = |mode: u32| (mode & 0o027 != 0).then_some(TlsProblem::TooOpen { mode });
        Texts { certificate: read(&self.certificate, |_| None), key: read(&self.key, too_open).map(Zeroizing::new) }
    }

    pub(super) fn understand(&self, texts: Texts) -> Result<Pair, Vec<TlsFault>> {
        let Texts { certificate, key } = texts;
        let chain = certificate.and_then(|text| read_chain(&text)).map_err(|problem| self.fault(TlsFile::Certificate, problem));
        let key = key.and_then(|text| read_key(&text)).map_err(|problem| self.fault(TlsFile::Key, problem));
        match (chain, key) {
            (Ok((chain, not_after)), Ok(key)) => {
                let key = CertifiedKey::new(chain, key);
                key.keys_match().map_err(|_| vec![self.fault(TlsFile::Key, TlsProblem::Mismatch)])?;
                Ok(Pair { key: Arc::new(key), not_after })
            }
            (chain, key) => Err(chain.err().into_iter().chain(key.err()).collect()),
        }
    }

    pub(super) fn fault(&self, file: TlsFile, problem: TlsProblem) -> TlsFault {
        let path = match file {
            TlsFile::Certificate => &self.certificate,
            TlsFile::Key => &self.key,
        };
        TlsFault { file, path: path.clone(), problem }
    }
}

impl Texts {
    /// Tells two states of the files apart without keeping a key.
    pub(super) fn digest(&self) -> [u8; 32] {
        let mut context = digest::Context::new(&digest::SHA256);
        let mut add = |mark: u8, bytes: &[u8]| {
            context.update(&[mark]);
            context.update(&(bytes.len() as u64).to_be_bytes());
            context.update(bytes);
        };
        for text in [self.certificate.as_deref(), self.key.as_ref().map(|key| key.as_slice())] {
            match text {
                Ok(text) => add(0, text),
                Err(problem) => add(1, problem.to_string().as_bytes()),
            }
        }
        let mut sum = [0; 32];
        sum.copy_from_slice(context.finish().as_ref());
        sum
    }
}

impl Pair {
    /// The pair, unless it is over: no client would take it.
    ///
    /// # Errors
    /// [`TlsProblem::Expired`], alone.
    pub fn good_at(self, files: &TlsFiles, now: Moment) -> Result<Self, Vec<TlsFault>> {
        if self.not_after <= now {
            return Err(vec![files.fault(TlsFile::Certificate, TlsProblem::Expired(self.not_after))]);
        }
        Ok(self)
    }
}

/// `refuses` sees the permission bits before anything is read. What is no file is not opened: a pipe would have us wait for its writer.
fn read(path: &Path, refuses: impl FnOnce(u32) -> Option<TlsProblem>) -> Result<Vec<u8>, TlsProblem> {
    let unreadable = |error: io::Error| TlsProblem::Unreadable(error.to_string());
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(TlsProblem::Unreadable("it is not a file".to_owned()));
    }
    let file = File::open(path).map_err(unreadable)?;
    let about = file.metadata().map_err(unreadable)?;
    if let Some(problem) = refuses(about.mode() & 0o7777) {
        return Err(problem);
    }
    if about.len() > MAX_FILE {
        return Err(TlsProblem::Unreadable(format!("it has {} bytes, far more than one holds", about.len())));
    }
    let mut text = Vec::with_capacity(usize::try_from(about.len()).unwrap_or_default() + 1);
    file.take(MAX_FILE).read_to_end(&mut text).map_err(unreadable)?;
    Ok(text)
}

fn read_chain(text: &[u8]) -> Result<(Vec<CertificateDer<'static>>, Moment), TlsProblem> {
    let not_pem = || TlsProblem::NotPem("CERTIFICATE");
    let chain: Vec<_> = CertificateDer::pem_slice_iter(text).collect::<Result<_, _>>().map_err(|_| not_pem())?;
    let mut ends = Vec::with_capacity(chain.len());
    for (at, certificate) in chain.iter().enumerate() {
        ends.push(end_of(certificate).ok_or(TlsProblem::BadCertificate(at + 1))?);
    }
    let not_after = *ends.first().ok_or_else(not_pem)?;
    Ok((chain, not_after))
}

fn read_key(text: &[u8]) -> Result<Arc<dyn SigningKey>, TlsProblem> {
    let key = PrivateKeyDer::from_pem_slice(text).map_err(|_| TlsProblem::NotPem("PRIVATE KEY"))?;
    any_supported_type(&key).map_err(|_| TlsProblem::BadKey)
}

fn end_of(certificate: &CertificateDer<'_>) -> Option<Moment> {
    let (rest, parsed) = X509Certificate::from_der(certificate).ok()?;
    let end = u64::try_from(parsed.validity().not_after.timestamp()).unwrap_or(0);
    rest.is_empty().then(|| Moment::from_seconds(end))
}
