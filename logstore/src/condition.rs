//! How a register is: what it holds, what is due, whether its chains hold. Nothing about a person.

use crate::audit::{self, ACT};
use crate::chain;
use crate::clock::{self, ClockState};
use crate::day::Day;
use crate::keys::Keys;
use crate::retention::{self, CERTIFICATE, PurgeError, TERM};
use crate::seal::{self, SEAL};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The state of a register at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// How many days it holds, the one that is written included.
    pub days: u64,
    /// The first of them.
    pub oldest: Option<String>,
    /// The last.
    pub newest: Option<String>,
    /// How many are sealed.
    pub sealed: u64,
    /// Days that have been over for more than a day and are not sealed.
    pub unsealed: Vec<String>,
    /// Days past their term.
    pub due: Vec<String>,
    /// How many days the first of those is late: 0 when it is due since midnight.
    pub late_days: u64,
    /// Bytes of the day files.
    pub bytes: u64,
    /// Bytes free where they are.
    pub free_bytes: u64,
    /// The chains, and why one doesn't hold.
    pub chains: Vec<ChainState>,
    /// The clock.
    pub clock: ClockState,
}

/// The state of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainState {
    /// Its file.
    pub file: String,
    /// How many entries hold.
    pub entries: u64,
    /// The line that doesn't, and why; `None` when all do.
    pub broken: Option<String>,
}

/// Looks at the register in `dir`; `now` is UTC, microseconds since 1970. The records are not looked at: see
/// [`verify`](crate::verify()).
pub fn condition(dir: &Path, keys: &Keys, now: i64) -> Result<Condition, PurgeError> {
    let wrong = |source| PurgeError::File { file: dir.to_path_buf(), source };
    let days = Day::all(dir).map_err(wrong)?;
    let seals = seal::seals(dir, &keys.public()).unwrap_or_default();
    let due = retention::due(dir, &keys.public(), now)?;
    let terms = retention::terms(dir, &keys.public())?;
    let today = Day::of(now);
    let late = due.first().map_or(0, |day| {
        let since = retention::due_since(now, *day, &terms).unwrap_or(today);
        (0..).find(|late| since.after(*late) >= today).unwrap_or(0)
    });
    let sealed = |day: &&Day| seals.contains_key(&day.to_string());
    let free = rustix::fs::statvfs(dir).map_or(0, |space| space.f_bavail.saturating_mul(space.f_frsize));
    Ok(Condition {
        days: days.len() as u64,
        oldest: days.first().map(Day::to_string),
        newest: days.last().map(Day::to_string),
        sealed: days.iter().filter(sealed).count() as u64,
        unsealed: days.iter().filter(|day| **day < today.after(-1) && !sealed(day)).map(Day::to_string).collect(),
        due: due.iter().map(Day::to_string).collect(),
        late_days: u64::try_from(late).unwrap_or(0),
        bytes: days.iter().map(|day| std::fs::metadata(day.file(dir)).map_or(0, |data| data.len())).sum(),
        free_bytes: free,
        chains: chains(dir, keys),
        clock: clock::state(),
    })
}

fn chains(dir: &Path, keys: &Keys) -> Vec<ChainState> {
    let erased = audit::erased(dir, &keys.public()).unwrap_or_default();
    let files = [
        (seal::chain_file(dir), SEAL),
        (retention::certificates_file(dir), CERTIFICATE),
        (retention::terms_file(dir), TERM),
        (audit::file(dir), ACT),
    ];
    let state = |(file, kind): (std::path::PathBuf, &str)| {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let head = keys.head(kind);
        let text = match chain::text(&file) {
            Ok(text) => text,
            Err(error) => return ChainState { file: name, entries: 0, broken: Some(error.to_string()) },
        };
        // The trail alone may begin behind what was erased of it.
        let erased = if kind == ACT { erased.as_slice() } else { &[] };
        match chain::check_behind(&text, kind, &keys.public(), erased) {
            Ok(entries) => ChainState { file: name, entries, broken: chain::check_head(&text, head.as_ref()).err() },
            Err(broken) => {
                let why = format!("line {}: {}", broken.line, broken.why);
                ChainState { file: name, entries: broken.line.saturating_sub(1), broken: Some(why) }
            }
        }
    };
    files.into_iter().map(state).collect()
}
