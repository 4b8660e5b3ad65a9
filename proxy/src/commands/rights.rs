//! Commands for the rights of persons: the register of requests, and the statements that answer them.
//!
//! Each act is written into a ledger, which says who did it, and leaves its line in the audit trail by reference and number:
//! the trail names nobody for it.

mod concerned;
mod erasures;
mod letters;
mod register;
mod restricted;
mod whose;

pub(crate) use erasures::erase;
pub(crate) use register::requests;
pub(crate) use restricted::restrict;
pub(in crate::commands) use whose::asker;

use super::{Answer, Wrong, answer, answer_json, columns, configuration, keys, no_register, plural};
use crate::access::{self, Actor};
use crate::cli::As;
use crate::cli::rights::{Object, Recipients, Rectify, Said, Statements as Asked};
use crate::config::{Config, Purpose};
use crate::control::{self, AskError, Request};
use crate::rights::today;
use concerned::{Concerned, concerned};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use logstore::Keys;
use logstore::ledger::Entry;
use logstore::people::Role;
use logstore::requests::Requests;
use logstore::statements::{self, Concerns, Says, Span, Statement, Statements, Unsaid};
use serde::Serialize;
use std::path::Path;

/// Who does what is asked for here.
const DESK: &[Role] = &[Role::Rights];

/// A register held for the acts of the rights desk.
struct Office {
    config: Config,
    keys: Keys,
    /// Who acts, and in what role.
    actor: Actor,
}

impl Office {
    /// Has the rights desk in, or another of these roles; nothing when it may not, which was said.
    fn open(path: Option<&Path>, acting: &As, roles: &[Role], act: &str) -> Result<Option<Office>, Wrong> {
        Office::entered(path, |config| access::enter(config, acting, roles, act))
    }

    /// The same for a list, before which nobody is told to be alone.
    fn look(path: Option<&Path>, acting: &As, roles: &[Role], act: &str) -> Result<Option<Office>, Wrong> {
        Office::entered(path, |config| access::look(config, acting, roles, act))
    }

    fn entered(
        path: Option<&Path>,
        enter: impl FnOnce(&Config) -> Result<Option<Actor>, Wrong>,
    ) -> Result<Option<Office>, Wrong> {
        let config = configuration(path)?;
        let Some(keys) = keys(&config)? else { return Err(Wrong(no_register(&config))) };
        let actor = enter(&config)?;
        Ok(actor.map(|actor| Office { config, keys, actor }))
    }

    fn who(&self) -> &str {
        self.actor.who()
    }

    fn dir(&self) -> std::path::PathBuf {
        self.config.register_dir()
    }

    fn statements(&self) -> Result<Statements, Wrong> {
        Statements::read(&self.dir(), &self.keys).map_err(Wrong::because)
    }

    /// Leaves the act's line in the audit trail.
    fn note<const N: usize>(&self, act: &str, scope: [(&str, String); N], count: u64) -> Result<(), Wrong> {
        let scope = scope.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        self.actor.note(&self.config, act, Some(Purpose::Rights.code()), None, scope, count)
    }

    /// Writes a statement and says so; `None` when it cannot be made, which was said. Its number.
    fn say(&self, says: Says, said: &Said, records: u64) -> Result<Option<u64>, Wrong> {
        if let Says::Lifted { of, .. } | Says::Decided { of, .. } = says
            && !self.follows(of, &said.reference)?
        {
            eprintln!("the request {} is another person's: statement {of} is not about who made it", said.reference);
            return Ok(None);
        }
        let kind = says.kind();
        let statement = Statement { says, text: said.text.clone(), reference: said.reference.clone(), records };
        let number = match statements::add(&self.dir(), &self.keys, self.who(), &statement) {
            Ok(number) => number,
            Err(Unsaid::Ledger(why)) => return Err(Wrong::because(why)),
            Err(no) => {
                eprintln!("{no}");
                return Ok(None);
            }
        };
        let scope = [("kind", kind.to_owned()), ("number", number.to_string()), ("reference", said.reference.clone())];
        self.note("statement", scope, 1)?;
        Ok(Some(number))
    }

    /// Whether the request of this reference may say what becomes of a statement: both are one person's, as far as is known.
    fn follows(&self, of: u64, reference: &str) -> Result<bool, Wrong> {
        let requests = Requests::read(&self.dir(), &self.keys).map_err(Wrong::because)?;
        let statements = self.statements()?;
        let account = |reference: &str| requests.get(reference).and_then(|request| request.opening.user.as_deref());
        let before = statements.get(of).and_then(|entry| account(&entry.what.reference));
        let Some((before, now)) = before.zip(account(reference)) else { return Ok(true) };
        Ok(access::people(&self.config)?.same_person(before, now))
    }

