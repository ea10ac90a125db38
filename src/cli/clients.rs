//! `mintage clients`.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::connect::Connection;
use super::output::{Failure, facts, print, show, table};
use super::reset_admin::{self, ResetAdmin};
use crate::api::{ClientBody, NewClient};
use crate::registry::{ClientType, Grant, TokenFormat};

/// Look after the clients that were added over the API; those of the file are shown only.
#[derive(Subcommand, Clone, Debug)]
pub(crate) enum Clients {
    /// Register a client; a confidential one gets a secret, shown this once
    Add(Box<Add>),
    /// Every client
    List {
        #[command(flatten)]
        connection: Connection,
    },
    /// One client
    Show {
        /// Which
        id: String,
        #[command(flatten)]
        connection: Connection,
    },
    /// Give a client one more secret, shown this once; the old one stays good until it is dropped
    RotateSecret {
        /// Which
        id: String,
        #[command(flatten)]
        connection: Connection,
    },
    /// End a secret of a client
    DropSecret {
        /// Of which client
        id: String,
        /// Which, as `mintage clients show` calls it
        secret_id: String,
        #[command(flatten)]
        connection: Connection,
    },
    ResetAdmin(ResetAdmin),
    /// Remove a client; its sessions end and its access tokens are void
    Remove {
        /// Which
        id: String,
        #[command(flatten)]
        connection: Connection,
    },
}

/// A new client.
#[derive(Args, Clone, Debug)]
pub(crate) struct Add {
    /// Its id
    id: String,
    /// Whether it can keep a secret
    #[arg(long = "type", value_name = "TYPE")]
    kind: Kind,
    /// A JWK Set with its public keys: it proves itself with assertions and gets no secret
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
    /// What it may ask of the token endpoint
    #[arg(long = "grant", value_name = "GRANT", default_value = "refresh_token")]
    grants: Vec<GrantName>,
    /// A scope that it, or a session at it, may have; may repeat
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// An audience of its tokens, the first is the default; may repeat
    #[arg(long = "audience", value_name = "URI")]
    audiences: Vec<String>,
    /// A client that it may open sessions for, or "*"; may repeat
    #[arg(long = "opens-for", value_name = "CLIENT_ID")]
    opens_for: Vec<String>,
    /// The form of its access tokens
    #[arg(long, default_value = "jwt")]
    format: Format,
    /// A web origin that may call from a browser; may repeat
    #[arg(long = "origin", value_name = "ORIGIN")]
    origins: Vec<String>,
    /// Lifetime of its access tokens, in seconds [default: as configured]
    #[arg(long, value_name = "SECONDS")]
    access_ttl: Option<u64>,
    /// Lifetime of its sessions, in seconds [default: as configured]
    #[arg(long, value_name = "SECONDS")]
    absolute: Option<u64>,
    /// How long its sessions may lie unused, in seconds [default: as configured]
    #[arg(long, value_name = "SECONDS")]
    idle: Option<u64>,
    /// How long a superseded refresh token gets the same successor, in seconds [default: as configured]
    #[arg(long, value_name = "SECONDS")]
    retry_window: Option<u64>,
    /// How long a new refresh token is kept before it rotates again, in seconds [default: as configured]
    #[arg(long, value_name = "SECONDS")]
    rotation_pause: Option<u64>,
    /// Its refresh tokens do not rotate (confidential clients, or with --dpop-bound)
    #[arg(long)]
    no_rotation: bool,
    /// It gets only tokens that are bound to a key of its own (DPoP)
    #[arg(long)]
    dpop_bound: bool,
    /// How many live sessions of one subject may share a slot
    #[arg(long, value_name = "COUNT")]
    sessions_per_slot: Option<u32>,
    #[command(flatten)]
    connection: Connection,
}

/// Whether a client can keep a secret.
#[derive(ValueEnum, Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Authenticates with a secret
    Confidential,
    /// An SPA or mobile client
    Public,
}

/// A grant.
#[derive(ValueEnum, Clone, Copy, Debug)]
#[value(rename_all = "snake_case")]
pub(crate) enum GrantName {
    /// Refresh the sessions that were opened for it
    RefreshToken,
    /// Get access tokens of its own
    ClientCredentials,
}

/// The form of access tokens.
#[derive(ValueEnum, Clone, Copy, Debug)]
pub(crate) enum Format {
    /// RFC 9068
    Jwt,
    /// PASETO v4.public
    Paseto,
}

pub(super) async fn run(command: Clients) -> Result<(), Failure> {
    match command {
        Clients::Add(add) => run_add(*add).await,
        Clients::List { connection } => show(connection.json, &connection.open()?.clients().await?, |clients| rows(&clients.items)),
        Clients::Show { id, connection } => show(connection.json, &connection.open()?.client(&id).await?, one),
        Clients::RotateSecret { id, connection } => run_rotate_secret(&id, &connection).await,
        Clients::DropSecret { id, secret_id, connection } => {
            let issuer = connection.open()?;
            issuer.remove_secret(&issuer.client(&id).await?, &secret_id).await?;
            let lines = [("client", Some(id.clone())), ("dropped", Some(secret_id.clone()))];
            show(connection.json, &json!({ "client_id": id, "dropped": secret_id }), |_| facts(&lines))
        }
        Clients::ResetAdmin(reset) => reset_admin::run(reset).await,
        Clients::Remove { id, connection } => {
            connection.open()?.remove_client(&id).await?;
            show(connection.json, &json!({ "removed": id }), |_| facts(&[("removed", Some(id.clone()))]))
        }
    }
}

