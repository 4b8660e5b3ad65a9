//! Settings that two persons loosen: how long and how finely records are kept, for what they are looked at, whom the register is
//! not told of.
//!
//! The files are whoever's who keeps the machine. What they loosen of what was last in force is not put in force, once roles are
//! asked for, until another person has approved it: the stricter value of `octroi.toml` stays, and a charter that masks less is
//! refused. What they tighten is in force at once. What is in force is remembered in the ledger of approvals.

use super::enforced;
use crate::config::{Config, Detail, Purpose};
use crate::register;
use logstore::approvals::{self, Approvals, DETAIL, Desk, Loosening, PURPOSES, RETENTION, Settings};
use logstore::{Keys, people};
use policy::Charter;
use policy::document::Document;
use std::path::Path;

/// Reads what was in force and what was approved; nothing when there is no register, or nobody is asked.
fn before(config: &Config) -> Result<Option<Approvals>, String> {
    if !register::is_begun(config) {
        return Ok(None);
    }
    let keys = register::keys(config).map_err(|why| why.to_string())?;
    let people = people::read(&config.register_dir(), &keys).map_err(|why| why.to_string())?;
    if !enforced(config, &people) {
        return Ok(None);
    }
    approvals::read(&config.register_dir(), &keys).map(Some).map_err(|why| why.to_string())
}

/// What is looser than what was in force, and nobody has approved.
fn loosened(approvals: &Approvals, wanted: &Settings) -> Vec<Loosening> {
    let now = approvals.now();
    let found = approvals.in_force().map(|before| before.loosened(wanted)).unwrap_or_default();
    found.into_iter().filter(|one| approvals.loosens(one, &now).is_none()).collect()
}

/// Holds the stricter value of each setting of the configuration that is looser than before: a sentence for each.
pub(crate) fn hold_back(config: &mut Config) -> Result<Vec<String>, String> {
    let Some(approvals) = before(config)? else { return Ok(Vec::new()) };
    let held = loosened(&approvals, &of_config(config));
    let strict = |setting: &str| approvals.in_force().and_then(|before| before.get(setting).next()).unwrap_or_default();
    for Loosening { setting, value } in &held {
        match setting.as_str() {
            RETENTION => {
                let days = strict(RETENTION).parse();
                config.log.retention_days = days.unwrap_or(config.log.retention_days);
            }
            DETAIL => {
                let words = [Detail::Host, Detail::Path, Detail::Url];
                let detail = words.into_iter().find(|detail| detail.word() == strict(DETAIL));
                config.log.detail = detail.unwrap_or(Detail::Host);
            }
            PURPOSES => config.log.purposes.retain(|purpose| purpose.code() != value),
            _ => {}
        }
    }
    Ok(held.iter().map(|one| told(one, strict(&one.setting))).collect())
}

/// What of the files is not put in force: of the configuration, whose stricter values stay, and of the charter, which is refused.
pub(crate) fn waiting(config: &Config, charter: &Charter) -> Result<[Vec<String>; 2], String> {
    Ok([hold_back(&mut config.clone())?, unmasked(config, charter)?])
}

/// Why a charter is not put in force: what it masks no longer, a sentence for each.
pub(crate) fn unmasked(config: &Config, charter: &Charter) -> Result<Vec<String>, String> {
    let Some(approvals) = before(config)? else { return Ok(Vec::new()) };
    let mut wanted = of_config(config);
    of_charter(charter, &mut wanted);
    let gone = loosened(&approvals, &wanted).into_iter().filter(|one| one.setting.starts_with(MASKING));
    Ok(gone.map(|one| told(&one, "")).collect())
}

/// Every setting of the charter is called so, and what it masks or protects is its values.
const MASKING: &str = "masking";

