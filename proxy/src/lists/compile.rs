//! Lists compiled into an index, and the report of what became of each.

use super::archive::{self, Entry};
use super::progress::Progress;
use super::source::{Found, Material, fingerprint};
use super::{ListsError, Missing, rest};
use jiff::Timestamp;
use policy::Index;
use policy::index::Kind;
use policy::lists::{
    Compiler, FileReport, Format, Progress as Step, Usage, is_withdrawn, ut1_file, ut1_usage, ut1_usages,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, Read, Write};
use std::sync::Arc;
use std::time::Instant;

/// Bad lines quoted for a list; the rest is counted.
const EXAMPLES: usize = 10;
/// Reasons told of a list's bad lines.
const REASONS: usize = 20;
/// Bad lines from which on a list is looked at with doubt.
const DOUBT: u64 = 100;
/// The longest `usage` that is read.
const USAGE_BYTES: u64 = 1 << 20;

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
    /// It is there, and not fit to be used: junk, a part, or no list at all.
    pub(crate) spoilt: bool,
    /// Its entries.
    pub(crate) entries: u64,
    /// Its categories, `list:category`, or its name alone when it has none, with the lines kept of each.
    pub(crate) categories: BTreeMap<String, u64>,
    /// Other names of them.
    pub(crate) aliases: BTreeMap<String, String>,
    /// Those that their publisher means to be let through, not refused.
    pub(crate) white: BTreeSet<String>,
    /// What there is to know of it, a sentence each.
    pub(crate) notes: Vec<String>,
    /// Lines not kept.
    pub(crate) bad: u64,
    /// Why, with the number of lines; the commonest first.
    pub(crate) reasons: Vec<(String, u64)>,
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

    /// The lists that are spoilt in this one and were good in the one before.
    pub(super) fn spoilt_since(&self, before: &Report) -> Vec<Missing> {
        let was_good = |name: &str| before.lists.iter().any(|list| list.name == name && list.missing.is_none());
        let spoilt = self.lists.iter().filter(|list| list.spoilt && was_good(&list.name));
        spoilt.filter_map(|list| Some(Missing { list: list.name.clone(), why: list.missing.clone()? })).collect()
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

/// The lists that are spoilt now and were good in that report: all are read, and nothing is written.
pub(crate) fn spoilt(found: &[Found], before: &Report) -> Vec<Missing> {
    let report = write(found, &mut io::sink(), &mut Progress::log());
    report.map_or_else(|_| Vec::new(), |report| report.spoilt_since(before))
}

/// Compiles without a file: the data folder cannot be written.
pub(crate) fn in_memory(found: &[Found], progress: &mut Progress) -> Result<(Index, Report), ListsError> {
    let mut bytes = Vec::new();
    let mut report = write(found, &mut bytes, progress).map_err(|why| ListsError(why.to_string()))?;
    let index = Index::open(Arc::new(bytes)).map_err(|why| ListsError(why.to_string()))?;
    report.count(&index);
    Ok((index, report))
}

/// Reads one list into a compiler.
pub(super) fn list(found: &Found, compiler: &mut Compiler, progress: &mut Progress) -> ListReport {
    let name = &found.list.name;
    let mut reading = Reading {
        list: name,
        format: found.list.format,
        compiler,
        aliases: Vec::new(),
        usages: BTreeMap::new(),
        global: BTreeMap::new(),
        passed_over: BTreeSet::new(),
        reasons: BTreeMap::new(),
        report: ListReport {
            name: name.clone(),
            missing: None,
            spoilt: false,
            entries: 0,
            categories: BTreeMap::new(),
            aliases: BTreeMap::new(),
            white: BTreeSet::new(),
            notes: Vec::new(),
            bad: 0,
            reasons: Vec::new(),
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
    reading.aliases();
    reading.usages();
    reading.reasons();
    let mut report = reading.report;
    report.missing = match outcome {
        Err(why) if report.entries > 0 => Some(format!("only the beginning of it could be read: {why}")),
        Err(why) => Some(why.to_string()),
        Ok(()) => unfit(&report, found.list.format),
    };
    report.spoilt = report.missing.is_some() && !matches!(found.material, Material::Missing(_));
    report
}

/// Why what was read to its end is no list to be used all the same.
fn unfit(report: &ListReport, format: Format) -> Option<String> {
    if report.categories.is_empty() {
        let what = match format {
            Format::Ut1 => "no category folder with `domains`, `urls` or `expressions` is in it",
            _ => "there is no file in it",
        };
        return Some(what.to_owned());
    }
    let example =
        || report.examples.first().map_or(String::new(), |bad| format!(", such as `{}` ({})", bad.text, bad.why));
    if report.entries == 0 && report.bad > 0 {
        return Some(format!("no line of it is understood{}", example()));
    }
    // Of these two a proxy understands a part by design.
    let partly = matches!(format, Format::Adblock | Format::Rpz);
    (report.bad >= DOUBT && report.bad > report.entries && !partly).then(|| {
        let (bad, good) = (report.bad, report.entries);
        format!("more lines of it are not understood ({bad}) than are ({good}){}", example())
    })
}

struct Reading<'r> {
    list: &'r str,
    format: Format,
    compiler: &'r mut Compiler,
    /// Link and target; kept until all files are read, since an archive may name a link before its target.
    aliases: Vec<(String, String)>,
    /// What is said of each folder in it, and of folders by their name elsewhere; an archive may say so behind its lists.
    usages: BTreeMap<String, Usage>,
    global: BTreeMap<String, Usage>,
    passed_over: BTreeSet<String>,
    reasons: BTreeMap<String, u64>,
    report: ListReport,
}

impl Reading<'_> {
    fn entry(&mut self, entry: Entry<'_>) -> io::Result<()> {
        match (entry, self.format) {
            (Entry::File { path, text }, Format::Ut1) => self.ut1(path, text)?,
            (Entry::File { path, text }, _) => self.file(self.list.to_owned(), Kind::Domains, path, text)?,
            (Entry::Link { path, target }, Format::Ut1) => {
                // A folder beside its target is another name of the category. A link to a single file is not.
                let split = |path: &str| path.rsplit_once('/').map_or((String::new(), path.to_owned()), own);
                let ((above, alias), (beside, category)) = (split(path), split(target));
                if above == beside {
                    self.aliases.push((format!("{}:{alias}", self.list), format!("{}:{category}", self.list)));
                }
            }
            (Entry::Link { .. }, _) => {}
        }
        Ok(())
    }

    fn ut1(&mut self, path: &str, text: &mut dyn BufRead) -> io::Result<()> {
        if let Some(folder) = path.split('/').find(|part| is_withdrawn(part)) {
            if self.passed_over.insert(folder.to_owned()) {
                self.report.notes.push(format!("`{folder}` is passed over, as its name says"));
            }
            return Ok(());
        }
        let mut whole = || {
            let mut bytes = Vec::new();
            text.take(USAGE_BYTES).read_to_end(&mut bytes).map(|_| bytes)
        };
        match ut1_file(path) {
            Some(file) => match file.kind {
                Some(kind) => self.file(format!("{}:{}", self.list, file.folder), kind, path, text)?,
                None => drop(self.usages.insert(file.folder, ut1_usage(&whole()?))),
            },
            None if path.rsplit('/').next() == Some("global_usage") => self.global = ut1_usages(&whole()?),
            None => {}
        }
        Ok(())
    }

    fn file(&mut self, source: String, kind: Kind, path: &str, text: &mut dyn BufRead) -> io::Result<()> {
        let (file, outcome) = self.compiler.stream(&source, kind, self.format, path, text);
        self.note(source, file);
        outcome
    }

    fn note(&mut self, source: String, file: FileReport) {
        let report = &mut self.report;
        report.entries += file.kept;
        report.bad += file.bad;
        *report.categories.entry(source).or_default() += file.kept;
        for (why, lines) in file.reasons {
            *self.reasons.entry(why).or_default() += lines;
        }
        let room = EXAMPLES.saturating_sub(report.examples.len());
        report.examples.extend(file.examples.into_iter().take(room).map(|bad| Example {
            file: file.file.clone(),
            line: bad.line,
            why: bad.why,
            text: bad.text,
        }));
    }

    /// What publishers say of their categories: those not to be used are left out.
    fn usages(&mut self) {
        for (folder, usage) in &self.global {
            self.usages.entry(folder.clone()).or_insert_with(|| usage.clone());
        }
        let report = &mut self.report;
        for (folder, usage) in &self.usages {
            let source = format!("{}:{folder}", self.list);
            let Some(&kept) = report.categories.get(&source) else { continue };
            if usage.withdrawn || self.global.get(folder).is_some_and(|global| global.withdrawn) {
                self.compiler.leave_out(&source);
                report.categories.remove(&source);
                report.entries -= kept;
                report.notes.push(format!("`{source}` is left out: its publisher says that it is not to be used"));
                continue;
            }
            if usage.is_white() {
                report.white.insert(source.clone());
            }
            report
                .notes
                .extend((!usage.remarks.is_empty()).then(|| format!("`{source}`: {}", usage.remarks.join(" "))));
        }
    }

    fn reasons(&mut self) {
        let mut reasons: Vec<(String, u64)> = std::mem::take(&mut self.reasons).into_iter().collect();
        reasons.sort_by_key(|(_, lines)| std::cmp::Reverse(*lines));
        reasons.truncate(REASONS);
        self.report.reasons = reasons;
    }

    fn aliases(&mut self) {
        for (alias, category) in std::mem::take(&mut self.aliases) {
            let known = &self.report.categories;
            if known.contains_key(&category) && !known.contains_key(&alias) {
                self.compiler.alias(&alias, &category);
                self.report.aliases.insert(alias, category);
            }
        }
    }
}

fn own((a, b): (&str, &str)) -> (String, String) {
    (a.to_owned(), b.to_owned())
}
