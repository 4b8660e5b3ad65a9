//! Lists as they come: UT1 folders, plain domain lists, hosts files; compiled into an [`crate::Index`].
use crate::index::Kind;
use std::io;

/// The format of a list source in the charter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Folders of `domains`, `urls`, `expressions`, `usage`, aliases by symbolic link.
    Ut1,
    /// One name a line.
    Domains,
    /// `0.0.0.0 name`.
    Hosts,
}

/// Which file of a UT1 tree a path is: see [`ut1_file`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ut1File {
    /// The category folder, `adult`.
    pub folder: String,
    /// What the file holds; `None` for `usage` and other files that hold no entries.
    pub kind: Option<Kind>,
}

/// What a path of an archive or folder is, `None` when it belongs to no category.
pub fn ut1_file(_path: &str) -> Option<Ut1File> {
    todo!()
}

/// One line that was not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// Line number, from 1.
    pub line: u64,
    /// Why, in one clause.
    pub why: String,
    /// The line, shortened.
    pub text: String,
}

/// What became of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileReport {
    /// The file as the caller named it.
    pub file: String,
    /// `ut1:adult`.
    pub source: String,
    /// Lines kept.
    pub kept: u64,
    /// Lines not kept.
    pub bad: u64,
    /// The first few of them.
    pub examples: Vec<BadLine>,
}

/// How far a compilation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Entries sorted so far, of all.
    Sorting,
    /// Entries written so far, of all.
    Writing {
        /// So far.
        done: u64,
        /// Of all.
        total: u64,
    },
}

/// Gathers lists and writes the index.
#[derive(Default)]
pub struct Compiler {}

impl Compiler {
    /// Reads one file of a source. Good lines are kept, bad ones counted and reported.
    /// `file` is the name for reports. `source` is `list:category`, or the list's own name for a single-category list.
    pub fn file(
        &mut self,
        _source: &str,
        _kind: Kind,
        _format: Format,
        _file: &str,
        _text: &[u8],
    ) -> FileReport {
        todo!()
    }
    /// Another name of a source.
    pub fn alias(&mut self, _alias: &str, _source: &str) {
        todo!()
    }
    /// Writes the index.
    pub fn write(
        self,
        _out: &mut dyn io::Write,
        _progress: &mut dyn FnMut(Progress),
    ) -> io::Result<()> {
        todo!()
    }
}
