//! Search by person, address, host, time.
//!
//! The day files concerned are read, and only they, while a gate may be writing them: SQLite's write-ahead log gives
//! each reader a whole state. What the gate took in the last tenth of a second may not be filed yet; what a crash left
//! in the journal is filed by [`settle_leftovers`](crate::settle_leftovers).

use crate::day::Day;
use crate::record::Record;
use crate::row::{self, COLUMNS, Malformed};
use crate::{SearchError, dayfile};
use ipnet::IpNet;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection as _, QueryBuilder, Sqlite};
use std::path::Path;
use std::time::Duration;

/// What is looked for: every condition that is set must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Search {
    /// This account.
    pub user: Option<String>,
    /// This address (`IpNet::from(address)`), or an address of this network.
    pub client: Option<IpNet>,
    /// This host, as the name asked for or as the name in the ClientHello.
    pub host: Option<HostFilter>,
    /// Opened at this instant or later (UTC µs).
    pub from: Option<i64>,
    /// Opened before this instant (UTC µs).
    pub to: Option<i64>,
    /// This identifier: the reference on a block page.
    pub id: Option<i64>,
    /// At most so many records.
    pub limit: Option<u64>,
    /// The last first, instead of the first first.
    pub newest_first: bool,
}

/// Which hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostFilter {
    /// This name alone, in normal form.
    Exactly(String),
    /// This name and every name below it, at label boundaries.
    WithSubdomains(String),
}

/// Finds records, ordered by `opened_at`, then `id`. Without day files there is nothing to find, which is no error.
///
/// Cancel safety: dropping it stops the search.
pub async fn search(dir: &Path, query: &Search) -> Result<Vec<Record>, SearchError> {
    let mut days = Day::all(dir).map_err(|source| SearchError::Folder { dir: dir.to_path_buf(), source })?;
    days.retain(|day| {
        query.from.is_none_or(|from| *day >= Day::of(from)) && query.to.is_none_or(|to| *day <= Day::of(to))
    });
    if query.newest_first {
        days.reverse();
    }
    let mut found = Vec::new();
    for day in days {
        let left = query.limit.map(|limit| limit.saturating_sub(found.len() as u64));
        if left == Some(0) {
            break;
        }
        let file = day.file(dir);
        let wrong = |error: Malformed| SearchError::Day { why: error.to_string(), file: file.clone() };
        found.append(&mut search_day(&file, query, left).await.map_err(wrong)?);
        if query.id.is_some() && !found.is_empty() {
            // An identifier is given once.
            break;
        }
    }
    Ok(found)
}

async fn search_day(file: &Path, query: &Search, limit: Option<u64>) -> Result<Vec<Record>, Malformed> {
    let options = SqliteConnectOptions::new().filename(file).read_only(true).busy_timeout(Duration::from_secs(10));
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let found = search_open(&mut connection, query, limit).await;
    connection.close().await?;
    found
}

async fn search_open(
    connection: &mut SqliteConnection,
    query: &Search,
    limit: Option<u64>,
) -> Result<Vec<Record>, Malformed> {
    match dayfile::version(connection).await? {
        // Made a moment ago, its schema not yet written.
        0 => return Ok(Vec::new()),
        dayfile::VERSION => {}
        other => return Err(Malformed::Version(other)),
    }
    let node = dayfile::node(connection).await?;
    let rows = statement(query, limit).build().fetch_all(connection).await?;
    rows.iter().map(|row| row::read(row, &node)).collect()
}

/// Only the conditions that are set are written, so that SQLite can use what index there is.
fn statement(query: &Search, limit: Option<u64>) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new(format!("SELECT {} FROM record WHERE TRUE", COLUMNS.join(",")));
    if let Some(id) = query.id {
        sql.push(" AND id=").push_bind(id);
    }
    if let Some(user) = &query.user {
        sql.push(" AND user=").push_bind(user.as_str());
    }
    if let Some(network) = query.client {
        // Addresses of one family have one length, and compare as their bytes do.
        let (first, last) = (row::octets(network.network()), row::octets(network.broadcast()));
        sql.push(" AND length(client_ip)=").push_bind(first.len() as i64);
        sql.push(" AND client_ip BETWEEN ").push_bind(first).push(" AND ").push_bind(last);
    }
    match &query.host {
        None => {}
        Some(HostFilter::Exactly(name)) => {
            sql.push(" AND ").push_bind(name.as_str()).push(" IN (host, tls_name)");
        }
        Some(HostFilter::WithSubdomains(name)) => {
            let below = format!(".{name}");
            let length = below.chars().count() as i64;
            sql.push(" AND (").push_bind(name.as_str()).push(" IN (host, tls_name)");
            for column in ["host", "tls_name"] {
                sql.push(format_args!(" OR substr({column},-{length})=")).push_bind(below.as_str());
            }
            sql.push(")");
        }
    }
    if let Some(from) = query.from {
        sql.push(" AND opened_at>=").push_bind(from);
    }
    if let Some(to) = query.to {
        sql.push(" AND opened_at<").push_bind(to);
    }
    sql.push(if query.newest_first { " ORDER BY opened_at DESC, id DESC" } else { " ORDER BY opened_at, id" });
    if let Some(limit) = limit {
        sql.push(" LIMIT ").push_bind(row::count(limit));
    }
    sql
}

