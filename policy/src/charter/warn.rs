//! What is probably not meant: categories without names, rules that never decide, what is declared and not used.
use super::file::FileCategory;
use super::list::FileList;
use crate::action::Action;
use crate::categories::Categories;
use crate::document::{Document, Located};
use crate::problem::Problem;
use crate::rule::Rule;
use crate::verdict::Text;
use std::collections::BTreeSet;

pub(super) fn warn_of_empty(document: &Document<'_>, categories: &[FileCategory<'_>]) {
    for category in categories.iter().filter(|category| category.lists.adds.is_empty() && !category.own.adds()) {
        let what = format!("category `{}` covers nothing", category.id.value);
        document.note(Problem::warning(category.id.span.clone(), what, "give it `lists` or `domains`"));
    }
}

pub(super) fn warn_of_shadowed(document: &Document<'_>, rules: &[Rule]) {
    for (place, rule) in rules.iter().enumerate() {
        if let Some(warning) = rules[..place].iter().find_map(|earlier| rule.shadowed_by(earlier)) {
            document.note(warning);
        }
    }
}

/// What no rule decides is turned back at once where `default` is `block`: what would let it through by its answer, or by the
/// address dialled, comes too late.
pub(super) fn warn_of_too_late(document: &Document<'_>, default: Action, rules: &[Rule]) {
    let is_late = |rule: &Rule| rule.what.asks_answer() || !rule.what.destinations.is_empty();
    for (place, rule) in rules.iter().enumerate().filter(|(_, rule)| !rule.turns_back() && is_late(rule)) {
        // It is an exception from a later one that turns back by an answer.
        let excepts = rules.iter().skip(place).any(|later| later.turns_back() && is_late(later));
        if default == Action::Block && !excepts {
            let what = format!("rule `{}` lets nothing through", rule.id);
            let label = "by `default`, all of it is refused before an address is dialled or an answer comes";
            document.note(Problem::warning(rule.span.clone(), what, label));
        }
    }
}

/// Articles that no rule keeps.
pub(super) fn warn_of_articles(document: &Document<'_>, articles: &[(Located<&str>, Text)], rules: &[Rule]) {
    for (article, _) in articles {
        if !rules.iter().any(|rule| rule.article.as_deref() == Some(article.value)) {
            let what = format!("no rule keeps article {}", article.value);
            document.note(Problem::warning(article.span.clone(), what, "give one `article`, or remove it here"));
        }
    }
}

pub(super) fn warn_of_unused(
    document: &Document<'_>,
    categories: &[FileCategory<'_>],
    lists: &[FileList<'_>],
    used: &Categories,
) {
    for (place, category) in categories.iter().enumerate() {
        if u16::try_from(place).is_ok_and(|number| !used.contains(number)) {
            let what = format!("category `{}` is used by no rule", category.id.value);
            document.note(Problem::warning(category.id.span.clone(), what, "name it in a rule, or remove it"));
        }
    }
    let of_lists = |name: &Located<&str>| name.value.split(':').next().unwrap_or_default().to_owned();
    let used: BTreeSet<String> = categories
        .iter()
        .flat_map(|category| category.lists.adds.iter().chain(&category.lists.removes))
        .map(of_lists)
        .collect();
    for list in lists.iter().filter(|list| !used.contains(list.name.value)) {
        let what = format!("list `{}` is used by no category", list.name.value);
        document.note(Problem::warning(list.name.span.clone(), what, "name it in a category, or remove it"));
    }
}
