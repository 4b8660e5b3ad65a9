//! A day file: one SQLite database with the records of one UTC day, in one of three states.
//!
//! - `open`: the day that is written. Records stand in batches, in the order in which they were filed.
//! - `sealed`: the day as it stays. Records stand in blocks, clustered by person and time, proved by the day's seal.
//! - `rows`: the first form, in the clear, a column for each field; read, and turned into the others.
//!
//! The journal is what a record is owed in; the day file is where it ends. So a day file need not be durable at each
//! commit, only never broken: WAL with `synchronous = NORMAL` keeps it whole through a power cut, which may take the
//! last transactions with it. When the register promises to survive power cuts, journal segments go only after their
//! records are safe here, hence `FULL`.

pub(crate) mod open;
pub(crate) mod restore;
pub(crate) mod rows;
pub(crate) mod sealed;

use crate::columns::Block;
use crate::day::Day;
use crate::error::words;
use crate::keys::{DayKey, KeyName, Keys};
use crate::row::Malformed;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _};
use std::collections::HashMap;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The schema that this code writes (`PRAGMA user_version`).
pub(crate) const VERSION: i64 = 2;
/// `OCTR`, so that `file` and a careful reader can tell a day file from any other database.
const APPLICATION_ID: i64 = 0x4F43_5452;

/// What is wrong with a day file, with its path.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct DayError(pub(crate) String);

impl DayError {
    pub(crate) fn of(file: &Path, error: &dyn std::fmt::Display) -> DayError {
        DayError(words(file, error))
    }
}

/// The state of a day file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Made a moment ago, or left by a crash before it had a schema.
    Empty,
    /// The first form.
    Rows,
    /// Being written.
    Open,
    /// Sealed.
    Sealed,
}

/// A day file open for reading.
pub(crate) struct Reader {
    pub(crate) day: Day,
    pub(crate) state: State,
    pub(crate) connection: SqliteConnection,
    /// What is the same for the whole day.
    meta: HashMap<String, String>,
    /// `None` while there is nothing to open.
    pub(crate) key: Option<DayKey>,
}

impl Reader {
    /// Opens a day's file, and its key.
    pub(crate) async fn open(file: &Path, day: Day, keys: &Keys) -> Result<Reader, Malformed> {
        let mut connection = look(file).await?;
        let read = async {
            let state = version(&mut connection).await?;
            let meta = if state == 0 { HashMap::new() } else { all_meta(&mut connection).await? };
            let state = state_of_version(state, meta.get("state").map(String::as_str))?;
            let key = match state {
                State::Empty => None,
                State::Rows if keys.accepts_first_form(day) => None,
                State::Rows => return Err(Malformed::FirstForm),
                State::Open | State::Sealed => {
                    let name = meta.get("key").and_then(|name| KeyName::parse(name)).ok_or(Malformed::Meta("key"))?;
                    Some(keys.day(day, &name)?)
                }
            };
            Ok::<_, Malformed>((state, meta, key))
        };
        match read.await {
            Ok((state, meta, key)) => Ok(Reader { day, state, connection, meta, key }),
            Err(error) => {
                connection.close().await?;
                Err(error)
            }
        }
    }

    /// Lets go of the file.
    pub(crate) async fn close(self) -> Result<(), Malformed> {
        Ok(self.connection.close().await?)
    }

    fn key(&self) -> Result<&DayKey, Malformed> {
        self.key.as_ref().ok_or(Malformed::Meta("key"))
    }

    /// Opens a blob of the file that stands in `place`.
    pub(crate) fn reveal(&self, place: &str, data: Vec<u8>) -> Result<Vec<u8>, Malformed> {
        Ok(self.key()?.cipher.open_whole(&self.day.place(place), data)?)
    }

    /// Opens a batch or block.
    pub(crate) fn block(&self, data: Vec<u8>) -> Result<Block, Malformed> {
        Block::read(self.reveal(RECORDS, data)?)
    }

    /// A value of `meta`.
    pub(crate) fn meta(&self, name: &'static str) -> Result<&str, Malformed> {
        self.meta.get(name).map(String::as_str).ok_or(Malformed::Meta(name))
    }

    /// A number of `meta`.
    pub(crate) fn number(&self, name: &'static str) -> Result<i64, Malformed> {
        self.meta(name)?.parse().map_err(|_| Malformed::Meta(name))
    }
}

/// What batches and blocks are hidden as.
pub(crate) const RECORDS: &str = "records";
/// What the list of accounts is hidden as.
pub(crate) const USERS: &str = "users";

/// The state of an open file.
pub(crate) async fn state(connection: &mut SqliteConnection) -> Result<State, Malformed> {
    let version = version(connection).await?;
    let state = if version == VERSION { Some(meta(connection, "state").await?) } else { None };
    state_of_version(version, state.as_deref())
}

fn state_of_version(version: i64, state: Option<&str>) -> Result<State, Malformed> {
    match (version, state) {
        (0, _) => Ok(State::Empty),
        (1, _) => Ok(State::Rows),
        (VERSION, Some("open")) => Ok(State::Open),
        (VERSION, Some("sealed")) => Ok(State::Sealed),
        (VERSION, _) => Err(Malformed::Meta("state")),
        (other, _) => Err(Malformed::Version(other)),
    }
}

async fn all_meta(connection: &mut SqliteConnection) -> Result<HashMap<String, String>, sqlx::Error> {
    let all: Vec<(String, String)> = sqlx::query_as("SELECT key, value FROM meta").fetch_all(connection).await?;
    Ok(all.into_iter().collect())
}

