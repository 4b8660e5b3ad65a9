//! What can be typed for the rights of persons: requests, and the statements that answer them.

use super::{As, Output, record_number};
use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use jiff::civil::Date;
use logstore::requests::{Delivery, Identity, Right, Unfollowed};
use logstore::statements::{ErasureGround, RestrictionGround};
use std::net::IpAddr;
use std::path::PathBuf;

/// Longest name of a person, an account, a recipient, in characters.
const NAME: usize = 200;
/// Longest text, in characters.
const TEXT: usize = 2000;

/// `octroi requests`.
#[derive(Debug, Subcommand)]
pub(crate) enum Requests {
    /// Write a request down, and its receipt
    Open(Open),
    /// List the requests that wait for their answer; exit status 1 when one is overdue
    List {
        /// Those that have ended too
        #[arg(long)]
        all: bool,
        /// How to answer.
        #[command(flatten)]
        output: Output,
        /// Who acts.
        #[command(flatten)]
        acting: As,
    },
    /// Show a request: what was received, what was done, until when it must be answered
    Show {
        /// Its reference
        reference: String,
        /// How to answer.
        #[command(flatten)]
        output: Output,
        /// Who acts.
        #[command(flatten)]
        acting: As,
    },
    /// Say how the identity of who asks was checked
    Identify {
        /// Its reference
        reference: String,
        /// How it was checked: session, mailbox, known, mandate, papers
        #[arg(long, value_name = "HOW", value_parser = identity)]
        how: Identity,
        /// When the papers were deleted
        #[arg(long, value_name = "DATE", value_parser = day)]
        papers_deleted: Option<Date>,
        /// Who acts.
        #[command(flatten)]
        acting: As,
    },
    /// Take two months more, within the first month, and write the letter that says why
    Extend {
        /// Its reference
        reference: String,
        /// Why, as the letter says it
        #[arg(long, value_name = "TEXT", value_parser = text)]
        reason: String,
        /// Where the letter goes.
        #[command(flatten)]
        letter: Letter,
        /// Who acts.
        #[command(flatten)]
        acting: As,
    },
    /// Close a request that was answered, and write the letter
    Close {
        /// Its reference
        reference: String,
        /// How the answer was handed over: in-hand, encrypted
        #[arg(long, value_name = "HOW", value_parser = delivery)]
        delivery: Delivery,
        /// When it was answered [default: today]
        #[arg(long, value_name = "DATE", value_parser = day)]
        answered: Option<Date>,
        /// Why what was asked for was not done, as the letter says it; left out, the statements that bear its reference say what was
        #[arg(long, value_name = "TEXT", value_parser = text)]
        not_done: Option<String>,
        /// The bundle that answers a request for access, as `octroi export subject` made it last; the file is not kept
        #[arg(long, value_name = "FILE")]
        bundle: Option<PathBuf>,
        /// Where the letter goes.
        #[command(flatten)]
        letter: Letter,
        /// Who acts.
        #[command(flatten)]
        acting: As,
    },
    /// Refuse a request that is manifestly unfounded or excessive, and write the letter that says why
    Refuse {
        /// Its reference
        reference: String,
        /// What it is: unfounded, excessive
        #[arg(long, value_parser = unfollowed)]
        ground: Unfollowed,
        /// Why, as the letter says it: it is for the company to prove
        #[arg(long, value_name = "TEXT", value_parser = text)]
        reason: String,
        /// When it was answered [default: today]
        #[arg(long, value_name = "DATE", value_parser = day)]
        answered: Option<Date>,
        /// Where the letter goes.
        #[command(flatten)]
        letter: Letter,
        /// Who acts.
        #[command(flatten)]
        acting: As,
    },
}

/// What lists take.
#[derive(Debug, Args)]
pub(crate) struct Listing {
    /// How to answer.
    #[command(flatten)]
    pub(crate) output: Output,
    /// Who acts.
    #[command(flatten)]
    pub(crate) acting: As,
}

/// `octroi requests open`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("whose").required(true).multiple(true).args(["who", "user"]))]
pub(crate) struct Open {
    /// Which right: access, rectification, erasure, restriction, portability, objection
    #[arg(long, value_parser = right)]
    pub(crate) right: Right,
    /// Who asks, as letters address them [default: the account]
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub(crate) who: Option<String>,
    /// Their account, if they have or had one
    #[arg(long, value_name = "ACCOUNT", value_parser = name)]
    pub(crate) user: Option<String>,
    /// How it came: by hand, by mail, from which mailbox
    #[arg(long, value_name = "TEXT", value_parser = name)]
    pub(crate) channel: String,
    /// The day it was received, by whomever in the company [default: today]
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub(crate) received: Option<Date>,
    /// Its reference [default: one is made, DD-2026-0001]
    #[arg(long)]
    pub(crate) reference: Option<String>,
    /// How the identity was checked, if it was already: session, mailbox, known, mandate, papers
    #[arg(long, value_name = "HOW", value_parser = identity)]
    pub(crate) identity: Option<Identity>,
    /// The language of the letters [default: the configuration's]
    #[arg(long, value_enum, alias = "lang")]
    pub(crate) language: Option<Tongue>,
    /// Where the receipt goes.
    #[command(flatten)]
    pub(crate) letter: Letter,
    /// How to answer.
    #[command(flatten)]
    pub(crate) output: Output,
    /// Who acts.
    #[command(flatten)]
    pub(crate) acting: As,
}

