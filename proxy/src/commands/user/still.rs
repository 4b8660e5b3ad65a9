//! A suspended role stands still: whoever has the shell gives an account another password, or opens it again, and could pass for its
//! holder. So its roles that bear names open nothing until a second person has had them given anew, and its holder has signed
//! anew. A holder who proves who they are by the password before (`--as`) keeps theirs.

use super::super::Wrong;
use super::role::is_open;
use crate::access::{self, Actor};
use crate::accounts::file;
use crate::accounts::rule::Name;
use crate::cli::As;
use crate::config::Config;
use logstore::people::{Event, People, Role};
use logstore::{Ledger, OpenLedger};
use std::collections::BTreeMap;

/// Before an account is changed by who did not prove to be its holder: its roles that bear names stand still from now on.
pub(super) fn suspend(config: &Config, name: &Name, change: &str) -> Result<(), Wrong> {
    let account = name.as_str();
    let bearing = |people: &People| {
        let roles = people.roles(account).map(|(role, _)| role).filter(|role| role.bears_names());
        roles.map(Role::name).collect::<Vec<_>>()
    };
    if bearing(&access::people(config)?).is_empty() {
        return Ok(());
    }
    let Some(actor) = access::first(config, &As::default(), "user")? else { return Ok(()) };
    note(config, &actor, name, change, true)?;
    let keys = access::keys(config)?;
    let mut ledger = OpenLedger::open(&config.register_dir(), &keys, Ledger::People).map_err(Wrong::because)?;
    let roles = bearing(&People::of(&ledger.read().map_err(Wrong::because)?));
    let event = Event::Suspended { account: account.to_owned(), change: change.to_owned() };
    ledger.add(actor.who(), &event).map_err(Wrong::because)?;
    drop(ledger);
    let add: Vec<String> = roles.iter().map(|role| format!("--add {role}")).collect();
    eprintln!(
        "{name}'s roles {} stand still, since it is not {name} who did this: `octroi user role {name} {} --as {name}`, another person \
         approves, the same again, and then `octroi user undertake {name}`",
        roles.join(", "),
        add.join(" ")
    );
    tell_who_approves(config)
}

/// Notes that an account which has roles that bear names was closed, or that its holder gave it another password.
pub(super) fn touched(config: &Config, name: &Name, change: &str, by: Option<Actor>) -> Result<(), Wrong> {
    if !access::people(config)?.roles(name.as_str()).any(|(role, _)| role.bears_names()) {
        return Ok(());
    }
    let is_holder = by.is_some();
    let actor = match by {
        Some(actor) => Some(actor),
        None => access::first(config, &As::default(), "user")?,
    };
    let Some(actor) = actor else { return Ok(()) };
    note(config, &actor, name, change, false)?;
    if is_holder { Ok(()) } else { tell_who_approves(config) }
}

fn note(config: &Config, actor: &Actor, name: &Name, change: &str, suspends: bool) -> Result<(), Wrong> {
    let mut scope =
        BTreeMap::from([("account".to_owned(), name.to_string()), ("change".to_owned(), change.to_owned())]);
    scope.extend(suspends.then(|| ("roles".to_owned(), "suspended".to_owned())));
    actor.note(config, "account", None, None, scope, 0)
}

/// Says how to go on when nobody is left who approves.
fn tell_who_approves(config: &Config) -> Result<(), Wrong> {
    let people = access::people(config)?;
    let table = file::read(&file::path(&config.data_dir)).map_err(Wrong::because)?;
    let is_left = |account: &str| is_open(&table, account) && !people.is_suspended(account, Role::Approver);
    if people.had_approver() && !people.holders(Role::Approver).any(is_left) {
        eprintln!(
            "nobody is left who approves, so that no name opens: `octroi user role ACCOUNT --add approver` announces another for 72 \
             hours, and names them when it is said again after that"
        );
    }
    Ok(())
}