/// Remembers what is in force from now on, and has the audit trail say what of it is another than before.
pub(crate) fn remember(config: &Config, charter: &Charter, dir: &Path, keys: &Keys) -> Result<(), String> {
    let mut settings = of_config(config);
    of_charter(charter, &mut settings);
    let mut desk = Desk::open(dir, keys).map_err(|why| why.to_string())?;
    let known = desk.approvals().in_force().cloned();
    if known.as_ref() == Some(&settings) {
        return Ok(());
    }
    let now = desk.now();
    let by = |one: &Loosening| desk.approvals().loosens(one, &now).map(|request| request.number.to_string());
    let loosened = known.as_ref().map(|known| known.loosened(&settings)).unwrap_or_default();
    let requests: Vec<(String, String)> =
        loosened.iter().filter_map(|one| Some((one.setting.clone(), by(one)?))).collect();
    desk.put_in_force(register::OWN, settings.clone()).map_err(|why| why.to_string())?;
    drop(desk);
    let Some(known) = known else { return Ok(()) };
    for setting in known.0.keys().chain(settings.0.keys()).collect::<std::collections::BTreeSet<_>>() {
        let (before, after) = (known.0.get(setting), settings.0.get(setting));
        if before == after {
            continue;
        }
        // Who is protected is nobody's to read in the trail: a number says that there are more or fewer.
        let shown = |values: Option<&std::collections::BTreeSet<String>>| match values {
            None => "none".to_owned(),
            Some(values) if setting.starts_with(MASKING) => values.len().to_string(),
            Some(values) => values.iter().cloned().collect::<Vec<_>>().join(", "),
        };
        let requests: Vec<&str> =
            requests.iter().filter(|(of, _)| of == setting).map(|(_, number)| number.as_str()).collect();
        let scope = [
            (approvals::SETTING, setting.clone()),
            ("before", shown(before)),
            ("after", shown(after)),
            ("request", requests.join(", ")),
        ];
        register::note_own(dir, keys, "setting", scope, 0);
    }
    Ok(())
}

/// Whether a setting has this name and can have this value, as a request for it says.
pub(crate) fn known(setting: &str, value: &str) -> Result<(), String> {
    let good = match setting {
        RETENTION => value.parse::<u16>().is_ok(),
        DETAIL => ["path", "url"].contains(&value),
        PURPOSES => Purpose::of_code(value).is_some(),
        masking => masking.split_once('.').is_some_and(|(first, rest)| first == MASKING && !rest.is_empty()),
    };
    if good && !value.trim().is_empty() {
        return Ok(());
    }
    Err(format!(
        "{setting}={value}: expected retention_days=DAYS, detail=path or url, purposes=CODE, or masking.KEY=ENTRY of what the \
         charter's [masking] has no longer, as `octroi check` says"
    ))
}

/// The settings of the configuration.
fn of_config(config: &Config) -> Settings {
    let mut settings = Settings::default();
    settings.add(RETENTION, config.log.retention_days.to_string());
    settings.add(DETAIL, config.log.detail.word());
    config.log.purposes.iter().for_each(|purpose| settings.add(PURPOSES, purpose.code()));
    settings
}

/// What the charter masks and whom it protects, as it says so: entries of `[masking]`, and the members of groups that it names.
fn of_charter(charter: &Charter, settings: &mut Settings) {
    let document = Document::parse(charter.source());
    let root = document.root();
    let Some(masking) = root.has(MASKING).then(|| root.table(MASKING)).flatten() else { return };
    let mut groups = Vec::new();
    for key in masking.names() {
        for entry in masking.strings(key.value).unwrap_or_default() {
            settings.add(&format!("{MASKING}.{}", key.value), entry.value);
            if key.value == "groups" {
                groups.push(entry.value);
            }
        }
    }
    let described = if root.has("groups") { root.named_tables("groups") } else { Vec::new() };
    for (group, table) in described.iter().filter(|(name, _)| groups.iter().any(|group| group == &name.value)) {
        for key in ["users", "networks", "groups"] {
            let members = table.has(key).then(|| table.strings(key)).flatten().unwrap_or_default();
            members.iter().for_each(|member| settings.add(&format!("{MASKING}.{}.{key}", group.value), member.value));
        }
    }
}

/// A sentence. It names no person, address or network: logs and status have it.
fn told(Loosening { setting, value }: &Loosening, strict: &str) -> String {
    let ask = "`octroi scope setting";
    match setting.as_str() {
        RETENTION | DETAIL => format!(
            "`[log] {setting}` stays {strict}: {value} takes a second person: {ask} {setting}={value} --reason …`, then `octroi reload`"
        ),
        PURPOSES => format!(
            "the purpose `{value}` is not declared: that takes a second person: {ask} {setting}={value} --reason …`, then `octroi reload`"
        ),
        masking if masking.ends_with("categories") => format!(
            "the category `{value}` is no longer masked, which takes a second person: {ask} {masking}={value} --reason …`; put it back, or \
             have it approved"
        ),
        masking => format!(
            "`[{masking}]` has an entry less, which takes a second person: {ask} {masking}=ENTRY --reason …`; put it back, or have it \
             approved"
        ),
    }
}
