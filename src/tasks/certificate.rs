//! The certificate's files are looked at again: by themselves every minute, and when the operator says so.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::telemetry::Metrics;
use crate::time::Moment;
use crate::tls::{Certificate, Reload, TlsFault, TlsFiles};

/// When an end is near enough to be said, and how often it is said again.
const SOON: Duration = Duration::from_secs(14 * 86_400);
const AGAIN: Duration = Duration::from_secs(86_400);

/// The certificate that the door shows, and who is told about it.
#[derive(Clone)]
pub struct CertificateJob {
    certificate: Arc<Certificate>,
    metrics: Arc<Metrics>,
    /// When its end was last warned of.
    warned: Arc<Mutex<Option<Moment>>>,
}

impl CertificateJob {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// When they hold no pair that is good now.
    pub fn load(files: TlsFiles, metrics: Arc<Metrics>, now: Moment) -> Result<Self, Vec<TlsFault>> {
        let job = Self { certificate: Arc::new(Certificate::load(files, now)?), metrics, warned: Arc::default() };
        job.tell_end(now);
        Ok(job)
    }

    /// What is shown.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Takes a new pair up, if there is one that is good. `is_told`: also when the files have not changed. While the end of the one that
    /// is shown is near or past, that is said once a day.
    pub fn run(&self, now: Moment, is_told: bool) {
        match self.certificate.reload(now, is_told) {
            Reload::Unchanged => {}
            Reload::Taken => {
                self.metrics.tls_reloaded("taken");
                tracing::info!(not_after = self.certificate.not_after().to_rfc3339_seconds(), "a certificate was taken up");
                *self.warned.lock().unwrap_or_else(PoisonError::into_inner) = None;
            }
            Reload::Refused(faults) => {
                self.metrics.tls_reloaded("refused");
                for fault in faults {
                    tracing::error!(%fault, "the new certificate is no good: the one before it is still shown");
                }
            }
        }
        self.tell_end(now);
    }

    fn tell_end(&self, now: Moment) {
        let not_after = self.certificate.not_after();
        self.metrics.tls_not_after(not_after.seconds());
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if now.plus(SOON) < not_after || warned.is_some_and(|warned| now < warned.plus(AGAIN)) {
            return;
        }
        *warned = Some(now);
        let not_after_text = not_after.to_rfc3339_seconds();
        if not_after <= now {
            tracing::error!(not_after = not_after_text, "the certificate is over: clients refuse it; renew it");
        } else {
            tracing::warn!(not_after = not_after_text, "the certificate ends soon: renew it");
        }
    }
}

#[cfg(test)]
#[path = "certificate_tests.rs"]
mod tests;
