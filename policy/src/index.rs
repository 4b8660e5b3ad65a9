//! One read-only index over all lists, read from bytes the caller owns.
use crate::Target;
use std::sync::Arc;

/// The bytes of an index: a mapped file, a vector, a static slice.
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

/// Why bytes are no index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexError {}

/// An opened index.
pub struct Index {}

impl Index {
    /// Opens an index: header, version, length and checksum are verified, so that a corrupt, truncated or foreign file
    /// is never half used.
    pub fn open(_data: Data) -> Result<Index, IndexError> {
        todo!()
    }
    /// An index without entries.
    pub fn empty() -> Index {
        todo!()
    }
    /// All sources, in the order of [`SourceId`].
    pub fn sources(&self) -> &[SourceInfo] {
        todo!()
    }
    /// The source of that name, aliases (`ut1:porn` for `ut1:adult`) followed.
    pub fn source(&self, _name: &str) -> Option<SourceId> {
        todo!()
    }
    /// All names by which sources can be called: sources and aliases, sorted.
    pub fn names(&self) -> Vec<String> {
        todo!()
    }
    /// How many sets there are; `SetId`s run from 0 to this.
    pub fn sets(&self) -> usize {
        todo!()
    }
    /// The sources of a set.
    pub fn set(&self, _set: SetId) -> &[SourceId] {
        todo!()
    }
    /// Entries kept, of all kinds.
    pub fn entries(&self) -> u64 {
        todo!()
    }
    /// Adds every entry that covers the target: names at label boundaries, URLs by host and path prefix, expressions.
    pub fn hits(&self, _target: &Target, _hits: &mut Vec<Hit>) {
        todo!()
    }
    /// The text of the entry behind a hit: `youporn.com`, `example.com/dir`, `(sex|porn)`.
    pub fn entry(&self, _target: &Target, _hit: Hit) -> String {
        todo!()
    }
}
