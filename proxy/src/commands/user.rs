//! `octroi user`: local accounts.

use super::{Answer, Wrong, answer, answer_json, columns, configuration};
use crate::accounts;
use crate::accounts::file::{self, Change, ChangeError};
use crate::accounts::rule::{self, Name};
use crate::cli::{Account, User};
use crate::config::Method;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use serde_json::json;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::path::Path;

/// Opens, changes, closes or lists accounts. A running gate sees it at once.
pub(crate) fn user(path: Option<&Path>, command: &User) -> Result<Answer, Wrong> {
    let config = configuration(path)?;
    let data_dir = &config.data_dir;
    let done = match command {
        User::Add(account) => {
            let done = with_password(data_dir, account, |hash| Change::Add { hash })?;
            if done == Answer::Done && !config.identity.methods.contains(&Method::Basic) {
                eprintln!("nobody is asked for a password yet: `[identity] methods` does not name `basic`");
            }
            done
        }
        User::Passwd(account) => with_password(data_dir, account, |hash| Change::Password { hash })?,
        User::Disable { name } => change(data_dir, &Name::parse(name).map_err(Wrong::because)?, Change::Disable)?,
        User::List(output) => {
            let table = file::read(&file::path(data_dir)).map_err(Wrong::because)?;
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
                        })
                    })
                    .collect();
                answer_json(&accounts)?;
            } else {
                let row = |(name, account): (&String, &file::Account)| {
                    let state = if account.disabled { "disabled" } else { "open" };
                    [name.clone(), state.to_owned(), format!("changed {:.0}", account.changed)]
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
    let password = if account.password_stdin || !io::stdin().is_terminal() {
        let line = read_line(&mut io::stdin().lock()).map_err(Wrong::because)?;
        line.ok_or_else(|| Wrong("no password came: standard input is empty".to_owned()))?
    } else {
        ask_twice(name)?
    };
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

/// One line without its end; `None` when nothing comes.
fn read_line(input: &mut dyn BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    let bytes = input.read_line(&mut line)?;
    Ok((bytes > 0).then(|| line.trim_end_matches(['\n', '\r']).to_owned()))
}

fn ask_twice(name: &Name) -> Result<String, Wrong> {
    let mut terminal = Terminal::open().map_err(Wrong::because)?;
    let first = terminal.ask(&format!("password of {name}: ")).map_err(Wrong::because)?;
    let second = terminal.ask("the same again: ").map_err(Wrong::because)?;
    if first == second { Ok(first) } else { Err(Wrong("these are two different passwords".to_owned())) }
}

/// The terminal, which shows nothing of what is typed until this is dropped.
struct Terminal {
    tty: BufReader<File>,
    before: Termios,
}

impl Terminal {
    fn open() -> io::Result<Terminal> {
        let tty = File::options().read(true).write(true).open("/dev/tty")?;
        let before = tcgetattr(&tty)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&tty, OptionalActions::Flush, &silent)?;
        Ok(Terminal { tty: BufReader::new(tty), before })
    }

    fn ask(&mut self, question: &str) -> io::Result<String> {
        self.tty.get_mut().write_all(question.as_bytes())?;
        let line = read_line(&mut self.tty)?.unwrap_or_default();
        self.tty.get_mut().write_all(b"\n")?;
        Ok(line)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A terminal that is gone needs no echo.
        let _ = tcsetattr(self.tty.get_ref(), OptionalActions::Flush, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_one_line_without_its_end() {
        for (input, line) in [("a b \r\nnext\n", Some("a b ")), ("é", Some("é")), ("\n", Some("")), ("", None)] {
            assert_eq!(read_line(&mut input.as_bytes()).expect("read").as_deref(), line);
        }
    }
}
