//! The decision, and how it comes about.
//!
//! First the categories of the target are found. A target is in a category when an entry adds it and none takes it
//! out, in this order of precedence:
//!
//! 1. what the charter itself removes (`"!example.fr"` in `domains`, `urls`, `expressions`) is out;
//! 2. what the charter itself lists is in;
//! 3. what a downloaded list excepts, or a list that the category removes (`"!ut1:press"`; `white` of a list says it once
//!    for all categories that take from the list), is out;
//! 4. what a downloaded list of the category holds is in.
//!
//! So white goes over black, and own entries over downloaded ones; how specific an entry is does not matter. Then the
//! rules are asked in their order, and the first of which who, what and when all hold decides; the removals of a rule
//! take a name out of that rule. What no rule decides, the charter's `default` does.
//!
//! What is let through is decided on again with what is learnt later: the address that is dialled, and the answer
//! ([`crate::Learnt`]). Then all rules are asked again, in the same order.
use crate::action::{Action, Terms};
use crate::categories::Categories;
use crate::index::Hit;
use crate::learnt::Learnt;
use crate::masking::Withheld;
use crate::problem::nearest;
use crate::rate::Rate;
use crate::rule::Rule;
use crate::safe_search::SafeSearch;
use crate::shipped;
use crate::shortlist::{Places, Shortlist};
use crate::what::Seen;
use crate::who::{Asker, Name};
use crate::{Charter, Index, Target};
use coverage::{Coverage, Effect, Sources};
use jiff::Timestamp;
use smallvec::SmallVec;
use std::net::IpAddr;

mod coverage;
mod hindsight;
mod later;

pub use crate::charter::expect::Disappointment;
pub use hindsight::Reach;
pub use later::Pending;

/// The question.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// What is asked.
    pub target: &'a Target,
    /// The method.
    pub method: &'a str,
    /// The account, when known.
    pub user: Option<&'a str>,
    /// Groups given from outside the charter (a directory, `explain --group`): ids of the charter's groups, or
    /// distinguished names that they list.
    pub groups: &'a [&'a str],
    /// The client's address.
    pub client: IpAddr,
    /// When.
    pub at: Timestamp,
}

/// The answer; names are read from the charter it was made under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// What to do.
    pub action: Action,
    /// What each person has for all that is let through by this rule, both ways together; `None`: no limit.
    pub bandwidth: Option<Rate>,
    rule: Option<u32>,
    category: Option<u16>,
    schedule: Option<u32>,
    evidence: Option<Evidence>,
    withheld: Option<Withheld>,
    exception: Option<u32>,
}

impl Decision {
    /// The number of the temporary exception by which it is let through; the rule and category are those that would have
    /// decided otherwise.
    pub fn exception(&self) -> Option<u32> {
        self.exception
    }

    pub(crate) fn spared_by(self, exception: u32) -> Decision {
        Decision { action: Action::Allow, exception: Some(exception), ..self }
    }

    /// Why the register must not be told where to, whatever was decided; `None` when it may.
    pub fn withheld(&self) -> Option<Withheld> {
        self.withheld
    }

    /// Whether it turns back what was let through by the one before: refused now, or by another rule on other terms.
    pub fn turns_back(&self, before: &Decision) -> bool {
        self.action != Action::Allow && self.rule != before.rule
    }

    /// Whether an entry decided, of a list, a category or the rule itself: the rule does not hold for everything.
    pub fn is_by_entry(&self) -> bool {
        self.category.is_some()
    }

    /// By what it was decided.
    pub fn ground(&self) -> Ground {
        Ground { rule: self.rule, category: self.category }
    }
}

/// What a decision names: decisions of one ground, under one charter, have rule, article, category and reason in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ground {
    rule: Option<u32>,
    category: Option<u16>,
}

/// The entry that put the target into the category.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Evidence {
    /// It stands in the charter, not in a downloaded list.
    own: bool,
    hit: Hit,
}

/// A reason or label in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text {
    /// French.
    pub fr: String,
    /// English.
    pub en: String,
}

