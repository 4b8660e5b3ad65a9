//! `octroi log search`: the register, shown with pseudonyms, or with names to who says what for.
//!
//! Opening names asks for a declared purpose and a reason, and leaves its trace before anything is shown: an opening
//! that cannot be audited does not take place.

mod format;
mod pages;

use super::when::{Day, instant};
use super::{Answer, Wrong, answer, configuration, plural};
use crate::cli::{Format, Log, Search};
use crate::config::{Config, Durability, Purpose};
use crate::control::{self, AskError, Request};
use crate::shown::Shown;
use ipnet::IpNet;
use logstore::audit::{self, Act};
use logstore::pseudonym::Pseudonyms;
use logstore::{HostFilter, Settings};
use policy::Target;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

/// Runs one of the register's commands.
pub(crate) fn log(path: Option<&Path>, command: &Log) -> Result<Answer, Wrong> {
    let config = configuration(path)?;
    match command {
        Log::Search(asked) => search(&config, asked),
    }
}

/// What names were opened for.
struct Opening<'o> {
    purpose: Purpose,
    reason: &'o str,
}

fn search(config: &Config, asked: &Search) -> Result<Answer, Wrong> {
    let opening = opening(config, asked)?;
    let filter = filter(config, asked, opening.is_some())?;
    let pseudonyms = Pseudonyms::open(&config.data_dir.join("keys/pseudonyms")).map_err(Wrong::because)?;
    let runtime = super::runtime()?;
    bring_up_to_date(config, &runtime)?;
    // One more than is shown, to know whether there are more.
    let limit = asked.limit.saturating_add(1);
    let found = runtime.block_on(pages::search(&config.register_dir(), &filter, &pseudonyms, limit, pages::PAGE));
    let mut records = found.map_err(Wrong::because)?;
    let cut = records.len() > asked.limit;
    if cut {
        // They come oldest first.
        records.remove(0);
    }
    if let Some(opening) = &opening {
        trace(config, "search", Some(opening.purpose.code()), opening.reason, asked, records.len())?;
    }
    let names = opening.is_none().then_some(&pseudonyms);
    let shown: Vec<Shown> = records.into_iter().map(|record| Shown::new(record, names)).collect();
    answer(&match if asked.json { Format::Json } else { asked.format } {
        Format::Table => format::table(&shown, &config.time_zone),
        Format::Json => format::json(&shown),
        Format::Csv => format::csv(&shown),
        Format::Squid => format::squid(&shown),
    })?;
    if cut {
        let newest = plural(asked.limit as u64, "record", "records");
        eprintln!("there are more: only the newest {newest} shown (--limit)");
    }
    if shown.is_empty() {
        eprintln!("nothing found");
        return Ok(Answer::No);
    }
    Ok(Answer::Done)
}

/// The purpose and reason given, if names are to be shown. A purpose that is not declared is refused, and that it was
/// asked for is kept.
fn opening<'o>(config: &Config, asked: &'o Search) -> Result<Option<Opening<'o>>, Wrong> {
    let (Some(code), Some(reason)) = (&asked.purpose, &asked.reason) else { return Ok(None) };
    if reason.trim().is_empty() {
        return Err(Wrong("a reason says why names are needed: this one is empty".to_owned()));
    }
    let declared = &config.log.purposes;
    if let Some(purpose) = Purpose::of_code(code).filter(|purpose| declared.contains(purpose)) {
        return Ok(Some(Opening { purpose, reason: reason.trim() }));
    }
    trace(config, "search refused", Some(code), reason, asked, 0)?;
    let known: Vec<&str> = declared.iter().map(|purpose| purpose.code()).collect();
    Err(Wrong(format!(
        "`{code}` is not a declared purpose of the register; `[log] purposes` has: {}",
        known.join(", ")
    )))
}

