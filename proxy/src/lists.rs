//! The lists that the charter names: where they are, how they are fetched, and the one index compiled from them.
//!
//! [`source`] finds each list's files, [`archive`] reads them, [`compile`] makes the index of them, [`store`] keeps it
//! beside a report of what went into it. [`update`] brings the lists that have an address: `fetch` one of them, over
//! `download` and `judge`, [`versions`] the one before it, [`nightly`] each in its hours. [`load`] is for whoever only wants
//! the index: it takes the stored one when it is sound and current, and compiles it again when it is not.

pub(crate) mod archive;
pub(crate) mod compile;
mod download;
pub(crate) mod fetch;
mod judge;
pub(crate) mod nightly;
pub(crate) mod progress;
pub(crate) mod source;
pub(crate) mod store;
pub(crate) mod update;
pub(crate) mod versions;

use crate::config::Config;
use crate::lists::compile::Report;
use crate::lists::progress::Progress;
use crate::lists::source::Found;
use crate::lists::store::Compiled;
use policy::{Charter, InForce, Index};
use std::fmt;

/// Between two steps of reading lists: whoever is ready to run gets the core.
///
/// A thread that only computes is interrupted at ticks of the clock alone (Linux with lazy preemption): up to 4 ms, however low
/// its priority. A system call has the scheduler look around.
pub(crate) fn rest() {
    std::thread::yield_now();
}

/// The index of a charter's lists.
pub(crate) struct Loaded {
    /// Ready to be asked.
    pub(crate) index: Index,
    /// Lists that are not in it.
    pub(crate) missing: Vec<Missing>,
    /// Lists that are spoilt now, so that an older index is used, a sentence each.
    pub(crate) refused: Vec<String>,
}

/// A list that the charter names and that could not be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missing {
    /// Its name in the charter.
    pub(crate) list: String,
    /// Why, in one clause.
    pub(crate) why: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the list `{}` is missing: {}", self.list, self.why)
    }
}

/// Categories that the charter uses and no list holds, a sentence each. Those of a list that is missing as a whole are
/// not named: that is said already.
pub(crate) fn missing_categories(in_force: &InForce, missing: &[Missing]) -> Vec<String> {
    let said = |name: &str| missing.iter().any(|list| name.split(':').next() == Some(list.list.as_str()));
    let categories = in_force.missing_lists().into_iter().filter(|(name, _)| !said(name));
    let sentence = |(name, nearest): (String, Option<String>)| {
        let nearest = nearest.map(|nearest| format!("; nearest: `{nearest}`")).unwrap_or_default();
        format!("the charter uses `{name}`, which no list holds{nearest}")
    };
    categories.map(sentence).collect()
}

/// No index could be made, not even without the lists that are missing.
#[derive(Debug)]
pub(crate) struct ListsError(pub(crate) String);

impl fmt::Display for ListsError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the lists cannot be compiled: {}", self.0)
    }
}

impl std::error::Error for ListsError {}

/// The index of the charter's lists, compiled if need be; what there is to say goes to the operational log.
///
/// Blocks: compiling millions of entries takes seconds.
pub(crate) fn load(config: &Config, charter: &Charter) -> Result<Loaded, ListsError> {
    load_with(config, charter, &mut Progress::log())
}

/// The same, telling `progress` what there is to say.
pub(crate) fn load_with(config: &Config, charter: &Charter, progress: &mut Progress) -> Result<Loaded, ListsError> {
    let found = source::find_all(config, charter);
    if found.is_empty() {
        return Ok(Loaded { index: Index::empty(), missing: Vec::new(), refused: Vec::new() });
    }
    let store = store::Store::of(config);
    if let Some((index, report)) = stored(&store, &found, progress) {
        return Ok(Loaded { index, missing: report.missing(), refused: Vec::new() });
    }
    match store.compile(&found, progress) {
        Ok(Compiled { report, index, refused }) => {
            let refused: Vec<String> = refused.iter().map(|list| refusal(list, &report)).collect();
            refused.iter().for_each(|sentence| progress.say(sentence));
            Ok(Loaded { index, missing: report.missing(), refused })
        }
        Err(why) => {
            progress.say(&format!("the index is kept in memory only: {why}"));
            let (index, report) = compile::in_memory(&found, progress)?;
            Ok(Loaded { index, missing: report.missing(), refused: Vec::new() })
        }
    }
}

/// What is said of a list that is spoilt, while what was compiled before is used.
pub(crate) fn refusal(list: &Missing, before: &Report) -> String {
    format!("the list `{}` is refused, and what was compiled {:.0} stays: {}", list.list, before.compiled_at, list.why)
}

/// The stored index, when it is whole and was compiled from the lists as they are now.
fn stored(store: &store::Store, found: &[Found], progress: &mut Progress) -> Option<(Index, Report)> {
    let report = store.report()?;
    if report.fingerprint != source::fingerprint(found) {
        progress.say("the lists have changed: compiling them again");
        return None;
    }
    match store.open() {
        Ok(index) => Some((index, report)),
        Err(why) => {
            progress.say(&format!("the index is compiled again from its lists: {why}"));
            None
        }
    }
}

#[cfg(test)]
mod tests;