/// Where a letter is written.
#[derive(Debug, Args)]
pub(crate) struct Letter {
    /// The folder that the letter is written into
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) out: PathBuf,
}

/// A language of the letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tongue {
    /// French
    Fr,
    /// English
    En,
}

/// Which records a statement concerns.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true).args(["ids", "user", "client"]))]
pub(crate) struct Which {
    /// The record of this number; may be repeated
    #[arg(long = "id", value_name = "N", value_parser = record_number)]
    pub(crate) ids: Vec<i64>,
    /// The records of this account
    #[arg(long, value_name = "ACCOUNT", value_parser = name)]
    pub(crate) user: Option<String>,
    /// The records of this address
    #[arg(long, value_name = "IP")]
    pub(crate) client: Option<IpAddr>,
    /// From this instant, or from the start of this day
    #[arg(long, value_name = "WHEN", conflicts_with = "ids")]
    pub(crate) from: Option<String>,
    /// Before this instant, or to the end of this day
    #[arg(long, value_name = "WHEN", conflicts_with = "ids")]
    pub(crate) to: Option<String>,
}

/// What is said.
#[derive(Debug, Args)]
pub(crate) struct Said {
    /// What is said, in words; shown with the records to whoever may see names
    #[arg(long, value_name = "TEXT", value_parser = text)]
    pub(crate) text: String,
    /// The reference of the request it answers
    #[arg(long, value_parser = name)]
    pub(crate) reference: String,
}

/// Who had the records and must be told (RGPD art. 19).
#[derive(Debug, Args)]
pub(crate) struct Recipients {
    /// Somebody who had these records and must be told; may be repeated. Who records are forwarded to is added
    #[arg(long = "recipient", value_name = "NAME", value_parser = name)]
    pub(crate) recipients: Vec<String>,
}

/// `octroi rectify`.
#[derive(Debug, Args)]
pub(crate) struct Rectify {
    /// Which records.
    #[command(flatten)]
    pub(crate) which: Which,
    /// What is right.
    #[command(flatten)]
    pub(crate) said: Said,
    /// Who is told.
    #[command(flatten)]
    pub(crate) recipients: Recipients,
    /// Who acts.
    #[command(flatten)]
    pub(crate) acting: As,
}

/// `octroi restrict`.
#[derive(Debug, Subcommand)]
pub(crate) enum Restrict {
    /// Keep records from being shown
    Add {
        /// Which records.
        #[command(flatten)]
        which: Which,
        /// Why: accuracy, unlawful, claim
        #[arg(long, value_parser = restriction)]
        ground: RestrictionGround,
        /// What is said.
        #[command(flatten)]
        said: Said,
        /// Who is told.
        #[command(flatten)]
        recipients: Recipients,
        /// Who acts.
        #[command(flatten)]
        acting: As,
    },
    /// Write the letter that tells the person before it is lifted (RGPD art. 18(3))
    Notice {
        /// The number of the restriction
        number: u64,
        /// When it will be lifted
        #[arg(long, value_name = "DATE", value_parser = day)]
        on: Date,
        /// Why, as the letter says it
        #[arg(long, value_name = "TEXT", value_parser = text)]
        reason: String,
        /// Where the letter goes.
        #[command(flatten)]
        letter: Letter,
        /// Who acts.
        #[command(flatten)]
        acting: As,
    },
    /// Let them be shown again, once the person was told
    Lift {
        /// The number of the restriction
        number: u64,
        /// When the person was told that it would be lifted
        #[arg(long, value_name = "DATE", value_parser = day)]
        told: Date,
        /// Why it is lifted.
        #[command(flatten)]
        said: Said,
        /// Who acts.
        #[command(flatten)]
        acting: As,
    },
    /// List the restrictions, and how many records each keeps from being shown
    List(Listing),
    /// Read the records that a restriction, an objection or an erasure keeps from being shown
    Read {
        /// Its number
        number: u64,
        /// Why they are read; kept in the audit trail
        #[arg(long, value_name = "TEXT", value_parser = text)]
        reason: String,
        /// When the person agreed to it: then who may open names may read them too
        #[arg(long, value_name = "DATE", value_parser = day)]
        consented: Option<Date>,
        /// How to answer.
        #[command(flatten)]
        output: Output,
        /// Who acts.
        #[command(flatten)]
        acting: As,
    },
}

