//! The register as the configuration wants it: where it is, with which keys, and who does something to it.

use crate::config::{Config, Durability};
use logstore::audit::{self, Act};
use logstore::pseudonym::Pseudonyms;
use logstore::{Keys, Settings, StartError};
use std::collections::BTreeMap;
use std::path::Path;

/// Where and how it is kept.
pub(crate) fn settings(config: &Config) -> Settings {
    Settings {
        dir: config.register_dir(),
        keys: config.keys_dir(),
        node: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        durability: match config.log.durability {
            Durability::Process => logstore::Durability::Process,
            Durability::Power => logstore::Durability::Power,
        },
    }
}

/// Its keys. They are made when there has never been a register.
pub(crate) fn keys(config: &Config) -> Result<Keys, StartError> {
    Keys::open(&config.keys_dir(), &config.register_dir())
}

/// What stands for people and addresses.
pub(crate) fn pseudonyms(config: &Config) -> Result<Pseudonyms, StartError> {
    let key = config.keys_dir().join("pseudonyms");
    // The first version kept it in the data folder.
    let before = config.data_dir.join("keys/pseudonyms");
    if before.exists() && !key.exists() {
        let moved = crate::files::private_dir(&config.keys_dir())
            .and_then(|()| std::fs::copy(&before, &key))
            .and_then(|_| std::fs::remove_file(&before));
        moved.map_err(|error| StartError::Unwritable(format!("{}: {error}", key.display())))?;
    }
    Pseudonyms::open(&key)
}

/// Writes an act into the audit trail: what `who` has done, with what it reached.
pub(crate) fn note<const N: usize>(
    dir: &Path,
    keys: &Keys,
    who: String,
    act: &str,
    scope: [(&str, String); N],
    count: u64,
) -> Result<(), logstore::ChainError> {
    let scope: BTreeMap<String, String> = scope.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    audit::add(
        dir,
        keys,
        Act { at: String::new(), who, act: act.to_owned(), purpose: None, reason: None, scope, count },
    )
}

/// The account that runs this process, as the operating system knows it: the one it logged in with, when another has been
/// taken since (`sudo`), which the kernel remembers.
pub(crate) fn who() -> String {
    let now = rustix::process::getuid().as_raw();
    let login = std::fs::read_to_string("/proc/self/loginuid").ok().and_then(|text| text.trim().parse::<u32>().ok());
    match login {
        Some(login) if login != now && login != u32::MAX => format!("{} as {}", account(login), account(now)),
        _ => account(now),
    }
}

fn account(uid: u32) -> String {
    let table = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = table.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    named.unwrap_or_else(|| format!("uid {uid}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_of_the_system_have_names() {
        assert_eq!(account(0), "root");
        assert_eq!(account(4_000_000_000), "uid 4000000000");
    }
}