/// The state of a day's file; `Empty` when there is none.
pub(crate) async fn state_of(file: &Path) -> Result<State, Malformed> {
    if !file.exists() {
        return Ok(State::Empty);
    }
    let mut connection = look(file).await?;
    let state = state(&mut connection).await;
    connection.close().await?;
    state
}

/// Which key a day's file is hidden under; `None` when there is no such file, or nothing hidden in it.
pub(crate) async fn key_name_of(file: &Path) -> Result<Option<KeyName>, Malformed> {
    if !file.exists() {
        return Ok(None);
    }
    let mut connection = look(file).await?;
    let name = match state(&mut connection).await {
        Ok(State::Empty | State::Rows) => Ok(None),
        Ok(State::Open | State::Sealed) => meta(&mut connection, "key").await.map(|name| KeyName::parse(&name)),
        Err(error) => Err(error),
    };
    connection.close().await?;
    name
}

/// A value of a file's `meta`, which needs no key.
pub(crate) async fn meta_of(file: &Path, name: &'static str) -> Result<String, Malformed> {
    let mut connection = look(file).await?;
    let value = meta(&mut connection, name).await;
    connection.close().await?;
    value
}

/// Undoes what a crash left half done while a file was made: until then it cannot even be read. Whoever calls it is the
/// only one to write the file.
pub(crate) async fn undo_cut(file: &Path) -> Result<(), DayError> {
    let mut journal = file.to_path_buf().into_os_string();
    journal.push("-journal");
    if !Path::new(&journal).exists() || !file.exists() {
        return Ok(());
    }
    let options = SqliteConnectOptions::new().filename(file);
    let undone = async {
        let mut connection = SqliteConnection::connect_with(&options).await?;
        version(&mut connection).await?;
        connection.close().await?;
        Ok::<_, Malformed>(())
    };
    undone.await.map_err(|error| DayError::of(file, &error))
}

/// Folds a file's write-ahead log into it, so that the log may be deleted. Fails while somebody reads what stands there.
pub(crate) async fn fold(file: &Path) -> Result<(), DayError> {
    let wrong = |error: sqlx::Error| DayError::of(file, &error);
    // A search is done in a moment; whoever reads for longer is waited for by trying again.
    let options = SqliteConnectOptions::new().filename(file).busy_timeout(Duration::from_secs(1));
    let mut connection = SqliteConnection::connect_with(&options).await.map_err(wrong)?;
    let folded = sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut connection).await;
    connection.close().await.map_err(wrong)?;
    let (busy, _, _): (i64, i64, i64) = folded.map_err(wrong)?;
    if busy == 0 { Ok(()) } else { Err(DayError::of(file, &"somebody is reading it")) }
}

async fn look(file: &Path) -> Result<SqliteConnection, sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(file).read_only(true).busy_timeout(Duration::from_secs(10));
    SqliteConnection::connect_with(&options).await
}

async fn meta(connection: &mut SqliteConnection, name: &'static str) -> Result<String, Malformed> {
    let value: Option<String> =
        sqlx::query_scalar("SELECT value FROM meta WHERE key=?").bind(name).fetch_optional(connection).await?;
    value.ok_or(Malformed::Meta(name))
}

/// What makes the schema. Kept as it is: files are held to its text.
const SCHEMA: &str = include_str!("../migrations/sqlite/0002-day.sql");

/// The version of a file's schema. A trigger or a view that somebody put into a file would make SQL mean something else,
/// so of today's form nothing is taken that our own schema does not say.
async fn version(connection: &mut SqliteConnection) -> Result<i64, Malformed> {
    let version = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *connection).await?;
    if version == VERSION {
        let schema: Vec<String> =
            sqlx::query_scalar("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL").fetch_all(connection).await?;
        if schema.iter().any(|sql| !SCHEMA.contains(sql)) {
            return Err(Malformed::Schema);
        }
    }
    Ok(version)
}

/// What is said of a file that this code cannot read.
pub(crate) fn foreign(version: i64) -> String {
    format!("its form has version {version}, this program knows up to {VERSION}")
}

/// Makes the schema in an empty file.
async fn make(connection: &mut SqliteConnection, day: Day, state: &str, key: &KeyName) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    sqlx::raw_sql(SCHEMA).execute(&mut *transaction).await?;
    for (name, value) in [("day", day.to_string().as_str()), ("state", state), ("key", key.as_str())] {
        set(&mut transaction, name, value).await?;
    }
    let pragmas = format!("PRAGMA user_version = {VERSION}; PRAGMA application_id = {APPLICATION_ID}");
    sqlx::raw_sql(AssertSqlSafe(pragmas)).execute(&mut *transaction).await?;
    transaction.commit().await
}

async fn set(connection: &mut SqliteConnection, name: &str, value: &str) -> Result<(), sqlx::Error> {
    let set = sqlx::query("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)").bind(name).bind(value);
    set.execute(connection).await.map(drop)
}

/// Makes an empty file for its owner alone, where there is none: SQLite would go by the umask. What it keeps beside the file
/// has the file's mode.
fn make_private(file: &Path) -> std::io::Result<()> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(file).map(drop)
}

/// What SQLite keeps beside a database that is open, or was when its process died.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// The files that may stand beside a database.
pub(crate) fn beside(file: &Path) -> [PathBuf; 2] {
    BESIDE.map(|end| {
        let mut beside = file.to_path_buf().into_os_string();
        beside.push(end);
        beside.into()
    })
}

/// A day file as any other program may open it.
#[cfg(test)]
pub(crate) async fn open_for_tests(file: &Path) -> SqliteConnection {
    SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(file)).await.expect("a database")
}
