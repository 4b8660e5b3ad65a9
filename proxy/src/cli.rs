//! The command line: what can be typed, and nothing of what it does.

mod exception;
mod explain;
pub(crate) mod export;
mod hold;
mod lists;
mod people;
pub(crate) mod rights;
mod scope;
mod user;

pub(crate) use exception::{AddException, Exception, ListExceptions, RevokeException};
pub(crate) use explain::Explain;
pub(crate) use export::Export;
pub(crate) use hold::{
    AddHold, ExtendHold, GroundName, Hold, HoldRecords, ListHolds, ReleaseHold, ReviewHold, ShowHold,
};
pub(crate) use lists::{Lists, Lookup, Rollback, Update};
pub(crate) use people::{ChangeRoles, Link, Marked, TextLanguage, Undertake, Unlink};
pub(crate) use scope::{
    BreakGlass, Decide, ListScopes, Reach, Refuse, RequestScope, RequestSetting, Review, Scope, ShowScope,
};
pub(crate) use user::{ChangePassword, ImportUsers, User, UserFile};

use crate::aggregate::{DAY_FORM, MONTH_FORM};
use crate::commands::when::FORMS;
use crate::register::ACTS;
use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// A filtering HTTP/HTTPS proxy that keeps a lawful register.
#[derive(Debug, Parser)]
#[command(
    name = "octroi",
    version,
    about = "A filtering HTTP/HTTPS proxy that keeps a lawful register",
    after_help = "Without a command, octroi runs the gate.\n\
                  Exit status: 0 done; 1 the answer is no; 2 wrong usage or configuration.",
    max_term_width = 100
)]
pub(crate) struct Cli {
    /// Configuration file [default: octroi.toml of the current folder, if there is one]
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) config: Option<PathBuf>,
    /// What to do; none is [`Command::Run`].
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// One command.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the gate
    Run,
    /// Check the configuration, the charter, its lists and its expectations
    Check(Output),
    /// Say what the gate would decide on an address, and why
    Explain(Explain),
    /// Category lists: fetch, compile, look up
    #[command(subcommand)]
    Lists(Lists),
    /// Local accounts
    #[command(subcommand)]
    User(User),
    /// Temporary exceptions to the charter
    #[command(subcommand)]
    Exception(Exception),
    /// Acts that two persons decide: ask, approve, refuse, list, close
    #[command(subcommand)]
    Scope(Scope),
    /// Legal holds: records kept beyond their term, on a ground, of a bounded scope
    #[command(subcommand)]
    Hold(Hold),
    /// Print the PAC file that browsers are given
    Pac,
    /// The register
    #[command(subcommand)]
    Log(Log),
    /// Take the logs of another proxy into the register
    #[command(subcommand)]
    Import(Import),
    /// The register of rights requests and its deadlines
    #[command(subcommand)]
    Requests(rights::Requests),
    /// Attach to records what is right of them (RGPD art. 16)
    Rectify(rights::Rectify),
    /// Keep records from being shown (RGPD art. 18)
    #[command(subcommand)]
    Restrict(rights::Restrict),
    /// Objections, and what is decided on them (RGPD art. 21)
    #[command(subcommand)]
    Object(rights::Object),
    /// Erase records before their day (RGPD art. 17)
    #[command(subcommand)]
    Erase(rights::Erase),
    /// All that was said of records, and who is still to be told (RGPD art. 19)
    #[command(subcommand)]
    Statements(rights::Statements),
    /// Bundles: answer a request for access or a requisition in one signed file; prove one
    #[command(subcommand)]
    Export(Export),
    /// Say who did what with the register, when and why
    Audit(Audit),
    /// Report on a month: figures about nobody, and what happened to the register
    Report(Report),
    /// Say what a draft of the charter would have changed on past traffic, without names
    Replay(Replay),
    /// Find what is wrong with the set-up, and say what to do
    Doctor(Doctor),
    /// Say how the running gate is doing
    Status(Output),
    /// Have the running gate read its files again
    Reload(Output),
}

/// How a command that reads answers.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Output {
    /// Answer in JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Who acts, where an account of one's own is needed.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct As {
    /// The account that acts; its password is asked for
    #[arg(long = "as", value_name = "ACCOUNT")]
    pub(crate) acting: Option<String>,
    /// Read the password from standard input, one line, instead of asking
    #[arg(long, requires = "acting")]
    pub(crate) password_stdin: bool,
}

