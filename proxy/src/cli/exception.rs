//! What can be typed of temporary exceptions: `octroi exception`.

use super::{As, Output};
use crate::commands::when::FORMS;
use clap::{ArgGroup, Args, Subcommand};

/// `octroi exception`.
#[derive(Debug, Subcommand)]
pub(crate) enum Exception {
    /// Let through for a time what the charter refuses, warns of or counts
    Add(AddException),
    /// List the exceptions in force; with `--all`, those that ended too
    List(ListExceptions),
    /// End one at once
    Revoke(RevokeException),
}

/// `octroi exception add`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("whom").required(true).args(["user", "group", "all"]))]
#[command(group = ArgGroup::new("what").required(true).args(["host", "url", "category", "rule"]))]
#[command(group = ArgGroup::new("end").required(true).args(["lasting", "until"]))]
pub(crate) struct AddException {
    /// For this account
    #[arg(long, value_name = "U")]
    pub(crate) user: Option<String>,
    /// For this group of the charter
    #[arg(long, value_name = "G")]
    pub(crate) group: Option<String>,
    /// For everybody
    #[arg(long)]
    pub(crate) all: bool,
    /// On this host and those below it
    #[arg(long, value_name = "H")]
    pub(crate) host: Option<String>,
    /// On this address and those below it, of plain HTTP
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// On what is refused by this category
    #[arg(long, value_name = "C")]
    pub(crate) category: Option<String>,
    /// On what is refused by this rule
    #[arg(long, value_name = "R")]
    pub(crate) rule: Option<String>,
    /// For so long: 30m, 4h, 2d
    #[arg(long = "for", value_name = "TIME")]
    pub(crate) lasting: Option<String>,
    /// Until then.
    #[arg(long, value_name = "WHEN", help = format!("Before this instant, or to the end of this day: {FORMS}"))]
    pub(crate) until: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Who grants it.
    #[command(flatten)]
    pub(crate) acting: As,
    /// How to answer.
    #[command(flatten)]
    pub(crate) output: Output,
}

/// `octroi exception list`.
#[derive(Debug, Args)]
pub(crate) struct ListExceptions {
    /// Those that ended too, as long as they are kept
    #[arg(long)]
    pub(crate) all: bool,
    /// Who looks.
    #[command(flatten)]
    pub(crate) acting: As,
    /// How to answer.
    #[command(flatten)]
    pub(crate) output: Output,
}

/// `octroi exception revoke`.
#[derive(Debug, Args)]
pub(crate) struct RevokeException {
    /// Its number
    pub(crate) number: u64,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Who ends it.
    #[command(flatten)]
    pub(crate) acting: As,
}
