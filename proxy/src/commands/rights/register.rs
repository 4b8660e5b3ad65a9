//! `octroi requests`: who asked for what and when, until when it is to be answered, what came of it.

use super::super::{Answer, Wrong, answer, answer_json, columns, plural, runtime};
use super::concerned::{has_account, visit};
use super::letters::{self, Letter};
use super::{DESK, Office};
use crate::access;
use crate::cli::rights::{Open, Requests as Asked, Tongue};
use crate::commands::log::bring_up_to_date;
use crate::control::Request as ToGate;
use crate::rights::{self, today};
use jiff::civil::Date;
use logstore::Search;
use logstore::deadline::{self, Standing};
use logstore::people::Period;
use logstore::requests::{Desk, End, Extract, Opening, Refusal, Request, Requests, Right};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// Opens, lists, shows, identifies, extends, closes, refuses.
pub(crate) fn requests(path: Option<&Path>, command: &Asked) -> Result<Answer, Wrong> {
    let acting = match command {
        Asked::Open(asked) => &asked.acting,
        Asked::List { acting, .. }
        | Asked::Show { acting, .. }
        | Asked::Identify { acting, .. }
        | Asked::Extend { acting, .. }
        | Asked::Close { acting, .. }
        | Asked::Refuse { acting, .. } => acting,
    };
    let enter = if matches!(command, Asked::List { .. } | Asked::Show { .. }) { Office::look } else { Office::open };
    let Some(office) = enter(path, acting, DESK, "requests")? else { return Ok(Answer::No) };
    match command {
        Asked::Open(asked) => open(&office, asked),
        Asked::List { all, output, .. } => list(&office, *all, output.json),
        Asked::Show { reference, output, .. } => show(&office, reference, output.json),
        Asked::Identify { reference, how, papers_deleted, .. } => {
            let done = office.desk()?.identify(office.who(), reference, *how, *papers_deleted);
            done_with(&office, done, "identified", None)
        }
        Asked::Extend { reference, reason, letter, .. } => {
            let done = office.desk()?.extend(office.who(), reference, reason.clone());
            if let Ok(request) = &done {
                extract(&office, request)?;
            }
            done_with(&office, done, "extended", Some((Letter::Extension, &letter.out)))
        }
        Asked::Close { reference, delivery, answered, bundle, not_done, letter, .. } => {
            if not_done.is_none() && !is_answered(&office, reference)? {
                return Ok(Answer::No);
            }
            let mut desk = office.desk()?;
            let answered = answered.unwrap_or_else(|| desk.today());
            let bundle = bundle.as_ref().map(|file| sha256(file)).transpose()?;
            let done = desk.close(office.who(), reference, answered, *delivery, bundle.as_deref(), not_done.clone());
            drop(desk);
            if done.is_ok() {
                remind_of_recipients(&office, reference)?;
            }
            if let Ok(request) = &done {
                remind_of_copy(request, today(&office.config.time_zone));
            }
            done_with(&office, done, "closed", Some((Letter::Answer, &letter.out)))
        }
        Asked::Refuse { reference, ground, reason, answered, letter, .. } => {
            let mut desk = office.desk()?;
            let answered = answered.unwrap_or_else(|| desk.today());
            let done = desk.refuse(office.who(), reference, answered, *ground, reason.clone());
            drop(desk);
            done_with(&office, done, "refused", Some((Letter::Refusal, &letter.out)))
        }
    }
}

impl Office {
    fn desk(&self) -> Result<Desk<'_>, Wrong> {
        Desk::open(&self.dir(), &self.keys, &self.config.time_zone).map_err(Wrong::because)
    }
}

