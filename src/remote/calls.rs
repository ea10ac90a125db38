//! The calls, each with the scope that it needs.

use std::collections::BTreeSet;

use http::Method;

use super::url::{encode, with_query};
use super::{Call, RemoteFault, RemoteIssuer};
use crate::api::{
    AnnounceKey, AuditEvent, AuditList, ClientBody, ClientCreated, ClientList, KeyBody, KeyList, NewClient, NewRevocation, RevocationBody,
    SecretCreated, SessionBody, SessionList, TargetBody,
};
use crate::id::Sid;
use crate::registry::management::{self, AUDIT, BACKUP, CLIENTS, KEYS, REVOKE, REVOKE_ALL, SESSIONS_READ};

/// Which sessions to list.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct SessionFilter {
    /// Whose.
    pub subject: String,
    /// At which client.
    pub client_id: Option<String>,
    /// `active` or `ended`.
    pub state: Option<String>,
}

/// Which events of the audit trail to list; as `GET /v1/audit` takes them.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct AuditFilter {
    /// Whose.
    pub subject: Option<String>,
    /// At, or about, which client.
    pub client_id: Option<String>,
    /// Done by which client.
    pub by: Option<String>,
    /// To which session.
    pub sid: Option<Sid>,
    /// To what, by its id.
    pub target: Option<String>,
    /// What was done.
    pub action: Option<String>,
    /// How it ended.
    pub result: Option<String>,
    /// With which request.
    pub request_id: Option<String>,
    /// At or after.
    pub since: Option<String>,
    /// Before.
    pub until: Option<String>,
}

impl RemoteIssuer {
    /// The newest events that fit, at most `limit` of them, page after page; and whether there may be more.
    ///
    /// # Errors
    /// When a page is refused or does not come.
    pub async fn audit(&self, filter: &AuditFilter, limit: usize) -> Result<(Vec<AuditEvent>, bool), RemoteFault> {
        let sid = filter.sid.map(|sid| sid.to_string());
        let (mut found, mut page_token): (Vec<AuditEvent>, Option<String>) = (Vec::new(), None);
        loop {
            let wanted = limit.saturating_sub(found.len()).clamp(1, 200).to_string();
            let parameters = [
                ("subject", filter.subject.as_deref()),
                ("client_id", filter.client_id.as_deref()),
                ("by", filter.by.as_deref()),
                ("sid", sid.as_deref()),
                ("target", filter.target.as_deref()),
                ("action", filter.action.as_deref()),
                ("result", filter.result.as_deref()),
                ("request_id", filter.request_id.as_deref()),
                ("since", filter.since.as_deref()),
                ("until", filter.until.as_deref()),
                ("limit", Some(wanted.as_str())),
                ("page_token", page_token.as_deref()),
            ];
            let page: AuditList = self.call(AUDIT, Call::plain(Method::GET, with_query("/v1/audit", &parameters))).await?;
            found.extend(page.items);
            match page.next_page_token {
                Some(next) if page_token.as_ref() != Some(&next) && found.len() < limit => page_token = Some(next),
                next => return Ok((found, next.is_some())),
            }
        }
    }

    /// Every session that fits, page after page.
    ///
    /// # Errors
    /// When a page is refused or does not come.
    pub async fn sessions(&self, filter: &SessionFilter) -> Result<Vec<SessionBody>, RemoteFault> {
        let mut all = Vec::new();
        let mut page_token: Option<String> = None;
        loop {
            let parameters = [
                ("subject", Some(filter.subject.as_str())),
                ("client_id", filter.client_id.as_deref()),
                ("state", filter.state.as_deref()),
                ("page_token", page_token.as_deref()),
            ];
            let call = Call::plain(Method::GET, with_query("/v1/sessions", &parameters));
            let page: SessionList = self.call(SESSIONS_READ, call).await?;
            all.extend(page.items);
            match page.next_page_token {
                Some(next) if page_token.as_ref() != Some(&next) => page_token = Some(next),
                _ => return Ok(all),
            }
        }
    }

    /// One session.
    ///
    /// # Errors
    /// When it is not known, or the call is refused.
    pub async fn session(&self, sid: Sid) -> Result<SessionBody, RemoteFault> {
        self.call(SESSIONS_READ, Call::plain(Method::GET, format!("/v1/sessions/{sid}"))).await
    }

    /// Calls something back. Safe to repeat.
    ///
    /// # Errors
    /// When it is refused, or nobody knows whether it is durable.
    pub async fn revoke(&self, revocation: &NewRevocation) -> Result<RevocationBody, RemoteFault> {
        let scope = match revocation.target {
            TargetBody::Token { .. } | TargetBody::Session { .. } | TargetBody::Subject { .. } => REVOKE,
            TargetBody::Client { .. } | TargetBody::All {} | TargetBody::Key { .. } => REVOKE_ALL,
        };
        self.call(scope, Call { method: Method::POST, path: "/v1/revocations".into(), body: Some(revocation) }).await
    }

