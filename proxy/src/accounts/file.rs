//! The accounts' file, `accounts.json` of the data folder: written whole, readable by the gate's own account alone.

use super::rule::Name;
use crate::files;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// One account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Account {
    /// The password's hash, a PHC string.
    pub(crate) hash: String,
    /// When the account was opened.
    pub(crate) created: Timestamp,
    /// When its password was last set, or when it was disabled.
    pub(crate) changed: Timestamp,
    /// It can't be used.
    pub(crate) disabled: bool,
    /// Its holder has to choose another password before anything else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) must_change: bool,
}

/// All accounts, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    /// Name to account. The names are in normal form, as only [`change`] writes them.
    pub(crate) accounts: BTreeMap<String, Account>,
}

impl Table {
    /// The account of that name, unless it is disabled.
    pub(crate) fn open_account(&self, name: &Name) -> Option<&Account> {
        self.accounts.get(name.as_str()).filter(|account| !account.disabled)
    }
}

/// A change to one account.
#[derive(Debug)]
pub(crate) enum Change {
    /// Opens it, or reopens it when it is disabled.
    Add {
        /// Of its password.
        hash: String,
        /// It is somebody else's, who has to choose another.
        must_change: bool,
    },
    /// Gives it another password.
    Password {
        /// Of its password.
        hash: String,
        /// It is somebody else's, who has to choose another.
        must_change: bool,
    },
    /// Keeps the password that it has in another form.
    Rehash {
        /// As it is kept.
        from: String,
        /// As it is to be.
        hash: String,
    },
    /// Closes it.
    Disable,
}

/// The accounts' file can't be used.
#[derive(Debug)]
pub(crate) struct FileError {
    path: PathBuf,
    why: String,
}

impl FileError {
    pub(super) fn new(path: &Path, why: &impl Display) -> FileError {
        FileError { path: path.to_owned(), why: why.to_string() }
    }

    /// The system gave no random bytes, without which no password can be kept or compared.
    pub(super) fn random(why: &impl Display) -> FileError {
        FileError::new(Path::new("the system's random numbers"), why)
    }
}

impl Display for FileError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}: {}", self.path.display(), self.why)
    }
}

impl std::error::Error for FileError {}

/// Why an account was not changed.
#[derive(Debug)]
pub(crate) enum ChangeError {
    /// There is an open account of that name.
    Exists,
    /// There is no account of that name.
    Unknown,
    /// The account is disabled.
    Disabled,
    /// The file can't be used.
    File(FileError),
}

/// Where the accounts of a data folder are.
pub(crate) fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("accounts.json")
}

/// What tells one state of the file from another without reading it: each change writes a new file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    inode: u64,
    length: u64,
    changed: (i64, i64),
}

/// The file's stamp; `None` when there is no file.
pub(super) fn stamp(path: &Path) -> Option<Stamp> {
    let data = std::fs::metadata(path).ok()?;
    Some(Stamp { inode: data.ino(), length: data.len(), changed: (data.ctime(), data.ctime_nsec()) })
}

/// Reads the file; none is an empty table.
pub(crate) fn read(path: &Path) -> Result<Table, FileError> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(Table::default()),
        Err(why) => return Err(FileError::new(path, &why)),
    };
    serde_json::from_slice(&text).map_err(|why| FileError::new(path, &why))
}

/// Changes one account. Two commands at once wait for each other.
pub(crate) fn change(data_dir: &Path, name: &Name, change: Change) -> Result<(), ChangeError> {
    change_all(data_dir, vec![(name.clone(), change)])
}

/// Changes several accounts, or none of them when one cannot be.
pub(crate) fn change_all(data_dir: &Path, changes: Vec<(Name, Change)>) -> Result<(), ChangeError> {
    let path = path(data_dir);
    let failed = |why: io::Error| ChangeError::File(FileError::new(&path, &why));
    files::private_dir(data_dir).map_err(failed)?;
    // The lock is on a file of its own, since the accounts' file is replaced by each change.
    let lock = File::create(data_dir.join("accounts.lock")).map_err(failed)?;
    lock.lock().map_err(failed)?;
    let mut table = read(&path).map_err(ChangeError::File)?;
    let now = Timestamp::now();
    changes.into_iter().try_for_each(|(name, change)| apply(&mut table, &name, change, now))?;
    let mut text = serde_json::to_vec_pretty(&table).map_err(|why| ChangeError::File(FileError::new(&path, &why)))?;
    text.push(b'\n');
    files::replace(&path, |file| file.write_all(&text)).map_err(failed)
}

