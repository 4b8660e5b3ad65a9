//! How long a day is kept, and its end: the day's file and key are destroyed, with everything of that day beside them,
//! and a signed certificate says so.
//!
//! Which day is due is a pure function of the instant, the day and the terms that were announced. A shorter term reaches
//! every day that is there; a longer one never reaches a day recorded while a shorter one was announced: people were told
//! otherwise (RGPD art. 5(1)(a)).

mod certificate;

pub use certificate::{Certificate, ErasedActs, ErasedDay, Purged, ReleasedHold};

use crate::chain::{self, ChainError};
use crate::cipher::{Hash, PublicKey, hex};
use crate::clock::{self, ClockState};
use crate::day::Day;
use crate::error::words;
use crate::hold::extract::Keeper;
use crate::journal::segment;
use crate::keys::{KeyError, Keys, write_new};
use crate::ledger::LedgerError;
use crate::{crash, seal};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
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
    /// The chain of terms doesn't hold.
    #[error("nothing is erased: {}: {why}. Put the file back from a copy, or find out who changed it", file.display())]
    Terms {
        /// Its file.
        file: PathBuf,
        /// Why not.
        why: String,
    },
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
    /// Holds cannot be read: nobody knows what must stay.
    #[error("nothing is erased: what is held cannot be read: {0}")]
    Holds(LedgerError),
    /// What is held of a day cannot be taken out of it.
    #[error("{day} is not erased: what is held of it cannot be taken out first: {why}")]
    Held {
        /// The day.
        day: String,
        /// Why not.
        why: String,
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
    let (file, now) = (terms_file(dir), clock::now());
    // One that was announced by a clock that was ahead is not in force.
    if terms(dir, &keys.public())?.last().is_none_or(|last| last.days != days || last.from > now) {
        chain::append(&file, TERM, keys, &Term { from: now, days })?;
    }
    Ok(())
}

/// The terms that were announced and signed by this key, oldest first.
pub fn terms(dir: &Path, public: &PublicKey) -> Result<Vec<Term>, ChainError> {
    let text = chain::text(&terms_file(dir))?;
    let mut terms: Vec<Term> = chain::entries(&text, TERM, public).into_iter().map(|(_, link)| link.body).collect();
    terms.sort_by_key(|term| term.from);
    Ok(terms)
}

/// The certificates written so far with the hash of each, in hexadecimal digits; oldest first: those that
/// this key has signed.
pub fn certificates(dir: &Path, public: &PublicKey) -> Result<Vec<(String, Certificate)>, ChainError> {
    let text = chain::text(&certificates_file(dir))?;
    Ok(chain::entries(&text, CERTIFICATE, public).into_iter().map(|(hash, link)| (hex(&hash), link.body)).collect())
}

/// The days that are due, oldest first.
pub(crate) fn due(dir: &Path, public: &PublicKey, now: i64) -> Result<Vec<Day>, PurgeError> {
    let terms = terms(dir, public)?;
    let days = Day::all(dir).map_err(|source| PurgeError::File { file: dir.to_path_buf(), source })?;
    Ok(days.into_iter().filter(|day| is_due(now, *day, &terms)).collect())
}

/// Whether a day was erased, or is due to be: what is hidden under its key is gone as it should be.
pub(crate) fn erased(dir: &Path, public: &PublicKey, now: i64) -> Result<impl Fn(Day) -> bool + use<>, ChainError> {
    let terms = terms(dir, public)?;
    let certificates = chain::text(&certificates_file(dir))?;
    let certificates = chain::entries::<Certificate>(&certificates, CERTIFICATE, public).into_iter();
    let erased: BTreeSet<String> = certificates.flat_map(|(_, link)| link.body.days).map(|day| day.day).collect();
    Ok(move |day: Day| is_due(now, day, &terms) || erased.contains(&day.to_string()))
}

/// What a purge comes to: what it has done, and the first thing it could not do.
pub(crate) type Outcome = (Option<Purged>, Option<PurgeError>);

/// Destroys the days that are due at `now` with their keys, the journal of those days, and what was put aside in one of
/// them; writes the certificate. Nothing in it when nothing is due.
///
/// A day that cannot be destroyed holds up no other, and stays due. What is begun is noted first: a purge that a crash
/// cuts is taken up again, and attested, by the next. Blocks on the file system.
pub(crate) fn purge(dir: &Path, keys: &Keys, now: i64, clock: &ClockState, certificate: Certificate) -> Outcome {
    match begin(dir, keys, now, clock, certificate) {
        Ok(None) => (None, None),
        Ok(Some((certificate, late))) => carry_out(dir, keys, certificate, late),
        Err(error) => (None, Some(error)),
    }
}

/// Takes up a purge that a crash has cut.
pub(crate) fn take_up(dir: &Path, keys: &Keys) -> Outcome {
    match begun(keys) {
        Ok(None) => (None, None),
        Ok(Some(certificate)) => carry_out(dir, keys, certificate, Vec::new()),
        Err(error) => (None, Some(error)),
    }
}

