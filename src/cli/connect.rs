//! Flags of the commands that speak to a running deployment.

use std::path::{Path, PathBuf};

use clap::Args;

use super::output::Failure;
use crate::config;
use crate::outbound::{HttpClient, OutboundLimits};
use crate::remote::RemoteIssuer;

/// Where the deployment is and how to answer.
#[derive(Args, Clone, Debug)]
pub(crate) struct Connection {
    /// Base URL of the running deployment [default: MINTAGE_URL, else http://127.0.0.1:8080]
    #[arg(long, value_name = "URL", help_heading = "Connection")]
    url: Option<String>,
    /// Trust the PEM certificates in this file, and no others [default: MINTAGE_CA_FILE, else what the system trusts]
    #[arg(long, value_name = "FILE", help_heading = "Connection")]
    ca: Option<PathBuf>,
    /// Client to speak as [default: MINTAGE_CLIENT_ID]; its secret is read from MINTAGE_CLIENT_SECRET
    #[arg(id = "speak_as", long = "client-id", value_name = "ID", help_heading = "Connection")]
    client_id: Option<String>,
    /// Print one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
}

impl Connection {
    /// # Errors
    /// Wrong use when client or secret are not there.
    pub(crate) fn open(&self) -> Result<RemoteIssuer, Failure> {
        let environment = config::Remote::of(config::variables());
        let url = self.url.clone().or(environment.url).unwrap_or_else(|| "http://127.0.0.1:8080".to_owned());
        let missing = |name: &str, fix: &str| Failure::Usage(format!("{name} is not set: {fix}"));
        let client_id = self
            .client_id
            .clone()
            .or(environment.client_id)
            .ok_or_else(|| missing("MINTAGE_CLIENT_ID", "set it, or --client-id, to a client that is registered for this"))?;
        let secret = environment.client_secret.ok_or_else(|| missing("MINTAGE_CLIENT_SECRET", "set it to the secret of that client"))?;
        let ca = self.ca.clone().or(environment.ca_file.map(PathBuf::from));
        Ok(RemoteIssuer::new(&url, http_client(ca.as_deref())?, client_id, secret)?)
    }
}

/// An HTTP client that trusts what is in the file, else what the system trusts.
///
/// # Errors
/// Wrong use when the file cannot be read or holds no certificates.
pub(super) fn http_client(ca: Option<&Path>) -> Result<HttpClient, Failure> {
    let limits = OutboundLimits::default();
    let Some(path) = ca else { return HttpClient::new(limits).map_err(|fault| Failure::Refused(fault.to_string())) };
    let misused = |why: &dyn std::fmt::Display| Failure::Usage(format!("{}: {why}: name a PEM file of certificates", path.display()));
    let pem = std::fs::read(path).map_err(|why| misused(&why))?;
    HttpClient::trusting(limits, &pem).map_err(|why| misused(&why))
}
