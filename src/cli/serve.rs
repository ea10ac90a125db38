//! `mintage serve`.

use std::future::Future;
use std::io::IsTerminal;
use std::path::PathBuf;

use clap::Args;
use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

use super::config::configured;
use super::output::Failure;
use crate::config::{Flags, Log, LogLevel};
use crate::telemetry::{LogSettings, write_logs_to_stderr};

/// Run the issuer. Without configuration it listens on 127.0.0.1:8080, makes keys in keys/ and keeps its state in data/
#[derive(Args, Clone, Debug)]
pub(crate) struct Serve {
    /// The configuration file [default: MINTAGE_CONFIG, else none]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to listen [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Folder of the state [default: data]
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// Folder of the key ring [default: keys]
    #[arg(long, value_name = "DIR")]
    keys: Option<String>,
    /// Which store: embedded
    #[arg(long, value_name = "STORE")]
    store: Option<String>,
}

pub(super) async fn run(serve: Serve) -> Result<(), Failure> {
    let Serve { config, listen, data, keys, store } = serve;
    forbid_core_dumps().map_err(|error| Failure::Refused(format!("core dumps cannot be forbidden, and would hold the keys: {error}")))?;
    let loaded = configured(&Flags { config, listen, data, keys, store })?;
    write_logs_to_stderr(&logs(loaded.settings.log)).map_err(Failure::Refused)?;
    let stop = told_to_stop().map_err(|error| Failure::Refused(format!("signals: {error}")))?;
    let reload = signal(SignalKind::hangup()).map_err(|error| Failure::Refused(format!("signals: {error}")))?;
    crate::server::run(loaded.settings, stop, reload).await.map_err(|fault| Failure::Refused(fault.to_string()))
}

/// The keys are open in memory: no core dump is written of it, and no other process of this user reads it.
fn forbid_core_dumps() -> std::io::Result<()> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none)?;
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// The level is that of our own lines; of the libraries below, only what someone should look at: `h2` warns of every connection that
/// misbehaves, so strangers would fill the log.
fn logs(log: Log) -> LogSettings {
    let filter = match log.level {
        LogLevel::Error => log.level.name().to_owned(),
        LogLevel::Warn | LogLevel::Info | LogLevel::Debug | LogLevel::Trace => format!("warn,h2=error,mintage={}", log.level.name()),
    };
    LogSettings { format: log.format, filter, colour: std::io::stderr().is_terminal() }
}

/// Ends at SIGTERM or SIGINT.
fn told_to_stop() -> std::io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
