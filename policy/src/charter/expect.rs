//! The charter's own tests: what its author expects of it, asked each time it is checked or loaded.
use super::file;
use crate::Target;
use crate::action::Action;
use crate::document::{Located, Table};
use crate::masking::Withheld;
use crate::media::MediaType;
use crate::problem::Problem;
use crate::verdict::{Decision, InForce, Query};
use crate::{Answer, Learnt};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

/// One `[[expect]]`: a question, and what is expected of the answer.
pub(crate) struct Expectation {
    url: String,
    target: Target,
    user: Option<String>,
    groups: Vec<String>,
    client: IpAddr,
    at: Option<Timestamp>,
    method: String,
    pub(super) action: Option<Action>,
    pub(super) rule: Option<Located<String>>,
    pub(super) category: Option<Located<String>>,
    withheld: Option<Option<Withheld>>,
    /// What is learnt later, when the question goes so far.
    destination: Option<IpAddr>,
    answer: Option<Answer>,
    /// The host that is dialled.
    dials: Option<Located<String>>,
    span: Range<usize>,
}

/// Who asks when `client` is not given: an address kept for documentation (RFC 5737), in nobody's network.
const SOMEONE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// When `at` is not given: a Wednesday at ten, far from every change of the clock.
const SOME_TIME: DateTime = DateTime::constant(2026, 1, 14, 10, 0, 0, 0);

/// The words of `withheld`.
const WITHHELD: [(&str, Option<Withheld>); 4] = [
    ("no", None),
    ("category", Some(Withheld::Category)),
    ("person", Some(Withheld::Person)),
    ("guest", Some(Withheld::Guest)),
];

/// An expectation that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disappointment {
    /// What was expected and what came, in one sentence.
    pub message: String,
    /// Where in the charter.
    pub span: Range<usize>,
}

impl From<Disappointment> for Problem {
    fn from(disappointment: Disappointment) -> Problem {
        Problem::error(disappointment.span, disappointment.message, "expected here")
    }
}

impl Expectation {
    /// Reads one; `None` when it could not be asked.
    pub(super) fn read(table: Table<'_>) -> Option<Expectation> {
        let url = table.required_string("url");
        let target = url.as_ref().and_then(|url| match Target::of_url(url) {
            Ok(target) => Some(target),
            Err(error) => {
                let what = format!("`{}` cannot be asked: {error}", url.value);
                table.note(Problem::error(url.span.clone(), what, "expected a URL such as \"https://example.fr/\""));
                None
            }
        });
        let owned = |text: Located<&str>| text.value.to_owned();
        let groups = table.strings("groups").unwrap_or_default().into_iter().chain(table.string("group"));
        let located = |text: Located<&str>| Located { value: text.value.to_owned(), span: text.span };
        let (client, destination) = (address(&table, "client"), address(&table, "destination"));
        let (action, rule, category) =
            (table.word("action", &file::ACTIONS), table.string("rule"), table.string("category"));
        let (withheld, dials) = (table.word("withheld", &WITHHELD), table.string("dials"));
        if !["action", "rule", "category", "withheld", "dials"].iter().any(|key| table.has(key)) {
            let problem = Problem::error(table.span(), "this expectation expects nothing", "add `action = \"block\"`");
            table.note_absence(problem);
        }
        let expectation = Expectation {
            span: url.as_ref().map_or(table.span(), |url| url.span.clone()),
            user: table.string("user").map(owned),
            groups: groups.map(owned).collect(),
            client: client.unwrap_or(SOMEONE),
            at: table.timestamp("at").map(|at| at.value),
            method: table.string("method").map_or_else(|| "GET".to_owned(), owned),
            action: action.map(|action| action.value),
            rule: rule.map(located),
            category: category.map(located),
            withheld: withheld.map(|withheld| withheld.value),
            destination,
            answer: answer(&table),
            dials: dials.map(located),
            url: url.map(owned).unwrap_or_default(),
            target: match target {
                Some(target) => target,
                None => {
                    table.end();
                    return None;
                }
            },
        };
        table.end();
        Some(expectation)
    }

