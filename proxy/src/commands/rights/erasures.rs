//! `octroi erase`: records erased before their day (RGPD art. 17), which two persons decide.

use super::super::{Answer, Wrong, answer, answer_json, plural, runtime};
use super::concerned::{Bounds, concerned};
use super::{DESK, Line, Office, list};
use crate::access;
use crate::cli::rights::{Erase, Recipients, Said, Which};
use crate::control::{self, AskError, Request};
use crate::rights::today;
use jiff::Timestamp;
use logstore::approvals::{Asked, Kind, LONGEST, Subject};
use logstore::ledger::Entry;
use logstore::people::Period;
use logstore::statements::{Concerns, ErasureGround, Says, Span, Statement, Statements};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::path::Path;

/// Has records erased, carries out what waits, lists it.
pub(crate) fn erase(path: Option<&Path>, command: &Erase) -> Result<Answer, Wrong> {
    let acting = match command {
        Erase::Add { acting, .. } => acting,
        Erase::Run(listing) | Erase::List(listing) => &listing.acting,
    };
    let open = if matches!(command, Erase::List(_)) { Office::look } else { Office::open };
    let Some(office) = open(path, acting, DESK, "erase")? else { return Ok(Answer::No) };
    match command {
        Erase::Add { which, ground, said, recipients, yes, .. } => add(&office, which, *ground, said, recipients, *yes),
        Erase::Run(listing) => {
            carry_out(&office)?;
            let statements = office.statements()?;
            let waiting: Vec<Waiting> = statements
                .pending()
                .into_iter()
                .map(|entry| Waiting { number: entry.number, state: state(&statements, entry) })
                .collect();
            if listing.output.json {
                answer_json(&waiting)?;
            } else if waiting.is_empty() {
                eprintln!("nothing waits to be erased");
            } else {
                let lines = waiting.iter().map(|one| format!("erasure {}: {}\n", one.number, one.state));
                answer(&lines.collect::<String>())?;
            }
            Ok(if waiting.is_empty() { Answer::Done } else { Answer::No })
        }
        Erase::List(listing) => {
            let statements = office.statements()?;
            let of = statements.all().iter().filter(|entry| matches!(entry.what.says, Says::Erasure { .. }));
            let line = |entry| {
                let untold = statements.untold(entry).into_iter().map(str::to_owned).collect();
                Line::of(entry, &state(&statements, entry), untold, &office.config.time_zone)
            };
            list(&office, &of.map(line).collect::<Vec<_>>(), listing.output.json)?;
            Ok(Answer::Done)
        }
    }
}

/// Has records erased, when a second person has approved exactly that.
fn add(
    office: &Office,
    which: &Which,
    ground: ErasureGround,
    said: &Said,
    recipients: &Recipients,
    yes: bool,
) -> Result<Answer, Wrong> {
    let Some(found) = concerned(office, which, Bounds::Both, &said.reference)? else { return Ok(Answer::No) };
    if which.to.is_some() && ends_later(office, which.to.as_deref())? {
        return Err(Wrong("--to: what is still to come cannot be erased; end today at the latest".to_owned()));
    }
    eprintln!("this erases {}, for good", plural(found.count, "record", "records"));
    if !yes && !confirmed()? {
        eprintln!("nothing is erased: say --yes once that is what is meant");
        return Ok(Answer::No);
    }
    let Some(grant) = access::two_persons(&office.config, &office.actor, asked(&found.concerns, ground, said))? else {
        return Ok(Answer::No);
    };
    let approval = grant.number();
    grant.spend(found.count)?;
    let recipients = office.recipients(recipients);
    let says = Says::Erasure { concerns: found.concerns, ground, approval, recipients };
    let Some(number) = office.say(says, said, found.count)? else { return Ok(Answer::No) };
    office.tell(number, "erasure", found.count)?;
    carry_out(office)?;
    let statements = office.statements()?;
    if let Some(entry) = statements.get(number) {
        eprintln!("erasure {number}: {}", state(&statements, entry));
    }
    Ok(Answer::Done)
}

/// Whether somebody at a terminal says yes; without one, nobody does.
fn confirmed() -> Result<bool, Wrong> {
    if !io::stdin().is_terminal() {
        return Ok(false);
    }
    eprint!("erase these records? [y/N] ");
    let mut line = String::new();
    io::stdin().read_line(&mut line).map_err(Wrong::because)?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes" | "o" | "O" | "oui"))
}

/// What a second person approves: these records, on this ground, for this request, and nothing else.
fn asked(concerns: &Concerns, ground: ErasureGround, said: &Said) -> Asked {
    let mut fields = BTreeMap::from([
        ("ground".to_owned(), ground.as_str().to_owned()),
        ("reference".to_owned(), said.reference.clone()),
    ]);
    let (about, Span { from, to }) = match concerns {
        Concerns::Records(places) => {
            let ids: Vec<String> = places.iter().map(|place| place.id.to_string()).collect();
            fields.insert("records".to_owned(), ids.join(" "));
            (Vec::new(), Span::default())
        }
        Concerns::User(user, span) => (vec![Subject::User(user.clone())], *span),
        Concerns::Client(client, span) => (vec![Subject::Client((*client).into())], *span),
    };
    Asked {
        kind: Kind::Erasure,
        purpose: None,
        reason: said.text.clone(),
        about,
        period: Period { from, to },
        longer: None,
        fields,
        lasts: LONGEST,
        incident: None,
    }
}

/// What of an erasure waits.
#[derive(Serialize)]
struct Waiting {
    number: u64,
    state: String,
}

/// Whether a time ends after today.
fn ends_later(office: &Office, to: Option<&str>) -> Result<bool, Wrong> {
    use super::super::when::{Day, instant};
    let zone = &office.config.time_zone;
    let end = instant("--to", &today(zone).to_string(), zone, Day::Ends)?;
    let to = to.map(|text| instant("--to", text, zone, Day::Ends)).transpose()?;
    Ok(to.is_some_and(|to: Timestamp| to > end))
}

/// In a few words: what is done, and what waits for which day.
fn state(statements: &Statements, entry: &Entry<Statement>) -> String {
    let gone = plural(statements.erased(entry.number).values().sum(), "record", "records");
    match statements.is_restricting(entry) {
        false => format!("done, {gone} erased"),
        true => format!(
            "{gone} erased; the rest, restricted until then, goes once each day is sealed: two hours after its end, and when \
             the gate has let go of its journal; what is held, when its hold is over"
        ),
    }
}

/// Carries out what waits: by the running gate, or else here.
fn carry_out(office: &Office) -> Result<(), Wrong> {
    match control::ask(&office.config.data_dir, &Request::Rights) {
        Ok(control::Answer::Kept) => Ok(()),
        Err(AskError::NoGate) => {
            let settings = crate::register::settings(&office.config);
            runtime()?.block_on(logstore::erase_pending_offline(&settings)).map(drop).map_err(Wrong::because)
        }
        Ok(control::Answer::Failed { why }) => Err(Wrong(why)),
        Ok(_) => Err(Wrong("the running gate is of another version".to_owned())),
        Err(why) => Err(Wrong::because(why)),
    }
}