async fn run_add(add: Add) -> Result<(), Failure> {
    let connection = add.connection.clone();
    let jwks = add.jwks.as_deref().map(read_keys).transpose()?;
    let created = connection.open()?.add_client(&add.into_body(jwks)).await?;
    if connection.json {
        return show(true, &created, |_| String::new());
    }
    print(&one(&created.client))?;
    let Some(secret) = created.client_secret else { return Ok(()) };
    secret.expose(print_secret)
}

async fn run_rotate_secret(id: &str, connection: &Connection) -> Result<(), Failure> {
    let issuer = connection.open()?;
    let client = issuer.client(id).await?;
    let created = issuer.add_secret(&client).await?;
    if connection.json {
        return show(true, &created, |_| String::new());
    }
    let old = (!client.secret_ids.is_empty()).then(|| client.secret_ids.join(" "));
    print(&facts(&[("client", Some(id.to_owned())), ("old secret", old), ("new secret", Some(created.id))]))?;
    created.client_secret.expose(print_secret)
}

/// Prints a secret, this once.
pub(super) fn print_secret(secret: &str) -> Result<(), Failure> {
    if std::io::stderr().is_terminal() {
        let _ = writeln!(std::io::stderr(), "the secret is shown this once: keep it where the client reads it");
    }
    print(&zeroize::Zeroizing::new(format!("secret: {secret}\n")))
}

fn read_keys(file: &Path) -> Result<Value, Failure> {
    let wrong = |why: &dyn std::fmt::Display| Failure::Usage(format!("{}: {why}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|why| wrong(&why))?;
    serde_json::from_str(&text).map_err(|_| wrong(&"no JSON: write a JWK Set of public keys"))
}

impl Add {
    fn into_body(self, jwks: Option<Value>) -> NewClient {
        NewClient {
            id: self.id,
            kind: match self.kind {
                Kind::Confidential => ClientType::Confidential,
                Kind::Public => ClientType::Public,
            },
            jwks,
            grants: self.grants.into_iter().map(Grant::from).collect(),
            scopes: self.scopes.into_iter().collect(),
            audiences: self.audiences,
            opens_for: self.opens_for.into_iter().collect(),
            format: match self.format {
                Format::Jwt => TokenFormat::Jwt,
                Format::Paseto => TokenFormat::Paseto,
            },
            origins: self.origins,
            access_ttl: self.access_ttl,
            absolute: self.absolute,
            idle: self.idle,
            retry_window: self.retry_window,
            rotation_pause: self.rotation_pause,
            rotates: !self.no_rotation,
            dpop_bound_access_tokens: self.dpop_bound,
            sessions_per_slot: self.sessions_per_slot,
            disabled: false,
        }
    }
}

impl From<GrantName> for Grant {
    fn from(name: GrantName) -> Self {
        match name {
            GrantName::RefreshToken => Self::RefreshToken,
            GrantName::ClientCredentials => Self::ClientCredentials,
        }
    }
}

fn rows(clients: &[ClientBody]) -> String {
    let row = |client: &ClientBody| {
        let from = if client.read_only { "file" } else { "api" };
        let state = if client.disabled { "disabled" } else { "enabled" };
        vec![client.id.clone(), kind(client).to_owned(), from.to_owned(), state.to_owned(), client.audiences.join(" ")]
    };
    table(&["ID", "TYPE", "FROM", "STATE", "AUDIENCES"], &clients.iter().map(row).collect::<Vec<_>>())
}

fn one(client: &ClientBody) -> String {
    let list = |items: &mut dyn Iterator<Item = &String>| {
        let text = items.map(String::as_str).collect::<Vec<_>>().join(" ");
        (!text.is_empty()).then_some(text)
    };
    let grant = |grant: &Grant| match grant {
        Grant::RefreshToken => "refresh_token".to_owned(),
        Grant::ClientCredentials => "client_credentials".to_owned(),
    };
    let grants: Vec<String> = client.grants.iter().map(grant).collect();
    let seconds = |seconds: u64| Some(format!("{seconds} s"));
    facts(&[
        ("client", Some(client.id.clone())),
        ("type", Some(kind(client).to_owned())),
        ("from", Some(if client.read_only { "configuration file" } else { "api" }.to_owned())),
        ("disabled", client.disabled.then(|| "yes".to_owned())),
        ("keys", kids(client)),
        ("grants", list(&mut grants.iter())),
        ("scopes", list(&mut client.scopes.iter())),
        ("audiences", list(&mut client.audiences.iter())),
        ("opens for", list(&mut client.opens_for.iter())),
        ("format", Some(if client.format == TokenFormat::Jwt { "jwt" } else { "paseto" }.to_owned())),
        ("origins", list(&mut client.origins.iter())),
        ("access token", seconds(client.lifetimes.access_ttl)),
        ("session", seconds(client.lifetimes.absolute)),
        ("idle", seconds(client.lifetimes.idle)),
        ("retry window", seconds(client.lifetimes.retry_window)),
        ("rotation pause", seconds(client.lifetimes.rotation_pause)),
        ("rotates", Some(if client.rotates { "yes" } else { "no" }.to_owned())),
        ("dpop bound", client.dpop_bound_access_tokens.then(|| "yes".to_owned())),
        ("secrets", list(&mut client.secret_ids.iter())),
        ("per slot", client.sessions_per_slot.map(|count| count.to_string())),
    ])
}

/// The ids of its keys.
fn kids(client: &ClientBody) -> Option<String> {
    let keys = client.jwks.as_ref()?.get("keys")?.as_array()?;
    Some(keys.iter().filter_map(|key| key.get("kid")?.as_str()).collect::<Vec<_>>().join(" "))
}

fn kind(client: &ClientBody) -> &'static str {
    match client.kind {
        ClientType::Confidential => "confidential",
        ClientType::Public => "public",
    }
}