impl HostFilter {
    /// Whether a name is one of these.
    pub fn covers(&self, host: &str) -> bool {
        match self {
            HostFilter::Exactly(name) => host == name,
            HostFilter::WithSubdomains(name) => {
                host.strip_suffix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
        }
    }
}

impl Search {
    /// Whether a record is looked for: what the statement says, said again for the records of a live view.
    pub fn covers(&self, record: &Record) -> bool {
        let named = |filter: &HostFilter| {
            [&record.host, &record.tls_name].into_iter().flatten().any(|name| filter.covers(name))
        };
        self.id.is_none_or(|id| record.id == id)
            && self.user.as_ref().is_none_or(|user| record.user.as_ref() == Some(user))
            && self.client.is_none_or(|network| network.contains(&record.client_ip))
            && self.host.as_ref().is_none_or(named)
            && self.from.is_none_or(|from| record.opened_at >= from)
            && self.to.is_none_or(|to| record.opened_at < to)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test says so by failing")]
    use super::*;
    use crate::Durability;
    use crate::dayfile::DayFile;
    use crate::record::{Action, Auth, Entry, Verdict};
    use crate::row::Row;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::sync::Arc;

    const HOSTS: [&str; 6] = ["a.example", "b.a.example", "ba.example", "example", "x.b.a.example", "other"];
    const USERS: [&str; 3] = ["p.dupont", "P.Dupont", "o'brien"];
    const CLIENTS: [&str; 5] = ["10.0.0.1", "10.0.0.200", "10.0.1.1", "2001:db8::1", "2001:db8:0:1::1"];
    const NETWORKS: [&str; 5] = ["10.0.0.1/32", "10.0.0.0/24", "0.0.0.0/0", "2001:db8::/64", "::/0"];
    const DAY: i64 = 86_400_000_000;

    fn row(id: i64, at: i64, user: usize, client: usize, host: usize, tls: usize) -> Row {
        let verdict = Verdict { action: Action::Allow, rule: None, article: None, category: None, charter: "c".into() };
        let entry = Entry {
            opened_at: at,
            user: USERS.get(user).map(|name| Arc::from(*name)),
            auth: Auth::Basic,
            client_ip: CLIENTS[client].parse().unwrap(),
            method: "GET".into(),
            scheme: "http",
            host: HOSTS.get(host).map(|name| (*name).into()),
            port: 80,
            path: None,
            masked: None,
            verdict,
        };
        Row { tls_name: HOSTS.get(tls).map(|name| Arc::from(*name)), ..Row::opened(id, &entry) }
    }

    fn rows() -> impl Strategy<Value = Vec<Row>> {
        let one = (0..3 * DAY, 0..4_usize, 0..5_usize, 0..7_usize, 0..20_usize);
        proptest::collection::vec(one, 1..40).prop_map(|rows| {
            let numbered = (1..).zip(rows);
            // Instants that repeat, so that the identifier has to decide.
            numbered
                .map(|(id, (at, user, client, host, tls))| row(id, at / DAY * DAY + at % 5, user, client, host, tls))
                .collect()
        })
    }

    fn queries() -> impl Strategy<Value = Search> {
        let option = proptest::option::of::<std::ops::Range<usize>>;
        let instant = || proptest::option::of((0..3_i64, 0..5_i64).prop_map(|(day, micros)| day * DAY + micros));
        (
            option(0..3),
            option(0..5),
            option(0..12),
            (instant(), instant()),
            proptest::option::weighted(0.2, 1..40_i64),
            proptest::option::of(0..10_u64),
            any::<bool>(),
        )
            .prop_map(|(user, client, host, (from, to), id, limit, newest_first)| Search {
                user: user.map(|user| USERS[user].into()),
                client: client.map(|client| NETWORKS[client].parse().unwrap()),
                host: host.map(|host| match host % 2 {
                    0 => HostFilter::Exactly(HOSTS[host / 2].into()),
                    _ => HostFilter::WithSubdomains(HOSTS[host / 2].into()),
                }),
                from,
                to,
                id,
                limit,
                newest_first,
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn a_search_finds_what_a_look_at_every_record_finds(
            rows in rows(),
            queries in proptest::collection::vec(queries(), 12),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let dir = tempfile::tempdir().unwrap();
                let mut days: BTreeMap<Day, Vec<Row>> = BTreeMap::new();
                for row in rows {
                    days.entry(Day::of(row.opened_at)).or_default().push(row);
                }
                for (day, rows) in days {
                    let mut file = DayFile::open(dir.path(), day, "gate", Durability::Process).await.unwrap();
                    file.file(rows.into_iter()).await.unwrap();
                    file.close().await.unwrap();
                }
                let everything = search(dir.path(), &Search::default()).await.unwrap();
                assert!(everything.is_sorted_by_key(|record| (record.opened_at, record.id)));
                for query in queries {
                    let mut naive: Vec<_> = everything.iter().filter(|record| query.covers(record)).cloned().collect();
                    if query.newest_first {
                        naive.reverse();
                    }
                    naive.truncate(query.limit.map_or(usize::MAX, |limit| limit as usize));
                    assert_eq!(search(dir.path(), &query).await.unwrap(), naive, "{query:?}");
                }
            });
        }
    }

    #[tokio::test]
    async fn nothing_is_found_where_there_is_nothing() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(search(dir.path(), &Search::default()).await.unwrap(), []);
        assert_eq!(search(&dir.path().join("none"), &Search::default()).await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_file_that_is_no_day_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("2026-11-23.sqlite");
        std::fs::write(
            &file,
            "something else, long enough to be looked at as a header by SQLite: it is none. ".repeat(9),
        )
        .unwrap();
        let error = search(dir.path(), &Search::default()).await.unwrap_err().to_string();
        assert!(error.starts_with(&file.display().to_string()), "{error}");
    }
}
