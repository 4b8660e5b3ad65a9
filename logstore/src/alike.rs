//! Exchanges that are alike, counted without reading a record.
//!
//! A block keeps each field's distinct values once, with the places they stand in. Whoever counts gives each distinct
//! value a number of their own, once a block; what has the same numbers in all fields that are asked for is alike, and is
//! told once, with how many there are. A page of blocks is held at a time, whatever the period.

mod hash;

pub(crate) use hash::Numbered;

use crate::SearchError;
use crate::columns::{self, Block, FIELDS};
use crate::day::Day;
use crate::dayfile::{Reader, State};
use crate::keys::Keys;
use crate::row::{Malformed, Row};
use flate2::Compression;
use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;

/// A field that exchanges may be told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// The account.
    User,
    /// The client's address.
    ClientIp,
    /// The method.
    Method,
    /// The scheme.
    Scheme,
    /// The host; none when masked.
    Host,
    /// The port.
    Port,
    /// The name in the ClientHello, when it was another.
    TlsName,
    /// Why the destination is withheld.
    Masked,
    /// The path, when the detail asked for it.
    Path,
    /// The action.
    Action,
    /// How it ended; none while it goes on.
    Outcome,
    /// The rule.
    Rule,
    /// The article.
    Article,
    /// The category.
    Category,
}

impl Field {
    fn name(self) -> &'static str {
        match self {
            Field::User => "user",
            Field::ClientIp => "client_ip",
            Field::Method => "method",
            Field::Scheme => "scheme",
            Field::Host => "host",
            Field::Port => "port",
            Field::TlsName => "tls_name",
            Field::Masked => "masked",
            Field::Path => "path",
            Field::Action => "action",
            Field::Outcome => "outcome",
            Field::Rule => "rule",
            Field::Article => "article",
            Field::Category => "category",
        }
    }
}

/// Whoever counts.
pub trait Counter {
    /// The fields that tell exchanges apart; always the same.
    const FIELDS: &'static [Field];

    /// Whether bytes are counted too.
    const VOLUMES: bool;

    /// The number of a value of the field that stands in this place of [`Counter::FIELDS`]. Asked once for each distinct
    /// value of a block.
    fn number(&mut self, field: usize, value: Option<&str>) -> u32;

    /// What of the instant (UTC µs) tells exchanges apart; `None`: it is not counted.
    fn class(&mut self, opened_at: i64) -> Option<u32>;

    /// Some exchanges that are alike. What is alike in two blocks comes twice.
    fn count(&mut self, alike: &Alike<'_>);
}

/// Exchanges that are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alike<'a> {
    /// The numbers of their values, in the order of [`Counter::FIELDS`].
    pub numbers: &'a [u32],
    /// What was said of their instants.
    pub class: u32,
    /// When one of them was opened (UTC µs).
    pub opened_at: i64,
    /// How many they are.
    pub exchanges: u64,
    /// Payload bytes client→origin of all of them; 0 when volumes are not asked for.
    pub bytes_sent: u64,
    /// Payload bytes origin→client.
    pub bytes_received: u64,
}

/// Counts what was opened in a period (UTC µs), in the order of the days, and returns the days that could not be read: of
/// those, what was read before it ended counts.
///
/// Cancel safety: dropping it stops the count.
pub async fn count<C: Counter>(
    dir: &Path,
    keys: &Keys,
    period: Range<i64>,
    counter: &mut C,
) -> Result<Vec<SearchError>, SearchError> {
    count_without(dir, keys, period, &HashSet::new(), counter).await
}

/// The same, but for these records.
///
/// Cancel safety: dropping it stops the count.
pub async fn count_without<C: Counter>(
    dir: &Path,
    keys: &Keys,
    period: Range<i64>,
    without: &HashSet<i64>,
    counter: &mut C,
) -> Result<Vec<SearchError>, SearchError> {
    let days = Day::all(dir).map_err(|source| SearchError::Folder { dir: dir.to_path_buf(), source })?;
    let columns: Vec<usize> =
        C::FIELDS.iter().filter_map(|field| FIELDS.iter().position(|name| *name == field.name())).collect();
    let mut tally = Tally { columns, period: period.clone(), without, counter };
    let mut unread = Vec::new();
    // A clock that was set back files a record under a day after its own.
    for day in days.into_iter().filter(|day| *day >= Day::of(period.start) && *day <= Day::of(period.end).after(1)) {
        let file = day.file(dir);
        if let Err(error) = tally.day(&file, day, keys).await {
            unread.push(SearchError::Day { why: error.to_string(), file });
        }
    }
    Ok(unread)
}

