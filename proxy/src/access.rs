//! Who may do what: the one place that says it, for every command that opens names or decides on that.
//!
//! A command calls [`enter`] with the account it was given (`--as`), the roles that may do it, and what it is called. It gets an
//! [`Actor`], or nothing: then the refusal was said and is in the audit trail. An act that two persons decide then calls
//! [`two_persons`], and gets a [`Grant`], or nothing: then it is asked for, and somebody else has to approve.
//!
//! As long as no role that bears names was ever given (`[roles] required`), the account of the operating system acts alone,
//! and is told so.

pub(crate) mod alarm;
pub(crate) mod settings;
mod two;
mod watch;

pub(crate) use two::{Grant, ask, in_charge, is_hidden, is_restricted, is_restricted_act, noted, two_persons};
pub(crate) use watch::{Broken, broken, missing_steps, standing_still, steps_note};

use crate::accounts::rule::Name;
use crate::accounts::{Verification, prompt, tries};
use crate::cli::As;
use crate::commands::Wrong;
use crate::config::{Config, Required};
use crate::register;
use jiff::{SignedDuration, Timestamp};
use logstore::Keys;
use logstore::audit::{self, Act};
use logstore::people::{self, People, Role};
use std::collections::BTreeMap;
use std::sync::Once;

/// Who acts, and in what capacity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Actor {
    who: String,
    role: Option<Role>,
    /// The account of the operating system, beside one that proved who it is.
    system: Option<String>,
    alone: bool,
}

impl Actor {
    /// Whoever proved to be the holder of an account, in no role.
    pub(crate) fn proven(who: String) -> Actor {
        Actor { who, role: None, system: Some(register::who()), alone: false }
    }

    /// The account: one of the gate's, or the operating system's.
    pub(crate) fn who(&self) -> &str {
        &self.who
    }

    /// The role acted in; none where none is asked for yet.
    pub(crate) fn role(&self) -> Option<Role> {
        self.role
    }

    /// Whether no second person is asked for.
    pub(crate) fn is_alone(&self) -> bool {
        self.alone
    }

    /// What the scope of an act says of the actor.
    pub(crate) fn into_scope(self, scope: &mut BTreeMap<String, String>) {
        if let Some(role) = self.role() {
            scope.insert("role".to_owned(), role.name().to_owned());
        }
        if let Some(system) = self.system {
            scope.insert("system".to_owned(), system);
        }
    }

    /// Notes in the audit trail what the actor does, before it is done or shown: what cannot be noted does not take place.
    pub(crate) fn note(
        &self,
        config: &Config,
        act: &str,
        purpose: Option<&str>,
        reason: Option<&str>,
        mut scope: BTreeMap<String, String>,
        count: u64,
    ) -> Result<(), Wrong> {
        self.clone().into_scope(&mut scope);
        let (purpose, reason) = (purpose.map(str::to_owned), reason.map(str::to_owned));
        let act = Act { at: String::new(), who: self.who.clone(), act: act.to_owned(), purpose, reason, scope, count };
        audit::add(&config.register_dir(), &keys(config)?, act)
            .map_err(|why| Wrong::because(format!("nothing is done, because the audit trail cannot be written: {why}")))
    }
}

/// The register's keys; made, with its folder, when there has never been a register.
pub(crate) fn keys(config: &Config) -> Result<Keys, Wrong> {
    crate::files::private_dir(&config.register_dir()).map_err(Wrong::because)?;
    // Before the others: a register that was begun without them does not start.
    register::pseudonyms(config).map_err(Wrong::because)?;
    register::keys(config).map_err(Wrong::because)
}

/// Who has which role, and which accounts and addresses are whose.
pub(crate) fn people(config: &Config) -> Result<People, Wrong> {
    if !register::is_begun(config) {
        return Ok(People::default());
    }
    people::read(&config.register_dir(), &keys(config)?).map_err(Wrong::because)
}

/// Whether roles are asked for.
pub(crate) fn enforced(config: &Config, people: &People) -> bool {
    config.roles.required == Required::Always || people.enforced()
}

/// Whether a period begins before everything the register keeps: what was asked for then would be everything.
pub(crate) fn within_term(config: &Config, from: i64) -> Result<(), Wrong> {
    let days = i64::from(config.log.retention_days);
    // A day is kept until its term is over, and a day is a whole one in each zone.
    let oldest = Timestamp::now() - SignedDuration::from_hours(24 * (days + 2));
    match from < oldest.as_microsecond() {
        true => {
            Err(Wrong::because(format!("--from: records are kept for {days} days; say an instant since {oldest:.0}")))
        }
        false => Ok(()),
    }
}

/// Has somebody in who wants to do `act`, for which one of these roles is needed; the first they have is the one they act in.
/// Nothing when they may not: that is said, and noted.
pub(crate) fn enter(config: &Config, acting: &As, roles: &[Role], act: &str) -> Result<Option<Actor>, Wrong> {
    let actor = look(config, acting, roles, act)?;
    if actor.as_ref().is_some_and(Actor::is_alone) {
        say_alone();
    }
    Ok(actor)
}

