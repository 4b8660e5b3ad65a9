//! Ledgers: what is kept of people beside their records, for longer or shorter than these: requests, holds, approvals.
//!
//! A ledger is a chain of signed entries in `ledgers/NAME.jsonl`. What an entry says is hidden under a key of its own, in the
//! folder of keys: to erase it is to destroy that key. The entry's place in the chain stays, so that it is known that there
//! was one, and when; a later entry says that it was erased, and on what ground.

use crate::chain::{self, Chain, ChainError, Head, Line};
use crate::cipher::PublicKey;
use crate::clock;
use crate::keys::{KeyError, KeyName, Keys, make_folder};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Which ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ledger {
    /// Acts that two persons decide.
    Approvals,
    /// Roles, undertakings, and which accounts and addresses are one person's.
    People,
    /// Requests of persons concerned (RGPD art. 12, 15 to 22).
    Requests,
    /// Statements beside records: rectified, restricted, objected to, erased (RGPD art. 16 to 21).
    Statements,
    /// Legal holds.
    Holds,
    /// Requisitions; for the desk that answers them alone.
    Requisitions,
    /// Temporary exceptions to the charter.
    Exceptions,
}

impl Ledger {
    /// Every ledger.
    pub const ALL: [Ledger; 7] = [
        Ledger::Approvals,
        Ledger::People,
        Ledger::Requests,
        Ledger::Statements,
        Ledger::Holds,
        Ledger::Requisitions,
        Ledger::Exceptions,
    ];

    /// Its name, and the kind of its chain's entries.
    pub fn name(self) -> &'static str {
        match self {
            Ledger::Approvals => "approvals",
            Ledger::People => "people",
            Ledger::Requests => "requests",
            Ledger::Statements => "statements",
            Ledger::Holds => "holds",
            Ledger::Requisitions => "requisitions",
            Ledger::Exceptions => "exceptions",
        }
    }

    /// Its file.
    pub(crate) fn file(self, dir: &Path) -> PathBuf {
        dir.join("ledgers").join(format!("{}.jsonl", self.name()))
    }

    /// What an entry is bound to: one that is moved does not open.
    fn place(self, number: u64) -> String {
        format!("octroi ledger {} {number}", self.name())
    }
}

/// An entry that was not erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<T> {
    /// Its number in the ledger, from 1.
    pub number: u64,
    /// When it was written (UTC µs); never before the entry before it, whatever the clock did.
    pub at: i64,
    /// The account that wrote it.
    pub who: String,
    /// What it says.
    pub what: T,
}

/// A ledger cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Its chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The key of an entry.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Its end is gone: what is missing may be what closed or restricted something.
    #[error(
        "{}: {why}. Put its newest copy back: until then nothing is read or done by it. Where there is none, \
         docs/RECORDS.md says under Ledgers how whoever keeps the keys takes it as it stands", file.display()
    )]
    Cut {
        /// Its file.
        file: PathBuf,
        /// What is missing.
        why: String,
    },
    /// An entry that is neither readable nor erased.
    #[error("{}, entry {number}: {why}", file.display())]
    Entry {
        /// Its file.
        file: PathBuf,
        /// Which.
        number: u64,
        /// What is wrong with it.
        why: String,
    },
}

/// A line of a ledger: with something hidden, or saying that entries were erased.
#[derive(Debug, Serialize, Deserialize)]
struct Body {
    /// UTC µs.
    at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hidden: Option<Hidden>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    erases: Vec<u64>,
    /// Why; names nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ground: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Hidden {
    /// The name of the key it is hidden under.
    under: String,
    /// Base 64 of nonce, cipher text, tag.
    text: String,
}

/// What is hidden.
#[derive(Serialize, Deserialize)]
struct Said<T> {
    who: String,
    what: T,
}

/// A ledger held against other processes: what is read stays as it is until something is written.
pub struct OpenLedger<'k> {
    ledger: Ledger,
    dir: PathBuf,
    keys: &'k Keys,
    chain: Chain,
    last_at: i64,
}