    /// Takes a backup and hands it over as it comes.
    ///
    /// # Errors
    /// When it is refused, or breaks off: what has been handed over is then no backup.
    pub async fn backup(&self, take: &mut (dyn FnMut(&[u8]) -> std::io::Result<()> + Send)) -> Result<(), RemoteFault> {
        self.download(BACKUP, "/v1/backup", take).await
    }

    /// Every signing key.
    ///
    /// # Errors
    /// When the call is refused.
    pub async fn keys(&self) -> Result<KeyList, RemoteFault> {
        self.call(KEYS, Call::plain(Method::GET, "/v1/keys")).await
    }

    /// Publishes a new key that does not sign yet.
    ///
    /// # Errors
    /// When the call is refused.
    pub async fn announce_key(&self, request: &AnnounceKey) -> Result<KeyBody, RemoteFault> {
        self.call(KEYS, Call { method: Method::POST, path: "/v1/keys".into(), body: Some(request) }).await
    }

    /// Has the standbys sign at once.
    ///
    /// # Errors
    /// When the call is refused.
    pub async fn rotate_keys(&self) -> Result<KeyList, RemoteFault> {
        self.call(KEYS, Call::plain(Method::POST, "/v1/keys/rotate")).await
    }

    /// Has the announced MAC key make refresh tokens.
    ///
    /// # Errors
    /// When the call is refused.
    pub async fn rotate_mac_keys(&self) -> Result<KeyList, RemoteFault> {
        self.call(KEYS, Call::plain(Method::POST, "/v1/keys/macs/rotate")).await
    }

    /// Stops a key from signing; what it signed stays good.
    ///
    /// # Errors
    /// When the key's state does not allow it, or the call is refused.
    pub async fn retire_key(&self, kid: &str) -> Result<KeyBody, RemoteFault> {
        self.call(KEYS, Call::plain(Method::POST, format!("/v1/keys/{}/retire", encode(kid)))).await
    }

    /// Voids everything that a key signed.
    ///
    /// # Errors
    /// When the key is not known, or the call is refused.
    pub async fn revoke_key(&self, kid: &str) -> Result<KeyBody, RemoteFault> {
        let scope = format!("{KEYS} {REVOKE_ALL}");
        self.call(&scope, Call::plain(Method::POST, format!("/v1/keys/{}/revoke", encode(kid)))).await
    }

    /// Every client.
    ///
    /// # Errors
    /// When the call is refused.
    pub async fn clients(&self) -> Result<ClientList, RemoteFault> {
        self.call(CLIENTS, Call::plain(Method::GET, "/v1/clients")).await
    }

    /// One client.
    ///
    /// # Errors
    /// When it is not known, or the call is refused.
    pub async fn client(&self, id: &str) -> Result<ClientBody, RemoteFault> {
        self.call(CLIENTS, Call::plain(Method::GET, format!("/v1/clients/{}", encode(id)))).await
    }

    /// Registers a client; a confidential one gets a secret, shown this once.
    ///
    /// # Errors
    /// When the registration is wrong, or the id is taken.
    pub async fn add_client(&self, client: &NewClient) -> Result<ClientCreated, RemoteFault> {
        // Nobody can register a client for more of the management API than the token of the call may do.
        self.call(&reaching(&client.scopes), Call { method: Method::POST, path: "/v1/clients".into(), body: Some(client) }).await
    }

    /// Removes a client that was added over the API.
    ///
    /// # Errors
    /// When it is not known, or stands in the configuration file.
    pub async fn remove_client(&self, id: &str) -> Result<(), RemoteFault> {
        let client = self.client(id).await?;
        self.command(&reaching(&client.scopes), Call::plain(Method::DELETE, format!("/v1/clients/{}", encode(id)))).await
    }

    /// Gives a client one more secret, shown this once.
    ///
    /// # Errors
    /// When it has two already, is not known, or stands in the configuration file.
    pub async fn add_secret(&self, client: &ClientBody) -> Result<SecretCreated, RemoteFault> {
        let call = Call::plain(Method::POST, format!("/v1/clients/{}/secrets", encode(&client.id)));
        self.call(&reaching(&client.scopes), call).await
    }

    /// Ends a secret of a client.
    ///
    /// # Errors
    /// When it is not known, or the client has no other.
    pub async fn remove_secret(&self, client: &ClientBody, secret_id: &str) -> Result<(), RemoteFault> {
        let call = Call::plain(Method::DELETE, format!("/v1/clients/{}/secrets/{}", encode(&client.id), encode(secret_id)));
        self.command(&reaching(&client.scopes), call).await
    }
}

/// What a token needs that changes a client with these scopes: nobody touches a client that may do more of the management API.
fn reaching(scopes: &BTreeSet<String>) -> String {
    let theirs = scopes.iter().map(String::as_str).filter(|scope| management::ALL.contains(scope) && *scope != CLIENTS);
    [CLIENTS].into_iter().chain(theirs).collect::<Vec<_>>().join(" ")
}
