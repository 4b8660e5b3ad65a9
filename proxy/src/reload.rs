//! Files read, judged whole and put in force at once; what does not hold is refused, and what was in force stays.
use crate::commands::plural;
use crate::config::{Config, Log, YEAR};
use crate::control::{Answer, Attested, CharterStatus, ListsStatus, RegisterStatus, Request, Status, Teller};
use crate::directory::{Directory, Wanted};
use crate::gate::{Gate, State};
use crate::kerberos::Kerberos;
use crate::listen::Sockets;
use crate::secure::Certificates;
use crate::upstream::Upstream;
use crate::{access, console, exceptions, follow, lists, pages, register, rights, secure, service};
use jiff::Timestamp;
use policy::InForce;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::oneshot;

/// Why files are not put in force: every problem, rendered for people.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) String);

/// Reads and judges the configuration file. Warnings go to standard error. When it is not good, the charter's problems are
/// told with its own, so that both files can be mended at once.
pub(crate) fn configuration(path: Option<&Path>) -> Result<Config, Refused> {
    let (config, outcome) = Config::examine(path).map_err(|error| Refused(error.to_string()))?;
    match outcome {
        Ok(warnings) => {
            eprint!("{warnings}");
            Ok(config)
        }
        Err(error) => {
            let charter = config.charter().err().map(|error| format!("\n{error}")).unwrap_or_default();
            Err(Refused(format!("{error}{charter}")))
        }
    }
}

/// Reads the charter and its lists, and makes of them all an exchange needs. Blocking: lists that are not compiled yet
/// are compiled here.
///
/// `before` is what is in force: its way to the origins, with the connections kept, is taken over when nothing about it
/// changes. Expectations that fail refuse a reload. A start they do not stop: lists change from day to day, and a gate that
/// did not come back after a power cut would leave a company without the web, under a charter that is good.
///
/// The sockets are those of before, until [`listening`] says otherwise.
pub(crate) fn state(mut config: Config, before: Option<&State>) -> Result<State, Refused> {
    let held = access::settings::hold_back(&mut config).map_err(Refused)?;
    for why in &held {
        tracing::error!("a setting is not put in force: {why}");
    }
    let refused = |error: &dyn std::fmt::Display| Refused(error.to_string());
    let charter_from_file = config.charter.path.exists();
    if !charter_from_file && before.is_some_and(|before| before.charter_from_file) {
        return Err(Refused(format!(
            "{} is gone: the charter in force stays. To go back to the built-in charter, start the gate again",
            config.charter.path.display()
        )));
    }
    let (certificates, doubts) =
        Certificates::read(&config.listen.proxy_tls, Timestamp::now()).map_err(|troubles| {
            let troubles: Vec<String> = troubles.iter().map(ToString::to_string).collect();
            Refused(troubles.join("\n"))
        })?;
    let charter = config.charter().map_err(|error| refused(&error))?;
    eprint!("{}", charter.warnings);
    let unmasked = access::settings::unmasked(&config, &charter.charter).map_err(Refused)?;
    if !unmasked.is_empty() {
        return Err(Refused(unmasked.join("\n")));
    }
    let loaded = lists::load(&config, &charter.charter).map_err(|error| refused(&error))?;
    let mut notes: Vec<String> = loaded.missing.iter().map(ToString::to_string).collect();
    notes.extend(loaded.refused);
    notes.extend(doubts.iter().map(ToString::to_string));
    notes.extend(held);
    let mut missing: Vec<String> = loaded.missing.into_iter().map(|missing| missing.list).collect();
    let in_force = rights::protecting(InForce::new(charter.charter, loaded.index), &config).map_err(Refused)?;
    let disappointed = in_force.expectations();
    if !disappointed.is_empty() {
        let report = charter.source.report(&disappointed);
        if before.is_some() {
            return Err(Refused(report));
        }
        tracing::error!("expectations of the charter do not hold:\n{report}");
        let failed = plural(disappointed.len() as u64, "expectation", "expectations");
        notes.push(format!("{failed} of the charter not met with the lists at hand: `octroi check` says which"));
    }
    for (name, nearest) in in_force.missing_lists() {
        // Of a list that is missing whole, that is said once.
        if missing.iter().any(|list| name.strip_prefix(list.as_str()).is_some_and(|rest| rest.starts_with(':'))) {
            continue;
        }
        let nearest = nearest.map(|nearest| format!("; nearest: `{nearest}`")).unwrap_or_default();
        notes.push(format!("the charter uses the list `{name}`, which is not there{nearest}"));
        missing.push(name);
    }
    let same_way = before.filter(|before| {
        before.config.dns == config.dns
            && before.config.upstream == config.upstream
            && before.config.destinations.allow_private == config.destinations.allow_private
            && before.config.limits.connect_timeout == config.limits.connect_timeout
    });
    if config.log.retention_days > YEAR {
        let Log { retention_days, retention_reason, .. } = &config.log;
        notes.push(format!("records are kept {retention_days} days, longer than a year: {retention_reason}"));
    }
    if config.upstream.parent.is_some() && in_force.asks_destination() {
        notes.push("the charter has rules on `destinations`, and the parent proxy alone knows where names lead".into());
    }
    notes.extend(access::steps_note(&config));
    let upstream = match same_way {
        Some(before) => before.upstream.clone(),
        None => Arc::new(
            Upstream::new(&config, before.map(State::own).unwrap_or_default()).map_err(|error| refused(&error))?,
        ),
    };
    let kerberos = kerberos(&config, before).map_err(Refused)?;
    let directory = directory(&config, before).map_err(Refused)?;
    let wanted = Arc::new(Wanted::new(in_force.charter().directory_groups()));
    Ok(State {
        charter: Arc::from(in_force.charter().identity()),
        language: config.locale,
        config,
        in_force,
        sockets: before.map(|before| before.sockets.clone()).unwrap_or_default(),
        console: before.and_then(|before| before.console),
        certificates,
        directory,
        wanted,
        kerberos,
        upstream,
        notes,
        charter_from_file,
        missing,
        since: Timestamp::now(),
        blocks: pages::Blocks::default(),
    })
}

