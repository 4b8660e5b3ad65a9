//! `octroi user link` and `unlink`: which accounts and addresses are one person's, and when.

use super::super::when::{Day, instant};
use super::super::{Answer, Wrong};
use crate::access;
use crate::cli::{As, Link, Marked, Unlink};
use crate::config::Config;
use jiff::Timestamp;
use logstore::people::{self, Event, Mark, Period, Role};
use logstore::{Ledger, OpenLedger};
use std::collections::BTreeMap;

/// Links an account or an address to a person.
pub(super) fn link(config: &Config, asked: &Link) -> Result<Answer, Wrong> {
    let (person, mark) = read(&asked.marked)?;
    let zone = &config.time_zone;
    let from = asked.from.as_deref().map(|text| instant("--from", text, zone, Day::Begins)).transpose()?;
    let to = asked.to.as_deref().map(|text| instant("--to", text, zone, Day::Ends)).transpose()?;
    if from.zip(to).is_some_and(|(from, to)| from >= to) {
        return Err(Wrong("--from is later than --to".to_owned()));
    }
    let period = Period { from: from.map(|at| at.as_microsecond()), to: to.map(|at| at.as_microsecond()) };
    let Some(actor) = enter(config, &asked.acting, "user link", &person, &mark)? else { return Ok(Answer::No) };
    let keys = access::keys(config)?;
    let mut ledger = OpenLedger::open(&config.register_dir(), &keys, Ledger::People).map_err(Wrong::because)?;
    let people = people::People::of(&ledger.read().map_err(Wrong::because)?);
    let at_odds = people.at_odds(&person, &mark, period);
    match (&mark, at_odds.first()) {
        (Mark::Account(name), _) if name.eq_ignore_ascii_case(&person) => {
            eprintln!("{name} is the account that {person} is called by: there is nothing to link");
            return Ok(Answer::No);
        }
        (Mark::Account(name), Some((other, both))) => {
            eprintln!("refused: {name} is {}'s {}; unlink it first, or say another time", other.person, span(*both));
            return Ok(Answer::No);
        }
        _ => {}
    }
    ledger
        .add(actor.who(), &Event::Linked { person: person.clone(), mark: mark.clone(), period })
        .map_err(Wrong::because)?;
    drop(ledger);
    for (other, both) in &at_odds {
        eprintln!(
            "this address is {}'s too {}: it counts as shared, and as nobody's own, for that time",
            other.person,
            span(*both)
        );
    }
    actor.note(config, "link", None, None, scope(&person, &mark, period), at_odds.len() as u64)?;
    Ok(Answer::Done)
}

/// Ends links, or withdraws them as a mistake.
pub(super) fn unlink(config: &Config, asked: &Unlink) -> Result<Answer, Wrong> {
    let (person, mark) = read(&asked.marked)?;
    let to = asked.to.as_deref().map(|text| instant("--to", text, &config.time_zone, Day::Ends)).transpose()?;
    let to = to.map(|at| at.as_microsecond());
    let Some(actor) = enter(config, &asked.acting, "user unlink", &person, &mark)? else { return Ok(Answer::No) };
    let keys = access::keys(config)?;
    let mut ledger = OpenLedger::open(&config.register_dir(), &keys, Ledger::People).map_err(Wrong::because)?;
    let people = people::People::of(&ledger.read().map_err(Wrong::because)?);
    let lasts = |link: &&people::Link| to.is_none_or(|to| link.period.to.is_none_or(|end| end > to));
    let links: Vec<u64> = people.links_of(&person, &mark).filter(lasts).map(|link| link.number).collect();
    if links.is_empty() {
        eprintln!("nothing of the kind is linked to {person}, or it had ended by then");
        return Ok(Answer::No);
    }
    for link in &links {
        ledger.add(actor.who(), &Event::Unlinked { link: *link, to }).map_err(Wrong::because)?;
    }
    drop(ledger);
    let ended = Period { from: None, to };
    actor.note(config, "unlink", None, None, scope(&person, &mark, ended), links.len() as u64)?;
    Ok(Answer::Done)
}

/// The rights desk links; nobody says of themselves what is theirs, for then two accounts could be two persons.
fn enter(config: &Config, acting: &As, act: &str, person: &str, mark: &Mark) -> Result<Option<access::Actor>, Wrong> {
    let Some(actor) = access::enter(config, acting, &[Role::Rights], act)? else { return Ok(None) };
    let people = access::people(config)?;
    let own = people.same_person(actor.who(), person)
        || matches!(mark, Mark::Account(name) if people.same_person(actor.who(), name));
    if own && !actor.is_alone() {
        return access::refused(
            config,
            Some(actor.who()),
            None,
            act,
            "nobody says of themselves which accounts are theirs",
        );
    }
    Ok(Some(actor))
}

fn read(marked: &Marked) -> Result<(String, Mark), Wrong> {
    let person = people::name(&marked.person).map_err(|why| Wrong(format!("PERSON: {why}")))?;
    let mark = match (&marked.account, marked.address) {
        (Some(name), _) => Mark::Account(people::name(name).map_err(|why| Wrong(format!("--account: {why}")))?),
        (None, Some(address)) => Mark::Address(address.to_canonical()),
        (None, None) => return Err(Wrong("say --account or --address".to_owned())),
    };
    Ok((person, mark))
}

fn scope(person: &str, mark: &Mark, period: Period) -> BTreeMap<String, String> {
    let mut scope = BTreeMap::from([("person".to_owned(), person.to_owned())]);
    match mark {
        Mark::Account(name) => scope.insert("account".to_owned(), name.clone()),
        Mark::Address(address) => scope.insert("address".to_owned(), address.to_string()),
    };
    scope.extend(period.from.map(|from| ("from".to_owned(), written(from))));
    scope.extend(period.to.map(|to| ("to".to_owned(), written(to))));
    scope
}

fn written(micros: i64) -> String {
    Timestamp::from_microsecond(micros).map(|at| format!("{at:.0}")).unwrap_or_default()
}

fn span(period: Period) -> String {
    match (period.from, period.to) {
        (Some(from), Some(to)) => format!("from {} to {}", written(from), written(to)),
        (Some(from), None) => format!("from {} on", written(from)),
        (None, Some(to)) => format!("until {}", written(to)),
        (None, None) => "at all times".to_owned(),
    }
}
