//! The charter as it is written: every table read, every value parsed, no name looked up yet.
mod rule;
mod schedule;

use super::expect::Expectation;
use super::list::FileList;
use crate::action::Action;
use crate::document::{Document, Located, Table};
use crate::problem::Problem;
use crate::safe_search::SafeSearch;
use crate::schedule::Schedule;
use crate::verdict::Text;
use crate::who::{Group, Name, Signed};
use ipnet::IpNet;
pub(super) use rule::FileRule;
use std::sync::Arc;

/// Entries, each with its place.
pub(super) type Entries<'d> = Signed<Located<&'d str>>;

/// The whole text.
pub(super) struct File<'d> {
    pub(super) title: String,
    pub(super) version: String,
    pub(super) default: Action,
    pub(super) lists: Vec<FileList<'d>>,
    pub(super) categories: Vec<FileCategory<'d>>,
    pub(super) groups: Vec<Group>,
    pub(super) schedules: Vec<Schedule>,
    pub(super) rules: Vec<FileRule<'d>>,
    pub(super) masking: FileMasking<'d>,
    pub(super) expectations: Vec<Expectation>,
    pub(super) articles: Vec<(Located<&'d str>, Text)>,
    pub(super) safe_search: Option<SafeSearch>,
    /// Names of shipped exceptions.
    pub(super) exceptions: Vec<Located<&'d str>>,
}

/// One `[categories.ID]`.
pub(super) struct FileCategory<'d> {
    pub(super) id: Located<&'d str>,
    pub(super) label: Text,
    pub(super) lists: Entries<'d>,
    pub(super) own: OwnEntries<'d>,
}

/// What a category or a rule lists itself.
pub(super) struct OwnEntries<'d> {
    pub(super) domains: Entries<'d>,
    pub(super) urls: Entries<'d>,
    pub(super) expressions: Entries<'d>,
}

/// The `[masking]`: entries that only ever add.
#[derive(Default)]
pub(super) struct FileMasking<'d> {
    pub(super) categories: Vec<Located<&'d str>>,
    pub(super) domains: Vec<Located<&'d str>>,
    pub(super) users: Vec<Name>,
    pub(super) groups: Vec<Located<&'d str>>,
    pub(super) networks: Vec<IpNet>,
    pub(super) guests: Vec<IpNet>,
}

impl<'d> File<'d> {
    /// Reads everything; problems are noted in the document.
    pub(super) fn read(document: &'d Document<'d>) -> File<'d> {
        let root = document.root();
        let calendar = Arc::new(root.table("holidays").map(schedule::holidays).unwrap_or_default());
        let schedule = |(id, table)| schedule::schedule(&id, table, &calendar);
        let text = |key, otherwise: &str| root.string(key).map_or(otherwise, |text| text.value).to_owned();
        let file = File {
            title: text("title", "Charte informatique"),
            version: text("version", "0"),
            default: default(&root).map_or(Action::Allow, |word| word.value),
            lists: named(&root, "lists").into_iter().map(|(name, table)| super::list::read(name, table)).collect(),
            categories: named(&root, "categories").into_iter().map(|(id, table)| category(id, table)).collect(),
            groups: named(&root, "groups").into_iter().map(|(id, table)| group(&id, table)).collect(),
            schedules: named(&root, "schedules").into_iter().map(schedule).collect(),
            rules: root.tables("rule").unwrap_or_default().into_iter().filter_map(rule::rule).collect(),
            masking: root.table("masking").map(masking).unwrap_or_default(),
            expectations: root.tables("expect").unwrap_or_default().into_iter().filter_map(Expectation::read).collect(),
            articles: root.table("articles").map(articles).unwrap_or_default(),
            safe_search: root.table("safe_search").map(SafeSearch::read),
            exceptions: root.table("exceptions").map(exceptions).unwrap_or_default(),
        };
        root.end();
        file
    }
}

/// The words for actions.
pub(super) const ACTIONS: [(&str, Action); 4] =
    [("allow", Action::Allow), ("block", Action::Block), ("warn", Action::Warn), ("budget", Action::Budget)];

/// What no rule decides can be let through or refused; to warn, or to give a budget, takes a rule that says on which terms.
fn default(root: &Table<'_>) -> Option<Located<Action>> {
    let text = root.string("default")?;
    if ["warn", "budget"].contains(&text.value) {
        let what = format!("`default` cannot be \"{}\"", text.value);
        let label = "write it as the last rule, which says on which terms";
        root.note(Problem::error(text.span, what, label));
        return None;
    }
    root.word("default", &[("allow", Action::Allow), ("block", Action::Block)])
}

/// The tables `[key.NAME]` whose name can be used as one.
fn named<'d>(root: &Table<'d>, key: &str) -> Vec<(Located<&'d str>, Table<'d>)> {
    root.named_tables(key).into_iter().filter(|(name, table)| is_name(name, table)).collect()
}

/// Names stand in records, in evidence and in lists: nothing that would make two of them read as one.
fn is_name(name: &Located<&str>, table: &Table<'_>) -> bool {
    let good = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c));
    if !good {
        let what = format!("`{}` is not a valid name", name.escape_debug());
        table.note(Problem::error(name.span.clone(), what, "letters, digits, `-`, `_` and `.` make a name"));
    }
    good
}

fn category<'d>(id: Located<&'d str>, table: Table<'d>) -> FileCategory<'d> {
    let label = text(&table, "label").unwrap_or_else(|| Text { fr: (*id).to_owned(), en: (*id).to_owned() });
    let category = FileCategory { label, lists: signed(&table, "lists"), own: OwnEntries::read(&table), id };
    table.end();
    category
}

