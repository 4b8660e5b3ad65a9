//! Local accounts: who may say who they are with a name and a password (RFC 7617).
//!
//! [`mod@file`] keeps them, [`kept`] their passwords, [`rule`] says which names and passwords are good enough ([`leaked`]: which everybody tries first), [`throttle`] slows guessing
//! down, [`tries`] keeps what was tried; [`prompt`] asks for a password. This file answers the one question of every request: is it them?
//!
//! A browser repeats its password with every request. Argon2 is slow on purpose, so a password that was right is
//! remembered for [`REMEMBERED`] since it was last used, as a hash keyed by a secret of this process: neither memory nor a
//! core dump holds it in a form that could be guessed back without that key. It is remembered at the address that it came
//! from: whoever is at work there goes on whatever others guess elsewhere, and those learn nothing from it. Guesses from that
//! very address end it after [`PRESSED`].

pub(crate) mod file;
pub(crate) mod kept;
mod leaked;
pub(crate) mod prompt;
pub(crate) mod rule;
mod throttle;
pub(crate) mod tries;

pub(crate) use kept::hash;
pub(crate) use throttle::Place;

use crate::accounts::file::{Change, FileError, Stamp, Table};
use crate::accounts::rule::Name;
use crate::accounts::throttle::{By, Who};
use crate::accounts::tries::Tries;
use argon2::password_hash;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long after its last use a right password is believed without hashing it again: a day at work.
pub(crate) const REMEMBERED: Duration = Duration::from_secs(10 * 60 * 60);

/// Wrong passwords from the address where a right one is remembered that are borne there. They have to wait all the same, but
/// a right one among them would be let in.
const PRESSED: u32 = 100;

/// How many right passwords are remembered at once, and how many wrong ones.
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

/// Why a password has to be changed before anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// Somebody else chose it.
    GivenByAnother,
    /// It is older than the configuration lets it become.
    Old,
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
    tries: Mutex<Tries>,
    counts: Counts,
}

struct State {
    table: Table,
    stamp: Option<Stamp>,
    /// Right passwords, by whose they are and where they came from.
    remembered: HashMap<(Name, Place), Remembered>,
    /// Passwords that were wrong, and until when each is known to be.
    wrong: HashMap<Mark, Instant>,
}

/// A password that was right.
struct Remembered {
    mark: Mark,
    until: Instant,
    /// Wrong ones since then, of the same account and from the same address.
    pressed: u32,
}

