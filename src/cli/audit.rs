//! `mintage audit`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::config::configured;
use super::connect::Connection;
use super::output::{Failure, facts, plain, show, table};
use crate::api::AuditEvent;
use crate::audit::{Action, Ending, Event, Unfinished, Verdict, verify};
use crate::config::Flags;
use crate::id::Sid;
use crate::remote::AuditFilter;
use crate::time::Moment;

/// Read the audit trail.
#[derive(Subcommand, Clone, Debug)]
pub(crate) enum Audit {
    List(Box<List>),
    /// Follow the chain through the files of a trail; needs no running node, and does not disturb one
    Verify {
        #[command(flatten)]
        place: Place,
        /// A head that was noted elsewhere (64 hexadecimal digits): it must be in the chain
        #[arg(long, value_name = "SHA256")]
        head: Option<String>,
        /// Print one line of JSON
        #[arg(long)]
        json: bool,
    },
    /// The effects that were begun and never ended, from the files of a trail: look whether they happened; 1 if there are any
    ///
    /// `open` is what has no outcome at all: the node died meanwhile and has not been started since, or is carrying it out right now.
    /// `interrupted` is what a later start of the node found open.
    Unfinished {
        #[command(flatten)]
        place: Place,
        /// Begun at or after this time (RFC 3339)
        #[arg(long, value_name = "TIME", value_parser = moment)]
        since: Option<Moment>,
        /// Print one line of JSON
        #[arg(long)]
        json: bool,
    },
}

/// The newest events of a running node; several filters must all fit
#[derive(Args, Clone, Debug)]
pub(crate) struct List {
    /// Whose
    #[arg(long)]
    subject: Option<String>,
    /// At, or about, this client
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<String>,
    /// Done by this client; `mintage` is the node itself
    #[arg(long, value_name = "CLIENT_ID")]
    by: Option<String>,
    /// To this session
    #[arg(long, value_name = "SID")]
    session: Option<Sid>,
    /// To the token, session, subject, client or key of this id
    #[arg(long, value_name = "ID")]
    target: Option<String>,
    /// What was done, such as revoke or open_session
    #[arg(long, value_parser = action)]
    action: Option<Action>,
    /// How it ended: done, refused, unknown or interrupted
    #[arg(long, value_parser = ending)]
    result: Option<Ending>,
    /// With this request
    #[arg(long, value_name = "REQUEST_ID")]
    request: Option<String>,
    /// At or after this time (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Moment>,
    /// Before this time (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Moment>,
    /// At most this many
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    #[command(flatten)]
    connection: Connection,
}

/// Where the files are.
#[derive(Args, Clone, Debug)]
pub(crate) struct Place {
    /// The folder of the trail, or of a copy [default: as the configuration says]
    #[arg(long, value_name = "DIR", conflicts_with_all = ["config", "data"])]
    folder: Option<PathBuf>,
    /// The configuration file [default: MINTAGE_CONFIG, else none]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the state [default: data]
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
}

pub(super) async fn run(command: Audit) -> Result<(), Failure> {
    match command {
        Audit::List(list) => run_list(*list).await,
        Audit::Verify { place, head, json } => run_verify(place, head.as_deref(), json),
        Audit::Unfinished { place, since, json } => {
            let (_, Verdict { mut unfinished, .. }) = read(place, None)?;
            unfinished.retain(|effect| since.is_none_or(|since| effect.event.at >= since));
            let items: Vec<Value> = unfinished.iter().map(unfinished_json).collect();
            show(json, &json!({ "items": items }), |_| unfinished_rows(&unfinished))?;
            if unfinished.is_empty() { Ok(()) } else { Err(Failure::Refused(String::new())) }
        }
    }
}

async fn run_list(list: List) -> Result<(), Failure> {
    let List { subject, client, by, session, target, action, result, request, since, until, limit, connection } = list;
    let filter = AuditFilter {
        subject,
        client_id: client,
        by,
        sid: session,
        target,
        action: action.map(|action| action.name().to_owned()),
        result: result.map(|result| result.name().to_owned()),
        request_id: request,
        since: since.map(Moment::to_rfc3339),
        until: until.map(Moment::to_rfc3339),
    };
    let (events, more) = connection.open()?.audit(&filter, usize::try_from(limit).unwrap_or(usize::MAX)).await?;
    show(connection.json, &json!({ "items": events, "more": more }), |_| rows(&events))
}

