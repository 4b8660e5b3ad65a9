//! Lists as they come: UT1 folders, plain domain lists, hosts files, Adblock rules, RPZ zones; compiled into an
//! [`crate::Index`].
//!
//! Lists are written by many hands. Good lines are kept, bad ones counted and shown; every name goes through the door
//! that requests go through ([`crate::target`]), so that both sides of a comparison have one normal form.
//!
//! In all text files: one entry a line (`lists/text.rs` says what ends one), a byte order mark, blank lines and lines that begin
//! with `#` are skipped. In names and URLs, `#` ends the line anywhere and `!` in front takes the entry out of the category.
//! Adblock rules and zones have comments of their own, and say what of these formats is understood.

mod adblock;
mod domains;
mod hosts;
mod hours;
mod rpz;
mod text;
mod ut1;

pub use hours::{Hours, Moment};
pub use ut1::{Usage, Ut1File, is_withdrawn, ut1_file, ut1_usage, ut1_usages};

use crate::index::{Builder, Kind, SourceId};
use crate::pace::{LINE, Pace};
use std::io::{self, BufRead};

/// Bad lines shown of each file.
const EXAMPLES: usize = 5;
/// Reasons told apart in each file.
const REASONS: usize = 20;

/// The format of a list source in the charter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Folders of `domains`, `urls`, `expressions`, `usage`, aliases by symbolic link.
    Ut1,
    /// One name a line.
    Domains,
    /// `0.0.0.0 name`.
    Hosts,
    /// `||name^`, of a browser's blocker.
    Adblock,
    /// `name CNAME .`, a zone of a resolver's.
    Rpz,
}

impl Format {
    /// All, by the words of the charter.
    pub const ALL: [(&str, Format); 5] = [
        ("ut1", Format::Ut1),
        ("domains", Format::Domains),
        ("hosts", Format::Hosts),
        ("adblock", Format::Adblock),
        ("rpz", Format::Rpz),
    ];

    /// The charter's word.
    pub fn as_str(self) -> &'static str {
        Format::ALL.iter().find(|(_, format)| *format == self).map_or("", |(word, _)| word)
    }
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
    /// Why, and how many lines each; what is left when there are too many reasons stands under the last.
    pub reasons: Vec<(String, u64)>,
    /// The first few of them.
    pub examples: Vec<BadLine>,
}

impl FileReport {
    fn bad(&mut self, line: u64, why: String, text: &[u8]) {
        self.bad += 1;
        let other = self.reasons.len() >= REASONS && !self.reasons.iter().any(|(known, _)| *known == why);
        let told = if other { "other reasons" } else { why.as_str() };
        match self.reasons.iter_mut().find(|(known, _)| known == told) {
            Some((_, count)) => *count += 1,
            None => self.reasons.push((told.to_owned(), 1)),
        }
        if self.examples.len() < EXAMPLES {
            self.examples.push(BadLine { line, why, text: shortened(text) });
        }
    }
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

    /// Leaves a source out of the index, whatever was read of it.
    pub fn leave_out(&mut self, source: &str) {
        self.builder.leave_out(source);
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
        let mut report = FileReport {
            file: file.to_owned(),
            source: source.to_owned(),
            kept: 0,
            bad: 0,
            reasons: Vec::new(),
            examples: Vec::new(),
        };
        let mut entries = Entries { builder: &mut self.builder, source, sources: [None; 2], author };
        // An empty file still makes its category known.
        let _ = entries.source(false);
        let mut zone = rpz::Zone::default();
        let mut lines = text::Lines::of(text);
        for number in 1.. {
            let text::Read { bytes, cut } = match lines.next() {
                Ok(Some(line)) => line,
                Ok(None) => break,
                Err(why) => return (report, Err(why)),
            };
            entries.builder.pace.did(LINE);
            let line = bytes.trim_ascii();
            let Some(&first) = line.first() else { continue };
            if first == b'#' && format != Format::Adblock {
                continue;
            }
            let outcome = if cut {
                Err(format!("it is longer than {} bytes", text::LONGEST))
            } else {
                let line = match kind {
                    Kind::Urls => text::url(line),
                    _ => text::decoded(line),
                };
                match (kind, format) {
                    (Kind::Expressions, _) => ut1::expression_line(&line, &mut entries),
                    (Kind::Urls, _) => ut1::url_line(&line, &mut entries),
                    (Kind::Domains, Format::Hosts) => hosts::line(&line, &mut entries),
                    (Kind::Domains, Format::Adblock) => adblock::line(&line, &mut entries),
                    (Kind::Domains, Format::Rpz) => {
                        zone.line(&line, bytes.first().is_some_and(u8::is_ascii_whitespace), &mut entries)
                    }
                    (Kind::Domains, Format::Ut1 | Format::Domains) => domains::line(&line, &mut entries),
                }
            };
            match outcome {
                Ok(Line::Kept) => report.kept += 1,
                Ok(Line::Skipped) => {}
                Err(why) => report.bad(number, why, line),
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
    // Foreign bytes may end on a terminal: what would move its cursor is written out.
    let mut text = String::new();
    for c in String::from_utf8_lossy(line.get(..4 * SHOWN).unwrap_or(line)).chars() {
        if c.is_control() { text.extend(c.escape_default()) } else { text.push(c) }
    }
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests;