/// `octroi log`.
#[derive(Debug, Subcommand)]
pub(crate) enum Log {
    /// Search the register; names are pseudonyms unless a purpose and a reason open them
    Search(Search),
    /// Follow the register live, under pseudonyms, until the gate stops
    Tail(Tail),
    /// Show figures of some days; none is about fewer than five people
    Stats(Stats),
    /// Prove again, from what is on the disk, that nothing was changed, removed, inserted or moved
    Verify(Verify),
    /// Erase the days that are past their term; no other way than by the term
    Purge(Output),
    /// Show the certificates of what was erased
    Certificates(Output),
    /// Draw another master key: copies of the old one open nothing any more
    Rekey(Output),
}

/// `octroi log stats`.
#[derive(Debug, Args)]
pub(crate) struct Stats {
    /// From when.
    #[arg(long, value_name = "DAY", help = format!("From the week of this day, such as {DAY_FORM} [default: four weeks]"))]
    pub(crate) from: Option<String>,
    /// To the end of the week of this day [default: the last that has ended]
    #[arg(long, value_name = "DAY")]
    pub(crate) to: Option<String>,
    /// Who asks.
    #[command(flatten)]
    pub(crate) acting: As,
    /// How to answer.
    #[command(flatten)]
    pub(crate) output: Output,
}

/// `octroi report`.
#[derive(Debug, Args)]
pub(crate) struct Report {
    /// Which month.
    #[arg(long, value_name = "MONTH", help = format!("Which month, such as {MONTH_FORM} [default: the one before this]"))]
    pub(crate) month: Option<String>,
    /// Write the report into this folder, as a page and as a PDF
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Who asks.
    #[command(flatten)]
    pub(crate) acting: As,
    /// How to answer.
    #[command(flatten)]
    pub(crate) output: Output,
}

/// `octroi replay`.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The draft [default with --lists: the charter in force]
    #[arg(long, value_name = "FILE", required_unless_present = "lists")]
    pub(crate) charter: Option<PathBuf>,
    /// Compile the draft's lists for this replay, rather than take the index in force
    #[arg(long)]
    pub(crate) lists: bool,
    /// From when.
    #[arg(long, value_name = "DAY", help = format!("From the week of this day, such as {DAY_FORM} [default: the oldest kept]"))]
    pub(crate) from: Option<String>,
    /// To the end of the week of this day [default: the last that has ended]
    #[arg(long, value_name = "DAY")]
    pub(crate) to: Option<String>,
    /// Who asks.
    #[command(flatten)]
    pub(crate) acting: As,
    /// How to answer.
    #[command(flatten)]
    pub(crate) output: Output,
}

/// `octroi log verify`.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The public key to believe (PEM) [default: the one in the folder of keys]
    #[arg(long, value_name = "FILE")]
    pub(crate) public_key: Option<PathBuf>,
    /// How to answer.
    #[command(flatten)]
    pub(crate) output: Output,
}

/// `octroi log search`.
#[derive(Debug, Args)]
pub(crate) struct Search {
    /// Records of this account: its pseudonym, or its name with --purpose and --reason
    #[arg(long)]
    pub(crate) user: Option<String>,
    /// Records of this address: its pseudonym, or the address or network with --purpose and --reason
    #[arg(long, value_name = "IP")]
    pub(crate) client: Option<String>,
    /// Records of this host and its subdomains
    #[arg(long)]
    pub(crate) host: Option<String>,
    /// From when.
    #[arg(long, value_name = "WHEN", help = format!("From this instant, or from the start of this day: {FORMS}"))]
    pub(crate) from: Option<String>,
    /// Before this instant, or to the end of this day
    #[arg(long, value_name = "WHEN")]
    pub(crate) to: Option<String>,
    /// The record of this number, as refusal pages show it
    #[arg(long, value_parser = record_number)]
    pub(crate) id: Option<i64>,
    /// At most so many records, the newest
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = limit)]
    pub(crate) limit: usize,
    /// How to answer
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
    /// Declared purpose for which names are shown
    #[arg(long, value_name = "CODE", requires = "reason")]
    pub(crate) purpose: Option<String>,
    /// Why names are needed this time; kept in the audit trail
    #[arg(long, value_name = "TEXT", requires = "purpose")]
    pub(crate) reason: Option<String>,
    /// Who looks.
    #[command(flatten)]
    pub(crate) acting: As,
}