/// The directory, if one is named.
fn directory(config: &Config, before: Option<&State>) -> Result<Option<Arc<Directory>>, String> {
    let Some(settings) = &config.identity.ldap else { return Ok(None) };
    let before = before.filter(|before| before.config.dns == config.dns).and_then(|before| before.directory.as_ref());
    match before {
        Some(same) if same.settings() == settings => Ok(Some(same.clone())),
        other => {
            // What the one before knows is known to its successor.
            other.iter().for_each(|before| before.save());
            Directory::new(settings, &config.dns, &config.data_dir).map(|directory| Some(Arc::new(directory)))
        }
    }
}

/// What reads tickets, if they are a method.
fn kerberos(config: &Config, before: Option<&State>) -> Result<Option<Arc<Kerberos>>, String> {
    let settings = &config.identity.negotiate;
    if !config.identity.takes_tickets() {
        return Ok(None);
    }
    match before.and_then(|before| before.kerberos.as_ref()) {
        Some(same) if same.settings() == settings => Ok(Some(same.clone())),
        _ => Kerberos::open(settings, &config.data_dir.join("kerberos")).map(|opened| Some(Arc::new(opened))),
    }
}

/// Tells the state where the gate listens, once the sockets are bound: no way may lead back there.
pub(crate) fn listening(state: &mut State, sockets: Sockets, console: SocketAddr) -> Result<(), Refused> {
    if (&state.sockets, state.console) != (&sockets, Some(console)) {
        (state.sockets, state.console) = (sockets, Some(console));
        state.upstream =
            Arc::new(Upstream::new(&state.config, state.own()).map_err(|error| Refused(error.to_string()))?);
    }
    Ok(())
}

