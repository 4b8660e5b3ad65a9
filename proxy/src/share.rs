//! Fair share: what each person may move, by a rule's `bandwidth` and on the organisation's line.
//!
//! A person is the account when it is known, else the address. What all connections of one person move by one rule, both ways
//! together, is held under the rule's `bandwidth`; what everybody moves, under `[limits] bandwidth`, of which each person who
//! wants some has an equal part, and what one leaves the others take. Bytes are asked for when they have been read and
//! before they are written: what nobody may write yet is not read on, and TCP tells the sender to wait.
//!
//! It knows who moves bytes now, and for as long as that lasts: nothing of it is written anywhere. What a rule's budget has
//! left is counted by [`Meter`], where bytes get their share, so that whichever way they move they are counted once.
mod bucket;
#[cfg(test)]
mod tests;
mod turns;

use crate::identify::Client;
use crate::terms::Meter;
use policy::Rate;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use turns::Turns;

/// Everybody's shares.
pub(crate) struct Shares {
    line: Arc<Turns<Person>>,
    caps: Mutex<HashMap<CapOf, Cap>>,
    waits: AtomicU64,
}

/// Who shares with others. It can't be shown, so that it gets into no log.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Person {
    /// An account.
    Account(Arc<str>),
    /// Nobody known at this address.
    Address(IpAddr),
}

impl Person {
    /// Who a client is to those it shares with.
    pub(crate) fn of(client: &Client) -> Person {
        match &client.user {
            Some(account) => Person::Account(account.clone()),
            None => Person::Address(client.address),
        }
    }
}

/// A rule's limit for one person. A rule whose limit was changed by a reload is another one: what is under way keeps its own.
#[derive(Clone, PartialEq, Eq, Hash)]
struct CapOf {
    rule: Box<str>,
    rate: Rate,
    person: Person,
}

struct Cap {
    turns: Arc<Turns<()>>,
    /// How many lanes have it.
    lanes: usize,
}

/// An exchange's way through the limits, both directions.
pub(crate) struct Lane<'a> {
    shares: &'a Shares,
    person: Person,
    cap: Option<(CapOf, Arc<Turns<()>>)>,
    on_the_line: bool,
    /// The rule's budget.
    meter: Option<Meter<'a>>,
}

/// What the rule granted and the line has not; given back when dropped.
struct Unused<'a> {
    cap: &'a Arc<Turns<()>>,
    bytes: usize,
}

impl Shares {
    /// Shares of a line of that rate; of none, when it has no limit.
    pub(crate) fn new(line: Option<Rate>) -> Shares {
        Shares { line: Arc::new(Turns::new(line)), caps: Mutex::default(), waits: AtomicU64::new(0) }
    }

    /// The line has another rate from now on, for what is under way too. An exchange that began while it had no limit goes
    /// on without.
    pub(crate) fn limit(&self, line: Option<Rate>) {
        self.line.limit(line);
    }

    /// The lane of an exchange that `rule` let through under `cap`, if any, and that counts on the line or not, and by a
    /// budget's meter. `None` when nothing limits it.
    pub(crate) fn lane<'g>(
        &'g self,
        client: &Client,
        on_the_line: bool,
        cap: Option<(&str, Rate)>,
        meter: Option<Meter<'g>>,
    ) -> Option<Lane<'g>> {
        if !on_the_line && cap.is_none() && meter.is_none() {
            return None;
        }
        let person = Person::of(client);
        let cap = cap.map(|(rule, rate)| {
            let of = CapOf { rule: rule.into(), rate, person: person.clone() };
            let mut caps = self.caps.lock().unwrap_or_else(PoisonError::into_inner);
            let cap = caps.entry(of.clone());
            let cap = cap.or_insert_with(|| Cap { turns: Arc::new(Turns::new(Some(rate))), lanes: 0 });
            cap.lanes += 1;
            (of, cap.turns.clone())
        });
        if on_the_line {
            self.line.enter(&person);
        }
        Some(Lane { shares: self, person, cap, on_the_line, meter })
    }

    /// How often somebody had to wait, since the start.
    pub(crate) fn waits(&self) -> u64 {
        self.waits.load(Ordering::Relaxed)
    }
}

impl Lane<'_> {
    /// Waits until some of `want` bytes may be written, and says how many: at least one, unless none is wanted. When a
    /// budget has nothing left, it waits for ever: see [`Lane::within`].
    ///
    /// Cancel safety: dropped, nothing is taken, and whoever waits behind goes on.
    pub(crate) async fn take(&self, want: usize) -> usize {
        if want == 0 {
            return 0;
        }
        let granted = self.share(want).await;
        let Some(meter) = &self.meter else { return granted };
        match meter.moves(granted) {
            0 => std::future::pending().await,
            counted => counted,
        }
    }

    /// Runs what moves by a lane to its end; `None` when its budget ended before.
    pub(crate) async fn within<T>(lane: Option<&Lane<'_>>, work: impl Future<Output = T>) -> Option<T> {
        let Some(meter) = lane.and_then(|lane| lane.meter.as_ref()) else { return Some(work.await) };
        tokio::select! {
            biased;
            () = meter.used_up() => None,
            done = work => Some(done),
        }
    }

    async fn share(&self, want: usize) -> usize {
        let Shares { line, waits, .. } = self.shares;
        let Some((_, cap)) = &self.cap else {
            return if self.on_the_line { line.take(&self.person, want, waits).await } else { want };
        };
        let mine = cap.take(&(), want, waits).await;
        if !self.on_the_line {
            return mine;
        }
        let mut unused = Unused { cap, bytes: mine };
        let granted = line.take(&self.person, mine, waits).await;
        unused.bytes = mine.saturating_sub(granted);
        granted
    }
}

impl Drop for Lane<'_> {
    fn drop(&mut self) {
        if self.on_the_line {
            self.shares.line.leave(&self.person);
        }
        if let Some((of, _)) = self.cap.take() {
            let mut caps = self.shares.caps.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(cap) = caps.get_mut(&of) {
                cap.lanes -= 1;
                if cap.lanes == 0 {
                    caps.remove(&of);
                }
            }
        }
    }
}

impl Drop for Unused<'_> {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.cap.give_back(self.bytes);
        }
    }
}
