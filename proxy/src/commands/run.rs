//! `octroi run`: everything proven good, then bound, said, served, drained.
use crate::accounts::Accounts;
use crate::config::Config;
use crate::gate::Gate;
use crate::listen::{self, Doors, Given};
use crate::reload::{self, Refused};
use crate::shutdown::{self, Stop};
use crate::upkeep::{self, Upkeep};
use crate::{
    console, control, directory, exceptions, files, forward, held, register, rights, service, telemetry, terms,
};
use logstore::{Recovery, Register};
use std::fmt::Write as _;
use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::task::TaskTracker;

/// Descriptors kept for the register, lists, logs, connections being dialled or turned away, and pipes.
const RESERVED: u64 = 256 + 2 * crate::splice::MOST as u64;
/// How often idle connections to origins are looked through.
const SWEEP: Duration = Duration::from_secs(10);

/// Runs the gate until it is told to stop.
pub(crate) fn run(config_path: Option<&Path>) -> ExitCode {
    match start(config_path) {
        Ok(code) => code,
        Err(why) => {
            eprintln!("octroi: {}", why.trim_end());
            ExitCode::from(2)
        }
    }
}

fn start(config_path: Option<&Path>) -> Result<ExitCode, String> {
    let given = Given::take()?;
    let config = reload::configuration(config_path).map_err(|Refused(why)| why)?;
    let data = config.data_dir.display().to_string();
    files::private_dir(&config.data_dir)
        .map_err(|error| format!("the data folder {data} cannot be created: {error}"))?;
    let _lock = lock(&config.data_dir)?;
    let _logs =
        telemetry::start(&config).map_err(|error| format!("the data folder {data} cannot be written: {error}"))?;
    let room = room_for_connections()?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the system gives no threads: {error}"))?
        .block_on(serve(config, config_path, room, given))
}

/// One gate for one data folder. The lock goes with the process, however it ends.
fn lock(data_dir: &Path) -> Result<File, String> {
    let path = data_dir.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|error| format!("the data folder cannot be written: {}: {error}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => {
            Err(format!("another gate already runs on the data folder {}", data_dir.display()))
        }
        Err(std::fs::TryLockError::Error(error)) => Err(format!("{} cannot be locked: {error}", path.display())),
    }
}

/// Takes as many descriptors as the system lets this process have. Returns how many connections that is enough for, at
/// two each, with some left for files: the register must never want for one.
fn room_for_connections() -> Result<usize, String> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
    let current = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    match usize::try_from(current.saturating_sub(RESERVED) / 2).unwrap_or(usize::MAX) {
        0 => Err(format!(
            "the system gives {current} descriptors, and the gate needs {} of its own and two for each connection: raise \
             LimitNOFILE (`ulimit -n`), to 65536 for instance",
            RESERVED
        )),
        room => Ok(room),
    }
}

