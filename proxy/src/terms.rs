//! The terms on which the charter lets through: warnings that were acknowledged, budgets that are being used.
//!
//! Who acknowledged what, and who used how much of what, is known here by tags alone: keyed hashes of person and rule, from
//! which neither can be read. So it is kept on the disk too (`terms.json`), and a restart neither asks nor gives anew.
//! What is over is forgotten: an acknowledgement at its end, a counter with its day or week. No figure about a person leaves
//! this room but on the page that this person is shown. That somebody acknowledged is in the register, as records are
//! ([`crate::record::acknowledged`]).
pub(crate) mod desk;
mod file;
mod meter;
mod token;

pub(crate) use meter::Meter;
pub(crate) use token::{Claim, Doubt};

use crate::gate::{Gate, State};
use crate::identify::Client;
use crate::share::Person;
use file::Secret;
use jiff::Timestamp;
use meter::Spent;
use policy::{Budget, Decision, Query, Target};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often what has changed is written: so much a crash gives back of a budget.
const WRITE: Duration = Duration::from_secs(10);

/// What person and rule are known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Tag([u8; 16]);

/// Whether the terms are met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// They are, or there are none.
    Met,
    /// The warning has not been acknowledged.
    Warned,
    /// Nothing is left of the budget.
    UsedUp,
}

/// How far an acknowledgement reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach<'a> {
    /// All that this rule warns of by this category.
    Category(&'a str),
    /// All that the rule lists itself.
    Rule,
    /// One host: the rule warns of whatever is asked.
    Host,
}

/// What somebody has had of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Minutes or bytes.
    pub(crate) used: u64,
    /// When it is given anew.
    pub(crate) until: Timestamp,
}

/// Acknowledgements and counters.
pub(crate) struct Terms {
    secret: Secret,
    path: PathBuf,
    kept: Mutex<Kept>,
    /// One write after the other.
    writing: Mutex<()>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Kept {
    /// Until when (UTC µs).
    acknowledged: HashMap<Tag, i64>,
    spent: HashMap<Tag, Spent>,
    /// Something is not on the disk yet.
    changed: bool,
}

impl Terms {
    /// Takes up what the data folder holds.
    pub(crate) fn open(data_dir: &Path) -> Result<Terms, String> {
        let path = data_dir.join("terms.json");
        let kept = file::read(&path).map_err(|why| {
            let path = path.display();
            format!("{path}: {why}. Remove it: budgets then begin anew, and warnings are shown again")
        })?;
        Ok(Terms { secret: Secret::open(data_dir)?, path, kept: Mutex::new(kept), writing: Mutex::default() })
    }

    /// Whether a decision's terms are met, for this client and now. To ask is to begin: it counts as a minute of a budget.
    pub(crate) fn standing(
        &self,
        state: &State,
        client: &Client,
        target: &Target,
        decision: &Decision,
        now: Timestamp,
    ) -> Standing {
        match state.in_force.terms(decision) {
            policy::Terms::None => Standing::Met,
            policy::Terms::Acknowledge(_) => {
                let tag = self.warning(state, client, target, decision);
                let until = self.kept().acknowledged.get(&tag).copied();
                let good = until.is_some_and(|until| now.as_microsecond() < until);
                if good { Standing::Met } else { Standing::Warned }
            }
            policy::Terms::Budget(budget) => match self.meter_of(state, client, decision, budget).begins(now) {
                true => Standing::Met,
                false => Standing::UsedUp,
            },
        }
    }

    /// What counts an exchange that a budget lets through; `None`: nothing does.
    pub(crate) fn meter(&self, state: &State, client: &Client, decision: &Decision) -> Option<Meter<'_>> {
        match state.in_force.terms(decision) {
            policy::Terms::Budget(budget) => Some(self.meter_of(state, client, decision, budget)),
            policy::Terms::None | policy::Terms::Acknowledge(_) => None,
        }
    }