    /// Says what a statement concerns, and who is to be told.
    fn tell(&self, number: u64, what: &str, count: u64) -> Result<(), Wrong> {
        answer(&format!("{what} {number}: {}\n", plural(count, "record", "records")))?;
        let statements = self.statements()?;
        for recipient in statements.get(number).map(|entry| statements.untold(entry)).unwrap_or_default() {
            eprintln!("to be told (RGPD art. 19): {recipient}; then octroi statements told {number} --recipient …");
        }
        Ok(())
    }

    /// Has a running gate take note of what is said now.
    fn have_gate(&self, request: &Request, otherwise: &str) {
        match control::ask(&self.config.data_dir, request) {
            Ok(control::Answer::Kept | control::Answer::Reloaded { .. }) | Err(AskError::NoGate) => {}
            Ok(control::Answer::Refused { problems }) => eprintln!("{problems}\n{otherwise}"),
            Ok(control::Answer::Failed { why }) => eprintln!("{why}\n{otherwise}"),
            Ok(_) => eprintln!("the running gate is of another version\n{otherwise}"),
            Err(AskError::Broken(why)) => eprintln!("{why}\n{otherwise}"),
        }
    }

    /// A day that was, at most today.
    fn past(&self, option: &str, day: Date) -> Result<Date, Wrong> {
        let today = today(&self.config.time_zone);
        if day > today {
            Err(Wrong(format!("{option} {day}: that day has not come, today is {today}")))
        } else {
            Ok(day)
        }
    }

    /// Those given, and those whom records are forwarded to.
    fn recipients(&self, given: &Recipients) -> Vec<String> {
        let forward = &self.config.log.forward;
        let syslog = forward.syslog.as_ref().map(|server| format!("log.forward syslog {server}"));
        let json = forward.json.then(|| "log.forward json".to_owned());
        let mut all = given.recipients.clone();
        all.extend([syslog, json].into_iter().flatten());
        all.dedup();
        all
    }
}

/// `octroi rectify`: attaches what is right to records.
pub(crate) fn rectify(path: Option<&Path>, asked: &Rectify) -> Result<Answer, Wrong> {
    let Some(office) = Office::open(path, &asked.acting, DESK, "rectify")? else { return Ok(Answer::No) };
    let Some(found) = concerned(&office, &asked.which, concerned::Bounds::Both, &asked.said.reference)? else {
        return Ok(Answer::No);
    };
    let recipients = office.recipients(&asked.recipients);
    let says = Says::Rectification { concerns: found.concerns, recipients };
    let Some(number) = office.say(says, &asked.said, found.count)? else { return Ok(Answer::No) };
    office.tell(number, "rectification", found.count)?;
    Ok(Answer::Done)
}

/// `octroi object`: objections and what is decided on them.
pub(crate) fn object(path: Option<&Path>, command: &Object) -> Result<Answer, Wrong> {
    let acting = match command {
        Object::Add { acting, .. } | Object::Decide { acting, .. } => acting,
        Object::List(listing) => &listing.acting,
    };
    let open = if matches!(command, Object::List(_)) { Office::look } else { Office::open };
    let Some(office) = open(path, acting, DESK, "object")? else { return Ok(Answer::No) };
    match command {
        Object::Add { which, said, .. } => {
            if !which.ids.is_empty() {
                return Err(Wrong("an objection is a person's: give --user or --client".to_owned()));
            }
            let Some(found) = concerned(&office, which, concerned::Bounds::None, &said.reference)? else {
                return Ok(Answer::No);
            };
            let Concerned { concerns, count } = found;
            let Some(number) = office.say(Says::Objection { concerns }, said, count)? else { return Ok(Answer::No) };
            office.have_gate(&Request::Rights, "the running gate takes it up within the hour");
            office.tell(number, "objection", count)?;
            eprintln!("these records are restricted until it is decided: octroi object decide {number}");
        }
        Object::Decide { number, upheld, told, said, .. } => {
            let told = office.past("--told", *told)?;
            let says = Says::Decided { of: *number, upheld: *upheld, told };
            if office.say(says, said, 0)?.is_none() {
                return Ok(Answer::No);
            }
            let (word, request) = match upheld {
                true => ("upheld: the person is masked from now on", Request::Reload),
                false => ("not upheld: the restriction is over", Request::Rights),
            };
            if *upheld {
                office.have_gate(&request, "they are masked from the next reload or start on, not before");
            }
            office.have_gate(&Request::Rights, "the running gate takes it up within the hour");
            answer(&format!("objection {number}, {word}\n"))?;
        }
        Object::List(listing) => {
            let statements = office.statements()?;
            let of = statements.all().iter().filter(|entry| matches!(entry.what.says, Says::Objection { .. }));
            let state = |entry: &Entry<Statement>| match statements.decision(entry.number) {
                None => "waits",
                Some(true) => "upheld",
                Some(false) => "compelling grounds",
            };
            list(
                &office,
                &of.map(|entry| Line::of(entry, state(entry), Vec::new(), &office.config.time_zone))
                    .collect::<Vec<_>>(),
                listing.output.json,
            )?;
        }
    }
    Ok(Answer::Done)
}