async fn serve(config: Config, config_path: Option<&Path>, room: usize, mut given: Given) -> Result<ExitCode, String> {
    let mut state = reload::state(config, None).map_err(|Refused(why)| why)?;
    let (doors, sockets) = listen::open(&state.config.listen, &mut given)?;
    let console = given.open(state.config.listen.console)?;
    given.none_left()?;
    let console_at = listen::address(&console)?;
    reload::listening(&mut state, sockets, console_at).map_err(|Refused(why)| why)?;
    let data_dir = state.config.data_dir.clone();
    let accounts = Accounts::open(&data_dir).map_err(|error| error.to_string())?;
    register::pseudonyms(&state.config).map_err(|error| error.to_string())?;
    let settings = register::settings(&state.config);
    let (register, recovery) = Register::start(settings).await.map_err(|error| error.to_string())?;
    let forwarding = forward::start(&state.config, &register.follow())?;
    register.tell_recovered();
    let commands = control::bind(&data_dir).map_err(|error| format!("the control socket cannot be opened: {error}"))?;

    let stop = Stop::listen().map_err(|error| format!("signals cannot be listened for: {error}"))?;
    let upkeep = Upkeep { syslog: forwarding.syslog.clone(), json: forwarding.json.clone(), ..Upkeep::default() };
    let tasks = TaskTracker::new();
    let served = Doors::new(tasks.clone(), stop.interrupt.clone());
    let gate = Arc::new(Gate::new(state, register, accounts, served, console_at, room, upkeep)?);
    upkeep::announce(&gate)?;
    // What came back from a backup, or lay here while no gate ran, is erased before anything is served.
    // A failure is said in the log and in the status; the gate runs all the same.
    let _ = upkeep::purge(&gate).await;
    held::settle(&gate).await;
    rights::keep(&gate).await;
    // The log says why none is in force.
    let _ = exceptions::read_again(&gate).await;
    upkeep::look(&gate).await;
    upkeep::note_start(&gate, recovery);
    print!("{}", greeting(&gate, recovery));
    let wanted = gate.started_with.limits.connections;
    if room < wanted {
        tracing::warn!(
            room,
            wanted,
            "the system gives too few descriptors for `[limits] connections`: raise LimitNOFILE (`ulimit -n`), or lower \
             `[limits] connections`"
        );
    }

    gate.doors.serve(&gate, doors);
    tasks.spawn(sweep(gate.clone()));
    tasks.spawn(directory::save_each_minute(gate.clone()));
    tasks.spawn(terms::keep(gate.clone()));
    tasks.spawn(upkeep::purge_hourly(gate.clone()));
    tasks.spawn(upkeep::look_each_minute(gate.clone()));
    tasks.spawn(upkeep::give_seals_away(gate.clone()));
    tasks.spawn(upkeep::fetch_lists(gate.clone(), config_path.map(Path::to_owned)));
    // Health and commands are answered to the end, so that a gate that drains can be asked how far it is.
    let services = TaskTracker::new();
    services.spawn(console::listen(gate.clone(), console, services.clone()));
    let handler = {
        let (gate, path) = (gate.clone(), config_path.map(Path::to_owned));
        move |request, teller| reload::command(gate.clone(), path.clone(), request, teller)
    };
    services.spawn(control::serve(commands, handler, gate.closed.clone()));
    service::ready();
    let left = shutdown::wait_and_drain(&gate, config_path, stop, tasks, services).await;
    directory::save(&gate).await;
    gate.terms.write(gate.now());
    forwarding.finish().await;
    // The socket's file goes with the gate; one that stays is replaced by the next.
    let _ = std::fs::remove_file(data_dir.join("control.sock"));
    Ok(if left == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn sweep(gate: Arc<Gate>) {
    while gate.stopping.run_until_cancelled(tokio::time::sleep(SWEEP)).await.is_some() {
        gate.state().upstream.sweep();
    }
}

/// What is said at the start: where it listens, where the data is, what is enforced, what to do next.
fn greeting(gate: &Gate, recovery: Recovery) -> String {
    let state = gate.state();
    let charter = state.in_force.charter();
    let mut out = String::new();
    // Writing into a String does not fail.
    let mut line = |name: &str, text: String| {
        let _ = writeln!(out, "  {name:<10} {text}");
    };
    let list = |all: &[SocketAddr]| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if !state.sockets.plain.is_empty() {
        line("proxy", list(&state.sockets.plain));
    }
    if !state.sockets.secure.is_empty() {
        line("proxy, TLS", list(&state.sockets.secure));
    }
    line("console", format!("http://{}/", gate.console));
    line("PAC file", format!("http://{}/proxy.pac", gate.console));
    line("data", state.config.data_dir.display().to_string());
    line("keys", state.config.keys_dir().display().to_string());
    line("charter", format!("{} ({})", charter.title(), state.charter));
    for (article, what) in charter.refused() {
        let article = article.map(|article| format!(" (art. {article})")).unwrap_or_default();
        line("refuses", format!("{}{article}", what.en));
    }
    line("lists", super::plural(state.in_force.index().entries(), "entry", "entries"));
    line("register", format!("{} days, detail {}", state.config.log.retention_days, state.config.log.detail.word()));
    if recovery != Recovery::default() {
        let filed = super::plural(recovery.filed, "record", "records");
        line("recovered", format!("{filed} filed, {} closed as interrupted", recovery.interrupted));
    }
    for broken in gate.upkeep.broken.load().iter() {
        line("alarm", broken.told(gate.now()));
    }
    for sentence in gate.upkeep.holds.load().iter() {
        line("hold", sentence.clone());
    }
    for note in &state.notes {
        line("note", note.clone());
    }
    for sentence in gate.upkeep.pressing.load().iter().flat_map(|pressing| &pressing.sentences) {
        line("request", sentence.clone());
    }
    if !state.missing.is_empty() {
        line("next", "octroi lists update    # the full lists of Université Toulouse Capitole".into());
    }
    format!("octroi {} is open\n{out}", env!("CARGO_PKG_VERSION"))
}
