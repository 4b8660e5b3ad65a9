//! The charter: categories, groups, schedules, ordered rules, expectations.
//!
//! [`file`] reads the text; `resolve` turns names into places and reports those that lead nowhere; `expect` holds
//! the charter to what it promises. A [`Charter`] has no name left that could dangle.
pub(crate) mod expect;
mod file;
mod list;
mod resolve;
mod warn;

pub use list::ListSource;

use crate::Index;
use crate::action::Action;
use crate::categories::Categories;
use crate::document::Document;
use crate::masking::Masking;
use crate::problem::{Problem, Problems, Source};
use crate::rule::Rule;
use crate::safe_search::SafeSearch;
use crate::schedule::Schedule;
use crate::shipped::{self, Exception};
use crate::verdict::Text;
use crate::who::{Group, Signed};
use expect::Expectation;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

/// A parsed charter: every reference resolved, every problem reported.
pub struct Charter {
    source: Source,
    title: String,
    version: String,
    identity: String,
    pub(crate) zone: TimeZone,
    pub(crate) default: Action,
    lists: Vec<ListSource>,
    pub(crate) categories: Vec<Category>,
    pub(crate) groups: Vec<Group>,
    pub(crate) schedules: Vec<Schedule>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) masking: Masking,
    pub(crate) expectations: Vec<Expectation>,
    /// How many of the categories have a label; they stand first.
    pub(crate) named: usize,
    /// What its rules ask for that is learnt later.
    pub(crate) asks: Asks,
    pub(crate) safe_search: Option<SafeSearch>,
    /// Categories of the shipped exceptions that are in use.
    pub(crate) exceptions: Categories,
    /// The articles that people were given, each with what it is about.
    articles: Vec<(String, Text)>,
    /// What the charter itself lists, compiled like any list, and the shipped list of protected names.
    pub(crate) own: Index,
}

/// What rules ask for that is learnt once something has been let through.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asks {
    /// The address that is dialled.
    pub(crate) destination: bool,
    /// The answer.
    pub(crate) answer: bool,
    /// Each `min_size`, rising.
    pub(crate) sizes: Vec<u64>,
    /// Of each rule, whether it holds only once the answer has come: it is passed over before that.
    pub(crate) of_answers: Vec<bool>,
}

impl Asks {
    fn of(rules: &[Rule]) -> Asks {
        let mut sizes: Vec<u64> = rules.iter().filter_map(|rule| rule.what.min_size).collect();
        sizes.sort_unstable();
        sizes.dedup();
        Asks {
            destination: rules.iter().any(|rule| !rule.what.destinations.is_empty()),
            answer: rules.iter().any(|rule| rule.what.hangs_on_answer()),
            sizes,
            of_answers: rules.iter().map(|rule| rule.what.asks_answer()).collect(),
        }
    }
}

/// One `[categories.ID]`, or the names that a rule lists itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Category {
    pub(crate) id: String,
    /// `None` for the names that the rule `id` lists itself.
    pub(crate) label: Option<Text>,
    /// Names of sources, `ut1:adult`.
    pub(crate) lists: Signed<String>,
}

impl Category {
    /// The names of a shipped exception.
    fn of_exception(exception: &Exception) -> Category {
        Category { id: format!("{}{}", shipped::PREFIX, exception.name), label: None, lists: Signed::default() }
    }

    /// The source of the charter's own index that holds what adds to the category, or takes out of it.
    pub(crate) fn own_source(&self, removes: bool) -> String {
        let sign = if removes { "!" } else { "" };
        let kind = if self.label.is_some() { "category" } else { "rule" };
        format!("{sign}{kind} {}", self.id)
    }
}

impl Charter {
    /// Parses a charter; warnings come beside it. Schedules go by the clock of `zone`.
    pub fn parse(source: Source, zone: &TimeZone) -> Result<(Charter, Vec<Problem>), Problems> {
        let document = Document::parse(&source);
        let file = file::File::read(&document);
        let (title, version, default) = (file.title.clone(), file.version.clone(), file.default);
        let safe_search = file.safe_search;
        let articles = file.articles.iter().map(|(article, text)| (article.value.to_owned(), text.clone())).collect();
        let parts = resolve::resolve(file, &document);
        let warnings = document.finish()?;
        let charter = Charter {
            identity: format!("{version}@{}", fingerprint(&source.text)),
            title,
            version,
            zone: zone.clone(),
            default,
            lists: parts.lists,
            named: parts.categories.iter().take_while(|category| category.label.is_some()).count(),
            asks: Asks::of(&parts.rules),
            safe_search,
            exceptions: parts.exceptions,
            articles,
            categories: parts.categories,
            groups: parts.groups,
            schedules: parts.schedules,
            rules: parts.rules,
            masking: parts.masking,
            expectations: parts.expectations,
            own: parts.own,
            source,
        };
        Ok((charter, warnings))
    }

    /// The built-in charter.
    pub fn builtin(zone: &TimeZone) -> Charter {
        let source = Source { name: "charte.toml (built in)".to_owned(), text: Charter::builtin_text().to_owned() };
        match Charter::parse(source, zone) {
            Ok((charter, _)) => charter,
            // It is part of this crate, and a test parses it.
            Err(problems) => unreachable!("{}", problems.render(false)),
        }
    }

