//! The register as the configuration wants it: where it is, with which keys, and who does something to it.

use crate::config::{Config, Durability};
use crate::control::Attested;
use jiff::{SignedDuration, Timestamp};
use logstore::audit::{self, Act};
use logstore::pseudonym::Pseudonyms;
use logstore::{ClockState, Keys, PublicKey, Purged, Recovery, Settings, StartError};
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

/// Whether a register was begun there, under keys of its own.
pub(crate) fn is_begun(config: &Config) -> bool {
    config.register_dir().join("seal.pub").exists()
}

/// Notes the term that the configuration announces, if it is another than before: from now on it is what people are told.
pub(crate) fn announce(config: &Config, dir: &Path, keys: &Keys, who: String) -> Result<(), logstore::ChainError> {
    let days = config.log.retention_days;
    let before = logstore::retention::terms(dir, &keys.public())?.last().map(|term| term.days);
    logstore::announce(dir, keys, days)?;
    if before == Some(days) {
        return Ok(());
    }
    let before = before.map_or_else(|| "none".to_owned(), |days| days.to_string());
    let mut scope = BTreeMap::from([("before".to_owned(), before), ("days".to_owned(), days.to_string())]);
    let reason = Some(config.log.retention_reason.clone()).filter(|reason| !reason.is_empty());
    scope.insert("setting".to_owned(), "retention_days".to_owned());
    audit::add(
        dir,
        keys,
        Act { at: String::new(), who, act: "retention".to_owned(), purpose: None, reason, scope, count: 0 },
    )
}

/// What its signatures are checked with: beside the keys, or else, when these are lost, in the register itself.
pub(crate) fn public(config: &Config) -> Result<PublicKey, String> {
    let files = [config.keys_dir().join("seal.pub"), config.register_dir().join("seal.pub")];
    let read = |file: &std::path::PathBuf| PublicKey::of_pem(&std::fs::read_to_string(file).ok()?);
    let missing = || format!("{}: the public key of the register is not there", files[0].display());
    files.iter().find_map(read).ok_or_else(missing)
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
    let begun = config.register_dir().join("seal.pub");
    if begun.exists() && !key.exists() {
        return Err(StartError::Unusable(format!(
            "{}: the key of pseudonyms is not there, and {} says that the register was begun: put it back from its safe copy; \
             another would give everybody another pseudonym",
            key.display(),
            begun.display()
        )));
    }
    Pseudonyms::open(&key)
}

/// Erases the acts that are past their own term, and notes it.
pub(crate) fn erase_acts(config: &Config, dir: &Path, keys: &Keys) -> Result<(), String> {
    let (organisation, node) = (&config.organisation.name, settings(config).node);
    let erased = audit::erase(dir, keys, config.log.audit_days, organisation, &node).map_err(|why| why.to_string())?;
    if let Some(Attested { certificate, hash }) = erased.map(Attested::from) {
        let acts = certificate.acts.map_or(0, |acts| acts.acts);
        tracing::info!(acts, "acts past their term were erased");
        note_own(dir, keys, "purge", [("acts", acts.to_string()), ("certificate", hash)], acts);
    }
    Ok(())
}

