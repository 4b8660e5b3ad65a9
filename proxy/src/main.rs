//! Octroi: the gate. Start with `exchange`, which is the way of one request on one screen; this file is the table of
//! contents of the commands.
mod accept;
mod access;
mod accounts;
mod again;
mod aggregate;
mod anchor;
mod answered;
mod asked;
mod body;
mod cli;
mod commands;
mod config;
mod connection;
mod console;
mod control;
mod directory;
mod exceptions;
mod exchange;
mod files;
mod follow;
mod form;
mod forward;
mod gate;
mod held;
mod hops;
mod http2;
mod identify;
mod kerberos;
mod legal;
mod listen;
mod lists;
mod metrics;
mod outbound;
mod pages;
mod pass;
mod password;
mod record;
mod refuse;
mod register;
mod reload;
mod replay;
mod rights;
mod secure;
mod service;
mod share;
mod shown;
mod shutdown;
mod splice;
mod syslog;
mod telemetry;
mod terms;
mod tunnel;
mod undertaking;
mod upkeep;
mod upstream;
mod wire;

use clap::Parser;
use cli::{Cli, Command};
use std::process::ExitCode;

/// What one thread takes another gives back, records above all: the C library's allocator has the threads wait for each
/// other over it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // What octroi writes is nobody else's to read, whatever its folder's mode.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let cli = Cli::parse();
    let config = cli.config.as_deref();
    commands::exit(match cli.command.unwrap_or(Command::Run) {
        Command::Run => return commands::run::run(config),
        Command::Check(output) => commands::check::check(config, output),
        Command::Explain(asked) => commands::explain::explain(config, &asked),
        Command::Lists(command) => commands::lists::lists(config, &command),
        Command::User(command) => commands::user::user(config, &command),
        Command::Exception(command) => commands::exception::exception(config, &command),
        Command::Scope(command) => commands::scope::scope(config, &command),
        Command::Hold(command) => commands::hold::hold(config, &command),
        Command::Pac => commands::pac::pac(config),
        Command::Log(command) => commands::log::log(config, &command),
        Command::Import(command) => commands::import::import(config, &command),
        Command::Requests(command) => commands::rights::requests(config, &command),
        Command::Rectify(asked) => commands::rights::rectify(config, &asked),
        Command::Restrict(command) => commands::rights::restrict(config, &command),
        Command::Object(command) => commands::rights::object(config, &command),
        Command::Erase(command) => commands::rights::erase(config, &command),
        Command::Statements(command) => commands::rights::statements(config, &command),
        Command::Export(command) => commands::export::export(config, &command),
        Command::Audit(asked) => commands::audit::audit(config, &asked),
        Command::Report(asked) => commands::report::report(config, &asked),
        Command::Replay(asked) => commands::replay::replay(config, &asked),
        Command::Doctor(asked) => commands::doctor::doctor(config, &asked),
        Command::Status(output) => commands::status::status(config, output),
        Command::Reload(output) => commands::reload::reload(config, output),
    })
}
