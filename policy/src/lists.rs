//! Lists as they come: UT1 folders, plain domain lists, hosts files; compiled into an [`crate::Index`].
//!
//! Lists are written by many hands. Good lines are kept, bad ones counted and shown; every name goes through the door
//! that requests go through ([`crate::target`]), so that both sides of a comparison have one normal form.
//!
//! In all text files: one entry a line, ends in LF or CRLF, a byte order mark, blank lines and lines that begin with `#`
//! are skipped. In names and URLs, `#` ends the line anywhere and `!` in front takes the entry out of the category.

mod domains;
mod hosts;
mod ut1;

pub use ut1::{Ut1File, ut1_file};

use crate::index::{Builder, Kind, SourceId};
use crate::pace::{LINE, Pace};
use std::io::{self, BufRead};

/// Bad lines shown of each file.
const EXAMPLES: usize = 5;

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
    /// The last entries are being sorted.
    Sorting,
    /// Entries written so far, of all.
    Writing {
        /// So far.
        done: u64,
        /// Of all.
        total: u64,
    },
}

/// Who wrote a list, and so how far it is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Author {
    /// Downloaded. A top-level name in it is a mistake that would close the net.
    Other,
    /// The charter. Its author may mean `zip` or `intranet`.
    Ourselves,
}

/// Gathers lists and writes the index.
#[derive(Default)]
pub struct Compiler {
    builder: Builder,
}

impl Compiler {
    /// One that works in steps of about a tenth of a millisecond, with a `rest` between any two: its caller may give the
    /// core to others.
    pub fn at_pace(rest: fn()) -> Compiler {
        let mut compiler = Compiler::default();
        compiler.builder.pace = Pace::new(rest);
        compiler
    }

    /// Reads one file of a source. Good lines are kept, bad ones counted and reported.
    /// `file` is the name for reports. `source` is `list:category`, or the list's own name for a single-category list.
    pub fn file(&mut self, source: &str, kind: Kind, format: Format, file: &str, text: &[u8]) -> FileReport {
        self.read_all(source, kind, format, file, text, Author::Other)
    }

    /// As [`Compiler::file`], of text that is still being read. When that fails, what came before is kept and reported.
    pub fn stream(
        &mut self,
        source: &str,
        kind: Kind,
        format: Format,
        file: &str,
        text: &mut dyn BufRead,
    ) -> (FileReport, io::Result<()>) {
        self.read(source, kind, format, file, text, Author::Other)
    }

    /// Reads entries that the charter states itself, one a line. As [`Compiler::file`], but a name without a dot is
    /// kept.
    pub fn own(&mut self, source: &str, kind: Kind, file: &str, text: &[u8]) -> FileReport {
        self.read_all(source, kind, Format::Domains, file, text, Author::Ourselves)
    }

    /// Another name of a source. A source of that very name goes before it.
    pub fn alias(&mut self, alias: &str, source: &str) {
        self.builder.alias(alias, source);
    }

    /// Entries kept so far; one that stands in several files counts in each.
    pub fn entries(&self) -> u64 {
        self.builder.entries()
    }

    /// Writes the index. Fails as `out` fails, or when the expressions are too many to be compiled together.
    pub fn write(self, out: &mut dyn io::Write, progress: &mut dyn FnMut(Progress)) -> io::Result<()> {
        self.builder.write(out, progress)
    }

    fn read_all(
        &mut self,
        source: &str,
        kind: Kind,
        format: Format,
        file: &str,
        mut text: &[u8],
        author: Author,
    ) -> FileReport {
        // Bytes at hand are read without fail.
        self.read(source, kind, format, file, &mut text, author).0
    }

    fn read(
        &mut self,
        source: &str,
        kind: Kind,
        format: Format,
        file: &str,
        text: &mut dyn BufRead,
        author: Author,
    ) -> (FileReport, io::Result<()>) {
        let mut report =
            FileReport { file: file.to_owned(), source: source.to_owned(), kept: 0, bad: 0, examples: Vec::new() };
        let mut entries = Entries { builder: &mut self.builder, source, sources: [None; 2], author };
        // An empty file still makes its category known.
        let _ = entries.source(false);
        let read: fn(&str, &mut Entries<'_>) -> Result<Line, String> = match (kind, format) {
            (Kind::Domains, Format::Ut1 | Format::Domains) => domains::line,
            (Kind::Domains, Format::Hosts) => hosts::line,
            (Kind::Urls, _) => ut1::url_line,
            (Kind::Expressions, _) => ut1::expression_line,
        };
        let mut bytes = Vec::new();
        for number in 1.. {
            bytes.clear();
            match text.read_until(b'\n', &mut bytes) {
                Ok(0) => break,
                Ok(_) => entries.builder.pace.did(LINE),
                Err(why) => return (report, Err(why)),
            }
            let line = if number == 1 { bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes) } else { &bytes };
            let line = line.trim_ascii();
            if line.is_empty() || line[0] == b'#' {
                continue;
            }
            let outcome = match std::str::from_utf8(line) {
                Ok(line) => read(line, &mut entries),
                Err(_) => Err("not UTF-8 text".to_owned()),
            };
            match outcome {
                Ok(Line::Kept) => report.kept += 1,
                Ok(Line::Skipped) => {}
                Err(why) => {
                    report.bad += 1;
                    if report.examples.len() < EXAMPLES {
                        report.examples.push(BadLine { line: number, why, text: shortened(line) });
                    }
                }
            }
        }
        (report, Ok(()))
    }
}

/// What became of a line that is not bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// At least one entry of it is in the index.
    Kept,
    /// Nothing to keep, and nothing wrong.
    Skipped,
}

/// Where the lines of one file put their entries.
struct Entries<'a> {
    builder: &'a mut Builder,
    source: &'a str,
    /// Of the source, and of its exceptions; looked up once a file.
    sources: [Option<SourceId>; 2],
    author: Author,
}

impl Entries<'_> {
    fn source(&mut self, removes: bool) -> Result<SourceId, String> {
        let known = &mut self.sources[usize::from(removes)];
        match known {
            Some(id) => Ok(*id),
            None => {
                let id = self.builder.source(self.source, removes).ok_or("there are too many categories")?;
                *known = Some(id);
                Ok(id)
            }
        }
    }
}

/// An entry without its comment, and whether `!` makes it an exception.
fn uncommented(line: &str) -> (&str, bool) {
    let line = line.split('#').next().unwrap_or_default().trim_ascii();
    match line.strip_prefix('!') {
        Some(rest) => (rest.trim_ascii_start(), true),
        None => (line, false),
    }
}

fn shortened(line: &[u8]) -> String {
    const SHOWN: usize = 80;
    let text = String::from_utf8_lossy(line);
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}

#[cfg(test)]
mod tests;
