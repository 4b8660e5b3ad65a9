//! `octroi user`: local accounts.

mod import;
mod link;
mod role;
mod still;

use super::{Answer, Wrong, answer, answer_json, columns, configuration};
use crate::access;
use crate::accounts;
use crate::accounts::file::{self, Change, ChangeError};
use crate::accounts::prompt;
use crate::accounts::rule::{self, Name};
use crate::accounts::tries;
use crate::cli::{ChangePassword, User};
use crate::config::{Config, Method};
use jiff::Timestamp;
use serde_json::json;
use std::path::Path;

/// Opens, changes, closes or lists accounts. A running gate sees it at once.
pub(crate) fn user(path: Option<&Path>, command: &User) -> Result<Answer, Wrong> {
    let config = configuration(path)?;
    let data_dir = &config.data_dir;
    let done = match command {
        User::Add(account) => {
            let name = Name::parse(&account.name).map_err(Wrong::because)?;
            let before = || still::suspend(&config, &name, "opened");
            let must_change = account.must_change;
            let to = |hash| Change::Add { hash, must_change };
            let done = with_password(&config, &name, account.password_stdin, before, to)?;
            if done == Answer::Done && !config.identity.methods.contains(&Method::Basic) {
                eprintln!("nobody is asked for a password yet: `[identity] methods` does not name `basic`");
            }
            done
        }
        User::Import(asked) => import::import(&config, asked)?,
        User::Passwd(asked) => passwd(&config, asked)?,
        User::Unlock { name } => unlock(&config, name)?,
        User::Disable { name } => {
            let name = Name::parse(name).map_err(Wrong::because)?;
            let done = change(data_dir, &name, Change::Disable)?;
            if done == Answer::Done {
                still::touched(&config, &name, "disabled", None)?;
            }
            done
        }
        User::Role(asked) => role::role(&config, asked)?,
        User::Undertake(asked) => role::undertake(&config, asked)?,
        User::Link(asked) => link::link(&config, asked)?,
        User::Unlink(asked) => link::unlink(&config, asked)?,
        User::List(output) => {
            let table = file::read(&file::path(data_dir)).map_err(Wrong::because)?;
            let people = access::people(&config)?;
            let roles = |name: &str| people.roles(name).map(|(role, _)| role.name()).collect::<Vec<_>>();
            let suspended = |name: &str| people.suspended().any(|account| account == name);
            let locked = tries::locked_until(data_dir).map_err(Wrong::because)?;
            let signed = |name: &str| {
                let undertaking = people.undertaking(name)?;
                Timestamp::from_microsecond(undertaking.at).ok()
            };
            if output.json {
                let accounts: Vec<_> = table
                    .accounts
                    .iter()
                    .map(|(name, account)| {
                        json!({
                            "name": name,
                            "created": account.created,
                            "changed": account.changed,
                            "disabled": account.disabled,
                            "must_change": account.must_change,
                            "locked_until": locked(name, account.changed),
                            "roles": roles(name),
                            "suspended": suspended(name),
                            "undertaken": signed(name),
                        })
                    })
                    .collect();
                answer_json(&accounts)?;
            } else {
                let row = |(name, account): (&String, &file::Account)| {
                    let locked = locked(name, account.changed);
                    let state = match (account.disabled, suspended(name)) {
                        (true, _) => "disabled".to_owned(),
                        (false, true) => "open, roles stand still".to_owned(),
                        (false, false) if account.must_change => "open, has to choose a password".to_owned(),
                        (false, false) => "open".to_owned(),
                    };
                    // Where its holder is known, no stranger's guesses lock it.
                    let state = match locked {
                        Some(until) if !account.disabled => format!("{state}, locked to strangers until {until:.0}"),
                        _ => state,
                    };
                    let signed = signed(name).map(|at| format!("signed {at:.0}")).unwrap_or_default();
                    [name.clone(), state, format!("changed {:.0}", account.changed), roles(name).join(" "), signed]
                };
                answer(&columns(&table.accounts.iter().map(row).collect::<Vec<_>>()))?;
            }
            Answer::Done
        }
    };
    Ok(done)
}

/// Gives an account another password. Whoever proves to be its holder, by the one before, keeps what it may do.
fn passwd(config: &Config, asked: &ChangePassword) -> Result<Answer, Wrong> {
    let name = Name::parse(&asked.name).map_err(Wrong::because)?;
    let must_change = asked.must_change;
    let to = |hash| Change::Password { hash, must_change };
    let stdin = asked.password_stdin;
    let Some(acting) = &asked.acting else {
        let before = || still::suspend(config, &name, "password");
        return with_password(config, &name, stdin, before, to);
    };
    if Name::parse(acting).map_err(|why| Wrong(format!("--as: {why}")))? != name {
        return Err(Wrong(format!("--as: {name} alone proves to be {name}, by the password it has")));
    }
    let Some(who) = access::authenticated(config, name.as_str(), stdin, "user passwd")? else { return Ok(Answer::No) };
    let done = with_password(config, &name, stdin, || Ok(()), to)?;
    if done == Answer::Done {
        still::touched(config, &name, "password", Some(access::Actor::proven(who)))?;
    }
    Ok(done)
}

/// Notes that the holder of an account has given it another password, having proven who they are by the one before.
pub(crate) fn holder_changed(config: &Config, name: &Name) -> Result<(), Wrong> {
    still::touched(config, name, "password", Some(access::Actor::proven(name.to_string())))
}

/// Forgets the wrong passwords of an account that there is.
fn unlock(config: &Config, name: &str) -> Result<Answer, Wrong> {
    let name = Name::parse(name).map_err(Wrong::because)?;
    if !tries::is_open(&config.data_dir, &name).map_err(Wrong::because)? {
        eprintln!("`{name}` has no account that is open");
        return Ok(Answer::No);
    }
    tries::unlock(&config.data_dir, &name).map_err(Wrong::because)?;
    Ok(Answer::Done)
}

/// Changes an account to a new password, which is only asked for when the account can be changed; `before` is done when the
/// password is good, and what fails there changes nothing.
fn with_password(
    config: &Config,
    name: &Name,
    stdin: bool,
    before: impl FnOnce() -> Result<(), Wrong>,
    to: impl Fn(String) -> Change,
) -> Result<Answer, Wrong> {
    let data_dir = &config.data_dir;
    if let Err(why) = file::would_change(data_dir, name, to(String::new())) {
        return refused(name, why);
    }
    let password = prompt::new_password(name, stdin).map_err(Wrong::because)?;
    rule::judge(&config.identity.basic.rule, name, &password).map_err(Wrong::because)?;
    let hash = accounts::hash(&password).map_err(Wrong::because)?;
    before()?;
    change(data_dir, name, to(hash))
}

fn change(data_dir: &Path, name: &Name, change: Change) -> Result<Answer, Wrong> {
    match file::change(data_dir, name, change) {
        Ok(()) => Ok(Answer::Done),
        Err(why) => refused(name, why),
    }
}

fn refused(name: &Name, why: ChangeError) -> Result<Answer, Wrong> {
    let why = match why {
        ChangeError::Exists => format!("`{name}` has an account; `octroi user passwd` changes its password"),
        ChangeError::Unknown => format!("`{name}` has no account; `octroi user add` opens one"),
        ChangeError::Disabled => format!("`{name}` is disabled; `octroi user add` reopens it"),
        ChangeError::File(why) => return Err(Wrong::because(why)),
    };
    eprintln!("{why}");
    Ok(Answer::No)
}
