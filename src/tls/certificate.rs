//! The pair in force: every handshake takes what stands here when it begins.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};

use super::fault::TlsFault;
use super::pair::{Pair, TlsFiles};
use crate::time::Moment;

/// A certificate that can be exchanged. Connections that stand are not touched.
#[derive(Debug)]
pub struct Certificate {
    files: TlsFiles,
    shown: Arc<Shown>,
    /// What the files held when they were last looked at, good or bad.
    seen: Mutex<[u8; 32]>,
}

/// What came of looking at the files again.
#[derive(Debug)]
pub enum Reload {
    /// They hold what they held.
    Unchanged,
    /// A new pair is shown from now on.
    Taken,
    /// What they hold is no good, for these reasons; the pair before it is still shown.
    Refused(Vec<TlsFault>),
}

#[derive(Debug)]
struct Shown(ArcSwap<Pair>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load().key.clone())
    }
}

impl Certificate {
    /// Reads the files.
    ///
    /// # Errors
    /// When they hold no pair that is good now: why, never empty.
    pub fn load(files: TlsFiles, now: Moment) -> Result<Self, Vec<TlsFault>> {
        let texts = files.texts();
        let seen = Mutex::new(texts.digest());
        let pair = files.understand(texts)?.good_at(&files, now)?;
        Ok(Self { files, shown: Arc::new(Shown(ArcSwap::from_pointee(pair))), seen })
    }

    /// Looks at the files again. `is_told`: also when they have not changed.
    pub fn reload(&self, now: Moment, is_told: bool) -> Reload {
        let texts = self.files.texts();
        let digest = texts.digest();
        let before = std::mem::replace(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner), digest);
        if before == digest && !is_told {
            return Reload::Unchanged;
        }
        match self.files.understand(texts).and_then(|pair| pair.good_at(&self.files, now)) {
            Ok(pair) => {
                self.shown.0.store(Arc::new(pair));
                Reload::Taken
            }
            Err(faults) => Reload::Refused(faults),
        }
    }

    /// When the certificate that is shown ends.
    pub fn not_after(&self) -> Moment {
        self.shown.0.load().not_after
    }

    /// TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1 by ALPN, no early data, no client certificates.
    ///
    /// # Errors
    /// When the cryptography cannot be set up.
    pub fn server_config(&self) -> Result<ServerConfig, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS13, &TLS12])?;
        let mut config = builder.with_no_client_auth().with_cert_resolver(self.shown.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}
