//! `mintage sessions`.

use clap::{Subcommand, ValueEnum};
use serde_json::json;

use super::connect::Connection;
use super::output::{Failure, facts, show, table};
use super::revoke::{Why, carry_out};
use crate::api::{SessionBody, SessionState, TargetBody};
use crate::id::Sid;
use crate::remote::SessionFilter;

/// Look at sessions and end them.
#[derive(Subcommand, Clone, Debug)]
pub(crate) enum Sessions {
    /// The sessions of a subject
    List {
        /// Whose
        subject: String,
        /// Only at this client
        #[arg(long, value_name = "CLIENT_ID")]
        client: Option<String>,
        /// Only live or only ended ones
        #[arg(long)]
        state: Option<Which>,
        #[command(flatten)]
        connection: Connection,
    },
    /// One session
    Show {
        /// Which
        sid: Sid,
        #[command(flatten)]
        connection: Connection,
    },
    /// End a session: its refresh token and all its access tokens
    Revoke {
        /// Which
        sid: Sid,
        #[command(flatten)]
        why: Why,
        #[command(flatten)]
        connection: Connection,
    },
}

/// Which sessions to list.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Which {
    /// Those that can be refreshed
    Active,
    /// Those that are over
    Ended,
}

pub(super) async fn run(command: Sessions) -> Result<(), Failure> {
    match command {
        Sessions::List { subject, client, state, connection } => {
            let state = state.map(|which| if which == Which::Active { "active" } else { "ended" }.to_owned());
            let sessions = connection.open()?.sessions(&SessionFilter { subject, client_id: client, state }).await?;
            show(connection.json, &json!({ "items": sessions }), |_| rows(&sessions))
        }
        Sessions::Show { sid, connection } => show(connection.json, &connection.open()?.session(sid).await?, one),
        Sessions::Revoke { sid, why, connection } => carry_out(TargetBody::Session { sid }, None, why, &connection).await,
    }
}

fn rows(sessions: &[SessionBody]) -> String {
    let row = |session: &SessionBody| {
        vec![
            session.sid.to_string(),
            session.client_id.clone(),
            state(session),
            session.opened_at.clone(),
            session.last_refreshed_at.clone(),
            device(session).unwrap_or_default(),
        ]
    };
    let rows: Vec<_> = sessions.iter().map(row).collect();
    table(&["SID", "CLIENT", "STATE", "OPENED", "REFRESHED", "DEVICE"], &rows)
}

fn one(session: &SessionBody) -> String {
    let ended = session.ended.as_ref().map(|ended| format!("{} by {} at {}", ended.reason, ended.by, ended.at));
    facts(&[
        ("sid", Some(session.sid.to_string())),
        ("subject", Some(session.subject.clone())),
        ("client", Some(session.client_id.clone())),
        ("state", Some(state(session))),
        ("ended", ended),
        ("opened", Some(session.opened_at.clone())),
        ("last refreshed", Some(session.last_refreshed_at.clone())),
        ("expires", Some(session.expires_at.clone())),
        ("expires if idle", Some(session.idle_expires_at.clone())),
        ("audience", Some(session.audience.join(" "))),
        ("scope", Some(session.scope.to_string())),
        ("slot", session.slot.clone()),
        ("device", device(session)),
        ("upstream", session.upstream.as_ref().map(|upstream| upstream.iss.clone())),
    ])
}

fn state(session: &SessionBody) -> String {
    match (session.state, &session.ended) {
        (SessionState::Active, _) => "active".to_owned(),
        (SessionState::Ended, Some(ended)) => format!("ended ({})", ended.reason),
        (SessionState::Ended, None) => "ended".to_owned(),
    }
}

fn device(session: &SessionBody) -> Option<String> {
    let device = session.device.as_ref()?;
    let parts = [&device.name, &device.user_agent, &device.ip];
    Some(parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(", "))
}
