//! One read-only index over all lists, read from bytes the caller owns.
//!
//! All names of all lists stand in one sorted table, last byte first, each with the set of sources that hold it: one
//! search finds every listed suffix of a host, and one counts where a label begins. URL entries stand in a second table
//! as host and path; addresses stand among the names under `=`, which no name holds, and only match whole. Expressions
//! are kept as text and compiled when the index is opened.

mod build;
mod diff;
mod format;
mod lookup;
mod runs;
mod table;

pub(crate) use build::Builder;
pub use diff::Change;
pub use format::IndexError;

use crate::expressions::Expressions;
use crate::pace::Pace;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use table::Table;

/// The bytes of an index: a mapped file, a vector, a static slice. They must not change while the index is open.
pub type Data = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// A set of sources sharing the same entries; see [`Index::set`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SetId(pub u32);

/// One list category the index was built from, such as `ut1:adult`: its place in [`Index::sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub u16);

/// Which kind of file an entry stood in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A name or address.
    Domains,
    /// A host and path prefix.
    Urls,
    /// A keyword or regular expression.
    Expressions,
}

impl Kind {
    /// `domains`, `urls`, `expressions`: as evidence writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Domains => "domains",
            Kind::Urls => "urls",
            Kind::Expressions => "expressions",
        }
    }
}

/// An entry that covers a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit {
    /// The sources that hold this entry.
    pub set: SetId,
    /// Which kind of file.
    pub kind: Kind,
    /// Which entry; meaningful to [`Index::entry`] only. More specific entries of a kind come later in the hits.
    pub entry: u32,
}

/// A source as the index knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceInfo {
    /// `list:category`, such as `ut1:adult`.
    pub name: String,
    /// Entries of this source are exceptions: they take names out of the category (`!example.fr`).
    pub removes: bool,
    /// Entries kept, of all kinds.
    pub entries: u64,
}

/// An opened index.
pub struct Index {
    names: Table,
    urls: Table,
    sources: Vec<SourceInfo>,
    /// Sources and aliases.
    callable: BTreeMap<String, SourceId>,
    sets: Vec<Vec<SourceId>>,
    expressions: Expressions,
    expression_texts: Vec<(SetId, String)>,
    entries: u64,
}

impl Index {
    /// Opens an index: header, version, length and checksum are verified, so that a corrupt, truncated or foreign file
    /// is never half used.
    pub fn open(data: Data) -> Result<Index, IndexError> {
        Index::open_at_pace(data, || {})
    }

    /// The same in small steps, with a `rest` between any two.
    pub fn open_at_pace(data: Data, rest: fn()) -> Result<Index, IndexError> {
        let (names, urls, contents) = format::read((*data).as_ref(), &Pace::new(rest))?;
        let section = |range| {
            let data = Arc::clone(&data);
            Table::open(Section { data, range }).ok_or(IndexError::Contents)
        };
        let expressions = Expressions::new(contents.expressions.iter().map(|(_, text)| text.as_str()))
            .map_err(IndexError::Expressions)?;
        Ok(Index {
            names: section(names)?,
            urls: section(urls)?,
            callable: callable(&contents.sources, &contents.aliases),
            entries: contents.sources.iter().map(|source| source.entries).sum(),
            sources: contents.sources,
            sets: contents.sets,
            expressions,
            expression_texts: contents.expressions,
        })
    }

    /// An index without entries.
    pub fn empty() -> Index {
        let mut bytes = Vec::new();
        Builder::default().write(&mut bytes, &mut |_| {}).expect("writing to a vector cannot fail");
        Index::open(Arc::new(bytes)).expect("what was just written can be read")
    }

    /// All sources, in the order of [`SourceId`].
    pub fn sources(&self) -> &[SourceInfo] {
        &self.sources
    }

    /// The source of that name, aliases (`ut1:porn` for `ut1:adult`) followed. Its exceptions are another source, of
    /// the same name: see [`Index::exceptions`].
    pub fn source(&self, name: &str) -> Option<SourceId> {
        self.callable.get(name).copied()
    }

    /// The source that holds the exceptions (`!example.fr`) of a source, when there are any.
    pub fn exceptions(&self, source: SourceId) -> Option<SourceId> {
        let name = &self.sources.get(usize::from(source.0))?.name;
        let twin = self.sources.iter().position(|twin| twin.removes && twin.name == *name)?;
        u16::try_from(twin).ok().map(SourceId)
    }

    /// All names by which sources can be called: sources and aliases, sorted.
    pub fn names(&self) -> Vec<String> {
        self.callable.keys().cloned().collect()
    }

    /// How many sets there are; `SetId`s run from 0 to this.
    pub fn sets(&self) -> usize {
        self.sets.len()
    }

    /// The sources of a set, in order. Empty for a set of another index.
    pub fn set(&self, set: SetId) -> &[SourceId] {
        self.sets.get(set.0 as usize).map_or(&[], Vec::as_slice)
    }

    /// Entries kept, of all kinds; one that stands in several sources counts in each.
    pub fn entries(&self) -> u64 {
        self.entries
    }
}

/// Names to sources. Aliases of aliases are followed; one that leads nowhere, or in a circle, is no name.
fn callable(sources: &[SourceInfo], aliases: &BTreeMap<String, String>) -> BTreeMap<String, SourceId> {
    let mut callable: BTreeMap<String, SourceId> =
        (0..).zip(sources).filter(|(_, s)| !s.removes).map(|(id, s)| (s.name.clone(), SourceId(id))).collect();
    for alias in aliases.keys() {
        let mut name = alias;
        for _ in 0..=aliases.len() {
            if let Some(id) = callable.get(name).copied() {
                callable.insert(alias.clone(), id);
                break;
            }
            match aliases.get(name) {
                Some(next) => name = next,
                None => break,
            }
        }
    }
    callable
}

/// A part of the data.
struct Section {
    data: Data,
    range: Range<usize>,
}

impl AsRef<[u8]> for Section {
    fn as_ref(&self) -> &[u8] {
        &(*self.data).as_ref()[self.range.clone()]
    }
}

#[cfg(test)]
mod tests;
