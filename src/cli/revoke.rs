//! `mintage revoke`.

use clap::{Args, Subcommand};

use super::connect::Connection;
use super::output::{Failure, facts, show};
use crate::api::{NewRevocation, Reason, RevocationBody, TargetBody};
use crate::id::{Jti, Sid};
use crate::revocation::Extent;

/// Call back what was issued. Safe to repeat.
#[derive(Subcommand, Clone, Debug)]
pub(crate) enum Revoke {
    /// One access token, and what was exchanged from it
    Token {
        /// Its id (the claim jti)
        jti: Jti,
        #[command(flatten)]
        why: Why,
        #[command(flatten)]
        connection: Connection,
    },
    /// One session: its refresh token and all its access tokens
    Session {
        /// Its id (the claim sid)
        sid: Sid,
        #[command(flatten)]
        why: Why,
        #[command(flatten)]
        connection: Connection,
    },
    /// All that a subject has
    Subject {
        /// Whose
        subject: String,
        /// Only at this client
        #[arg(long, value_name = "CLIENT_ID")]
        client: Option<String>,
        /// All but this session ("sign out my other devices")
        #[arg(long, value_name = "SID", conflicts_with = "access_tokens")]
        except: Option<Sid>,
        #[command(flatten)]
        extent: ExtentFlag,
        #[command(flatten)]
        why: Why,
        #[command(flatten)]
        connection: Connection,
    },
    /// All that was issued to a client
    Client {
        /// Which
        client_id: String,
        #[command(flatten)]
        extent: ExtentFlag,
        #[command(flatten)]
        why: Why,
        #[command(flatten)]
        connection: Connection,
    },
    /// Everything
    All {
        /// Everybody will have to sign in again: say that you mean it (not needed with --dry-run)
        #[arg(long, required_unless_present = "dry_run")]
        yes: bool,
        #[command(flatten)]
        extent: ExtentFlag,
        #[command(flatten)]
        why: Why,
        #[command(flatten)]
        connection: Connection,
    },
    /// Everything that a signing key signed
    Key {
        /// Its id
        kid: String,
        #[command(flatten)]
        why: Why,
        #[command(flatten)]
        connection: Connection,
    },
}

/// How far a revocation goes.
#[derive(Args, Clone, Debug)]
pub(crate) struct ExtentFlag {
    /// Only access tokens: sessions go on, clients refresh and get fresh claims
    #[arg(long)]
    access_tokens: bool,
}

/// Why, and whether at all.
#[derive(Args, Clone, Debug)]
pub(crate) struct Why {
    /// A word for programs, kept with the revocation
    #[arg(long, value_name = "CODE")]
    reason: Option<String>,
    /// A note for people, kept with the revocation
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Only say what would happen
    #[arg(long)]
    dry_run: bool,
    /// Wait until every edge has it (not supported in this version)
    #[arg(long, hide = true)]
    wait: bool,
}

pub(super) async fn run(command: Revoke) -> Result<(), Failure> {
    match command {
        Revoke::Token { jti, why, connection } => carry_out(TargetBody::Token { jti }, None, why, &connection).await,
        Revoke::Session { sid, why, connection } => carry_out(TargetBody::Session { sid }, None, why, &connection).await,
        Revoke::Subject { subject, client, except, extent, why, connection } => {
            let target = TargetBody::Subject { subject, client_id: client, except_sid: except };
            carry_out(target, extent.extent(), why, &connection).await
        }
        Revoke::Client { client_id, extent, why, connection } => {
            carry_out(TargetBody::Client { client_id }, extent.extent(), why, &connection).await
        }
        Revoke::All { yes: _, extent, why, connection } => carry_out(TargetBody::All {}, extent.extent(), why, &connection).await,
        Revoke::Key { kid, why, connection } => carry_out(TargetBody::Key { kid }, None, why, &connection).await,
    }
}

impl ExtentFlag {
    fn extent(&self) -> Option<Extent> {
        self.access_tokens.then_some(Extent::AccessTokens)
    }
}

/// Revokes, and shows what was done.
pub(super) async fn carry_out(target: TargetBody, extent: Option<Extent>, why: Why, connection: &Connection) -> Result<(), Failure> {
    let Why { reason: code, note, dry_run, wait } = why;
    if wait {
        return Err(Failure::Usage("--wait is unsupported in this version: leave it out".to_owned()));
    }
    let reason = (code.is_some() || note.is_some()).then_some(Reason { code, note });
    let done = connection.open()?.revoke(&NewRevocation { target, extent, reason, dry_run }).await?;
    show(connection.json, &done, for_people)
}

fn for_people(done: &RevocationBody) -> String {
    let what = match &done.target {
        TargetBody::Token { jti } => format!("token {jti}"),
        TargetBody::Session { sid } => format!("session {sid}"),
        TargetBody::Subject { subject, client_id, except_sid } => {
            let at = client_id.as_ref().map(|id| format!(" at client {id}")).unwrap_or_default();
            let but = except_sid.map(|sid| format!(" but session {sid}")).unwrap_or_default();
            format!("subject {subject}{at}{but}")
        }
        TargetBody::Client { client_id } => format!("client {client_id}"),
        TargetBody::All {} => "everything".to_owned(),
        TargetBody::Key { kid } => format!("key {kid}"),
    };
    let how_far = if done.extent == Extent::AccessTokens { "access tokens" } else { "sessions and access tokens" };
    facts(&[
        (if done.dry_run { "would revoke" } else { "revoked" }, Some(what)),
        ("extent", Some(how_far.to_owned())),
        ("sessions", done.sessions.map(|count| count.to_string())),
        ("id", done.id.clone()),
        ("at", done.created_at.clone()),
        ("enforced by", done.enforced_by.clone()),
    ])
}
