//! Local accounts: who may say who they are with a name and a password (RFC 7617).
//!
//! [`mod@file`] keeps them, [`rule`] says which names and passwords are good enough, [`throttle`] slows guessing down, [`tries`] from one command to the
//! next; [`prompt`] asks for a password. This
//! file answers the one question of every request: is it them?
//!
//! A browser repeats its password with every request. Argon2 is slow on purpose, so a password that was right is
//! remembered for [`REMEMBERED`] as a hash keyed by a secret of this process: neither memory nor a core dump holds
//! it in a form that could be guessed back without that key.

pub(crate) mod file;
pub(crate) mod prompt;
pub(crate) mod rule;
mod throttle;
pub(crate) mod tries;

use crate::accounts::file::{FileError, Stamp, Table};
use crate::accounts::rule::Name;
use crate::accounts::throttle::{Attempt, Throttle};
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use argon2::{Argon2, password_hash};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a right password is believed without hashing it again.
pub(crate) const REMEMBERED: Duration = Duration::from_secs(5 * 60);

/// How many right passwords are remembered at once.
const REMEMBERED_AT_MOST: usize = 10_000;

/// What became of a name and a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verification {
    /// They belong together; the account's name in normal form.
    Verified(Arc<str>),
    /// No such account, a disabled one, or another password: which of these is not told.
    Wrong,
    /// Too many wrong passwords: this one was not looked at.
    Throttled {
        /// When the next one will be.
        retry_after: Duration,
    },
}

/// The accounts of this gate, as the file last said.
pub(crate) struct Accounts {
    path: PathBuf,
    /// Of this process alone: what is hashed with it means nothing elsewhere.
    key: [u8; 16],
    /// What an unknown name's password is compared with, so that it takes as long as a known one's.
    nobody: String,
    state: Mutex<State>,
    /// Held while a password is hashed: one at a time, so that a crowd of guesses takes 19 MiB and one core, not all.
    hashing: Mutex<()>,
}

struct State {
    table: Table,
    stamp: Option<Stamp>,
    remembered: HashMap<Mark, Instant>,
    throttle: Throttle,
}

/// A name, a password and the stored hash they were compared with, hashed together under the process's key.
///
/// As the stored hash is part of it, a changed password forgets what was remembered about the old one.
type Mark = [u8; 32];

impl Accounts {
    /// Reads the accounts of a data folder. None yet is no error; a file that cannot be read or understood is.
    pub(crate) fn open(data_dir: &Path) -> Result<Accounts, FileError> {
        let path = file::path(data_dir);
        let stamp = file::stamp(&path);
        let table = file::read(&path)?;
        Ok(Accounts {
            key: password_hash::try_generate_salt().map_err(|why| FileError::random(&why))?,
            nobody: hash("nobody has this password").map_err(|why| FileError::random(&why))?,
            state: Mutex::new(State { table, stamp, remembered: HashMap::new(), throttle: Throttle::default() }),
            hashing: Mutex::new(()),
            path,
        })
    }

    /// The answer when it needs no hashing: a password that was right a moment ago. Takes microseconds.
    pub(crate) fn remembered(&self, name: &str, password: &str) -> Option<Arc<str>> {
        self.remembered_at(name, password, Instant::now())
    }

    /// Whether the account exists, is open, and has this password.
    ///
    /// Takes tens of milliseconds of a core: call it where blocking is allowed, after [`Accounts::remembered`].
    pub(crate) fn verify(&self, name: &str, password: &str) -> Verification {
        self.verify_at(name, password, Instant::now())
    }

    fn remembered_at(&self, name: &str, password: &str, now: Instant) -> Option<Arc<str>> {
        let name = Name::parse(name).ok()?;
        let mut state = self.state();
        self.refresh(&mut state);
        let account = state.table.open_account(&name)?;
        let mark = self.mark(&name, password, &account.hash);
        let until = state.remembered.get(&mark)?;
        (now < *until).then(|| name.into_arc())
    }

    fn verify_at(&self, name: &str, password: &str, now: Instant) -> Verification {
        // A name that cannot exist is not worth a hash: everybody can tell that it is none.
        let Ok(name) = Name::parse(name) else {
            return Verification::Wrong;
        };
        if password.len() > rule::PASSWORD_BYTES {
            return Verification::Wrong;
        }
        let _one_at_a_time = self.hashing.lock().unwrap_or_else(PoisonError::into_inner);
        // Asked again under the lock: a browser opens several connections at once, and the first has just answered
        // for the others.
        if let Some(name) = self.remembered_at(name.as_str(), password, now) {
            return Verification::Verified(name);
        }
        let (stored, known) = match self.state().table.open_account(&name) {
            Some(account) => (account.hash.clone(), true),
            None => (self.nobody.clone(), false),
        };
        let mark = self.mark(&name, password, &stored);
        match self.state().throttle.attempt(name.as_str(), &mark, now) {
            Attempt::Look => {}
            Attempt::SameAgain => return Verification::Wrong,
            Attempt::Wait(retry_after) => return Verification::Throttled { retry_after },
        }
        let right = matches(password, &stored) && known;
        let mut state = self.state();
        if right {
            state.throttle.succeeded(name.as_str());
            remember(&mut state.remembered, mark, now);
            Verification::Verified(name.into_arc())
        } else {
            state.throttle.failed(name.as_str(), mark, known, now);
            Verification::Wrong
        }
    }

