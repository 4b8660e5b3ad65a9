//! Whether an answer may be made: its request is there, is this person's, waits, and the day it is to bear is possible.

use super::person::Whose;
use super::{Dated, SUBJECT};
use crate::cli::export::ExportSubject;
use crate::commands::Wrong;
use crate::config::Config;
use jiff::ToSpan;
use logstore::audit;
use logstore::requests::{Request, Requests, Right};

/// An answer to a request that is not registered bears no day further back: it was due by then (RGPD art. 12(3)).
const UNREGISTERED_DAYS: i64 = 31;

/// Whether a request of that reference can be answered by this; why not.
pub(super) fn admissible(
    requests: &Requests,
    acts: &[audit::Act],
    whose: &Whose,
    asked: &ExportSubject,
    alone: bool,
) -> Result<(), String> {
    let reference = &asked.reference;
    let used = |made: &str| {
        format!(
            "the reference {reference} is used: its answer was made{made}. --again makes another, which takes its place"
        )
    };
    let Some(request) = requests.get(reference) else {
        if !alone {
            return Err(format!(
                "no request has the reference {reference}: `octroi requests open --right access` first"
            ));
        }
        let of = |act: &&audit::Act| act.act == SUBJECT && act.scope.get("reference") == Some(reference);
        let last = acts.iter().rev().find(of).filter(|act| !act.scope.contains_key("failed"));
        if let Some(act) = last.filter(|_| !asked.again) {
            return Err(used(&format!(", {}", act.at.get(..10).unwrap_or_default())));
        }
        eprintln!("note: the register of requests has no reference {reference}: nothing watches over its deadline");
        return Ok(());
    };
    if request.opening.right != Right::Access {
        return Err(format!("the request {reference} is one of {}, not of access", request.opening.right));
    }
    if request.bound().is_some_and(|user| !whose.is_called(user)) {
        return Err(format!("the request {reference} is another person's: its account is none of {}'s", whose.person));
    }
    if let Some(end) = &request.end {
        return Err(format!("the request {reference} has ended, on {}: open another", end.on()));
    }
    match (&request.bundle, asked.again) {
        (Some(sha256), false) => Err(used(&format!(" (SHA-256 {sha256})"))),
        _ => Ok(()),
    }
}

/// Whether an answer may bear that day: not before it was asked for, by a request or within a month, and not before the answer that
/// it replaces.
pub(super) fn in_time(config: &Config, request: Option<&Request>, whose: &Whose, dated: &Dated) -> Result<(), Wrong> {
    let day = dated.answered.date();
    let refused = |why: &dyn std::fmt::Display| Err(Wrong(format!("--date {day}: {why}")));
    match request {
        Some(request) => request.may_be_answered(|user| whose.is_called(user), day).or_else(|why| refused(&why)),
        None if day < crate::rights::today(&config.time_zone).saturating_sub(UNREGISTERED_DAYS.days()) => {
            refused(&format!(
                "without a request in the register an answer bears none of more than {UNREGISTERED_DAYS} days ago"
            ))
        }
        None => Ok(()),
    }
}
