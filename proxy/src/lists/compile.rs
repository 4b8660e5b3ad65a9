//! Lists compiled into an index, and the report of what became of each.

use super::archive::{self, Entry};
use super::progress::Progress;
use super::source::{Found, Material, fingerprint};
use super::{ListsError, Missing, rest};
use jiff::Timestamp;
use policy::Index;
use policy::index::Kind;
use policy::lists::{Compiler, Format, Progress as Step, ut1_file};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io::{self, BufRead, Write};
use std::sync::Arc;
use std::time::Instant;

/// Bad lines quoted for a list; the rest is counted.
const EXAMPLES: usize = 10;

/// What went into an index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Of the lists as they were then: see [`fingerprint`].
    pub(crate) fingerprint: String,
    /// When it was compiled.
    pub(crate) compiled_at: Timestamp,
    /// How long that took.
    pub(crate) seconds: f64,
    /// Entries of all lists together. One that two lists name counts twice; one that a list repeats in a category, once.
    pub(crate) entries: u64,
    /// Each list, in the order of the charter.
    pub(crate) lists: Vec<ListReport>,
}

/// What became of one list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ListReport {
    /// Its name in the charter.
    pub(crate) name: String,
    /// Why it is not in the index, or only a part of it.
    pub(crate) missing: Option<String>,
    /// Its entries.
    pub(crate) entries: u64,
    /// Its categories, `list:category`, or its name alone when it has none.
    pub(crate) categories: BTreeSet<String>,
    /// Other names of them.
    pub(crate) aliases: usize,
    /// Lines not kept.
    pub(crate) bad: u64,
    /// The first of them.
    pub(crate) examples: Vec<Example>,
}

/// A line that was not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Example {
    /// The file, as it stands in the list.
    pub(crate) file: String,
    /// From 1.
    pub(crate) line: u64,
    /// Why, in one clause.
    pub(crate) why: String,
    /// The line, shortened.
    pub(crate) text: String,
}

impl Report {
    /// Counts what the index holds in place of the lines that were read, some of which repeat others.
    pub(super) fn count(&mut self, index: &Index) {
        for list in &mut self.lists {
            let sources = index.sources().iter().filter(|source| source.name.split(':').next() == Some(&*list.name));
            list.entries = sources.map(|source| source.entries).sum();
        }
        self.entries = index.entries();
    }

    /// The lists that are not in the index.
    pub(crate) fn missing(&self) -> Vec<Missing> {
        let missing = |list: &ListReport| Some(Missing { list: list.name.clone(), why: list.missing.clone()? });
        self.lists.iter().filter_map(missing).collect()
    }
}

/// Compiles all lists that are there and writes the index. An error is one of writing: what is wrong with a list is in
/// the report, and the others do without it.
pub(crate) fn write(found: &[Found], out: &mut dyn Write, progress: &mut Progress) -> io::Result<Report> {
    let began = Instant::now();
    // Before reading, so that a list that changes meanwhile is seen to have changed.
    let fingerprint = fingerprint(found);
    let mut compiler = Compiler::at_pace(rest);
    let lists: Vec<ListReport> = found.iter().map(|found| list(found, &mut compiler, progress)).collect();
    compiler.write(out, &mut |step| match step {
        Step::Sorting => progress.step("sorting", 0, 0),
        Step::Writing { done, total } => progress.step("writing", done, total),
    })?;
    progress.done();
    Ok(Report {
        fingerprint,
        compiled_at: Timestamp::now(),
        seconds: began.elapsed().as_secs_f64(),
        entries: lists.iter().map(|list| list.entries).sum(),
        lists,
    })
}

/// Compiles without a file: the data folder cannot be written.
pub(crate) fn in_memory(found: &[Found], progress: &mut Progress) -> Result<(Index, Report), ListsError> {
    let mut bytes = Vec::new();
    let mut report = write(found, &mut bytes, progress).map_err(|why| ListsError(why.to_string()))?;
    let index = Index::open(Arc::new(bytes)).map_err(|why| ListsError(why.to_string()))?;
    report.count(&index);
    Ok((index, report))
}