fn group(id: &Located<&str>, table: Table<'_>) -> Group {
    let group = Group {
        id: id.value.to_owned(),
        name: Name::new(id.value),
        users: names(signed(&table, "users")),
        directory: names(signed(&table, "directory")),
        networks: networks(&table, signed(&table, "networks")),
    };
    table.end();
    group
}

fn masking<'d>(table: Table<'d>) -> FileMasking<'d> {
    let networks =
        |key| additions(&table, key).iter().filter_map(|entry| table.network(entry)).map(|n| n.value).collect();
    let masking = FileMasking {
        categories: additions(&table, "categories"),
        domains: additions(&table, "domains"),
        users: additions(&table, "users").iter().map(|entry| Name::new(entry.value)).collect(),
        groups: additions(&table, "groups"),
        networks: networks("networks"),
        guests: networks("guests"),
    };
    table.end();
    masking
}

/// The articles of the charter that people were given, by their numbers.
fn articles<'d>(table: Table<'d>) -> Vec<(Located<&'d str>, Text)> {
    let read = |article: Located<&'d str>| Some((article.clone(), text(&table, article.value)?));
    let articles = table.names().into_iter().filter_map(read).collect();
    table.end();
    articles
}

fn exceptions(table: Table<'_>) -> Vec<Located<&str>> {
    let names = table.strings("use").or_else(|| table.missing("use")).unwrap_or_default();
    table.end();
    names
}

/// A list that takes nothing out: what was to be protected must not come to light by a line somewhere else.
fn additions<'d>(table: &Table<'d>, key: &str) -> Vec<Located<&'d str>> {
    let entries = signed(table, key);
    for entry in entries.removes {
        let what = format!("`masking` cannot take `{}` out of what is protected", entry.value);
        table.note(Problem::error(entry.span, what, "it only adds: remove this"));
    }
    entries.adds
}

impl<'d> OwnEntries<'d> {
    fn read(table: &Table<'d>) -> OwnEntries<'d> {
        OwnEntries {
            domains: signed(table, "domains"),
            urls: signed(table, "urls"),
            expressions: signed(table, "expressions"),
        }
    }
}

/// A list of texts, those with `!` apart. The same text with and without is a contradiction.
fn signed<'d>(table: &Table<'d>, key: &str) -> Entries<'d> {
    let mut entries = Entries::default();
    for Located { value, span } in table.strings(key).unwrap_or_default() {
        let (side, value) = match value.strip_prefix('!') {
            Some(rest) => (&mut entries.removes, rest.trim_start()),
            None => (&mut entries.adds, value),
        };
        if value.trim().is_empty() {
            table.note(Problem::error(span, format!("`{key}` holds an empty text"), "remove it"));
            continue;
        }
        side.push(Located { value, span });
    }
    for entry in &entries.adds {
        if let Some(other) = entries.removes.iter().find(|other| other.value.eq_ignore_ascii_case(entry.value)) {
            let what = format!("`{key}` both lists and removes `{}`", entry.value);
            let problem = Problem::error(entry.span.clone(), what, "listed here");
            table.note(problem.also(other.span.clone(), "and removed here"));
        }
    }
    entries
}

/// What a list names, with the exceptions of another list.
fn with_exceptions<'d>(table: &Table<'d>, key: &str, except: &str) -> Entries<'d> {
    let mut entries = signed(table, key);
    let exceptions = signed(table, except);
    if !exceptions.removes.is_empty()
        && let Some(span) = table.key(except)
    {
        let what = format!("`{except}` holds an exception from the exceptions");
        table.note(Problem::error(span, what, format!("write it in `{key}` without `!`")));
    }
    for entry in &exceptions.adds {
        if let Some(other) = entries.adds.iter().find(|other| other.value.eq_ignore_ascii_case(entry.value)) {
            let what = format!("`{key}` and `{except}` both name `{}`", entry.value);
            let problem = Problem::error(other.span.clone(), what, "named here");
            table.note(problem.also(entry.span.clone(), "and excepted here"));
        }
    }
    entries.removes.extend(exceptions.adds);
    entries
}

fn names(entries: Entries<'_>) -> Signed<Name> {
    let read = |side: Vec<Located<&str>>| side.iter().map(|entry| Name::new(entry.value)).collect();
    Signed { adds: read(entries.adds), removes: read(entries.removes) }
}

fn networks(table: &Table<'_>, entries: Entries<'_>) -> Signed<IpNet> {
    let read =
        |side: Vec<Located<&str>>| side.iter().filter_map(|entry| table.network(entry)).map(|n| n.value).collect();
    Signed { adds: read(entries.adds), removes: read(entries.removes) }
}

const TEXT: &str = "{ fr = \"…\", en = \"…\" }";

/// [`TEXT`]; one language stands in for the other.
fn text(table: &Table<'_>, key: &str) -> Option<Text> {
    let inner = table.inline_table(key, TEXT)?;
    let read =
        |language| inner.string(language).map(|text| text.value.to_owned()).filter(|text| !text.trim().is_empty());
    let (fr, en) = (read("fr"), read("en"));
    let span = inner.span();
    inner.end();
    match (fr, en) {
        (Some(fr), Some(en)) => Some(Text { fr, en }),
        (Some(one), None) | (None, Some(one)) => Some(Text { fr: one.clone(), en: one }),
        (None, None) => {
            table.note_absence(Problem::error(span, format!("`{key}` says nothing"), format!("expected {TEXT}")));
            None
        }
    }
}
