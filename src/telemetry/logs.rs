//! Logs on standard error.

use std::io;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// How a line of log looks.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// What is logged and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogSettings {
    /// The shape of a line.
    pub format: LogFormat,
    /// Directives as `tracing` knows them, such as `info` or `mintage=debug,warn`.
    pub filter: String,
    /// Whether lines may be coloured; true only where standard error is a terminal.
    pub colour: bool,
}

/// Sends every event of the process to standard error from now on. Called once, by the composition root; a second call changes nothing.
///
/// # Errors
/// When the filter is not one that `tracing` understands; the text says where.
pub fn write_logs_to_stderr(settings: &LogSettings) -> Result<(), String> {
    let filter = EnvFilter::try_new(&settings.filter).map_err(|fault| fault.to_string())?;
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(settings.colour);
    let all = tracing_subscriber::registry().with(filter);
    let began = match settings.format {
        LogFormat::Text => all.with(lines).try_init(),
        LogFormat::Json => all.with(lines.json().flatten_event(true)).try_init(),
    };
    began.or(Ok(()))
}
