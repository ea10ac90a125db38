//! The command line: one file a command; it prints and never decides. Exit status 0 done, 1 refused or found wanting, 2 wrong use.

mod audit;
mod backup;
mod clients;
mod config;
mod connect;
mod custody;
pub mod inspect;
mod keys;
mod lines;
mod offline;
mod output;
mod page;
mod reset_admin;
mod restore;
mod revoke;
mod serve;
mod sessions;
pub mod verify;

use std::future::Future;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

pub use page::page;

use output::Failure;

/// Signed tokens that can be taken back.
#[derive(Parser, Debug)]
#[command(name = "mintage", version, propagate_version = false, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Serve(serve::Serve),
    Verify(verify::VerifyArgs),
    Inspect(inspect::InspectArgs),
    /// Look at sessions and end them
    #[command(subcommand)]
    Sessions(sessions::Sessions),
    /// Call back what was issued; safe to repeat
    #[command(subcommand)]
    Revoke(revoke::Revoke),
    /// Look after signing keys
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Look after clients
    #[command(subcommand)]
    Clients(clients::Clients),
    Backup(backup::Backup),
    Restore(restore::Restore),
    /// Read the audit trail: who did what to whom, and what a crash left unfinished
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Check and show the configuration
    #[command(subcommand)]
    Config(config::Config),
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(message) => return misused(&message),
    };
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(args) => wait_for(tokio::runtime::Builder::new_multi_thread(), serve::run(args)),
        Command::Verify(args) => offline::run_verify(&args),
        Command::Inspect(args) => offline::run_inspect(&args),
        Command::Sessions(command) => wait_for(tokio::runtime::Builder::new_current_thread(), sessions::run(command)),
        Command::Revoke(command) => wait_for(tokio::runtime::Builder::new_current_thread(), revoke::run(command)),
        Command::Keys(command) => wait_for(tokio::runtime::Builder::new_current_thread(), keys::run(command)),
        Command::Clients(command) => wait_for(tokio::runtime::Builder::new_current_thread(), clients::run(command)),
        Command::Backup(args) => wait_for(tokio::runtime::Builder::new_current_thread(), backup::run(args)),
        Command::Restore(args) => wait_for(tokio::runtime::Builder::new_current_thread(), restore::run(args)),
        Command::Audit(command) => wait_for(tokio::runtime::Builder::new_current_thread(), audit::run(command)),
        Command::Config(command) => config::run(command),
    }
}

/// Help and version are results; everything else that clap says is wrong use.
fn misused(message: &clap::Error) -> ExitCode {
    match message.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match output::print(&message.render().to_string()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => failure.report(),
        },
        _ => {
            let _ = message.print();
            ExitCode::from(2)
        }
    }
}

fn wait_for(mut builder: tokio::runtime::Builder, work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = builder.enable_all().build().map_err(|error| Failure::Refused(format!("the runtime cannot start: {error}")))?;
    runtime.block_on(work)
}

#[cfg(test)]
mod tests;
