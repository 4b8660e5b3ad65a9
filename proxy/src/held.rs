//! Holds, as the gate and ordinary searches see them: what is held is not shown, what must not be forgotten is said.

use crate::commands::Wrong;
use crate::config::Config;
use crate::gate::Gate;
use crate::{access, register};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use logstore::hold::{self, Holds};
use logstore::people::{self, People};
use logstore::{Keys, LedgerError, Record};
use std::cell::Cell;
use std::path::Path;

/// Holds, and whose accounts and addresses are whose.
#[derive(Debug, Default)]
pub(crate) struct InForce {
    holds: Holds,
    people: People,
}

impl InForce {
    /// As the ledgers of the register in `dir` say it now. Fails rather than leave one out.
    pub(crate) fn read(dir: &Path, keys: &Keys) -> Result<InForce, LedgerError> {
        Ok(InForce { holds: Holds::read(dir, keys)?, people: people::read(dir, keys)? })
    }

    /// Whether a record is held, and not to be shown but under its hold.
    pub(crate) fn restricts(&self, record: &Record) -> bool {
        self.holds.restricts(record, &self.people).is_some()
    }

    /// What must not be forgotten of holds, a sentence each; nobody's name, and nothing of judicial ones.
    pub(crate) fn reminders(&self) -> Vec<String> {
        self.holds.reminders(TimeZone::UTC.to_datetime(Timestamp::now()).date())
    }
}

/// What is out of an ordinary search because it is held, counted as it is met.
#[derive(Debug)]
pub(crate) struct Held {
    in_force: InForce,
    met: Cell<u64>,
}

impl Held {
    /// Of the register there is; nothing when none was begun.
    pub(crate) fn read(config: &Config) -> Result<Held, Wrong> {
        let in_force = match register::is_begun(config) {
            false => InForce::default(),
            true => InForce::read(&config.register_dir(), &access::keys(config)?)
                .map_err(|why| Wrong::because(format!("what is held cannot be read, and must not be shown: {why}")))?,
        };
        Ok(Held { in_force, met: Cell::new(0) })
    }

    /// Whether there is no hold at all, by which a record could be out.
    pub(crate) fn is_none(&self) -> bool {
        self.in_force.holds.all().next().is_none()
    }

    /// Whether a record is not to be shown.
    pub(crate) fn restricts(&self, record: &Record) -> bool {
        let restricts = self.in_force.restricts(record);
        self.met.set(self.met.get() + u64::from(restricts));
        restricts
    }

    /// How many records were not shown.
    pub(crate) fn met(&self) -> u64 {
        self.met.get()
    }
}

/// Ends the holds whose last day has passed, and destroys what was taken out for those that are over, as far as the command
/// that released them could not. A failure is an alarm, and tried again within the hour.
pub(crate) async fn settle(gate: &Gate) {
    let (register, config) = (gate.register.clone(), gate.state().config.clone());
    let settled = move || {
        let node = register::settings(&config).node;
        hold::settle(register.dir(), register.keys(), &config.organisation.name, &node)
    };
    match tokio::task::spawn_blocking(settled).await {
        Ok(Ok(settled)) => {
            // Of a judicial hold nothing is said here either.
            for (hold, _) in settled.destroyed.iter().filter(|(_, attested)| attested.is_some()) {
                tracing::info!(hold, "what was taken out for a hold that is over is destroyed");
            }
        }
        Ok(Err(error)) => tracing::error!(%error, "what was taken out for holds that are over is not destroyed"),
        Err(panic) => tracing::error!(%panic, "what was taken out for holds that are over is not destroyed"),
    }
}
