//! What can be typed of bundles: `octroi export`.

use super::{As, Output, TextLanguage};
use crate::commands::when::FORMS;
use clap::{Args, Subcommand};
use jiff::civil::Date;
use std::path::PathBuf;

/// `octroi export`.
#[derive(Debug, Subcommand)]
pub(crate) enum Export {
    /// Answer a request for access (RGPD art. 15): everything about one person, in one signed file
    Subject(ExportSubject),
    /// Answer a requisition: exactly its scope, in one sealed file; two persons decide
    Requisition(Box<ExportRequisition>),
    /// Prove a bundle, offline: nothing in it was changed, removed or added
    Verify(VerifyBundle),
}

/// Where a bundle goes, and how it is hidden.
#[derive(Debug, Args)]
pub(crate) struct Into {
    /// The folder that the bundle is written into, as REFERENCE.zip
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Hide it under a password (AES-256), which is asked for; where standard input is no terminal, it is its next line
    #[arg(long, conflicts_with = "password_file")]
    pub(crate) encrypt: bool,
    /// Hide it under the password that is the first line of this file
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// The language of letter and report [default: that of the request, or the configuration's]
    #[arg(long, value_enum, alias = "language")]
    pub(crate) lang: Option<TextLanguage>,
    /// The day the answer bears; looks and records behind it are no part of it [default: today]
    #[arg(long, value_name = "DATE")]
    pub(crate) date: Option<Date>,
}

impl Into {
    /// Whether it is hidden under a password.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.encrypt || self.password_file.is_some()
    }
}

/// `octroi export subject`.
#[derive(Debug, Args)]
pub(crate) struct ExportSubject {
    /// The person, by an account they have or had
    pub(crate) user: String,
    /// From when.
    #[arg(long, value_name = "WHEN", help = format!("From this instant, or from the start of this day: {FORMS} [default: all there is]"))]
    pub(crate) from: Option<String>,
    /// Before this instant, or to the end of this day [default: to the day of the answer]
    #[arg(long, value_name = "WHEN")]
    pub(crate) to: Option<String>,
    /// The reference of the request: `octroi requests open` gives it
    #[arg(long)]
    pub(crate) reference: String,
    /// Whoever is called USER now, not those who had that account before
    #[arg(long)]
    pub(crate) exactly: bool,
    /// Make it although it was made already: the one before is then no longer the answer
    #[arg(long)]
    pub(crate) again: bool,
    /// Show the texts of statements that answer other people's requests too: somebody has read them, and they name nobody else
    #[arg(long)]
    pub(crate) texts_reviewed: bool,
    /// Where it goes.
    #[command(flatten)]
    pub(crate) into: Into,
    /// Who does it.
    #[command(flatten)]
    pub(crate) acting: As,
    /// How to answer.
    #[command(flatten)]
    pub(crate) output: Output,
}

/// `octroi export requisition`.
#[derive(Debug, Args)]
#[group(id = "scope", required = true, multiple = true, args = ["user", "client", "host"])]
pub(crate) struct ExportRequisition {
    /// Our reference of the requisition
    #[arg(long)]
    pub(crate) reference: String,
    /// The authority that requires: a court, a police service, a commissaire de justice
    #[arg(long, value_name = "NAME")]
    pub(crate) authority: String,
    /// The text it cites: cpp-60-1, cpp-60-2, cpp-77-1-1, cpp-77-1-2, cpp-99-3, cpp-99-4, cpc-145, or in words
    #[arg(long, value_name = "TEXT")]
    pub(crate) article: Option<String>,
    /// The number of the case or of the procès-verbal
    #[arg(long, value_name = "NUMBER")]
    pub(crate) case: Option<String>,
    /// The service, if other than the authority
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Option<String>,
    /// Who signed it
    #[arg(long, value_name = "NAME")]
    pub(crate) officer_name: Option<String>,
    /// Their rank or quality: OPJ, APJ, juge d'instruction
    #[arg(long, value_name = "TEXT")]
    pub(crate) officer_rank: Option<String>,
    /// The day it was received [default: today]
    #[arg(long, value_name = "DATE")]
    pub(crate) received: Option<Date>,
    /// How it was made sure that it is genuine: who was called back, by which public number
    #[arg(long, value_name = "TEXT")]
    pub(crate) checked: Option<String>,
    /// How it is handed over
    #[arg(long, value_name = "TEXT")]
    pub(crate) delivery: Option<String>,
    /// From when.
    #[arg(long, value_name = "WHEN", help = format!("From this instant, or from the start of this day: {FORMS}"))]
    pub(crate) from: String,
    /// Before this instant, or to the end of this day
    #[arg(long, value_name = "WHEN")]
    pub(crate) to: String,
    /// What a person did, under all the accounts they had
    #[arg(long, value_name = "U", conflicts_with = "client")]
    pub(crate) user: Option<String>,
    /// What was done from this address or network, whoever used it
    #[arg(long, value_name = "IP")]
    pub(crate) client: Option<String>,
    /// What went to this host and those below it; with a person or an address, what they did there
    #[arg(long, value_name = "H")]
    pub(crate) host: Option<String>,
    /// It is understood how many persons an address or a host opens
    #[arg(long)]
    pub(crate) confirm: bool,
    /// Hide the whole for this age recipient, instead of a password
    #[arg(long, value_name = "age1…", conflicts_with_all = ["encrypt", "password_file"])]
    pub(crate) age_recipient: Option<String>,
    /// Where it goes.
    #[command(flatten)]
    pub(crate) into: Into,
    /// Who does it.
    #[command(flatten)]
    pub(crate) acting: As,
    /// How to answer.
    #[command(flatten)]
    pub(crate) output: Output,
}

/// `octroi export verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyBundle {
    /// The bundle
    pub(crate) file: PathBuf,
    /// The public key to believe (PEM): the one the organisation gave to somebody else to keep [default: the bundle's own,
    /// which proves that it holds together, not who made it]
    #[arg(long, value_name = "FILE")]
    pub(crate) public_key: Option<PathBuf>,
    /// Read the bundle's password from standard input, one line, instead of asking
    #[arg(long, conflicts_with = "password_file")]
    pub(crate) password_stdin: bool,
    /// The bundle's password is the first line of this file
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// How to answer.
    #[command(flatten)]
    pub(crate) output: Output,
}
