//! Names become places: a charter that comes out of here has no name left that leads nowhere.
use super::expect::Expectation;
use super::file::{Entries, File, FileCategory, FileMasking, FileRule, OwnEntries};
use super::list::FileList;
use super::{Category, ListSource, warn};
use crate::Index;
use crate::action::{Action, Terms};
use crate::categories::{Categories, MOST_CATEGORIES};
use crate::document::{Document, Located, quoted_list};
use crate::index::Kind;
use crate::lists::{Compiler, Format};
use crate::masking::Masking;
use crate::problem::{Problem, nearest};
use crate::protected::{self, Protected};
use crate::rule::{Rule, When};
use crate::schedule::Schedule;
use crate::shipped;
use crate::verdict::Text;
use crate::what::What;
use crate::who::{Group, Signed, Who};
use std::ops::Range;
use std::sync::Arc;

/// What a charter consists of.
pub(super) struct Parts {
    pub(super) lists: Vec<ListSource>,
    pub(super) categories: Vec<Category>,
    pub(super) groups: Vec<Group>,
    pub(super) schedules: Vec<Schedule>,
    pub(super) rules: Vec<Rule>,
    pub(super) masking: Masking,
    pub(super) expectations: Vec<Expectation>,
    /// Categories of the shipped exceptions that are in use; as many rules stand first.
    pub(super) exceptions: Categories,
    pub(super) own: Index,
}

/// Resolves every name; problems are noted in the document, and what comes out then must not be used.
pub(super) fn resolve(file: File<'_>, document: &Document<'_>) -> Parts {
    let mut own = OwnLists { compiler: Compiler::default(), document };
    let mut categories: Vec<Category> =
        file.categories.iter().map(|category| resolve_category(category, &file.lists, &mut own, document)).collect();
    if let Some(beyond) = file.categories.get(MOST_CATEGORIES) {
        document.note(too_many_categories(&beyond.id.span));
    }
    let names = Names {
        document,
        categories: file.categories.iter().map(|category| category.id.value).collect(),
        groups: file.groups.iter().map(|group| group.id.as_str()).collect(),
        schedules: file.schedules.iter().map(|schedule| schedule.id.as_str()).collect(),
    };
    let mut rules: Vec<Rule> = own.exceptions(&file.exceptions, &mut categories);
    let exceptions = rules.iter().filter_map(|rule| rule.what.own).collect();
    for rule in file.rules {
        if !file.articles.is_empty() {
            names.article(&rule, &file.articles);
        }
        if let Some(first) = rules.iter().find(|first| first.id == rule.id.value) {
            let problem =
                Problem::error(rule.id.span.clone(), format!("two rules are called `{}`", rule.id.value), "the second");
            document.note(problem.also(first.span.clone(), "the first"));
        }
        rules.push(names.rule(rule, &mut categories, &mut own));
    }
    let masking = names.masking(file.masking, &file.lists, &mut own);
    for expectation in &file.expectations {
        names.expectation(expectation, &rules);
    }
    // A name with a slip of the pen in it leaves what it meant unused, and its rule seems to hold for everybody: one
    // problem is enough.
    if document.is_sound() {
        warn::warn_of_empty(document, &file.categories);
        warn::warn_of_shadowed(document, &rules);
        warn::warn_of_too_late(document, file.default, &rules);
        warn::warn_of_articles(document, &file.articles, &rules);
        let named = rules.iter().flat_map(|rule| rule.what.any.iter().chain(rule.what.none.iter()));
        let used = named.chain(masking.categories.iter()).collect();
        warn::warn_of_unused(document, &file.categories, &file.lists, &used);
    }
    Parts {
        lists: file.lists.into_iter().filter_map(|list| list.source).collect(),
        categories,
        groups: file.groups,
        schedules: file.schedules,
        rules,
        masking,
        expectations: file.expectations,
        exceptions,
        own: own.index(),
    }
}

