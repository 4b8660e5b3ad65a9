//! What a decision hangs on: for whoever decides again on what a record kept, and must know what it did not keep.

use super::{Coverage, Decision, InForce};
use crate::categories::Categories;
use crate::index::{Hit, Kind};
use crate::rule::Rule;
use crate::{Index, Target};
use jiff::Timestamp;

/// What the expressions of an index do to the categories.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    adds: Categories,
    removes: Categories,
}

impl InForce {
    /// What can happen to a target's categories by expressions that look at its path; worked out once.
    pub fn reach(&self) -> Reach {
        let mut reach = Reach::default();
        for (index, coverage) in [(&self.charter.own, &self.own), (&self.index, &self.listed)] {
            reach.add(index, coverage);
        }
        reach
    }

    /// Whether the decision on a target whose path is not known could be another one if it were: an entry names a path of
    /// this host, or an expression could put it into a category, or take it out of one, that decides.
    pub fn hangs_on_path(&self, target: &Target, decision: &Decision, reach: &Reach) -> bool {
        if self.index.has_paths_of(target) || self.charter.own.has_paths_of(target) {
            return true;
        }
        let rules = &self.charter.rules;
        let decided = decision.rule.and_then(|rule| usize::try_from(rule).ok()).unwrap_or(rules.len());
        // An earlier rule could come to hold, or this one could cease to.
        let could_hold = |rule: &Rule| {
            rule.what.any.meets(&reach.adds) || rule.what.none.meets(&reach.removes) || !rule.what.extensions.is_empty()
        };
        let could_cease = |rule: &Rule| {
            decision.category.is_some_and(|category| reach.removes.contains(category))
                || rule.what.none.meets(&reach.adds)
                || rule.what.own.is_some_and(|own| reach.removes.contains(own))
                || !rule.what.extensions.is_empty()
        };
        rules.iter().take(decided).any(could_hold) || rules.get(decided).is_some_and(could_cease)
    }

    /// Which schedules of the charter hold at an instant, in their order: when they are the same at two instants, so is
    /// every decision.
    pub fn schedules_at(&self, at: Timestamp) -> Vec<bool> {
        self.charter.schedules.iter().map(|schedule| schedule.holds(at, &self.charter.zone)).collect()
    }

    /// The ids of the rules that are for some people and not for others.
    pub fn for_some(&self) -> Vec<&str> {
        let rules = self.charter.rules.iter();
        rules.filter(|rule| !rule.who.is_everyone()).map(|rule| rule.id.as_str()).collect()
    }
}

impl Reach {
    fn add(&mut self, index: &Index, coverage: &Coverage) {
        for set in index.expression_sets() {
            let hit = Hit { set, kind: Kind::Expressions, entry: 0 };
            if let Some(effect) = coverage.of(&hit) {
                self.adds.insert_all(&effect.adds);
                self.removes.insert_all(&effect.removes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Charter, InForce, Index, Query, Source, Target};
    use jiff::{Timestamp, tz::TimeZone};

    fn in_force(text: &str) -> InForce {
        let source = Source { name: "charter.toml".to_owned(), text: text.to_owned() };
        let (charter, _) = Charter::parse(source, &TimeZone::UTC).unwrap_or_else(|bad| panic!("{}", bad.render(false)));
        InForce::new(charter, Index::empty())
    }

    fn hangs(in_force: &InForce, url: &str) -> bool {
        let target = Target::of_url(url).expect("a URL");
        let client = [10, 0, 0, 1].into();
        let query =
            Query { target: &target, method: "GET", user: None, groups: &[], client, at: Timestamp::UNIX_EPOCH };
        in_force.hangs_on_path(&target, &in_force.decide(&query), &in_force.reach())
    }

    const LABEL: &str = "label = { fr = \"a\", en = \"a\" }";

    #[test]
    fn a_path_matters_where_an_entry_names_one() {
        let charter = format!(
            "[categories.a]\n{LABEL}\nurls = [\"a.example/dir\", \"whole.example\"]\ndomains = [\"b.example\"]\n\
             [[rule]]\nid = \"r\"\naction = \"block\"\ncategories = [\"a\"]\n"
        );
        let in_force = in_force(&charter);
        for (url, expected) in [
            ("http://a.example/", true),
            ("http://www.a.example/", true),
            ("http://a.example.org/", false),
            ("http://b.example/", false),
            ("http://whole.example/", false),
            ("http://other.example/", false),
        ] {
            assert_eq!(hangs(&in_force, url), expected, "{url}");
        }
    }

    #[test]
    fn an_expression_matters_to_rules_up_to_the_one_that_decides() {
        let charter = format!(
            "[categories.first]\n{LABEL}\ndomains = [\"first.example\"]\n\
             [categories.words]\n{LABEL}\nexpressions = [\"casino\"]\n\
             [[rule]]\nid = \"first\"\naction = \"allow\"\ncategories = [\"first\"]\n\
             [[rule]]\nid = \"words\"\naction = \"block\"\ncategories = [\"words\"]\n\
             [[rule]]\nid = \"rest\"\naction = \"allow\"\n"
        );
        let in_force = in_force(&charter);
        assert!(!hangs(&in_force, "http://first.example/"), "no path goes before the first rule");
        assert!(!hangs(&in_force, "http://casino.example/"), "it is refused by its name");
        assert!(hangs(&in_force, "http://other.example/"), "a path may hold the word");
    }

    #[test]
    fn instants_are_told_apart_by_the_schedules_that_hold() {
        let in_force = in_force(
            "[schedules.noon]\nhours = [\"12:00-14:00\"]\n[schedules.weekend]\ndays = [\"sat\", \"sun\"]\n\
             [[rule]]\nid = \"r\"\naction = \"block\"\nusers = [\"a.martin\"]\nschedules = [\"noon\", \"weekend\"]\n",
        );
        let at = |text: &str| in_force.schedules_at(text.parse().expect("an instant"));
        assert_eq!(at("2026-11-23T12:30:00Z"), [true, false]);
        assert_eq!(at("2026-11-23T14:00:00Z"), [false, false]);
        assert_eq!(at("2026-11-22T13:59:59Z"), [true, true]);
    }

    #[test]
    fn rules_for_some_people_are_told_from_those_for_everybody() {
        let rule = |id: &str, who: &str| format!("[[rule]]\nid = \"{id}\"\naction = \"block\"\n{who}\n");
        let rules = [
            rule("one", "users = [\"a.martin\"]\ndomains = [\"a.example\"]"),
            rule("here", "networks = [\"10.0.0.0/8\"]\ndomains = [\"a.example\"]"),
            rule("most", "except_users = [\"a.martin\"]\ndomains = [\"a.example\"]"),
            rule("all", ""),
        ];
        assert_eq!(in_force(&rules.concat()).for_some(), ["one", "here", "most"]);
    }
}
