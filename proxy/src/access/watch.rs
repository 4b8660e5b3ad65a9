//! What is to be said of how names are opened: legal steps that are not recorded, glass that was broken. Names nobody.

use crate::commands::plural;
use crate::config::Config;
use jiff::Timestamp;
use logstore::approvals::{self, Request};
use logstore::people::{self, ANNOUNCED};
use logstore::{Keys, LedgerError};
use std::path::Path;

/// A glass that was broken, and that nobody has reviewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    /// The number of the request.
    pub(crate) number: u64,
    /// When it was broken (UTC µs).
    pub(crate) at: i64,
    /// When the review is due (UTC µs).
    pub(crate) due: i64,
}

impl Broken {
    /// In a sentence.
    pub(crate) fn told(&self, now: Timestamp) -> String {
        let day = |micros: i64| Timestamp::from_microsecond(micros).map(|at| format!("{at:.0}")).unwrap_or_default();
        let late = if now.as_microsecond() > self.due { ", which is past" } else { "" };
        let Broken { number, at, due } = self;
        format!(
            "names were opened without a second person on {} (break-glass, request {number}): an approver reviews it until {}{late}: \
             `octroi scope review {number}`",
            day(*at),
            day(*due)
        )
    }
}

/// The glass that was broken in this register and waits for its review.
pub(crate) fn broken(dir: &Path, keys: &Keys) -> Result<Vec<Broken>, LedgerError> {
    let approvals = approvals::read(dir, keys)?;
    let of = |request: &Request| {
        let due = request.review_due()?;
        Some(Broken { number: request.number, at: request.at, due })
    };
    Ok(approvals.requests().filter_map(of).collect())
}

/// What is to be said, once and to everybody, of accounts whose roles stand still and of approvers whom nobody agreed to.
pub(crate) fn standing_still(dir: &Path, keys: &Keys) -> Result<Vec<String>, LedgerError> {
    let people = people::read(dir, keys)?;
    let mut said = Vec::new();
    let accounts = people.suspended().count();
    if accounts > 0 {
        said.push(format!(
            "the roles of {} stand still, since somebody else than the holder set the password: `octroi doctor roles`",
            plural(accounts as u64, "account", "accounts")
        ));
    }
    for announced in people.announced() {
        let day = Timestamp::from_microsecond(announced.at.saturating_add(ANNOUNCED)).unwrap_or_default();
        said.push(format!(
            "no approver is left, and one will be named from {day:.0} on without anybody to agree: `octroi doctor roles`"
        ));
    }
    Ok(said)
}

/// The legal steps that are not recorded, by their keys of `[legal]`: without them no names open for the charter's sake.
pub(crate) fn missing_steps(config: &Config) -> Vec<&'static str> {
    let legal = &config.legal;
    let steps = [("cse_consulted", legal.cse_consulted), ("persons_informed", legal.persons_informed)];
    steps.into_iter().filter(|(_, done)| done.is_none()).map(|(key, _)| key).collect()
}

/// The same in a sentence each, for the start, and what answers to persons lack (RGPD art. 15(1)(c)).
pub(crate) fn steps_note(config: &Config) -> Vec<String> {
    let said =
        |missing: Vec<&str>, told: &dyn Fn(&str) -> String| (!missing.is_empty()).then(|| told(&missing.join(" and ")));
    let steps = said(missing_steps(config), &|keys| {
        format!(
            "legal steps are not recorded: `[legal]` lacks {keys}; no scope opens for the purpose `charter` without them"
        )
    });
    let stated =
        said(config.legal.unstated(), &|keys| format!("answers to persons are not complete: `[legal]` lacks {keys}"));
    steps.into_iter().chain(stated).collect()
}
