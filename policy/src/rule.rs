//! One `[[rule]]`: who, what, when, and what then.
use crate::action::{Action, Terms};
use crate::categories::Categories;
use crate::problem::Problem;
use crate::rate::Rate;
use crate::schedule::Schedule;
use crate::verdict::{Query, Text};
use crate::who::{Signed, Who};
use jiff::tz::TimeZone;
use std::ops::{Range, RangeInclusive};

/// A rule; all of who, what and when must hold.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) article: Option<String>,
    pub(crate) action: Action,
    /// On which terms it lets through.
    pub(crate) terms: Terms,
    pub(crate) reason: Option<Text>,
    pub(crate) who: Who,
    pub(crate) what: What,
    pub(crate) when: When,
    /// What each person has of it, all connections together.
    pub(crate) bandwidth: Option<Rate>,
    /// The id in the charter's text.
    pub(crate) span: Range<usize>,
}

impl Rule {
    /// Warns of a rule that an earlier one leaves nothing to.
    pub(crate) fn shadowed_by(&self, earlier: &Rule) -> Option<Problem> {
        if !earlier.who.is_everyone() || !earlier.when.is_always() || !earlier.what.holds_all_of(&self.what) {
            return None;
        }
        let what = format!("rule `{}` can never match", self.id);
        Some(
            Problem::warning(self.span.clone(), what, "put it first, or remove it")
                .also(earlier.span.clone(), "this rule decides all of it before"),
        )
    }
}

/// The "what" of a rule. `categories`, `domains`, `urls` and `expressions` are alternatives; ports and methods narrow.
#[derive(Debug, Clone, Default)]
pub(crate) struct What {
    /// In any of these; none at all: whatever is asked.
    pub(crate) any: Categories,
    /// In none of these.
    pub(crate) none: Categories,
    /// The rule's own nameless category.
    pub(crate) own: Option<u16>,
    pub(crate) ports: Signed<RangeInclusive<u16>>,
    pub(crate) methods: Signed<String>,
}

impl What {
    /// `None` when it does not hold; else the category by which it does, if one was asked for.
    pub(crate) fn holds(
        &self,
        query: &Query<'_>,
        categories: &Categories,
        taken_out: &Categories,
    ) -> Option<Option<u16>> {
        let matching = categories.first_in(&self.any);
        let port = query.target.port();
        let holds = (self.any.is_empty() || matching.is_some())
            && !categories.meets(&self.none)
            && !self.own.is_some_and(|own| taken_out.contains(own))
            && self.ports.allows(|ports| ports.contains(&port))
            && self.methods.allows(|method| method == query.method);
        holds.then_some(matching)
    }

    fn is_narrow(&self) -> bool {
        let Signed { adds, removes } = &self.ports;
        let ports = adds.is_empty() && removes.is_empty();
        let Signed { adds, removes } = &self.methods;
        !ports || !adds.is_empty() || !removes.is_empty() || !self.none.is_empty() || self.own.is_some()
    }

    /// Whether nothing of `other` lies outside; says no when that would take a closer look.
    fn holds_all_of(&self, other: &What) -> bool {
        !self.is_narrow() && (self.any.is_empty() || !other.any.is_empty() && other.any.is_within(&self.any))
    }
}

impl<T> Signed<T> {
    /// A list that only removes starts from everything.
    fn allows(&self, is: impl Fn(&T) -> bool) -> bool {
        (self.adds.is_empty() || self.adds.iter().any(&is)) && !self.removes.iter().any(&is)
    }
}

/// The "when" of a rule: in any of the schedules, and in none of the exceptions. Places in the charter's schedules.
#[derive(Debug, Clone, Default)]
pub(crate) struct When {
    pub(crate) schedules: Vec<usize>,
    pub(crate) except: Vec<usize>,
}

impl When {
    pub(crate) fn is_always(&self) -> bool {
        self.schedules.is_empty() && self.except.is_empty()
    }

    /// `None` when it does not hold; else the schedule by which it does, if one was asked for.
    pub(crate) fn holds(&self, query: &Query<'_>, schedules: &[Schedule], zone: &TimeZone) -> Option<Option<usize>> {
        let holds = |&place: &usize| schedules.get(place).is_some_and(|schedule| schedule.holds(query.at, zone));
        if self.except.iter().any(&holds) {
            return None;
        }
        if self.schedules.is_empty() {
            return Some(None);
        }
        self.schedules.iter().copied().find(holds).map(Some)
    }
}