    /// The text of the built-in charter, to start one's own from.
    pub fn builtin_text() -> &'static str {
        include_str!("../builtin/charte.toml")
    }

    /// The file it was read from: spans of problems and disappointments point into it.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The lists it asks for.
    pub fn lists(&self) -> &[ListSource] {
        &self.lists
    }

    /// Title.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The version its author gave it.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// `VERSION@HASH`, as records keep it: the first twelve hexadecimal digits of the SHA-256 of the text. It tells
    /// charters apart; it is no seal.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// What is refused, in the order of the rules: the article, and the label of each category that a `block` rule
    /// names. A rule without categories is told by its reason; without either, by nothing.
    pub fn refused(&self) -> Vec<(Option<&str>, &Text)> {
        let mut refused: Vec<(Option<&str>, &Text)> = Vec::new();
        for rule in self.rules.iter().filter(|rule| rule.action == Action::Block) {
            let categories = rule.what.any.iter().filter_map(|place| self.categories.get(usize::from(place)));
            let mut told: Vec<&Text> = categories.filter_map(|category| category.label.as_ref()).collect();
            if told.is_empty() {
                told.extend(&rule.reason);
            }
            for what in told {
                let line = (rule.article.as_deref(), what);
                if !refused.contains(&line) {
                    refused.push(line);
                }
            }
        }
        refused
    }

    /// Each category that a `block` rule names, with each list that it takes entries from.
    pub fn refused_lists(&self) -> impl Iterator<Item = (&str, &str)> {
        let blocks = |place: u16| {
            let mut rules = self.rules.iter().filter(|rule| rule.action == Action::Block);
            rules.any(|rule| rule.what.any.contains(place))
        };
        let categories = (0..).zip(&self.categories).filter(move |(place, _)| blocks(*place));
        categories.flat_map(|(_, category)| category.lists.adds.iter().map(|list| (&*category.id, list.as_str())))
    }

    /// Whether a category takes from, or removes, a list of that name: `ut1:adult`.
    pub fn uses_list(&self, name: &str) -> bool {
        let mut lists = self.categories.iter().flat_map(|known| known.lists.adds.iter().chain(&known.lists.removes));
        lists.any(|list| list == name)
    }

    /// The lists that take out of a category: those it removes itself, and the white categories (`white`) of the lists it
    /// takes from. A category that names a white one itself means to have it.
    pub(crate) fn removed_lists(&self, category: &Category) -> Vec<String> {
        let mut removed = category.lists.removes.clone();
        for list in self.lists.iter().filter(|list| !list.white.is_empty()) {
            let of_this = |name: &String| name.split_once(':').is_some_and(|(of, _)| of == list.name);
            if !category.lists.adds.iter().any(of_this) {
                continue;
            }
            let white = list.white.iter().map(|folder| format!("{}:{folder}", list.name));
            removed.extend(white.filter(|name| !category.lists.adds.contains(name)));
        }
        removed
    }

    /// The label of a category; none of the names that a rule lists itself, nor of what is no category of this charter.
    pub fn label(&self, category: &str) -> Option<&Text> {
        self.categories.iter().find(|known| known.id == category)?.label.as_ref()
    }

    /// The labels of the categories that `[masking]` protects, beside those that always are.
    pub fn masked_categories(&self) -> Vec<&Text> {
        let places = self.masking.categories.iter();
        places.filter_map(|place| self.categories.get(usize::from(place))?.label.as_ref()).collect()
    }

    /// Whether `[masking]` protects any person.
    pub fn masks_persons(&self) -> bool {
        !self.masking.persons.is_everyone()
    }

    /// The groups of a directory that it names, to put people in or to take them out; in small letters.
    pub fn directory_groups(&self) -> impl Iterator<Item = &str> {
        let named = self.groups.iter().flat_map(|group| group.directory.adds.iter().chain(&group.directory.removes));
        named.map(crate::who::Name::as_str)
    }

    /// Whether it has a rule of that id.
    pub fn has_rule(&self, id: &str) -> bool {
        self.rules.iter().any(|rule| rule.id == id)
    }

    /// Whether it has a group of that id.
    pub fn has_group(&self, id: &str) -> bool {
        self.groups.iter().any(|group| group.id == id)
    }

    /// Whether it speaks of a group of that name: its own, or one of a directory.
    pub fn knows_group(&self, name: &str) -> bool {
        self.groups.iter().any(|group| {
            group.name.is(name)
                || group.directory.adds.iter().chain(&group.directory.removes).any(|known| known.is(name))
        })
    }

    /// What it lists itself, and what is protected. Its sources are called `category ID` and `rule ID`, with `!` before
    /// what takes out; `masking`; and `protected GROUP`, which are shipped.
    pub fn own(&self) -> &Index {
        &self.own
    }

    /// How many rules it has, shipped exceptions left out.
    pub fn rules(&self) -> usize {
        self.rules.iter().filter(|rule| !rule.id.starts_with(shipped::PREFIX)).count()
    }

    /// What an article is about, where the charter says so.
    pub fn article(&self, article: &str) -> Option<&Text> {
        self.articles.iter().find(|(known, _)| known == article).map(|(_, text)| text)
    }

    /// How many expectations it has.
    pub fn expectations(&self) -> usize {
        self.expectations.len()
    }
}

fn fingerprint(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// The starter list: files of a small UT1 tree, (path, text), compiled into the binary.
///
/// Well-known names, so that the gate bites before the first download.
pub fn starter() -> &'static [(&'static str, &'static str)] {
    macro_rules! files {
        ($($path:literal),* $(,)?) => { &[$(($path, include_str!(concat!("../builtin/starter/", $path)))),*] };
    }
    files![
        "adult/domains",
        "agressif/domains",
        "audio-video/domains",
        "cryptojacking/domains",
        "doh/domains",
        "download/domains",
        "filehosting/domains",
        "gambling/domains",
        "mixed_adult/domains",
        "mixed_adult/urls",
        "phishing/domains",
        "radio/domains",
        "redirector/domains",
        "stalkerware/domains",
        "vpn/domains",
        "warez/domains",
        "webmail/domains",
    ]
}
