//! Passwords that the directory found right, remembered as local ones are: as a hash under a key of this process.

use super::throttle::{Attempt, Throttle};
use argon2::password_hash;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a right password is believed without asking: as long as somebody may get in whom the directory has just closed out.
pub(super) const REMEMBERED: Duration = Duration::from_secs(5 * 60);
/// A name and a password, hashed together under the process's key.
pub(super) type Mark = [u8; 32];
/// How many are remembered at once.
const AT_MOST: usize = 10_000;
/// Turns at names: whoever guesses one name on hundreds of connections waits for himself.
const TURNS: usize = 256;

/// What is remembered of passwords, right and wrong.
pub(super) struct Passwords {
    key: [u8; 16],
    state: Mutex<State>,
    turns: Vec<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct State {
    /// The last right password of each name, and when it was right.
    right: HashMap<String, (Mark, Instant)>,
    /// Names, and where they gave a right password: no stranger's guesses lock out who works there.
    places: HashSet<(String, IpAddr)>,
    throttle: Throttle,
}

impl Passwords {
    /// None.
    pub(super) fn new() -> Result<Passwords, String> {
        Ok(Passwords {
            key: password_hash::try_generate_salt().map_err(|why| format!("the system gives no randomness: {why}"))?,
            state: Mutex::default(),
            turns: (0..TURNS).map(|_| tokio::sync::Mutex::default()).collect(),
        })
    }

    /// How long ago this password was right, if it was.
    pub(super) fn age(&self, name: &str, password: &str, now: Instant) -> Option<Duration> {
        let mark = self.mark(name, password);
        let state = self.state();
        let (_, at) = state.right.get(name).filter(|(right, _)| *right == mark)?;
        Some(now.saturating_duration_since(*at))
    }

    /// Whether it was right a moment ago.
    pub(super) fn is_remembered(&self, name: &str, password: &str, now: Instant) -> bool {
        self.age(name, password, now).is_some_and(|age| age < REMEMBERED)
    }

    /// Waits until nobody else tries this name.
    pub(super) async fn turn(&self, name: &str) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        let place = xxhash_rust::xxh3::xxh3_64(name.as_bytes()) as usize % TURNS;
        Some(self.turns.get(place)?.lock().await)
    }

    /// Whether the directory is asked about this password, from this address, now.
    pub(super) fn attempt(&self, name: &str, password: &str, from: IpAddr, now: Instant) -> Attempt {
        let mark = self.mark(name, password);
        let state = self.state();
        state.throttle.attempt(&state.counted(name, from), &mark, now)
    }

    /// It was right.
    pub(super) fn right(&self, name: &str, password: &str, from: IpAddr, now: Instant) {
        let mark = self.mark(name, password);
        let mut state = self.state();
        let counted = state.counted(name, from);
        state.throttle.succeeded(&counted);
        if state.places.len() >= 2 * AT_MOST {
            state.places.clear();
        }
        state.places.insert((name.to_owned(), from.to_canonical()));
        if state.right.len() >= AT_MOST
            && let Some(oldest) = state.right.iter().min_by_key(|(_, (_, at))| *at).map(|(name, _)| name.clone())
        {
            state.right.remove(&oldest);
        }
        state.right.insert(name.to_owned(), (mark, now));
    }

    /// It was wrong. `known`: the name has had a right one.
    pub(super) fn wrong(&self, name: &str, password: &str, from: IpAddr, now: Instant) {
        let mark = self.mark(name, password);
        let mut state = self.state();
        let known = state.right.contains_key(name);
        if state.right.get(name).is_some_and(|(right, _)| *right == mark) {
            state.right.remove(name);
        }
        let counted = state.counted(name, from);
        state.throttle.failed(&counted, mark, known, now);
    }

    fn mark(&self, name: &str, password: &str) -> Mark {
        let mut hasher = Sha256::new_with_prefix(self.key);
        for part in [name, password] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hasher.finalize().into()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Under what a failure of this name at this address counts.
    fn counted(&self, name: &str, from: IpAddr) -> String {
        let from = from.to_canonical();
        // No name that is searched for holds a line end behind which an address could stand: it would be another name.
        match self.places.contains(&(name.to_owned(), from)) {
            true => format!("{name}\n{from}"),
            false => name.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn a_right_password_is_remembered_until_it_is_wrong() {
        let (passwords, now) = (Passwords::new().expect("randomness"), Instant::now());
        passwords.right("a", "one", HERE, now);
        assert!(passwords.is_remembered("a", "one", now) && !passwords.is_remembered("a", "two", now));
        assert!(!passwords.is_remembered("b", "one", now) && !passwords.is_remembered("a", "one", now + REMEMBERED));
        assert_eq!(passwords.age("a", "one", now + REMEMBERED), Some(REMEMBERED));
        passwords.wrong("a", "one", HERE, now);
        assert_eq!(passwords.age("a", "one", now), None);
    }

    #[test]
    fn guesses_wait_and_the_same_one_is_not_asked_again() {
        let (passwords, now) = (Passwords::new().expect("randomness"), Instant::now());
        for guess in ["1", "2", "3"] {
            assert_eq!(passwords.attempt("a", guess, HERE, now), Attempt::Look);
            passwords.wrong("a", guess, HERE, now);
        }
        assert_eq!(passwords.attempt("a", "3", HERE, now), Attempt::SameAgain);
        assert!(matches!(passwords.attempt("a", "4", HERE, now), Attempt::Wait(_)));
    }
    #[test]
    fn a_stranger_locks_nobody_out_where_they_work() {
        let (passwords, now) = (Passwords::new().expect("randomness"), Instant::now());
        let elsewhere = IpAddr::from([10, 0, 0, 66]);
        passwords.right("a", "one", HERE, now);
        for guess in 0..20 {
            passwords.wrong("a", &guess.to_string(), elsewhere, now);
        }
        assert!(matches!(passwords.attempt("a", "x", elsewhere, now), Attempt::Wait(_)));
        assert_eq!(passwords.attempt("a", "one", HERE, now), Attempt::Look);
    }
}
