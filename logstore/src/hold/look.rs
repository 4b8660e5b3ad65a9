//! What a hold reaches: counted before it is confirmed, and shown under its own scope.

use super::{Hold, Terms, extract};
use crate::day::Day;
use crate::keys::Keys;
use crate::people::{Attribution, People};
use crate::record::Record;
use crate::search::search_day;
use crate::{SearchError, error::words};
use serde::Serialize;
use std::collections::{BTreeSet, HashSet};
use std::ops::ControlFlow;
use std::path::Path;

/// How much a hold reaches. Names nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reach {
    /// Records there are.
    pub records: u64,
    /// Persons they are of, as far as accounts and addresses of one person's tell.
    pub persons: u64,
    /// Addresses behind which nobody is known.
    pub addresses: u64,
    /// Records whose destination was never kept: a hold brings nothing back.
    pub masked: u64,
}

/// Counts what a hold of these terms would reach now. Days that cannot be read are returned.
pub async fn reach(
    dir: &Path,
    keys: &Keys,
    terms: &Terms,
    people: &People,
) -> Result<(Reach, Vec<SearchError>), SearchError> {
    let (mut reach, mut persons, mut addresses) = (Reach::default(), BTreeSet::new(), BTreeSet::new());
    let missed = days(dir, keys, terms, people, |record| {
        reach.records += 1;
        reach.masked += u64::from(record.masked.is_some());
        let at = record.opened_at;
        match (&record.user, people.attribution(record.client_ip, at)) {
            (Some(user), _) => {
                persons.insert(people.owner(user, at).to_lowercase());
            }
            (None, Attribution::One(one)) => {
                persons.insert(one.to_lowercase());
            }
            (None, _) => {
                addresses.insert(record.client_ip);
            }
        }
        ControlFlow::Continue(())
    });
    let missed = missed.await?;
    (reach.persons, reach.addresses) = (persons.len() as u64, addresses.len() as u64);
    Ok((reach, missed))
}

/// Shows what a hold covers, until the visitor has seen enough: what was taken out for it, then what is in days that are not
/// due; each record once, the oldest first but for what a clock did. What cannot be read is returned.
pub async fn visit(
    dir: &Path,
    keys: &Keys,
    hold: &Hold,
    people: &People,
    mut visitor: impl FnMut(Record) -> ControlFlow<()>,
) -> Result<Vec<SearchError>, SearchError> {
    let (mut ends, mut shown) = (false, HashSet::new());
    let mut missed = extract::visit_extracts(dir, keys, [hold], |_, day| {
        // A crash may have kept them from being erased of a day that stays.
        if Day::parse(&day.day).is_some_and(|day| day.file(dir).exists()) {
            shown.extend(day.records.iter().map(|found| found.record.id));
        }
        for found in day.records {
            if visitor(found.record).is_break() {
                ends = true;
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    });
    if !ends {
        let others = |record: Record| match shown.contains(&record.id) {
            true => ControlFlow::Continue(()),
            false => visitor(record),
        };
        missed.extend(days(dir, keys, &hold.terms, people, others).await?);
    }
    Ok(missed)
}

/// Shows what terms cover of the days there are.
async fn days(
    dir: &Path,
    keys: &Keys,
    terms: &Terms,
    people: &People,
    mut visitor: impl FnMut(Record) -> ControlFlow<()>,
) -> Result<Vec<SearchError>, SearchError> {
    let mut missed = Vec::new();
    let all = Day::all(dir).map_err(|source| SearchError::Folder { dir: dir.to_path_buf(), source })?;
    let whole = terms.searches(people, None);
    for day in all.into_iter().filter(|day| whole.iter().any(|search| search.may_reach(*day))) {
        let file = day.file(dir);
        // A purge that was cut has destroyed its key: what is held of it was taken out.
        if keys.are_destroyed(day).unwrap_or(false) && !keys.accepts_first_form(day) {
            continue;
        }
        let mut records = match extract::users(&file, day, keys).await {
            Ok(users) => found(&file, day, keys, &terms.searches(people, users.as_deref())).await,
            Err(why) => Err(why),
        };
        match &mut records {
            Err(why) => missed.push(SearchError::Day { file, why: std::mem::take(why) }),
            Ok(records) => {
                records.retain(|record| terms.covers(record, people));
                records.sort_unstable_by_key(|record| (record.opened_at, record.id));
                records.dedup_by_key(|record| record.id);
                for record in std::mem::take(records) {
                    if visitor(record).is_break() {
                        return Ok(missed);
                    }
                }
            }
        }
    }
    Ok(missed)
}

async fn found(file: &Path, day: Day, keys: &Keys, searches: &[crate::Search]) -> Result<Vec<Record>, String> {
    let mut all = Vec::new();
    for search in searches {
        let (records, _) = search_day(file, day, keys, search).await.map_err(|error| words(file, &error))?;
        all.extend(records);
    }
    Ok(all)
}
