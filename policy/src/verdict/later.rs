//! What later knowledge could still change in a decision: so that who need not wait for it does not.
use super::{Decision, InForce, Query};
use crate::learnt::Learnt;
use crate::rule::Rule;
use crate::what::What;

/// What a decision still waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pending {
    /// The head of the answer could change it.
    pub answer: bool,
    /// So could the first bytes of its content.
    pub content: bool,
}

impl InForce {
    /// Whether any rule asks for the address that is dialled.
    pub fn asks_destination(&self) -> bool {
        self.charter.asks.destination
    }

    /// What the decision on an exchange that was let through still waits for.
    pub fn pending(&self, query: &Query<'_>, learnt: &Learnt<'_>, decision: &Decision) -> Pending {
        if !self.charter.asks.answer {
            return Pending::default();
        }
        let mut pending = Pending::default();
        self.each_before(query, learnt, decision, What::hangs_on_answer, |rule| {
            pending.answer = true;
            pending.content |= !rule.what.media_types.is_empty();
        });
        pending
    }

    /// How large an answer whose length was not announced may grow, if there is a bound, and what is decided then.
    pub fn limit(&self, query: &Query<'_>, learnt: &Learnt<'_>, before: &Decision) -> Option<(u64, Decision)> {
        let answer = learnt.answer?;
        self.charter.asks.sizes.iter().find_map(|&size| {
            let grown = answer.clone().length(size);
            let decision = self.decide_again(query, &Learnt { answer: Some(&grown), ..*learnt });
            decision.turns_back(before).then_some((size, decision))
        })
    }

    /// The ids of the rules that could still change a decision once more is known, in their order. Of a tunnel it is the
    /// address alone: what is answered in it is not seen.
    pub fn undecided(&self, query: &Query<'_>, learnt: &Learnt<'_>, decision: &Decision) -> Vec<&str> {
        let mut rules = Vec::new();
        let asks = |what: &What| !what.destinations.is_empty() || what.hangs_on_answer() && query.method != "CONNECT";
        self.each_before(query, learnt, decision, asks, |rule| rules.push(rule.id.as_str()));
        rules
    }

    /// Shows each rule before the one that decided that could hold once more is known of what it asks.
    fn each_before<'s>(
        &'s self,
        query: &Query<'_>,
        learnt: &Learnt<'_>,
        decision: &Decision,
        asks: impl Fn(&What) -> bool,
        mut show: impl FnMut(&'s Rule),
    ) {
        let look = self.look(query);
        let seen = self.seen(query, learnt, &look);
        for place in self.shortlist.rules(&look.asker, &look.groups, &look.categories) {
            // The one that decided may cease to hold: what is answered may have another file name than was asked for.
            if decision.rule.is_some_and(|decided| place > decided) {
                break;
            }
            let Some(rule) = self.charter.rules.get(place as usize).filter(|rule| asks(&rule.what)) else { continue };
            if rule.what.could_hold(&seen, rule.turns_back()) && self.holds_for(rule, query, &look).is_some() {
                show(rule);
            }
        }
    }
}