fn trace(
    config: &Config,
    act: &str,
    purpose: Option<&str>,
    reason: &str,
    asked: &Search,
    count: usize,
) -> Result<(), Wrong> {
    let act = Act {
        at: String::new(),
        who: who(),
        act: act.to_owned(),
        purpose: purpose.map(str::to_owned),
        reason: Some(reason.to_owned()),
        scope: scope(asked),
        count: count as u64,
    };
    crate::files::private_dir(&config.register_dir()).map_err(Wrong::because)?;
    audit::add(&config.register_dir(), act)
        .map_err(|why| Wrong(format!("names stay closed, because the audit trail cannot be written: {why}")))
}

/// The filters as they were given.
fn scope(asked: &Search) -> BTreeMap<String, String> {
    let filters = [
        ("user", asked.user.clone()),
        ("client", asked.client.clone()),
        ("host", asked.host.clone()),
        ("from", asked.from.clone()),
        ("to", asked.to.clone()),
        ("id", asked.id.map(|id| id.to_string())),
        ("limit", Some(asked.limit.to_string())),
    ];
    filters.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// The account that runs this command, as the operating system knows it: the one it logged in with, when another has
/// been taken since (`sudo`), which the kernel remembers.
fn who() -> String {
    let now = rustix::process::getuid().as_raw();
    let login = std::fs::read_to_string("/proc/self/loginuid").ok().and_then(|text| text.trim().parse::<u32>().ok());
    match login {
        Some(login) if login != now && login != u32::MAX => format!("{} as {}", account(login), account(now)),
        _ => account(now),
    }
}

fn account(uid: u32) -> String {
    let table = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = table.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    named.unwrap_or_else(|| format!("uid {uid}"))
}

/// Whom and what is looked for.
pub(super) struct Filter {
    /// What the register can look for itself.
    pub(super) search: logstore::Search,
    /// A person's pseudonym, which is another every month.
    pub(super) user: Option<String>,
    /// An address's pseudonym.
    pub(super) client: Option<String>,
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
        let target = Target::of_host(host).map_err(|why| Wrong(format!("{host}: {why}")))?;
        let host = target.host().to_owned();
        // An address has no subdomains.
        let exact = target.ip().is_some();
        filter.search.host = Some(if exact { HostFilter::Exactly(host) } else { HostFilter::WithSubdomains(host) });
    }
    Ok(filter)
}

fn is_pseudonym(text: &str, prefix: &str) -> bool {
    let rest = text.strip_prefix(prefix);
    rest.is_some_and(|rest| {
        rest.len() == 10 && rest.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase())
    })
}

fn network(text: &str) -> Result<IpNet, Wrong> {
    let address = text.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical()));
    address.or_else(|_| text.parse()).map_err(|_| Wrong(format!("{text}: expected an address or a network")))
}

/// Has everything recorded so far filed, so that the search finds it.
fn bring_up_to_date(config: &Config, runtime: &tokio::runtime::Runtime) -> Result<(), Wrong> {
    match control::ask(&config.data_dir, Request::Flush) {
        Ok(control::Answer::Flushed) => {}
        Err(AskError::NoGate) => {
            let recovered = runtime.block_on(logstore::settle_leftovers(&settings(config))).map_err(Wrong::because)?;
            if let Some(recovery) = recovered.filter(|recovery| recovery.interrupted > 0) {
                let records = plural(recovery.interrupted, "record", "records");
                eprintln!("{records} that a crash left open, now closed as interrupted");
            }
        }
        Ok(control::Answer::Failed { why }) => eprintln!("warning: the newest records may be missing: {why}"),
        Ok(other) => return Err(super::status::unexpected(other)),
        Err(AskError::Broken(why)) => eprintln!("warning: the newest records may be missing: {why}"),
    }
    Ok(())
}

fn settings(config: &Config) -> Settings {
    Settings {
        dir: config.register_dir(),
        node: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        durability: match config.log.durability {
            Durability::Process => logstore::Durability::Process,
            Durability::Power => logstore::Durability::Power,
        },
    }
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

    #[test]
    fn accounts_of_the_system_have_names() {
        assert_eq!(account(0), "root");
        assert_eq!(account(4_000_000_000), "uid 4000000000");
    }
}
