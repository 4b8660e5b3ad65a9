//! What can be typed of accounts: `octroi user`. Roles and persons have [`super::people`].

use super::{ChangeRoles, Link, Output, Undertake, Unlink};
use crate::accounts::rule::NAME_FORM;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// `octroi user`.
#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// Open an account, or reopen a disabled one
    Add(Account),
    /// Open the accounts of a file, all of them or none
    Import(ImportUsers),
    /// Change an account's password
    Passwd(ChangePassword),
    /// Forget an account's wrong passwords, so that the next is looked at again
    Unlock {
        /// The account
        name: String,
    },
    /// Close an account without forgetting it
    Disable {
        /// The account
        name: String,
    },
    /// List the accounts and their roles
    List(Output),
    /// Give roles to an account, or take them away
    Role(ChangeRoles),
    /// Show the undertaking of confidentiality, and sign it
    Undertake(Undertake),
    /// Say that an account or an address is, or was, a person's
    Link(Link),
    /// Say that it no longer is, or never was
    Unlink(Unlink),
}

/// An account and where its password comes from.
#[derive(Debug, Args)]
pub(crate) struct Account {
    /// The account.
    #[arg(help = format!("The account's name: {NAME_FORM}"))]
    pub(crate) name: String,
    /// Its holder has to choose another password before anything else
    #[arg(long)]
    pub(crate) must_change: bool,
    /// Read the password from standard input, one line, instead of asking
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

/// `octroi user import`.
#[derive(Debug, Args)]
pub(crate) struct ImportUsers {
    /// The file; `-` for standard input
    pub(crate) file: PathBuf,
    /// What it is [default: CSV when its first line is a header, else htpasswd]
    #[arg(long, value_enum)]
    pub(crate) format: Option<UserFile>,
    /// The holders chose these passwords themselves: nobody has to choose another
    #[arg(long)]
    pub(crate) keep_passwords: bool,
}

/// A file of accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum UserFile {
    /// `name,password` or `name,hash`, under a header that says so (RFC 4180)
    Csv,
    /// `name:hash` as `htpasswd -B` writes it
    Htpasswd,
}

/// `octroi user passwd`.
#[derive(Debug, Args)]
pub(crate) struct ChangePassword {
    /// The account.
    #[arg(help = format!("The account's name: {NAME_FORM}"))]
    pub(crate) name: String,
    /// Its holder, who proves it by the password before; set by anybody else, it suspends the roles that open names
    #[arg(long = "as", value_name = "ACCOUNT")]
    pub(crate) acting: Option<String>,
    /// Its holder has to choose another password before anything else
    #[arg(long, conflicts_with = "acting")]
    pub(crate) must_change: bool,
    /// Read the password from standard input, one line, instead of asking; with --as two, the one before first
    #[arg(long)]
    pub(crate) password_stdin: bool,
}
