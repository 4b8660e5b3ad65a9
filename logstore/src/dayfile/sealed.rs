//! A sealed day: blocks of records clustered by person and time, each with its place in the day's tree.

use super::{DayError, RECORDS, Reader, USERS, beside};
use crate::cipher::Hash;
use crate::columns::{self, Block, Proof};
use crate::day::Day;
use crate::keys::DayKey;
use crate::row::{Malformed, Row};
use crate::{canonical, crash};
use flate2::{Compression, Decompress, FlushDecompress, Status};
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Records of a block at most.
pub(crate) const BLOCK: usize = 4096;
/// Where a block stands: the person, the instant and the identifier of its first record.
pub(crate) type BlockKey = (i64, i64, i64);
/// Bytes of a page of a sealed file.
const PAGE: u32 = 1024;
/// What the leaves of the tree of blocks are kept as.
const ROOTS: &str = "roots";
/// How hard blocks are packed: a day is packed once and read often.
const PACKING: Compression = Compression::new(6);
/// Longest list of accounts or checkpoints that is read.
const LONGEST_PART: usize = 1 << 30;

/// A day file being sealed, under another name.
pub(crate) struct Draft {
    file: PathBuf,
    connection: SqliteConnection,
    day: Day,
}

impl Draft {
    /// Begins a draft in place of one that a crash left.
    pub(crate) async fn begin(file: PathBuf, day: Day, key: &DayKey) -> Result<Draft, DayError> {
        discard(&file)?;
        let wrong = |error: sqlx::Error| DayError::of(&file, &error);
        super::make_private(&file).map_err(|error| DayError::of(&file, &error))?;
        // Nothing of it counts until it is whole and put in place: it needs no journal of its own.
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .create_if_missing(true)
            // A block ends somewhere in its last page: half a page a block is lost, so pages are small.
            .page_size(PAGE)
            .journal_mode(SqliteJournalMode::Off)
            .synchronous(SqliteSynchronous::Off);
        let mut connection = SqliteConnection::connect_with(&options).await.map_err(wrong)?;
        super::make(&mut connection, day, "sealed", &key.name).await.map_err(wrong)?;
        sqlx::raw_sql("BEGIN").execute(&mut connection).await.map_err(wrong)?;
        Ok(Draft { file, connection, day })
    }

    /// Adds a block. Blocks come in their order; `users` are the places of the first and last record's accounts.
    pub(crate) async fn block(
        &mut self,
        key: &DayKey,
        users: (u32, u32),
        rows: &[&Row],
        proofs: &[Proof],
    ) -> Result<(), DayError> {
        let Some(first) = rows.first() else { return Ok(()) };
        let data = key.cipher.hide(&self.day.place(RECORDS), &columns::write(rows, proofs, PACKING, || ()));
        let insert = sqlx::query("INSERT INTO block (user, opened_at, id, last_user, data) VALUES (?, ?, ?, ?, ?)")
            .bind(i64::from(users.0))
            .bind(first.opened_at)
            .bind(first.id)
            .bind(i64::from(users.1))
            .bind(data);
        insert.execute(&mut self.connection).await.map_err(|error| DayError::of(&self.file, &error))?;
        Ok(())
    }

    /// Adds the list of accounts.
    pub(crate) async fn users(&mut self, key: &DayKey, users: &[Option<&str>]) -> Result<(), DayError> {
        let mut list = Vec::new();
        users.iter().for_each(|user| canonical::optional(&mut list, user.map(str::as_bytes)));
        self.part(USERS, key.cipher.hide(&self.day.place(USERS), &list)).await
    }

