//! Search by person, address, host, time.
//!
//! The day files concerned are read, and only they, while a gate may be writing them: SQLite's write-ahead log gives
//! each reader a whole state. What the gate took in the last seconds may not be filed yet, see
//! [`Register::flush`](crate::Register::flush); what a crash left in the journal is filed by
//! [`settle_leftovers`](crate::settle_leftovers).

use crate::SearchError;
use crate::columns::{self, Block};
use crate::day::Day;
use crate::dayfile::{Reader, State};
use crate::keys::Keys;
use crate::record::Record;
use crate::row::Malformed;
use ipnet::IpNet;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::path::Path;

/// What is looked for: every condition that is set must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Search {
    /// This account.
    pub user: Option<String>,
    /// Whether the account is meant whatever the case of its letters: directories don't mind it.
    pub any_case: bool,
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

/// Finds records, ordered by `opened_at`, then `id`. Without day files there is nothing to find, which is no error; a day
/// that cannot be read is: [`visit`] passes over it.
///
/// Cancel safety: dropping it stops the search.
pub async fn search(dir: &Path, keys: &Keys, query: &Search) -> Result<Vec<Record>, SearchError> {
    let mut found = Vec::new();
    let visited = visit(dir, keys, query, |record| {
        found.push(record);
        ControlFlow::Continue(())
    });
    match visited.await?.into_iter().next() {
        None => Ok(found),
        Some(unread) => Err(unread),
    }
}

/// Shows each record that is looked for, in the same order, until the visitor has seen enough. Holds those of one day.
/// A day that cannot be read takes no other with it: the days that could not be are returned.
///
/// Cancel safety: dropping it stops the search.
pub async fn visit(
    dir: &Path,
    keys: &Keys,
    query: &Search,
    mut visitor: impl FnMut(Record) -> ControlFlow<()>,
) -> Result<Vec<SearchError>, SearchError> {
    let mut days = Day::all(dir).map_err(|source| SearchError::Folder { dir: dir.to_path_buf(), source })?;
    days.retain(|day| query.may_reach(*day));
    if query.newest_first {
        days.reverse();
    }
    let mut unread = Vec::new();
    let mut left = query.limit.unwrap_or(u64::MAX);
    for day in days {
        if left == 0 {
            break;
        }
        let file = day.file(dir);
        let wrong = |error: Malformed| SearchError::Day { why: error.to_string(), file: file.clone() };
        let (records, mut order) = match search_day(&file, day, keys, query).await {
            Ok(found) => found,
            Err(error) => {
                unread.push(wrong(error));
                continue;
            }
        };
        order.sort_unstable();
        if query.newest_first {
            order.reverse();
        }
        order.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        left -= order.len() as u64;
        // An identifier is given once.
        let only = query.id.is_some() && !order.is_empty();
        let mut records: Vec<Option<Record>> = records.into_iter().map(Some).collect();
        for (.., place) in order {
            if let Some(record) = records[place].take()
                && visitor(record).is_break()
            {
                return Ok(unread);
            }
        }
        if only {
            break;
        }
    }
    Ok(unread)
}

/// What is found, and where each stands: its opening, its identifier, its place in the list.
type Found = (Vec<Record>, Vec<(i64, i64, usize)>);

pub(crate) async fn search_day(file: &Path, day: Day, keys: &Keys, query: &Search) -> Result<Found, Malformed> {
    let mut reader = Reader::open(file, day, keys).await?;
    let found = match reader.state {
        // Made a moment ago, its schema not yet written.
        State::Empty => Ok(Vec::new()),
        State::Rows => search_rows(&mut reader, std::slice::from_ref(query)).await,
        State::Open => search_open(&mut reader, std::slice::from_ref(query)).await,
        State::Sealed => search_sealed(&mut reader, query).await,
    };
    reader.close().await?;
    let found = found?;
    let order = (0..).zip(&found).map(|(place, record)| (record.opened_at, record.id, place)).collect();
    Ok((found, order))
}

pub(crate) async fn search_rows(reader: &mut Reader, queries: &[Search]) -> Result<Vec<Record>, Malformed> {
    let (mut found, mut after) = (Vec::new(), i64::MIN);
    loop {
        let page = reader.rows_after(after).await?;
        let Some(last) = page.last() else { return Ok(found) };
        after = last.id;
        found.extend(page.into_iter().filter(|record| queries.iter().any(|query| query.covers(record))));
    }
}

