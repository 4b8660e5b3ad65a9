//! Names opened for a search: by a scope that somebody else approved, or, as long as one person acts alone, by a purpose and a
//! reason.
//!
//! By a scope nothing is found beyond it, whatever is asked: its persons, addresses, hosts and time cut the search.

use super::{Filter, scope, trace};
use crate::access::{self, Actor, Grant};
use crate::cli::Search;
use crate::commands::scope::{remind, shut};
use crate::commands::{Wrong, plural};
use crate::config::{Config, Purpose};
use ipnet::IpNet;
use jiff::Timestamp;
use logstore::approvals::{self, Asked, Kind, Request, Standing, Subject};
use logstore::people::{People, Role};
use logstore::{HostFilter, Record};

/// What names were opened for, and by what.
pub(super) struct Opening<'o> {
    /// The code of the purpose.
    pub(super) purpose: &'o str,
    /// The reason given.
    pub(super) reason: &'o str,
    /// Who looks.
    pub(super) actor: Actor,
    by_scope: Option<ByScope<'o>>,
}

/// An open scope.
struct ByScope<'o> {
    grant: Grant<'o>,
    asked: Asked,
    people: People,
    /// What was known of accounts when it was approved.
    approved: People,
}

/// What a look came to.
pub(super) enum Opened<'o> {
    /// No purpose was given: pseudonyms.
    No,
    /// Names.
    Yes(Box<Opening<'o>>),
    /// They were asked for and stay closed; that was said.
    Refused,
}

/// The records that a scope lets be seen.
pub(super) struct Within {
    asked: Asked,
    people: People,
    approved: People,
    /// Whom the search asks for, of those.
    person: Option<String>,
}

/// Opens names, if a purpose and a reason ask for them. A purpose that is not declared is refused, and that it was asked for is
/// kept.
pub(super) fn opening<'o>(config: &'o Config, asked: &'o Search) -> Result<Opened<'o>, Wrong> {
    let (Some(code), Some(reason)) = (&asked.purpose, &asked.reason) else {
        if asked.acting.acting.is_some() {
            return Err(Wrong::because("--as opens names: say --purpose and --reason too"));
        }
        return Ok(Opened::No);
    };
    if reason.trim().is_empty() {
        return Err(Wrong::because("a reason says why names are needed: this one is empty"));
    }
    let reason = reason.trim();
    let declared = &config.log.purposes;
    if Purpose::of_code(code).filter(|purpose| declared.contains(purpose)).is_none() {
        trace(config, "search refused", Some((code, reason)), scope(asked), 0, None)?;
        let known: Vec<&str> = declared.iter().map(|purpose| purpose.code()).collect();
        return Err(Wrong::because(format!(
            "`{code}` is not a declared purpose of the register; `[log] purposes` has: {}",
            known.join(", ")
        )));
    }
    let Some(actor) = access::enter(config, &asked.acting, &[Role::Investigator], "log search")? else {
        return Ok(Opened::Refused);
    };
    // The charter's steps bind whoever acts alone as well.
    let why = shut(config, code).filter(|_| !actor.is_alone() || code == Purpose::Charter.code());
    let found = match why {
        Some(why) => Err(why),
        None if actor.is_alone() => {
            return Ok(Opened::Yes(Box::new(Opening { purpose: code, reason, actor, by_scope: None })));
        }
        None => by_scope(config, &actor, code, asked)?,
    };
    match found {
        Ok(by_scope) => Ok(Opened::Yes(Box::new(Opening { purpose: code, reason, actor, by_scope: Some(by_scope) }))),
        Err(why) => {
            trace(config, "search refused", Some((code, reason)), scope(asked), 0, Some(&actor))?;
            eprintln!("refused: {why}");
            Ok(Opened::Refused)
        }
    }
}

/// The newest open scope of the actor's that reaches what is asked for; or why there is none.
fn by_scope<'o>(
    config: &'o Config,
    actor: &Actor,
    purpose: &str,
    asked: &Search,
) -> Result<Result<ByScope<'o>, String>, Wrong> {
    let (keys, people) = (access::keys(config)?, access::people(config)?);
    let approvals = approvals::read(&config.register_dir(), &keys).map_err(Wrong::because)?;
    let now = approvals.now();
    let theirs = |request: &&Request| {
        let scope = &request.asked;
        let open = request.may_use(actor.who(), &people, &now).is_ok();
        scope.kind == Kind::Scope && scope.purpose.as_deref() == Some(purpose) && open
    };
    let mut open: Vec<&Request> = approvals.requests().filter(theirs).collect();
    if open.is_empty() {
        return Ok(Err(format!(
            "{} has no open scope for the purpose `{purpose}`: `octroi scope request`, and another person approves",
            actor.who()
        )));
    }
    open.retain(|request| reaches(&request.asked, asked, &people));
    let Some(request) = open.last() else {
        return Ok(Err("no open scope reaches what is asked for: `octroi scope list` says what they reach".into()));
    };
    if let Standing::Open { left } = request.standing(&now) {
        let minutes = plural(u64::try_from(left / 60_000_000).unwrap_or(0), "minute", "minutes");
        let number = request.number;
        eprintln!("by request {number}, open for {minutes} more; nothing beyond it is shown: {}", told(&request.asked));
    }
    remind(config);
    let grant = Grant::by_request(config, request.number, actor.who());
    let (asked, approved) = (request.asked.clone(), request.people());
    Ok(Ok(ByScope { grant, asked, people, approved }))
}