fn open(office: &Office, asked: &Open) -> Result<Answer, Wrong> {
    let language = match asked.language {
        Some(Tongue::Fr) => "fr",
        Some(Tongue::En) => "en",
        None => office.config.locale.pick("fr", "en"),
    };
    let mut desk = office.desk()?;
    let opening = Opening {
        received: asked.received.unwrap_or_else(|| desk.today()),
        channel: asked.channel.clone(),
        who: asked.who.clone().or_else(|| asked.user.clone()).unwrap_or_default(),
        user: asked.user.clone(),
        right: asked.right,
        language: language.to_owned(),
    };
    let opened = desk.receive(office.who(), asked.reference.as_deref(), opening);
    let opened = match (opened, asked.identity) {
        (Ok(request), Some(how)) => desk.identify(office.who(), &request.reference, how, None),
        (opened, _) => opened,
    };
    drop(desk);
    let request = match opened {
        Ok(request) => request,
        Err(no) => return refused(no),
    };
    note(office, &request, "opened")?;
    if let Some(user) = &request.opening.user
        && !is_known(office, user)?
    {
        eprintln!("note: no account and no record ever bore the name {user}: is it spelt so?");
    }
    extract(office, &request)?;
    let receipt = letters::write(office, &Letter::Receipt, &request, &asked.letter.out)?;
    let standing = request.standing(today(&office.config.time_zone));
    if asked.output.json {
        answer_json(&Shown::of(&request, today(&office.config.time_zone)))?;
    } else {
        answer(&format!("{}, to be answered by {}\n", request.reference, request.due))?;
    }
    if let Some(receipt) = receipt {
        eprintln!("receipt: {}", receipt.display());
    }
    if standing == Some(Standing::Overdue) {
        eprintln!("it is overdue already");
    }
    Ok(Answer::Done)
}

/// Whether an account, a link or a record ever bore a name.
fn is_known(office: &Office, user: &str) -> Result<bool, Wrong> {
    let people = access::people(&office.config)?;
    let is_linked = people.links().iter().any(|link| people.same_person(&link.person, user));
    if is_linked || people.roles(user).next().is_some() || has_account(office, user)? {
        return Ok(true);
    }
    let runtime = runtime()?;
    bring_up_to_date(&office.config, &runtime)?;
    let query = Search { user: Some(user.to_owned()), any_case: true, ..Search::default() };
    let mut found = false;
    visit(office, &runtime, &query, |_| found = true)?;
    Ok(found)
}

/// Takes out the person's records that would be purged before the answer is due; the purge itself never waits.
fn extract(office: &Office, request: &Request) -> Result<(), Wrong> {
    let Some(user) = request.opening.user.as_deref().filter(|_| request.opening.right == Right::Access) else {
        return Ok(());
    };
    let people = access::people(&office.config)?;
    let within = |search: Search, period: Period| Search { from: period.from, to: period.to, ..search };
    let mut searches = Vec::new();
    for (account, period) in people.accounts(user) {
        searches.push(within(Search { user: Some(account), any_case: true, ..Search::default() }, period));
    }
    for (address, period) in people.addresses(user) {
        searches.push(within(Search { client: Some(address.into()), ..Search::default() }, period));
    }
    let mut desk = office.desk()?;
    let taken = runtime()?.block_on(desk.extract(office.who(), &request.reference, &searches));
    match taken {
        Ok(None) => {}
        Ok(Some(Extract { days, records, .. })) => {
            let (records, days) = (plural(records, "record", "records"), plural(days.len() as u64, "day", "days"));
            eprintln!(
                "{records} of {days} that will be purged before the answer is due were taken out, for this answer alone"
            );
        }
        // The request stands: what could not be taken out now is tried again by `octroi requests extend`.
        Err(why) => {
            eprintln!("warning: records that will be purged before the answer is due could not be taken out: {why}")
        }
    }
    Ok(())
}

/// A request as it is shown.
#[derive(Serialize)]
struct Shown<'r> {
    #[serde(flatten)]
    request: &'r Request,
    /// `open`, `soon`, `pressing`, `overdue`, `answered`, `refused`.
    state: &'static str,
    /// Until it is to be answered; none when it was.
    days_left: Option<i64>,
}

