//! How long a day is kept, and its end: the day's file and key are destroyed, with everything of that day beside them,
//! and a signed certificate says so.
//!
//! Which day is due is a pure function of the instant, the day and the terms that were announced. A shorter term reaches
//! every day that is there; a longer one never reaches a day recorded while a shorter one was announced: people were told
//! otherwise (RGPD art. 5(1)(a)).

use crate::chain::{self, ChainError};
use crate::cipher::{Hash, hex};
use crate::clock::{self, ClockState};
use crate::day::Day;
use crate::dayfile::beside;
use crate::error::words;
use crate::journal::segment;
use crate::keys::{KeyError, Keys};
use crate::seal;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// The kind of a certificate's entry.
pub(crate) const CERTIFICATE: &str = "certificate";
/// The kind of a term's entry.
pub(crate) const TERM: &str = "term";
/// A clock that nothing keeps is believed when the register was written so many days ago at most: a long weekend.
const WITNESS: i64 = 4;
/// A day erased later than this after its time is an incident.
const LATE: i64 = 2;

/// Something that is due could not be deleted.
#[derive(Debug, thiserror::Error)]
pub enum PurgeError {
    /// What, and the system's words.
    #[error("{}", words(file, source))]
    File {
        /// What.
        file: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// A chain cannot be read or written.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A key cannot be destroyed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The clock says a time that nothing bears witness to.
    #[error(
        "nothing is erased: the clock says {now}, the newest thing in the register is of {newest}, and nothing keeps the \
         clock. Set it, or have it kept (NTP); what is due then goes at once"
    )]
    Clock {
        /// What the clock says.
        now: String,
        /// The newest day.
        newest: String,
    },
    /// The keeper has stopped.
    #[error("the register has stopped")]
    Stopped,
    /// The register cannot be taken.
    #[error(transparent)]
    Start(#[from] crate::StartError),
}

/// A term that was announced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term {
    /// Since when (UTC µs).
    pub from: i64,
    /// How many days a day is kept after it is over.
    pub days: u16,
}

/// The attestation that days were erased. Nothing about a person.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Certificate {
    /// Whose register it is.
    pub organisation: String,
    /// The gate.
    pub node: String,
    /// What was erased.
    pub days: Vec<ErasedDay>,
    /// Where it was erased.
    pub stores: Vec<String>,
    /// How many legal holds had records extracted before.
    pub holds: u64,
    /// RFC 3339, UTC.
    pub began: String,
    /// RFC 3339, UTC.
    pub ended: String,
    /// What made it happen.
    pub trigger: String,
    /// The program's version.
    pub program: String,
}

/// One day that was erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasedDay {
    /// The UTC day.
    pub day: String,
    /// How many records its seal counted; `None` when it was never sealed.
    pub records: Option<u64>,
    /// The root of its seal.
    pub root: Option<String>,
    /// The hash of its seal.
    pub seal: Option<String>,
    /// The term it was kept for, in days.
    pub term_days: u16,
    /// The last day it could be kept.
    pub kept_until: String,
}

/// What a purge has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purged {
    /// What is attested.
    pub certificate: Certificate,
    /// The hash of the certificate's entry.
    pub hash: Hash,
    /// Days erased more than 48 hours after their time.
    pub late: Vec<String>,
}

/// The chain of certificates.
pub(crate) fn certificates_file(dir: &Path) -> PathBuf {
    dir.join("certificates.jsonl")
}

/// The chain of terms.
pub(crate) fn terms_file(dir: &Path) -> PathBuf {
    dir.join("terms.jsonl")
}

/// The term of a day: the shortest that was announced from the day's beginning to now. `None` when none was.
pub fn term(now: i64, day_begins: i64, terms: &[Term]) -> Option<u16> {
    let ends = terms.iter().skip(1).map(|next| next.from).chain([i64::MAX]);
    let in_force = terms.iter().zip(ends).filter(|(term, end)| *end > day_begins && term.from <= now);
    // What was recorded before any term was announced falls under the first.
    let first = terms.first().filter(|first| first.from > day_begins);
    in_force.map(|(term, _)| term.days).chain(first.map(|first| first.days)).min()
}

