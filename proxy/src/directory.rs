//! The directory (LDAP, RFC 4511): who somebody is by name and password, and in which of the charter's groups.
//!
//! [`Directory`] is the whole of it for everybody else. It asks `servers` in their order over TLS, keeps what they said in its
//! `cache`, and goes on with that when none answers, for as long as `away_for` says and no longer.
//!
//! What is asked and read is `ber`, `message` and `filter`: our own, because what a server says, or somebody in its place before TLS
//! begins, must not be able to stop the gate; the LDAP libraries at hand read elements within elements by recursion.

mod ber;
mod cache;
mod filter;
mod link;
mod message;
mod names;
mod passwords;
mod roster;
mod search;
mod servers;
mod throttle;

pub(crate) use cache::{Person, WrittenPerson, kept};
pub(crate) use filter::Filter;
pub(crate) use link::Trouble;
pub(crate) use roster::Wanted;

use crate::config::{Dns, Ldap, Server};
use crate::gate::Gate;
use crate::identify::Groups;
use cache::Cache;
use jiff::Timestamp;
use names::folded;
use passwords::{Passwords, REMEMBERED};
use roster::{Named, Roster};
use servers::{Answer, Question, Servers};
use std::collections::HashSet;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use throttle::Attempt;

/// How often what is kept is written.
const SAVED: Duration = Duration::from_secs(60);
/// The longest name or password that is looked at.
const LONGEST: usize = 256;

/// What the directory says of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// Who it is.
    Known(Person),
    /// Nobody, somebody whose account is closed, or another password: which of these is not told.
    Refused,
    /// Too many wrong passwords: this one was not looked at.
    Throttled,
    /// It does not answer, and nothing is known that still counts.
    Away,
}

/// The directory.
pub(crate) struct Directory {
    servers: Servers,
    passwords: Passwords,
    cache: Cache,
    /// Names that are asked about in the background.
    renewing: Mutex<HashSet<String>>,
}

impl Directory {
    /// Reads what was kept. Asks nothing yet.
    pub(crate) fn new(settings: &Ldap, dns: &Dns, data_dir: &Path) -> Result<Directory, String> {
        Ok(Directory {
            servers: Servers::new(settings, dns)?,
            passwords: Passwords::new()?,
            cache: Cache::open(data_dir),
            renewing: Mutex::default(),
        })
    }

    /// How it is asked.
    pub(crate) fn settings(&self) -> &Ldap {
        &self.servers.settings
    }

    /// Whether that name and that password belong together, and who it is. A password that was right a moment ago is not sent again;
    /// while no server answers, one that was right before counts as long as [`Ldap::away_for`].
    pub(crate) async fn verify(
        self: &Arc<Self>,
        wanted: &Arc<Wanted>,
        from: IpAddr,
        typed: &str,
        password: &str,
    ) -> Found {
        let name = folded(names::searched(typed, &self.settings().base)).into_owned();
        if name.is_empty() || password.is_empty() || name.len() > LONGEST || password.len() > LONGEST {
            return Found::Refused;
        }
        if self.passwords.is_remembered(&name, password, Instant::now()) {
            return self.person_named(wanted, &name).await;
        }
        let _turn = self.passwords.turn(&name).await;
        // A browser opens several connections at once, and the first has just answered for the others.
        if self.passwords.is_remembered(&name, password, Instant::now()) {
            return self.person_named(wanted, &name).await;
        }
        match self.passwords.attempt(&name, password, from, Instant::now()) {
            Attempt::Look => {}
            Attempt::SameAgain => return Found::Refused,
            Attempt::Wait(_) => return Found::Throttled,
        }
        match self.ask_about(wanted, &name, Some(password)).await {
            Ok(Some(person)) => {
                self.passwords.right(&name, password, from, Instant::now());
                Found::Known(person)
            }
            Ok(None) => {
                self.passwords.wrong(&name, password, from, Instant::now());
                Found::Refused
            }
            Err(_) => match self.passwords.age(&name, password, Instant::now()) {
                Some(age) if age < self.settings().away_for.max(REMEMBERED) => self.kept(wanted, &name),
                _ => Found::Away,
            },
        }
    }

    /// Who that account is, of somebody who has proved it elsewhere: `a.martin`, `a.martin@AD.PME.TEST`.
    pub(crate) async fn person(self: &Arc<Self>, wanted: &Arc<Wanted>, account: &str) -> Found {
        let name = folded(names::searched(account, &self.settings().base)).into_owned();
        if name.is_empty() || name.len() > LONGEST {
            return Found::Refused;
        }
        self.person_named(wanted, &name).await
    }

    /// Which of the charter's groups these security identifiers are, beside themselves. `None`: it cannot be known.
    pub(crate) async fn of_sids(&self, wanted: &Wanted, sids: &[Arc<str>]) -> Option<Groups> {
        let roster = self.roster(wanted).await.ok()?;
        let set = sids.iter().map(|sid| sid.to_string()).collect();
        let mut groups = roster.among(&HashSet::new(), &set);
        groups.extend(sids.iter().cloned());
        Some(groups.into())
    }