    /// Adds the minutes' checkpoints, packed.
    pub(crate) async fn checkpoints(&mut self, lines: &str) -> Result<(), DayError> {
        let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), Compression::best());
        let packed = packed.write_all(lines.as_bytes()).and_then(|()| packed.finish());
        let packed = packed.map_err(|error| DayError::of(&self.file, &error))?;
        let mut data = (lines.len() as u64).to_be_bytes().to_vec();
        data.extend(packed);
        self.part("checkpoints", data).await
    }

    /// Adds the leaves of what was erased: their places and hashes.
    pub(crate) async fn erased(&mut self, erased: &BTreeMap<u64, Hash>) -> Result<(), DayError> {
        let data = erased.iter().flat_map(|(place, leaf)| place.to_be_bytes().into_iter().chain(*leaf)).collect();
        self.part("erased", data).await
    }

    /// Adds the leaves of the tree of blocks.
    pub(crate) async fn roots(&mut self, roots: &[Hash]) -> Result<(), DayError> {
        self.part(ROOTS, roots.concat()).await
    }

    async fn part(&mut self, name: &str, data: Vec<u8>) -> Result<(), DayError> {
        let insert = sqlx::query("INSERT INTO part (name, data) VALUES (?, ?)").bind(name).bind(data);
        insert.execute(&mut self.connection).await.map_err(|error| DayError::of(&self.file, &error))?;
        Ok(())
    }

    /// Sets a value of `meta`.
    pub(crate) async fn set(&mut self, name: &str, value: &str) -> Result<(), DayError> {
        let set = super::set(&mut self.connection, name, value).await;
        set.map_err(|error| DayError::of(&self.file, &error))
    }

    /// Ends the draft and brings it to the disk.
    pub(crate) async fn finish(mut self) -> Result<PathBuf, DayError> {
        let file = self.file;
        let wrong = |error: sqlx::Error| DayError::of(&file, &error);
        sqlx::raw_sql("COMMIT").execute(&mut self.connection).await.map_err(wrong)?;
        self.connection.close().await.map_err(wrong)?;
        File::open(&file).and_then(|open| open.sync_all()).map_err(|error| DayError::of(&file, &error))?;
        Ok(file)
    }
}

/// Puts a finished draft in the place of the day's file.
pub(crate) fn put_in_place(draft: &Path, file: &Path) -> Result<(), DayError> {
    let wrong = |error: std::io::Error| DayError::of(file, &error);
    for old in beside(file) {
        match std::fs::remove_file(old) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(wrong(error)),
            _ => {}
        }
    }
    crash::point("old log deleted");
    std::fs::rename(draft, file).map_err(wrong)?;
    let folder = file.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(wrong)
}

/// Deletes a draft, if there is one.
pub(crate) fn discard(draft: &Path) -> Result<(), DayError> {
    for old in beside(draft).iter().map(PathBuf::as_path).chain([draft]) {
        match std::fs::remove_file(old) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(DayError::of(old, &error)),
            _ => {}
        }
    }
    Ok(())
}

impl Reader {
    /// The day's accounts, in the order of their places.
    pub(crate) async fn users(&mut self) -> Result<Vec<Option<String>>, Malformed> {
        let data = self.part(USERS).await?.ok_or(Malformed::Meta(USERS))?;
        let list = self.reveal(USERS, data)?;
        let mut reader = canonical::Reader::new(&list);
        let mut users = Vec::new();
        while reader.rest() > 0 {
            let user = reader.optional().ok_or(Malformed::Meta(USERS))?;
            let text = user.map(|user| String::from_utf8(user.to_vec()).map_err(|_| Malformed::Meta(USERS)));
            users.push(text.transpose()?);
        }
        Ok(users)
    }

    /// Where the day's blocks stand, in their order.
    pub(crate) async fn block_keys(&mut self) -> Result<Vec<BlockKey>, Malformed> {
        let keys = sqlx::query_as("SELECT user, opened_at, id FROM block ORDER BY user, opened_at, id");
        Ok(keys.fetch_all(&mut self.connection).await?)
    }

    /// Where the day's blocks stand, and the place of each one's last account.
    pub(crate) async fn block_spans(&mut self) -> Result<Vec<(BlockKey, i64)>, Malformed> {
        let sql = "SELECT user, opened_at, id, last_user FROM block ORDER BY user, opened_at, id";
        let all: Vec<(i64, i64, i64, i64)> = sqlx::query_as(sql).fetch_all(&mut self.connection).await?;
        Ok(all.into_iter().map(|(user, opened_at, id, last_user)| ((user, opened_at, id), last_user)).collect())
    }

