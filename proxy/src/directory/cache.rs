//! What the directory said of people, kept for when it is asked again within minutes, or does not answer: in memory, and in
//! `directory.json` of the data folder, so that a restart without the directory locks nobody out.
//!
//! An account, the groups of the charter that it is in, and when that was said; no password in any form.

use super::roster::{Roster, Wanted};
use crate::files;
use crate::identify::Groups;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The file.
const FILE: &str = "directory.json";
/// People kept at most; beyond, whoever was asked about longest ago goes.
const PEOPLE: usize = 20_000;

/// Somebody, as the directory knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    /// The account.
    pub(crate) account: Arc<str>,
    /// The groups of the charter that they are in.
    pub(crate) groups: Groups,
}

#[derive(Debug, Clone)]
struct Kept {
    person: Person,
    /// The groups that were asked about.
    wanted: u64,
    at: Timestamp,
}

/// What is kept.
pub(super) struct Cache {
    path: PathBuf,
    state: Mutex<State>,
    changed: AtomicBool,
}

#[derive(Default)]
struct State {
    people: HashMap<String, Kept>,
    roster: Option<(u64, Timestamp, Arc<Roster>)>,
}

/// The file's form.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    /// By the name that was searched for.
    people: BTreeMap<String, WrittenPerson>,
    roster: Option<(u64, Timestamp, Roster)>,
}

/// Somebody in the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenPerson {
    /// The account.
    pub(crate) account: String,
    /// The groups of the charter that they are in.
    pub(crate) groups: Vec<String>,
    wanted: u64,
    /// When the directory said so.
    pub(crate) at: Timestamp,
}

impl Cache {
    /// What the file holds. One that cannot be read is told and left out: it is written anew.
    pub(super) fn open(data_dir: &Path) -> Cache {
        let path = data_dir.join(FILE);
        let written = read(data_dir).unwrap_or_else(|why| {
            tracing::warn!(%why, "what was kept of the directory cannot be read: it is asked anew");
            Written::default()
        });
        let kept = |(name, person): (String, WrittenPerson)| {
            let WrittenPerson { account, groups, wanted, at } = person;
            let groups = groups.iter().map(|group| Arc::from(group.as_str())).collect();
            (name, Kept { person: Person { account: account.into(), groups }, wanted, at })
        };
        let people = written.people.into_iter().map(kept).collect();
        let roster = written.roster.map(|(mark, at, roster)| (mark, at, Arc::new(roster)));
        Cache { path, state: Mutex::new(State { people, roster }), changed: AtomicBool::new(false) }
    }

    /// Who was found under that name, and how long ago; with the groups that are wanted, all of them.
    pub(super) fn person(&self, name: &str, wanted: &Wanted, now: Timestamp) -> Option<(Person, Duration)> {
        let state = self.state();
        let kept = state.people.get(name).filter(|kept| kept.wanted == wanted.mark())?;
        Some((kept.person.clone(), age(kept.at, now)))
    }

    /// Keeps what was said.
    pub(super) fn keep(&self, name: &str, person: Person, wanted: &Wanted, now: Timestamp) {
        let mut state = self.state();
        state.people.insert(name.to_owned(), Kept { person, wanted: wanted.mark(), at: now });
        if state.people.len() > PEOPLE
            && let Some(oldest) = state.people.iter().min_by_key(|(_, kept)| kept.at).map(|(name, _)| name.clone())
        {
            state.people.remove(&oldest);
        }
        self.changed.store(true, Ordering::Relaxed);
    }

    /// Forgets somebody.
    pub(super) fn forget(&self, name: &str) {
        if self.state().people.remove(name).is_some() {
            self.changed.store(true, Ordering::Relaxed);
        }
    }

    /// What the groups that are wanted are called, and how long ago that was said.
    pub(super) fn roster(&self, wanted: &Wanted, now: Timestamp) -> Option<(Arc<Roster>, Duration)> {
        let state = self.state();
        let (mark, at, roster) = state.roster.as_ref()?;
        (*mark == wanted.mark()).then(|| (roster.clone(), age(*at, now)))
    }

