//! A restriction or an objection is a person's: it reaches every account that is or was theirs, each in its time (RGPD art. 18, 21).

use super::concerns::{Span, folded};
use super::{Concerns, Says, Statements};
use crate::people::{Mark, People, Period};
use crate::record::Record;
use std::collections::HashMap;

/// Which statements reach an account beside those that name it, when, and from when to when they hold.
pub(super) type Linked = HashMap<String, Vec<(usize, Period, Span)>>;

impl Statements {
    /// The same, of persons as it is known which accounts are theirs. What is rectified or erased is so by the name that was given.
    pub(super) fn reaching(mut self, people: &People) -> Statements {
        for (place, entry) in self.all.iter().enumerate() {
            let (Says::Restriction { concerns: Concerns::User(user, span), .. }
            | Says::Objection { concerns: Concerns::User(user, span) }) = &entry.what.says
            else {
                continue;
            };
            for link in people.links().iter().filter(|link| people.same_person(user, &link.person)) {
                let account = match &link.mark {
                    Mark::Account(account) => Some((account, link.period)),
                    Mark::Address(_) => None,
                };
                for (account, period) in account.into_iter().chain([(&link.person, Period::default())]) {
                    let (account, reach) = (folded(account), (place, period, *span));
                    let known = self.linked.entry(account.clone()).or_default();
                    if account != folded(user) && !known.contains(&reach) {
                        known.push(reach);
                    }
                }
            }
        }
        self
    }

    /// The places of the statements that reach a record although they name another account.
    pub(super) fn linked(&self, record: &Record) -> impl Iterator<Item = &usize> {
        let named = record.user.as_deref().filter(|_| !self.linked.is_empty());
        let reach = named.and_then(|name| self.linked.get(&folded(name))).into_iter().flatten();
        let at = record.opened_at;
        reach.filter(move |(_, period, span)| period.holds(at) && span.holds(at)).map(|(place, ..)| place)
    }
}
