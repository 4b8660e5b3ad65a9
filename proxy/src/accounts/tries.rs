//! Wrong passwords, kept on the disk: neither a restart nor a command, each of which is a process of its own, forgets the
//! guesses before it.

use super::file::{self, FileError, Stamp};
use super::rule::Name;
use super::throttle::{Place, Throttle};
use super::{Accounts, Verification};
use crate::files;
use argon2::password_hash;
use jiff::Timestamp;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The file, and what it said when it was last read.
pub(super) struct Tries {
    path: PathBuf,
    stamp: Option<Stamp>,
    throttle: Throttle,
}

/// The file as it is now, closed to everybody else until this is dropped.
pub(super) struct Held<'a> {
    tries: &'a mut Tries,
    _lock: Option<File>,
}

impl Tries {
    /// Reads the file of a data folder. None yet is no error.
    pub(super) fn open(data_dir: &Path) -> Result<Tries, FileError> {
        let path = data_dir.join("accounts.failures");
        let salt = password_hash::try_generate_salt().map_err(|why| FileError::random(&why))?;
        let mut tries = Tries { path, stamp: None, throttle: Throttle::new(salt) };
        tries.read()?;
        Ok(tries)
    }

    /// Takes hold of the file. When that fails, what is in memory goes on being counted: guessing is slowed down whatever
    /// becomes of the disk.
    pub(super) fn hold(&mut self) -> Held<'_> {
        let lock = self.lock();
        let lock = lock.and_then(|lock| self.read().map(|()| lock));
        if let Err(why) = &lock {
            tracing::error!(%why, "wrong passwords are counted in memory alone");
        }
        Held { tries: self, _lock: lock.ok() }
    }

    fn lock(&self) -> Result<File, FileError> {
        let failed = |why: io::Error| FileError::new(&self.path, &why);
        // The lock is on a file of its own, since the other is replaced by each change.
        let path = self.path.with_extension("failures.lock");
        files::private_dir(self.path.parent().unwrap_or(Path::new(""))).map_err(failed)?;
        let lock = File::create(path).map_err(failed)?;
        lock.lock().map_err(failed)?;
        Ok(lock)
    }

    /// Reads the file again when it is another than before.
    fn read(&mut self) -> Result<(), FileError> {
        let stamp = file::stamp(&self.path);
        if stamp == self.stamp {
            return Ok(());
        }
        if stamp.is_some() {
            let text = std::fs::read(&self.path).map_err(|why| FileError::new(&self.path, &why))?;
            self.throttle = serde_json::from_slice(&text).map_err(|why| {
                let cure = "remove the file, and wrong passwords are counted anew";
                FileError::new(&self.path, &format!("{why}; {cure}"))
            })?;
        }
        self.stamp = stamp;
        Ok(())
    }
}

impl Held<'_> {
    /// What is known of failures.
    pub(super) fn throttle(&mut self) -> &mut Throttle {
        &mut self.tries.throttle
    }

    /// Writes what has changed.
    pub(super) fn keep(self, now: Timestamp) {
        let tries = self.tries;
        tries.throttle.sweep(now);
        let written = serde_json::to_vec(&tries.throttle)
            .map_err(io::Error::other)
            .and_then(|text| files::replace(&tries.path, |file| file.write_all(&text)));
        match written {
            Ok(()) => tries.stamp = file::stamp(&tries.path),
            Err(why) => tracing::error!(%why, "wrong passwords are counted in memory alone"),
        }
    }
}

/// Whether the account exists, is open, and has this password, typed for a command.
pub(crate) fn verify(data_dir: &Path, name: &Name, password: &str) -> Result<Verification, FileError> {
    let accounts = Accounts::open(data_dir)?;
    // A command that cannot write down what was tried would let the next one try again.
    accounts.tries().lock()?;
    Ok(accounts.verify(name.as_str(), password, Place::Machine))
}

/// Forgets the wrong passwords of an account.
pub(crate) fn unlock(data_dir: &Path, name: &Name) -> Result<(), FileError> {
    let mut tries = Tries::open(data_dir)?;
    let mut held = tries.hold();
    held.throttle().unlock(name);
    held.keep(Timestamp::now());
    Ok(())
}

/// Until when a stranger's password for an account is not looked at, by its name and when it was last changed.
pub(crate) fn locked_until(
    data_dir: &Path,
) -> Result<impl Fn(&str, Timestamp) -> Option<Timestamp> + use<>, FileError> {
    let tries = Tries::open(data_dir)?;
    let now = Timestamp::now();
    Ok(move |name: &str, since| tries.throttle.locked_until(&Name::parse(name).ok()?, since, now))
}

/// Whether an account can be used, whatever its password.
pub(crate) fn is_open(data_dir: &Path, name: &Name) -> Result<bool, FileError> {
    Ok(file::read(&file::path(data_dir))?.open_account(name).is_some())
}

/// Whether its holder has to choose another password before anything else; what cannot be read is.
pub(crate) fn must_change(data_dir: &Path, name: &Name) -> bool {
    file::read(&file::path(data_dir)).map_or(true, |table| table.open_account(name).is_none_or(|one| one.must_change))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::file::{Change, change};

    const PASSWORD: &str = "Trois poissons, 2 canards";

    #[test]
    fn guesses_of_one_command_after_the_other_are_slowed_down() {
        let dir = tempfile::tempdir().expect("a folder");
        let name = Name::parse("a.martin").expect("a name");
        let hash = crate::accounts::hash(PASSWORD).expect("hashed");
        change(dir.path(), &name, Change::Add { hash, must_change: false }).expect("added");
        let try_it = |password: &str| verify(dir.path(), &name, password).expect("looked at");
        for guess in 0..3 {
            assert_eq!(try_it(&format!("guess {guess}")), Verification::Wrong);
        }
        assert!(matches!(try_it(PASSWORD), Verification::Throttled { .. }), "the right one has to wait too");
        let kept = std::fs::read_to_string(dir.path().join("accounts.failures")).expect("kept");
        assert!(!kept.contains("guess") && !kept.contains("martin"), "{kept}");
        unlock(dir.path(), &name).expect("unlocked");
        assert_eq!(try_it(PASSWORD), Verification::Verified("a.martin".into()));
    }

    #[test]
    fn a_damaged_file_says_what_to_do() {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(dir.path().join("accounts.failures"), "{ half").expect("written");
        let why = Accounts::open(dir.path()).err().expect("refused").to_string();
        assert!(why.contains("accounts.failures") && why.contains("remove the file"), "{why}");
    }
}