/// When the first day begins (UTC µs) that the register in `dir` has a file of.
pub fn oldest(dir: &Path) -> Result<Option<i64>, SearchError> {
    let days = Day::all(dir).map_err(|source| SearchError::Folder { dir: dir.to_path_buf(), source })?;
    Ok(days.first().map(|day| day.begins()))
}

struct Tally<'c, C> {
    /// Where the fields stand in a block.
    columns: Vec<usize>,
    period: Range<i64>,
    /// Records that do not count.
    without: &'c HashSet<i64>,
    counter: &'c mut C,
}

/// Not counted.
const OUT: u32 = u32::MAX;
/// Entries of the table that finds a group by its places, when places are few.
const TABLE: usize = 1 << 15;

impl<C: Counter> Tally<'_, C> {
    async fn day(&mut self, file: &Path, day: Day, keys: &Keys) -> Result<(), Malformed> {
        let mut reader = Reader::open(file, day, keys).await?;
        let counted = match reader.state {
            // Made a moment ago, its schema not yet written.
            State::Empty => Ok(()),
            State::Rows => self.rows(&mut reader).await,
            State::Open => self.open(&mut reader).await,
            State::Sealed => self.sealed(&mut reader).await,
        };
        reader.close().await?;
        counted
    }

    async fn rows(&mut self, reader: &mut Reader) -> Result<(), Malformed> {
        let mut after = i64::MIN;
        loop {
            let page: Vec<Row> = reader.rows_after(after).await?.into_iter().map(Row::from).collect();
            let Some(last) = page.last() else { return Ok(()) };
            after = last.id;
            let rows: Vec<&Row> = page.iter().collect();
            self.block(&Block::read(columns::write(&rows, &[], Compression::none(), || ()))?, &HashSet::new())?;
        }
    }

    async fn open(&mut self, reader: &mut Reader) -> Result<(), Malformed> {
        reader.hold_still().await?;
        let (superseded, _) = reader.superseded().await?;
        let mut after = 0;
        while let Some((number, block)) = reader.batch_after(after).await? {
            self.block(&block, &superseded)?;
            after = number;
        }
        Ok(())
    }

    async fn sealed(&mut self, reader: &mut Reader) -> Result<(), Malformed> {
        if let (Ok(first), Ok(last)) = (reader.number("first_opened"), reader.number("last_opened"))
            && (last < self.period.start || first >= self.period.end)
        {
            return Ok(());
        }
        let mut after = None;
        loop {
            let blocks = reader.blocks_after(after, None).await?;
            let Some((last, _)) = blocks.last() else { return Ok(()) };
            after = Some(*last);
            for (_, block) in &blocks {
                self.block(block, &HashSet::new())?;
            }
        }
    }

    /// Counts a block, but for the records that were filed open and have been filed settled since.
    fn block(&mut self, block: &Block, superseded: &HashSet<i64>) -> Result<(), Malformed> {
        let opened = block.numbers(columns::OPENED_AT)?;
        let mut classes: Vec<u32> = Vec::with_capacity(block.len());
        for at in opened {
            let class = if self.period.contains(at) { self.counter.class(*at) } else { None };
            classes.push(class.unwrap_or(OUT));
        }
        if !self.without.is_empty() {
            for (class, id) in classes.iter_mut().zip(block.numbers(columns::ID)?) {
                if self.without.contains(id) {
                    *class = OUT;
                }
            }
        }
        if !superseded.is_empty() {
            let outcome = block.texts(columns::OUTCOME)?;
            for ((row, class), id) in classes.iter_mut().enumerate().zip(block.numbers(columns::ID)?) {
                if outcome.value(outcome.place(row)).is_none() && superseded.contains(id) {
                    *class = OUT;
                }
            }
        }
        if classes.iter().all(|class| *class == OUT) {
            return Ok(());
        }
        let mut groups = Groups::new(&classes);
        // What each distinct value is to the counter.
        let mut numbers: Vec<(&columns::Texts, Vec<u32>)> = Vec::with_capacity(self.columns.len());
        for (field, column) in self.columns.iter().enumerate() {
            let texts = block.texts(*column)?;
            let values: Vec<u32> =
                (0..texts.distinct()).map(|place| self.counter.number(field, texts.value(place))).collect();
            let (places, distinct) = renumbered(&values);
            groups.split(distinct, |row| places.get(texts.place(row)).copied().unwrap_or(0));
            numbers.push((texts, values));
        }
        let (sent, received) = match C::VOLUMES {
            true => (block.numbers(volume("bytes_sent"))?, block.numbers(volume("bytes_received"))?),
            false => (&[][..], &[][..]),
        };
        let mut totals = vec![(0_u64, 0_u64, 0_u64); groups.first.len()];
        for (row, group) in groups.of.iter().enumerate() {
            let Some((count, up, down)) = totals.get_mut(*group as usize) else { continue };
            // Counts are kept as the bits of a number.
            let bytes = |column: &[i64]| column.get(row).map_or(0, |bytes| *bytes as u64);
            *count += 1;
            *up = up.saturating_add(bytes(sent));
            *down = down.saturating_add(bytes(received));
        }
        let mut told = vec![0; numbers.len()];
        for (row, (exchanges, bytes_sent, bytes_received)) in groups.first.iter().map(|row| *row as usize).zip(totals) {
            for (number, (texts, values)) in told.iter_mut().zip(&numbers) {
                *number = values.get(texts.place(row)).copied().unwrap_or(0);
            }
            let (class, opened_at) = (classes[row], opened[row]);
            let numbers = told.as_slice();
            self.counter.count(&Alike { numbers, class, opened_at, exchanges, bytes_sent, bytes_received });
        }
        Ok(())
    }
}

