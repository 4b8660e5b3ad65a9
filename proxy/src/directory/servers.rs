//! The servers of a directory: asked in their order, each with a deadline; one that failed rests, and nobody waits for it.

use super::cache::Person;
use super::link::{Link, Trouble};
use super::roster::Roster;
use super::search;
use crate::config::{Dns, Ldap, Server};
use crate::outbound::Outbound;
use jiff::Timestamp;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Questions asked at once; whoever comes later waits for a place, as long as for an answer.
const AT_ONCE: usize = 16;
/// How long a server that failed is not asked: those behind it are, and nobody waits for it.
const REST: Duration = Duration::from_secs(5);
/// How long the system's authorities are believed without being read again.
const BELIEVED: Duration = Duration::from_secs(15 * 60);
/// The servers.
pub(super) struct Servers {
    pub(super) settings: Ldap,
    outbound: Outbound,
    tls: tokio::sync::Mutex<Option<(Instant, Arc<rustls::ClientConfig>)>>,
    /// Until when each of them rests.
    resting: Mutex<Vec<Option<Instant>>>,
    places: Semaphore,
    trouble: Mutex<Option<(Timestamp, Trouble)>>,
    questions: AtomicU64,
    failures: AtomicU64,
}

/// What is asked of a server, all over one connection.
pub(super) enum Question<'a> {
    /// Nothing: whether it lets the gate in.
    Hello,
    /// Who that is; with a password, whether it is theirs.
    Person { name: &'a str, password: Option<&'a str>, roster: &'a Roster },
    /// What these groups are called.
    Groups(&'a [Arc<str>]),
}

/// What it answers.
pub(super) enum Answer {
    Hello,
    Person(Option<Person>),
    Groups(Roster),
}

impl Servers {
    /// None was asked yet.
    pub(super) fn new(settings: &Ldap, dns: &Dns) -> Result<Servers, String> {
        Ok(Servers {
            outbound: Outbound::new(dns, settings.ca_file.as_deref())?,
            tls: tokio::sync::Mutex::default(),
            resting: Mutex::new(vec![None; settings.servers.len()]),
            places: Semaphore::new(AT_ONCE),
            trouble: Mutex::default(),
            questions: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            settings: settings.clone(),
        })
    }

    /// Since when none helps, and why the last did not.
    pub(super) fn unhelpful(&self) -> Option<(Timestamp, Trouble)> {
        self.trouble().clone()
    }

    /// Questions, and of these without an answer.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.questions.load(Ordering::Relaxed), self.failures.load(Ordering::Relaxed))
    }

    /// Puts a question to the servers, in their order; one that has just failed is passed over.
    pub(super) async fn ask(&self, question: &Question<'_>) -> Result<Answer, Trouble> {
        self.questions.fetch_add(1, Ordering::Relaxed);
        let waited = tokio::time::timeout(self.settings.timeout, self.places.acquire()).await;
        let Ok(Ok(_place)) = waited else { return Err(self.failed(Trouble::Slow)) };
        let mut last = self.trouble().as_ref().map_or(Trouble::Slow, |(_, trouble)| trouble.clone());
        for (place, server) in self.settings.servers.iter().enumerate() {
            let rests = |until: &Option<Instant>| until.is_some_and(|until| Instant::now() < until);
            if self.resting().get(place).is_some_and(rests) {
                continue;
            }
            match self.put(server, question).await {
                Ok(answer) => {
                    self.helped(place);
                    return Ok(answer);
                }
                // The question is at fault, and would be at the next server.
                Err(trouble @ (Trouble::TooMany | Trouble::Limited)) => {
                    tracing::error!(why = %trouble, "which groups of an account count is not known: it is turned away");
                    return Err(trouble);
                }
                Err(trouble) => {
                    if let Some(until) = self.resting().get_mut(place) {
                        *until = Some(Instant::now() + REST);
                    }
                    last = trouble;
                }
            }
        }
        Err(self.failed(last))
    }

    fn helped(&self, place: usize) {
        if let Some(until) = self.resting().get_mut(place) {
            *until = None;
        }
        if self.trouble().take().is_some() {
            tracing::info!("the directory helps again");
        }
    }

    fn failed(&self, trouble: Trouble) -> Trouble {
        self.failures.fetch_add(1, Ordering::Relaxed);
        let mut known = self.trouble();
        if known.is_none() {
            tracing::error!(why = %trouble, "the directory does not help: what it said before counts for now");
        }
        let since = known.as_ref().map_or_else(Timestamp::now, |(since, _)| *since);
        *known = Some((since, trouble.clone()));
        trouble
    }

    /// Puts a question to one server, within the time it has.
    pub(super) async fn put(&self, server: &Server, question: &Question<'_>) -> Result<Answer, Trouble> {
        let asked = async {
            let tls = self.believed().await?;
            let mut link = Link::open(&self.outbound, tls, server).await?;
            search::as_reader(&self.settings, &mut link).await?;
            let answer = match question {
                Question::Hello => Answer::Hello,
                Question::Person { name, password, roster } => {
                    Answer::Person(search::find(&self.settings, &mut link, name, *password, roster).await?)
                }
                Question::Groups(names) => Answer::Groups(search::call(&mut link, names).await?),
            };
            link.close().await;
            Ok(answer)
        };
        tokio::time::timeout(self.settings.timeout, asked).await.unwrap_or(Err(Trouble::Slow))
    }

    /// What TLS believes, read anew from time to time.
    async fn believed(&self) -> Result<Arc<rustls::ClientConfig>, Trouble> {
        let mut tls = self.tls.lock().await;
        if let Some((at, config)) = &*tls
            && at.elapsed() < BELIEVED
        {
            return Ok(config.clone());
        }
        let config = self.outbound.tls().await.map_err(Trouble::Unreachable)?;
        *tls = Some((Instant::now(), config.clone()));
        Ok(config)
    }

    fn resting(&self) -> MutexGuard<'_, Vec<Option<Instant>>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn trouble(&self) -> MutexGuard<'_, Option<(Timestamp, Trouble)>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