impl<'r> Shown<'r> {
    fn of(request: &'r Request, today: Date) -> Shown<'r> {
        let state = match (&request.end, request.standing(today)) {
            (Some(End::Refused { .. }), _) => "refused",
            (Some(End::Answered { .. }), _) => "answered",
            (None, standing) => standing.unwrap_or(Standing::Open).as_str(),
        };
        let days_left = request.end.is_none().then(|| deadline::days_left(today, request.due));
        Shown { request, state, days_left }
    }
}

/// Lists those that wait, or all. One that is overdue is a no.
fn list(office: &Office, all: bool, json: bool) -> Result<Answer, Wrong> {
    let requests = Requests::read(&office.dir(), &office.keys).map_err(Wrong::because)?;
    let today = today(&office.config.time_zone);
    let mut shown: Vec<Shown<'_>> = requests
        .all()
        .iter()
        .filter(|request| all || request.end.is_none())
        .map(|request| Shown::of(request, today))
        .collect();
    shown.sort_by_key(|shown| (shown.request.end.is_some(), shown.request.due));
    if json {
        answer_json(&shown)?;
    } else {
        let row = |Shown { request, state, days_left }: &Shown<'_>| {
            let left = days_left.map(|left| format!("{left} days")).unwrap_or_default();
            let opening = &request.opening;
            [
                request.reference.clone(),
                opening.right.to_string(),
                opening.who.clone(),
                format!("received {}", opening.received),
                format!("due {}", request.due),
                left,
                (*state).to_owned(),
            ]
        };
        answer(&columns(&shown.iter().map(row).collect::<Vec<_>>()))?;
        if shown.is_empty() {
            eprintln!("no request waits for its answer");
        }
    }
    for sentence in rights::reminders(&requests, today) {
        eprintln!("{sentence}");
    }
    requests.all().iter().for_each(|request| remind_of_copy(request, today));
    let overdue = shown.iter().any(|shown| shown.state == Standing::Overdue.as_str());
    Ok(if overdue { Answer::No } else { Answer::Done })
}

fn show(office: &Office, reference: &str, json: bool) -> Result<Answer, Wrong> {
    let requests = Requests::read(&office.dir(), &office.keys).map_err(Wrong::because)?;
    let Some(request) = requests.get(reference) else { return refused(Refusal::Unknown(reference.to_owned())) };
    let shown = Shown::of(request, today(&office.config.time_zone));
    if json {
        answer_json(&shown)?;
        return Ok(Answer::Done);
    }
    let opening = &request.opening;
    let identity = request.identity.map_or_else(
        || "not checked yet".to_owned(),
        |(how, deleted)| deleted.map_or(how.to_string(), |day| format!("{how}, deleted {day}")),
    );
    let mut rows = vec![
        ("reference", request.reference.clone()),
        ("right", format!("{} (art. {})", opening.right, opening.right.article())),
        ("who", opening.who.clone()),
        ("account", opening.user.clone().unwrap_or_else(|| "-".to_owned())),
        ("received", format!("{}, {}", opening.received, opening.channel)),
        ("identity", identity),
        ("due", request.due.to_string()),
        ("state", shown.state.to_owned()),
    ];
    rows.extend(request.extended.as_ref().map(|reason| ("extended", reason.clone())));
    rows.extend(request.bundle.as_ref().map(|sha256| ("bundle", sha256.clone())));
    match &request.end {
        Some(End::Answered { on, delivery, not_done }) => {
            rows.push(("answered", format!("{on}, {delivery}")));
            rows.extend(not_done.as_ref().map(|why| ("not done", why.clone())));
        }
        Some(End::Refused { on, ground, why }) => rows.push(("refused", format!("{on}, {ground}: {why}"))),
        None => {}
    }
    answer(&columns(&rows.into_iter().map(|(name, value)| [name.to_owned(), value]).collect::<Vec<_>>()))?;
    Ok(Answer::Done)
}

/// Says what cannot be done: what is asked for wrongly is wrong usage, what may not be done is a no.
fn refused(no: Refusal) -> Result<Answer, Wrong> {
    match no {
        Refusal::Ledger(_) | Refusal::Form(_) => Err(Wrong::because(no)),
        no => {
            eprintln!("{no}");
            Ok(Answer::No)
        }
    }
}

