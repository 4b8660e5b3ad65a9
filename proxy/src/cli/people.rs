//! What can be typed of roles and persons: `octroi user role`, `undertake`, `link`, `unlink`.

use super::As;
use crate::accounts::rule::NAME_FORM;
use crate::commands::when::FORMS;
use clap::{ArgGroup, Args, ValueEnum};
use logstore::people::Role;
use std::net::IpAddr;

/// `octroi user role`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("change").required(true).multiple(true).args(["add", "remove"]))]
pub(crate) struct ChangeRoles {
    /// The account.
    #[arg(help = format!("The account's name: {NAME_FORM}"))]
    pub(crate) name: String,
    /// Give it this role; may be repeated
    #[arg(long, value_name = "ROLE", value_parser = role)]
    pub(crate) add: Vec<Role>,
    /// Take this role from it; may be repeated
    #[arg(long, value_name = "ROLE", value_parser = role)]
    pub(crate) remove: Vec<Role>,
    /// Who does it.
    #[command(flatten)]
    pub(crate) acting: As,
}

/// `octroi user undertake`.
#[derive(Debug, Args)]
pub(crate) struct Undertake {
    /// The account whose holder signs, by its password
    pub(crate) name: String,
    /// The language of the text [default: the configuration's]
    #[arg(long, value_enum, alias = "lang")]
    pub(crate) language: Option<TextLanguage>,
    /// Read the password from standard input, one line, instead of asking
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

/// A language of texts that people sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TextLanguage {
    /// French
    Fr,
    /// English
    En,
}

/// What of a person is linked to them.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("mark").required(true).args(["account", "address"]))]
pub(crate) struct Marked {
    /// The person, by the account they have now
    pub(crate) person: String,
    /// An account of theirs, as records have it: a former name, user@REALM, DOMAIN\user
    #[arg(long, value_name = "NAME")]
    pub(crate) account: Option<String>,
    /// An address that was theirs alone
    #[arg(long, value_name = "IP")]
    pub(crate) address: Option<IpAddr>,
}

/// `octroi user link`.
#[derive(Debug, Args)]
pub(crate) struct Link {
    /// What of whom.
    #[command(flatten)]
    pub(crate) marked: Marked,
    /// Since when.
    #[arg(long, value_name = "WHEN", help = format!("Since this instant, or the start of this day: {FORMS} [default: always]"))]
    pub(crate) from: Option<String>,
    /// Until this instant, or the end of this day [default: it goes on]
    #[arg(long, value_name = "WHEN")]
    pub(crate) to: Option<String>,
    /// Who does it.
    #[command(flatten)]
    pub(crate) acting: As,
}

/// `octroi user unlink`.
#[derive(Debug, Args)]
pub(crate) struct Unlink {
    /// What of whom.
    #[command(flatten)]
    pub(crate) marked: Marked,
    /// It ended then; without this it was a mistake, and never held
    #[arg(long, value_name = "WHEN")]
    pub(crate) to: Option<String>,
    /// Who does it.
    #[command(flatten)]
    pub(crate) acting: As,
}

fn role(text: &str) -> Result<Role, String> {
    Role::of_name(text).ok_or_else(|| {
        let names = Role::ALL.map(Role::name);
        let near = policy::problem::nearest(text, names).map(|near| format!("nearest: `{near}`; ")).unwrap_or_default();
        format!("{near}expected one of {}", names.join(", "))
    })
}
