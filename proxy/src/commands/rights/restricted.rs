//! `octroi restrict`: records that may not be shown (RGPD art. 18), and who may read them all the same.

use super::super::log::{bring_up_to_date, format};
use super::super::{Answer, Wrong, answer, plural, runtime};
use super::concerned::{Bounds, concerned, visit};
use super::letters::{self, Letter};
use super::{DESK, Line, Office, list};
use crate::cli::Format;
use crate::cli::rights::Restrict;
use crate::config::Purpose;
use crate::control::Request;
use crate::shown::Shown;
use jiff::Timestamp;
use jiff::civil::Date;
use logstore::ledger::Entry;
use logstore::people::Role;
use logstore::requests::Requests;
use logstore::statements::{Concerns, Says, Span, Statement};
use logstore::{Search, audit};
use std::collections::BTreeMap;
use std::path::Path;

/// The step of a request that writes to the person before a restriction is lifted, in the audit trail.
const NOTICE: &str = "lifting announced";

/// Keeps records from being shown, lets them be shown again, reads them.
pub(crate) fn restrict(path: Option<&Path>, command: &Restrict) -> Result<Answer, Wrong> {
    let (acting, roles, act) = match command {
        Restrict::Add { acting, .. } | Restrict::Notice { acting, .. } | Restrict::Lift { acting, .. } => {
            (acting, DESK, "restrict")
        }
        // With the person's consent, those who may open names for another purpose read them too (art. 18(2)).
        Restrict::Read { acting, consented: Some(_), .. } => {
            (acting, &[Role::Rights, Role::Investigator][..], "read restricted")
        }
        Restrict::Read { acting, .. } => (acting, DESK, "read restricted"),
        Restrict::List(listing) => (&listing.acting, DESK, "restrict"),
    };
    let open = if matches!(command, Restrict::List(_)) { Office::look } else { Office::open };
    let Some(office) = open(path, acting, roles, act)? else { return Ok(Answer::No) };
    match command {
        Restrict::Add { which, ground, said, recipients, .. } => {
            let Some(found) = concerned(&office, which, Bounds::None, &said.reference)? else { return Ok(Answer::No) };
            let recipients = office.recipients(recipients);
            let says = Says::Restriction { concerns: found.concerns, ground: *ground, recipients };
            let Some(number) = office.say(says, said, found.count)? else { return Ok(Answer::No) };
            office.have_gate(&Request::Rights, "the running gate takes it up within the hour");
            office.tell(number, "restriction", found.count)?;
        }
        Restrict::Notice { number, on, reason, letter, .. } => {
            return notice(&office, *number, *on, reason, &letter.out);
        }
        Restrict::Lift { number, told, said, .. } => {
            let told = office.past("--told", *told)?;
            let today = crate::rights::today(&office.config.time_zone);
            if let Some(on) = announced(&office, *number)?.filter(|on| *on > today) {
                eprintln!("restriction {number} stands until {on}: that is the day the person was told");
                return Ok(Answer::No);
            }
            if office.say(Says::Lifted { of: *number, told }, said, 0)?.is_none() {
                return Ok(Answer::No);
            }
            office.have_gate(&Request::Rights, "the running gate takes it up within the hour");
            answer(&format!("restriction {number} is lifted\n"))?;
        }
        Restrict::List(listing) => {
            let statements = office.statements()?;
            let restricting = statements.all().iter().filter(|entry| match entry.what.says {
                Says::Restriction { .. } => true,
                _ => statements.is_restricting(entry),
            });
            let state = |entry: &Entry<Statement>| if statements.is_restricting(entry) { "in force" } else { "lifted" };
            let line = |entry| {
                let untold = statements.untold(entry).into_iter().map(str::to_owned).collect();
                Line::of(entry, state(entry), untold, &office.config.time_zone)
            };
            list(&office, &restricting.map(line).collect::<Vec<_>>(), listing.output.json)?;
        }
        Restrict::Read { number, reason, consented, output, .. } => {
            let format = if output.json { Format::Json } else { Format::Table };
            let consented = consented.map(|day| office.past("--consented", day)).transpose()?;
            let consented = consented.map(|day| day.to_string());
            return read(&office, *number, reason, consented, format);
        }
    }
    Ok(Answer::Done)
}

