//! `octroi log search`: the register, shown with pseudonyms, or with names to who says what for.
//!
//! Opening names asks for a declared purpose and a reason. Every look leaves its trace before anything is shown, under
//! pseudonyms as well: who knows a reference knows a pseudonym, and with it a month. One that cannot be audited does not
//! take place.

mod find;
pub(in crate::commands) mod format;
mod names;
mod purge;
mod rekey;
pub(super) mod stats;
mod tail;
mod verify;

use super::when::{Day, instant};
use super::{Answer, Wrong, answer, configuration, plural};
use crate::access::Actor;
use crate::cli::{Format, Log, Search};
use crate::config::Config;
use crate::control::{self, AskError, Request};
use crate::held::Held;
use crate::register;
use crate::shown::Shown;
use ipnet::IpNet;
use logstore::audit::{self, Act};
use logstore::{HostFilter, Recovery};
use names::{Opened, Within};
use policy::Target;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

/// Runs one of the register's commands.
pub(crate) fn log(path: Option<&Path>, command: &Log) -> Result<Answer, Wrong> {
    let config = configuration(path)?;
    match command {
        Log::Search(asked) => search(&config, asked),
        Log::Tail(asked) => tail::tail(&config, asked),
        Log::Stats(asked) => stats::stats(&config, asked),
        Log::Verify(asked) => verify::verify(&config, asked),
        Log::Purge(output) => purge::purge(&config, *output),
        Log::Certificates(output) => purge::certificates(&config, *output),
        Log::Rekey(output) => rekey::rekey(&config, *output),
    }
}

fn search(config: &Config, asked: &Search) -> Result<Answer, Wrong> {
    let opening = match names::opening(config, asked)? {
        Opened::No => None,
        Opened::Yes(opening) => Some(opening),
        Opened::Refused => return Ok(Answer::No),
    };
    let mut filter = filter(config, asked, opening.is_some())?;
    if let Some(opening) = &opening {
        opening.cut(&mut filter);
    }
    filter.held = Some(Held::read(config)?);
    let pseudonyms = register::pseudonyms(config).map_err(Wrong::because)?;
    let runtime = super::runtime()?;
    bring_up_to_date(config, &runtime)?;
    let keys = register::keys(config).map_err(Wrong::because)?;
    // One more than is shown, to know whether there are more.
    let limit = asked.limit.saturating_add(1);
    let statements = crate::rights::statements(config).map_err(Wrong)?;
    let dir = config.register_dir();
    let found = find::newest(&dir, &keys, &filter, &pseudonyms, &statements, limit);
    let find::Found { mut records, unread, restricted } = runtime.block_on(found).map_err(Wrong::because)?;
    let cut = records.len() > asked.limit;
    if cut {
        // They come oldest first.
        records.remove(0);
    }
    let mut scope = scope(asked);
    if let Some(opening) = &opening {
        scope.extend(opening.number().map(|number| ("request".to_owned(), number.to_string())));
        let declared = Some((opening.purpose, opening.reason));
        trace(config, "search", declared, scope, records.len(), Some(&opening.actor))?;
        opening.count(records.len())?;
    } else {
        trace(config, "search", None, scope, records.len(), None)?;
    }
    let names = opening.is_none().then_some(&pseudonyms);
    let shown: Vec<Shown> = records.into_iter().map(|record| Shown::stated(record, names, &statements)).collect();
    let format = if asked.json { Format::Json } else { asked.format };
    answer(&format::all(format, &shown, &config.time_zone).map_err(Wrong::because)?)?;
    if cut {
        let newest = plural(asked.limit as u64, "record", "records");
        eprintln!("there are more: only the newest {newest} shown (--limit)");
    }
    if restricted > 0 {
        let records = if restricted == 1 { "1 record is" } else { &format!("{restricted} records are") };
        eprintln!("{records} restricted, and not shown (octroi restrict list)");
    }
    if let Some(held) = filter.held.as_ref().map(Held::met).filter(|held| *held > 0) {
        let records = if held == 1 { "1 record is" } else { &format!("{held} records are") };
        eprintln!("{records} held, and not shown (octroi hold list)");
    }
    for day in &unread {
        eprintln!("not searched: {day}");
    }
    if shown.is_empty() {
        eprintln!("nothing found");
        return Ok(Answer::No);
    }
    Ok(if unread.is_empty() { Answer::Done } else { Answer::No })
}

/// Notes a look, with its purpose and reason if names were asked for.
pub(super) fn trace(
    config: &Config,
    act: &str,
    declared: Option<(&str, &str)>,
    mut scope: BTreeMap<String, String>,
    count: usize,
    actor: Option<&Actor>,
) -> Result<(), Wrong> {
    if let Some(actor) = actor {
        actor.clone().into_scope(&mut scope);
    }
    let act = Act {
        at: String::new(),
        who: actor.map_or_else(register::who, |actor| actor.who().to_owned()),
        act: act.to_owned(),
        purpose: declared.map(|(purpose, _)| purpose.to_owned()),
        reason: declared.map(|(_, reason)| reason.to_owned()),
        scope,
        count: count as u64,
    };
    let refusal = if declared.is_some() { "names stay closed" } else { "nothing is shown" };
    crate::files::private_dir(&config.register_dir()).map_err(Wrong::because)?;
    let keys = register::keys(config).map_err(Wrong::because)?;
    audit::add(&config.register_dir(), &keys, act)
        .map_err(|why| Wrong(format!("{refusal}, because the audit trail cannot be written: {why}")))
}