    /// Decides as the gate does: what was let through is decided on again with what is learnt, step by step.
    fn decide(&self, in_force: &InForce, query: &Query<'_>) -> Decision {
        let first = in_force.decide(query);
        let learnt = Learnt { destination: self.destination, answer: None };
        [learnt, Learnt { answer: self.answer.as_ref(), ..learnt }].iter().fold(first, |decision, learnt| {
            if decision.action != Action::Block { in_force.decide_again(query, learnt) } else { decision }
        })
    }

    /// Asks, and says how the answer disappoints.
    pub(crate) fn ask(&self, in_force: &InForce, zone: &TimeZone) -> Option<Disappointment> {
        let groups: Vec<&str> = self.groups.iter().map(String::as_str).collect();
        let query = Query {
            target: &self.target,
            method: &self.method,
            user: self.user.as_deref(),
            groups: &groups,
            client: self.client,
            at: self.at.unwrap_or_else(|| some_time(zone)),
        };
        let decision = self.decide(in_force, &query);
        let (rule, category) = (in_force.rule(&decision), in_force.category(&decision));
        let differs = |expected: &Option<Located<String>>, got: Option<&str>| {
            expected.as_ref().is_some_and(|expected| Some(expected.value.as_str()) != got)
        };
        let disappoints = self.action.is_some_and(|action| action != decision.action)
            || differs(&self.rule, rule)
            || differs(&self.category, category)
            || self.withheld.is_some_and(|withheld| withheld != decision.withheld());
        let dials = in_force.strict_host(&decision, &self.target).unwrap_or(self.target.host());
        if let Some(expected) = &self.dials
            && (expected.value != dials || decision.action == Action::Block)
            && !disappoints
        {
            let got = if decision.action == Action::Block { "nothing" } else { dials };
            let message = format!("{}: expected {} to be dialled, got {got}", self.url, expected.value);
            return Some(Disappointment { message, span: self.span.clone() });
        }
        disappoints.then(|| {
            let value = |name: &Option<Located<String>>| name.as_ref().map(|name| name.value.clone());
            let mut expected = said(self.action, value(&self.rule).as_deref(), value(&self.category).as_deref());
            let mut got = match rule {
                Some(_) => said(Some(decision.action), rule, category),
                None => format!("{} (no rule)", decision.action.as_str()),
            };
            if let Some(withheld) = self.withheld {
                expected = [expected.as_str(), told(withheld)].join(" ").trim_start().to_owned();
                got = format!("{got} {}", told(decision.withheld()));
            }
            Disappointment { message: format!("{}: expected {expected}, got {got}", self.url), span: self.span.clone() }
        })
    }
}

/// What the origin is said to answer, if anything.
fn answer(table: &Table<'_>) -> Option<Answer> {
    let (media, file, size) = (table.string("media_type"), table.string("file"), table.size("size"));
    if media.is_none() && file.is_none() && size.is_none() {
        return None;
    }
    let mut answer = Answer::default();
    if let Some(media) = media {
        if MediaType::of(media.value).is_none() {
            let what = format!("`{}` is not a valid media type", media.value.escape_debug());
            table.note(Problem::error(media.span, what, "expected a media type such as \"video/mp4\""));
        }
        answer = answer.declared(media.value);
    }
    if let Some(file) = file {
        answer = answer.file(file.value);
    }
    Some(match size {
        Some(size) => answer.length(size.value),
        None => answer,
    })
}

fn address(table: &Table<'_>, key: &str) -> Option<IpAddr> {
    let text = table.string(key)?;
    let read = text.parse().ok();
    if read.is_none() {
        let what = format!("`{}` is not a valid address", text.value);
        table.note(Problem::error(text.span, what, "expected an address such as \"10.0.0.12\""));
    }
    read
}

fn some_time(zone: &TimeZone) -> Timestamp {
    zone.to_timestamp(SOME_TIME).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// ``block by `contournement` in `vpn` ``.
fn said(action: Option<Action>, rule: Option<&str>, category: Option<&str>) -> String {
    let parts = [
        action.map(|action| action.as_str().to_owned()),
        rule.map(|rule| format!("by `{rule}`")),
        category.map(|category| format!("in `{category}`")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn told(withheld: Option<Withheld>) -> &'static str {
    match withheld {
        None => "not withheld",
        Some(Withheld::Category) => "withheld (category)",
        Some(Withheld::Person) => "withheld (person)",
        Some(Withheld::Guest) => "withheld (guest)",
    }
}