impl<'k> OpenLedger<'k> {
    /// Opens it; waits while another process holds it. What an erasure that was cut had said is done now.
    pub fn open(dir: &Path, keys: &'k Keys, ledger: Ledger) -> Result<OpenLedger<'k>, LedgerError> {
        let file = ledger.file(dir);
        let folder = dir.join("ledgers");
        let known = Known::of(keys, ledger)?;
        if !file.exists() {
            // Before one is made that has nothing in it. What is made is there before a key of it is.
            known.check(&file, None)?;
            let made = make_folder(&folder).and_then(|()| {
                OpenOptions::new().append(true).create(true).mode(0o600).open(&file)?;
                File::open(&folder)?.sync_all()
            });
            made.map_err(|source| ChainError { file: file.clone(), source })?;
        }
        let chain = Chain::open(&file, ledger.name())?;
        // Nobody adds to it now.
        let text = chain::text(&file)?;
        Known::of(keys, ledger)?.check(&file, Some(&text))?;
        let (mut last_at, mut erased) = (i64::MIN, BTreeSet::new());
        for (_, link) in chain::entries::<Body>(&text, ledger.name(), &keys.public()) {
            last_at = last_at.max(link.body.at);
            erased.extend(link.body.erases);
        }
        if !erased.is_empty() {
            keys.destroy_entries(ledger.name(), &erased)?;
        }
        Ok(OpenLedger { ledger, dir: dir.to_path_buf(), keys, chain, last_at })
    }

    /// What it says now.
    pub fn read<T: DeserializeOwned>(&self) -> Result<Vec<Entry<T>>, LedgerError> {
        read(&self.dir, self.keys, self.ledger)
    }

    /// Now (UTC µs), and never before the ledger's last entry: a clock that was set back gives nobody more time.
    pub fn now(&self) -> i64 {
        clock::now().max(self.last_at)
    }

    /// Adds an entry. When this returns, it is on the disk. Its number.
    pub fn add<T: Serialize>(&mut self, who: &str, what: &T) -> Result<u64, LedgerError> {
        let (at, number) = (self.now(), self.chain.next_number());
        let (under, cipher) = self.keys.make_entry(self.ledger.name(), number)?;
        let wrong = |source: serde_json::Error| ChainError { file: self.ledger.file(&self.dir), source: source.into() };
        let said = serde_json::to_vec(&Said { who: who.to_owned(), what }).map_err(wrong)?;
        let text = STANDARD.encode(cipher.hide(&self.ledger.place(number), &said));
        let hidden = Some(Hidden { under: under.as_str().to_owned(), text });
        self.write(&Body { at, hidden, erases: Vec::new(), ground: None })
    }

    /// Erases entries: it is said, then their keys are destroyed. `ground` names nobody.
    pub fn erase(&mut self, numbers: &[u64], ground: &str) -> Result<(), LedgerError> {
        if numbers.is_empty() {
            return Ok(());
        }
        let body = Body { at: self.now(), hidden: None, erases: numbers.to_vec(), ground: Some(ground.to_owned()) };
        self.write(&body)?;
        crate::crash::point("erasure of entries said");
        self.keys.destroy_entries(self.ledger.name(), &numbers.iter().copied().collect())?;
        Ok(())
    }

    fn write(&mut self, body: &Body) -> Result<u64, LedgerError> {
        let number = self.chain.next_number();
        let line = self.chain.next(self.keys, body)?;
        self.chain.add(self.keys, &line)?;
        self.last_at = body.at;
        Ok(number)
    }
}

/// How far the folder of keys knows a ledger to have come. Read before the ledger itself: what is added in between is in that.
struct Known {
    head: Option<Head>,
    /// The newest entry that has a key. It is made before the entry: a crash may have left one more.
    key: u64,
}

impl Known {
    fn of(keys: &Keys, ledger: Ledger) -> Result<Known, KeyError> {
        // The keys bear out what no head says, when a crash tore that.
        Ok(Known { head: keys.head(ledger.name()), key: keys.newest_entry(ledger.name())? })
    }