fn scope(asked: &Search) -> BTreeMap<String, String> {
    given([
        ("user", asked.user.clone()),
        ("client", asked.client.clone()),
        ("host", asked.host.clone()),
        ("from", asked.from.clone()),
        ("to", asked.to.clone()),
        ("id", asked.id.map(|id| id.to_string())),
        ("limit", Some(asked.limit.to_string())),
    ])
}

/// The filters as they were given.
pub(super) fn given<const N: usize>(filters: [(&str, Option<String>); N]) -> BTreeMap<String, String> {
    filters.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// Whom and what is looked for.
pub(super) struct Filter {
    /// What the register can look for itself.
    pub(super) search: logstore::Search,
    /// A person's pseudonym, which is another every month.
    pub(super) user: Option<String>,
    /// An address's pseudonym.
    pub(super) client: Option<String>,
    /// What a scope lets be seen.
    within: Option<Within>,
    /// What is held is not shown.
    held: Option<Held>,
}

fn filter(config: &Config, asked: &Search, open: bool) -> Result<Filter, Wrong> {
    let closed = |what: &str| {
        Err(Wrong(format!("looking for {what} by name opens names: give --purpose and --reason, or a pseudonym")))
    };
    let zone = &config.time_zone;
    let from = asked.from.as_deref().map(|text| instant("--from", text, zone, Day::Begins)).transpose()?;
    let to = asked.to.as_deref().map(|text| instant("--to", text, zone, Day::Ends)).transpose()?;
    if from.zip(to).is_some_and(|(from, to)| from > to) {
        return Err(Wrong("--from is later than --to".to_owned()));
    }
    let mut filter = Filter {
        search: logstore::Search {
            from: from.map(|at| at.as_microsecond()),
            to: to.map(|at| at.as_microsecond()),
            id: asked.id,
            ..logstore::Search::default()
        },
        user: None,
        client: None,
        within: None,
        held: None,
    };
    if let Some(user) = &asked.user {
        if is_pseudonym(user, "p-") {
            filter.user = Some(user.clone());
        } else if open {
            filter.search.user = Some(user.clone());
        } else {
            return closed("a person");
        }
    }
    if let Some(client) = &asked.client {
        if is_pseudonym(client, "a-") {
            filter.client = Some(client.clone());
        } else if open {
            filter.search.client = Some(network(client)?);
        } else {
            return closed("an address");
        }
    }
    if let Some(host) = &asked.host {
        filter.search.host = Some(host_filter(host).map_err(Wrong)?);
    }
    Ok(filter)
}

/// This host and those below it; an address has none below it.
pub(crate) fn host_filter(host: &str) -> Result<HostFilter, String> {
    let target = Target::of_host(host).map_err(|why| format!("{host}: {why}"))?;
    let host = target.host().to_owned();
    Ok(if target.ip().is_some() { HostFilter::Exactly(host) } else { HostFilter::WithSubdomains(host) })
}

/// Whether it is a pseudonym: `p-` or `a-` and ten letters.
pub(crate) fn is_pseudonym(text: &str, prefix: &str) -> bool {
    let rest = text.strip_prefix(prefix);
    rest.is_some_and(|rest| {
        rest.len() == 10 && rest.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase())
    })
}

pub(super) fn network(text: &str) -> Result<IpNet, Wrong> {
    let address = text.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical()));
    address.or_else(|_| text.parse()).map_err(|_| Wrong(format!("{text}: expected an address or a network")))
}

/// Has everything recorded so far filed, so that the search finds it. Says whether a gate runs.
pub(super) fn bring_up_to_date(config: &Config, runtime: &tokio::runtime::Runtime) -> Result<bool, Wrong> {
    match control::ask(&config.data_dir, &Request::Flush) {
        Ok(control::Answer::Flushed) => {}
        Err(AskError::NoGate) => {
            let recovered =
                runtime.block_on(logstore::settle_leftovers(&register::settings(config))).map_err(Wrong::because)?;
            if let Some(recovery) = recovered.as_ref().filter(|recovery| recovery.interrupted > 0) {
                let records = plural(recovery.interrupted, "record", "records");
                eprintln!("{records} that a crash left open, now closed as interrupted");
            }
            if let Some(recovery) = recovered.filter(|recovery| *recovery != Recovery::default()) {
                let keys = register::keys(config).map_err(Wrong::because)?;
                register::note_recovery(&config.register_dir(), &keys, register::who(), recovery);
            }
            return Ok(false);
        }
        Ok(control::Answer::Failed { why }) => eprintln!("warning: the newest records may be missing: {why}"),
        Ok(other) => return Err(super::status::unexpected(other)),
        Err(AskError::Broken(why)) => eprintln!("warning: the newest records may be missing: {why}"),
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pseudonyms_are_told_from_names() {
        assert!(is_pseudonym("p-0123456789", "p-"));
        for name in ["p-dupont", "a-0123456789", "p-ABCDEFGHIJ", "p.0123456789", ""] {
            assert!(!is_pseudonym(name, "p-"), "{name}");
        }
    }
}
