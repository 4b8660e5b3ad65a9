//! Acts that two persons decide: asked for by one, granted when another has approved exactly that.

use super::{Actor, keys, people};
use crate::commands::Wrong;
use crate::commands::export::REQUISITION;
use crate::config::{Config, Purpose};
use jiff::Timestamp;
use logstore::Keys;
use logstore::approvals::{self, Asked, Desk, DeskError, Kind, Request, Standing};
use logstore::audit::Act;
use logstore::people::{People, Role};
use std::collections::BTreeMap;

/// Leave to do what was asked for. Whoever has it counts what was read or done by it, before that is shown or done.
#[derive(Debug)]
pub(crate) struct Grant<'c> {
    config: &'c Config,
    /// The request; none when one person acts alone.
    number: Option<u64>,
    by: String,
}

/// Leave for what `asked` says, and nothing else. When nobody has approved it yet, it is asked for (once, however often it is
/// tried); that is said, and there is nothing: the same person says the same again once it is approved.
pub(crate) fn two_persons<'c>(config: &'c Config, actor: &Actor, asked: Asked) -> Result<Option<Grant<'c>>, Wrong> {
    let by = actor.who().to_owned();
    if actor.is_alone() {
        asked.check().map_err(Wrong::because)?;
        return Ok(Some(Grant { config, number: None, by }));
    }
    let (keys, people) = (keys(config)?, people(config)?);
    let found = {
        let desk = Desk::open(&config.register_dir(), &keys).map_err(Wrong::because)?;
        let now = desk.now();
        let found = desk.approvals().find(&asked, &by, &people, &now);
        found.map(|request| (request.number, request.standing(&now)))
    };
    match found {
        Some((number, Standing::Open { .. })) => Ok(Some(Grant { config, number: Some(number), by })),
        Some((number, _)) => {
            eprintln!("request {number} waits: another person says `octroi scope approve {number} --as ACCOUNT`");
            Ok(None)
        }
        None => {
            if let Some(number) = ask(config, actor, asked)? {
                eprintln!(
                    "request {number}: another person says `octroi scope approve {number} --as ACCOUNT`; then say the same again"
                );
            }
            Ok(None)
        }
    }
}

/// Asks, and notes that. The number of the request; nothing when it may not be asked for, which is said.
pub(crate) fn ask(config: &Config, actor: &Actor, mut asked: Asked) -> Result<Option<u64>, Wrong> {
    let longest = i64::try_from(config.roles.open_for.as_micros()).unwrap_or(i64::MAX);
    asked.lasts = asked.lasts.min(longest);
    let (keys, people): (Keys, _) = (keys(config)?, people(config)?);
    let mut desk = Desk::open(&config.register_dir(), &keys).map_err(Wrong::because)?;
    let number = match desk.ask(actor.who(), asked.clone(), &people) {
        Ok(number) => number,
        Err(DeskError::Refused(why)) => {
            eprintln!("refused: {why}");
            return Ok(None);
        }
        Err(DeskError::Ledger(why)) => return Err(Wrong::because(why)),
    };
    drop(desk);
    let act = if asked.incident.is_some() { "break-glass" } else { "asked" };
    actor.note(config, act, asked.purpose.as_deref(), Some(&asked.reason), noted(number, &asked), 0)?;
    Ok(Some(number))
}

/// Whether an act is the requisition desk's alone to know, and of who approves it: a requisition, or a hold for one, which says so
/// by a field `judicial`.
pub(crate) fn is_restricted(kind: Kind, fields: &BTreeMap<String, String>) -> bool {
    kind == Kind::Requisition || fields.contains_key("judicial")
}

/// The same of an act of the audit trail: also whatever the requisition desk did in that role.
pub(crate) fn is_restricted_act(act: &Act) -> bool {
    let says = |name: &str, value: &str| act.scope.get(name).is_some_and(|said| said == value);
    act.act == REQUISITION
        || act.purpose.as_deref() == Some(Purpose::Judicial.code())
        || says("kind", Kind::Requisition.name())
        || says("role", Role::Judicial.name())
        // Somebody tried, and was refused.
        || says("act", "export requisition")
        || says("ground", "judicial")
        || act.scope.contains_key("judicial")
}

/// Whether an act is hidden from somebody: whom a requisition or a hold for one is about does not learn of it, whatever their role,
/// unless it is they who asked.
pub(crate) fn is_hidden(request: &Request, account: &str, people: &People) -> bool {
    is_restricted(request.asked.kind, &request.asked.fields)
        && request.asked.is_about(account, people)
        && !people.same_person(&request.by, account)
}

/// Who is in charge of an act: whoever does it, and the second person.
pub(crate) fn in_charge(config: &Config, actor: &Actor, grant: &Grant<'_>) -> Result<Vec<String>, Wrong> {
    let mut persons = vec![actor.who().to_owned()];
    if let Some(number) = grant.number() {
        let approvals = approvals::read(&config.register_dir(), &keys(config)?).map_err(Wrong::because)?;
        let request = approvals.get(number).map_err(Wrong::because)?;
        persons.extend(request.approved.as_ref().map(|approved| approved.by.clone()));
    }
    Ok(persons)
}

/// What the audit trail says of a request.
pub(crate) fn noted(number: u64, asked: &Asked) -> BTreeMap<String, String> {
    let instant = |micros: i64| Timestamp::from_microsecond(micros).map(|at| at.to_string()).unwrap_or_default();
    let about: Vec<String> = asked.about.iter().map(ToString::to_string).collect();
    let mut scope = asked.fields.clone();
    scope.insert("request".to_owned(), number.to_string());
    scope.insert("kind".to_owned(), asked.kind.name().to_owned());
    let given = [
        ("about", Some(about.join(", ")).filter(|about| !about.is_empty())),
        ("from", asked.period.from.map(instant)),
        ("to", asked.period.to.map(instant)),
        ("longer", asked.longer.clone()),
        ("incident", asked.incident.clone()),
    ];
    scope.extend(given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    scope
}

impl<'c> Grant<'c> {
    /// Leave by a request that is open.
    pub(crate) fn by_request(config: &'c Config, number: u64, by: &str) -> Grant<'c> {
        Grant { config, number: Some(number), by: by.to_owned() }
    }

    /// The request it rests on; none when one person acts alone.
    pub(crate) fn number(&self) -> Option<u64> {
        self.number
    }

    /// Counts that so many records are read or touched, before they are. Fails when it is no longer open.
    pub(crate) fn count(&self, count: u64) -> Result<(), Wrong> {
        self.at_desk(|desk, number| desk.count(number, &self.by, &people(self.config)?, count).map_err(Wrong::because))
    }

    /// Closes it: what it was for is done.
    pub(crate) fn close(&self) -> Result<(), Wrong> {
        self.at_desk(|desk, number| desk.close(number, &self.by).map(drop).map_err(Wrong::because))
    }

    /// Counts what is done by it, and closes it: it was for one act.
    pub(crate) fn spend(self, count: u64) -> Result<(), Wrong> {
        self.at_desk(|desk, number| {
            desk.count(number, &self.by, &people(self.config)?, count).map_err(Wrong::because)?;
            desk.close(number, &self.by).map(drop).map_err(Wrong::because)
        })
    }

    fn at_desk(&self, act: impl FnOnce(&mut Desk<'_>, u64) -> Result<(), Wrong>) -> Result<(), Wrong> {
        let Some(number) = self.number else { return Ok(()) };
        let keys = keys(self.config)?;
        let mut desk = Desk::open(&self.config.register_dir(), &keys).map_err(Wrong::because)?;
        act(&mut desk, number)
    }
}
