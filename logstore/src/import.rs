//! Records from elsewhere: days are written that no gate is writing.
//!
//! That needs the register for itself, so that no gate runs on it meanwhile, and leaves the day sealed anew, with the ground
//! in its seal.

use crate::columns;
use crate::day::Day;
use crate::dayfile::open::{OpenDay, OpenError};
use crate::dayfile::sealed::BLOCK;
use crate::dayfile::{State, state_of};
use crate::journal::segment::{self, Segment};
use crate::keys::{Keys, make_folder};
use crate::record::Record;
use crate::row::{Malformed, Row};
use crate::seal::{seal_again, seal_day};
use crate::statements::{Marks, Statements};
use crate::{SealError, Settings, StartError, clock, crash, recovery};
use flate2::Compression;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::File;

/// What was taken of the records given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Imported {
    /// Filed now.
    pub filed: u64,
    /// There already, from an earlier import.
    pub known: u64,
    /// Not brought back: an erasure has erased them (RGPD art. 17).
    pub erased: u64,
}

/// A register held for writing days that are over.
pub struct Importer {
    settings: Settings,
    keys: Keys,
    next_id: i64,
    last_segment: u64,
    open: BTreeMap<Day, OpenDay>,
    touched: BTreeSet<Day>,
    statements: Statements,
    _lock: File,
}

impl Importer {
    /// Takes the register; fails when a gate holds it. What a crash left is recovered first.
    pub async fn begin(settings: &Settings) -> Result<Importer, StartError> {
        let folder = segment::folder(&settings.dir);
        make_folder(&folder).map_err(|error| StartError::io(&folder, &error))?;
        let lock = recovery::lock(&settings.dir)?;
        let keys = Keys::open(&settings.keys, &settings.dir)?;
        let now = clock::now();
        let recovered = recovery::recover(settings, &keys, now).await?;
        // Fails rather than bring back what was erased.
        let statements =
            Statements::read(&settings.dir, &keys).map_err(|error| StartError::Unusable(error.to_string()))?;
        // From here to the end the journal doesn't say that the register was finished: after a crash, identifiers go on
        // behind those that were given here.
        recovery::begin_again(settings, &recovered, &keys, now)?;
        Ok(Importer {
            settings: settings.clone(),
            keys,
            next_id: recovered.next_id,
            last_segment: recovered.last_segment + 1,
            open: BTreeMap::new(),
            touched: BTreeSet::new(),
            statements,
            _lock: lock,
        })
    }

    /// Takes settled records of one UTC day, that of their opening; their identifiers are given here. Those that an
    /// earlier import brought are passed over: two records of one day are the same when all but the identifier is. So are those that an erasure has erased.
    pub async fn take(&mut self, records: Vec<Record>) -> Result<Imported, SealError> {
        let Some(day) = records.first().map(|record| Day::of(record.opened_at)) else { return Ok(Imported::default()) };
        let mut known = self.known(day, &records[0].node.clone()).await?;
        let erased = self.erased(day, &records);
        let mut erased = erased.iter();
        let mut rows = rows(records);
        let (mut is_known, mut spared) = (0, 0);
        let forms = if known.is_empty() { Vec::new() } else { contents(&rows) };
        let mut forms = forms.iter();
        rows.retain(|_| {
            let is_erased = erased.next().is_some_and(|erased| *erased);
            match forms.next().and_then(|form| known.get_mut(form)) {
                Some(left) if *left > 0 => {
                    *left -= 1;
                    is_known += 1;
                    false
                }
                _ => {
                    spared += u64::from(is_erased);
                    !is_erased
                }
            }
        });
        for row in &mut rows {
            row.id = self.next_id;
            self.next_id += 1;
        }
        let imported = Imported { filed: rows.len() as u64, known: is_known, erased: spared };
        self.file(day, rows).await?;
        Ok(imported)
    }

    /// Which of these records of a day an erasure has erased.
    fn erased(&self, day: Day, records: &[Record]) -> Vec<bool> {
        let marks: Vec<&Marks> = self.statements.marks(day).collect();
        let forms = if marks.is_empty() { Vec::new() } else { contents(&rows(records.iter().cloned())) };
        let mut forms = forms.iter();
        let is_marked = |form: Option<&Vec<u8>>| form.is_some_and(|form| marks.iter().any(|marks| marks.has(form)));
        let erased = records.iter().map(|record| {
            let is_marked = is_marked(forms.next());
            is_marked || self.statements.erases(record).is_some()
        });
        erased.collect()
    }