    fn meter_of(&self, state: &State, client: &Client, decision: &Decision, budget: Budget) -> Meter<'_> {
        let rule = state.in_force.rule(decision).unwrap_or_default();
        // Another unit or period is another budget; another amount is not.
        let unit = match budget.amount {
            policy::Amount::Minutes(_) => "minutes",
            policy::Amount::Bytes(_) => "bytes",
        };
        let tag = self.secret.tag("budget", &Person::of(client), &[rule, unit, budget.per.as_str()]);
        Meter::new(self, tag, budget, state.config.time_zone.clone())
    }

    /// How far an acknowledgement of a decision's warning reaches.
    pub(crate) fn reach<'s>(state: &'s State, decision: &Decision) -> Reach<'s> {
        match state.in_force.category(decision) {
            Some(category) => Reach::Category(category),
            None if decision.is_by_entry() => Reach::Rule,
            None => Reach::Host,
        }
    }

    fn warning(&self, state: &State, client: &Client, target: &Target, decision: &Decision) -> Tag {
        let rule = state.in_force.rule(decision).unwrap_or_default();
        let reach = match Terms::reach(state, decision) {
            Reach::Category(category) => ["category", category],
            Reach::Rule => ["rule", ""],
            Reach::Host => ["host", target.host()],
        };
        self.secret.tag("warning", &Person::of(client), &[rule, reach[0], reach[1]])
    }

    /// What the page of a warning carries, so that nobody else can acknowledge it. `url` is where one then goes on.
    pub(crate) fn offer(
        &self,
        state: &State,
        client: &Client,
        target: &Target,
        decision: &Decision,
        url: &str,
        now: Timestamp,
    ) -> String {
        token::seal(&self.secret, self.warning(state, client, target, decision), url, now)
    }

    /// Reads what a page carried. What it claims is held against who asks by [`Terms::claimed`].
    pub(crate) fn read(&self, offer: &str, now: Timestamp) -> Result<Claim, Doubt> {
        token::open(&self.secret, offer, now)
    }

    /// The warning that a claim is of, if it is one of the charter in force, about this question, and of who asks it.
    pub(crate) fn claimed(&self, state: &State, client: &Client, query: &Query<'_>, claim: &Claim) -> Option<Decision> {
        // A rule that looks at the answer warns of what no question alone tells: so all of them are tried.
        let mut warnings = state.in_force.warnings(query);
        warnings.find(|decision| self.warning(state, client, query.target, decision) == claim.of)
    }

    /// Notes that the warning of a decision was acknowledged; the register has it already.
    pub(crate) fn acknowledge(
        &self,
        state: &State,
        client: &Client,
        target: &Target,
        decision: &Decision,
        now: Timestamp,
    ) {
        let policy::Terms::Acknowledge(long) = state.in_force.terms(decision) else { return };
        let tag = self.warning(state, client, target, decision);
        let until = now.checked_add(long).unwrap_or(Timestamp::MAX);
        let mut kept = self.kept();
        kept.acknowledged.insert(tag, until.as_microsecond());
        kept.changed = true;
        drop(kept);
        self.write(now);
    }

    /// What this client has had of a decision's budget.
    pub(crate) fn usage(
        &self,
        state: &State,
        client: &Client,
        decision: &Decision,
        budget: Budget,
        now: Timestamp,
    ) -> Usage {
        self.meter_of(state, client, decision, budget).usage(now)
    }

    /// Forgets what is over, and writes what has changed. A failure is said in the log: what is in memory holds.
    pub(crate) fn write(&self, now: Timestamp) {
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kept = self.kept();
        kept.forget(now.as_microsecond());
        if !std::mem::take(&mut kept.changed) {
            return;
        }
        let text = file::text(&kept);
        drop(kept);
        if let Err(error) = file::write(&self.path, &text) {
            self.kept().changed = true;
            tracing::error!(%error, "acknowledgements and budgets cannot be written: a restart would forget them");
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn forget(&mut self, now: i64) {
        let before = self.acknowledged.len() + self.spent.len();
        self.acknowledged.retain(|_, until| now < *until);
        self.spent.retain(|_, spent| now < spent.until);
        self.changed |= self.acknowledged.len() + self.spent.len() != before;
    }
}

/// Writes what has changed, as long as the gate runs.
pub(crate) async fn keep(gate: Arc<Gate>) {
    while gate.stopping.run_until_cancelled(tokio::time::sleep(WRITE)).await.is_some() {
        let writer = gate.clone();
        // The log says what failed.
        let _ = tokio::task::spawn_blocking(move || writer.terms.write(writer.now())).await;
    }
}

#[cfg(test)]
mod tests;
