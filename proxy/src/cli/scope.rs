//! What can be typed of approvals: `octroi scope`.

use super::{As, Output};
use crate::commands::when::FORMS;
use clap::{ArgGroup, Args, Subcommand};

/// `octroi scope`.
#[derive(Debug, Subcommand)]
pub(crate) enum Scope {
    /// Ask for names: of whom or what, of which time, for which purpose and reason
    Request(RequestScope),
    /// Ask for a setting of octroi.toml or charter.toml to be loosened: longer retention, more detail, another purpose, less masked
    Setting(RequestSetting),
    /// Approve what somebody else asked for: a scope, a hold, a requisition, an erasure, a role, a setting
    Approve(Decide),
    /// Refuse it
    Refuse(Refuse),
    /// List what was asked for, and how it stands
    List(ListScopes),
    /// Show one request
    Show(ShowScope),
    /// Close a request; what it opened is closed at once
    Close(Decide),
    /// Security incident: open names alone, for 24 hours, with an alarm; reviewed in writing within 72
    BreakGlass(BreakGlass),
    /// Say in writing what is to be thought of a broken glass
    Review(Review),
}

/// Whom, what and when.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("about").required(true).multiple(true).args(["users", "clients", "hosts"]))]
pub(crate) struct Reach {
    /// A person, by the account they have now; may be repeated
    #[arg(long = "user", value_name = "U")]
    pub(crate) users: Vec<String>,
    /// An address or a network of clients; may be repeated
    #[arg(long = "client", value_name = "IP")]
    pub(crate) clients: Vec<String>,
    /// A host and those below it; with persons or addresses, what they did there alone; may be repeated
    #[arg(long = "host", value_name = "H")]
    pub(crate) hosts: Vec<String>,
    /// From when.
    #[arg(long, value_name = "WHEN", help = format!("From this instant, or from the start of this day: {FORMS}"))]
    pub(crate) from: String,
    /// Before this instant, or to the end of this day
    #[arg(long, value_name = "WHEN")]
    pub(crate) to: String,
    /// Why the period must have more than 31 days
    #[arg(long, value_name = "TEXT")]
    pub(crate) longer_because: Option<String>,
}

/// `octroi scope request`.
#[derive(Debug, Args)]
pub(crate) struct RequestScope {
    /// Declared purpose
    #[arg(long, value_name = "CODE")]
    pub(crate) purpose: String,
    /// Why names are needed
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Whom, what and when.
    #[command(flatten)]
    pub(crate) reach: Reach,
    /// Who asks.
    #[command(flatten)]
    pub(crate) acting: As,
}

/// `octroi scope setting`.
#[derive(Debug, Args)]
pub(crate) struct RequestSetting {
    /// The setting and its new value, as `octroi check` says it: retention_days=DAYS, detail=path, purposes=CODE; of what is masked, what is
    /// no longer: masking.users=NAME
    #[arg(value_name = "KEY=VALUE")]
    pub(crate) setting: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Who asks.
    #[command(flatten)]
    pub(crate) acting: As,
}

/// `octroi scope approve` and `close`.
#[derive(Debug, Args)]
pub(crate) struct Decide {
    /// The number of the request
    pub(crate) number: u64,
    /// Who does it.
    #[command(flatten)]
    pub(crate) acting: As,
}

/// `octroi scope refuse`.
#[derive(Debug, Args)]
pub(crate) struct Refuse {
    /// The number of the request
    pub(crate) number: u64,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Who does it.
    #[command(flatten)]
    pub(crate) acting: As,
}

/// `octroi scope list`.
#[derive(Debug, Args)]
pub(crate) struct ListScopes {
    /// Who looks: one's own requests, and what one's roles show.
    #[command(flatten)]
    pub(crate) acting: As,
    /// How to answer.
    #[command(flatten)]
    pub(crate) output: Output,
}

/// `octroi scope show`.
#[derive(Debug, Args)]
pub(crate) struct ShowScope {
    /// The number of the request
    pub(crate) number: u64,
    /// Who looks.
    #[command(flatten)]
    pub(crate) acting: As,
    /// How to answer.
    #[command(flatten)]
    pub(crate) output: Output,
}

/// `octroi scope break-glass`.
#[derive(Debug, Args)]
pub(crate) struct BreakGlass {
    /// The number of the incident
    #[arg(long, value_name = "NUMBER")]
    pub(crate) incident: String,
    /// Why it cannot wait for a second person
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Whom, what and when.
    #[command(flatten)]
    pub(crate) reach: Reach,
    /// Who acts.
    #[command(flatten)]
    pub(crate) acting: As,
}

/// `octroi scope review`.
#[derive(Debug, Args)]
pub(crate) struct Review {
    /// The number of the request
    pub(crate) number: u64,
    /// What is to be thought of it; the month's report has it, so that it names nobody
    #[arg(long, value_name = "TEXT")]
    pub(crate) text: String,
    /// Who does it.
    #[command(flatten)]
    pub(crate) acting: As,
}

#[cfg(test)]
mod tests {
    use crate::cli::Cli;
    use clap::Parser;

    #[test]
    fn what_is_not_whole_is_wrong_usage() {
        let request = "octroi scope request --purpose security --reason x --from 2026-11-01 --to 2026-11-02";
        for line in [
            "octroi user role a.martin",
            "octroi user role a.martin --add admin",
            "octroi user link a.martin",
            "octroi user link a.martin --account x --address 10.0.0.1",
            request,
            "octroi scope approve first",
            "octroi scope refuse 1",
            "octroi scope review 1",
            "octroi audit --password-stdin",
        ] {
            let refused = Cli::try_parse_from(line.split(' ')).expect_err("refused");
            assert_eq!(refused.exit_code(), 2, "{line}");
        }
        for about in ["--user a", "--client 10.0.0.1 --host a.test", "--user a --user b"] {
            assert!(Cli::try_parse_from(format!("{request} {about}").split(' ')).is_ok(), "{about}");
        }
    }
}
