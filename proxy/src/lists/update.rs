//! Lists brought up to date: fetched, compiled, held to what the charter expects; and what that changed.

use super::fetch::{self, Outcome, Wish};
use super::progress::Progress;
use super::source::{self, Found};
use super::store::{Compiled, Store};
use super::{rest, versions};
use crate::config::Config;
use crate::files;
use policy::index::Change;
use policy::{Charter, InForce, Index};
use std::collections::BTreeMap;
use std::fs::{File, TryLockError};

/// Entries shown of what is new, and of what is gone, in each category.
pub(crate) const SAMPLES: usize = 3;

/// What came of it.
pub(crate) struct Updated {
    /// Of each list that was to be fetched.
    pub(crate) outcomes: Vec<(String, Outcome)>,
    /// The index.
    pub(crate) compiled: Compiled,
    /// What changed from the index before, if there was one.
    pub(crate) changes: Option<BTreeMap<String, Change>>,
}

/// Which lists are fetched, and which of them are taken over however much they changed.
pub(crate) struct Wanted<'w> {
    /// Whether a list is fetched.
    pub(crate) list: &'w dyn Fn(&Found) -> bool,
    /// Names of lists.
    pub(crate) accept: &'w [String],
}

/// Fetches lists, compiles all, and puts back what the charter's expectations do not hold with. Blocks.
pub(crate) fn update(
    config: &Config,
    charter: &Charter,
    wanted: &Wanted<'_>,
    progress: &mut Progress,
) -> Result<Updated, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|why| why.to_string())?;
    let dir = config.lists_dir();
    let said = |why: std::io::Error| format!("{}: {why}", dir.display());
    files::private_dir(&dir).map_err(said)?;
    let lock = File::create(dir.join("update.lock")).map_err(said)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err("the lists are being fetched already: wait for that to end".to_owned());
        }
        Err(TryLockError::Error(why)) => return Err(said(why)),
    }
    let store = Store::of(config);
    let before = store.open().ok();
    let uses = |category: &str| charter.uses_list(category);
    let found = source::find_all(config, charter);
    let mut outcomes = Vec::new();
    for found in found.iter().filter(|found| found.address().is_some() && (wanted.list)(found)) {
        let name = &found.list.name;
        let wish = Wish { accept: wanted.accept.contains(name), uses: &uses };
        let outcome = runtime.block_on(fetch::fetch(found, config, &wish, progress));
        progress.say(&sentence(found, &outcome));
        outcomes.push((name.clone(), outcome));
    }
    let is_new = outcomes.iter().any(|(_, outcome)| matches!(outcome, Outcome::New(_)));
    // Expectations that failed before are no fault of the new lists.
    let held = is_new
        && match store.open() {
            Ok(index) => disappointment(config, index)?.is_none(),
            Err(_) => false,
        };
    let mut compiled = compile(config, charter, &store, progress)?;
    if held && let Some(why) = disappointment(config, store.open()?)? {
        let why = format!("an expectation of the charter does not hold with it: {why}");
        for (name, outcome) in outcomes.iter_mut().filter(|(_, outcome)| matches!(outcome, Outcome::New(_))) {
            let Some(found) = found.iter().find(|found| found.list.name == *name) else { continue };
            let folder = source::folder(&dir, name);
            // A list that was never there before stays: without it, less would be refused.
            if versions::roll_back(&folder, &found.list.source, &why).is_ok() {
                *outcome = Outcome::Failed(why.clone());
                progress.say(&sentence(found, outcome));
            }
        }
        compiled = compile(config, charter, &store, progress)?;
    }
    let changes = before.map(|before| compiled.index.changes_since(&before, SAMPLES, rest));
    Ok(Updated { outcomes, compiled, changes })
}

fn compile(config: &Config, charter: &Charter, store: &Store, progress: &mut Progress) -> Result<Compiled, String> {
    let found = source::find_all(config, charter);
    store.compile(&found, progress).map_err(|why| format!("{}: {why}", store.path().display()))
}

/// The first expectation of the charter that does not hold with an index.
fn disappointment(config: &Config, index: Index) -> Result<Option<String>, String> {
    let loaded = config.charter().map_err(|why| why.to_string())?;
    Ok(InForce::new(loaded.charter, index).expectations().into_iter().next().map(|first| first.message))
}

fn sentence(found: &Found, outcome: &Outcome) -> String {
    let name = &found.list.name;
    match outcome {
        Outcome::New(bytes) => format!("{name}: fetched, {}", crate::commands::size(*bytes)),
        Outcome::Unchanged => format!("{name}: unchanged since it was last fetched"),
        Outcome::Failed(why) => {
            let kept = matches!(found.material, source::Material::File(_));
            format!("{name}: not taken over: {why}{}", if kept { "; the one at hand stays in force" } else { "" })
        }
    }
}