    /// Reads the file again when it is another than before. One that cannot be read keeps the accounts as they were:
    /// `octroi user` only ever writes whole files, so that it is somebody's edit, which must not lock everybody out.
    fn refresh(&self, state: &mut State) {
        let stamp = file::stamp(&self.path);
        if stamp == state.stamp {
            return;
        }
        state.stamp = stamp;
        match file::read(&self.path) {
            Ok(table) => state.table = table,
            Err(why) => tracing::error!(%why, "the accounts stay as they were"),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change below is a single insertion or assignment: a panic leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mark(&self, name: &Name, password: &str, stored: &str) -> Mark {
        let mut hasher = Sha256::new_with_prefix(self.key);
        for part in [name.as_str(), password, stored] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hasher.finalize().into()
    }
}

fn remember(remembered: &mut HashMap<Mark, Instant>, mark: Mark, now: Instant) {
    if remembered.len() >= REMEMBERED_AT_MOST {
        remembered.retain(|_, until| now < *until);
    }
    if remembered.len() < REMEMBERED_AT_MOST {
        remembered.insert(mark, now + REMEMBERED);
    }
}

/// Hashes a password for keeping: argon2id with 19 MiB, two passes and one lane, the OWASP recommendation and this
/// library's default.
pub(crate) fn hash(password: &str) -> Result<String, password_hash::Error> {
    let hash: PasswordHash = Argon2::default().hash_password(password.as_bytes())?;
    Ok(hash.to_string())
}

fn matches(password: &str, stored: &str) -> bool {
    PasswordHash::new(stored)
        .is_ok_and(|stored| Argon2::default().verify_password(password.as_bytes(), &stored).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::file::Change;

    const PASSWORD: &str = "Trois poissons, 2 canards";

    fn gate() -> (tempfile::TempDir, Accounts) {
        let dir = tempfile::tempdir().expect("a folder");
        add(dir.path(), "a.martin", PASSWORD);
        let accounts = Accounts::open(dir.path()).expect("opens");
        (dir, accounts)
    }

    fn add(dir: &Path, name: &str, password: &str) {
        let name = Name::parse(name).expect("a name");
        file::change(dir, &name, Change::Add { hash: hash(password).expect("hashed") }).expect("added");
    }

    #[test]
    fn the_right_password_is_verified_then_remembered() {
        let (_dir, accounts) = gate();
        let now = Instant::now();
        assert_eq!(accounts.remembered_at("a.martin", PASSWORD, now), None);
        let martin = Verification::Verified("a.martin".into());
        assert_eq!(accounts.verify_at("A.Martin", PASSWORD, now), martin);
        assert_eq!(accounts.remembered_at("a.martin", PASSWORD, now).as_deref(), Some("a.martin"));
        assert_eq!(accounts.remembered_at("a.martin", "another", now), None);
        assert_eq!(accounts.remembered_at("a.martin", PASSWORD, now + REMEMBERED), None);
    }

    #[test]
    fn wrong_unknown_and_impossible_are_told_alike() {
        let (_dir, accounts) = gate();
        for (name, password) in [("a.martin", "wrong"), ("nobody", PASSWORD), ("no:body", PASSWORD), ("", "")] {
            assert_eq!(accounts.verify(name, password), Verification::Wrong, "{name}");
        }
        assert_eq!(accounts.verify("nobody", "nobody has this password"), Verification::Wrong);
    }

    #[test]
    fn a_disabled_account_and_a_changed_password_count_at_once() {
        let (dir, accounts) = gate();
        let name = Name::parse("a.martin").expect("a name");
        assert_eq!(accounts.verify("a.martin", PASSWORD), Verification::Verified("a.martin".into()));
        let new = "Quatre poules, 3 oies";
        file::change(dir.path(), &name, Change::Password { hash: hash(new).expect("hashed") }).expect("changed");
        assert_eq!(accounts.remembered("a.martin", PASSWORD), None);
        assert_eq!(accounts.verify("a.martin", new), Verification::Verified("a.martin".into()));
        file::change(dir.path(), &name, Change::Disable).expect("disabled");
        assert_eq!(accounts.remembered("a.martin", new), None);
        assert_eq!(accounts.verify("a.martin", new), Verification::Wrong);
    }

    #[test]
    fn guessing_is_slowed_down_but_the_person_at_work_is_not_locked_out() {
        let (_dir, accounts) = gate();
        let now = Instant::now();
        assert_eq!(accounts.verify_at("a.martin", PASSWORD, now), Verification::Verified("a.martin".into()));
        let mut throttled = false;
        for guess in 0..5 {
            throttled |= matches!(
                accounts.verify_at("a.martin", &format!("guess {guess}"), now),
                Verification::Throttled { .. }
            );
        }
        assert!(throttled);
        // Remembered: no attempt. Forgotten: it waits like everybody.
        assert_eq!(accounts.verify_at("a.martin", PASSWORD, now), Verification::Verified("a.martin".into()));
    }

    #[test]
    fn a_broken_file_stops_the_start_but_not_a_gate_at_work() {
        let (dir, accounts) = gate();
        std::fs::write(file::path(dir.path()), "{ half").expect("written");
        assert_eq!(accounts.verify("a.martin", PASSWORD), Verification::Verified("a.martin".into()));
        assert!(Accounts::open(dir.path()).is_err());
    }
}