/// `octroi log tail`.
#[derive(Debug, Args)]
pub(crate) struct Tail {
    /// Records of this account, by pseudonym
    #[arg(long, value_name = "PSEUDONYM")]
    pub(crate) user: Option<String>,
    /// Records of this address, by pseudonym
    #[arg(long, value_name = "PSEUDONYM")]
    pub(crate) client: Option<String>,
    /// Records of this host and its subdomains
    #[arg(long)]
    pub(crate) host: Option<String>,
    /// How to show them
    #[arg(long, value_enum, default_value_t = TailFormat::Table)]
    pub(crate) format: TailFormat,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
}

fn record_number(text: &str) -> Result<i64, &'static str> {
    text.parse().map_err(|_| "expected the number of a record, in digits, as refusal pages show it")
}

fn limit(text: &str) -> Result<usize, &'static str> {
    text.parse().ok().filter(|&limit| limit > 0).ok_or("expected a number from 1")
}

/// `octroi audit`.
#[derive(Debug, Args)]
pub(crate) struct Audit {
    /// From when.
    #[arg(long, value_name = "WHEN", help = format!("From this instant, or from the start of this day: {FORMS}"))]
    pub(crate) from: Option<String>,
    /// Before this instant, or to the end of this day
    #[arg(long, value_name = "WHEN")]
    pub(crate) to: Option<String>,
    /// Only acts of this kind
    #[arg(long, value_name = "ACT", value_parser = PossibleValuesParser::new(ACTS.iter().copied()))]
    pub(crate) act: Option<String>,
    /// How to answer
    #[arg(long, value_enum, default_value_t = AuditFormat::Table)]
    pub(crate) format: AuditFormat,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
    /// Who looks.
    #[command(flatten)]
    pub(crate) acting: As,
}

/// The form in which the audit trail is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AuditFormat {
    /// Columns for people
    Table,
    /// A JSON array, one act a line
    Json,
    /// CSV with a header line (RFC 4180)
    Csv,
}

/// `octroi doctor`.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// What to look at [default: everything]
    #[arg(value_enum)]
    pub(crate) part: Option<Part>,
    /// Somebody to look for in the directory
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// How to answer.
    #[command(flatten)]
    pub(crate) output: Output,
}

/// A part of the set-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Its folders, keys, days, chains, clock and retention
    Register,
    /// Who opens names, who approves, what was not signed, recorded, reviewed
    Roles,
    /// Requests of persons, erasures that wait, recipients to be told
    Rights,
    /// Tickets of a domain: library, keytab, service, names, clock
    Kerberos,
    /// Its servers, the groups that the charter names, somebody in it (`--user`)
    Directory,
}

/// `octroi import`.
#[derive(Debug, Subcommand)]
pub(crate) enum Import {
    /// Squid's native access log, as it is or compressed by gzip
    SquidLog(SquidLog),
}

/// `octroi import squid-log`.
#[derive(Debug, Args)]
pub(crate) struct SquidLog {
    /// The log; `-` for standard input
    pub(crate) file: PathBuf,
    /// How to answer.
    #[command(flatten)]
    pub(crate) output: Output,
}

/// The form in which records are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns for people
    Table,
    /// A JSON array, one record a line
    Json,
    /// CSV with a header line (RFC 4180)
    Csv,
    /// Squid's native access log
    Squid,
}

/// The form in which records are shown one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TailFormat {
    /// Columns for people
    Table,
    /// One JSON object a line, in no array
    Json,
    /// CSV with a header line (RFC 4180)
    Csv,
    /// Squid's native access log
    Squid,
}

impl From<TailFormat> for Format {
    fn from(format: TailFormat) -> Format {
        match format {
            TailFormat::Table => Format::Table,
            TailFormat::Json => Format::Json,
            TailFormat::Csv => Format::Csv,
            TailFormat::Squid => Format::Squid,
        }
    }
}

#[cfg(test)]
mod tests;