fn resolve_category(
    category: &FileCategory<'_>,
    lists: &[FileList<'_>],
    own: &mut OwnLists<'_>,
    document: &Document<'_>,
) -> Category {
    for name in category.lists.adds.iter().chain(&category.lists.removes) {
        check_list(name, lists, document);
    }
    let names = |side: &[Located<&str>]| side.iter().map(|name| name.value.to_owned()).collect();
    let resolved = Category {
        id: category.id.value.to_owned(),
        label: Some(category.label.clone()),
        lists: Signed { adds: names(&category.lists.adds), removes: names(&category.lists.removes) },
    };
    own.add(&resolved, &category.own);
    resolved
}

/// A name of a list: `ut1:adult` in a list of many categories, `maison` in a list that is one.
fn check_list(name: &Located<&str>, lists: &[FileList<'_>], document: &Document<'_>) {
    let (list, folder) = match name.split_once(':') {
        Some((list, folder)) => (list, Some(folder)),
        None => (name.value, None),
    };
    let (what, label) = match lists.iter().find(|known| known.name.value == list) {
        None => {
            let label = match nearest(list, lists.iter().map(|known| known.name.value)) {
                Some(near) => format!("nearest: `{near}`"),
                None => format!("declare it: [lists.{list}]"),
            };
            (format!("no list is called `{list}`"), label)
        }
        Some(FileList { source: None, .. }) => return,
        Some(FileList { source: Some(known), .. }) => match (known.format, folder) {
            (Format::Ut1, None | Some("")) => {
                (format!("`{list}` is a list of many categories"), format!("name one: `{list}:adult`"))
            }
            (Format::Domains | Format::Hosts, Some(_)) => {
                (format!("`{list}` is a list without categories"), format!("write `{list}`"))
            }
            _ => return,
        },
    };
    // Lists may stand in what could not be parsed.
    document.note_absence(Problem::error(name.span.clone(), what, label));
}

/// What the charter lists itself goes the way of every list, so that both are read alike.
struct OwnLists<'d> {
    compiler: Compiler,
    document: &'d Document<'d>,
}

impl OwnLists<'_> {
    fn add(&mut self, category: &Category, entries: &OwnEntries<'_>) {
        let kinds = [
            (Kind::Domains, &entries.domains, "domain"),
            (Kind::Urls, &entries.urls, "URL"),
            (Kind::Expressions, &entries.expressions, "expression"),
        ];
        for (kind, entries, word) in kinds {
            for (removes, side) in [(false, &entries.adds), (true, &entries.removes)] {
                let source = category.own_source(removes);
                side.iter().for_each(|entry| self.entry(&source, kind, word, entry));
            }
        }
    }

    fn entry(&mut self, source: &str, kind: Kind, word: &str, entry: &Located<&str>) {
        let why = if entry.contains(char::is_control) {
            Some("it holds a control character".to_owned())
        } else {
            let report = self.compiler.own(source, kind, "charter", entry.as_bytes());
            let why = || report.examples.into_iter().next().map_or("it holds nothing".to_owned(), |bad| bad.why);
            (report.kept == 0).then(why)
        };
        if let Some(why) = why {
            let what = format!("`{}` is not a valid {word}", entry.escape_debug());
            self.document.note(Problem::error(entry.span.clone(), what, why));
        }
    }

    /// The rules of the shipped exceptions that are in use, with their names.
    fn exceptions(&mut self, names: &[Located<&str>], categories: &mut Vec<Category>) -> Vec<Rule> {
        let shipped = if names.is_empty() { Vec::new() } else { shipped::exceptions() };
        let mut rules: Vec<Rule> = Vec::new();
        for name in names {
            let Some(exception) = shipped.iter().find(|exception| exception.name == name.value) else {
                let known: Vec<&str> = shipped.iter().map(|exception| exception.name.as_str()).collect();
                let what = format!("no exception is called `{}`", name.value);
                self.document.note(Problem::error(name.span.clone(), what, hint(name.value, &known)));
                continue;
            };
            let category = Category::of_exception(exception);
            if rules.iter().any(|rule| rule.id == category.id) {
                continue;
            }
            let source = category.own_source(false);
            for (kind, entries) in [(Kind::Domains, &exception.domains), (Kind::Urls, &exception.urls)] {
                self.compiler.own(&source, kind, "exceptions.toml", entries.join("\n").as_bytes());
            }
            let own = number(categories.len());
            let what = What {
                any: own.into_iter().collect(),
                own,
                ports: Signed { adds: shipped::PORTS.map(|port| port..=port).to_vec(), removes: Vec::new() },
                ..What::default()
            };
            rules.push(Rule {
                id: category.id.clone(),
                article: None,
                action: Action::Allow,
                terms: Terms::None,
                reason: Some(exception.label.clone()),
                who: Who::default(),
                what,
                when: When::default(),
                bandwidth: None,
                safe_search: None,
                span: name.span.clone(),
            });
            categories.push(category);
        }
        rules
    }

    fn index(self) -> Index {
        let mut bytes = Vec::new();
        match self.compiler.write(&mut bytes, &mut |_| {}) {
            Ok(()) => Index::open(Arc::new(bytes)).unwrap_or_else(|_| Index::empty()),
            Err(error) => {
                let what = format!("the charter's own entries cannot be compiled: {error}");
                self.document.note(Problem::error(0..0, what, "use fewer expressions"));
                Index::empty()
            }
        }
    }
}

