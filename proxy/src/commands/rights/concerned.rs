//! Which records a statement concerns: found before anything is written, so that a slip of the pen concerns nobody.

use super::super::when::{Day, instant};
use super::super::{Wrong, plural, runtime};
use super::Office;
use super::whose::{Asker, asker};
use crate::access;
use crate::cli::rights::Which;
use crate::commands::log::bring_up_to_date;
use jiff::Timestamp;
use logstore::statements::{Concerns, Place, Span};
use logstore::{Record, Search};
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// Which bounds a time must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bounds {
    /// None: what is to come is meant too.
    None,
    /// Both: what is meant is what there is.
    Both,
}

/// What was found.
pub(super) struct Concerned {
    pub(super) concerns: Concerns,
    /// How many records there are now.
    pub(super) count: u64,
}

/// The records there are; `None` when there are none, or not only of who made the request of this reference, which was said.
pub(super) fn concerned(
    office: &Office,
    which: &Which,
    bounds: Bounds,
    reference: &str,
) -> Result<Option<Concerned>, Wrong> {
    let zone = &office.config.time_zone;
    let from = which.from.as_deref().map(|text| instant("--from", text, zone, Day::Begins)).transpose()?;
    let to = which.to.as_deref().map(|text| instant("--to", text, zone, Day::Ends)).transpose()?;
    if from.zip(to).is_some_and(|(from, to)| from >= to) {
        return Err(Wrong("--from is later than --to".to_owned()));
    }
    if bounds == Bounds::Both && which.ids.is_empty() && (from.is_none() || to.is_none()) {
        return Err(Wrong("of which time? give --from and --to".to_owned()));
    }
    let Some(asker) = asker(&office.config, &office.keys, &office.actor, reference)? else { return Ok(None) };
    let runtime = runtime()?;
    bring_up_to_date(&office.config, &runtime)?;
    let span = Span { from: from.map(|at| at.as_microsecond()), to: to.map(|at| at.as_microsecond()) };
    let concerns = match (&which.user, which.client) {
        (Some(user), _) => Concerns::User(user.clone(), span),
        (None, Some(client)) => Concerns::Client(client.to_canonical(), span),
        (None, None) => {
            let (mut places, mut others) = (Vec::new(), 0);
            for id in which.ids.iter().copied().collect::<BTreeSet<_>>() {
                let mut found = None;
                visit(office, &runtime, &Search { id: Some(id), ..Search::default() }, |record| {
                    found = Some(Place { day: day(record), id });
                    others += u64::from(!asker.has(record));
                })?;
                let Some(place) = found else {
                    eprintln!("there is no record {id}");
                    return Ok(None);
                };
                places.push(place);
            }
            let count = places.len() as u64;
            if others > 0 {
                asker.refuse(&foreign(others, count));
                return Ok(None);
            }
            return Ok(Some(Concerned { concerns: Concerns::Records(places), count }));
        }
    };
    if let Some(user) = which.user.as_ref().filter(|user| !asker.is_called(user)) {
        asker.refuse(&format!("{user} is no account of"));
        return Ok(None);
    }
    let (count, others_records) = count(office, &runtime, &concerns, span, &asker)?;
    if others_records > 0 {
        asker.refuse(&foreign(others_records, count));
        return Ok(None);
    }
    if count == 0
        && !(bounds == Bounds::None && which.user.as_ref().map_or(Ok(false), |user| has_account(office, user))?)
    {
        eprintln!("nothing found: no record in this register is concerned, and nothing is written");
        return Ok(None);
    }
    if let Concerns::User(user, _) = &concerns {
        for other in others(office, user)? {
            eprintln!("{user} is also {other}: a statement reaches what it names alone, say the same of it");
        }
    }
    Ok(Some(Concerned { concerns, count }))
}

/// Under what else this person is in the register.
fn others(office: &Office, user: &str) -> Result<Vec<String>, Wrong> {
    let people = access::people(&office.config)?;
    let person = people.owner(user, Timestamp::now().as_microsecond());
    let accounts = people.accounts(person).into_iter().filter(|(name, _)| !name.eq_ignore_ascii_case(user));
    let addresses = people.addresses(person).into_iter().map(|(address, _)| format!("the address {address}"));
    Ok(accounts.map(|(name, _)| format!("the account {name}")).chain(addresses).collect())
}

/// That so many of the records are not whose they should be.
fn foreign(others: u64, count: u64) -> String {
    format!("{others} of {} are not known to be", plural(count, "record", "records"))
}

/// How many records there are now, and how many of them are not those of who asked.
fn count(
    office: &Office,
    runtime: &tokio::runtime::Runtime,
    concerns: &Concerns,
    span: Span,
    asker: &Asker,
) -> Result<(u64, u64), Wrong> {
    let (mut count, mut others) = (0, 0);
    let mut query = Search { from: span.from, to: span.to, ..Search::default() };
    match concerns {
        Concerns::User(user, _) => (query.user, query.any_case) = (Some(user.clone()), true),
        Concerns::Client(client, _) => query.client = Some((*client).into()),
        Concerns::Records(_) => {}
    }
    visit(office, runtime, &query, |record| {
        let covered = concerns.covers(record);
        count += u64::from(covered);
        others += u64::from(covered && !asker.has(record));
    })?;
    Ok((count, others))
}

/// Whether the account is one of the gate's, which may have no record yet.
pub(super) fn has_account(office: &Office, user: &str) -> Result<bool, Wrong> {
    use crate::accounts::file;
    let table = file::read(&file::path(&office.config.data_dir)).map_err(Wrong::because)?;
    Ok(table.accounts.contains_key(&user.to_lowercase()))
}

/// Shows each record; a day that cannot be read is an error here: what it holds may be concerned.
pub(super) fn visit(
    office: &Office,
    runtime: &tokio::runtime::Runtime,
    query: &Search,
    mut each: impl FnMut(&Record),
) -> Result<(), Wrong> {
    let dir = office.dir();
    let visited = logstore::visit(&dir, &office.keys, query, |record| {
        each(&record);
        ControlFlow::Continue(())
    });
    let unread = runtime.block_on(visited).map_err(Wrong::because)?;
    unread.into_iter().next().map_or(Ok(()), |unread| Err(Wrong::because(unread)))
}

/// The UTC day of a record.
fn day(record: &Record) -> String {
    super::instant(record.opened_at).get(..10).unwrap_or_default().to_owned()
}
