//! `mintage config`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::output::{Failure, plain, print, show};
use crate::ambient::{Clock, SystemClock};
use crate::config::{Fault, Flags, Loaded, Shown, load, variables};

/// Check and show the configuration. No secret is ever shown.
#[derive(Subcommand, Clone, Debug)]
pub(crate) enum Config {
    /// Report everything that is wrong, each with its place and its fix
    Check(ConfigArgs),
    /// Print every setting that holds, and where it comes from
    Show(ConfigArgs),
}

/// Which configuration.
#[derive(Args, Clone, Debug)]
pub(crate) struct ConfigArgs {
    /// The configuration file [default: MINTAGE_CONFIG, else none]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: Config) -> Result<(), Failure> {
    let (Config::Check(args) | Config::Show(args)) = &command;
    let flags = Flags { config: args.config.clone(), ..Flags::default() };
    let checked = load(&flags, variables()).and_then(|loaded| match loaded.fault_at(SystemClock::new().wall()) {
        Some(fault) if matches!(command, Config::Check(_)) => Err(vec![fault]),
        _ => Ok(loaded),
    });
    match (checked, &command) {
        (Ok(_), Config::Check(_)) => show(args.json, &json!({ "ok": true }), |_| "the configuration is good\n".to_owned()),
        (Ok(loaded), Config::Show(_)) => show(args.json, &json!(settings(&loaded)), |_| as_lines(&loaded)),
        (Err(faults), _) if args.json => {
            let list: Vec<Value> = faults.iter().map(fault).collect();
            print(&format!("{}\n", json!({ "ok": false, "faults": list })))?;
            Err(Failure::Refused(String::new()))
        }
        (Err(faults), _) => Err(refusal(&faults)),
    }
}

/// What file, flags and environment say together.
pub(super) fn configured(flags: &Flags) -> Result<Loaded, Failure> {
    load(flags, variables()).map_err(|faults| refusal(&faults))
}

/// All that is wrong, a line each.
fn refusal(faults: &[Fault]) -> Failure {
    let lines: Vec<_> = faults.iter().map(|fault| format!("\n  {fault}")).collect();
    let many = if faults.len() == 1 { "one fault".to_owned() } else { format!("{} faults", faults.len()) };
    Failure::Refused(plain(&format!("the configuration has {many}:{}", lines.concat())))
}

fn settings(loaded: &Loaded) -> Vec<Value> {
    let one = |Shown { key, value, place }: &Shown| json!({ "key": key, "value": value, "from": place.to_string() });
    loaded.shown.iter().map(one).collect()
}

fn as_lines(loaded: &Loaded) -> String {
    loaded.shown.iter().map(|Shown { key, value, place }| format!("{key} = {}  # {}\n", plain(value), plain(&place.to_string()))).collect()
}

fn fault(fault: &Fault) -> Value {
    json!({ "place": fault.place.to_string(), "key": fault.key, "problem": fault.problem.to_string(), "fix": fault.fix })
}
