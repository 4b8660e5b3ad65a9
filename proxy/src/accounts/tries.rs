//! Wrong passwords typed to commands, kept from one command to the next: each is a process of its own, which alone would
//! remember nothing of the guesses before it.

use super::file::{self, FileError};
use super::rule::Name;
use super::throttle::{LONGEST, wait};
use super::{Accounts, Verification};
use crate::files;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

/// Names that are kept in mind; beyond, the oldest goes.
const NAMES: usize = 1000;

/// Names to their failures since the last right password.
type Tries = BTreeMap<String, Failures>;

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Failures {
    count: u32,
    last: Timestamp,
}

/// Whether the account exists, is open, and has this password; one command after the other, each after the wait that the
/// failures before it ask for. A clock that was set back makes the wait longer, never shorter.
pub(crate) fn verify(data_dir: &Path, name: &Name, password: &str) -> Result<Verification, FileError> {
    let path = data_dir.join("accounts.tries");
    let failed = |why: io::Error| FileError::new(&path, &why);
    files::private_dir(data_dir).map_err(failed)?;
    let lock = File::create(data_dir.join("accounts.tries.lock")).map_err(failed)?;
    lock.lock().map_err(failed)?;
    let mut tries: Tries = match std::fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text).map_err(|why| FileError::new(&path, &why))?,
        Err(why) if why.kind() == io::ErrorKind::NotFound => Tries::new(),
        Err(why) => return Err(failed(why)),
    };
    let now = Timestamp::now();
    if let Some(retry_after) = tries.get(name.as_str()).and_then(|failures| failures.wait(now)) {
        return Ok(Verification::Throttled { retry_after });
    }
    let verification = Accounts::open(data_dir)?.verify(name.as_str(), password);
    match verification {
        Verification::Verified(_) if tries.remove(name.as_str()).is_none() => return Ok(verification),
        Verification::Verified(_) => {}
        Verification::Wrong | Verification::Throttled { .. } => {
            let before = tries.get(name.as_str()).filter(|failures| failures.since(now) < LONGEST);
            let count = before.map_or(1, |failures| failures.count.saturating_add(1));
            tries.insert(name.as_str().to_owned(), Failures { count, last: now });
            if tries.len() > NAMES
                && let Some(oldest) =
                    tries.iter().min_by_key(|(_, failures)| failures.last).map(|(name, _)| name.clone())
            {
                tries.remove(&oldest);
            }
        }
    }
    let text = serde_json::to_vec_pretty(&tries).map_err(|why| FileError::new(&path, &why))?;
    files::replace(&path, |file| file.write_all(&text)).map_err(failed)?;
    Ok(verification)
}

impl Failures {
    fn since(self, now: Timestamp) -> Duration {
        Duration::try_from(now.duration_since(self.last)).unwrap_or_default()
    }

    /// How long the next attempt has to wait.
    fn wait(self, now: Timestamp) -> Option<Duration> {
        wait(self.count).checked_sub(self.since(now)).filter(|left| !left.is_zero())
    }
}

/// Whether an account can be used, whatever its password.
pub(crate) fn is_open(data_dir: &Path, name: &Name) -> Result<bool, FileError> {
    Ok(file::read(&file::path(data_dir))?.open_account(name).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::file::{Change, change};

    const PASSWORD: &str = "Trois poissons, 2 canards";

    #[test]
    fn guesses_of_one_command_after_the_other_are_slowed_down() {
        let dir = tempfile::tempdir().expect("a folder");
        let name = Name::parse("a.martin").expect("a name");
        let add = Change::Add { hash: crate::accounts::hash(PASSWORD).expect("hashed") };
        change(dir.path(), &name, add).expect("added");
        let try_it = |password: &str| verify(dir.path(), &name, password).expect("looked at");
        assert_eq!(try_it(PASSWORD), Verification::Verified("a.martin".into()));
        for guess in 0..3 {
            assert_eq!(try_it(&format!("guess {guess}")), Verification::Wrong);
        }
        assert!(matches!(try_it(PASSWORD), Verification::Throttled { .. }), "the right one has to wait too");
        let kept = std::fs::read_to_string(dir.path().join("accounts.tries")).expect("kept");
        assert!(!kept.contains("guess"), "{kept}");
    }

    #[test]
    fn a_clock_set_back_shortens_no_wait() {
        let last: Timestamp = "2026-11-23T18:00:00Z".parse().expect("an instant");
        let failures = Failures { count: 3, last };
        assert_eq!(failures.wait(last - Duration::from_secs(3600)), Some(Duration::from_secs(1)));
        assert_eq!(failures.wait(last + Duration::from_secs(1)), None);
    }
}