/// How much lower than the gate's the priority of reading is. Whoever is ready goes before it at every rest
/// ([`lists::rest`]), for which it pays with part of its turn: on a full core this leaves it the tenth or so that gets a reload
/// done in half a minute. As `SCHED_IDLE` it would get next to nothing there, and a charter would wait for the evening.
const NICE: i32 = 5;

/// Does what takes seconds of a core on a thread of its own: those who serve requests come first.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    let (done, outcome) = oneshot::channel();
    // Sockets that are opened belong to the gate's runtime.
    let runtime = tokio::runtime::Handle::current();
    let run = move || {
        let _entered = runtime.enter();
        // Of this thread alone, on Linux; where it can't be had, it competes as an equal.
        let _ = rustix::process::nice(NICE);
        let _ = done.send(work());
    };
    std::thread::Builder::new().name("reload".into()).spawn(run).map_err(|error| error.to_string())?;
    outcome.await.map_err(|_| "it was given up; the log says why".to_owned())
}

/// The same, of work that waits for servers for minutes: nothing of the gate's runtime is entered there.
pub(crate) async fn aside_alone<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    let (done, outcome) = oneshot::channel();
    let run = move || {
        let _ = rustix::process::nice(NICE);
        let _ = done.send(work());
    };
    std::thread::Builder::new().name("lists".into()).spawn(run).map_err(|error| error.to_string())?;
    outcome.await.map_err(|_| "it was given up; the log says why".to_owned())
}

/// Reads everything again and puts it in force, off the reactor. Says in the log what came of it.
pub(crate) async fn again(gate: &Arc<Gate>, config_path: Option<&Path>) -> Result<(), Refused> {
    // One after the other: each begins with what the one before has put in force.
    let _turn = gate.reloading.lock().await;
    service::reloading();
    let outcome = read_again(gate, config_path).await;
    crate::upkeep::look_at_lists(gate);
    service::ready();
    outcome
}

async fn read_again(gate: &Arc<Gate>, config_path: Option<&Path>) -> Result<(), Refused> {
    let (for_reading, path) = (gate.clone(), config_path.map(Path::to_owned));
    let read = move || {
        let config = configuration(path.as_deref())?;
        let before = for_reading.state();
        let mut state = state(config, Some(&before))?;
        let (change, sockets) = for_reading.doors.prepare(&state.config).map_err(Refused)?;
        listening(&mut state, sockets, for_reading.console)?;
        state.notes.extend(needs_restart(&for_reading.started_with, &state.config));
        Ok((state, change))
    };
    let outcome = aside(read).await.unwrap_or_else(|why| Err(Refused(format!("reading the files failed: {why}"))));
    match outcome {
        Ok((state, change)) => {
            tracing::info!(charter = %state.charter, entries = state.in_force.index().entries(), "reloaded");
            gate.replace(state);
            gate.doors.change(gate, change);
            if let Err(why) = crate::upkeep::announce(gate) {
                tracing::error!(why, "the retention announced cannot be noted; days go by the one noted before");
            }
            Ok(())
        }
        Err(Refused(why)) => {
            tracing::error!("the reload is refused, what was in force stays:\n{why}");
            Err(Refused(why))
        }
    }
}

/// What a reload cannot change, of what the gate was started with.
fn needs_restart(before: &Config, after: &Config) -> Vec<String> {
    let mut notes = Vec::new();
    if before.listen.console != after.listen.console {
        notes.push("`[listen] console` has changed: it takes effect at the next start".into());
    }
    if before.data_dir != after.data_dir {
        notes.push("`data_dir` has changed: it takes effect at the next start".into());
    }
    if before.log.durability != after.log.durability {
        notes.push("`[log] durability` has changed: it takes effect at the next start".into());
    }
    if before.keys_dir() != after.keys_dir() {
        notes.push("`[log] keys` has changed: it takes effect at the next start".into());
    }
    if before.log.forward != after.log.forward {
        notes.push("`[log.forward]` has changed: it takes effect at the next start".into());
    }
    notes
}