/// What is due, noted before anything is destroyed; the days of it that are late.
fn begin(
    dir: &Path,
    keys: &Keys,
    now: i64,
    clock: &ClockState,
    mut certificate: Certificate,
) -> Result<Option<(Certificate, Vec<String>)>, PurgeError> {
    // Nothing is destroyed on the word of a chain that somebody has touched.
    let file = terms_file(dir);
    let head = keys.head(TERM);
    let text = chain::text(&file)?;
    let broken =
        chain::check(&text, TERM, &keys.public()).map_err(|broken| format!("line {}: {}", broken.line, broken.why));
    if let Err(why) = broken.and_then(|_| chain::check_head(&text, head.as_ref())) {
        return Err(PurgeError::Terms { file, why });
    }
    let terms = terms(dir, &keys.public())?;
    let before = begun(keys)?;
    let due = due(dir, &keys.public(), now)?;
    let is_due = |day: Day| is_due(now, day, &terms);
    // Of a day without a file: nothing was recorded in it, or a purge was cut that long ago.
    let written = segment::last_day(&segment::folder(dir)).ok().flatten();
    let idle = |day: &Day| is_due(*day) && Some(*day) != written;
    let keys_alone = keys.all()?.into_iter().map(|(day, _)| day).filter(idle).any(|day| !due.contains(&day));
    if due.is_empty() && before.is_none() && !keys_alone && damaged(dir, is_due)?.is_empty() {
        return Ok(None);
    }
    trust(dir, now, clock)?;
    damaged(dir, is_due)?.into_iter().try_for_each(delete)?;
    let folder = segment::folder(dir);
    let journal = segment::made_on(&folder, is_due).map_err(|source| PurgeError::File { file: folder, source })?;
    journal.into_iter().try_for_each(delete)?;
    for (day, _) in keys.all()?.into_iter().filter(|(day, _)| idle(day) && !due.contains(day)) {
        keys.destroy(day, None)?;
    }
    if due.is_empty() && before.is_none() {
        return Ok(None);
    }
    let seals = seal::seals(dir, &keys.public()).map_err(|error| match error {
        crate::SealError::Chain(error) => PurgeError::Chain(error),
        other => PurgeError::File { file: seal::chain_file(dir), source: io::Error::other(other) },
    })?;
    certificate.began = clock::rfc3339(clock::now());
    certificate.trigger = "retention".into();
    certificate.program = env!("CARGO_PKG_VERSION").into();
    certificate.stores = ["day file", "day key", "journal"].map(str::to_owned).into();
    if let Some(before) = before {
        (certificate.days, certificate.began) = (before.days, before.began);
    }
    let mut late = Vec::new();
    for day in &due {
        let days = term(now, day.begins(), &terms).unwrap_or_default();
        let name = day.to_string();
        if due_since(now, *day, &terms).is_some_and(|since| since.after(LATE) < Day::of(now)) {
            late.push(name.clone());
        }
        if certificate.days.iter().any(|begun| begun.day == name) {
            continue;
        }
        let sealed = seals.get(&name);
        certificate.days.push(ErasedDay {
            day: name,
            records: sealed.map(|(_, seal)| seal.records),
            root: sealed.map(|(_, seal)| seal.root.clone()),
            seal: sealed.map(|(hash, _)| hex(hash)),
            term_days: days,
            kept_until: day.after(i64::from(days)).to_string(),
        });
    }
    let note = serde_json::to_vec(&certificate).map_err(io::Error::from);
    let file = note_file(keys);
    let _lock = keys.lock()?;
    note.and_then(|note| write_new(&file, &note, true)).map_err(|source| PurgeError::File { file, source })?;
    Ok(Some((certificate, late)))
}

/// Where a purge is noted that has begun: beside the keys, so that whoever can write the register alone can't have one
/// taken up that nobody began.
fn note_file(keys: &Keys) -> PathBuf {
    keys.dir().join("purging.json")
}

/// The purge that was begun and not ended.
fn begun(keys: &Keys) -> Result<Option<Certificate>, PurgeError> {
    let file = note_file(keys);
    let text = match std::fs::read(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text.map_err(|source| PurgeError::File { file: file.clone(), source })?,
    };
    let note = serde_json::from_slice(&text).map_err(io::Error::from);
    note.map(Some).map_err(|source| PurgeError::File { file, source })
}

