//! What a gate does beside serving, for what it keeps: days past their term are erased, seals are given away, and how the
//! register is doing is looked at.

use crate::anchor::{self, SealNotice};
use crate::gate::Gate;
use crate::register::OWN;
use crate::{forward, register};
use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use logstore::{Condition, Purged, Recovery, Sealed};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::task::TaskTracker;

/// How often days past their term are looked for, give or take [`JITTER`].
const PURGE: Duration = Duration::from_secs(3600);
/// So that the gates of a fleet do not all erase in the same second.
const JITTER: Duration = Duration::from_secs(600);
/// How soon a purge that failed is tried again.
const RETRY: Duration = Duration::from_secs(300);
/// How often the register is looked at for status and metrics.
const LOOK: Duration = Duration::from_secs(60);

/// How what is kept is doing, for status and metrics.
#[derive(Default)]
pub(crate) struct Upkeep {
    /// The register, as it was when last looked at.
    pub(crate) condition: ArcSwapOption<Condition>,
    /// Why what is due is not erased, when it isn't.
    pub(crate) purge_trouble: ArcSwapOption<String>,
    /// Records forwarded to the receiver of syslog messages.
    pub(crate) syslog: Option<Arc<forward::Counts>>,
    /// Records forwarded to files.
    pub(crate) json: Option<Arc<forward::Counts>>,
    /// Seals given away.
    pub(crate) anchors: anchor::Counts,
}

/// Notes the term in force, when it is another than before: from now on it is what people are told.
pub(crate) fn announce(gate: &Gate) -> Result<(), String> {
    let (dir, keys) = (gate.register.dir(), gate.register.keys());
    register::announce(&gate.state().config, dir, keys, OWN.into()).map_err(|error| error.to_string())
}

/// Notes in the audit trail that the gate runs from now on: its version, and how sure its clock is, by which every record
/// to come is dated.
pub(crate) fn note_start(gate: &Gate, recovery: Recovery) {
    let (dir, keys, state) = (gate.register.dir(), gate.register.keys(), gate.state());
    register::note_recovery(dir, keys, OWN.into(), recovery);
    let clock = gate.upkeep.condition.load().as_ref().map(|condition| condition.clock.clone());
    let clock = clock.map_or_else(|| "unknown".to_owned(), |clock| register::clock(&clock));
    let log = &state.config.log;
    let scope = [
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("clock", clock),
        ("charter", state.charter.to_string()),
        ("detail", log.detail.word().to_owned()),
        ("retention_days", log.retention_days.to_string()),
        ("names_forwarded", if log.forward.names { "yes" } else { "no" }.to_owned()),
    ];
    register::note_own(dir, keys, "start", scope, 0);
}

/// Notes that the gate has stopped, and what it could not file.
pub(crate) fn note_stop(gate: &Gate, unfiled: u64) {
    let scope = [("version", env!("CARGO_PKG_VERSION").to_owned()), ("unfiled", unfiled.to_string())];
    register::note_own(gate.register.dir(), gate.register.keys(), "stop", scope, 0);
}

/// Erases what is due, about every hour; sooner when it failed.
pub(crate) async fn purge_hourly(gate: Arc<Gate>) {
    let mut pause = jittered();
    while gate.stopping.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
        // Said in the log, and told to whoever asks how the gate is doing.
        let _ = purge(&gate).await;
        pause = if gate.upkeep.purge_trouble.load().is_some() { RETRY } else { jittered() };
    }
}

/// An hour, ten minutes more or less: by the clock's nanoseconds, which are as good as a lot here.
fn jittered() -> Duration {
    let lot = u64::from(Timestamp::now().subsec_nanosecond().unsigned_abs());
    PURGE - JITTER + Duration::from_millis(lot % (2 * JITTER.as_millis() as u64))
}

/// Erases the days that are due, and their copies. A failure is an alarm each time, until it is mended.
pub(crate) async fn purge(gate: &Gate) -> Result<Option<Purged>, String> {
    let state = gate.state();
    let purged = gate.register.purge(state.config.organisation.name.clone()).await.map_err(|error| error.to_string());
    let (folder, now) = (forward::folder(&gate.started_with.data_dir), gate.now().as_microsecond());
    let kept_from = forward::kept_from(now, state.config.log.retention_days);
    let copies = tokio::task::spawn_blocking(move || forward::purge(&folder, kept_from)).await;
    let copies = copies.map_err(|panic| panic.to_string()).and_then(|done| done.map_err(|error| error.to_string()));
    if let Ok(Some(done)) = &purged {
        tracing::info!(days = done.certificate.days.len(), "days past their term were erased");
    }
    let purged = purged.and_then(|purged| copies.map(|_| purged));
    if let Err(why) = &purged {
        tracing::error!(why, "days past their term are not erased; it is tried again in {} s", RETRY.as_secs());
    }
    gate.upkeep.purge_trouble.store(purged.as_ref().err().cloned().map(Arc::new));
    purged
}

/// Looks at the register each minute.
pub(crate) async fn look_each_minute(gate: Arc<Gate>) {
    while gate.stopping.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_some() {
        look(&gate).await;
    }
}

/// Looks at the register.
pub(crate) async fn look(gate: &Gate) {
    let (register, now) = (gate.register.clone(), gate.now().as_microsecond());
    let looked = move || logstore::condition(register.dir(), register.keys(), now);
    match tokio::task::spawn_blocking(looked).await {
        Ok(Ok(condition)) => gate.upkeep.condition.store(Some(Arc::new(condition))),
        Ok(Err(error)) => tracing::warn!(%error, "the register cannot be looked at"),
        Err(panic) => tracing::warn!(%panic, "the register cannot be looked at"),
    }
}

/// Gives each day's seal away as `[log.anchor]` asks, and notes in the audit trail how that went.
pub(crate) async fn give_seals_away(gate: Arc<Gate>) {
    let mut seals = gate.register.sealed();
    let sending = TaskTracker::new();
    loop {
        match gate.stopping.run_until_cancelled(seals.recv()).await {
            Some(Ok(sealed)) => {
                let gate = gate.clone();
                sending.spawn(async move { gate.stopping.run_until_cancelled(give_away(&gate, &sealed)).await });
            }
            // A gate that seals months at once: each is given away by its successor, which names it.
            Some(Err(RecvError::Lagged(_))) => {}
            Some(Err(RecvError::Closed)) | None => break,
        }
    }
    sending.close();
    sending.wait().await;
}

async fn give_away(gate: &Gate, Sealed { seal, hash }: &Sealed) {
    let mut octets = [0; 32];
    for (octet, digits) in octets.iter_mut().zip(hash.as_bytes().chunks(2)) {
        *octet = std::str::from_utf8(digits).ok().and_then(|two| u8::from_str_radix(two, 16).ok()).unwrap_or(0);
    }
    let notice = SealNotice {
        node: seal.node.clone(),
        day: seal.day.clone(),
        count: seal.records,
        root: seal.root.clone(),
        seal: octets,
    };
    for outcome in anchor::send(&gate.state().config, &notice, &gate.upkeep.anchors).await {
        let scope = [("day", seal.day.clone()), ("seal", hash.clone()), ("outcome", outcome.to_string())];
        let noted = register::note(gate.register.dir(), gate.register.keys(), "octroi".into(), "anchor", scope, 0);
        if let Err(error) = noted {
            tracing::error!(%error, "the audit trail cannot be written");
        }
    }
}