/// `octroi statements`: all that was said, and who is told of it.
pub(crate) fn statements(path: Option<&Path>, command: &Asked) -> Result<Answer, Wrong> {
    let acting = match command {
        Asked::Told { acting, .. } => acting,
        Asked::List(listing) => &listing.acting,
    };
    let open = if matches!(command, Asked::List(_)) { Office::look } else { Office::open };
    let Some(office) = open(path, acting, DESK, "statements")? else { return Ok(Answer::No) };
    let statements = office.statements()?;
    match command {
        Asked::List(listing) => {
            let state = |entry: &Entry<Statement>| match entry.what.says.of() {
                Some(of) => format!("of {of}"),
                None if statements.is_restricting(entry) => "restricts".to_owned(),
                None => String::new(),
            };
            let line = |entry| {
                let untold = statements.untold(entry).into_iter().map(str::to_owned).collect();
                Line::of(entry, &state(entry), untold, &office.config.time_zone)
            };
            list(&office, &statements.all().iter().map(line).collect::<Vec<_>>(), listing.output.json)?;
        }
        Asked::Told { number, recipient, on, .. } => {
            let on = on.unwrap_or_else(|| today(&office.config.time_zone));
            let says = Says::Told { of: *number, recipient: recipient.clone(), on: office.past("--on", on)? };
            let reference = statements.get(*number).map(|entry| entry.what.reference.clone()).unwrap_or_default();
            if office.say(says, &Said { text: String::new(), reference }, 0)?.is_none() {
                return Ok(Answer::No);
            }
        }
    }
    Ok(Answer::Done)
}

/// A statement as lists show it.
#[derive(Serialize)]
struct Line {
    number: u64,
    at: String,
    /// The day it was made on, in the organisation's zone.
    #[serde(skip)]
    day: String,
    kind: &'static str,
    state: String,
    who: String,
    reference: String,
    concerns: Option<String>,
    text: String,
    /// Who is still to be told.
    untold: Vec<String>,
}

impl Line {
    fn of(entry: &Entry<Statement>, state: &str, untold: Vec<String>, zone: &TimeZone) -> Line {
        Line {
            number: entry.number,
            at: instant(entry.at),
            day: local(entry.at, zone).get(..10).unwrap_or_default().to_owned(),
            kind: entry.what.says.kind(),
            state: state.to_owned(),
            who: entry.who.clone(),
            reference: entry.what.reference.clone(),
            concerns: entry.what.says.concerns().map(|concerns| described(concerns, zone)),
            text: entry.what.text.clone(),
            untold,
        }
    }
}

fn list(office: &Office, lines: &[Line], json: bool) -> Result<(), Wrong> {
    if json {
        return answer_json(&lines);
    }
    if lines.is_empty() {
        eprintln!("there is none in {}", office.dir().display());
    }
    let row = |line: &Line| {
        let untold = line.untold.iter().map(|name| format!(" (to be told: {name})")).collect::<String>();
        [
            line.number.to_string(),
            line.day.clone(),
            line.kind.to_owned(),
            line.state.clone(),
            line.reference.clone(),
            line.concerns.clone().unwrap_or_default(),
            format!("{}{untold}", line.text),
        ]
    };
    answer(&columns(&lines.iter().map(row).collect::<Vec<_>>()))
}

/// `2026-11-23T18:45:00Z`.
fn instant(at: i64) -> String {
    Timestamp::from_microsecond(at).map(|at| format!("{at:.0}")).unwrap_or_default()
}

/// `2026-11-23 19:45:00+01:00`.
fn local(at: i64, zone: &TimeZone) -> String {
    let at = Timestamp::from_microsecond(at).unwrap_or_default().to_zoned_datetime(zone.clone());
    at.strftime("%Y-%m-%d %H:%M:%S%:z").to_string()
}

/// In a few words: `record 7`, `account a.martin, 2026-11-01 00:00:00+01:00 to …`.
fn described(concerns: &Concerns, zone: &TimeZone) -> String {
    let span = |Span { from, to }: &Span| {
        let bound = |at: &Option<i64>| at.map_or_else(|| "…".to_owned(), |at| local(at, zone));
        if from.is_none() && to.is_none() { String::new() } else { format!(", {} to {}", bound(from), bound(to)) }
    };
    match concerns {
        Concerns::Records(places) => {
            let ids: Vec<String> = places.iter().map(|place| place.id.to_string()).collect();
            format!("records {}", ids.join(" "))
        }
        Concerns::User(user, within) => format!("account {user}{}", span(within)),
        Concerns::Client(client, within) => format!("address {client}{}", span(within)),
    }
}