pub(crate) async fn search_open(reader: &mut Reader, queries: &[Search]) -> Result<Vec<Record>, Malformed> {
    reader.hold_still().await?;
    let (mut found, mut after) = (Vec::new(), 0);
    while let Some((number, block)) = reader.batch_after(after).await? {
        matching(&block, queries, &mut found)?;
        after = number;
    }
    if found.iter().any(|record| record.outcome.is_none()) {
        let (superseded, _) = reader.superseded().await?;
        found.retain(|record| record.outcome.is_some() || !superseded.contains(&record.id));
    }
    Ok(found)
}

/// What is left to look for in a sealed day, for each account that is meant with its place in the day's list; nothing when
/// nothing of it can be found there.
pub(crate) async fn within(reader: &mut Reader, query: &Search) -> Result<Vec<(Search, Option<usize>)>, Malformed> {
    if let Some(id) = query.id
        && !(reader.number("first_id")?..=reader.number("last_id")?).contains(&id)
    {
        return Ok(Vec::new());
    }
    let mut query = query.clone();
    // What holds of the whole day is not asked of each record.
    let opened = reader.number("first_opened").and_then(|first| Ok(first..=reader.number("last_opened")?));
    if let Ok(opened) = opened {
        if query.from.is_some_and(|from| from > *opened.end()) || query.to.is_some_and(|to| to <= *opened.start()) {
            return Ok(Vec::new());
        }
        query.from = query.from.filter(|from| from > opened.start());
        query.to = query.to.filter(|to| to <= opened.end());
    }
    let Some(user) = &query.user else { return Ok(vec![(query, None)]) };
    let users = reader.users().await?;
    if !query.any_case {
        let place = users.binary_search_by(|known| known.as_ref().cmp(&Some(user))).ok();
        return Ok(place.map(|place| (query, Some(place))).into_iter().collect());
    }
    let meant = (0..).zip(users).filter_map(|(place, known)| Some((place, known.filter(|known| query.means(known))?)));
    let exactly = |known: String| Search { user: Some(known), any_case: false, ..query.clone() };
    Ok(meant.map(|(place, known)| (exactly(known), Some(place))).collect())
}

async fn search_sealed(reader: &mut Reader, query: &Search) -> Result<Vec<Record>, Malformed> {
    let mut found = Vec::new();
    for (query, user) in within(reader, query).await? {
        let mut after = None;
        loop {
            let blocks = reader.blocks_after(after, user).await?;
            let Some((last, _)) = blocks.last() else { break };
            after = Some(*last);
            for (_, block) in &blocks {
                matching(block, std::slice::from_ref(&query), &mut found)?;
            }
        }
    }
    Ok(found)
}

/// Adds the records of a block that any of the queries looks for.
fn matching(block: &Block, queries: &[Search], found: &mut Vec<Record>) -> Result<(), Malformed> {
    let rows = rows_of(block, queries)?;
    if rows.is_empty() {
        return Ok(());
    }
    let whole = block.whole()?;
    let read = whole.rows()?;
    found.reserve(rows.len());
    for row in rows {
        found.push(read.record(row)?);
    }
    Ok(())
}

/// The rows of a block that any of the queries looks for, in rising order.
pub(crate) fn rows_of(block: &Block, queries: &[Search]) -> Result<Vec<usize>, Malformed> {
    let mut rows = Vec::new();
    for query in queries {
        rows.append(&mut rows_of_one(block, query)?);
    }
    rows.sort_unstable();
    rows.dedup();
    Ok(rows)
}

