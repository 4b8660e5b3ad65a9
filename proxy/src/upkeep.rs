//! What a gate does beside serving, for what it keeps: days past their term are erased, seals are given away, lists are fetched
//! in their hours, and how the register is doing is looked at.

use crate::access::{self, Broken};
use crate::anchor::{self, SealNotice, Way};
use crate::gate::Gate;
use crate::held::InForce;
use crate::lists::nightly;
use crate::lists::progress::Progress;
use crate::lists::update::{self, Wanted};
use crate::register::OWN;
use crate::{exceptions, forward, held, register, reload, rights};
use arc_swap::{ArcSwap, ArcSwapOption};
use jiff::Timestamp;
use logstore::audit::{self, Act};
use logstore::statements::Statements;
use logstore::{Condition, LedgerError, Purged, Recovery, Sealed};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
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
/// How long a seal that was not given away is still owed, by the next gate that starts.
const OWED: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How many such seals are given away at a start.
const OWED_AT_ONCE: usize = 7;
/// The audit trail's word for giving a seal away.
const ANCHOR: &str = "anchor";

/// How what is kept is doing, for status and metrics.
#[derive(Default)]
pub(crate) struct Upkeep {
    /// The register, as it was when last looked at.
    pub(crate) condition: ArcSwapOption<Condition>,
    /// Why what is due is not erased, when it isn't.
    pub(crate) purge_trouble: ArcSwapOption<String>,
    /// Glass that was broken and waits for its review.
    pub(crate) broken: ArcSwap<Vec<Broken>>,
    /// Why nobody, or not everybody, is told of it by mail.
    pub(crate) alarm: access::alarm::Trouble,
    /// What is held, as when last looked at.
    pub(crate) held: ArcSwapOption<InForce>,
    /// Holds whose review is overdue, or whose end is near, and roles that stand still: a sentence each.
    pub(crate) holds: ArcSwap<Vec<String>>,
    /// What was said of records, as when last looked at.
    pub(crate) statements: ArcSwapOption<Statements>,
    /// Requests of persons that press, as when last looked at.
    pub(crate) pressing: ArcSwapOption<rights::Pressing>,
    /// Records forwarded to the receiver of syslog messages.
    pub(crate) syslog: Option<Arc<forward::Counts>>,
    /// Records forwarded to files.
    pub(crate) json: Option<Arc<forward::Counts>>,
    /// Seals given away.
    pub(crate) anchors: anchor::Counts,
    /// How the lists that are fetched are doing.
    pub(crate) lists: ArcSwap<Vec<nightly::Condition>>,
}

/// What became of records and seals that others are to have; `None` where nobody asked for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outward {
    /// Records for the receiver of syslog messages.
    pub(crate) syslog: Option<forward::Counted>,
    /// Records for the files of JSON lines.
    pub(crate) json: Option<forward::Counted>,
    /// Seals given away, since the start.
    pub(crate) anchors_sent: u64,
    /// Ways on which one was given up.
    pub(crate) anchors_failed: u64,
}

impl Upkeep {
    /// What is wrong with the lists that are fetched, a sentence each.
    pub(crate) fn lists_told(&self, now: Timestamp) -> Vec<String> {
        self.lists.load().iter().flat_map(|condition| condition.told(now)).collect()
    }

    /// What leaves the register, in numbers.
    pub(crate) fn outward(&self) -> Outward {
        let counted = |counts: &Option<Arc<forward::Counts>>| counts.as_ref().map(|counts| counts.read());
        let (anchors_sent, anchors_failed) = self.anchors.read();
        Outward { syslog: counted(&self.syslog), json: counted(&self.json), anchors_sent, anchors_failed }
    }
}