fn run_verify(place: Place, noted: Option<&str>, json: bool) -> Result<(), Failure> {
    let (folder, verdict) = read(place, noted)?;
    if verdict.files == 0 {
        let what = "no file of a trail is in it: nothing was written yet, or it was emptied";
        return Err(Failure::Refused(plain(&format!("{}: {what}", folder.display()))));
    }
    let Verdict { files, lines, torn, from_the_beginning, first_at, last_at, head, knows_noted, broken, unfinished } = verdict;
    let broken = broken.map(|broken| format!("{}:{}", broken.path.display(), broken.line));
    let is_good = broken.is_none() && (noted.is_none() || knows_noted);
    let result = json!({ "folder": folder, "files": files, "lines": lines, "torn": torn, "from_the_beginning": from_the_beginning,
        "first_at": first_at.map(Moment::to_rfc3339), "last_at": last_at.map(Moment::to_rfc3339), "head": head, "broken_at": broken,
        "knows_head": noted.map(|_| knows_noted), "unfinished": unfinished.len() });
    show(json, &result, |_| {
        let chain = broken.as_ref().map_or("whole".to_owned(), |at| format!("broken at {at}: changed, left out or put in"));
        let begins = if from_the_beginning { "with the trail" } else { "later: older files were removed" };
        let noted =
            noted.map(|_| if knows_noted { "in the chain" } else { "not in the chain: lines were cut off, or all were written anew" });
        facts(&[
            ("folder", Some(folder.display().to_string())),
            ("files", Some(files.to_string())),
            ("lines", Some(lines.to_string())),
            ("torn by a crash", (torn > 0).then(|| torn.to_string())),
            ("begins", (lines > 0).then(|| begins.to_owned())),
            ("first", first_at.map(Moment::to_rfc3339)),
            ("last", last_at.map(Moment::to_rfc3339)),
            ("unfinished", Some(unfinished.len().to_string())),
            ("head", (lines > 0).then(|| head.clone())),
            ("noted head", noted.map(str::to_owned)),
            ("chain", Some(chain)),
        ])
    })?;
    if is_good { Ok(()) } else { Err(Failure::Refused(String::new())) }
}

fn read(place: Place, noted: Option<&str>) -> Result<(PathBuf, Verdict), Failure> {
    let Place { folder, config, data } = place;
    let folder = match folder {
        Some(folder) => folder,
        None => {
            let loaded = configured(&Flags { config, data, ..Flags::default() })?;
            let kept = loaded.settings.audit.map(|audit| audit.folder);
            kept.ok_or_else(|| Failure::Usage("the configuration says that no trail is kept: name one with --folder".to_owned()))?
        }
    };
    if !folder.is_dir() {
        let what = "there is no such folder: name that of the trail with --folder, or the state's with --data";
        return Err(Failure::Refused(plain(&format!("{}: {what}", folder.display()))));
    }
    let verdict = verify(&folder, noted).map_err(|fault| Failure::Refused(fault.to_string()))?;
    Ok((folder, verdict))
}

fn rows(events: &[AuditEvent]) -> String {
    let row = |event: &AuditEvent| {
        let code = event.code.as_ref().or(event.reason_code.as_ref());
        vec![
            event.at.clone(),
            event.action.clone(),
            code.map_or_else(|| event.result.clone(), |code| format!("{} ({code})", event.result)),
            event.by.client_id.clone(),
            spoken(&event.target.kind, event.target.id.as_deref()),
            event.subject.clone().unwrap_or_default(),
            event.from.clone().unwrap_or_default(),
            event.request_id.clone().unwrap_or_default(),
        ]
    };
    table(&["AT", "ACTION", "RESULT", "BY", "TARGET", "SUBJECT", "FROM", "REQUEST"], &events.iter().map(row).collect::<Vec<_>>())
}

fn unfinished_rows(effects: &[Unfinished]) -> String {
    let row = |effect: &Unfinished| {
        let Event { id, at, deed, .. } = &effect.event;
        let (kind, target) = deed.target.parts();
        vec![
            at.to_rfc3339(),
            deed.action.name().to_owned(),
            state_of(effect).to_owned(),
            deed.by.client_id.to_string(),
            spoken(kind, target.as_deref()),
            deed.asked.request_id.as_ref().map(ToString::to_string).unwrap_or_default(),
            id.to_string(),
        ]
    };
    table(&["BEGUN", "ACTION", "STATE", "BY", "TARGET", "REQUEST", "EVENT"], &effects.iter().map(row).collect::<Vec<_>>())
}

fn unfinished_json(effect: &Unfinished) -> Value {
    let Event { id, at, node, deed, .. } = &effect.event;
    let (kind, target) = deed.target.parts();
    let text = |text: &Option<crate::audit::Text>| text.as_ref().map(ToString::to_string);
    json!({ "id": id.to_string(), "begun_at": at.to_rfc3339(), "told_at": effect.told_at.map(Moment::to_rfc3339), "state": state_of(effect),
        "node": node.to_string(), "action": deed.action.name(), "by": deed.by.client_id.to_string(),
        "target": { "type": kind, "id": target }, "subject": text(&deed.subject), "client_id": text(&deed.client_id),
        "request_id": text(&deed.asked.request_id), "from": deed.asked.from.map(|from| from.to_string()) })
}

fn state_of(effect: &Unfinished) -> &'static str {
    if effect.told_at.is_some() { "interrupted" } else { "open" }
}

fn spoken(kind: &str, id: Option<&str>) -> String {
    id.map_or_else(|| kind.to_owned(), |id| format!("{kind} {id}"))
}

fn action(text: &str) -> Result<Action, &'static str> {
    text.parse().map_err(|()| "no such action; docs/api.md lists them")
}

fn ending(text: &str) -> Result<Ending, &'static str> {
    text.parse().map_err(|()| "use done, refused, unknown or interrupted")
}

fn moment(text: &str) -> Result<Moment, &'static str> {
    Moment::parse_rfc3339(text).ok_or("write it as 2026-11-21T09:00:00Z")
}