/// Whether the change would be made now, to ask for no password in vain.
pub(crate) fn would_change(data_dir: &Path, name: &Name, change: Change) -> Result<(), ChangeError> {
    let mut table = read(&path(data_dir)).map_err(ChangeError::File)?;
    apply(&mut table, name, change, Timestamp::now())
}

fn apply(table: &mut Table, name: &Name, change: Change, now: Timestamp) -> Result<(), ChangeError> {
    let account = table.accounts.get_mut(name.as_str());
    match (change, account) {
        (Change::Add { .. }, Some(account)) if !account.disabled => {
            return Err(ChangeError::Exists);
        }
        (Change::Add { hash, must_change }, Some(account)) => {
            *account = Account { hash, created: account.created, changed: now, disabled: false, must_change };
        }
        (Change::Add { hash, must_change }, None) => {
            let account = Account { hash, created: now, changed: now, disabled: false, must_change };
            table.accounts.insert(name.to_string(), account);
        }
        (_, None) => return Err(ChangeError::Unknown),
        (_, Some(account)) if account.disabled => return Err(ChangeError::Disabled),
        (Change::Password { hash, must_change }, Some(account)) => {
            (account.hash, account.changed, account.must_change) = (hash, now, must_change);
        }
        (Change::Rehash { from, hash }, Some(account)) if account.hash == from => account.hash = hash,
        // Changed meanwhile: what was verified is no longer what is kept.
        (Change::Rehash { .. }, Some(_)) => {}
        (Change::Disable, Some(account)) => (account.disabled, account.changed) = (true, now),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> Name {
        Name::parse("a.martin").expect("a name")
    }

    #[test]
    fn an_account_lives_through_its_changes() {
        let dir = tempfile::tempdir().expect("a folder");
        let data = dir.path().join("data");
        let hash = |text: &str| text.to_owned();
        assert!(matches!(change(&data, &name(), Change::Disable), Err(ChangeError::Unknown)));
        let asked = Change::Password { hash: String::new(), must_change: false };
        assert!(matches!(would_change(&data, &name(), asked), Err(ChangeError::Unknown)));
        assert!(
            would_change(&data, &name(), Change::Add { hash: String::new(), must_change: false }).is_ok()
                && !path(&data).exists()
        );
        change(&data, &name(), Change::Add { hash: hash("1"), must_change: false }).expect("added");
        assert!(matches!(
            change(&data, &name(), Change::Add { hash: hash("2"), must_change: false }),
            Err(ChangeError::Exists)
        ));
        change(&data, &name(), Change::Password { hash: hash("2"), must_change: false }).expect("changed");
        change(&data, &name(), Change::Disable).expect("disabled");
        assert!(matches!(
            change(&data, &name(), Change::Password { hash: hash("3"), must_change: false }),
            Err(ChangeError::Disabled)
        ));
        assert_eq!(read(&path(&data)).expect("read").open_account(&name()), None);
        change(&data, &name(), Change::Add { hash: hash("4"), must_change: false }).expect("reopened");
        let table = read(&path(&data)).expect("read");
        let account = table.open_account(&name()).expect("open");
        assert!(account.hash == "4" && account.created < account.changed);
    }

    #[test]
    fn a_file_of_another_kind_is_refused_and_kept() {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(path(dir.path()), "{\"accounts\": []}").expect("written");
        let refused = change(dir.path(), &name(), Change::Add { hash: String::new(), must_change: false });
        assert!(matches!(refused, Err(ChangeError::File(_))));
        assert_eq!(std::fs::read_to_string(path(dir.path())).expect("read"), "{\"accounts\": []}");
    }
}
