//! What: sites, and what narrows them down to some of what is asked there.
//!
//! A site is named by `categories`, `domains`, `urls`, `expressions` and `uncategorised`, which are alternatives. All else
//! narrows. Some of it is seen only later ([`crate::learnt`]): a rule that asks for it does not hold before.
use crate::categories::Categories;
use crate::learnt::{Answer, Learnt};
use crate::media::MediaRange;
use crate::verdict::Query;
use crate::who::Signed;
use ipnet::IpNet;
use std::ops::RangeInclusive;

/// The "what" of a rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct What {
    /// In any of these.
    pub(crate) any: Categories,
    /// In none of these.
    pub(crate) none: Categories,
    /// The rule's own nameless category.
    pub(crate) own: Option<u16>,
    /// Or in no category of the charter.
    pub(crate) uncategorised: bool,
    /// Only addresses typed in place of a name, or only names.
    pub(crate) address_literal: Option<bool>,
    pub(crate) ports: Signed<RangeInclusive<u16>>,
    pub(crate) methods: Signed<String>,
    /// Of the last segment of the path, or of the file that an answer names; without the first dot, in small letters.
    pub(crate) extensions: Signed<String>,
    /// Networks of the address that is really dialled.
    pub(crate) destinations: Signed<IpNet>,
    pub(crate) media_types: Signed<MediaRange>,
    /// Of what is answered, in bytes.
    pub(crate) min_size: Option<u64>,
}

/// What is asked and what is known of it, as rules look at it.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) query: &'a Query<'a>,
    pub(crate) learnt: &'a Learnt<'a>,
    pub(crate) categories: &'a Categories,
    /// Categories that the charter itself takes the target out of.
    pub(crate) taken_out: &'a Categories,
    /// How many categories the charter names: they stand before the nameless ones of rules.
    pub(crate) named: usize,
}

impl Seen<'_> {
    fn is_uncategorised(&self) -> bool {
        self.categories.iter().next().is_none_or(|first| usize::from(first) >= self.named)
    }
}

impl What {
    /// `None` when it does not hold, or not yet; else the category by which it does, if one was asked for. `turns_back`: the
    /// rule does something else than to let through.
    pub(crate) fn holds(&self, seen: &Seen<'_>, turns_back: bool) -> Option<Option<u16>> {
        let category = self.may_hold(seen, turns_back)?;
        self.holds_of_answer(seen.learnt.answer, turns_back).then_some(category)
    }

    /// Whether it may hold once all is known: what is not known yet is left out.
    pub(crate) fn could_hold(&self, seen: &Seen<'_>, turns_back: bool) -> bool {
        let Seen { learnt, .. } = seen;
        self.holds_of_request(seen).is_some()
            && (learnt.answer.is_none() || self.holds_of_files(seen, turns_back))
            && (learnt.destination.is_none() || self.holds_of_destination(seen))
    }

    fn may_hold(&self, seen: &Seen<'_>, turns_back: bool) -> Option<Option<u16>> {
        let category = self.holds_of_request(seen)?;
        (self.holds_of_files(seen, turns_back) && self.holds_of_destination(seen)).then_some(category)
    }

    /// The same of what is known once it is asked.
    fn holds_of_request(&self, seen: &Seen<'_>) -> Option<Option<u16>> {
        let target = seen.query.target;
        let matching = seen.categories.first_in(&self.any);
        let site = matching.is_some() || self.uncategorised && seen.is_uncategorised() || self.is_any_site();
        let holds = site
            && !seen.categories.meets(&self.none)
            && !self.own.is_some_and(|own| seen.taken_out.contains(own))
            && self.address_literal.is_none_or(|literal| literal == target.ip().is_some())
            && self.ports.allows(|ports| ports.contains(&target.port()))
            && self.methods.allows(|method| method == seen.query.method);
        holds.then_some(matching)
    }

    /// Whether it says nothing of sites.
    pub(crate) fn is_any_site(&self) -> bool {
        self.any.is_empty() && !self.uncategorised
    }

    /// Whether it asks what only an answer tells.
    pub(crate) fn asks_answer(&self) -> bool {
        !self.media_types.is_empty() || self.min_size.is_some()
    }

    /// Whether an answer can change whether it holds.
    pub(crate) fn hangs_on_answer(&self) -> bool {
        self.asks_answer() || !self.extensions.is_empty()
    }

    fn holds_of_files(&self, seen: &Seen<'_>, turns_back: bool) -> bool {
        if self.extensions.is_empty() {
            return true;
        }
        // A tunnel has no path that could be seen.
        let asked = seen.query.target.path().rsplit('/').next().filter(|file| !file.is_empty());
        let answered = seen.learnt.answer.map(|answer| answer.files.as_slice()).unwrap_or_default();
        let files = asked.into_iter().chain(answered.iter().map(String::as_str)).filter(|file| file.contains('.'));
        self.extensions.holds_of_all(files, turns_back, |extension, file| has_extension(file, extension))
    }

