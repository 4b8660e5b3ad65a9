//! The day that is written: batches of records, and the minutes' checkpoints over them.

use super::restore::Identity;
use super::{DayError, RECORDS, Reader, State};
use crate::chain::{self, Head, Line, NOTHING};
use crate::cipher::{Hash, hex};
use crate::clock::{self, ClockState};
use crate::columns::{self, Block};
use crate::day::Day;
use crate::keys::{DayKey, KeyName, Keys};
use crate::record::Outcome;
use crate::row::{Malformed, Row};
use crate::tree::Tree;
use crate::{Durability, canonical, crash, pace};
use flate2::Compression;
use serde::{Deserialize, Serialize};
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A day file open for writing.
pub(crate) struct OpenDay {
    pub(super) day: Day,
    pub(super) file: PathBuf,
    /// Which file was opened under that name.
    pub(super) identity: Identity,
    pub(super) connection: SqliteConnection,
    key: DayKey,
    next_batch: i64,
    /// Over the records settled, in the order in which they were filed.
    tree: Tree,
    /// The size of the tree at the last checkpoint, the number and the hash of that.
    checked: (u64, u64, Hash),
    last_id: i64,
}

/// What a checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    pub(crate) day: String,
    pub(crate) at: String,
    pub(crate) size: u64,
    pub(crate) root: String,
    pub(crate) clock: ClockState,
}

/// The kind of a checkpoint's entry.
pub(crate) const CHECKPOINT: &str = "checkpoint";

/// The records of an open day that are known so far.
#[derive(Default)]
pub(crate) struct Known {
    /// Settled.
    pub(crate) settled: HashSet<i64>,
    /// Still open.
    pub(crate) open: HashMap<i64, Row>,
}

/// Why a day cannot be written.
pub(crate) enum OpenError {
    /// It is sealed.
    Sealed,
    /// Anything else.
    Other(DayError),
}

impl From<DayError> for OpenError {
    fn from(error: DayError) -> OpenError {
        OpenError::Other(error)
    }
}

impl OpenDay {
    /// Opens the day's file, making it if need be. One of the first form is turned into this one.
    pub(crate) async fn open(dir: &Path, day: Day, durability: Durability, keys: &Keys) -> Result<OpenDay, OpenError> {
        let file = day.file(dir);
        let wrong = |error: &dyn std::fmt::Display| OpenError::Other(DayError::of(&file, error));
        super::undo_cut(&file).await?;
        if super::state_of(&file).await.map_err(|error| wrong(&error))? == State::Rows {
            super::rows::convert(dir, day, keys).await?;
        }
        let mut connection = connect(&file, durability).await.map_err(|error| wrong(&error))?;
        if durability == Durability::Power {
            // The name must survive too.
            File::open(dir).and_then(|dir| dir.sync_all()).map_err(|error| DayError::of(dir, &error))?;
        }
        let key = match super::state(&mut connection).await.map_err(|error| wrong(&error))? {
            State::Empty => {
                let key = keys.day_or_new(day).map_err(|error| wrong(&error))?;
                super::make(&mut connection, day, "open", &key.name).await.map_err(|error| wrong(&error))?;
                key
            }
            State::Open => {
                let name = super::meta(&mut connection, "key").await.map_err(|error| wrong(&error))?;
                let name = KeyName::parse(&name).ok_or_else(|| wrong(&Malformed::Meta("key")))?;
                keys.day(day, &name).map_err(|error| wrong(&error))?
            }
            State::Sealed => return Err(OpenError::Sealed),
            State::Rows => return Err(wrong(&"it was not turned into the form of today")),
        };
        let mut open = OpenDay {
            day,
            file: file.clone(),
            identity: Identity::of(&file).map_err(|error| wrong(&error))?,
            connection,
            key,
            next_batch: 1,
            tree: Tree::default(),
            checked: (0, 0, NOTHING),
            last_id: 0,
        };
        open.catch_up().await.map_err(|error| wrong(&error))?;
        Ok(open)
    }

