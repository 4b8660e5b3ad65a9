//! Holds, as the gate and ordinary searches see them: what is held is not shown, what must not be forgotten is said.

use crate::commands::Wrong;
use crate::config::Config;
use crate::gate::Gate;
use crate::{access, register};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use logstore::hold::{self, Holds};
use logstore::people::People;
use logstore::{Keys, LedgerError, Record};
use std::cell::Cell;
use std::path::Path;

/// What is out of ordinary searches because it is held, counted as it is met.
#[derive(Debug)]
pub(crate) struct Held {
    holds: Holds,
    people: People,
    met: Cell<u64>,
}

impl Held {
    /// As the ledgers say it now; nothing when no register was begun. Fails rather than leave one out.
    pub(crate) fn read(config: &Config) -> Result<Held, Wrong> {
        let holds = match register::is_begun(config) {
            false => Holds::default(),
            true => Holds::read(&config.register_dir(), &access::keys(config)?)
                .map_err(|why| Wrong::because(format!("what is held cannot be read, and must not be shown: {why}")))?,
        };
        Ok(Held { holds, people: access::people(config)?, met: Cell::new(0) })
    }

    /// Whether a record is not to be shown.
    pub(crate) fn restricts(&self, record: &Record) -> bool {
        let restricts = self.holds.restricts(record, &self.people).is_some();
        self.met.set(self.met.get() + u64::from(restricts));
        restricts
    }

    /// How many records were not shown.
    pub(crate) fn met(&self) -> u64 {
        self.met.get()
    }
}

/// What must not be forgotten of holds, a sentence each; nobody's name, and nothing of judicial ones.
pub(crate) fn reminders(dir: &Path, keys: &Keys) -> Result<Vec<String>, LedgerError> {
    let today = TimeZone::UTC.to_datetime(Timestamp::now()).date();
    Ok(Holds::read(dir, keys)?.reminders(today))
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