/// Whom, what and when a scope reaches, in a line.
fn told(asked: &Asked) -> String {
    let about: Vec<String> = asked.about.iter().map(ToString::to_string).collect();
    let at = |micros: i64| Timestamp::from_microsecond(micros).map(|at| format!("{at:.0}")).unwrap_or_default();
    let period = asked.period;
    let span = period.from.zip(period.to).map(|(from, to)| format!(", from {} to {}", at(from), at(to)));
    format!("{}{}", about.join(", "), span.unwrap_or_default())
}

/// Whether a search can find anything by a scope: nobody and nothing is asked for by name that it does not reach. Whatever
/// else is found beyond it is cut.
fn reaches(scope: &Asked, asked: &Search, people: &People) -> bool {
    let (mut users, mut clients, mut hosts) = (Vec::new(), Vec::new(), Vec::new());
    for subject in &scope.about {
        match subject {
            Subject::User(user) => users.push(user),
            Subject::Client(network) => clients.push(network),
            Subject::Host(host) => hosts.push(host),
        }
    }
    let user = asked.user.as_deref().filter(|user| !super::is_pseudonym(user, "p-"));
    let client = asked.client.as_deref().filter(|client| !super::is_pseudonym(client, "a-"));
    // A person on an address that is in scope, or the address of a person who is, narrows the search.
    let user = user.is_none_or(|wanted| {
        !clients.is_empty() || users.is_empty() || users.iter().any(|user| people.same_person(user, wanted))
    });
    let client = client.is_none_or(|wanted| {
        let Ok(wanted) = super::network(wanted) else { return false };
        let overlap = |network: &&IpNet| network.contains(&wanted) || wanted.contains(*network);
        !users.is_empty() || clients.is_empty() || clients.iter().any(overlap)
    });
    let host = asked.host.as_deref().is_none_or(|wanted| {
        let Ok(HostFilter::Exactly(wanted) | HostFilter::WithSubdomains(wanted)) = super::host_filter(wanted) else {
            return false;
        };
        let below = |name: &str, of: &str| HostFilter::WithSubdomains(of.to_owned()).covers(name);
        hosts.is_empty() || hosts.iter().any(|host| below(host, &wanted) || below(&wanted, host))
    });
    user && client && host
}

impl Opening<'_> {
    /// Cuts a search to the scope.
    pub(super) fn cut(&self, filter: &mut Filter) {
        let Some(ByScope { asked, people, approved, .. }) = &self.by_scope else { return };
        let search = &mut filter.search;
        search.from = search.from.into_iter().chain(asked.period.from).max();
        search.to = search.to.into_iter().chain(asked.period.to).min();
        let person = search.user.take().map(|user| people.owner(&user, search.to.unwrap_or(i64::MAX) - 1).to_owned());
        // Of a person with one account the register finds the records by itself.
        let only = match (&person, asked.about.as_slice()) {
            (Some(person), _) => Some(person),
            (None, [Subject::User(person)]) => Some(person),
            _ => None,
        };
        search.user = only.filter(|person| people.accounts(person).len() == 1).cloned();
        let (people, approved) = (people.clone(), approved.clone());
        filter.within = Some(Within { asked: asked.clone(), people, approved, person });
    }

    /// Counts in the scope what is going to be shown.
    pub(super) fn count(&self, records: usize) -> Result<(), Wrong> {
        self.by_scope.as_ref().map_or(Ok(()), |by_scope| by_scope.grant.count(records as u64))
    }

    /// The number of the scope, for the audit trail.
    pub(super) fn number(&self) -> Option<u64> {
        self.by_scope.as_ref().and_then(|by_scope| by_scope.grant.number())
    }
}

impl Within {
    /// Whether a record may be seen: no account that was linked since the approval is opened by it, nor one that was found since not
    /// to be the person's.
    pub(super) fn holds(&self, record: &Record) -> bool {
        let user = || record.user.as_deref().map(|user| self.people.owner(user, record.opened_at).to_lowercase());
        self.asked.covers(record, &self.people)
            && self.asked.covers(record, &self.approved)
            && self.person.as_ref().is_none_or(|person| user() == Some(person.to_lowercase()))
    }
}