/// Destroys the days of a certificate and adds it, with those that could be, to the chain.
fn carry_out(dir: &Path, keys: &Keys, mut certificate: Certificate, mut late: Vec<String>) -> Outcome {
    crash::point("purge noted");
    // From here on nobody adds a hold: it would come too late for some of what is due.
    let (mut holds, mut failed) = match Keeper::begin(dir, keys, &certificate.node) {
        Ok(holds) => (Some(holds), None),
        Err(error) => (None, Some(PurgeError::Holds(error))),
    };
    certificate.days.retain(|erased| {
        let Some(holds) = &mut holds else { return false };
        let destroyed = Day::parse(&erased.day).map_or(Ok(()), |day| {
            holds.take_out(day).map_err(|why| PurgeError::Held { day: erased.day.clone(), why })?;
            destroy(dir, keys, day)
        });
        let done = destroyed.is_ok();
        failed = failed.take().or(destroyed.err());
        done
    });
    late.retain(|late| certificate.days.iter().any(|day| day.day == *late));
    certificate.hold_numbers = holds.map(|holds| holds.extracted(&certificate.days)).unwrap_or_default();
    certificate.holds = certificate.hold_numbers.len() as u64;
    crash::point("before the certificate");
    match attest(dir, keys, &mut certificate) {
        Ok(None) => (None, failed),
        Ok(Some(hash)) => (Some(Purged { certificate, hash, late }), failed),
        Err(error) => (None, Some(error)),
    }
}

/// Adds a certificate to the chain, unless a crash came when it was there, and takes the note away; its hash.
fn attest(dir: &Path, keys: &Keys, certificate: &mut Certificate) -> Result<Option<Hash>, PurgeError> {
    let file = certificates_file(dir);
    let text = chain::text(&file)?;
    let before = chain::entries::<Certificate>(&text, CERTIFICATE, &keys.public());
    let is_it = |body: &Certificate| body.began == certificate.began && body.trigger == certificate.trigger;
    let hash = match before.into_iter().rev().find(|(_, link)| is_it(&link.body)) {
        Some((hash, _)) => Some(hash),
        _ if certificate.days.is_empty() => None,
        _ => {
            certificate.ended = clock::rfc3339(clock::now());
            Some(chain::append(&file, CERTIFICATE, keys, certificate)?)
        }
    };
    crash::point("after the certificate");
    delete(note_file(keys))?;
    Ok(hash)
}

/// Destroys a day: the key first, so that copies die too; then everything that bears its name, the day itself last, so
/// that a purge that was cut is taken up again by its name.
fn destroy(dir: &Path, keys: &Keys, day: Day) -> Result<(), PurgeError> {
    keys.destroy(day, None)?;
    crash::point("day key destroyed");
    let (file, begins) = (day.file(dir), format!("{day}."));
    // Beside the file, and time stamps of its seals.
    for folder in [dir.to_path_buf(), dir.join("anchors")] {
        let wrong = |source| PurgeError::File { file: folder.clone(), source };
        let listing = match std::fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            listing => listing.map_err(wrong)?,
        };
        for entry in listing {
            let path = entry.map_err(wrong)?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            if path == file || !name.is_some_and(|name| name.starts_with(&begins)) {
                continue;
            }
            if path.is_dir() && !path.is_symlink() {
                std::fs::remove_dir_all(&path).map_err(|source| PurgeError::File { file: path, source })?;
            } else {
                delete(path)?;
            }
        }
    }
    delete(dir.join("anchors").join(format!("{day}.tsr")))?;
    crash::point("day half deleted");
    delete(file)
}

/// Refuses a clock that nothing bears out: one that jumped years ahead must not erase a register. Either something keeps
/// it, or the register was written on the days before. After days without records, it must have been written again on as
/// many days as the clock is believed for: a clock that stays wrong bears witness to itself.
pub(crate) fn trust(dir: &Path, now: i64, clock: &ClockState) -> Result<(), PurgeError> {
    if clock.synchronised {
        return Ok(());
    }
    let days = Day::all(dir).map_err(|source| PurgeError::File { file: dir.to_path_buf(), source })?;
    let (mut behind, mut witnesses) = (Day::of(now), 0);
    for day in days.into_iter().rev().filter(|day| *day < Day::of(now)) {
        if day.after(WITNESS) < behind {
            return Err(PurgeError::Clock { now: clock::rfc3339(now), newest: day.to_string() });
        }
        (behind, witnesses) = (day, witnesses + 1);
        if witnesses == WITNESS {
            break;
        }
    }
    Ok(())
}

/// Segments put aside as damaged that were last written on one of the days asked for.
fn damaged(dir: &Path, is_asked: impl Fn(Day) -> bool) -> Result<Vec<PathBuf>, PurgeError> {
    let folder = segment::folder(dir);
    let wrong = |source| PurgeError::File { file: folder.clone(), source };
    let listing = match std::fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listing => listing.map_err(wrong)?,
    };
    let mut damaged = Vec::new();
    for entry in listing {
        let path = entry.map_err(wrong)?.path();
        if path.extension().is_none_or(|end| end != "damaged") {
            continue;
        }
        let written = std::fs::metadata(&path).and_then(|data| data.modified()).map_err(wrong)?;
        let micros = written.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
        if is_asked(Day::of(i64::try_from(micros).unwrap_or(i64::MAX))) {
            damaged.push(path);
        }
    }
    Ok(damaged)
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
