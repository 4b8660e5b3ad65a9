//! What can be typed of legal holds: `octroi hold`.

use super::{As, Format, Output, limit};
use crate::commands::when::FORMS;
use clap::{Args, Subcommand, ValueEnum};
use jiff::civil::Date;

/// `octroi hold`.
#[derive(Debug, Subcommand)]
pub(crate) enum Hold {
    /// Keep records beyond their term, on a ground of the law, of one person, address or host and a period
    Add(AddHold),
    /// List the holds, and how they stand
    List(ListHolds),
    /// Show one hold, and what became of it
    Show(ShowHold),
    /// Read what a hold covers, under its own scope; noted each time
    Records(HoldRecords),
    /// Have a hold end later, for a new reason
    Extend(ExtendHold),
    /// Say that a hold was looked at again, and is still needed
    Review(ReviewHold),
    /// End a hold; what was taken out for it is destroyed at once
    Release(ReleaseHold),
}

/// On what ground.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GroundName {
    /// A requisition or a court's order: name its --reference
    Judicial,
    /// A claim made or imminent: name the --claim
    Litigation,
    /// A security incident: name the --incident
    Incident,
    /// The person needs the data: name the --reference of the request
    Rights,
}

/// `octroi hold add`.
#[derive(Debug, Args)]
#[group(id = "scope", required = true, multiple = true, args = ["users", "clients", "hosts"])]
pub(crate) struct AddHold {
    /// The ground; there is none for « just in case »
    #[arg(long, value_enum)]
    pub(crate) ground: GroundName,
    /// Which claim
    #[arg(long, value_name = "TEXT", required_if_eq("ground", "litigation"), conflicts_with_all = ["incident", "reference"])]
    pub(crate) claim: Option<String>,
    /// The number of the incident
    #[arg(long, value_name = "N", required_if_eq("ground", "incident"), conflicts_with = "reference")]
    pub(crate) incident: Option<String>,
    /// The reference of the requisition, of the order or of the person's request
    #[arg(long, value_name = "R", required_if_eq_any([("ground", "judicial"), ("ground", "rights")]))]
    pub(crate) reference: Option<String>,
    /// A person, by the account they have now; may be repeated
    #[arg(long = "user", value_name = "U")]
    pub(crate) users: Vec<String>,
    /// An address or a network of clients; may be repeated
    #[arg(long = "client", value_name = "IP")]
    pub(crate) clients: Vec<String>,
    /// A host and those below it; with persons or addresses, what they did there alone; may be repeated
    #[arg(long = "host", value_name = "H")]
    pub(crate) hosts: Vec<String>,
    /// From when.
    #[arg(long, value_name = "WHEN", help = format!("From this instant, or from the start of this day: {FORMS}"))]
    pub(crate) from: String,
    /// Before this instant, or to the end of this day
    #[arg(long, value_name = "WHEN")]
    pub(crate) to: String,
    /// The day by which somebody looks at it again: within six months
    #[arg(long, value_name = "DAY", value_parser = date)]
    pub(crate) review: Date,
    /// Its last day: within twelve months
    #[arg(long, value_name = "DAY", value_parser = date)]
    pub(crate) until: Date,
    /// Why it is needed
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Do not ask whether what it reaches is what was meant
    #[arg(long)]
    pub(crate) yes: bool,
    /// Who acts.
    #[command(flatten)]
    pub(crate) acting: As,
}

/// `octroi hold list`.
#[derive(Debug, Args)]
pub(crate) struct ListHolds {
    /// How to answer.
    #[command(flatten)]
    pub(crate) output: Output,
    /// Who looks.
    #[command(flatten)]
    pub(crate) acting: As,
}

/// `octroi hold show`.
#[derive(Debug, Args)]
pub(crate) struct ShowHold {
    /// Its number
    #[arg(value_name = "N")]
    pub(crate) number: u64,
    /// How to answer.
    #[command(flatten)]
    pub(crate) output: Output,
    /// Who looks.
    #[command(flatten)]
    pub(crate) acting: As,
}

/// `octroi hold records`.
#[derive(Debug, Args)]
pub(crate) struct HoldRecords {
    /// The number of the hold
    #[arg(value_name = "N")]
    pub(crate) number: u64,
    /// Why they are read this time; kept
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// At most so many records, the newest
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = limit)]
    pub(crate) limit: usize,
    /// How to answer
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
    /// Who looks.
    #[command(flatten)]
    pub(crate) acting: As,
}

/// `octroi hold extend`.
#[derive(Debug, Args)]
pub(crate) struct ExtendHold {
    /// Its number
    #[arg(value_name = "N")]
    pub(crate) number: u64,
    /// Its last day from now on: within twelve months
    #[arg(long, value_name = "DAY", value_parser = date)]
    pub(crate) until: Date,
    /// Why it is still needed; another reason than before
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Who acts.
    #[command(flatten)]
    pub(crate) acting: As,
}

/// `octroi hold review`.
#[derive(Debug, Args)]
pub(crate) struct ReviewHold {
    /// Its number
    #[arg(value_name = "N")]
    pub(crate) number: u64,
    /// The day by which somebody looks at it the next time: within six months
    #[arg(long, value_name = "DAY", value_parser = date)]
    pub(crate) review: Date,
    /// Why it is still needed
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Who acts.
    #[command(flatten)]
    pub(crate) acting: As,
}

/// `octroi hold release`.
#[derive(Debug, Args)]
pub(crate) struct ReleaseHold {
    /// Its number
    #[arg(value_name = "N")]
    pub(crate) number: u64,
    /// Why it is over
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Who acts.
    #[command(flatten)]
    pub(crate) acting: As,
}

fn date(text: &str) -> Result<Date, &'static str> {
    let wrong = "expected a day, as 2026-11-23";
    text.parse::<Date>().ok().filter(|date| date.to_string() == text).ok_or(wrong)
}