/// Where a field of numbers stands.
fn volume(name: &str) -> usize {
    FIELDS.iter().position(|field| *field == name).unwrap_or_default()
}

/// Numbers as they come, from 0, and how many different ones there are.
fn renumbered(values: &[u32]) -> (Vec<u32>, usize) {
    let mut known: Numbered<u32, u32> = Numbered::with_capacity_and_hasher(values.len(), Default::default());
    let places = values.iter().map(|value| {
        let next = known.len() as u32;
        *known.entry(*value).or_insert(next)
    });
    let places = places.collect();
    (places, known.len())
}

/// The rows of a block in groups, split by one field after the other.
struct Groups {
    /// The group of each row, or `OUT`.
    of: Vec<u32>,
    /// The first row of each group.
    first: Vec<u32>,
}

impl Groups {
    /// Those that have the same class.
    fn new(classes: &[u32]) -> Groups {
        let mut known = Numbered::default();
        let (mut of, mut first) = (Vec::with_capacity(classes.len()), Vec::new());
        let mut last = (OUT, OUT);
        for (row, class) in (0..).zip(classes) {
            if *class != last.0 {
                last = (
                    *class,
                    *known.entry(*class).or_insert_with(|| {
                        first.push(row);
                        first.len() as u32 - 1
                    }),
                );
            }
            of.push(if *class == OUT { OUT } else { last.1 });
        }
        Groups { of, first }
    }

    /// Splits by a field of so many different values.
    fn split(&mut self, distinct: usize, place: impl Fn(usize) -> u32) {
        if distinct < 2 {
            return;
        }
        let mut first: Vec<u32> = Vec::with_capacity(self.first.len());
        let mut add = |row: usize| {
            first.push(row as u32);
            first.len() as u32 - 1
        };
        let size = self.first.len() * distinct;
        if size <= TABLE {
            let mut table = vec![OUT; size];
            for (row, group) in self.of.iter_mut().enumerate().filter(|(_, group)| **group != OUT) {
                let Some(known) = table.get_mut(*group as usize * distinct + place(row) as usize) else { continue };
                if *known == OUT {
                    *known = add(row);
                }
                *group = *known;
            }
        } else {
            let mut known: Numbered<(u32, u32), u32> =
                Numbered::with_capacity_and_hasher(self.of.len() / 2, Default::default());
            let mut last = ((OUT, OUT), OUT);
            for (row, group) in self.of.iter_mut().enumerate().filter(|(_, group)| **group != OUT) {
                let key = (*group, place(row));
                if key != last.0 {
                    last = (key, *known.entry(key).or_insert_with(|| add(row)));
                }
                *group = last.1;
            }
        }
        self.first = first;
    }
}

#[cfg(test)]
#[path = "alike/tests.rs"]
mod tests;