impl OwnEntries<'_> {
    pub(super) fn adds(&self) -> bool {
        [&self.domains, &self.urls, &self.expressions].iter().any(|entries| !entries.adds.is_empty())
    }

    fn removes(&self) -> bool {
        [&self.domains, &self.urls, &self.expressions].iter().any(|entries| !entries.removes.is_empty())
    }
}

/// The source of the names that `[masking]` adds.
const MASKING: &str = "masking";

/// The names that rules can use.
struct Names<'a> {
    document: &'a Document<'a>,
    categories: Vec<&'a str>,
    groups: Vec<&'a str>,
    schedules: Vec<&'a str>,
}

impl Names<'_> {
    fn rule(&self, rule: FileRule<'_>, categories: &mut Vec<Category>, own: &mut OwnLists<'_>) -> Rule {
        let id = rule.id.value;
        let find = |known: &[&str], entries: &Entries<'_>, kind: &str| Signed {
            adds: self.places(known, &entries.adds, &format!("rule `{id}`"), kind),
            removes: self.places(known, &entries.removes, &format!("rule `{id}`"), kind),
        };
        let in_categories = find(&self.categories, &rule.categories, "category");
        let mut what = What { any: numbers(&in_categories.adds), none: numbers(&in_categories.removes), ..rule.what };
        if rule.own.adds() || rule.own.removes() {
            let nameless = Category { id: id.to_owned(), label: None, lists: Signed::default() };
            own.add(&nameless, &rule.own);
            what.own = number(categories.len());
            if let (true, Some(own)) = (rule.own.adds(), what.own) {
                what.any.insert(own);
            }
            if categories.len() == MOST_CATEGORIES {
                self.document.note(too_many_categories(&rule.id.span));
            }
            categories.push(nameless);
        }
        let groups = find(&self.groups, &rule.groups, "group");
        let schedules = find(&self.schedules, &rule.schedules, "schedule");
        Rule {
            article: rule.article.map(|article| article.value.to_owned()),
            action: rule.action,
            terms: rule.terms,
            reason: rule.reason,
            who: Who {
                users: rule.users.adds,
                groups: groups.adds,
                networks: rule.networks.adds,
                except_users: rule.users.removes,
                except_groups: groups.removes,
                except_networks: rule.networks.removes,
            },
            what,
            when: When { schedules: schedules.adds, except: schedules.removes },
            bandwidth: rule.bandwidth,
            safe_search: rule.safe_search,
            id: id.to_owned(),
            span: rule.id.span,
        }
    }

    /// What `[masking]` names, and what is shipped.
    fn masking(&self, file: FileMasking<'_>, lists: &[FileList<'_>], own: &mut OwnLists<'_>) -> Masking {
        let find = |known: &[&str], entries: &[Located<&str>], kind| self.places(known, entries, "`masking`", kind);
        let shipped = protected::shipped();
        let mut sources: Vec<String> = shipped.iter().map(Protected::source).collect();
        for group in &shipped {
            own.compiler.own(&group.source(), Kind::Domains, "protected.toml", group.domains.join("\n").as_bytes());
        }
        file.domains.iter().for_each(|entry| own.entry(MASKING, Kind::Domains, "domain", entry));
        sources.push(MASKING.to_owned());
        let many = lists.iter().filter(|list| list.source.as_ref().is_some_and(|source| source.format == Format::Ut1));
        let many: Vec<&str> = many.map(|list| list.name.value).collect();
        let of_each = |folder: &str| many.iter().map(|list| format!("{list}:{folder}")).collect::<Vec<_>>();
        Masking {
            also_users: Vec::new(),
            also_clients: Vec::new(),
            categories: numbers(&find(&self.categories, &file.categories, "category")),
            persons: Who {
                users: file.users,
                groups: find(&self.groups, &file.groups, "group"),
                networks: file.networks,
                ..Who::default()
            },
            guests: file.guests,
            sources,
            lists: shipped.iter().flat_map(|group| &group.lists).flat_map(|folder| of_each(folder)).collect(),
            harmful: protected::HARMFUL.into_iter().flat_map(of_each).collect(),
        }
    }

    /// A rule's article must be one that the charter has.
    fn article(&self, rule: &FileRule<'_>, articles: &[(Located<&str>, Text)]) {
        let Some(article) = &rule.article else {
            let what = format!("rule `{}` is of no article", rule.id.value);
            let label = "say which one it keeps: article = \"…\"";
            self.document.note(Problem::warning(rule.id.span.clone(), what, label));
            return;
        };
        let known: Vec<&str> = articles.iter().map(|(known, _)| known.value).collect();
        if !known.contains(&article.value) {
            let what = format!("rule `{}` is of an article that `[articles]` has not", rule.id.value);
            self.document.note_absence(Problem::error(article.span.clone(), what, hint(article.value, &known)));
        }
    }

    fn places(&self, known: &[&str], entries: &[Located<&str>], who: &str, kind: &str) -> Vec<usize> {
        let find = |entry: &Located<&str>| {
            let place = known.iter().position(|name| *name == entry.value);
            if place.is_none() {
                let what = format!("{who} names a {kind} that does not exist");
                self.document.note_absence(Problem::error(entry.span.clone(), what, hint(entry.value, known)));
            }
            place
        };
        entries.iter().filter_map(find).collect()
    }

    fn expectation(&self, expectation: &Expectation, rules: &[Rule]) {
        let rules: Vec<&str> = rules.iter().map(|rule| rule.id.as_str()).collect();
        for (name, known, kind) in
            [(&expectation.rule, &rules, "rule"), (&expectation.category, &self.categories, "category")]
        {
            if let Some(name) = name
                && !known.contains(&name.value.as_str())
            {
                let what = format!("an expectation names a {kind} that does not exist");
                self.document.note_absence(Problem::error(name.span.clone(), what, hint(&name.value, known)));
            }
        }
    }
}

fn hint(word: &str, known: &[&str]) -> String {
    match nearest(word, known.iter().copied()) {
        Some(near) => format!("nearest: `{near}`"),
        None if known.is_empty() => "there is none".to_owned(),
        None => format!("known: {}", quoted_list(known.iter())),
    }
}

fn numbers(places: &[usize]) -> Categories {
    places.iter().filter_map(|&place| number(place)).collect()
}

/// Long before there is none left, a problem keeps the charter from being used.
fn number(place: usize) -> Option<u16> {
    u16::try_from(place).ok()
}

/// Told once, of the first that is too many.
fn too_many_categories(span: &Range<usize>) -> Problem {
    let what = format!("there are more than {MOST_CATEGORIES} categories");
    let label = "each rule with entries of its own counts as one: put entries together in fewer categories";
    Problem::error(span.clone(), what, label)
}