/// Writes the letter that tells the person before a restriction is lifted.
fn notice(office: &Office, number: u64, on: Date, reason: &str, folder: &Path) -> Result<Answer, Wrong> {
    let statements = office.statements()?;
    let restriction = statements.get(number).filter(|entry| matches!(entry.what.says, Says::Restriction { .. }));
    let Some(entry) = restriction.filter(|entry| statements.is_restricting(entry)) else {
        eprintln!("there is no restriction {number} in force: octroi restrict list");
        return Ok(Answer::No);
    };
    let requests = Requests::read(&office.dir(), &office.keys).map_err(Wrong::because)?;
    let Some(request) = requests.get(&entry.what.reference) else {
        eprintln!("the register of requests has no reference {}: nobody to write to", entry.what.reference);
        return Ok(Answer::No);
    };
    let zone = office.config.time_zone.clone();
    let since = Timestamp::from_microsecond(entry.at).unwrap_or_default().to_zoned_datetime(zone).date();
    let letter = Letter::Lifting { since, on, reasons: reason.to_owned() };
    let written = letters::write(office, &letter, request, folder)?;
    let scope = [
        ("step", NOTICE.to_owned()),
        ("number", number.to_string()),
        ("on", on.to_string()),
        ("reference", request.reference.clone()),
    ];
    office.note("request", scope, 1)?;
    if let Some(path) = written {
        eprintln!("letter: {}; once it is sent, octroi restrict lift {number} --told DATE", path.display());
    }
    Ok(Answer::Done)
}

/// The day on which the person was last told that a restriction would be lifted, as the audit trail has it.
fn announced(office: &Office, number: u64) -> Result<Option<Date>, Wrong> {
    let acts = audit::read(&office.dir()).map_err(Wrong::because)?.acts;
    let number = number.to_string();
    let is_notice = |act: &&audit::Act| {
        let has = |name: &str, value: &str| act.scope.get(name).is_some_and(|said| said == value);
        act.act == "request" && has("step", NOTICE) && has("number", &number)
    };
    Ok(acts.iter().rev().find(is_notice).and_then(|act| act.scope.get("on")?.parse().ok()))
}

/// Shows the records that a statement keeps from being shown; the act is noted before anything is.
fn read(
    office: &Office,
    number: u64,
    reason: &str,
    consented: Option<String>,
    format: Format,
) -> Result<Answer, Wrong> {
    let statements = office.statements()?;
    let Some(entry) = statements.get(number).filter(|entry| statements.is_restricting(entry)) else {
        eprintln!("statement {number} restricts nothing: octroi restrict list");
        return Ok(Answer::No);
    };
    let Some(concerns) = entry.what.says.concerns() else { return Ok(Answer::No) };
    let runtime = runtime()?;
    bring_up_to_date(&office.config, &runtime)?;
    let query = match concerns {
        Concerns::Records(_) => Search::default(),
        Concerns::User(_, Span { from, to }) | Concerns::Client(_, Span { from, to }) => {
            Search { from: *from, to: *to, ..Search::default() }
        }
    };
    let mut records = Vec::new();
    visit(office, &runtime, &query, |record| {
        if statements.of(record).iter().any(|entry| entry.number == number) {
            records.push(record.clone());
        }
    })?;
    let mut scope = BTreeMap::from([
        ("statement".to_owned(), number.to_string()),
        ("reference".to_owned(), entry.what.reference.clone()),
    ]);
    scope.extend(consented.map(|day| ("consented".to_owned(), day)));
    let purpose = Some(Purpose::Rights.code());
    office.actor.note(&office.config, "read restricted", purpose, Some(reason), scope, records.len() as u64)?;
    let shown: Vec<Shown> = records.into_iter().map(|record| Shown::stated(record, None, &statements)).collect();
    answer(&format::all(format, &shown, &office.config.time_zone).map_err(Wrong::because)?)?;
    eprintln!("{} read", plural(shown.len() as u64, "record", "records"));
    Ok(if shown.is_empty() { Answer::No } else { Answer::Done })
}
