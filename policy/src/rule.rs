//! One `[[rule]]`: who, what, when, and what then.
use crate::action::{Action, Terms};
use crate::problem::Problem;
use crate::rate::Rate;
use crate::schedule::Schedule;
use crate::verdict::{Query, Text};
use crate::what::What;
use crate::who::Who;
use jiff::tz::TimeZone;
use std::ops::Range;

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
    /// Whether search engines are dialled at their strict hosts, whatever the charter says of all others.
    pub(crate) safe_search: Option<bool>,
    /// The id in the charter's text.
    pub(crate) span: Range<usize>,
}

impl Rule {
    /// Warns of a rule that an earlier one leaves nothing to.
    pub(crate) fn shadowed_by(&self, earlier: &Rule) -> Option<Problem> {
        let who = earlier.who.is_everyone() || earlier.who == self.who;
        let when = earlier.when.is_always() || earlier.when == self.when;
        // What claims to be two things may be turned back though it is not let through.
        let judged_alike = earlier.turns_back() || !self.turns_back() || !earlier.what.hangs_on_answer();
        if !who || !when || !judged_alike || !earlier.what.holds_all_of(&self.what) {
            return None;
        }
        let what = format!("rule `{}` can never match", self.id);
        Some(
            Problem::warning(self.span.clone(), what, "put it first, or remove it")
                .also(earlier.span.clone(), "this rule decides all of it before"),
        )
    }

    /// Whether it does something else than to let through.
    pub(crate) fn turns_back(&self) -> bool {
        self.action != Action::Allow
    }
}

/// The "when" of a rule: in any of the schedules, and in none of the exceptions. Places in the charter's schedules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