    /// The next blocks behind this one, those of the account in `user`'s place alone when there is one.
    pub(crate) async fn blocks_after(
        &mut self,
        after: Option<BlockKey>,
        user: Option<usize>,
    ) -> Result<Vec<(BlockKey, Block)>, Malformed> {
        let (at, opened, id) = after.unwrap_or((i64::MIN, i64::MIN, i64::MIN));
        let user = user.map(i64::try_from).transpose()?;
        let sql = "SELECT user, opened_at, id, data FROM block WHERE (user, opened_at, id) > (?1, ?2, ?3) \
                   AND user<=?4 AND last_user>=?5 ORDER BY user, opened_at, id LIMIT 32";
        let all: Vec<(i64, i64, i64, Vec<u8>)> = sqlx::query_as(sql)
            .bind(at)
            .bind(opened)
            .bind(id)
            .bind(user.unwrap_or(i64::MAX))
            .bind(user.unwrap_or(i64::MIN))
            .fetch_all(&mut self.connection)
            .await?;
        all.into_iter().map(|(user, opened_at, id, data)| Ok(((user, opened_at, id), self.block(data)?))).collect()
    }

    /// One block.
    pub(crate) async fn block_at(&mut self, key: BlockKey) -> Result<Block, Malformed> {
        let data: Option<Vec<u8>> = sqlx::query_scalar("SELECT data FROM block WHERE user=? AND opened_at=? AND id=?")
            .bind(key.0)
            .bind(key.1)
            .bind(key.2)
            .fetch_optional(&mut self.connection)
            .await?;
        self.block(data.ok_or(Malformed::Meta("block"))?)
    }

    /// The minutes' checkpoints, a line each.
    pub(crate) async fn checkpoints(&mut self) -> Result<String, Malformed> {
        let wrong = || Malformed::Meta("checkpoints");
        let data = self.part("checkpoints").await?.ok_or_else(wrong)?;
        let (length, packed) = data.split_first_chunk::<8>().ok_or_else(wrong)?;
        let length = usize::try_from(u64::from_be_bytes(*length))?;
        if length > LONGEST_PART.min(packed.len().saturating_mul(1100)) {
            return Err(wrong());
        }
        let mut lines = vec![0; length];
        match Decompress::new(true).decompress(packed, &mut lines, FlushDecompress::Finish) {
            Ok(Status::StreamEnd) => String::from_utf8(lines).map_err(|_| wrong()),
            _ => Err(wrong()),
        }
    }

    /// The leaves of what was erased, by place.
    pub(crate) async fn erased(&mut self) -> Result<BTreeMap<u64, Hash>, Malformed> {
        let wrong = || Malformed::Meta("erased");
        let data = self.part("erased").await?.unwrap_or_default();
        let (all, []) = data.as_chunks::<40>() else { return Err(wrong()) };
        let each = all.iter().map(|one| {
            let (place, leaf) = one.split_first_chunk::<8>().ok_or_else(wrong)?;
            Ok((u64::from_be_bytes(*place), leaf.try_into().map_err(|_| wrong())?))
        });
        each.collect()
    }

    /// The leaves of the tree of blocks, in their order; none where an earlier version sealed.
    pub(crate) async fn roots(&mut self) -> Result<Vec<Hash>, Malformed> {
        let data = self.part(ROOTS).await?.unwrap_or_default();
        let (all, []) = data.as_chunks::<32>() else { return Err(Malformed::Meta(ROOTS)) };
        Ok(all.to_vec())
    }

    async fn part(&mut self, name: &str) -> Result<Option<Vec<u8>>, Malformed> {
        let data = sqlx::query_scalar("SELECT data FROM part WHERE name=?").bind(name);
        Ok(data.fetch_optional(&mut self.connection).await?)
    }
}
