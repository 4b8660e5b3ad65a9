//! Temporary exceptions: what the charter turns back or puts terms on, let through for somebody, on something, for a time.
//!
//! They stand beside the charter, which says what holds always. An exception only ever lets through; that the register is not
//! told where to goes on, and what the gate itself refuses, such as private addresses, is no matter of the charter, nor of
//! theirs.
use crate::index::{Hit, Kind, SourceId};
use crate::learnt::Learnt;
use crate::lists::Compiler;
use crate::verdict::{Decision, InForce, Query};
use crate::who::{Asker, Name};
use crate::{Action, Index};
use jiff::Timestamp;
use std::sync::Arc;

/// An exception.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// Its number: records name it by that.
    pub number: u32,
    /// For whom.
    pub whom: Whom,
    /// On what.
    pub subject: Subject,
    /// From this instant.
    pub from: Timestamp,
    /// Before this one.
    pub until: Timestamp,
}

/// For whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    /// Whoever asks.
    Everybody,
    /// An account.
    User(String),
    /// A group of the charter, by its id.
    Group(String),
}

/// On what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A host and those below it, as the charter writes `domains`.
    Host(String),
    /// A host and a path, as the charter writes `urls`.
    Url(String),
    /// What a rule refuses by this category.
    Category(String),
    /// What this rule refuses.
    Rule(String),
}

impl Subject {
    /// `host`, `url`, `category`, `rule`: as commands and ledgers write it.
    pub fn kind(&self) -> &'static str {
        match self {
            Subject::Host(_) => "host",
            Subject::Url(_) => "url",
            Subject::Category(_) => "category",
            Subject::Rule(_) => "rule",
        }
    }

    /// What is named.
    pub fn name(&self) -> &str {
        match self {
            Subject::Host(name) | Subject::Url(name) | Subject::Category(name) | Subject::Rule(name) => name,
        }
    }
}

/// The exceptions that are granted, ready to be asked.
pub struct Exceptions {
    all: Vec<(Exception, Option<SourceId>)>,
    /// The hosts and URLs they name.
    index: Index,
}

impl Default for Exceptions {
    fn default() -> Exceptions {
        Exceptions { all: Vec::new(), index: Index::empty() }
    }
}

impl Exceptions {
    /// Takes up exceptions. Fails on one whose host or URL is none, and says why.
    pub fn new(exceptions: Vec<Exception>) -> Result<Exceptions, String> {
        let source = |exception: &Exception| format!("exception {}", exception.number);
        let mut compiler = Compiler::default();
        for exception in &exceptions {
            let (kind, entry) = match &exception.subject {
                Subject::Host(host) => (Kind::Domains, host),
                Subject::Url(url) => (Kind::Urls, url),
                Subject::Category(_) | Subject::Rule(_) => continue,
            };
            // A list holds an entry a line, with comments and exceptions of its own.
            if entry.trim() != entry || entry.contains(char::is_control) || entry.starts_with(['#', '!']) {
                return Err(format!("`{}` is no {}", entry.escape_debug(), exception.subject.kind()));
            }
            let report = compiler.own(&source(exception), kind, "exception", entry.as_bytes());
            if report.kept == 0 {
                let why = report.examples.into_iter().next().map_or("it holds nothing".to_owned(), |bad| bad.why);
                return Err(format!("`{entry}` is no {}: {why}", exception.subject.kind()));
            }
        }
        let mut bytes = Vec::new();
        compiler.write(&mut bytes, &mut |_| {}).map_err(|error| error.to_string())?;
        let index = Index::open(Arc::new(bytes)).map_err(|error| error.to_string())?;
        let all = exceptions.into_iter().map(|exception| (index.source(&source(&exception)), exception));
        Ok(Exceptions { all: all.map(|(source, exception)| (exception, source)).collect(), index })
    }

    /// The exception of that number.
    pub fn get(&self, number: u32) -> Option<&Exception> {
        self.all.iter().map(|(exception, _)| exception).find(|exception| exception.number == number)
    }

    /// The first that lets through what was decided otherwise.
    fn sparing(&self, in_force: &InForce, query: &Query<'_>, decision: &Decision) -> Option<u32> {
        let asker = Asker::of(query);
        let mut hits: Vec<Hit> = Vec::new();
        self.index.hits(query.target, &mut hits);
        let named = |source: SourceId| hits.iter().any(|hit| self.index.set(hit.set).contains(&source));
        let holds = |(exception, source): &&(Exception, Option<SourceId>)| {
            let on = match (&exception.subject, source) {
                (Subject::Host(_) | Subject::Url(_), source) => source.is_some_and(named),
                (Subject::Category(category), _) => in_force.category(decision) == Some(category),
                (Subject::Rule(rule), _) => in_force.rule(decision) == Some(rule),
            };
            let whom = || match &exception.whom {
                Whom::Everybody => true,
                Whom::User(user) => asker.is_any(&[Name::new(user)]),
                Whom::Group(group) => in_force.groups(query).contains(&group.as_str()),
            };
            on && (exception.from..exception.until).contains(&query.at) && whom()
        };
        self.all.iter().find(holds).map(|(exception, _)| exception.number)
    }
}

