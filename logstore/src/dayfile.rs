//! A day file: one SQLite database with the records of one UTC day.
//!
//! The journal is what a record is owed in; the day file is where it ends. So a day file need not be durable at each
//! commit, only never broken: WAL with `synchronous = NORMAL` keeps it whole through a power cut, which may take the
//! last transactions with it. When the register promises to survive power cuts, journal segments go only after their
//! records are safe here, hence `FULL`.

use crate::Durability;
use crate::day::Day;
use crate::error::words;
use crate::record::{Ending, Outcome};
use crate::row::{self, Row};
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Arguments as _, AssertSqlSafe, Connection as _};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// The schema that this code writes (`PRAGMA user_version`).
pub(crate) const VERSION: i64 = 1;
/// `OCTR`, so that `file` and a careful reader can tell a day file from any other database.
const APPLICATION_ID: i64 = 0x4F43_5452;
/// The steps from an empty file to [`VERSION`].
const STEPS: [&str; VERSION as usize] = [include_str!("../migrations/sqlite/0001-day.sql")];

/// Rows of a statement, largest first. Big statements make filing cheap, the small ones carry the rest.
const CHUNKS: [usize; 3] = [128, 16, 1];
static FILING: LazyLock<[Arc<str>; 3]> = LazyLock::new(|| CHUNKS.map(|rows| row::filing_sql(rows).into()));

/// What is wrong with a day file, with its path.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct DayError(pub(crate) String);

/// A day file open for writing.
pub(crate) struct DayFile {
    file: PathBuf,
    connection: SqliteConnection,
}

impl DayFile {
    /// Opens the day's file, making it if need be.
    pub(crate) async fn open(dir: &Path, day: Day, node: &str, durability: Durability) -> Result<DayFile, DayError> {
        let file = day.file(dir);
        let wrong = |error: sqlx::Error| DayError(words(&file, &error));
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(match durability {
                Durability::Process => SqliteSynchronous::Normal,
                Durability::Power => SqliteSynchronous::Full,
            })
            // A search holds its lock for milliseconds; a backup may hold it longer.
            .busy_timeout(Duration::from_secs(10));
        let mut connection = SqliteConnection::connect_with(&options).await.map_err(wrong)?;
        if durability == Durability::Power {
            // The name must survive too.
            File::open(dir).and_then(|dir| dir.sync_all()).map_err(|error| DayError(words(dir, &error)))?;
        }
        match version(&mut connection).await.map_err(wrong)? {
            VERSION => {}
            known @ 0..VERSION => migrate(&mut connection, known, node).await.map_err(wrong)?,
            other => return Err(DayError(words(&file, &foreign(other)))),
        }
        Ok(DayFile { file, connection })
    }

    /// Files the rows in one transaction; how many were not there, or not settled.
    pub(crate) async fn file(&mut self, rows: impl ExactSizeIterator<Item = Row>) -> Result<u64, DayError> {
        let file = &self.file;
        file_rows(&mut self.connection, rows).await.map_err(|error| DayError(words(file, &error)))
    }

    /// Settles a record of which only the ending is known; how many rows that changed (0 or 1).
    pub(crate) async fn settle(&mut self, id: i64, ending: &Ending) -> Result<u64, DayError> {
        let mut sql = String::from(
            "UPDATE record SET closed_at=?2, destination_ip=?3, status=?4, outcome=?5, \
             bytes_sent=max(bytes_sent,?6), bytes_received=max(bytes_received,?7)",
        );
        if ending.later.is_some() {
            sql.push_str(", tls_name=?8, action=?9, rule=?10, article=?11, category=?12, charter=?13");
        }
        sql.push_str(" WHERE id=?1 AND outcome IS NULL");
        let mut query = sqlx::query(AssertSqlSafe(sql))
            .bind(id)
            .bind(ending.closed_at)
            .bind(ending.destination_ip.map(row::octets))
            .bind(ending.status.map(i64::from))
            .bind(ending.outcome.shared())
            .bind(row::count(ending.bytes_sent))
            .bind(row::count(ending.bytes_received));
        if let Some(later) = &ending.later {
            let verdict = later.verdict.clone();
            query = query
                .bind(later.tls_name.clone())
                .bind(verdict.action.shared())
                .bind(verdict.rule)
                .bind(verdict.article)
                .bind(verdict.category)
                .bind(verdict.charter);
        }
        let done = query.execute(&mut self.connection).await;
        Ok(done.map_err(|error| DayError(words(&self.file, &error)))?.rows_affected())
    }