/// Whether a day is due: a record of day D may live to the end of day D + its term, and no longer. A pure function; a
/// clock that steps back only makes it wait.
fn is_due(now: i64, day: Day, terms: &[Term]) -> bool {
    term(now, day.begins(), terms).is_some_and(|days| day.after(i64::from(days)) < Day::of(now))
}

/// The day since which a day is due, when it is: the one after its term, and not before that term was announced.
pub(crate) fn due_since(now: i64, day: Day, terms: &[Term]) -> Option<Day> {
    let days = term(now, day.begins(), terms)?;
    let ends = terms.iter().skip(1).map(|next| next.from).chain([i64::MAX]);
    let announced = terms.iter().zip(ends).position(|(term, end)| term.days == days && end > day.begins());
    // The first is for whatever was there before.
    let announced = announced.filter(|place| *place > 0).and_then(|place| terms.get(place));
    let announced = announced.map_or(day, |term| Day::of(term.from));
    Some(day.after(i64::from(days) + 1).max(announced))
}

/// Notes the term that is announced from now on, if it is another than before.
pub fn announce(dir: &Path, keys: &Keys, days: u16) -> Result<(), ChainError> {
    let file = terms_file(dir);
    if terms(dir)?.last().is_none_or(|last| last.days != days) {
        chain::append(&file, TERM, keys, &Term { from: clock::now(), days })?;
    }
    Ok(())
}

/// The terms that were announced, oldest first.
pub fn terms(dir: &Path) -> Result<Vec<Term>, ChainError> {
    let text = chain::text(&terms_file(dir))?;
    let mut terms: Vec<Term> = chain::entries(&text, TERM).into_iter().map(|(_, link)| link.body).collect();
    terms.sort_by_key(|term| term.from);
    Ok(terms)
}

/// The certificates written so far with the hash of each, in hexadecimal digits; oldest first. Nothing is checked.
pub fn certificates(dir: &Path) -> Result<Vec<(String, Certificate)>, ChainError> {
    let text = chain::text(&certificates_file(dir))?;
    Ok(chain::entries(&text, CERTIFICATE).into_iter().map(|(hash, link)| (hex(&hash), link.body)).collect())
}

/// The days that are due, oldest first.
pub(crate) fn due(dir: &Path, now: i64) -> Result<Vec<Day>, PurgeError> {
    let terms = terms(dir)?;
    let days = Day::all(dir).map_err(|source| PurgeError::File { file: dir.to_path_buf(), source })?;
    Ok(days.into_iter().filter(|day| is_due(now, *day, &terms)).collect())
}

/// Destroys the days that are due at `now` with their keys, and journal segments put aside as damaged that were last
/// written in one of them; writes the certificate. `None` when nothing is due.
///
/// Stops at the first failure: what is left is due at the next call. Blocks on the file system.
pub(crate) fn purge(
    dir: &Path,
    keys: &Keys,
    now: i64,
    clock: &ClockState,
    mut certificate: Certificate,
) -> Result<Option<Purged>, PurgeError> {
    let began = clock::now();
    let terms = terms(dir)?;
    purge_damaged(&segment::folder(dir), now, &terms)?;
    purge_keys(dir, keys, now, &terms)?;
    let due = due(dir, now)?;
    if due.is_empty() {
        return Ok(None);
    }
    trust(dir, now, clock)?;
    let seals = seal::seals(dir).map_err(|error| match error {
        crate::SealError::Chain(error) => PurgeError::Chain(error),
        other => PurgeError::File { file: seal::chain_file(dir), source: io::Error::other(other) },
    })?;
    let mut late = Vec::new();
    for day in &due {
        let days = term(now, day.begins(), &terms).unwrap_or_default();
        let sealed = seals.get(&day.to_string());
        certificate.days.push(ErasedDay {
            day: day.to_string(),
            records: sealed.map(|(_, seal)| seal.records),
            root: sealed.map(|(_, seal)| seal.root.clone()),
            seal: sealed.map(|(hash, _)| hex(hash)),
            term_days: days,
            kept_until: day.after(i64::from(days)).to_string(),
        });
        if due_since(now, *day, &terms).is_some_and(|since| since.after(LATE) < Day::of(now)) {
            late.push(day.to_string());
        }
        destroy(dir, keys, *day)?;
    }
    certificate.stores = ["day file", "day key", "journal"].map(str::to_owned).into();
    certificate.began = clock::rfc3339(began);
    certificate.ended = clock::rfc3339(clock::now());
    certificate.trigger = "retention".into();
    certificate.program = env!("CARGO_PKG_VERSION").into();
    let hash = chain::append(&certificates_file(dir), CERTIFICATE, keys, &certificate)?;
    Ok(Some(Purged { certificate, hash, late }))
}

