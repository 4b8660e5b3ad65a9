//! Temporary exceptions to the charter: who granted what to whom, why, from when to when; what was revoked.
//!
//! A ledger. An exception is in force from the moment its entry is written to its end, or to the entry that revokes it. It is
//! kept as long as a record after it ended, since it is data about whom it was granted to; then it is erased.

use crate::keys::Keys;
use crate::ledger::{self, Ledger, LedgerError, OpenLedger};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// For whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Whom {
    /// Whoever asks.
    Everybody,
    /// An account.
    User(String),
    /// A group of the charter.
    Group(String),
}

/// What is granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// For whom.
    pub whom: Whom,
    /// On what kind of thing: `host`, `url`, `category`, `rule`.
    pub kind: String,
    /// Which.
    pub name: String,
    /// Why.
    pub reason: String,
    /// Before which instant (UTC µs).
    pub until: i64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "lowercase")]
enum Step {
    Granted(Grant),
    Revoked { of: u64, reason: String },
}

/// An exception as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// Its number, that of its entry.
    pub number: u64,
    /// Since when (UTC µs).
    pub from: i64,
    /// The account that granted it.
    pub by: String,
    /// What it grants.
    pub grant: Grant,
    /// How it was revoked.
    pub revoked: Option<Revoked>,
}

/// An exception's end before its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// When (UTC µs).
    pub at: i64,
    /// The account that revoked it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The entry that says so.
    number: u64,
}

impl Exception {
    /// When it ends, or ended (UTC µs).
    pub fn end(&self) -> i64 {
        self.revoked.as_ref().map_or(self.grant.until, |revoked| revoked.at.min(self.grant.until))
    }

    /// Whether it is in force.
    pub fn holds(&self, at: i64) -> bool {
        (self.from..self.end()).contains(&at)
    }
}

/// Why something is not done.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// There is none of that number.
    #[error("no exception has the number {0}: see `octroi exception list`")]
    Unknown(u64),
    /// It has ended.
    #[error("exception {0} has ended already")]
    Ended(u64),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Every exception that is kept, oldest first.
pub fn read(dir: &Path, keys: &Keys) -> Result<Vec<Exception>, LedgerError> {
    let mut all: Vec<Exception> = Vec::new();
    for entry in ledger::read::<Step>(dir, keys, Ledger::Exceptions)? {
        match entry.what {
            Step::Granted(grant) => {
                all.push(Exception { number: entry.number, from: entry.at, by: entry.who, grant, revoked: None });
            }
            Step::Revoked { of, reason } => {
                if let Some(exception) = all.iter_mut().find(|exception| exception.number == of) {
                    exception.revoked.get_or_insert(Revoked {
                        at: entry.at,
                        by: entry.who,
                        reason,
                        number: entry.number,
                    });
                }
            }
        }
    }
    Ok(all)
}

/// Grants one; it is in force once the gate has been told. Its number.
pub fn grant(dir: &Path, keys: &Keys, who: &str, grant: Grant) -> Result<u64, LedgerError> {
    OpenLedger::open(dir, keys, Ledger::Exceptions)?.add(who, &Step::Granted(grant))
}

/// Ends one before its time.
pub fn revoke(dir: &Path, keys: &Keys, who: &str, number: u64, reason: &str) -> Result<Exception, Refusal> {
    let mut open = OpenLedger::open(dir, keys, Ledger::Exceptions)?;
    let exception = read(dir, keys)?.into_iter().find(|exception| exception.number == number);
    let exception = exception.ok_or(Refusal::Unknown(number))?;
    if open.now() >= exception.end() {
        return Err(Refusal::Ended(number));
    }
    open.add(who, &Step::Revoked { of: number, reason: reason.to_owned() })?;
    Ok(exception)
}

/// Erases those that ended before an instant (UTC µs); how many.
pub fn forget(dir: &Path, keys: &Keys, before: i64) -> Result<usize, LedgerError> {
    let is_past = |exception: &Exception| exception.end() < before;
    // Nothing is opened, nor made, for nothing.
    if !read(dir, keys)?.iter().any(is_past) {
        return Ok(0);
    }
    let mut open = OpenLedger::open(dir, keys, Ledger::Exceptions)?;
    let past: Vec<Exception> = read(dir, keys)?.into_iter().filter(is_past).collect();
    let numbers = past.iter().flat_map(|past| [Some(past.number), past.revoked.as_ref().map(|end| end.number)]);
    open.erase(&numbers.flatten().collect::<Vec<_>>(), "past their term")?;
    Ok(past.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_holds_until_its_end_or_until_it_is_revoked() {
        let folder = tempfile::tempdir().expect("a folder");
        let (dir, now) = (folder.path(), crate::clock::now());
        let keys = Keys::open(&dir.join("keys"), dir).expect("made");
        let of = |whom, until| Grant {
            whom,
            kind: "host".into(),
            name: "jeux.example".into(),
            reason: "formation".into(),
            until,
        };
        let hour = 3_600_000_000;
        let first = grant(dir, &keys, "p.dupont", of(Whom::User("a.martin".into()), now + hour)).expect("granted");
        let second = grant(dir, &keys, "p.dupont", of(Whom::Everybody, now + 2 * hour)).expect("granted");
        let all = read(dir, &keys).expect("read");
        assert_eq!(all.iter().map(|one| one.number).collect::<Vec<_>>(), [first, second]);
        assert!(all[0].holds(all[0].from) && all[0].holds(now + hour - 1) && !all[0].holds(now + hour));
        assert!(!all[0].holds(all[0].from - 1));

        revoke(dir, &keys, "d.petit", second, "fini").expect("revoked");
        let ended = read(dir, &keys).expect("read")[1].clone();
        let revoked = ended.revoked.clone().expect("it was");
        assert_eq!((revoked.by.as_str(), revoked.reason.as_str()), ("d.petit", "fini"));
        assert!(ended.holds(revoked.at - 1) && !ended.holds(revoked.at));
        assert!(matches!(revoke(dir, &keys, "d.petit", second, "encore"), Err(Refusal::Ended(_))));
        assert!(matches!(revoke(dir, &keys, "d.petit", 99, "encore"), Err(Refusal::Unknown(99))));
        assert!(matches!(revoke(dir, &keys, "d.petit", second + 1, "encore"), Err(Refusal::Unknown(_))));

        assert_eq!(forget(dir, &keys, now - hour).expect("nothing is past"), 0);
        assert_eq!(forget(dir, &keys, now + hour / 2).expect("erased"), 1, "the one that was revoked");
        assert_eq!(read(dir, &keys).expect("read").len(), 1);
        assert_eq!(forget(dir, &keys, now + 9 * hour).expect("erased"), 1);
        assert_eq!(read(dir, &keys).expect("read"), []);
        let text = std::fs::read_to_string(Ledger::Exceptions.file(dir)).expect("there");
        assert!(!text.contains("martin") && !text.contains("jeux"), "{text}");
    }
}