    /// Closes as interrupted whatever is open; how many there were.
    pub(crate) async fn interrupt_open(&mut self, at: i64) -> Result<u64, DayError> {
        let done = sqlx::query("UPDATE record SET outcome=?1, closed_at=max(opened_at,?2) WHERE outcome IS NULL")
            .bind(Outcome::Interrupted.shared())
            .bind(at)
            .execute(&mut self.connection)
            .await;
        Ok(done.map_err(|error| DayError(words(&self.file, &error)))?.rows_affected())
    }

    /// The highest identifier, 0 in an empty day.
    pub(crate) async fn last_id(&mut self) -> Result<i64, DayError> {
        let last: Result<Option<i64>, _> =
            sqlx::query_scalar("SELECT max(id) FROM record").fetch_one(&mut self.connection).await;
        Ok(last.map_err(|error| DayError(words(&self.file, &error)))?.unwrap_or(0))
    }

    /// Closes the file, its write-ahead log folded in.
    pub(crate) async fn close(self) -> Result<(), DayError> {
        let DayFile { file, connection } = self;
        connection.close().await.map_err(|error| DayError(words(&file, &error)))
    }
}

/// The schema version of an open file.
pub(crate) async fn version(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("PRAGMA user_version").fetch_one(connection).await
}

/// The node whose records a day file holds.
pub(crate) async fn node(connection: &mut SqliteConnection) -> Result<String, sqlx::Error> {
    sqlx::query_scalar("SELECT value FROM meta WHERE key='node'").fetch_one(connection).await
}

/// What is said of a file that this code cannot read.
pub(crate) fn foreign(version: i64) -> String {
    format!("its form has version {version}, this program knows up to {VERSION}")
}

async fn migrate(connection: &mut SqliteConnection, from: i64, node: &str) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    let done = usize::try_from(from).unwrap_or(0);
    for step in STEPS.iter().skip(done) {
        sqlx::raw_sql(*step).execute(&mut *transaction).await?;
    }
    sqlx::query("INSERT OR IGNORE INTO meta (key, value) VALUES ('node', ?)")
        .bind(node)
        .execute(&mut *transaction)
        .await?;
    let pragmas = format!("PRAGMA user_version = {VERSION}; PRAGMA application_id = {APPLICATION_ID}");
    sqlx::raw_sql(AssertSqlSafe(pragmas)).execute(&mut *transaction).await?;
    transaction.commit().await
}

async fn file_rows(
    connection: &mut SqliteConnection,
    mut rows: impl ExactSizeIterator<Item = Row>,
) -> Result<u64, sqlx::Error> {
    let mut changed = 0;
    let mut transaction = connection.begin().await?;
    for (chunk, sql) in CHUNKS.into_iter().zip(FILING.iter()) {
        while rows.len() >= chunk {
            let mut arguments = SqliteArguments::default();
            arguments.reserve(chunk * row::COLUMNS.len(), 0);
            for row in rows.by_ref().take(chunk) {
                row.bind(&mut arguments).map_err(sqlx::Error::Encode)?;
            }
            let query = sqlx::query_with(AssertSqlSafe(sql.clone()), arguments);
            changed += query.execute(&mut *transaction).await?.rows_affected();
        }
    }
    transaction.commit().await?;
    Ok(changed)
}
