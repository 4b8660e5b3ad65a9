//! Gathering entries and writing the index.

use super::format::{Contents, Sink};
use super::lookup::bare;
use super::runs::Runs;
use super::table::TableWriter;
use super::{SetId, SourceId, SourceInfo};
use crate::expressions::Expressions;
use crate::lists::Progress;
use crate::pace::{CODED, Pace};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::net::IpAddr;

/// Entries between two reports of progress.
const STEP: u64 = 1 << 16;

/// Gathers normalised entries and writes the index.
#[derive(Default)]
pub(crate) struct Builder {
    sources: Vec<SourceInfo>,
    ids: HashMap<(String, bool), SourceId>,
    aliases: BTreeMap<String, String>,
    left_out: BTreeSet<String>,
    names: Runs,
    urls: Runs,
    expressions: BTreeMap<String, Vec<SourceId>>,
    expression_count: u64,
    pub(crate) pace: Pace,
    /// Reused by [`Builder::name`].
    name: String,
}

impl Builder {
    /// The number of a source, a new one at its first mention; `None` when there is no number left.
    pub(crate) fn source(&mut self, name: &str, removes: bool) -> Option<SourceId> {
        let key = (name.to_owned(), removes);
        if let Some(id) = self.ids.get(&key) {
            return Some(*id);
        }
        let id = SourceId(u16::try_from(self.sources.len()).ok()?);
        self.sources.push(SourceInfo { name: name.to_owned(), removes, entries: 0 });
        self.ids.insert(key, id);
        Some(id)
    }

    /// Another name of a source.
    pub(crate) fn alias(&mut self, alias: &str, source: &str) {
        self.aliases.insert(alias.to_owned(), source.to_owned());
    }

    /// Leaves what was read of a source, or will be, out of the index.
    pub(crate) fn leave_out(&mut self, source: &str) {
        self.left_out.insert(source.to_owned());
    }

    /// Entries added so far.
    pub(crate) fn entries(&self) -> u64 {
        self.names.count() + self.urls.count() + self.expression_count
    }

    /// Adds the name or address that `write` writes in normal form.
    pub(crate) fn name<E>(
        &mut self,
        source: SourceId,
        write: impl FnOnce(&mut String) -> Result<Option<IpAddr>, E>,
    ) -> Result<(), E> {
        self.name.clear();
        let ip = write(&mut self.name)?;
        let mark = ip.map(|_| b'=');
        self.names.add(mark.into_iter().chain(self.name.bytes().rev()), source, &self.pace);
        Ok(())
    }

    /// Adds a URL: host, and path and query in normal form.
    pub(crate) fn url(&mut self, source: SourceId, host: &str, locator: &str) {
        self.urls.add(bare(host).bytes().chain(locator.bytes()), source, &self.pace);
    }

    /// Adds an expression that was checked.
    pub(crate) fn expression(&mut self, source: SourceId, text: &str) {
        let sources = self.expressions.entry(text.to_owned()).or_default();
        sources.push(source);
        self.expression_count += 1;
    }

    /// Writes the index.
    pub(crate) fn write(self, out: &mut dyn io::Write, progress: &mut dyn FnMut(Progress)) -> io::Result<()> {
        // What could not be opened is not written.
        Expressions::new(self.expressions.keys().map(String::as_str)).map_err(io::Error::other)?;
        progress(Progress::Sorting);
        let mut sets = Sets::new(self.sources, &self.left_out);
        let mut report = Report { done: 0, total: self.names.count() + self.urls.count(), progress };
        let mut sink = Sink::new(out, &self.pace)?;
        let names = write_table(self.names, &mut sets, &mut report, &mut sink)?;
        let urls = write_table(self.urls, &mut sets, &mut report, &mut sink)?;
        report.end();
        let mut expressions = Vec::new();
        for (text, mut sources) in self.expressions {
            sources.sort_unstable();
            sources.dedup();
            if let Some(set) = sets.id(&sources) {
                expressions.push((set, text));
            }
        }
        let Sets { sources, sets, .. } = sets;
        sink.finish(names, urls, &Contents { sources, aliases: self.aliases, sets, expressions })
    }
}

/// Sorts and writes keys with their sets, and gives the length of what was written.
fn write_table(runs: Runs, sets: &mut Sets, report: &mut Report<'_>, sink: &mut Sink<'_>) -> io::Result<u64> {
    let mut table = TableWriter::for_keys(runs.count());
    let pace = sink.pace;
    runs.merge(pace, |key, sources| {
        pace.did(CODED);
        report.count(sources.len());
        match sets.id(sources) {
            Some(set) => table.add(key, set, sink),
            None => Ok(()),
        }
    })?;
    table.finish(sink)
}

/// Sets of sources, numbered at first sight; counts the entries of each source on the way.
struct Sets {
    sources: Vec<SourceInfo>,
    /// The number of each source once those that are left out are gone; empty when none is.
    numbers: Vec<Option<SourceId>>,
    ids: HashMap<Vec<SourceId>, SetId>,
    sets: Vec<Vec<SourceId>>,
}

impl Sets {
    fn new(sources: Vec<SourceInfo>, left_out: &BTreeSet<String>) -> Sets {
        let mut sets = Sets { sources, numbers: Vec::new(), ids: HashMap::new(), sets: Vec::new() };
        if sets.sources.iter().any(|source| left_out.contains(&source.name)) {
            let mut kept = (0..).map(SourceId);
            let number = |source: &SourceInfo| (!left_out.contains(&source.name)).then(|| kept.next()).flatten();
            sets.numbers = sets.sources.iter().map(number).collect();
            sets.sources.retain(|source| !left_out.contains(&source.name));
        }
        sets
    }

    /// `None` when no source of the set is kept.
    fn id(&mut self, sources: &[SourceId]) -> Option<SetId> {
        if self.numbers.is_empty() {
            return Some(self.number(sources));
        }
        let kept = sources.iter().filter_map(|source| *self.numbers.get(usize::from(source.0))?);
        let kept: Vec<SourceId> = kept.collect();
        (!kept.is_empty()).then(|| self.number(&kept))
    }

    fn number(&mut self, sources: &[SourceId]) -> SetId {
        for source in sources {
            self.sources[usize::from(source.0)].entries += 1;
        }
        if let Some(id) = self.ids.get(sources) {
            return *id;
        }
        let id =
            SetId(u32::try_from(self.sets.len()).expect("there are fewer sets than entries, and 4 billion of those"));
        self.ids.insert(sources.to_vec(), id);
        self.sets.push(sources.to_vec());
        id
    }
}

/// Progress, told now and then, and at the end; an entry that stands twice in one source counts once on the way.
struct Report<'a> {
    done: u64,
    total: u64,
    progress: &'a mut dyn FnMut(Progress),
}

impl Report<'_> {
    fn count(&mut self, entries: usize) {
        let before = self.done;
        self.done += entries as u64;
        if before / STEP != self.done / STEP {
            self.tell();
        }
    }

    fn end(&mut self) {
        self.done = self.total;
        self.tell();
    }

    fn tell(&mut self) {
        (self.progress)(Progress::Writing { done: self.done, total: self.total });
    }
}