fn note(office: &Office, request: &Request, step: &str) -> Result<(), Wrong> {
    office.note("request", [("reference", request.reference.clone()), ("step", step.to_owned())], 1)
}

/// Notes what was done, writes the letter about it, and has the gate look again.
fn done_with(
    office: &Office,
    done: Result<Request, Refusal>,
    step: &str,
    letter: Option<(Letter, &Path)>,
) -> Result<Answer, Wrong> {
    let request = match done {
        Ok(request) => request,
        Err(no) => return refused(no),
    };
    note(office, &request, step)?;
    office.have_gate(&ToGate::Rights, "the running gate looks again within the hour");
    match &request.end {
        None => answer(&format!("{} {step}, to be answered by {}\n", request.reference, request.due))?,
        Some(end) => answer(&format!("{} {step}, on {}\n", request.reference, end.on()))?,
    }
    let Some((letter, folder)) = letter else { return Ok(Answer::Done) };
    if let Some(path) = letters::write(office, &letter, &request, folder)? {
        eprintln!("letter: {}", path.display());
    }
    Ok(Answer::Done)
}

/// Whether something was done that answers a request other than by a bundle; said, when nothing was.
fn is_answered(office: &Office, reference: &str) -> Result<bool, Wrong> {
    let requests = Requests::read(&office.dir(), &office.keys).map_err(Wrong::because)?;
    // What isn't there, or has ended, is refused with its own words.
    let Some(request) = requests.get(reference).filter(|request| request.end.is_none()) else { return Ok(true) };
    let right = request.opening.right;
    if matches!(right, Right::Access | Right::Portability) {
        return Ok(true);
    }
    let statements = office.statements()?;
    let answering = letters::answering(&statements, request);
    if answering.is_empty() {
        eprintln!(
            "nothing was done: no statement of {right} bears the reference {reference}. Make it, or say why not: --not-done TEXT"
        );
        return Ok(false);
    }
    let waiting =
        answering.iter().find(|entry| right == Right::Objection && statements.decision(entry.number).is_none());
    if let Some(entry) = waiting {
        eprintln!("the objection waits for its decision: octroi object decide {}", entry.number);
        return Ok(false);
    }
    Ok(true)
}

/// Says until when the copy of an answer is to be deleted, as long as it lies where it was put: nobody but who keeps it can.
fn remind_of_copy(request: &Request, today: Date) {
    let there = |(path, _): &(&str, Date)| Path::new(path).symlink_metadata().is_ok();
    if let Some((path, until)) = request.copy().filter(there) {
        let late = if until < today { ", which is past" } else { "" };
        eprintln!(
            "{}: the copy of its answer is to be deleted by {until}{late}, and its SHA-256 stays: {path}",
            request.reference
        );
    }
}

/// Says who is still to be told of what a request led to (RGPD art. 19).
fn remind_of_recipients(office: &Office, reference: &str) -> Result<(), Wrong> {
    let statements = office.statements()?;
    for entry in statements.all().iter().filter(|entry| entry.what.reference == reference) {
        for recipient in statements.untold(entry) {
            eprintln!("still to be told of statement {} (RGPD art. 19): {recipient}", entry.number);
        }
    }
    Ok(())
}

/// SHA-256 of a file, in hexadecimal digits.
fn sha256(path: &Path) -> Result<String, Wrong> {
    let wrong = |why: std::io::Error| Wrong(format!("{} cannot be read: {why}", path.display()));
    let (mut file, mut hash, mut buffer) = (File::open(path).map_err(wrong)?, Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer).map_err(wrong)? {
            0 => break,
            length => hash.update(&buffer[..length]),
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_is_known_by_its_sha_256() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("bundle.zip");
        std::fs::write(&file, "abc").expect("written");
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(&file).ok().as_deref(), Some(hash));
        assert!(sha256(&dir.path().join("gone.zip")).is_err());
    }
}