/// Erases the requisitions that are past their six years. Nothing notes it but their own ledger.
pub(crate) fn forget_requisitions(config: &Config, dir: &Path, keys: &Keys) -> Result<(), String> {
    logstore::requisitions::forget(dir, keys, &config.time_zone).map(drop).map_err(|why| why.to_string())
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

/// Notes what was found of a crash, and settled.
pub(crate) fn note_recovery(dir: &Path, keys: &Keys, who: String, recovery: Recovery) {
    if recovery == Recovery::default() {
        return;
    }
    let Recovery { filed, interrupted, torn_bytes, damaged } = recovery;
    let scope = [("filed", filed), ("interrupted", interrupted), ("torn_bytes", torn_bytes), ("damaged", damaged)];
    let scope = scope.map(|(name, number)| (name, number.to_string()));
    if let Err(error) = note(dir, keys, who, "recovery", scope, filed + interrupted) {
        tracing::error!(%error, "the audit trail cannot be written");
    }
}

/// Writes the gate's own act into the audit trail. One that cannot be written is an alarm, and stops nothing.
pub(crate) fn note_own<const N: usize>(dir: &Path, keys: &Keys, act: &str, scope: [(&str, String); N], count: u64) {
    if let Err(error) = note(dir, keys, OWN.to_owned(), act, scope, count) {
        tracing::error!(%error, act, "the audit trail cannot be written");
    }
}

impl From<Purged> for Attested {
    fn from(purged: Purged) -> Attested {
        let hash = purged.hash.iter().map(|byte| format!("{byte:02x}")).collect();
        Attested { certificate: purged.certificate, hash }
    }
}

/// Incidents that are told one by one.
const TOLD: usize = 3;

/// What the audit trail calls an incident, of the last month; a sentence each, the newest last, and how many more there
/// are.
pub(crate) fn incidents(dir: &Path, now: Timestamp) -> Vec<String> {
    let since = now - SignedDuration::from_hours(31 * 24);
    let recent = |act: &Act| act.act == "incident" && act.at.parse::<Timestamp>().is_ok_and(|at| at >= since);
    let said = |act: Act| {
        let scope: Vec<String> = act.scope.into_iter().map(|(name, value)| format!("{name} {value}")).collect();
        format!("{}: {} ({})", act.at, act.reason.unwrap_or_default(), scope.join(", "))
    };
    let mut acts: Vec<Act> = audit::read(dir).unwrap_or_default().acts.into_iter().filter(recent).collect();
    let newest = acts.split_off(acts.len().saturating_sub(TOLD));
    let more = (!acts.is_empty()).then(|| format!("{} more: octroi audit --act incident", acts.len()));
    more.into_iter().chain(newest.into_iter().map(said)).collect()
}

/// How sure the clock is, in a few words.
pub(crate) fn clock(clock: &ClockState) -> String {
    let ClockState { synchronised, offset_us, error_us, source } = clock;
    let kept = if *synchronised { "synchronised" } else { "not synchronised" };
    format!("{kept}, offset {offset_us} µs, error {error_us} µs at most ({source})")
}

/// Every act that the audit trail knows of, by name.
pub(crate) const ACTS: &[&str] = &[
    "search",
    "search refused",
    "tail",
    "stats",
    "report",
    "replay",
    "verify",
    "audit",
    "purge",
    "purge asked",
    "incident",
    "retention",
    "seal",
    "anchor",
    "import",
    "erase",
    "request",
    "statement",
    "read restricted",
    "hold",
    "rekey",
    "start",
    "stop",
    "recovery",
    "clock step",
    "export",
    "requisition",
    "access refused",
    "role",
    "undertaking",
    "link",
    "unlink",
    "account",
    "asked",
    "approved",
    "refused",
    "closed",
    "break-glass",
    "reviewed",
    "setting",
    "alarm",
    "exception granted",
    "exception revoked",
    "exceptions listed",
];

/// Who acts when nobody asked for it.
pub(crate) const OWN: &str = "octroi";

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

    #[test]
    fn incidents_of_the_last_month_are_told() {
        let dir = tempfile::tempdir().expect("a folder");
        let keys = Keys::open(&dir.path().join("keys"), &dir.path().join("register")).expect("made");
        let scope = || [("day", "2026-05-01".to_owned())];
        for act in ["incident", "search"] {
            note(dir.path(), &keys, OWN.into(), act, scope(), 1).expect("written");
        }
        let now = Timestamp::now();
        let told = incidents(dir.path(), now);
        assert!(told.len() == 1 && told[0].contains("day 2026-05-01"), "{told:?}");
        for _ in 0..TOLD {
            note(dir.path(), &keys, OWN.into(), "incident", scope(), 1).expect("written");
        }
        let told = incidents(dir.path(), now);
        assert!(told.len() == TOLD + 1 && told[0].starts_with("1 more"), "{told:?}");
        assert_eq!(incidents(dir.path(), now + SignedDuration::from_hours(32 * 24)), Vec::<String>::new());
    }
}