/// Notes the term and the settings in force, when they are others than before: from now on they are what people are told.
pub(crate) fn announce(gate: &Gate) -> Result<(), String> {
    let (dir, keys) = (gate.register.dir(), gate.register.keys());
    let state = gate.state();
    register::announce(&state.config, dir, keys, OWN.into()).map_err(|error| error.to_string())?;
    access::settings::remember(&state.config, state.in_force.charter(), dir, keys)
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

/// Erases what is due, and does what rights ask for, about every hour; sooner when a purge failed.
pub(crate) async fn purge_hourly(gate: Arc<Gate>) {
    let mut pause = jittered();
    while gate.stopping.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
        // Said in the log, and told to whoever asks how the gate is doing.
        let _ = purge(&gate).await;
        held::settle(&gate).await;
        rights::keep(&gate).await;
        let _ = exceptions::read_again(&gate).await;
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
    let (register, config) = (gate.register.clone(), state.config.clone());
    let copies = move || {
        register::erase_acts(&config, register.dir(), register.keys())?;
        register::forget_requisitions(&config, register.dir(), register.keys())?;
        let terms =
            logstore::retention::terms(register.dir(), &register.keys().public()).map_err(|error| error.to_string())?;
        forward::purge(&folder, now, &terms).map_err(|error| format!("{}: {error}", folder.display()))
    };
    let copies = tokio::task::spawn_blocking(copies).await.map_err(|panic| panic.to_string()).flatten();
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

/// Fetches the lists that are due, each in its hours, and puts them in force. Looked for each minute, and at the start.
pub(crate) async fn fetch_lists(gate: Arc<Gate>, config_path: Option<PathBuf>) {
    loop {
        if let Err(why) = fetch_due_lists(&gate, config_path.as_deref()).await {
            tracing::error!(why, "lists that are due are not fetched");
        }
        if gate.stopping.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_none() {
            return;
        }
    }
}

async fn fetch_due_lists(gate: &Arc<Gate>, config_path: Option<&Path>) -> Result<(), String> {
    let state = gate.state();
    look_at_lists(gate);
    // Of this installation alone: gates of one charter don't all come at once.
    let mark = gate.register.keys().public().fingerprint();
    let due = nightly::due(&state.config, state.in_force.charter(), mark.as_bytes(), gate.now());
    if due.is_empty() {
        return Ok(());
    }
    let for_fetching = state.clone();
    let fetched = reload::aside_alone(move || {
        let wanted = Wanted { list: &|found| due.contains(&found.list.name), accept: &[] };
        let (config, charter) = (&for_fetching.config, for_fetching.in_force.charter());
        update::update(config, charter, &wanted, &mut Progress::log()).map(|updated| {
            for (category, change) in updated.changes.iter().flatten() {
                tracing::info!(category, added = change.added, removed = change.removed, "a list has changed");
            }
        })
    });
    let Some(fetched) = gate.stopping.run_until_cancelled(fetched).await else { return Ok(()) };
    look_at_lists(gate);
    fetched??;
    // What is refused there is in the log already.
    let _ = reload::again(gate, config_path).await;
    Ok(())
}

/// Looks at how the lists that are fetched are doing, and says once what is wrong.
pub(crate) fn look_at_lists(gate: &Gate) {
    let (state, now) = (gate.state(), gate.now());
    let conditions = nightly::conditions(&state.config, state.in_force.charter());
    let told = |conditions: &[nightly::Condition]| -> Vec<String> {
        conditions.iter().flat_map(|condition| condition.told(now)).collect()
    };
    let before = told(&gate.upkeep.lists.load());
    told(&conditions).iter().filter(|new| !before.contains(new)).for_each(|new| tracing::warn!("{new}"));
    gate.upkeep.lists.store(Arc::new(conditions));
}

/// Looks at the register.
pub(crate) async fn look(gate: &Gate) {
    look_at_lists(gate);
    let (register, now) = (gate.register.clone(), gate.now().as_microsecond());
    let looked = move || {
        let condition = logstore::condition(register.dir(), register.keys(), now);
        let holds = InForce::read(register.dir(), register.keys());
        let still = access::standing_still(register.dir(), register.keys());
        (condition, access::broken(register.dir(), register.keys()), holds, still)
    };
    match tokio::task::spawn_blocking(looked).await {
        Ok((condition, broken, holds, still)) => {
            match condition {
                Ok(condition) => gate.upkeep.condition.store(Some(Arc::new(condition))),
                Err(error) => tracing::warn!(%error, "the register cannot be looked at"),
            }
            remind(gate, holds, still);
            match broken {
                Ok(broken) => alarm(gate, broken),
                Err(error) => {
                    tracing::warn!(%error, "whether names were opened without a second person cannot be told")
                }
            }
        }
        Err(panic) => tracing::warn!(%panic, "the register cannot be looked at"),
    }
}

/// Says what is to be done about holds, and about roles that stand still, once. What was read of holds before holds as long as
/// they cannot be.
fn remind(gate: &Gate, holds: Result<InForce, LedgerError>, still: Result<Vec<String>, LedgerError>) {
    let mut said = match holds {
        Ok(holds) => {
            let said = holds.reminders();
            gate.upkeep.held.store(Some(Arc::new(holds)));
            said
        }
        Err(why) => vec![format!("what is held cannot be read, so that no day is erased: {why}")],
    };
    said.extend(
        still.unwrap_or_else(|why| vec![format!("who may open names cannot be read, so that nobody does: {why}")]),
    );
    let before = gate.upkeep.holds.load();
    said.iter().filter(|new| !before.contains(new)).for_each(|new| tracing::warn!("{new}"));
    gate.upkeep.holds.store(Arc::new(said));
}

/// Says at once, and at each start, that names were opened without a second person; nobody's name.
fn alarm(gate: &Gate, broken: Vec<Broken>) {
    let before = gate.upkeep.broken.load();
    for new in broken.iter().filter(|new| !before.contains(new)) {
        tracing::warn!(request = new.number, "{}", new.told(gate.now()));
        let (config, trouble) = (gate.state().config.clone(), gate.upkeep.alarm.clone());
        tokio::spawn(access::alarm::write(config, gate.register.clone(), new.clone(), trouble));
    }
    gate.upkeep.broken.store(Arc::new(broken));
}

/// Gives each day's seal away as `[log.anchor]` asks, and notes in the audit trail how that went. Begins with what a gate
/// before this one owes: it may have been stopped, or have found nobody to give a seal to.
pub(crate) async fn give_seals_away(gate: Arc<Gate>) {
    // Before the trail is read, so that no seal falls between the two.
    let mut seals = gate.register.sealed();
    let sending = TaskTracker::new();
    let mut given = HashSet::new();
    for (sealed, way) in owed_before(&gate).await {
        given.insert(sealed.hash.clone());
        give_away(&gate, &sending, sealed, way);
    }
    loop {
        match gate.stopping.run_until_cancelled(seals.recv()).await {
            Some(Ok(sealed)) if given.contains(&sealed.hash) => {}
            Some(Ok(sealed)) => Way::ALL.into_iter().for_each(|way| give_away(&gate, &sending, sealed.clone(), way)),
            // A gate that seals months at once: each is given away by its successor, which names it.
            Some(Err(RecvError::Lagged(_))) => {}
            Some(Err(RecvError::Closed)) | None => break,
        }
    }
    sending.close();
    sending.wait().await;
}

/// The seals that are to be given away again, with the ways on which that did not succeed so far.
async fn owed_before(gate: &Arc<Gate>) -> Vec<(Sealed, Way)> {
    let (config, register, now) = (gate.state().config.clone(), gate.register.clone(), gate.now());
    let ways: Vec<Way> = Way::ALL.into_iter().filter(|way| way.is_wanted(&config)).collect();
    if ways.is_empty() {
        return Vec::new();
    }
    let read = move || {
        let seals = register.seals().map_err(|error| error.to_string())?;
        let acts = audit::read(register.dir()).map_err(|error| error.to_string())?.acts;
        Ok(owed(seals, &acts, &ways, now))
    };
    let read = tokio::task::spawn_blocking(read).await.map_err(|panic| panic.to_string()).flatten();
    read.unwrap_or_else(|why: String| {
        tracing::warn!(why, "seals that were not given away before are not found again");
        Vec::new()
    })
}

/// The seals made in the last seven days, by the time they were made, that no act says to have been given away, with the
/// ways. Seven at most: each names the one before it, and an import seals hundreds at once.
fn owed(seals: Vec<Sealed>, acts: &[Act], ways: &[Way], now: Timestamp) -> Vec<(Sealed, Way)> {
    let from = now.saturating_sub(OWED).unwrap_or(Timestamp::MIN);
    let is_recent = |sealed: &Sealed| sealed.seal.sealed_at.parse::<Timestamp>().is_ok_and(|at| at >= from);
    let recent: Vec<Sealed> = seals.into_iter().filter(is_recent).collect();
    let newest = recent.len().saturating_sub(OWED_AT_ONCE);
    let succeeded = |sealed: &Sealed, way: Way| {
        let of_this = |act: &&Act| act.act == ANCHOR && act.scope.get("seal") == Some(&sealed.hash);
        let mut outcomes = acts.iter().filter(of_this).filter_map(|act| act.scope.get("outcome"));
        outcomes.any(|outcome| way.has_succeeded(outcome))
    };
    let pairs = recent.into_iter().skip(newest).flat_map(|sealed| ways.iter().map(move |way| (sealed.clone(), *way)));
    pairs.filter(|(sealed, way)| !succeeded(sealed, *way)).collect()
}

/// Gives one seal away on one way, in a task of its own; nothing when it is not asked for. A gate that stops leaves it
/// to the next.
fn give_away(gate: &Arc<Gate>, sending: &TaskTracker, sealed: Sealed, way: Way) {
    let gate = gate.clone();
    sending.spawn(async move {
        let Sealed { seal, hash } = &sealed;
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
        let config = gate.state().config.clone();
        let sent = anchor::send(&config, &notice, way, &gate.upkeep.anchors);
        // Noted at once: a way that is tried for hours must not make another be gone again.
        let Some(Some(outcome)) = gate.stopping.run_until_cancelled(sent).await else { return };
        let scope = [("day", seal.day.clone()), ("seal", hash.clone()), ("outcome", outcome.to_string())];
        let noted = register::note(gate.register.dir(), gate.register.keys(), "octroi".into(), ANCHOR, scope, 0);
        if let Err(error) = noted {
            tracing::error!(%error, "the audit trail cannot be written");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn sealed(day: &str, sealed_at: &str) -> Sealed {
        let seal = serde_json::json!({
            "node": "gate1", "day": day, "records": 1, "root": "ab", "first_id": 1, "last_id": 1, "checkpoints": 0,
            "day_key": "k", "sealed_at": sealed_at, "program": "0.1.0",
            "clock": { "synchronised": true, "offset_us": 0, "error_us": 0, "source": "ntp" },
        });
        Sealed { seal: serde_json::from_value(seal).expect("a seal"), hash: format!("hash of {day}") }
    }

    fn act(day: &str, outcome: &str) -> Act {
        let scope = [("day", day.to_owned()), ("seal", format!("hash of {day}")), ("outcome", outcome.to_owned())];
        Act {
            at: String::new(),
            who: "octroi".into(),
            act: ANCHOR.into(),
            purpose: None,
            reason: None,
            scope: scope.map(|(name, value)| (name.to_owned(), value)).into_iter().collect::<BTreeMap<_, _>>(),
            count: 0,
        }
    }

    #[test]
    fn a_seal_is_owed_for_a_week_on_each_way_that_did_not_succeed() {
        let now = "2026-11-23T18:45:00Z".parse().expect("an instant");
        let seals = vec![
            // Sealed late, as by a gate that was off: what counts is when, not which day.
            sealed("2026-11-15", "2026-11-16T18:44:59.000000Z"),
            sealed("2026-11-10", "2026-11-16T18:45:01.000000Z"),
            sealed("2026-11-21", "2026-11-22T02:00:00.000000Z"),
            sealed("2026-11-22", "2026-11-23T02:00:00.000000Z"),
        ];
        let acts = [
            act("2026-11-10", "syslog: sent, to tcp://siem.test:514"),
            act("2026-11-21", "syslog: failed, Connection refused"),
            act("2026-11-21", "timestamp: sent, stamped 20261122020001Z"),
            act("2026-11-22", "mail: sent, through smtp://mail.test:25"),
        ];
        let owed_on = |ways: &[Way]| -> Vec<(String, Way)> {
            let owed = owed(seals.clone(), &acts, ways, now).into_iter();
            owed.map(|(sealed, way)| (sealed.seal.day, way)).collect()
        };
        let pair = |day: &str, way| (day.to_owned(), way);
        assert_eq!(
            owed_on(&[Way::Syslog, Way::Timestamp]),
            [
                pair("2026-11-10", Way::Timestamp),
                pair("2026-11-21", Way::Syslog),
                pair("2026-11-22", Way::Syslog),
                pair("2026-11-22", Way::Timestamp),
            ]
        );
        assert_eq!(owed_on(&[]), []);
    }

    #[test]
    fn of_many_seals_made_at_once_the_newest_are_given_away() {
        let now = "2026-11-23T18:45:00Z".parse().expect("an instant");
        let seals = (10..30).map(|day| sealed(&format!("2026-09-{day}"), &format!("2026-11-23T10:00:{day}.000000Z")));
        let owed = owed(seals.collect(), &[], &[Way::Mail], now);
        let days: Vec<&str> = owed.iter().map(|(sealed, _)| sealed.seal.day.as_str()).collect();
        assert_eq!((days.len(), days.first(), days.last()), (OWED_AT_ONCE, Some(&"2026-09-23"), Some(&"2026-09-29")));
    }
}
