//! Day files of the first form: in the clear, a table with a column for each field. They are read, and turned into the
//! form of today before anything is added.

use super::open::OpenDay;
use super::{DayError, Reader, beside};
use crate::Durability;
use crate::day::Day;
use crate::keys::Keys;
use crate::record::Record;
use crate::row::{Malformed, Row};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use std::net::IpAddr;
use std::path::Path;

/// The columns of the table `record`. `read` follows this order.
const COLUMNS: &str = "id, opened_at, closed_at, user, auth, client_ip, method, scheme, host, port, tls_name, masked, path, \
                       destination_ip, status, bytes_sent, bytes_received, action, outcome, rule, article, category, charter";

/// Records read at once.
const PAGE: i64 = 4096;

impl Reader {
    /// Records of the first form with identifiers after `id`, in their order, a page at most.
    pub(crate) async fn rows_after(&mut self, id: i64) -> Result<Vec<Record>, Malformed> {
        let node = self.meta("node").await?;
        let sql = format!("SELECT {COLUMNS} FROM record WHERE id>? ORDER BY id LIMIT {PAGE}");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).fetch_all(&mut self.connection).await?;
        rows.iter().map(|row| read(row, &node)).collect()
    }
}

/// Turns a day file of the first form into an open day of today's: written beside it, then put in its place.
pub(crate) async fn convert(dir: &Path, day: Day, keys: &Keys) -> Result<(), DayError> {
    let file = day.file(dir);
    let wrong = |error: &dyn std::fmt::Display| DayError::of(&file, error);
    // A folder of its own: what a crash leaves there is no day, and is made again.
    let draft = dir.join("converting");
    let made = std::fs::remove_dir_all(&draft).or_else(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    });
    made.and_then(|()| crate::keys::make_folder(&draft)).map_err(|error| DayError::of(&draft, &error))?;
    let mut reader = Reader::open(&file, day, keys).await.map_err(|error| wrong(&error))?;
    let mut new = match Box::pin(OpenDay::open(&draft, day, Durability::Power, keys)).await {
        Ok(new) => new,
        Err(super::open::OpenError::Other(error)) => return Err(error),
        Err(super::open::OpenError::Sealed) => return Err(wrong(&"its draft is sealed")),
    };
    let mut after = i64::MIN;
    loop {
        let rows: Vec<Row> =
            reader.rows_after(after).await.map_err(|error| wrong(&error))?.into_iter().map(Row::from).collect();
        let Some(last) = rows.last() else { break };
        after = last.id;
        new.file(&rows).await?;
    }
    reader.close().await.map_err(|error| wrong(&error))?;
    new.close().await?;
    super::fold(&file).await?;
    for old in beside(&file) {
        let _ = std::fs::remove_file(old);
    }
    std::fs::rename(day.file(&draft), &file).map_err(|error| wrong(&error))?;
    std::fs::remove_dir_all(&draft).map_err(|error| DayError::of(&draft, &error))?;
    tracing::info!(%day, "a day file of the first form was turned into one that is encrypted");
    Ok(())
}

fn read(row: &SqliteRow, node: &str) -> Result<Record, Malformed> {
    Ok(Record {
        id: row.try_get(0)?,
        node: node.to_owned(),
        opened_at: row.try_get(1)?,
        closed_at: row.try_get(2)?,
        user: row.try_get(3)?,
        auth: row.try_get::<&str, _>(4)?.parse()?,
        client_ip: address(row.try_get(5)?)?,
        method: row.try_get(6)?,
        scheme: row.try_get(7)?,
        host: row.try_get(8)?,
        port: row.try_get::<i64, _>(9)?.try_into()?,
        tls_name: row.try_get(10)?,
        masked: row.try_get(11)?,
        path: row.try_get(12)?,
        destination_ip: row.try_get::<Option<&[u8]>, _>(13)?.map(address).transpose()?,
        status: row.try_get::<Option<i64>, _>(14)?.map(u16::try_from).transpose()?,
        bytes_sent: row.try_get::<i64, _>(15)?.try_into()?,
        bytes_received: row.try_get::<i64, _>(16)?.try_into()?,
        action: row.try_get::<&str, _>(17)?.parse()?,
        outcome: row.try_get::<Option<&str>, _>(18)?.map(str::parse).transpose()?,
        rule: row.try_get(19)?,
        article: row.try_get(20)?,
        category: row.try_get(21)?,
        charter: row.try_get(22)?,
    })
}

fn address(octets: &[u8]) -> Result<IpAddr, Malformed> {
    if let Ok(v4) = <[u8; 4]>::try_from(octets) {
        Ok(v4.into())
    } else if let Ok(v6) = <[u8; 16]>::try_from(octets) {
        Ok(v6.into())
    } else {
        Err(Malformed::Address(octets.len()))
    }
}
