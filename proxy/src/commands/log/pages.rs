//! The register searched page by page, for who looks for a pseudonym: the register knows names only, and a pseudonym is
//! compared record by record.

use super::Filter;
use logstore::pseudonym::Pseudonyms;
use logstore::{Record, Search, SearchError};
use std::path::Path;

/// Records read at once.
const PAGE: u64 = 10_000;

/// The newest records that are looked for, at most `limit`, oldest first.
pub(super) async fn search(
    register: &Path,
    filter: &Filter,
    pseudonyms: &Pseudonyms,
    limit: usize,
) -> Result<Vec<Record>, SearchError> {
    let mut page = Search { newest_first: true, limit: Some(limit as u64), ..filter.search.clone() };
    if filter.user.is_none() && filter.client.is_none() {
        let mut found = logstore::search(register, &page).await?;
        found.reverse();
        return Ok(found);
    }
    page.limit = Some(PAGE);
    let mut found: Vec<Record> = Vec::new();
    // The records of the page before that were opened in its oldest microsecond: the next page begins with them again.
    let mut seen: Vec<i64> = Vec::new();
    loop {
        let records = logstore::search(register, &page).await?;
        let full = records.len() as u64 == PAGE;
        let Some(oldest) = records.last().map(|record| record.opened_at) else { break };
        let edge = records.iter().filter(|record| record.opened_at == oldest).map(|record| record.id).collect();
        let new = records.into_iter().filter(|record| !seen.contains(&record.id));
        found.extend(new.filter(|record| matches(filter, record, pseudonyms)));
        if !full || found.len() >= limit {
            break;
        }
        seen = edge;
        page.to = Some(oldest + 1);
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
