//! The rules that may hold for a request, found without asking each: what a thousand rules cost is what the few cost
//! that speak of this target or this person.
//!
//! A rule stands under each of the categories that it needs one of, or under each of the people; where it needs both,
//! under those that fewer rules share. What needs neither is always asked. A rule left out cannot hold; one that is
//! found may not: it is still asked.
use crate::categories::Categories;
use crate::rule::Rule;
use crate::who::{Asker, Group, Name};
use ipnet::IpNet;
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};

/// Places of groups that somebody is in: few, and then nothing is allocated.
pub(crate) type Places = SmallVec<[usize; 16]>;

/// Where rules and groups are found; made once for a charter.
#[derive(Debug, Default)]
pub(crate) struct Shortlist {
    /// Groups by whom they list.
    groups: People,
    /// Rules that need neither a category nor certain people.
    always: Vec<u32>,
    by_category: BTreeMap<u16, Vec<u32>>,
    by_person: People,
    by_group: BTreeMap<usize, Vec<u32>>,
}

impl Shortlist {
    pub(crate) fn new(rules: &[Rule], groups: &[Group]) -> Shortlist {
        let mut crowds = Shortlist::default();
        for (place, rule) in (0..).zip(rules) {
            crowds.add_by_category(place, rule);
            crowds.add_by_who(place, rule);
        }
        let mut list = Shortlist::default();
        for (place, rule) in (0..).zip(rules) {
            match (crowds.sharing_categories(rule), crowds.sharing_who(rule)) {
                (None, None) => list.always.push(place),
                (Some(categories), Some(who)) if who < categories => list.add_by_who(place, rule),
                (Some(_), _) => list.add_by_category(place, rule),
                (None, Some(_)) => list.add_by_who(place, rule),
            }
        }
        for (place, group) in (0..).zip(groups) {
            list.groups.add(place, &group.users.adds, &group.networks.adds);
            for name in group.directory.adds.iter().chain([&group.name]) {
                push(&mut list.groups.names, name.clone(), place);
            }
        }
        list
    }

    /// The places of the charter's groups that the asker is in, rising.
    pub(crate) fn groups(&self, asker: &Asker<'_>, groups: &[Group]) -> Places {
        let mut places: Places = self.groups.listing(asker).flatten().map(|&place| place as usize).collect();
        places.sort_unstable();
        places.dedup();
        places.retain(|place| groups.get(*place).is_some_and(|group| group.holds(asker)));
        places
    }

    /// The places of the rules that may hold for an asker in these groups and a target in these categories, rising.
    pub(crate) fn rules<'a>(
        &'a self,
        asker: &Asker<'_>,
        groups: &[usize],
        categories: &Categories,
    ) -> impl Iterator<Item = u32> + use<'a> {
        let by_category = categories.iter().filter_map(|category| self.by_category.get(&category));
        let by_group = groups.iter().filter_map(|group| self.by_group.get(group));
        let always = Some(&self.always).filter(|places| !places.is_empty());
        let lists = by_category.chain(by_group).chain(always).map(Vec::as_slice);
        Merge(lists.chain(self.by_person.listing(asker)).collect())
    }

    fn add_by_category(&mut self, place: u32, rule: &Rule) {
        rule.what.any.iter().for_each(|category| push(&mut self.by_category, category, place));
    }

    fn add_by_who(&mut self, place: u32, rule: &Rule) {
        self.by_person.add(place, &rule.who.users, &rule.who.networks);
        rule.who.groups.iter().for_each(|&group| push(&mut self.by_group, group, place));
    }

    /// How many rules share the most crowded of the categories that the rule needs one of; `None` when it needs none.
    fn sharing_categories(&self, rule: &Rule) -> Option<usize> {
        // What is in no category is found by none.
        if rule.what.uncategorised {
            return None;
        }
        rule.what.any.iter().filter_map(|category| self.by_category.get(&category)).map(Vec::len).max()
    }

    /// How many share the most crowded of its accounts, networks and groups; `None` when anyone will do.
    fn sharing_who(&self, rule: &Rule) -> Option<usize> {
        let People { users, networks, .. } = &self.by_person;
        let users = rule.who.users.iter().filter_map(|user| users.get(user));
        let networks = rule.who.networks.iter().filter_map(|network| networks.get(&network.trunc()));
        let groups = rule.who.groups.iter().filter_map(|group| self.by_group.get(group));
        users.chain(networks).chain(groups).map(Vec::len).max()
    }
}