/// The same for who looks at a list: no name of a record is opened and nothing is done, so that nobody is told to be alone.
pub(crate) fn look(config: &Config, acting: &As, roles: &[Role], act: &str) -> Result<Option<Actor>, Wrong> {
    let people = people(config)?;
    let enforced = enforced(config, &people);
    let Some(account) = &acting.acting else {
        if enforced {
            let why = "it takes an account of one's own: say `--as ACCOUNT`";
            return refused(config, None, None, act, why);
        }
        return Ok(Some(Actor { who: register::who(), role: None, system: None, alone: true }));
    };
    let Some(name) = authenticated(config, account, acting.password_stdin, act)? else { return Ok(None) };
    if !enforced {
        return Ok(Some(Actor { who: name, role: None, system: Some(register::who()), alone: true }));
    }
    let Some(role) = roles.iter().copied().find(|role| people.may_act(&name, *role)) else {
        let why = if !roles.iter().any(|role| people.has(&name, *role)) {
            let wanted: Vec<&str> = roles.iter().map(|role| role.name()).collect();
            format!("it takes the role {}, which {name} has not", wanted.join(" or "))
        } else if roles.iter().any(|role| people.is_suspended(&name, *role)) {
            format!(
                "{name}'s roles stand still, since somebody else set the password: `octroi doctor roles` says how they are given anew"
            )
        } else {
            format!("{name} has not signed the undertaking: `octroi user undertake {name}`")
        };
        return refused(config, Some(&name), None, act, &why);
    };
    Ok(Some(Actor { who: name, role: Some(role), system: Some(register::who()), alone: false }))
}

/// Whoever gives the first roles, or does what no second person is asked for yet: an account that proves itself, or else the
/// operating system's.
pub(crate) fn first(config: &Config, acting: &As, act: &str) -> Result<Option<Actor>, Wrong> {
    let system = Actor { who: register::who(), role: None, system: None, alone: true };
    let Some(account) = &acting.acting else { return Ok(Some(system)) };
    let who = authenticated(config, account, acting.password_stdin, act)?;
    Ok(who.map(|who| Actor { who, system: Some(register::who()), ..system }))
}

/// The account whose password was given, in normal form.
pub(crate) fn authenticated(
    config: &Config,
    account: &str,
    password_stdin: bool,
    act: &str,
) -> Result<Option<String>, Wrong> {
    let name = Name::parse(account).map_err(|why| Wrong::because(format!("--as: {why}")))?;
    let password = prompt::password(&name, password_stdin).map_err(Wrong::because)?;
    let why = match tries::verify(&config.data_dir, &name, &password).map_err(Wrong::because)? {
        // Whoever chose it may be somebody else: nothing is done under a name before its holder has chosen.
        Verification::Verified(_) if act != "user passwd" && tries::must_change(&config.data_dir, &name) => {
            format!("this password was given by somebody else: first `octroi user passwd {name} --as {name}`")
        }
        Verification::Verified(name) => return Ok(Some(name.to_string())),
        Verification::Wrong => "no account of this name is open with this password".to_owned(),
        Verification::Throttled { retry_after } => {
            format!("too many wrong passwords: the next is looked at in {} s", retry_after.as_secs() + 1)
        }
    };
    refused(config, None, Some(name.as_str()), act, &why)
}

/// Says and notes a refusal. `claimed` is an account that nobody has proven to be.
pub(crate) fn refused<T>(
    config: &Config,
    who: Option<&str>,
    claimed: Option<&str>,
    act: &str,
    why: &str,
) -> Result<Option<T>, Wrong> {
    refused_of(config, who, claimed, act, why, BTreeMap::new())
}

/// The same of an act about which more is to be noted: of a restricted one, what restricts the line too.
pub(crate) fn refused_of<T>(
    config: &Config,
    who: Option<&str>,
    claimed: Option<&str>,
    act: &str,
    why: &str,
    mut scope: BTreeMap<String, String>,
) -> Result<Option<T>, Wrong> {
    scope.insert("act".to_owned(), act.to_owned());
    scope.extend(claimed.map(|claimed| ("claimed".to_owned(), claimed.to_owned())));
    let system = who.map(|_| register::who());
    let actor = Actor { who: who.map_or_else(register::who, str::to_owned), role: None, system, alone: false };
    actor.note(config, "access refused", None, Some(why), scope, 0)?;
    eprintln!("refused: {why}");
    Ok(None)
}

/// Tells whoever acts without a second person so, once.
fn say_alone() {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        eprintln!(
            "one person acts alone: names take no second person until `octroi user role` has given somebody the role \
             investigator, approver, rights or judicial (or `[roles] required = \"always\"`)"
        );
    });
}
