//! The keys of ledgers: one for each entry, so that one can be erased and the others stay.
//!
//! `ledgers/requests.12.0123456789abcdef` is the key of the twelfth entry of the ledger `requests`, hidden under the master
//! key as the keys of days are.

use super::{KeyError, KeyName, Keys, Master, make_folder, overwrite, write_new};
use crate::cipher::{Cipher, KEY, random};
use crate::crash;
use crate::error::words;
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Whose key a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Whose {
    ledger: String,
    number: u64,
    name: KeyName,
}

impl Whose {
    fn parse(file: &str) -> Option<Whose> {
        let mut parts = file.split('.');
        let (ledger, number, name) = (parts.next()?, parts.next()?, parts.next()?);
        let whose = Whose { ledger: ledger.to_owned(), number: number.parse().ok()?, name: KeyName::parse(name)? };
        parts.next().is_none().then_some(whose)
    }

    fn file(&self, keys: &Keys) -> PathBuf {
        folder(keys.dir()).join(format!("{}.{}.{}", self.ledger, self.number, self.name.as_str()))
    }

    /// What the key is bound to: a file that is moved opens nothing.
    fn place(&self) -> String {
        format!("octroi ledger key {}.{}", self.ledger, self.number)
    }
}

/// The folder of these keys.
pub(super) fn folder(dir: &Path) -> PathBuf {
    dir.join("ledgers")
}

impl Keys {
    /// Draws the key of an entry that is about to be written. When this returns, it is on the disk. One that a crash left
    /// without its entry is destroyed: the caller holds the ledger, and no line names it.
    pub(crate) fn make_entry(&self, ledger: &str, number: u64) -> Result<(KeyName, Cipher), KeyError> {
        let _lock = self.lock()?;
        let folder = folder(self.dir());
        make_folder(&folder).map_err(|error| KeyError(words(&folder, &error)))?;
        for left in self.entries()?.into_iter().filter(|left| left.ledger == ledger && left.number == number) {
            destroy(&left.file(self))?;
        }
        let masters = self.masters()?;
        let master = masters.last().ok_or_else(|| KeyError("no master key".into()))?;
        let key = random::<KEY>();
        let whose = Whose { ledger: ledger.to_owned(), number, name: KeyName::of(&key) };
        let file = whose.file(self);
        let written = write_new(&file, &master.wrap(&whose.place(), &key), false).and_then(|()| sync(&folder));
        written.map_err(|error| KeyError(words(&file, &error)))?;
        crash::point("entry key made");
        Ok((whose.name, Cipher::new(&key)))
    }

    /// The key of an entry.
    pub(crate) fn entry(&self, ledger: &str, number: u64, name: &KeyName) -> Result<Cipher, KeyError> {
        let whose = Whose { ledger: ledger.to_owned(), number, name: name.clone() };
        // As with the key of a day: the master may be replaced between the reading of one file and the other.
        self.read_entry(&whose).or_else(|_| {
            let _lock = self.lock()?;
            self.read_entry(&whose)
        })
    }

    /// The key that an entry has: what is hidden under it beside the ledger goes when the entry does.
    pub(crate) fn entry_of(&self, ledger: &str, number: u64) -> Result<Cipher, KeyError> {
        let whose = self.entries()?.into_iter().find(|whose| whose.ledger == ledger && whose.number == number);
        let whose = whose.ok_or_else(|| KeyError(format!("the key of entry {number} of {ledger} is not there")))?;
        self.entry(ledger, number, &whose.name)
    }

    fn read_entry(&self, whose: &Whose) -> Result<Cipher, KeyError> {
        let file = whose.file(self);
        let bytes = std::fs::read(&file).map_err(|error| KeyError(words(&file, &error)))?;
        for master in self.masters()? {
            if let Some(key) = master.unwrap(&whose.place(), &bytes).filter(|key| KeyName::of(key) == whose.name) {
                return Ok(Cipher::new(&key));
            }
        }
        Err(KeyError(format!("{}: the key does not open under the master key {}", file.display(), self.master_name()?)))
    }

    /// Whether the key of an entry is there.
    pub(crate) fn has_entry(&self, ledger: &str, number: u64, name: &KeyName) -> bool {
        Whose { ledger: ledger.to_owned(), number, name: name.clone() }.file(self).exists()
    }

    /// The number of the newest entry of a ledger that has a key; 0 when none has.
    pub(crate) fn newest_entry(&self, ledger: &str) -> Result<u64, KeyError> {
        let of = self.entries()?.into_iter().filter(|whose| whose.ledger == ledger);
        Ok(of.map(|whose| whose.number).max().unwrap_or(0))
    }

    /// Destroys the keys of entries: what they hide is gone, wherever it was copied to. Of those whose key is gone, nothing
    /// happens.
    pub(crate) fn destroy_entries(&self, ledger: &str, numbers: &BTreeSet<u64>) -> Result<(), KeyError> {
        let _lock = self.lock()?;
        let mut destroyed = false;
        for whose in self.entries()? {
            if whose.ledger == ledger && numbers.contains(&whose.number) {
                destroy(&whose.file(self))?;
                destroyed = true;
            }
        }
        let folder = folder(self.dir());
        if destroyed { sync(&folder).map_err(|error| KeyError(words(&folder, &error))) } else { Ok(()) }
    }

    /// Hides every key of an entry under another master key.
    pub(super) fn hide_entries_anew(&self, masters: &[Master], master: &Master) -> Result<(), KeyError> {
        for whose in self.entries()? {
            let file = whose.file(self);
            let wrong = |error: io::Error| KeyError(words(&file, &error));
            let bytes = std::fs::read(&file).map_err(wrong)?;
            let key = masters.iter().find_map(|master| master.unwrap(&whose.place(), &bytes));
            let key = key.ok_or_else(|| KeyError(format!("{}: opens under neither master key", file.display())))?;
            write_new(&file, &master.wrap(&whose.place(), &key), true).map_err(wrong)?;
            crash::point("a key hidden anew");
        }
        let folder = folder(self.dir());
        if folder.exists() { sync(&folder).map_err(|error| KeyError(words(&folder, &error))) } else { Ok(()) }
    }

    fn entries(&self) -> Result<Vec<Whose>, KeyError> {
        let folder = folder(self.dir());
        let wrong = |error: &io::Error| KeyError(words(&folder, error));
        let listing = match std::fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            listing => listing.map_err(|error| wrong(&error))?,
        };
        let mut all = Vec::new();
        for file in listing {
            all.extend(file.map_err(|error| wrong(&error))?.file_name().to_str().and_then(Whose::parse));
        }
        Ok(all)
    }
}

fn destroy(file: &Path) -> Result<(), KeyError> {
    let gone = overwrite(file).and_then(|()| {
        crash::point("entry key overwritten");
        std::fs::remove_file(file)
    });
    gone.map_err(|error| KeyError(words(file, &error)))
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