    /// How often the day holds each record of a node, its identifier left out.
    async fn known(&mut self, day: Day, node: &str) -> Result<HashMap<Vec<u8>, u64>, SealError> {
        // What this import has filed so far was not there before it.
        if self.touched.contains(&day) {
            return Ok(HashMap::new());
        }
        let file = day.file(&self.settings.dir);
        let wrong = |error: Malformed| SealError::Day(crate::error::words(&file, &error));
        let mut known = HashMap::new();
        if state_of(&file).await.map_err(wrong)? == State::Empty {
            return Ok(known);
        }
        let query = crate::Search::default();
        let (records, _) = crate::search::search_day(&file, day, &self.keys, &query).await.map_err(wrong)?;
        let records = records.into_iter().filter(|record| record.node == node);
        for form in contents(&rows(records)) {
            *known.entry(form).or_default() += 1;
        }
        Ok(known)
    }

    async fn file(&mut self, day: Day, rows: Vec<Row>) -> Result<(), SealError> {
        if rows.is_empty() {
            return Ok(());
        }
        let Settings { dir, durability, node, .. } = &self.settings;
        if !self.open.contains_key(&day) {
            match OpenDay::open(dir, day, *durability, &self.keys).await {
                Ok(open) => {
                    self.open.insert(day, open);
                }
                Err(OpenError::Other(error)) => return Err(error.into()),
                Err(OpenError::Sealed) => {
                    let count = rows.len();
                    let ground = format!("import of {count} records");
                    seal_again(dir, day, node, &self.keys, &HashSet::new(), rows, &ground).await?;
                    return Ok(());
                }
            }
        }
        self.touched.insert(day);
        if let Some(open) = self.open.get_mut(&day) {
            for part in rows.chunks(BLOCK) {
                open.file(part).await?;
                crash::point("import filed");
            }
        }
        // Logs come in the order of time: an earlier day is done with.
        let done: Vec<Day> = self.open.range(..day.after(-1)).map(|(day, _)| *day).collect();
        for day in done {
            self.close(day).await?;
        }
        Ok(())
    }

    async fn close(&mut self, day: Day) -> Result<(), SealError> {
        if let Some(mut open) = self.open.remove(&day) {
            open.checkpoint(&self.keys).await?;
            open.close().await?;
        }
        Ok(())
    }

    /// Seals the days that are over and lets go of the register.
    pub async fn finish(mut self) -> Result<(), SealError> {
        let days: Vec<Day> = self.open.keys().copied().collect();
        for day in days {
            self.close(day).await?;
        }
        let Settings { dir, node, .. } = &self.settings;
        let today = Day::of(clock::now());
        // Yesterday is the gate's to seal: its clock may still be set back into it.
        for day in self.touched.iter().filter(|day| **day < today.after(-1)) {
            seal_day(dir, *day, node, &self.keys).await?;
        }
        let folder = segment::folder(dir);
        let number = self.last_segment + 1;
        crash::point("import sealed");
        Segment::create_finished(&folder, number, self.next_id, &self.keys, clock::now()).map_err(SealError::Day)?;
        segment::delete_before(&folder, number).map_err(|error| SealError::Day(crate::error::words(&folder, &error)))
    }
}

/// Rows of records whose identifiers are left out.
pub(crate) fn rows(records: impl IntoIterator<Item = Record>) -> Vec<Row> {
    records.into_iter().map(|record| Row { id: 0, ..Row::from(record) }).collect()
}

/// The canonical forms of records: with their identifiers left out, two that are the same have the same.
pub(crate) fn contents(rows: &[Row]) -> Vec<Vec<u8>> {
    let mut forms = Vec::with_capacity(rows.len());
    for part in rows.chunks(BLOCK) {
        let block =
            columns::Block::read(columns::write(&part.iter().collect::<Vec<_>>(), &[], Compression::none(), || ()));
        let whole = block.as_ref().map(columns::Block::whole);
        for row in 0..part.len() {
            let mut form = Vec::new();
            if let Ok(Ok(whole)) = &whole {
                whole.canonical(row, &mut form);
            }
            forms.push(form);
        }
    }
    forms
}

#[cfg(test)]
#[path = "import/tests.rs"]
mod tests;