    /// Finds again what is kept in memory alone: the tree, the last checkpoint.
    async fn catch_up(&mut self) -> Result<(), Malformed> {
        let mut form = Vec::new();
        let (mut batches, mut after) = (0, 0);
        while let Some((number, block)) = self.batch_after(after).await? {
            let whole = block.whole()?;
            for row in 0..whole.len() {
                self.last_id = self.last_id.max(whole.id(row));
                if whole.is_settled(row) {
                    form.clear();
                    whole.canonical(row, &mut form);
                    self.tree.push(canonical::leaf(&self.key.salts, whole.id(row), &form));
                }
            }
            (batches, after) = (number, number);
        }
        self.next_batch = batches + 1;
        let last: Option<(i64, String)> =
            sqlx::query_as("SELECT size, line FROM checkpoint ORDER BY size DESC LIMIT 1")
                .fetch_optional(&mut self.connection)
                .await?;
        if let Some((size, line)) = last {
            let line = Line::of(&line).ok_or(Malformed::Meta("checkpoint"))?;
            let link = line.read::<Checkpoint>().ok_or(Malformed::Meta("checkpoint"))?;
            self.checked = (u64::try_from(size)?, link.number, line.hash());
        }
        Ok(())
    }

    async fn batch_after(&mut self, number: i64) -> Result<Option<(i64, Block)>, Malformed> {
        let next: Option<(i64, Vec<u8>)> =
            sqlx::query_as("SELECT number, data FROM batch WHERE number>? ORDER BY number LIMIT 1")
                .bind(number)
                .fetch_optional(&mut self.connection)
                .await?;
        let Some((number, mut data)) = next else { return Ok(None) };
        let text = self.key.cipher.open(&self.day.place(RECORDS), &mut data)?.to_vec();
        Ok(Some((number, Block::read(text)?)))
    }

    /// Files records, in the order given, in one transaction. None of them may have been filed settled before.
    pub(crate) async fn file(&mut self, rows: &[Row]) -> Result<(), DayError> {
        if rows.is_empty() {
            return Ok(());
        }
        let refs: Vec<&Row> = rows.iter().collect();
        let rest = if rows.len() > pace::ROWS { pace::rest } else { || () };
        let text = columns::write(&refs, &[], Compression::none(), rest);
        let data = self.key.cipher.hide(&self.day.place(RECORDS), &text);
        crash::point("before a batch");
        sqlx::query("INSERT INTO batch (number, data) VALUES (?, ?)")
            .bind(self.next_batch)
            .bind(data)
            .execute(&mut self.connection)
            .await
            .map_err(|error| DayError::of(&self.file, &error))?;
        pace::rest();
        crash::point("after a batch");
        self.next_batch += 1;
        self.grow(text).map_err(|error| DayError::of(&self.file, &error))
    }

    /// Adds the leaves of what was just filed, from its bytes as they are read back.
    fn grow(&mut self, text: Vec<u8>) -> Result<(), Malformed> {
        let block = Block::read(text)?;
        let whole = block.whole()?;
        let mut form = Vec::with_capacity(512);
        for row in 0..whole.len() {
            self.last_id = self.last_id.max(whole.id(row));
            if whole.is_settled(row) {
                form.clear();
                whole.canonical(row, &mut form);
                self.tree.push(canonical::leaf(&self.key.salts, whole.id(row), &form));
            }
            if row % pace::ROWS == pace::ROWS - 1 {
                pace::rest();
            }
        }
        Ok(())
    }

    /// The name of the key it is hidden under.
    pub(crate) fn key_name(&self) -> &KeyName {
        &self.key.name
    }

    /// Signs how far the day has come, if it has come any further.
    pub(crate) async fn checkpoint(&mut self, keys: &Keys) -> Result<(), DayError> {
        let (size, number, previous) = self.checked;
        if self.tree.size() == size {
            return Ok(());
        }
        let checkpoint = Checkpoint {
            day: self.day.to_string(),
            at: clock::rfc3339(clock::now()),
            size: self.tree.size(),
            root: hex(&self.tree.root()),
            clock: clock::state(),
        };
        crash::point("before a checkpoint");
        let line = chain::sign(keys, CHECKPOINT, number + 1, &previous, &checkpoint)
            .map_err(|error| DayError::of(&self.file, &error))?;
        let hash = Line::of(&line).map_or(NOTHING, |line| line.hash());
        sqlx::query("INSERT INTO checkpoint (size, line) VALUES (?, ?)")
            .bind(checkpoint.size as i64)
            .bind(line)
            .execute(&mut self.connection)
            .await
            .map_err(|error| DayError::of(&self.file, &error))?;
        crash::point("after a checkpoint");
        let head = Head { number: number + 1, hash: hex(&hash), day: Some(checkpoint.day) };
        keys.note_head(CHECKPOINT, &head);
        self.checked = (checkpoint.size, number + 1, hash);
        Ok(())
    }

