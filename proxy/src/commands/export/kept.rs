//! Records that outlived their days: taken out for a request when it was received, or for a hold when the day was purged. They come
//! day by day, between those of the register.

use crate::commands::Wrong;
use logstore::hold::{self, Hold};
use logstore::{Keys, ProvenDay, Record};
use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;
use std::path::Path;

/// Days of which something was kept, oldest first.
#[derive(Default)]
pub(super) struct Kept {
    days: BTreeMap<String, ProvenDay>,
    rest: Vec<Record>,
}

impl Kept {
    /// What was taken out for these holds, of records that `keep` keeps. What cannot be read fails: an answer is whole or none.
    pub(super) fn for_holds<'h>(
        dir: &Path,
        keys: &Keys,
        holds: impl IntoIterator<Item = &'h Hold>,
        mut keep: impl FnMut(&Record) -> bool,
    ) -> Result<Kept, Wrong> {
        let mut kept = Kept::default();
        let missed = hold::visit_extracts(dir, keys, holds, |_, mut day| {
            day.retain(&mut keep);
            kept.add(day);
            ControlFlow::Continue(())
        });
        match missed.first() {
            None => Ok(kept),
            Some(why) => Err(Wrong(format!("nothing is made, because the answer would not be whole: {why}"))),
        }
    }

    /// Adds a day. Of two that were taken out of one, the larger is proved whole; what it lacks of the other is told beside.
    pub(super) fn add(&mut self, day: ProvenDay) {
        if day.records.is_empty() {
            return;
        }
        let smaller = match self.days.remove(&day.day) {
            None => {
                self.days.insert(day.day.clone(), day);
                return;
            }
            Some(before) if before.records.len() < day.records.len() => {
                self.days.insert(day.day.clone(), day);
                before
            }
            Some(before) => {
                self.days.insert(before.day.clone(), before);
                day
            }
        };
        let known: HashSet<i64> = self.days.get(&smaller.day).into_iter().flat_map(ids).collect();
        let rest = smaller.records.into_iter().map(|found| found.record).filter(|record| !known.contains(&record.id));
        for record in rest {
            if !self.rest.iter().any(|other| other.id == record.id) {
                self.rest.push(record);
            }
        }
    }

    /// The oldest day before this one.
    pub(super) fn before(&mut self, day: &str) -> Option<ProvenDay> {
        let first = self.days.first_entry().filter(|first| first.key().as_str() < day)?;
        Some(first.remove())
    }

    /// The oldest day.
    pub(super) fn next(&mut self) -> Option<ProvenDay> {
        self.days.pop_first().map(|(_, day)| day)
    }

    /// The register has this day whole.
    pub(super) fn is_there(&mut self, day: &str) {
        self.days.remove(day);
    }

    /// The register has this day, but for what was erased of it since: that is told beside.
    pub(super) fn is_there_without_erased(&mut self, day: &ProvenDay) {
        let there: HashSet<i64> = ids(day).collect();
        let taken = self.days.remove(&day.day).into_iter().flat_map(|taken| taken.records);
        let mut rest = std::mem::take(&mut self.rest);
        for record in taken.map(|found| found.record) {
            if !rest.iter().any(|other| other.id == record.id) {
                rest.push(record);
            }
        }
        rest.retain(|record| !there.contains(&record.id));
        self.rest = rest;
    }

    /// Records that stand in none of the days as they are proved here.
    pub(super) fn rest(&self) -> &[Record] {
        &self.rest
    }
}

fn ids(day: &ProvenDay) -> impl Iterator<Item = i64> {
    day.records.iter().map(|found| found.record.id)
}