    /// Whether the ledger has come that far; `text` is none when it has no file.
    fn check(&self, file: &Path, text: Option<&str>) -> Result<(), LedgerError> {
        let cut = |why| LedgerError::Cut { file: file.to_path_buf(), why };
        let Some(text) = text else {
            let newest = self.head.as_ref().map_or(0, |head| head.number).max(self.key);
            return match newest {
                0 => Ok(()),
                _ => Err(cut(format!("it is gone, and entry {newest} was added to it"))),
            };
        };
        chain::check_head(text, self.head.as_ref()).map_err(cut)?;
        let last = chain::lines(text).rev().find_map(|line| Line::of(line)?.read::<serde_json::Value>());
        let last = last.map_or(0, |link| link.number);
        match self.key > last.saturating_add(1) {
            true => Err(cut(format!("it is cut off, or an older copy: entry {} has a key and is gone", self.key))),
            false => Ok(()),
        }
    }
}

/// The text of a ledger, to its end.
fn whole(dir: &Path, keys: &Keys, ledger: Ledger) -> Result<String, LedgerError> {
    let (known, file) = (Known::of(keys, ledger)?, ledger.file(dir));
    let text = match std::fs::exists(&file) {
        Ok(false) => None,
        _ => Some(chain::text(&file)?),
    };
    known.check(&file, text.as_deref())?;
    Ok(text.unwrap_or_default())
}

/// Why the end of a ledger doesn't hold, beyond what its head says.
pub(crate) fn check_end(dir: &Path, ledger: Ledger, keys: &Keys) -> Result<(), String> {
    let (known, file) =
        (Known { head: None, ..Known::of(keys, ledger).map_err(|error| error.to_string())? }, ledger.file(dir));
    let text = chain::text(&file).map_err(|error| error.to_string())?;
    match known.check(&file, Some(&text)) {
        Err(LedgerError::Cut { why, .. }) => Err(why),
        _ => Ok(()),
    }
}

/// Reads a ledger: its entries, oldest first, without those that were erased. Fails when an entry neither opens nor was
/// erased, or the end is gone: what it would say may be a restriction or a hold.
pub fn read<T: DeserializeOwned>(dir: &Path, keys: &Keys, ledger: Ledger) -> Result<Vec<Entry<T>>, LedgerError> {
    let file = ledger.file(dir);
    let text = whole(dir, keys, ledger)?;
    chain::check(&text, ledger.name(), &keys.public()).map_err(|broken| LedgerError::Entry {
        file: file.clone(),
        number: broken.line,
        why: broken.why,
    })?;
    let lines = chain::entries::<Body>(&text, ledger.name(), &keys.public());
    let erased: BTreeSet<u64> = lines.iter().flat_map(|(_, link)| link.body.erases.iter().copied()).collect();
    let mut entries = Vec::new();
    for (_, link) in lines {
        let (number, at) = (link.number, link.body.at);
        let Some(hidden) = link.body.hidden.filter(|_| !erased.contains(&number)) else { continue };
        let Said { who, what } = open(keys, ledger, number, &hidden).map_err(|why| LedgerError::Entry {
            file: file.clone(),
            number,
            why,
        })?;
        entries.push(Entry { number, at, who, what });
    }
    Ok(entries)
}

fn open<T: DeserializeOwned>(keys: &Keys, ledger: Ledger, number: u64, hidden: &Hidden) -> Result<Said<T>, String> {
    let name = KeyName::parse(&hidden.under).ok_or("it names no key")?;
    let cipher = keys.entry(ledger.name(), number, &name).map_err(|error| error.to_string())?;
    let bytes = STANDARD.decode(&hidden.text).map_err(|error| error.to_string())?;
    let bytes = cipher.open_whole(&ledger.place(number), bytes).map_err(|error| error.to_string())?;
    serde_json::from_slice(&bytes).map_err(|error| format!("it does not read: {error}"))
}

/// What of a ledger doesn't hold beyond its chain: entries that neither open nor were erased, or are erased in word alone.
pub(crate) fn check(text: &str, ledger: Ledger, keys: &Keys, public: &PublicKey) -> Vec<(u64, String)> {
    let lines = chain::entries::<Body>(text, ledger.name(), public);
    let erased: BTreeSet<u64> = lines.iter().flat_map(|(_, link)| link.body.erases.iter().copied()).collect();
    let mut wrong = Vec::new();
    for (_, link) in &lines {
        let Some(hidden) = &link.body.hidden else { continue };
        if !erased.contains(&link.number) {
            if let Err(why) = open::<serde_json::Value>(keys, ledger, link.number, hidden) {
                wrong.push((link.number, why));
            }
        } else if KeyName::parse(&hidden.under).is_some_and(|name| keys.has_entry(ledger.name(), link.number, &name)) {
            wrong.push((link.number, "it was erased, and its key is still there: copies of it open".into()));
        }
    }
    wrong
}

#[cfg(test)]
#[path = "ledger/tests.rs"]
mod tests;