/// Passwords that let nobody in, since the start.
#[derive(Debug, Default)]
struct Counts {
    wrong: AtomicU64,
    waiting_account: AtomicU64,
    waiting_address: AtomicU64,
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
            state: Mutex::new(State { table, stamp, remembered: HashMap::new(), wrong: HashMap::new() }),
            tries: Mutex::new(Tries::open(data_dir)?),
            counts: Counts::default(),
            path,
        })
    }

    /// The answer when it needs no hashing: a password that was right a moment ago. Takes microseconds.
    pub(crate) fn remembered(&self, name: &str, password: &str, place: Place) -> Option<Arc<str>> {
        self.remembered_at(name, password, place, Instant::now())
    }

    /// Whether the account exists, is open, and has this password.
    ///
    /// Takes tens of milliseconds of a core: call it where blocking is allowed, after [`Accounts::remembered`].
    pub(crate) fn verify(&self, name: &str, password: &str, place: Place) -> Verification {
        self.verify_at(name, password, place, (Instant::now(), Timestamp::now()))
    }

    /// Passwords that let nobody in: those that were wrong, those not looked at for their account's sake, and for their
    /// address's.
    pub(crate) fn counts(&self) -> [u64; 3] {
        let Counts { wrong, waiting_account, waiting_address } = &self.counts;
        [wrong, waiting_account, waiting_address].map(|count| count.load(Ordering::Relaxed))
    }

    fn remembered_at(&self, name: &str, password: &str, place: Place, now: Instant) -> Option<Arc<str>> {
        let name = Name::parse(name).ok()?;
        let mut state = self.state();
        self.refresh(&mut state);
        let account = state.table.open_account(&name)?;
        let mark = self.mark(&name, password, &account.hash);
        let remembered = state.remembered.get_mut(&(name.clone(), place))?;
        if remembered.mark != mark || now >= remembered.until {
            return None;
        }
        remembered.until = now + REMEMBERED;
        Some(name.into_arc())
    }

    fn verify_at(&self, name: &str, password: &str, place: Place, (now, at): (Instant, Timestamp)) -> Verification {
        // A name that cannot exist is not worth a hash: everybody can tell that it is none.
        let Ok(name) = Name::parse(name) else {
            return Verification::Wrong;
        };
        if password.len() > rule::PASSWORD_BYTES {
            return Verification::Wrong;
        }
        let mut tries = self.tries();
        // Asked again under the lock: a browser opens several connections at once, and the first has just answered
        // for the others.
        if let Some(name) = self.remembered_at(name.as_str(), password, place, now) {
            return Verification::Verified(name);
        }
        let (stored, since) = match self.state().table.open_account(&name) {
            Some(account) => (account.hash.clone(), Some(account.changed)),
            None => (self.nobody.clone(), None),
        };
        let mark = self.mark(&name, password, &stored);
        // A program that keeps an old password is nobody who guesses, and is told nothing new.
        if self.state().wrong.get(&mark).is_some_and(|until| now < *until) {
            return Verification::Wrong;
        }
        let who = Who { name: &name, since, place };
        let mut held = tries.hold();
        if let Some((retry_after, by)) = held.throttle().wait(&who, at) {
            self.counts.waits(by);
            self.press(&name, place);
            return Verification::Throttled { retry_after };
        }
        if kept::matches(password, &stored) && since.is_some() {
            if held.throttle().succeeded(&who, at) {
                held.keep(at);
            }
            let mark = match kept::is_bcrypt(&stored) {
                true => self.keep_anew(&name, password, stored).unwrap_or(mark),
                false => mark,
            };
            let remembered = Remembered { mark, until: now + REMEMBERED, pressed: 0 };
            let all = &mut self.state().remembered;
            make_room(all, |remembered| now < remembered.until);
            all.insert((name.clone(), place), remembered);
            Verification::Verified(name.into_arc())
        } else {
            let begins = held.throttle().failed(&who, at);
            held.keep(at);
            self.press(&name, place);
            let wrong = &mut self.state().wrong;
            make_room(wrong, |until| now < *until);
            wrong.insert(mark, now + REMEMBERED);
            self.counts.wrong.fetch_add(1, Ordering::Relaxed);
            // Whose account or address it is, nobody reads here: `octroi user list` says which accounts are locked.
            match begins {
                Some(By::Account) => {
                    tracing::warn!("an account had too many wrong passwords: it is locked for a while")
                }
                Some(By::Address) => tracing::warn!("an address sent too many wrong passwords: it has to wait"),
                None => {}
            }
            Verification::Wrong
        }
    }

    /// A wrong password of an account: where a right one is remembered, it is borne for a while.
    fn press(&self, name: &Name, place: Place) {
        let mut state = self.state();
        let key = (name.clone(), place);
        let Some(remembered) = state.remembered.get_mut(&key) else { return };
        remembered.pressed += 1;
        if remembered.pressed > PRESSED {
            state.remembered.remove(&key);
            tracing::warn!("an account had too many wrong passwords from where its holder works: they wait as well");
        }
    }

    /// Keeps a password that was just right in the gate's own form; the mark it then has.
    fn keep_anew(&self, name: &Name, password: &str, from: String) -> Option<Mark> {
        let hash = hash(password).ok()?;
        let mark = self.mark(name, password, &hash);
        let change = Change::Rehash { from, hash };
        match file::change(self.path.parent().unwrap_or(Path::new("")), name, change) {
            Ok(()) => Some(mark),
            Err(why) => {
                tracing::warn!(?why, "a password from elsewhere stays in the form that it came in");
                None
            }
        }
    }

    /// Whether there is an open account of that name.
    pub(crate) fn exists(&self, name: &Name) -> bool {
        let mut state = self.state();
        self.refresh(&mut state);
        state.table.open_account(name).is_some()
    }

    /// What a form shown to the holder of an account brings back. It holds as long as this process, and as the password.
    pub(crate) fn form_token(&self, name: &Name) -> String {
        let stored = self.state().table.open_account(name).map(|account| account.hash.clone()).unwrap_or_default();
        self.mark(name, "a form", &stored).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Why the holder of an account has to choose another password before anything else, if so; `days` is how old a password
    /// may become, 0: as old as it may.
    pub(crate) fn due(&self, name: &str, days: u16, now: Timestamp) -> Option<Due> {
        let name = Name::parse(name).ok()?;
        let mut state = self.state();
        self.refresh(&mut state);
        let account = state.table.open_account(&name)?;
        let age = now.duration_since(account.changed);
        match account.must_change {
            true => Some(Due::GivenByAnother),
            false if days > 0 && age >= SignedDuration::from_hours(24 * i64::from(days)) => Some(Due::Old),
            false => None,
        }
    }

    fn tries(&self) -> MutexGuard<'_, Tries> {
        // What a panic left half counted is read again from the file.
        self.tries.lock().unwrap_or_else(PoisonError::into_inner)
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

impl Counts {
    fn waits(&self, by: By) {
        let count = match by {
            By::Account => &self.waiting_account,
            By::Address => &self.waiting_address,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Forgets what is over when there is much, and all when all of it still counts.
fn make_room<K: Eq + Hash, V>(all: &mut HashMap<K, V>, counts: impl Fn(&V) -> bool) {
    if all.len() >= REMEMBERED_AT_MOST {
        all.retain(|_, value| counts(value));
    }
    if all.len() >= REMEMBERED_AT_MOST {
        all.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

    const PASSWORD: &str = "Trois poissons, 2 canards";
    const DESK: Place = Place::Address(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)));

    fn gate() -> (tempfile::TempDir, Accounts) {
        let dir = tempfile::tempdir().expect("a folder");
        add(dir.path(), "a.martin", PASSWORD);
        let accounts = Accounts::open(dir.path()).expect("opens");
        (dir, accounts)
    }

    fn add(dir: &Path, name: &str, password: &str) {
        let name = Name::parse(name).expect("a name");
        let hash = hash(password).expect("hashed");
        file::change(dir, &name, Change::Add { hash, must_change: false }).expect("added");
    }

    fn now() -> (Instant, Timestamp) {
        (Instant::now(), Timestamp::now())
    }

    #[test]
    fn the_right_password_is_verified_then_remembered_as_long_as_it_is_used() {
        let (_dir, accounts) = gate();
        let now = now();
        assert_eq!(accounts.remembered_at("a.martin", PASSWORD, DESK, now.0), None);
        let martin = Verification::Verified("a.martin".into());
        assert_eq!(accounts.verify_at("A.Martin", PASSWORD, DESK, now), martin);
        let used = now.0 + REMEMBERED / 2;
        assert_eq!(accounts.remembered_at("a.martin", PASSWORD, DESK, used).as_deref(), Some("a.martin"));
        assert_eq!(accounts.remembered_at("a.martin", "another", DESK, now.0), None);
        let again = used + REMEMBERED - Duration::from_secs(1);
        assert_eq!(accounts.remembered_at("a.martin", PASSWORD, DESK, again).as_deref(), Some("a.martin"));
        assert_eq!(accounts.remembered_at("a.martin", PASSWORD, DESK, again + REMEMBERED), None);
    }

    #[test]
    fn wrong_unknown_and_impossible_are_told_alike() {
        let (_dir, accounts) = gate();
        for (name, password) in [("a.martin", "wrong"), ("nobody", PASSWORD), ("no:body", PASSWORD), ("", "")] {
            assert_eq!(accounts.verify(name, password, DESK), Verification::Wrong, "{name}");
        }
        assert_eq!(accounts.verify("nobody", "nobody has this password", DESK), Verification::Wrong);
    }

    #[test]
    fn a_disabled_account_and_a_changed_password_count_at_once() {
        let (dir, accounts) = gate();
        let name = Name::parse("a.martin").expect("a name");
        assert_eq!(accounts.verify("a.martin", PASSWORD, DESK), Verification::Verified("a.martin".into()));
        let new = "Quatre poules, 3 oies";
        let change = Change::Password { hash: hash(new).expect("hashed"), must_change: false };
        file::change(dir.path(), &name, change).expect("changed");
        assert_eq!(accounts.remembered("a.martin", PASSWORD, DESK), None);
        assert_eq!(accounts.verify("a.martin", new, DESK), Verification::Verified("a.martin".into()));
        file::change(dir.path(), &name, Change::Disable).expect("disabled");
        assert_eq!(accounts.remembered("a.martin", new, DESK), None);
        assert_eq!(accounts.verify("a.martin", new, DESK), Verification::Wrong);
    }

    #[test]
    fn guessing_is_slowed_down_but_the_person_at_work_is_not_locked_out() {
        let (dir, accounts) = gate();
        let now = now();
        assert_eq!(accounts.verify_at("a.martin", PASSWORD, DESK, now), Verification::Verified("a.martin".into()));
        let stranger = Place::Address([10, 0, 0, 66].into());
        let guess = |accounts: &Accounts, n: u32| accounts.verify_at("a.martin", &format!("guess {n}"), stranger, now);
        let throttled = (0..5).filter(|n| matches!(guess(&accounts, *n), Verification::Throttled { .. })).count();
        assert_eq!((throttled, accounts.counts()), (2, [3, 2, 0]));
        // The old password of a program that keeps it is not looked at again, and counts for nothing.
        assert_eq!(guess(&accounts, 0), Verification::Wrong);
        assert_eq!(accounts.counts(), [3, 2, 0]);
        // Remembered: no attempt; and nothing that a stranger could find out by it.
        assert_eq!(accounts.remembered_at("a.martin", PASSWORD, stranger, now.0), None);
        assert!(matches!(accounts.verify_at("a.martin", PASSWORD, stranger, now), Verification::Throttled { .. }));
        assert_eq!(accounts.verify_at("a.martin", PASSWORD, DESK, now), Verification::Verified("a.martin".into()));
        // After a restart nobody is remembered, and nothing forgotten: guesses wait, and the desk is known.
        let restarted = Accounts::open(dir.path()).expect("opens");
        assert!(matches!(guess(&restarted, 9), Verification::Throttled { .. }));
        assert_eq!(restarted.verify_at("a.martin", PASSWORD, DESK, now), Verification::Verified("a.martin".into()));
    }

    #[test]
    fn a_password_from_elsewhere_is_kept_anew_at_its_first_use() {
        let (dir, accounts) = gate();
        let name = Name::parse("p.dupont").expect("a name");
        let parts = bcrypt::hash_with_result(PASSWORD, 4).expect("hashed");
        let add = Change::Add { hash: parts.format_for_version(bcrypt::Version::TwoY), must_change: true };
        file::change(dir.path(), &name, add).expect("added");
        assert_eq!(accounts.verify("p.dupont", "wrong", DESK), Verification::Wrong);
        let dupont = Verification::Verified("p.dupont".into());
        assert_eq!(accounts.verify("p.dupont", PASSWORD, DESK), dupont);
        let table = file::read(&file::path(dir.path())).expect("read");
        let account = table.open_account(&name).expect("open");
        assert!(account.hash.starts_with("$argon2id$") && account.must_change && account.changed == account.created);
        assert_eq!(accounts.remembered("p.dupont", PASSWORD, DESK).as_deref(), Some("p.dupont"));
    }

    #[test]
    fn a_password_is_due_when_another_chose_it_or_when_it_is_old() {
        let (dir, accounts) = gate();
        let now = Timestamp::now();
        let later = now + SignedDuration::from_hours(24 * 90);
        let due = |days, at| accounts.due("a.martin", days, at);
        assert_eq!([due(0, now), due(0, later), due(90, now), due(90, later)], [None, None, None, Some(Due::Old)]);
        let change = Change::Password { hash: hash(PASSWORD).expect("hashed"), must_change: true };
        file::change(dir.path(), &Name::parse("a.martin").expect("a name"), change).expect("changed");
        assert_eq!(due(0, now), Some(Due::GivenByAnother));
        assert_eq!(accounts.due("nobody", 90, later), None);
    }

    #[test]
    fn guesses_from_where_somebody_works_are_borne_for_a_while() {
        let (_dir, accounts) = gate();
        let now = now();
        let martin = Verification::Verified("a.martin".into());
        assert_eq!(accounts.verify_at("a.martin", PASSWORD, DESK, now), martin);
        let guess = |n: u32| accounts.verify_at("a.martin", &format!("guess {n}"), DESK, now);
        (0..PRESSED).for_each(|n| assert_ne!(guess(n), martin));
        assert_eq!(accounts.verify_at("a.martin", PASSWORD, DESK, now), martin);
        guess(PRESSED);
        assert!(matches!(accounts.verify_at("a.martin", PASSWORD, DESK, now), Verification::Throttled { .. }));
    }

    #[test]
    fn a_broken_file_stops_the_start_but_not_a_gate_at_work() {
        let (dir, accounts) = gate();
        std::fs::write(file::path(dir.path()), "{ half").expect("written");
        assert_eq!(accounts.verify("a.martin", PASSWORD, DESK), Verification::Verified("a.martin".into()));
        assert!(Accounts::open(dir.path()).is_err());
    }
}