fn list(found: &Found, compiler: &mut Compiler, progress: &mut Progress) -> ListReport {
    let name = &found.list.name;
    let mut reading = Reading {
        list: name,
        format: found.list.format,
        compiler,
        aliases: Vec::new(),
        report: ListReport {
            name: name.clone(),
            missing: None,
            entries: 0,
            categories: BTreeSet::new(),
            aliases: 0,
            bad: 0,
            examples: Vec::new(),
        },
    };
    let step = format!("reading {name}");
    let mut sink = |entry: Entry<'_>, done: u64, total: u64| {
        progress.step(&step, done, total);
        reading.entry(entry)
    };
    let outcome = match &found.material {
        Material::Builtin => {
            let mut texts = policy::charter::starter().iter();
            texts.try_for_each(|(path, text)| sink(Entry::File { path, text: &mut text.as_bytes() }, 0, 0))
        }
        Material::File(path) => archive::file(path, &mut sink),
        Material::Folder(path) => archive::folder(path, &mut sink),
        Material::Missing(why) => Err(io::Error::other(why.clone())),
    };
    let read_to_the_end = outcome.is_ok();
    reading.aliases();
    let mut report = reading.report;
    if let Err(why) = outcome {
        let part = if report.entries > 0 { "only the beginning of it could be read: " } else { "" };
        report.missing = Some(format!("{part}{why}"));
    }
    if read_to_the_end && report.categories.is_empty() {
        let what = match found.list.format {
            Format::Ut1 => "no category folder with `domains`, `urls` or `expressions` is in it",
            Format::Domains | Format::Hosts => "there is no file in it",
        };
        report.missing = Some(what.to_owned());
    }
    report
}

struct Reading<'r> {
    list: &'r str,
    format: Format,
    compiler: &'r mut Compiler,
    /// Link and target; kept until all files are read, since an archive may name a link before its target.
    aliases: Vec<(String, String)>,
    report: ListReport,
}

impl Reading<'_> {
    fn entry(&mut self, entry: Entry<'_>) -> io::Result<()> {
        match (entry, self.format) {
            (Entry::File { path, text }, Format::Ut1) => {
                if let Some(file) = ut1_file(path)
                    && let Some(kind) = file.kind
                {
                    let source = format!("{}:{}", self.list, file.folder);
                    self.file(source, kind, path, text)?;
                }
            }
            (Entry::File { path, text }, Format::Domains | Format::Hosts) => {
                self.file(self.list.to_owned(), Kind::Domains, path, text)?;
            }
            (Entry::Link { path, target }, Format::Ut1) => {
                // A folder beside its target is another name of the category. A link to a single file is not.
                let split = |path: &str| path.rsplit_once('/').map_or((String::new(), path.to_owned()), own);
                let ((above, alias), (beside, category)) = (split(path), split(target));
                if above == beside {
                    self.aliases.push((format!("{}:{alias}", self.list), format!("{}:{category}", self.list)));
                }
            }
            (Entry::Link { .. }, Format::Domains | Format::Hosts) => {}
        }
        Ok(())
    }

    fn file(&mut self, source: String, kind: Kind, path: &str, text: &mut dyn BufRead) -> io::Result<()> {
        let (file, outcome) = self.compiler.stream(&source, kind, self.format, path, text);
        let report = &mut self.report;
        report.entries += file.kept;
        report.bad += file.bad;
        report.categories.insert(source);
        let room = EXAMPLES.saturating_sub(report.examples.len());
        report.examples.extend(file.examples.into_iter().take(room).map(|bad| Example {
            file: file.file.clone(),
            line: bad.line,
            why: bad.why,
            text: bad.text,
        }));
        outcome
    }

    fn aliases(&mut self) {
        for (alias, category) in std::mem::take(&mut self.aliases) {
            let known = &self.report.categories;
            if known.contains(&category) && !known.contains(&alias) {
                self.compiler.alias(&alias, &category);
                self.report.aliases += 1;
            }
        }
    }
}

fn own((a, b): (&str, &str)) -> (String, String) {
    (a.to_owned(), b.to_owned())
}
