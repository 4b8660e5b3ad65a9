//! `octroi user`: local accounts.

mod link;
mod role;

use super::{Answer, Wrong, answer, answer_json, columns, configuration};
use crate::access;
use crate::accounts;
use crate::accounts::file::{self, Change, ChangeError};
use crate::accounts::prompt;
use crate::accounts::rule::{self, Name};
use crate::cli::{Account, User};
use crate::config::Method;
use jiff::Timestamp;
use serde_json::json;
use std::path::Path;

/// Opens, changes, closes or lists accounts. A running gate sees it at once.
pub(crate) fn user(path: Option<&Path>, command: &User) -> Result<Answer, Wrong> {
    let config = configuration(path)?;
    let data_dir = &config.data_dir;
    let touched = |account: &str, done: Answer, change: &str| match (done, Name::parse(account)) {
        (Answer::Done, Ok(name)) => role::touched(&config, &name, change).map(|()| done),
        _ => Ok(done),
    };
    let done = match command {
        User::Add(account) => {
            let done = with_password(data_dir, account, |hash| Change::Add { hash })?;
            let done = touched(&account.name, done, "opened")?;
            if done == Answer::Done && !config.identity.methods.contains(&Method::Basic) {
                eprintln!("nobody is asked for a password yet: `[identity] methods` does not name `basic`");
            }
            done
        }
        User::Passwd(account) => {
            let done = with_password(data_dir, account, |hash| Change::Password { hash })?;
            touched(&account.name, done, "password")?
        }
        User::Disable { name } => {
            let done = change(data_dir, &Name::parse(name).map_err(Wrong::because)?, Change::Disable)?;
            touched(name, done, "disabled")?
        }
        User::Role(asked) => role::role(&config, asked)?,
        User::Undertake(asked) => role::undertake(&config, asked)?,
        User::Link(asked) => link::link(&config, asked)?,
        User::Unlink(asked) => link::unlink(&config, asked)?,
        User::List(output) => {
            let table = file::read(&file::path(data_dir)).map_err(Wrong::because)?;
            let people = access::people(&config)?;
            let roles = |name: &str| people.roles(name).map(|(role, _)| role.name()).collect::<Vec<_>>();
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
                            "roles": roles(name),
                            "undertaken": signed(name),
                        })
                    })
                    .collect();
                answer_json(&accounts)?;
            } else {
                let row = |(name, account): (&String, &file::Account)| {
                    let state = if account.disabled { "disabled" } else { "open" };
                    let signed = signed(name).map(|at| format!("signed {at:.0}")).unwrap_or_default();
                    [
                        name.clone(),
                        state.to_owned(),
                        format!("changed {:.0}", account.changed),
                        roles(name).join(" "),
                        signed,
                    ]
                };
                answer(&columns(&table.accounts.iter().map(row).collect::<Vec<_>>()))?;
            }
            Answer::Done
        }
    };
    Ok(done)
}

/// Changes an account to a new password, which is only asked for when the account can be changed.
fn with_password(data_dir: &Path, account: &Account, to: impl Fn(String) -> Change) -> Result<Answer, Wrong> {
    let name = Name::parse(&account.name).map_err(Wrong::because)?;
    if let Err(why) = file::would_change(data_dir, &name, to(String::new())) {
        return refused(&name, why);
    }
    let hash = hash_of_password(account, &name)?;
    change(data_dir, &name, to(hash))
}

/// The hash of a password that is good enough.
fn hash_of_password(account: &Account, name: &Name) -> Result<String, Wrong> {
    let password = prompt::new_password(name, account.password_stdin).map_err(Wrong::because)?;
    rule::judge(name, &password).map_err(Wrong::because)?;
    accounts::hash(&password).map_err(Wrong::because)
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