    /// The records so far.
    pub(crate) async fn known(&mut self) -> Result<Known, DayError> {
        let file = self.file.clone();
        let wrong = |error: Malformed| DayError::of(&file, &error);
        let mut known = Known::default();
        let mut after = 0;
        while let Some((number, block)) = self.batch_after(after).await.map_err(wrong)? {
            let whole = block.whole().map_err(wrong)?;
            let rows = whole.rows().map_err(wrong)?;
            for row in 0..whole.len() {
                let id = whole.id(row);
                if whole.is_settled(row) {
                    known.open.remove(&id);
                    known.settled.insert(id);
                } else if !known.settled.contains(&id) {
                    known.open.insert(id, rows.row(row).map_err(wrong)?);
                }
            }
            after = number;
        }
        Ok(known)
    }

    /// Closes as interrupted whatever is open; what it closed.
    pub(crate) async fn interrupt_open(&mut self, at: i64) -> Result<Vec<Row>, DayError> {
        let mut rows: Vec<Row> = self.known().await?.open.into_values().collect();
        rows.sort_by_key(|row| row.id);
        for row in &mut rows {
            row.outcome = Some(Outcome::Interrupted);
            row.closed_at = Some(at.max(row.opened_at));
        }
        for part in rows.chunks(4096) {
            self.file(part).await?;
        }
        Ok(rows)
    }

    /// The highest identifier, 0 in an empty day.
    pub(crate) fn last_id(&self) -> i64 {
        self.last_id
    }

    /// Closes the file, its write-ahead log folded in.
    pub(crate) async fn close(self) -> Result<(), DayError> {
        let OpenDay { file, connection, .. } = self;
        connection.close().await.map_err(|error| DayError::of(&file, &error))
    }
}

async fn connect(file: &Path, durability: Durability) -> Result<SqliteConnection, sqlx::Error> {
    super::make_private(file)?;
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(match durability {
            Durability::Process => SqliteSynchronous::Normal,
            Durability::Power => SqliteSynchronous::Full,
        })
        // A search holds its lock for milliseconds; a backup may hold it longer.
        .busy_timeout(Duration::from_secs(10));
    SqliteConnection::connect_with(&options).await
}

impl Reader {
    /// The first batch of an open day behind this number, and its number: one after the other, so that a day of any size
    /// can be gone through.
    pub(crate) async fn batch_after(&mut self, number: i64) -> Result<Option<(i64, Block)>, Malformed> {
        let next: Option<(i64, Vec<u8>)> =
            sqlx::query_as("SELECT number, data FROM batch WHERE number>? ORDER BY number LIMIT 1")
                .bind(number)
                .fetch_optional(&mut self.connection)
                .await?;
        next.map(|(number, data)| Ok((number, self.block(data)?))).transpose()
    }

    /// From now on, what is read is of this instant, whatever is filed meanwhile.
    pub(crate) async fn hold_still(&mut self) -> Result<(), Malformed> {
        sqlx::raw_sql("BEGIN").execute(&mut self.connection).await?;
        Ok(())
    }

    /// The records of an open day that were filed open and have been filed settled since, and how many records were filed
    /// settled.
    pub(crate) async fn superseded(&mut self) -> Result<(HashSet<i64>, u64), Malformed> {
        let (mut open, mut settled, mut after) = (HashSet::new(), 0, 0);
        while let Some((number, block)) = self.batch_after(after).await? {
            let outcome = block.texts(columns::OUTCOME)?;
            let has_open = (0..outcome.distinct()).any(|place| outcome.value(place).is_none());
            if has_open {
                for (row, id) in block.numbers(columns::ID)?.iter().enumerate() {
                    if outcome.value(outcome.place(row)).is_none() {
                        open.insert(*id);
                    } else {
                        settled += 1;
                    }
                }
            } else {
                settled += block.len() as u64;
            }
            after = number;
        }
        let (mut superseded, mut after) = (HashSet::new(), 0);
        while superseded.len() < open.len()
            && let Some((number, block)) = self.batch_after(after).await?
        {
            let outcome = block.texts(columns::OUTCOME)?;
            for (row, id) in block.numbers(columns::ID)?.iter().enumerate() {
                if open.contains(id) && outcome.value(outcome.place(row)).is_some() {
                    superseded.insert(*id);
                }
            }
            after = number;
        }
        Ok((superseded, settled))
    }

    /// The checkpoints of an open day, oldest first: the size and the line of each.
    pub(crate) async fn open_checkpoints(&mut self) -> Result<Vec<(i64, String)>, Malformed> {
        let all = sqlx::query_as("SELECT size, line FROM checkpoint ORDER BY size").fetch_all(&mut self.connection);
        Ok(all.await?)
    }
}
