//! The register searched page by page, for who looks for a pseudonym: the register knows names only, and a pseudonym is
//! compared record by record.

use super::Filter;
use logstore::pseudonym::Pseudonyms;
use logstore::{Record, Search, SearchError};
use std::path::Path;

/// Records read at once.
pub(super) const PAGE: u64 = 10_000;

/// The newest records that are looked for, at most `limit`, oldest first; `page` are read at once.
pub(super) async fn search(
    register: &Path,
    filter: &Filter,
    pseudonyms: &Pseudonyms,
    limit: usize,
    page: u64,
) -> Result<Vec<Record>, SearchError> {
    let mut query = Search { newest_first: true, limit: Some(limit as u64), ..filter.search.clone() };
    if filter.user.is_none() && filter.client.is_none() {
        let mut found = logstore::search(register, &query).await?;
        found.reverse();
        return Ok(found);
    }
    let mut page = page;
    let mut found: Vec<Record> = Vec::new();
    // The records of the page before that were opened in its oldest microsecond: the next page begins with them again.
    let mut seen: Vec<i64> = Vec::new();
    loop {
        query.limit = Some(page);
        let records = logstore::search(register, &query).await?;
        let full = records.len() as u64 == page;
        let Some(oldest) = records.last().map(|record| record.opened_at) else { break };
        let edge: Vec<i64> =
            records.iter().filter(|record| record.opened_at == oldest).map(|record| record.id).collect();
        if edge.len() as u64 == page {
            // One microsecond fills a whole page: only a longer one gets past it.
            page *= 2;
        }
        let new = records.into_iter().filter(|record| !seen.contains(&record.id));
        found.extend(new.filter(|record| matches(filter, record, pseudonyms)));
        if !full || found.len() >= limit {
            break;
        }
        seen = edge;
        query.to = Some(oldest + 1);
    }
    found.truncate(limit);
    found.reverse();
    Ok(found)
}

fn matches(filter: &Filter, record: &Record, pseudonyms: &Pseudonyms) -> bool {
    let month = pseudonyms.month(record.opened_at);
    let user = || record.user.as_ref().map(|user| month.user(user));
    filter.user.as_ref().is_none_or(|wanted| user().as_ref() == Some(wanted))
        && filter.client.as_ref().is_none_or(|wanted| month.address(record.client_ip) == *wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::log::format;
    use crate::shown::Shown;
    use logstore::{Action, Auth, Durability, Entry, Outcome, Register, Settings, Verdict};

    /// A register of nine visits: three microseconds, in each one visit of each of three people.
    async fn register(dir: &Path) {
        let settings = Settings { dir: dir.to_owned(), node: "gate1".to_owned(), durability: Durability::Process };
        let (register, _) = Register::start(settings).await.expect("started");
        for n in 0..9 {
            let verdict =
                Verdict { action: Action::Allow, rule: None, article: None, category: None, charter: "1@abc".into() };
            let entry = Entry {
                opened_at: 1_795_459_500_000_000 + n / 3,
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
    async fn a_pseudonym_finds_its_person_whatever_the_page() {
        let dir = tempfile::tempdir().expect("a folder");
        register(dir.path()).await;
        let pseudonyms = Pseudonyms::open(&dir.path().join("keys/pseudonyms")).expect("made");
        let all = Filter { search: Search::default(), user: None, client: None };
        let everybody = search(dir.path(), &all, &pseudonyms, 100, PAGE).await.expect("searched");
        assert_eq!(everybody.len(), 9);
        let shown: Vec<Shown> = everybody.into_iter().map(|record| Shown::new(record, Some(&pseudonyms))).collect();
        let shown: serde_json::Value = serde_json::from_str(&format::json(&shown)).expect("JSON");
        let user = shown[1]["user"].as_str().expect("a pseudonym").to_owned();
        let one = Filter { search: Search::default(), user: Some(user), client: None };
        for page in [1, 2, 3, 4, PAGE] {
            let found = search(dir.path(), &one, &pseudonyms, 100, page).await.expect("searched");
            assert_eq!(hosts(found), ["n1.test", "n4.test", "n7.test"], "{page}");
            let newest = search(dir.path(), &one, &pseudonyms, 2, page).await.expect("searched");
            assert_eq!(hosts(newest), ["n4.test", "n7.test"], "{page}");
        }
        let client = Some(shown[0]["client_ip"].as_str().expect("a pseudonym").to_owned());
        let nobody = Some("p-0000000000".to_owned());
        for (user, client, count) in [(None, client, 9), (nobody, None, 0)] {
            let filter = Filter { search: Search::default(), user, client };
            let found = search(dir.path(), &filter, &pseudonyms, 100, 2).await.expect("searched");
            assert_eq!(found.len(), count);
        }
    }
}