    /// Keeps what they are called.
    pub(super) fn keep_roster(&self, roster: Arc<Roster>, wanted: &Wanted, now: Timestamp) {
        self.state().roster = Some((wanted.mark(), now, roster));
        self.changed.store(true, Ordering::Relaxed);
    }

    /// The groups that the directory did not have when it was last asked.
    pub(super) fn missing(&self) -> Vec<String> {
        let state = self.state();
        state.roster.iter().flat_map(|(_, _, roster)| roster.missing().map(str::to_owned)).collect()
    }

    /// How many people are kept.
    pub(super) fn len(&self) -> usize {
        self.state().people.len()
    }

    /// Forgets what is older, and writes the file if anything has changed.
    pub(super) fn save(&self, longest: Duration, now: Timestamp) -> io::Result<()> {
        let written = {
            let mut state = self.state();
            let before = state.people.len();
            state.people.retain(|_, kept| age(kept.at, now) <= longest);
            if before == state.people.len() && !self.changed.load(Ordering::Relaxed) {
                return Ok(());
            }
            self.changed.store(false, Ordering::Relaxed);
            let person = |kept: &Kept| WrittenPerson {
                account: kept.person.account.to_string(),
                groups: kept.person.groups.iter().map(ToString::to_string).collect(),
                wanted: kept.wanted,
                at: kept.at,
            };
            let people = state.people.iter().map(|(name, kept)| (name.clone(), person(kept))).collect();
            let roster = state.roster.as_ref().map(|(mark, at, roster)| (*mark, *at, Roster::clone(roster)));
            Written { people, roster }
        };
        let text = serde_json::to_vec(&written).map_err(io::Error::other)?;
        let outcome = files::replace(&self.path, |file| file.write_all(&text));
        if outcome.is_err() {
            self.changed.store(true, Ordering::Relaxed);
        }
        outcome
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is one insertion or removal: a panic leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A clock that was set back makes nothing young: what is of the future is as old as can be.
fn age(at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(at)).unwrap_or(Duration::MAX)
}

fn read(data_dir: &Path) -> io::Result<Written> {
    match std::fs::read(data_dir.join(FILE)) {
        Ok(text) => serde_json::from_slice(&text).map_err(io::Error::other),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(Written::default()),
        Err(why) => Err(why),
    }
}

/// What is kept of the people of a data folder, for whoever answers a person.
pub(crate) fn kept(data_dir: &Path) -> io::Result<Vec<WrittenPerson>> {
    Ok(read(data_dir)?.people.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).expect("an instant")
    }

    #[test]
    fn what_is_kept_outlives_a_restart_but_not_its_term_nor_another_charter() {
        let dir = tempfile::tempdir().expect("a folder");
        let wanted = Wanted::new(["cn=x"].into_iter());
        let cache = Cache::open(dir.path());
        let person = Person { account: "a.martin".into(), groups: Arc::from([Arc::from("cn=x")]) };
        cache.keep("a.martin", person.clone(), &wanted, at(0));
        cache.keep_roster(Arc::default(), &wanted, at(0));
        cache.save(Duration::from_secs(10), at(5)).expect("written");
        let again = Cache::open(dir.path());
        assert_eq!(again.person("a.martin", &wanted, at(7)), Some((person, Duration::from_secs(7))));
        assert!(again.roster(&wanted, at(7)).is_some());
        assert_eq!(again.person("a.martin", &Wanted::new(["cn=y"].into_iter()), at(7)), None);
        assert!(again.person("a.martin", &wanted, at(-7)).is_some_and(|(_, age)| age == Duration::MAX));
        again.save(Duration::from_secs(10), at(11)).expect("written");
        assert_eq!(kept(dir.path()).expect("read").len(), 0);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_written_anew() {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(dir.path().join(FILE), "{ half").expect("written");
        assert_eq!(Cache::open(dir.path()).len(), 0);
    }
}
