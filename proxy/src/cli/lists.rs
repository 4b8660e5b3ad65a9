//! `octroi lists`, as it is typed.

use super::Output;
use clap::{Args, Subcommand};

/// `octroi lists`.
#[derive(Debug, Subcommand)]
pub(crate) enum Lists {
    /// Fetch the lists that have an address, then compile, and say what changed
    Update(Update),
    /// Compile what is there, fetching nothing
    Compile(Output),
    /// Say what each list holds, since when, and what is wrong with it
    Status(Output),
    /// Say what changed from the index before to the one in force, by category
    Diff(Output),
    /// Put the version before of a fetched list in force again
    Rollback(Rollback),
    /// Show every entry that covers a host or an address
    Lookup(Lookup),
}

/// `octroi lists update`.
#[derive(Debug, Args)]
pub(crate) struct Update {
    /// Take this list over however much it changed, and though it was refused or rolled back before
    #[arg(long, value_name = "LIST")]
    pub(crate) accept: Vec<String>,
    /// How to answer.
    #[command(flatten)]
    pub(crate) output: Output,
}

/// `octroi lists rollback`.
#[derive(Debug, Args)]
pub(crate) struct Rollback {
    /// The list, by its name in the charter
    #[arg(value_name = "LIST")]
    pub(crate) list: String,
    /// How to answer.
    #[command(flatten)]
    pub(crate) output: Output,
}

/// `octroi lists lookup`.
#[derive(Debug, Args)]
pub(crate) struct Lookup {
    /// What to look up
    #[arg(value_name = "HOST-OR-URL")]
    pub(crate) what: String,
    /// How to answer.
    #[command(flatten)]
    pub(crate) output: Output,
}