    fn holds_of_destination(&self, seen: &Seen<'_>) -> bool {
        if self.destinations.is_empty() {
            return true;
        }
        let known = seen.learnt.destination.or(seen.query.target.ip());
        known.is_some_and(|address| self.destinations.allows(|network| network.contains(&address.to_canonical())))
    }

    fn holds_of_answer(&self, answer: Option<&Answer>, turns_back: bool) -> bool {
        if !self.asks_answer() {
            return true;
        }
        let Some(answer) = answer else { return false };
        self.min_size.is_none_or(|least| answer.length.is_some_and(|length| length >= least))
            && (self.media_types.is_empty()
                || self.media_types.holds_of_all(answer.types(), turns_back, |range, media| range.covers(media)))
    }

    /// Whether nothing of `other` lies outside; says no when that would take a closer look.
    pub(crate) fn holds_all_of(&self, other: &What) -> bool {
        let sites = self.is_any_site()
            || !other.is_any_site() && other.any.is_within(&self.any) && (self.uncategorised || !other.uncategorised);
        let covers = |wide: &IpNet, narrow: &IpNet| wide.contains(narrow);
        sites
            && self.none.is_within(&other.none)
            && self.own.is_none()
            && (self.address_literal.is_none() || self.address_literal == other.address_literal)
            && self
                .ports
                .covers(&other.ports, |wide, narrow| wide.contains(narrow.start()) && wide.contains(narrow.end()))
            && self.methods.covers(&other.methods, |one, other| one == other)
            && self.extensions.covers(&other.extensions, |one, other| has_extension(other, one) || one == other)
            && self.destinations.covers(&other.destinations, covers)
            && self.media_types.covers(&other.media_types, MediaRange::covers_all_of)
            && self.min_size.is_none_or(|least| other.min_size.is_some_and(|other| other >= least))
    }
}

/// Whether a file's name ends so, whatever its case; Windows drops dots and spaces behind a name.
fn has_extension(file: &str, extension: &str) -> bool {
    let file = file.split(';').next().unwrap_or(file);
    let file = file.trim_end_matches("%20").trim_end_matches(['.', ' ']).as_bytes();
    let Some(start) = file.len().checked_sub(extension.len()) else { return false };
    let (name, end) = file.split_at(start);
    name.last() == Some(&b'.') && end.eq_ignore_ascii_case(extension.as_bytes())
}

impl<T> Signed<T> {
    pub(crate) fn is_empty(&self) -> bool {
        self.adds.is_empty() && self.removes.is_empty()
    }

    /// A list that only removes starts from everything.
    fn allows(&self, is: impl Fn(&T) -> bool) -> bool {
        (self.adds.is_empty() || self.adds.iter().any(&is)) && !self.removes.iter().any(&is)
    }

    /// The same of what claims to be several things at once, and is held to the worst of them: a rule that turns back holds
    /// when any of them is named and not all are excepted, one that lets through when all are named and none is excepted.
    fn holds_of_all<C: Copy>(
        &self,
        claims: impl Iterator<Item = C> + Clone,
        turns_back: bool,
        is: impl Fn(&T, C) -> bool,
    ) -> bool {
        let in_list = |list: &[T], any: bool| {
            let mut named = claims.clone().map(|claim| list.iter().any(|entry| is(entry, claim))).peekable();
            if any { named.any(|named| named) } else { named.peek().is_some() && named.all(|named| named) }
        };
        (self.adds.is_empty() || in_list(&self.adds, turns_back)) && !in_list(&self.removes, !turns_back)
    }

    /// Whether all that `other` allows is allowed here, as far as a look at the entries tells.
    fn covers(&self, other: &Signed<T>, covers: impl Fn(&T, &T) -> bool) -> bool {
        let within = |narrow: &[T], wide: &[T]| narrow.iter().all(|n| wide.iter().any(|w| covers(w, n)));
        (self.adds.is_empty() || !other.adds.is_empty() && within(&other.adds, &self.adds))
            && within(&self.removes, &other.removes)
    }
}

#[cfg(test)]
mod tests {
    use super::has_extension;

    #[test]
    fn an_extension_is_what_a_name_ends_with() {
        for (file, extension, has) in [
            ("setup.exe", "exe", true),
            ("SETUP.EXE", "exe", true),
            ("setup.exe.", "exe", true),
            ("setup.exe%20", "exe", true),
            ("setup.exe;v=1", "exe", true),
            ("a.tar.gz", "gz", true),
            ("a.tar.gz", "tar.gz", true),
            ("xtar.gz", "tar.gz", false),
            (".exe", "exe", true),
            ("exe", "exe", false),
            ("setup.exe.txt", "exe", false),
            ("setupexe", "exe", false),
            ("", "exe", false),
        ] {
            assert_eq!(has_extension(file, extension), has, "{file} {extension}");
        }
    }
}