/// The rows of a block that are looked for. Conditions are asked of each distinct value once, and of fields that
/// decide soonest first: what is not needed is not unpacked.
fn rows_of_one(block: &Block, query: &Search) -> Result<Vec<usize>, Malformed> {
    let mut rows: Vec<usize> = (0..block.len()).collect();
    if let Some(id) = query.id {
        let ids = block.numbers(columns::ID)?;
        rows.retain(|row| ids[*row] == id);
    }
    let keep = |rows: &mut Vec<usize>, fields: &[usize], holds: &dyn Fn(&str) -> bool| {
        let mut columns = Vec::new();
        for field in fields {
            let texts = block.texts(*field)?;
            let held: Vec<bool> = (0..texts.distinct()).map(|place| texts.value(place).is_some_and(holds)).collect();
            if held.contains(&true) {
                columns.push((texts, held));
            }
        }
        rows.retain(|row| columns.iter().any(|(texts, held)| held.get(texts.place(*row)).copied().unwrap_or(false)));
        Ok::<_, Malformed>(())
    };
    if query.user.is_some() {
        keep(&mut rows, &[columns::USER], &|value| query.means(value))?;
    }
    if let Some(network) = query.client.filter(|_| !rows.is_empty()) {
        keep(&mut rows, &[columns::CLIENT_IP], &|value| value.parse::<IpAddr>().is_ok_and(|ip| network.contains(&ip)))?;
    }
    if let Some(host) = query.host.as_ref().filter(|_| !rows.is_empty()) {
        keep(&mut rows, &[columns::HOST, columns::TLS_NAME], &|value| host.covers(value))?;
    }
    if !rows.is_empty() && (query.from.is_some() || query.to.is_some()) {
        let opened = block.numbers(columns::OPENED_AT)?;
        let span = query.from.unwrap_or(i64::MIN)..query.to.unwrap_or(i64::MAX);
        rows.retain(|row| span.contains(&opened[*row]));
    }
    Ok(rows)
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
    /// Whether records that are looked for may stand in a day's file. A clock that was set back files a record under a day
    /// after its own.
    pub(crate) fn may_reach(&self, day: Day) -> bool {
        self.from.is_none_or(|from| day >= Day::of(from)) && self.to.is_none_or(|to| day <= Day::of(to).after(1))
    }

    /// Whether this account is the one that is looked for.
    fn means(&self, account: &str) -> bool {
        let same = |user: &String| user == account || (self.any_case && user.to_lowercase() == account.to_lowercase());
        self.user.as_ref().is_some_and(same)
    }

    /// Whether a record is looked for: what the statement says, said again for the records of a live view.
    pub fn covers(&self, record: &Record) -> bool {
        let named = |filter: &HostFilter| {
            [&record.host, &record.tls_name].into_iter().flatten().any(|name| filter.covers(name))
        };
        self.id.is_none_or(|id| record.id == id)
            && (self.user.is_none() || record.user.as_ref().is_some_and(|user| self.means(user)))
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
    use crate::dayfile::open::OpenDay;
    use crate::record::{Action, Auth, Entry, Outcome, Verdict};
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
        let outcome = (id % 5 != 0).then_some(Outcome::Completed);
        let tls_name = HOSTS.get(tls).map(|name| Arc::from(*name));
        Row { tls_name, outcome, closed_at: outcome.map(|_| at + 7), ..Row::opened(id, "gate".into(), &entry) }
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
            (any::<bool>(), any::<bool>()),
        )
            .prop_map(|(user, client, host, (from, to), id, limit, (newest_first, any_case))| Search {
                user: user.map(|user| USERS[user].into()),
                any_case,
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
                let keys = Keys::open(&dir.path().join("keys"), dir.path()).unwrap();
                for (day, rows) in days {
                    let Ok(mut file) = OpenDay::open(dir.path(), day, Durability::Process, &keys).await else {
                        panic!("not opened")
                    };
                    for part in rows.chunks(7) {
                        file.file(part).await.unwrap();
                    }
                    if day != Day::of(2 * DAY) {
                        // The last day stays open; the others are over, and what was open in them has ended.
                        file.interrupt_open(9).await.unwrap();
                    }
                    file.close().await.unwrap();
                    if day == Day::of(0) {
                        crate::seal::seal_day(dir.path(), day, "gate", &keys).await.unwrap().unwrap();
                    }
                }
                let everything = search(dir.path(), &keys, &Search::default()).await.unwrap();
                assert!(everything.is_sorted_by_key(|record| (record.opened_at, record.id)));
                for query in queries {
                    let mut naive: Vec<_> = everything.iter().filter(|record| query.covers(record)).cloned().collect();
                    if query.newest_first {
                        naive.reverse();
                    }
                    naive.truncate(query.limit.map_or(usize::MAX, |limit| limit as usize));
                    assert_eq!(search(dir.path(), &keys, &query).await.unwrap(), naive, "{query:?}");
                }
            });
        }
    }

    #[tokio::test]
    async fn nothing_is_found_where_there_is_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let keys = Keys::open(&dir.path().join("keys"), dir.path()).unwrap();
        assert_eq!(search(dir.path(), &keys, &Search::default()).await.unwrap(), []);
        assert_eq!(search(&dir.path().join("none"), &keys, &Search::default()).await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_file_that_is_no_day_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let keys = Keys::open(&dir.path().join("keys"), dir.path()).unwrap();
        let file = dir.path().join("2026-11-23.sqlite");
        std::fs::write(
            &file,
            "something else, long enough to be looked at as a header by SQLite: it is none. ".repeat(9),
        )
        .unwrap();
        let error = search(dir.path(), &keys, &Search::default()).await.unwrap_err().to_string();
        assert!(error.starts_with(&file.display().to_string()), "{error}");
    }
}