/// A charter bound to an index: ready to decide.
pub struct InForce {
    charter: Charter,
    index: Index,
    own: Coverage,
    listed: Coverage,
    /// The categories with a harmful list in them.
    harmful: Categories,
    shortlist: Shortlist,
}

impl InForce {
    /// Binds a charter to the index of its lists. Lists that the index has not hold nothing: see
    /// [`InForce::missing_lists`].
    pub fn new(charter: Charter, index: Index) -> InForce {
        let (mut own, mut listed) = (Sources::of(&charter.own), Sources::of(&index));
        for (place, category) in (0..).zip(&charter.categories) {
            own.add(&category.own_source(false), place);
            own.remove(&category.own_source(true), place);
            category.lists.adds.iter().for_each(|list| listed.add(list, place));
            charter.removed_lists(category).iter().for_each(|list| listed.remove(list, place));
        }
        let masking = &charter.masking;
        masking.sources.iter().for_each(|source| own.protect(source));
        masking.lists.iter().for_each(|source| listed.protect(source));
        let mut harmful = Categories::default();
        masking.harmful.iter().for_each(|source| harmful.insert_all(&listed.harm(source)));
        let (own, listed) = (own.coverage(), listed.coverage());
        let shortlist = Shortlist::new(&charter.rules, &charter.groups);
        InForce { charter, index, own, listed, harmful, shortlist }
    }