/// Places of what lists people, by whom it lists.
#[derive(Debug, Default)]
struct People {
    users: BTreeMap<Name, Vec<u32>>,
    /// By what a directory says that somebody is in.
    names: BTreeMap<Name, Vec<u32>>,
    networks: BTreeMap<IpNet, Vec<u32>>,
    /// The prefix lengths that occur: so often is an address searched for.
    lengths: BTreeSet<u8>,
}

impl People {
    fn add(&mut self, place: u32, users: &[Name], networks: &[IpNet]) {
        users.iter().for_each(|user| push(&mut self.users, user.clone(), place));
        for network in networks {
            self.lengths.insert(network.prefix_len());
            push(&mut self.networks, network.trunc(), place);
        }
    }

    /// The lists under which the asker stands.
    fn listing<'a>(&'a self, asker: &Asker<'_>) -> impl Iterator<Item = &'a [u32]> {
        let users = asker.users().filter_map(|user| Name::find(&self.users, user));
        let names = asker.groups.iter().filter_map(|name| Name::find(&self.names, name));
        let networks = self.lengths.iter().filter_map(|&length| {
            let network = IpNet::new(asker.client, length).ok()?;
            self.networks.get(&network.trunc())
        });
        users.chain(names).chain(networks).map(Vec::as_slice)
    }
}

/// Places come rising; one that is named twice counts once.
fn push<K: Ord>(lists: &mut BTreeMap<K, Vec<u32>>, key: K, place: u32) {
    let list = lists.entry(key).or_default();
    if list.last() != Some(&place) {
        list.push(place);
    }
}

/// Rising lists as one, each place once.
struct Merge<'a>(SmallVec<[&'a [u32]; 16]>);

impl Iterator for Merge<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let least = *self.0.iter().filter_map(|list| list.first()).min()?;
        for list in &mut self.0 {
            if let Some((_, rest)) = list.split_first().filter(|(first, _)| **first == least) {
                *list = rest;
            }
        }
        Some(least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Charter, Query, Source, Target};
    use jiff::{Timestamp, tz::TimeZone};

    /// Places of a thousand rules that are asked for `user7` of the group `staff` at 10.0.7.1, `target` in one category.
    fn asked(what_and_who: impl Fn(usize) -> String, category: u16) -> Vec<u32> {
        let mut text =
            "[categories.social]\ndomains = [\"a.example\"]\n[groups.staff]\nnetworks = [\"10.0.0.0/8\"]\n".to_owned();
        for place in 0..1000 {
            text += &format!("[[rule]]\nid = \"r{place}\"\naction = \"block\"\n{}\n", what_and_who(place));
        }
        let source = Source { name: "charter.toml".to_owned(), text };
        let (charter, _) = Charter::parse(source, &TimeZone::UTC).unwrap_or_else(|bad| panic!("{}", bad.render(false)));
        let list = Shortlist::new(&charter.rules, &charter.groups);
        let target = Target::of_host("a.example").expect("a name");
        let client = [10, 0, 7, 1].into();
        let user = Some("User7");
        let query = Query { target: &target, method: "GET", user, groups: &[], client, at: Timestamp::UNIX_EPOCH };
        let asker = Asker::of(&query);
        let groups = list.groups(&asker, &charter.groups);
        assert_eq!(groups.as_slice(), [0]);
        list.rules(&asker, &groups, &[category].into_iter().collect()).collect()
    }

    #[test]
    fn of_a_thousand_rules_those_are_asked_that_speak_of_target_or_client() {
        assert_eq!(asked(|place| format!("users = [\"user{place}\"]"), 0), [7]);
        assert_eq!(asked(|place| format!("networks = [\"10.{}.{}.0/24\"]", place / 250, place % 250), 0), [7]);
        // The names of rule 7 are the category after those of the rules before, and after the one with a label.
        assert_eq!(asked(|place| format!("domains = [\"d{place}.example\"]"), 8), [7]);
    }

    #[test]
    fn rules_that_need_both_stand_where_fewer_are() {
        let social = |place| format!("categories = [\"social\"]\nusers = [\"user{place}\"]");
        assert_eq!(asked(social, 0), [7]);
        let staff = |place| format!("domains = [\"d{place}.example\"]\ngroups = [\"staff\"]");
        assert_eq!(asked(staff, 8), [7]);
        let mixed = |place| if place < 500 { social(place) } else { staff(place) };
        assert_eq!(asked(mixed, 0), [7]);
    }
}