/// `octroi object`.
#[derive(Debug, Subcommand)]
pub(crate) enum Object {
    /// Write an objection down: from now on the person's records are restricted
    Add {
        /// Whose records.
        #[command(flatten)]
        which: Which,
        /// What is said.
        #[command(flatten)]
        said: Said,
        /// Who acts.
        #[command(flatten)]
        acting: As,
    },
    /// Say what was decided on it, once the person was told
    #[command(group = ArgGroup::new("how").required(true).args(["upheld", "compelling"]))]
    Decide {
        /// The number of the objection
        number: u64,
        /// The person is right: masked from now on, and what there is stays restricted
        #[arg(long)]
        upheld: bool,
        /// Compelling grounds stand against it, which --text says: the restriction is over
        #[arg(long)]
        compelling: bool,
        /// When the person was told
        #[arg(long, value_name = "DATE", value_parser = day)]
        told: Date,
        /// What was decided, and why.
        #[command(flatten)]
        said: Said,
        /// Who acts.
        #[command(flatten)]
        acting: As,
    },
    /// List the objections, and what was decided
    List(Listing),
}

/// `octroi erase`.
#[derive(Debug, Subcommand)]
pub(crate) enum Erase {
    /// Have records erased: those of sealed days at once, the others once their day is
    Add {
        /// Which records.
        #[command(flatten)]
        which: Which,
        /// Why: not-needed, objection, unlawful, law
        #[arg(long, value_parser = erasure)]
        ground: ErasureGround,
        /// What is said.
        #[command(flatten)]
        said: Said,
        /// Who is told.
        #[command(flatten)]
        recipients: Recipients,
        /// Do not ask whether what it erases is what was meant
        #[arg(long, alias = "confirm")]
        yes: bool,
        /// Who acts.
        #[command(flatten)]
        acting: As,
    },
    /// Carry out what waits, as far as it can be now; a running gate does so every hour
    Run(Listing),
    /// List the erasures, and what of them is done
    List(Listing),
}

/// `octroi statements`.
#[derive(Debug, Subcommand)]
pub(crate) enum Statements {
    /// List all statements, and who is still to be told of them
    List(Listing),
    /// Tick off somebody who was told (RGPD art. 19)
    Told {
        /// The number of the statement
        number: u64,
        /// Who was told
        #[arg(long, value_name = "NAME", value_parser = name)]
        recipient: String,
        /// When [default: today]
        #[arg(long, value_name = "DATE", value_parser = day)]
        on: Option<Date>,
        /// Who acts.
        #[command(flatten)]
        acting: As,
    },
}

/// Characters that turn the line around them: what is read is not what is written.
fn turns(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn typed(text: &str, longest: usize) -> Result<String, String> {
    let text = text.trim();
    let long = text.chars().count();
    if text.is_empty() {
        return Err("this is empty".to_owned());
    }
    if long > longest {
        return Err(format!("this has {long} characters; {longest} at most"));
    }
    match text.chars().find(|c| c.is_control() || turns(*c)) {
        Some(c) => Err(format!("U+{:04X} has no place here: it is not seen, and changes what is", u32::from(c))),
        None => Ok(text.to_owned()),
    }
}

fn name(text: &str) -> Result<String, String> {
    typed(text, NAME)
}

fn text(text: &str) -> Result<String, String> {
    typed(text, TEXT)
}

fn one_of<T: std::str::FromStr + Copy>(word: &str, all: &[T], said: impl Fn(T) -> &'static str) -> Result<T, String> {
    let known = || all.iter().map(|one| said(*one)).collect::<Vec<_>>().join(", ");
    word.parse().map_err(|_| format!("expected one of: {}", known()))
}

fn day(text: &str) -> Result<Date, String> {
    text.parse().map_err(|_| "write the day as YYYY-MM-DD, such as 2026-11-20".to_owned())
}

fn right(word: &str) -> Result<Right, String> {
    one_of(word, Right::ALL, Right::as_str)
}

fn identity(word: &str) -> Result<Identity, String> {
    one_of(word, Identity::ALL, Identity::as_str)
}

fn unfollowed(word: &str) -> Result<Unfollowed, String> {
    one_of(word, Unfollowed::ALL, Unfollowed::as_str)
}

fn erasure(word: &str) -> Result<ErasureGround, String> {
    one_of(word, ErasureGround::ALL, ErasureGround::as_str)
}

fn restriction(word: &str) -> Result<RestrictionGround, String> {
    match one_of(word, RestrictionGround::ALL, RestrictionGround::as_str)? {
        RestrictionGround::Objection => Err("an objection restricts by itself: `octroi object add`".to_owned()),
        ground => Ok(ground),
    }
}

fn delivery(word: &str) -> Result<Delivery, String> {
    let refused = "an answer goes from hand to hand or encrypted, never by plain mail: expected one of";
    one_of(word, Delivery::ALL, Delivery::as_str).map_err(|_| {
        format!("{refused}: {}", Delivery::ALL.iter().map(|one| one.as_str()).collect::<Vec<_>>().join(", "))
    })
}

#[cfg(test)]
mod tests;