/// Answers a command that came over the control socket.
pub(crate) async fn command(gate: Arc<Gate>, config_path: Option<PathBuf>, request: Request, mut teller: Teller) {
    let answer = match request {
        Request::Reload => match again(&gate, config_path.as_deref()).await {
            Ok(()) => {
                let state = gate.state();
                Answer::Reloaded {
                    charter: state.charter.to_string(),
                    entries: state.in_force.index().entries(),
                    notes: state.notes.clone(),
                }
            }
            Err(Refused(problems)) => Answer::Refused { problems },
        },
        Request::Status => {
            crate::upkeep::look(&gate).await;
            Answer::Status(Box::new(status(&gate)))
        }
        Request::Flush => match gate.register.flush().await {
            Ok(()) => Answer::Flushed,
            Err(unwritable) => Answer::Failed { why: unwritable.to_string() },
        },
        Request::Purge => match crate::upkeep::purge(&gate).await {
            Ok(purged) => Answer::Purged { certificate: purged.map(Attested::from).map(Box::new) },
            Err(why) => Answer::Failed { why: format!("days past their term are not erased: {why}") },
        },
        Request::Rights => {
            rights::keep(&gate).await;
            Answer::Kept
        }
        Request::Exceptions => match exceptions::read_again(&gate).await {
            Ok(()) => Answer::Kept,
            Err(why) => Answer::Failed { why: format!("no exception is in force: {why}") },
        },
        Request::Follow(watch) => match follow::follow(&gate, watch, &mut teller).await {
            Some(answer) => answer,
            None => return,
        },
    };
    teller.last(&answer).await;
}

/// What the register fails at, a sentence each.
fn troubles(gate: &Gate) -> Vec<String> {
    let filing = gate.register.backlog().trouble.map(|why| format!("records wait in the journal: {why}"));
    let sealing = gate.register.seal_trouble().map(|why| format!("a day cannot be sealed: {why}"));
    let purging =
        gate.upkeep.purge_trouble.load().as_ref().map(|why| format!("days past their term are not erased: {why}"));
    [filing, sealing, purging].into_iter().flatten().collect()
}

fn status(gate: &Gate) -> Status {
    let state = gate.state();
    let (connections, exchanges, refused) = gate.counts.read();
    let (ready, why) = console::readiness(gate);
    Status {
        version: env!("CARGO_PKG_VERSION").into(),
        pid: std::process::id(),
        started_at: gate.started_at.to_string(),
        proxy: state.sockets.plain.clone(),
        proxy_tls: secure::Status {
            addresses: state.sockets.secure.clone(),
            days_left: state.certificates.days_left(gate.now()),
        },
        console: gate.console,
        data_dir: state.config.data_dir.clone(),
        ready,
        notes: why
            .into_iter()
            .chain(gate.upkeep.broken.load().iter().map(|broken| broken.told(gate.now())))
            .chain(gate.upkeep.alarm.load().as_deref().cloned())
            .chain(gate.upkeep.holds.load().iter().cloned())
            .chain(state.upstream.note())
            .chain(gate.upkeep.lists_told(gate.now()))
            .chain(state.directory.iter().flat_map(|directory| directory.notes()))
            .chain(state.notes.iter().cloned())
            .collect(),
        requests: gate.upkeep.pressing.load().as_deref().map(|pressing| pressing.sentences.clone()).unwrap_or_default(),
        charter: CharterStatus {
            title: state.in_force.charter().title().to_owned(),
            identity: state.charter.to_string(),
            since: state.since.to_string(),
        },
        lists: ListsStatus { entries: state.in_force.index().entries(), missing: state.missing.clone() },
        register: RegisterStatus {
            backlog: gate.register.backlog().records as u64,
            troubles: troubles(gate),
            master: gate.register.keys().master_name().ok(),
            incidents: register::incidents(gate.register.dir(), gate.now()),
            condition: gate.upkeep.condition.load().as_deref().cloned(),
        },
        outward: gate.upkeep.outward(),
        connections,
        exchanges,
        refused,
    }
}
