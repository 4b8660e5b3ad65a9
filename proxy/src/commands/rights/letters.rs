//! Letters to who asks, written when something is done: as HTML to read and PDF to send, in their language.

use super::super::letterhead::{self, organisation};
use super::super::log::bring_up_to_date;
use super::super::{Wrong, runtime};
use super::Office;
use super::concerned::visit;
use crate::access;
use crate::legal::document::Document;
use crate::legal::letters::answer::{Answer, Attached, Decision, Outcome, Rest};
use crate::legal::letters::{
    Correspondence, Extension, Ground, Lifting, Portability, Receipt, Refusal, Right as Asked,
};
use crate::legal::parties::Person;
use crate::legal::{html, pdf};
use crate::pages::Language;
use crate::rights::today;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use logstore::hold::Holds;
use logstore::ledger::{self, Entry, Ledger};
use logstore::people::{Event, Mark};
use logstore::requests::{End, Identity, Request, Right, Unfollowed};
use logstore::statements::{Concerns, Says, Statement, Statements};
use logstore::{Search, deadline};
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Which letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Letter {
    /// It was received, and is answered by such a day.
    Receipt,
    /// It takes two months more, and why.
    Extension,
    /// It is not followed, why, and where to complain.
    Refusal,
    /// What was done, or why it was not. Of access the bundle says so.
    Answer,
    /// A restriction will be lifted.
    Lifting {
        /// Since when it is there.
        since: Date,
        /// When it will be.
        on: Date,
        /// Why.
        reasons: String,
    },
}

impl Letter {
    fn word(&self) -> &'static str {
        match self {
            Letter::Receipt => "receipt",
            Letter::Extension => "extension",
            Letter::Refusal => "refusal",
            Letter::Answer => "answer",
            Letter::Lifting { .. } => "lifting",
        }
    }
}

/// Writes a letter about a request into a folder, twice. The path of the PDF; none when the bundle is the answer.
pub(super) fn write(
    office: &Office,
    letter: &Letter,
    request: &Request,
    folder: &Path,
) -> Result<Option<PathBuf>, Wrong> {
    let language = if request.opening.language == "fr" { Language::French } else { Language::English };
    let Some(document) = document(office, letter, request, language)? else { return Ok(None) };
    letterhead::warn(&office.config, letterhead::Says::Writer);
    let wrong = |path: &Path, why: std::io::Error| Wrong(format!("{}: {why}", path.display()));
    crate::files::private_dir(folder).map_err(|why| wrong(folder, why))?;
    let path = |ending| folder.join(format!("{}-{}.{ending}", request.reference, letter.word()));
    let portable = pdf::render(&document).map_err(Wrong::because)?;
    for (path, bytes) in [(path("html"), html::render(&document).as_bytes()), (path("pdf"), &portable[..])] {
        crate::files::replace(&path, |file| file.write_all(bytes)).map_err(|why| wrong(&path, why))?;
    }
    Ok(Some(path("pdf")))
}

fn document(
    office: &Office,
    letter: &Letter,
    request: &Request,
    language: Language,
) -> Result<Option<Document>, Wrong> {
    let (to, right) = (correspondence(office, request), right(request.opening.right));
    Ok(Some(match letter {
        Letter::Receipt => {
            let identity_doubted = matches!(request.identity, None | Some((Identity::Papers, _)));
            Receipt { to, right, due: request.due, identity_doubted }.letter(language)
        }
        Letter::Extension => {
            let reasons = request.extended.clone().unwrap_or_default();
            let due = deadline::due(request.opening.received);
            Extension { to, right, due, extended: request.due, reasons }.letter(language)
        }
        Letter::Refusal => {
            let (ground, reasons) = match &request.end {
                Some(End::Refused { ground: Unfollowed::Excessive, why, .. }) => (Ground::Excessive, why.clone()),
                Some(End::Refused { why, .. }) => (Ground::Unfounded, why.clone()),
                _ => (Ground::Unfounded, String::new()),
            };
            Refusal { to, right, ground, reasons }.letter(language)
        }
        Letter::Lifting { since, on, reasons } => {
            Lifting { to, since: *since, on: *on, reasons: reasons.clone() }.letter(language)
        }
        Letter::Answer => match request.opening.right {
            Right::Access => match &request.end {
                Some(End::Answered { not_done: Some(reasons), .. }) => {
                    let outcome = Outcome::Refused { reasons: reasons.clone() };
                    Answer { to, decision: Decision::Access, outcome }.letter(language)
                }
                _ => return Ok(None),
            },
            Right::Portability => Portability { to }.letter(language),
            _ => {
                let (decision, outcome) = outcome(office, request)?;
                Answer { to, decision, outcome }.letter(language)
            }
        },
    }))
}

fn correspondence(office: &Office, request: &Request) -> Correspondence {
    Correspondence {
        organisation: organisation(&office.config),
        person: Person {
            name: request.opening.who.clone(),
            account: request.opening.user.clone().unwrap_or_default(),
            ..Person::default()
        },
        reference: request.reference.clone(),
        received: request.opening.received,
        issued: Timestamp::now().to_zoned_datetime(office.config.time_zone.clone()),
    }
}