impl InForce {
    /// Decides with what is known by now, but for what an exception lets through. What it would have been decided by stays
    /// named.
    pub fn decide_but(&self, query: &Query<'_>, learnt: &Learnt<'_>, exceptions: &Exceptions) -> Decision {
        let decision = self.decide_again(query, learnt);
        if decision.action == Action::Allow || exceptions.all.is_empty() {
            return decision;
        }
        match exceptions.sparing(self, query, &decision) {
            Some(number) => decision.spared_by(number),
            None => decision,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Charter, Source, Target, Terms, Withheld};
    use jiff::tz::TimeZone;

    const CHARTER: &str = r#"
        [categories.jeux]
        label = { fr = "Jeux", en = "Games" }
        domains = ["jeux.example", "paris.example"]
        [categories.forums]
        label = { fr = "Forums", en = "Forums" }
        domains = ["forum.example"]
        [groups.communication]
        users = ["p.dupont"]
        [masking]
        categories = ["forums"]
        [[rule]]
        id = "jeux"
        article = "3"
        action = "block"
        categories = ["jeux"]
        [[rule]]
        id = "forums"
        action = "warn"
        categories = ["forums"]
    "#;

    fn in_force() -> InForce {
        let source = Source { name: "charter.toml".to_owned(), text: CHARTER.to_owned() };
        let (charter, _) = Charter::parse(source, &TimeZone::UTC).unwrap_or_else(|bad| panic!("{}", bad.render(false)));
        InForce::new(charter, Index::empty())
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn exception(whom: Whom, subject: Subject) -> Exception {
        Exception { number: 7, whom, subject, from: at("2026-11-25T08:00:00Z"), until: at("2026-11-25T12:00:00Z") }
    }

    /// Whether that exception lets that person through there, at ten.
    fn spared(exception: Exception, user: &str, url: &str) -> bool {
        decided(exception, user, url, "2026-11-25T10:00:00Z").action == Action::Allow
    }

    fn decided(exception: Exception, user: &str, url: &str, when: &str) -> Decision {
        let (target, client) = (Target::of_url(url).expect("a target"), [10, 0, 0, 1].into());
        let query = Query { target: &target, method: "GET", user: Some(user), groups: &[], client, at: at(when) };
        in_force().decide_but(&query, &Learnt::default(), &Exceptions::new(vec![exception]).expect("good"))
    }

    #[test]
    fn an_exception_is_for_whom_and_on_what_it_says() {
        let everybody = |subject| exception(Whom::Everybody, subject);
        let host = || Subject::Host("jeux.example".into());
        for (exception, user, url, expected) in [
            (everybody(host()), "a.martin", "https://www.jeux.example/", true),
            (everybody(host()), "a.martin", "https://paris.example/", false),
            (everybody(Subject::Url("jeux.example/regles".into())), "a.martin", "http://jeux.example/regles/1", true),
            (everybody(Subject::Url("jeux.example/regles".into())), "a.martin", "http://jeux.example/", false),
            (everybody(Subject::Category("jeux".into())), "a.martin", "http://paris.example/", true),
            (everybody(Subject::Category("jeux".into())), "a.martin", "http://forum.example/", false),
            (everybody(Subject::Rule("forums".into())), "a.martin", "http://forum.example/", true),
            (everybody(Subject::Rule("forums".into())), "a.martin", "http://jeux.example/", false),
            (exception(Whom::User("A.Martin".into()), host()), "a.martin", "http://jeux.example/", true),
            (exception(Whom::User("a.martin".into()), host()), "p.dupont", "http://jeux.example/", false),
            (exception(Whom::Group("communication".into()), host()), "p.dupont", "http://jeux.example/", true),
            (exception(Whom::Group("communication".into()), host()), "a.martin", "http://jeux.example/", false),
        ] {
            let shown = format!("{exception:?} {user} {url}");
            assert_eq!(spared(exception, user, url), expected, "{shown}");
        }
    }

    #[test]
    fn it_ends_by_the_clock_unmasks_nothing_and_names_what_it_spares_from() {
        let warned = || exception(Whom::Everybody, Subject::Host("forum.example".into()));
        for (when, action) in [
            ("2026-11-25T07:59:59Z", Action::Warn),
            ("2026-11-25T08:00:00Z", Action::Allow),
            ("2026-11-25T11:59:59Z", Action::Allow),
            ("2026-11-25T12:00:00Z", Action::Warn),
        ] {
            let decision = decided(warned(), "a.martin", "http://forum.example/", when);
            assert_eq!(decision.action, action, "{when}");
            assert_eq!(decision.withheld(), Some(Withheld::Category), "{when}");
            let in_force = in_force();
            let spared = action == Action::Allow;
            assert_eq!((in_force.rule(&decision), decision.exception()), (Some("forums"), spared.then_some(7)));
            assert_eq!(in_force.terms(&decision) == Terms::None, spared);
        }
    }

    #[test]
    fn what_names_nothing_is_refused() {
        for subject in [
            Subject::Host("pas un nom".into()),
            Subject::Host(String::new()),
            Subject::Host("a.example\nb.example".into()),
            Subject::Host("!a.example".into()),
            Subject::Url("http://u@a.example/".into()),
        ] {
            assert!(Exceptions::new(vec![exception(Whom::Everybody, subject.clone())]).is_err(), "{subject:?}");
        }
        assert!(Exceptions::new(Vec::new()).is_ok());
    }
}