    /// The same, with more protected persons than the charter names: those whose objection was upheld (RGPD art. 21).
    pub fn protecting<'n>(
        mut self,
        users: impl IntoIterator<Item = &'n str>,
        clients: impl IntoIterator<Item = IpAddr>,
    ) -> InForce {
        let masking = &mut self.charter.masking;
        masking.also_users = users.into_iter().map(Name::new).collect();
        masking.also_clients = clients.into_iter().map(|client| client.to_canonical()).collect();
        self
    }

    /// The charter.
    pub fn charter(&self) -> &Charter {
        &self.charter
    }

    /// The index.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Decides. Asks only the rules that may hold: see `shortlist`. Nothing is allocated, but for a target in many
    /// categories or a client in many groups.
    pub fn decide(&self, query: &Query<'_>) -> Decision {
        self.decide_again(query, &Learnt::default())
    }

    /// Decides again on what was let through, with what is known of it by now. Whoever was turned back is not asked again:
    /// see [`Learnt`].
    pub fn decide_again(&self, query: &Query<'_>, learnt: &Learnt<'_>) -> Decision {
        let look = self.look(query);
        let seen = self.seen(query, learnt, &look);
        for place in self.shortlist.rules(&look.asker, &look.groups, &look.categories) {
            if learnt.answer.is_none() && self.charter.asks.of_answers.get(place as usize) == Some(&true) {
                continue;
            }
            let Some(rule) = self.charter.rules.get(place as usize) else { continue };
            let Some(category) = rule.what.holds(&seen, rule.turns_back()) else { continue };
            let Some(schedule) = self.holds_for(rule, query, &look) else { continue };
            return Decision {
                action: rule.action,
                bandwidth: rule.bandwidth.filter(|_| rule.action != Action::Block),
                rule: Some(place),
                category,
                schedule: schedule.and_then(|schedule| u32::try_from(schedule).ok()),
                evidence: category.and_then(|category| look.evidence(self, category)),
                withheld: look.withheld,
                exception: None,
            };
        }
        Decision {
            action: self.charter.default,
            bandwidth: None,
            rule: None,
            category: None,
            schedule: None,
            evidence: None,
            withheld: look.withheld,
            exception: None,
        }
    }

    /// Each warning that the charter can give of a target, as the decision that it would be: by each category that a rule
    /// names, and by none.
    pub fn warnings(&self, query: &Query<'_>) -> impl Iterator<Item = Decision> {
        let withheld = self.look(query).withheld;
        let rules = (0u32..).zip(&self.charter.rules).filter(|(_, rule)| rule.action == Action::Warn);
        rules.flat_map(move |(place, rule)| {
            rule.what.any.iter().map(Some).chain([None]).map(move |category| Decision {
                action: Action::Warn,
                bandwidth: rule.bandwidth,
                rule: Some(place),
                category,
                schedule: None,
                evidence: None,
                withheld,
                exception: None,
            })
        })
    }

    /// What is known of target and client before any rule is asked.
    fn look<'q>(&self, query: &Query<'q>) -> Look<'q> {
        let charter = &self.charter;
        let (mut own_hits, mut hits) = (Hits::new(), Hits::new());
        charter.own.hits(query.target, &mut own_hits);
        self.index.hits(query.target, &mut hits);
        let (own, listed) = (self.own.of_all(&own_hits), self.listed.of_all(&hits));
        let mut categories = listed.adds.clone();
        categories.remove_all(&listed.removes);
        categories.insert_all(&own.adds);
        categories.remove_all(&own.removes);
        let asker = Asker::of(query);
        let groups = self.shortlist.groups(&asker, &charter.groups);
        let withheld = self.withholds(&asker, &groups, &own, &listed, &categories);
        Look { own_hits, hits, taken_out: own.removes, categories, asker, groups, withheld }
    }

    fn seen<'a>(&self, query: &'a Query<'a>, learnt: &'a Learnt<'a>, look: &'a Look<'_>) -> Seen<'a> {
        Seen { query, learnt, categories: &look.categories, taken_out: &look.taken_out, named: self.charter.named }
    }

    /// Who and when: `None` when they do not hold, else the schedule, if one was asked for.
    fn holds_for(&self, rule: &Rule, query: &Query<'_>, look: &Look<'_>) -> Option<Option<usize>> {
        let Charter { schedules, zone, .. } = &self.charter;
        rule.who.holds(&look.asker, &look.groups).then(|| rule.when.holds(query, schedules, zone)).flatten()
    }

    /// Why the destination is withheld. What a harmful list holds never is, unless the list itself or the charter says
    /// that it is there by mistake.
    fn withholds(
        &self,
        asker: &Asker<'_>,
        groups: &[usize],
        own: &Effect,
        listed: &Effect,
        categories: &Categories,
    ) -> Option<Withheld> {
        if listed.harms && !listed.spares && !own.removes.meets(&self.harmful) {
            return None;
        }
        let masking = &self.charter.masking;
        let is_protected = own.protects || listed.protects || categories.meets(&masking.categories);
        masking.withholds(asker, groups, is_protected)
    }

    /// Id of the rule that decided; `None` when the default did.
    pub fn rule(&self, decision: &Decision) -> Option<&str> {
        self.deciding(decision).map(|rule| rule.id.as_str())
    }

    /// Article of the charter.
    pub fn article(&self, decision: &Decision) -> Option<&str> {
        self.deciding(decision)?.article.as_deref()
    }

    /// Id of the category by which the rule matched; `None` also when it matched by an entry of its own.
    pub fn category(&self, decision: &Decision) -> Option<&str> {
        let category = self.charter.categories.get(usize::from(decision.category?))?;
        category.label.as_ref().map(|_| category.id.as_str())
    }

    /// Label of that category.
    pub fn category_label(&self, decision: &Decision) -> Option<&Text> {
        self.charter.categories.get(usize::from(decision.category?))?.label.as_ref()
    }

    /// On which terms it is let through.
    pub fn terms(&self, decision: &Decision) -> Terms {
        self.deciding(decision).filter(|_| decision.exception.is_none()).map_or(Terms::None, |rule| rule.terms)
    }

    /// Reason given by the rule.
    pub fn reason(&self, decision: &Decision) -> Option<&Text> {
        self.deciding(decision)?.reason.as_ref()
    }

    /// `ut1:adult domains youporn.com`: list, file kind and entry that decided. The list of what stands in the charter
    /// itself is `charter:` and the category, or the rule. `None` when the rule matched without looking at a list.
    pub fn evidence(&self, query: &Query<'_>, decision: &Decision) -> Option<String> {
        let Evidence { own, hit } = decision.evidence?;
        let place = decision.category?;
        let category = self.charter.categories.get(usize::from(place))?;
        let (index, list) = match own {
            true if category.id.starts_with(shipped::PREFIX) => (&self.charter.own, category.id.clone()),
            true => (&self.charter.own, format!("charter:{}", category.id)),
            false => {
                let source = self.listed.source(&self.index, hit.set, place)?;
                (&self.index, self.index.sources().get(source)?.name.clone())
            }
        };
        Some(format!("{list} {} {}", hit.kind.as_str(), index.entry(query.target, hit)))
    }

    /// Whether a target is system traffic that the charter lets through whoever asks: nobody need say who they are.
    pub fn passes_without_identity(&self, target: &Target) -> bool {
        let exceptions = &self.charter.exceptions;
        if exceptions.is_empty() || !shipped::PORTS.contains(&target.port()) {
            return false;
        }
        let mut hits = Hits::new();
        self.charter.own.hits(target, &mut hits);
        hits.iter().filter_map(|hit| self.own.of(hit)).any(|effect| effect.adds.meets(exceptions))
    }

    /// The host that is dialled in place of a target's own, so that a search engine answers in its strict mode.
    pub fn strict_host(&self, decision: &Decision, target: &Target) -> Option<&'static str> {
        let charter = self.charter.safe_search;
        let engines = match self.deciding(decision).and_then(|rule| rule.safe_search) {
            Some(true) => charter.unwrap_or(SafeSearch::ALL),
            Some(false) => return None,
            None => charter?,
        };
        engines.host(target.host())
    }

    /// Id of the schedule by which the rule matched.
    pub fn schedule(&self, decision: &Decision) -> Option<&str> {
        let place = usize::try_from(decision.schedule?).ok()?;
        self.charter.schedules.get(place).map(|schedule| schedule.id.as_str())
    }

    /// Ids of the charter's groups the client is in.
    pub fn groups(&self, query: &Query<'_>) -> Vec<&str> {
        let asker = Asker::of(query);
        self.charter.groups.iter().filter(|group| group.holds(&asker)).map(|group| group.id.as_str()).collect()
    }

    /// Runs the charter's expectations: those that did not hold.
    pub fn expectations(&self) -> Vec<Disappointment> {
        self.charter.expectations.iter().filter_map(|expectation| expectation.ask(self, &self.charter.zone)).collect()
    }

    /// `list:category` names the charter uses that the index has not, with the nearest known name.
    pub fn missing_lists(&self) -> Vec<(String, Option<String>)> {
        let known = self.index.names();
        let mut missing: Vec<(String, Option<String>)> = Vec::new();
        for category in &self.charter.categories {
            for name in category.lists.adds.iter().chain(&self.charter.removed_lists(category)) {
                if self.index.source(name).is_none() && !missing.iter().any(|(known, _)| known == name) {
                    let near = nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
                    missing.push((name.clone(), near));
                }
            }
        }
        missing
    }

    fn deciding(&self, decision: &Decision) -> Option<&Rule> {
        self.charter.rules.get(usize::try_from(decision.rule?).ok()?)
    }
}

/// Entries that cover a target: few, and then nothing is allocated.
type Hits = SmallVec<[Hit; 8]>;

/// What is known of target and client before any rule is asked.
struct Look<'q> {
    own_hits: Hits,
    hits: Hits,
    /// Categories that the charter itself takes the target out of.
    taken_out: Categories,
    categories: Categories,
    asker: Asker<'q>,
    groups: Places,
    withheld: Option<Withheld>,
}

impl Look<'_> {
    /// The entry that put the target into a category.
    fn evidence(&self, in_force: &InForce, category: u16) -> Option<Evidence> {
        let found = |own, coverage: &Coverage, hits: &[Hit]| {
            coverage.last_adding(hits, category).map(|hit| Evidence { own, hit })
        };
        found(true, &in_force.own, &self.own_hits).or_else(|| found(false, &in_force.listed, &self.hits))
    }
}
