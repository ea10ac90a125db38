//! `mintage backup`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::connect::Connection;
use super::output::{Failure, plain, show};
use crate::ambient::{Clock, SystemClock};
use crate::server::{Surroundings, rename_for_good, snapshot_of};
use crate::store::embedded::{self, Contents};

/// Copy the state of a running deployment to a file, or check such a file. Keys are not in it: copy keys/ by itself, sealed
#[derive(Args, Clone, Debug)]
pub(crate) struct Backup {
    /// A new file, or a folder in which one is made
    #[arg(long, value_name = "PATH", required_unless_present = "check")]
    to: Option<PathBuf>,
    /// Only check this file, byte by byte; asks nobody
    #[arg(long, value_name = "FILE", conflicts_with_all = ["to", "data"])]
    check: Option<PathBuf>,
    /// Take it from this folder, of a deployment that is stopped; asks nobody
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

pub(super) async fn run(backup: Backup) -> Result<(), Failure> {
    let Backup { to, check, data, connection } = backup;
    if let Some(file) = check {
        let contents = read(&file)?;
        return show(connection.json, &told(&file, &contents), |told| summary("good", told));
    }
    let file = destination(to.unwrap_or_default())?;
    let part = file.with_extension("part");
    let taken = take(&connection, data.as_deref(), &part).await.and_then(|()| read(&part));
    let kept = taken.and_then(|contents| rename_for_good(&part, &file).map_err(|error| failed(&file, &error)).map(|()| contents));
    if kept.is_err() {
        let _ = fs::remove_file(&part);
    }
    show(connection.json, &told(&file, &kept?), |told| summary("written and checked", told))
}

/// The file itself, or a name by the hour in a folder. Nothing is overwritten.
fn destination(to: PathBuf) -> Result<PathBuf, Failure> {
    let stamp: String = SystemClock::new().wall().to_rfc3339().chars().filter(|c| !"-:".contains(*c)).collect();
    let file = if to.is_dir() { to.join(format!("mintage-{stamp}.backup")) } else { to };
    if file.exists() { Err(Failure::Usage(format!("{} exists: name a new file", file.display()))) } else { Ok(file) }
}

async fn take(connection: &Connection, data: Option<&Path>, part: &Path) -> Result<(), Failure> {
    // What an interrupted one has left.
    let _ = fs::remove_file(part);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut writer = BufWriter::new(options.open(part).map_err(|error| failed(part, &error))?);
    let mut take = |piece: &[u8]| writer.write_all(piece);
    match data {
        None => connection.open()?.backup(&mut take).await?,
        Some(data) => {
            let mut snapshot = snapshot_of(data, Surroundings::default()).map_err(|why| Failure::Refused(plain(&why)))?;
            while let Some(piece) = snapshot.next_piece().map_err(|fault| Failure::Refused(plain(&fault.to_string())))? {
                take(&piece).map_err(|error| failed(part, &error))?;
            }
        }
    }
    let file = writer.into_inner().map_err(|error| failed(part, error.error()))?;
    file.sync_all().map_err(|error| failed(part, &error))
}

fn read(file: &Path) -> Result<Contents, Failure> {
    let open = File::open(file).map_err(|error| failed(file, &error))?;
    embedded::check(BufReader::new(open)).map_err(|fault| Failure::Refused(plain(&format!("{}: {fault}", file.display()))))
}

fn failed(file: &Path, error: &io::Error) -> Failure {
    Failure::Refused(plain(&format!("{}: {error}", file.display())))
}

fn told(file: &Path, contents: &Contents) -> Value {
    json!({
        "file": file.display().to_string(),
        "taken_at": contents.taken_at.to_rfc3339(),
        "sessions": contents.sessions(),
        "clients": contents.clients(),
        "log_entries": contents.log_entries(),
    })
}

fn summary(how: &str, told: &Value) -> String {
    let text = |name: &str| plain(told[name].as_str().unwrap_or_default());
    format!(
        "{}: {how}; as of {}: {} sessions, {} clients, {} entries of the revocation log; no keys\n",
        text("file"),
        text("taken_at"),
        told["sessions"],
        told["clients"],
        told["log_entries"]
    )
}
