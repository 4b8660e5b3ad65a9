//! The newest records that are looked for. Whoever looks for a pseudonym has it compared record by record: the register
//! knows names only.

use super::Filter;
use logstore::pseudonym::Pseudonyms;
use logstore::statements::Statements;
use logstore::{Keys, Record, Search, SearchError};
use std::ops::ControlFlow;
use std::path::Path;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The records, oldest first.
    pub(super) records: Vec<Record>,
    /// Days that could not be read.
    pub(super) unread: Vec<SearchError>,
    /// Records that would have been, and may not be shown.
    pub(super) restricted: u64,
}

/// The newest records that are looked for, at most `limit`; those that are restricted (RGPD art. 18) are only counted.
pub(super) async fn newest(
    register: &Path,
    keys: &Keys,
    filter: &Filter,
    pseudonyms: &Pseudonyms,
    statements: &Statements,
    limit: usize,
) -> Result<Found, SearchError> {
    let query = Search { newest_first: true, ..filter.search.clone() };
    let mut found = Found::default();
    let some_restrict = statements.all().iter().any(|entry| statements.is_restricting(entry));
    let visited = logstore::visit(register, keys, &query, |record| {
        if matches(filter, &record, pseudonyms) {
            match statements.restricts(&record) {
                Some(_) => found.restricted += 1,
                None if found.records.len() < limit => found.records.push(record),
                None => {}
            }
        }
        // How many are restricted is counted to the end, whatever is shown.
        if found.records.len() < limit || some_restrict { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    found.unread = visited.await?;
    found.records.reverse();
    Ok(found)
}

fn matches(filter: &Filter, record: &Record, pseudonyms: &Pseudonyms) -> bool {
    if filter.within.as_ref().is_some_and(|within| !within.holds(record)) {
        return false;
    }
    is_looked_for(filter, record, pseudonyms) && !filter.held.as_ref().is_some_and(|held| held.restricts(record))
}

fn is_looked_for(filter: &Filter, record: &Record, pseudonyms: &Pseudonyms) -> bool {
    if filter.user.is_none() && filter.client.is_none() {
        return true;
    }
    let month = pseudonyms.month(record.opened_at);
    let user = || record.user.as_ref().map(|user| month.user(user));
    filter.user.as_ref().is_none_or(|wanted| user().as_ref() == Some(wanted))
        && filter.client.as_ref().is_none_or(|wanted| month.address(record.client_ip) == *wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shown::Shown;
    use logstore::{Action, Auth, Durability, Entry, Outcome, Register, Settings, Verdict};

    /// A register of nine visits: three microseconds, in each one visit of each of three people.
    async fn register(dir: &Path) {
        let (dir, keys, durability) = (dir.to_owned(), dir.join("keys"), Durability::Process);
        let settings = Settings { dir, keys, node: "gate1".to_owned(), durability };
        let (register, _) = Register::start(settings).await.expect("started");
        // A record of another day, found open, would be closed at its midnight and go on in a second one.
        let today = jiff::Timestamp::now().as_microsecond();
        for n in 0..9 {
            let verdict =
                Verdict { action: Action::Allow, rule: None, article: None, category: None, charter: "1@abc".into() };
            let entry = Entry {
                opened_at: today + n / 3,
                user: Some(format!("user{}", n % 3).into()),
                auth: Auth::Basic,
                client_ip: "10.0.0.12".parse().expect("an address"),
                method: "GET".into(),
                scheme: "http",
                host: Some(format!("n{n}.test").into()),
                port: 80,
                path: None,
                masked: None,
                verdict,
            };
            register.open(entry).await.expect("opened").settle(Outcome::Completed);
        }
        assert_eq!(register.finish().await, 0);
    }

    fn hosts(found: Vec<Record>) -> Vec<String> {
        found.into_iter().filter_map(|record| record.host).collect()
    }

    #[tokio::test]
    async fn a_pseudonym_finds_its_person() {
        let dir = tempfile::tempdir().expect("a folder");
        register(dir.path()).await;
        let pseudonyms = Pseudonyms::open(&dir.path().join("keys/pseudonyms")).expect("made");
        let all = Filter { search: Search::default(), user: None, client: None, within: None, held: None };
        let keys = Keys::open(&dir.path().join("keys"), dir.path()).expect("opened");
        let none = Statements::default();
        let everybody = newest(dir.path(), &keys, &all, &pseudonyms, &none, 100).await.expect("searched").records;
        assert_eq!(everybody.len(), 9);
        let shown: Vec<Shown> = everybody.into_iter().map(|record| Shown::new(record, Some(&pseudonyms))).collect();
        let one =
            Filter { search: Search::default(), user: shown[1].user.clone(), client: None, within: None, held: None };
        let found = newest(dir.path(), &keys, &one, &pseudonyms, &none, 100).await.expect("searched").records;
        assert_eq!(hosts(found), ["n1.test", "n4.test", "n7.test"]);
        let found = newest(dir.path(), &keys, &one, &pseudonyms, &none, 2).await.expect("searched").records;
        assert_eq!(hosts(found), ["n4.test", "n7.test"]);
        let client = Some(shown[0].client_ip.clone());
        let nobody = Some("p-0000000000".to_owned());
        for (user, client, count) in [(None, client, 9), (nobody, None, 0)] {
            let filter = Filter { search: Search::default(), user, client, within: None, held: None };
            let found = newest(dir.path(), &keys, &filter, &pseudonyms, &none, 100).await.expect("searched").records;
            assert_eq!(found.len(), count);
        }
    }
}