fn right(right: Right) -> Asked {
    match right {
        Right::Access => Asked::Access,
        Right::Rectification => Asked::Rectification,
        Right::Erasure => Asked::Erasure,
        Right::Restriction => Asked::Restriction,
        Right::Portability => Asked::Portability,
        Right::Objection => Asked::Objection,
    }
}

/// The statements that answer a request: those of its kind that bear its reference.
pub(super) fn answering<'s>(statements: &'s Statements, request: &Request) -> Vec<&'s Entry<Statement>> {
    let answers = |says: &Says| match request.opening.right {
        Right::Rectification => matches!(says, Says::Rectification { .. }),
        Right::Erasure => matches!(says, Says::Erasure { .. }),
        Right::Restriction => matches!(says, Says::Restriction { .. }),
        Right::Objection => matches!(says, Says::Objection { .. }),
        Right::Access | Right::Portability => false,
    };
    let all = statements.all().iter();
    all.filter(|entry| entry.what.reference == request.reference && answers(&entry.what.says)).collect()
}

/// What was asked for, and what the statements say became of it.
fn outcome(office: &Office, request: &Request) -> Result<(Decision, Outcome), Wrong> {
    let (statements, zone) = (office.statements()?, &office.config.time_zone);
    let of = answering(&statements, request);
    let day = |at| Timestamp::from_microsecond(at).unwrap_or_default().to_zoned_datetime(zone.clone()).date();
    let decision = match request.opening.right {
        Right::Erasure => Decision::Erasure(rest(office, &statements, &of)?),
        Right::Restriction => Decision::Restriction,
        Right::Objection => Decision::Objection,
        _ => Decision::Rectification {
            attached: of
                .iter()
                .map(|entry| Attached { on: day(entry.at), records: entry.what.records, text: entry.what.text.clone() })
                .collect(),
            corrected: is_corrected(office, request)?,
        },
    };
    if let Some(End::Answered { not_done: Some(reasons), .. }) = &request.end {
        return Ok((decision, Outcome::Refused { reasons: reasons.clone() }));
    }
    let after = || of.iter().flat_map(|entry| statements.after(entry.number));
    let decided = after().find(|after| matches!(after.what.says, Says::Decided { .. }));
    if let Some(decided) = decided.filter(|after| matches!(after.what.says, Says::Decided { upheld: false, .. })) {
        return Ok((decision, Outcome::Refused { reasons: decided.what.text.clone() }));
    }
    let told = after().filter_map(|after| match &after.what.says {
        Says::Told { recipient, .. } => Some(recipient.clone()),
        _ => None,
    });
    let untold: BTreeSet<String> = of.iter().flat_map(|entry| statements.untold(entry)).map(str::to_owned).collect();
    // Who is masked is so from the decision on.
    let since = decided.or(of.first().copied()).map_or(request.opening.received, |entry| day(entry.at));
    let records = of.iter().map(|entry| match entry.what.says {
        Says::Erasure { .. } => statements.erased(entry.number).values().sum(),
        _ => entry.what.records,
    });
    let (records, told) = (records.sum(), told.collect());
    Ok((decision, Outcome::Granted { since, records, told, untold: untold.into_iter().collect() }))
}

/// What of these erasures is still there. Of a judicial hold nothing is said: what it keeps waits like the rest.
fn rest(office: &Office, statements: &Statements, of: &[&Entry<Statement>]) -> Result<Rest, Wrong> {
    let pending: Vec<&Concerns> = of
        .iter()
        .filter(|entry| statements.is_restricting(entry))
        .filter_map(|entry| entry.what.says.concerns())
        .collect();
    let mut rest = Rest { from: today(&office.config.time_zone).saturating_add(1.day()), ..Rest::default() };
    if pending.is_empty() {
        return Ok(rest);
    }
    let holds = Holds::read(&office.dir(), &office.keys).map_err(Wrong::because)?;
    let people = access::people(&office.config)?;
    let runtime = runtime()?;
    bring_up_to_date(&office.config, &runtime)?;
    visit(office, &runtime, &Search::default(), |record| {
        if !pending.iter().any(|concerns| concerns.covers(record)) {
            return;
        }
        match holds.restricts(record, &people) {
            Some(_) => rest.held += 1,
            None => {
                rest.waiting += 1;
                let filed = Timestamp::from_microsecond(record.opened_at).unwrap_or_default();
                let sealed = TimeZone::UTC.to_datetime(filed).date().saturating_add(1.day());
                rest.from = rest.from.max(sealed);
            }
        }
    })?;
    Ok(rest)
}

/// Whether an account or an address of who asked was linked or unlinked since they did.
fn is_corrected(office: &Office, request: &Request) -> Result<bool, Wrong> {
    let Some(account) = &request.opening.user else { return Ok(false) };
    let people = access::people(&office.config)?;
    let entries = ledger::read::<Event>(&office.dir(), &office.keys, Ledger::People).map_err(Wrong::because)?;
    let is_theirs = |event: &Event| match event {
        Event::Linked { person, mark, .. } => {
            people.same_person(account, person)
                || matches!(mark, Mark::Account(name) if people.same_person(account, name))
        }
        _ => false,
    };
    let changed = |entry: &&Entry<Event>| entry.at >= request.opened_at;
    Ok(entries.iter().filter(changed).any(|entry| match &entry.what {
        Event::Unlinked { link, .. } => entries.iter().any(|made| made.number == *link && is_theirs(&made.what)),
        event => is_theirs(event),
    }))
}
