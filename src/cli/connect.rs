//! Flags of the commands that speak to a running deployment.

use clap::Args;

use super::output::Failure;
use crate::config;
use crate::remote::RemoteIssuer;

/// Where the deployment is and how to answer.
#[derive(Args, Clone, Debug)]
pub(crate) struct Connection {
    /// Base URL of the running deployment [default: MINTAGE_URL, else http://127.0.0.1:8080]
    #[arg(long, value_name = "URL", help_heading = "Connection")]
    url: Option<String>,
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
        Ok(RemoteIssuer::new(&url, client_id, secret)?)
    }
}