    /// What is missing, a sentence each.
    pub(crate) fn notes(&self) -> Vec<String> {
        let away = self.servers.unhelpful().map(|(since, trouble)| {
            let seconds = self.settings().away_for.as_secs();
            let long =
                if seconds < 3600 { format!("{} minutes", seconds / 60) } else { format!("{} hours", seconds / 3600) };
            format!("the directory does not help since {since:.0}: {trouble}; what it said before counts for {long}")
        });
        let missing = self.cache.missing();
        let missing = (!missing.is_empty())
            .then(|| format!("the charter names groups that the directory does not have: {}", missing.join("; ")));
        away.into_iter().chain(missing).collect()
    }

    /// Whether a server helped when one was last asked.
    pub(crate) fn is_up(&self) -> bool {
        self.servers.unhelpful().is_none()
    }

    /// Questions asked, of these without an answer, and people kept.
    pub(crate) fn counts(&self) -> (u64, u64, usize) {
        {
            let (questions, failures) = self.servers.counts();
            (questions, failures, self.cache.len())
        }
    }

    /// Writes what is kept. Blocking.
    pub(crate) fn save(&self) {
        if let Err(why) = self.cache.save(self.settings().away_for, Timestamp::now()) {
            tracing::warn!(%why, "what is kept of the directory cannot be written");
        }
    }

    /// Whether this one server, whatever rests, lets the gate in; for whoever looks at the set-up.
    pub(crate) async fn greet(&self, server: &Server) -> Result<(), Trouble> {
        self.servers.put(server, &Question::Hello).await.map(drop)
    }

    /// The groups of the charter that the directory does not have.
    pub(crate) async fn missing(&self, wanted: &Wanted) -> Result<Vec<String>, Trouble> {
        Ok(self.roster(wanted).await?.missing().map(str::to_owned).collect())
    }

    async fn person_named(self: &Arc<Self>, wanted: &Arc<Wanted>, name: &str) -> Found {
        let refresh = self.settings().refresh;
        match self.cache.person(name, wanted, Timestamp::now()) {
            Some((person, age)) if age < refresh => return Found::Known(person),
            Some((person, age)) if age < refresh.saturating_mul(2).min(self.settings().away_for) => {
                self.renew(wanted, name);
                return Found::Known(person);
            }
            _ => {}
        }
        match self.ask_about(wanted, name, None).await {
            Ok(Some(person)) => Found::Known(person),
            Ok(None) => Found::Refused,
            Err(_) => self.kept(wanted, name),
        }
    }

    /// What was said of somebody before, as long as it counts.
    fn kept(&self, wanted: &Wanted, name: &str) -> Found {
        match self.cache.person(name, wanted, Timestamp::now()) {
            Some((person, age)) if age < self.settings().away_for => Found::Known(person),
            _ => Found::Away,
        }
    }

    /// Asks about somebody again, beside everything else.
    fn renew(self: &Arc<Self>, wanted: &Arc<Wanted>, name: &str) {
        let renewing = |directory: &Directory| -> bool { directory.renewing().insert(name.to_owned()) };
        if !renewing(self) {
            return;
        }
        let (directory, wanted, name) = (self.clone(), wanted.clone(), name.to_owned());
        tokio::spawn(async move {
            // Nobody waits for it; what goes wrong is noted where it does.
            let _ = directory.ask_about(&wanted, &name, None).await;
            directory.renewing().remove(&name);
        });
    }

    async fn ask_about(&self, wanted: &Wanted, name: &str, password: Option<&str>) -> Result<Option<Person>, Trouble> {
        let roster = self.roster(wanted).await?;
        let Answer::Person(found) = self.servers.ask(&Question::Person { name, password, roster: &roster }).await?
        else {
            return Err(Trouble::Odd);
        };
        match &found {
            Some(person) => self.cache.keep(name, person.clone(), wanted, Timestamp::now()),
            // A wrong password says nothing of the account.
            None if password.is_none() => self.cache.forget(name),
            None => {}
        }
        Ok(found)
    }

    /// What the groups of the charter are called.
    async fn roster(&self, wanted: &Wanted) -> Result<Arc<Roster>, Trouble> {
        let kept = self.cache.roster(wanted, Timestamp::now());
        if let Some((roster, age)) = &kept
            && *age < self.settings().refresh
        {
            return Ok(roster.clone());
        }
        let by_sid: Vec<Named> = wanted.names().iter().filter_map(|name| Named::by_sid(name)).collect();
        if by_sid.len() == wanted.names().len() {
            return Ok(Arc::new(Roster { groups: by_sid }));
        }
        match self.servers.ask(&Question::Groups(wanted.names())).await {
            Ok(Answer::Groups(roster)) => {
                let roster = Arc::new(roster);
                self.cache.keep_roster(roster.clone(), wanted, Timestamp::now());
                Ok(roster)
            }
            Ok(_) => Err(Trouble::Odd),
            Err(trouble) => match kept {
                Some((roster, age)) if age < self.settings().away_for => Ok(roster),
                _ => Err(trouble),
            },
        }
    }

    fn renewing(&self) -> MutexGuard<'_, HashSet<String>> {
        self.renewing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes what is kept from time to time.
pub(crate) async fn save_each_minute(gate: Arc<Gate>) {
    while gate.stopping.run_until_cancelled(tokio::time::sleep(SAVED)).await.is_some() {
        save(&gate).await;
    }
}

/// Writes what is kept, off the reactor.
pub(crate) async fn save(gate: &Gate) {
    if let Some(directory) = gate.state().directory.clone() {
        // It says in the log what went wrong.
        let _ = tokio::task::spawn_blocking(move || directory.save()).await;
    }
}