/// Destroys a day: the key first, so that copies die too; then its files, the day itself last, so that a purge that was
/// cut is taken up again by its name.
fn destroy(dir: &Path, keys: &Keys, day: Day) -> Result<(), PurgeError> {
    keys.destroy(day, None)?;
    let file = day.file(dir);
    let draft = file.with_extension("sealing");
    let drafts = beside(&draft).into_iter().chain([draft]);
    for path in beside(&file).into_iter().chain(drafts).chain(stamps(dir, day)?).chain([file]) {
        delete(path)?;
    }
    Ok(())
}

/// Refuses a clock that nothing bears out: one that jumped years ahead must not erase a register. Either something keeps
/// it, or the register was written on one of the days before.
fn trust(dir: &Path, now: i64, clock: &ClockState) -> Result<(), PurgeError> {
    if clock.synchronised {
        return Ok(());
    }
    let days = Day::all(dir).map_err(|source| PurgeError::File { file: dir.to_path_buf(), source })?;
    let today = Day::of(now);
    match days.into_iter().rfind(|day| *day < today) {
        Some(newest) if newest.after(WITNESS) < today => {
            Err(PurgeError::Clock { now: clock::rfc3339(now), newest: newest.to_string() })
        }
        _ => Ok(()),
    }
}

/// The answers of time-stamp authorities about a day's seals.
fn stamps(dir: &Path, day: Day) -> Result<Vec<PathBuf>, PurgeError> {
    let folder = dir.join("anchors");
    let wrong = |source| PurgeError::File { file: folder.clone(), source };
    let listing = match std::fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listing => listing.map_err(wrong)?,
    };
    let mut stamps = Vec::new();
    for entry in listing {
        let path = entry.map_err(wrong)?.path();
        let of_day =
            path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(&format!("{day}.")));
        stamps.extend(of_day.then_some(path));
    }
    Ok(stamps)
}

/// Destroys keys of days that are past their term and have no file: nothing was recorded, or it went another way.
fn purge_keys(dir: &Path, keys: &Keys, now: i64, terms: &[Term]) -> Result<(), PurgeError> {
    for (day, _) in keys.all()? {
        if is_due(now, day, terms) && !day.file(dir).exists() {
            keys.destroy(day, None)?;
        }
    }
    Ok(())
}

fn purge_damaged(folder: &Path, now: i64, terms: &[Term]) -> Result<(), PurgeError> {
    let wrong = |source| PurgeError::File { file: folder.to_path_buf(), source };
    let listing = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        listing => listing.map_err(wrong)?,
    };
    for entry in listing {
        let path = entry.map_err(wrong)?.path();
        if path.extension().is_none_or(|end| end != "damaged") {
            continue;
        }
        let written = std::fs::metadata(&path).and_then(|data| data.modified()).map_err(wrong)?;
        let micros = written.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
        if is_due(now, Day::of(i64::try_from(micros).unwrap_or(i64::MAX)), terms) {
            delete(path)?;
        }
    }
    Ok(())
}

fn delete(file: PathBuf) -> Result<(), PurgeError> {
    match std::fs::remove_file(&file) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(PurgeError::File { file, source }),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "retention/tests.rs"]
mod tests;
