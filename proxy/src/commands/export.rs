//! `octroi export`: bundles handed over, and bundles proved.
//!
//! A bundle is one signed file (`logstore/src/bundle.rs`). This folder finds what belongs into it, and into no other; `person` says
//! whose a record is, `tally` counts as records go by, `looks` reads the audit trail, `beside` and `answer` gather the rest. Nothing
//! here knows of zip or SQL.

mod admissible;
mod answer;
mod beside;
mod instants;
mod kept;
mod looks;
mod person;
mod requisition;
mod subject;
mod tally;
mod terms;
mod verify;

use super::{Answer, Wrong};
use crate::accounts::prompt;
use crate::cli::export::Into;
use crate::cli::{Export, TextLanguage};
use crate::config::Config;
use crate::files;
use crate::lists::progress::Progress;
use crate::pages::Language;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, ZonedDateTime};
use logstore::bundle::{Encryption, Options};
use std::path::{Path, PathBuf};

/// The act of answering a request for access, in the audit trail.
pub(crate) const SUBJECT: &str = "export";
/// The act of answering a requisition; for the desk that answers them alone.
pub(crate) const REQUISITION: &str = "requisition";

/// Longest password of a bundle, in bytes.
const PASSWORD_BYTES: usize = 1024;
/// Shortest, in characters: nobody slows down whoever tries one on a file that they hold.
const PASSWORD_CHARS: usize = 12;

/// How whoever receives an encrypted bundle opens it; what many systems have by themselves doesn't know AES.
const OPENED_BY: &str = "it is opened by 7-Zip, Keka or WinZip, with the password, which goes another way than the file; Info-ZIP's unzip \
                         and the systems' own programs cannot";

/// Runs one of the commands.
pub(crate) fn export(path: Option<&Path>, command: &Export) -> Result<Answer, Wrong> {
    match command {
        Export::Subject(asked) => subject::subject(path, asked),
        Export::Requisition(asked) => requisition::requisition(path, asked),
        Export::Verify(asked) => verify::verify(asked),
    }
}

/// The day an answer bears, and what follows from it.
struct Dated {
    /// When it is answered: the day's beginning, so that the same input gives the same bytes.
    answered: ZonedDateTime,
    /// Looks and records from then on are no part of it.
    until: Timestamp,
}

/// `--date`, else today. A day that has not come is none to answer on.
fn dated(given: Option<Date>, zone: &TimeZone) -> Result<Dated, Wrong> {
    let today = crate::rights::today(zone);
    let day = given.unwrap_or(today);
    if day > today {
        return Err(Wrong(format!("--date {day}: that day has not come, today is {today}")));
    }
    let begins = |day: Date| day.to_zoned_datetime(zone.clone()).map_err(Wrong::because);
    let until = begins(day.checked_add(1.day()).map_err(Wrong::because)?)?;
    Ok(Dated { answered: begins(day)?, until: until.timestamp() })
}

/// The language of the documents.
fn language(given: Option<TextLanguage>, otherwise: Language) -> Language {
    match given {
        Some(TextLanguage::Fr) => Language::French,
        Some(TextLanguage::En) => Language::English,
        None => otherwise,
    }
}

/// The file of a bundle, whose name is made of the reference alone: no name of a person stands in a file name.
fn file(into: &Into, reference: &str, ends: &str) -> Result<PathBuf, Wrong> {
    files::private_dir(&into.out).map_err(|why| Wrong(format!("--out {}: {why}", into.out.display())))?;
    let file = into.out.join(format!("{reference}{ends}"));
    match file.symlink_metadata() {
        Ok(_) => Err(Wrong(format!(
            "{}: there is a file of that name already; move it away, or say another --out",
            file.display()
        ))),
        Err(_) => Ok(file),
    }
}

/// How a bundle is hidden, and in which zone and language it is written.
fn options(into: &Into, config: &Config, language: Language) -> Result<Options, Wrong> {
    let password = match &into.password_file {
        Some(file) => Some(password_in(file)?),
        None if into.encrypt => Some(prompt::new_password(&"the bundle", false).map_err(Wrong::because)?),
        None => None,
    };
    let encryption = match password {
        None => Encryption::None,
        Some(password) if password.len() > PASSWORD_BYTES => {
            return Err(Wrong(format!("the bundle's password is too long: {PASSWORD_BYTES} bytes at most")));
        }
        Some(password) if password.chars().count() < PASSWORD_CHARS => {
            return Err(Wrong(format!(
                "the bundle's password is too short: {PASSWORD_CHARS} characters at least, for whoever holds the file can try as \
                 many as they like"
            )));
        }
        Some(password) => Encryption::Password(password),
    };
    Ok(Options { encryption, zone: config.time_zone.clone(), language: language.tag().to_owned() })
}

/// The first line of a file.
fn password_in(file: &Path) -> Result<String, Wrong> {
    let text = std::fs::read_to_string(file).map_err(|why| Wrong(format!("{}: {why}", file.display())))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// How far a search is, by the day it has come to.
struct DayByDay {
    progress: Progress,
    first: Date,
    total: u64,
}

impl DayByDay {
    fn new(from: Option<Timestamp>, until: Timestamp, kept_days: u16) -> DayByDay {
        let last = TimeZone::UTC.to_datetime(until).date();
        let oldest = last.saturating_sub(i64::from(kept_days).days());
        let first = from.map_or(oldest, |from| TimeZone::UTC.to_datetime(from).date().max(oldest));
        DayByDay { progress: Progress::stderr(), first, total: between(first, last) + 1 }
    }

    fn at(&mut self, day: &str, records: u64) {
        let done = day.parse::<Date>().map_or(0, |day| between(self.first, day) + 1);
        self.progress.step(&format!("{day}: {records} records"), done.min(self.total), self.total);
    }
}

impl Drop for DayByDay {
    fn drop(&mut self) {
        self.progress.done();
    }
}

fn between(first: Date, last: Date) -> u64 {
    u64::try_from((last - first).get_days()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_bears_a_day_that_has_come() {
        let zone = TimeZone::get("Europe/Paris").expect("a zone");
        let day = "2026-03-29".parse().expect("a date");
        let dated = dated(Some(day), &zone).unwrap_or_else(|Wrong(why)| panic!("{why}"));
        assert_eq!(dated.answered.timestamp().to_string(), "2026-03-28T23:00:00Z");
        // The day on which summer time begins has 23 hours.
        assert_eq!(dated.until.to_string(), "2026-03-29T22:00:00Z");
        let Err(Wrong(why)) = super::dated("2999-01-01".parse().ok(), &zone) else { panic!("accepted") };
        assert!(why.contains("has not come"), "{why}");
    }
}
