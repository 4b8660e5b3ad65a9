//! `octroi log purge` and `octroi log certificates`: what is past its term is erased, and what attests it.
//!
//! Nothing is ever erased off schedule here: that is an act of two persons, which this version does not have.

use super::{Answer, Wrong};
use crate::cli::Output;
use crate::commands::{answer, answer_json, keys, no_register, plural, status};
use crate::config::Config;
use crate::control::{self, AskError, Attested, Request};
use crate::{forward, register};
use logstore::Keys;
use logstore::retention::{self, Certificate, ErasedActs, ErasedDay, ReleasedHold};
use std::fmt::Write as _;

/// Erases what is due. That nothing is due is good.
pub(super) fn purge(config: &Config, output: Output) -> Result<Answer, Wrong> {
    let Some(keys) = keys(config)? else {
        eprintln!("{}", no_register(config));
        return say(None, output);
    };
    let mut note = None;
    let attested = match control::ask(&config.data_dir, &Request::Purge) {
        Ok(control::Answer::Purged { certificate }) => {
            note = not_announced(config, &keys);
            certificate.map(|attested| *attested)
        }
        Ok(other) => return Err(status::unexpected(other)),
        Err(AskError::NoGate) => offline(config, &keys)?,
        Err(why) => return Err(Wrong::because(why)),
    };
    if let Some(Attested { certificate, hash }) = &attested {
        let days = certificate.days.len() as u64;
        let scope = [("certificate", hash.clone())];
        let noted = register::note(&config.register_dir(), &keys, register::who(), "purge asked", scope, days);
        if let Err(why) = noted {
            eprintln!("warning: the audit trail cannot say who asked for it: {why}");
        }
    }
    say(attested, output)?;
    if let Some(note) = note {
        eprintln!("{note}");
    }
    Ok(Answer::Done)
}

/// What the file says and nobody was told yet: a gate erases by the term it has announced.
fn not_announced(config: &Config, keys: &Keys) -> Option<String> {
    let announced = retention::terms(&config.register_dir(), &keys.public()).ok()?.last()?.days;
    let wanted = config.log.retention_days;
    let differs = announced != wanted;
    differs.then(|| format!("announced: {announced} days; the file says {wanted}: `octroi reload`"))
}

/// Without a gate: as a start would, under the register's lock.
fn offline(config: &Config, keys: &Keys) -> Result<Option<Attested>, Wrong> {
    let dir = config.register_dir();
    let runtime = super::super::runtime()?;
    // What a crash left of a day that is due must not come back at the next start.
    super::bring_up_to_date(config, &runtime)?;
    register::announce(config, &dir, keys, register::who()).map_err(Wrong::because)?;
    let purged = logstore::purge_offline(&register::settings(config), config.organisation.name.clone());
    let purged = purged.map_err(Wrong::because)?;
    register::erase_acts(config, &dir, keys).map_err(Wrong)?;
    register::forget_requisitions(config, &dir, keys).map_err(Wrong)?;
    let terms = logstore::retention::terms(&dir, &keys.public()).map_err(Wrong::because)?;
    forward::purge(&forward::folder(&config.data_dir), jiff::Timestamp::now().as_microsecond(), &terms)
        .map_err(|why| Wrong(format!("copies that were forwarded to files are not erased: {why}")))?;
    Ok(purged.map(Attested::from))
}

fn say(attested: Option<Attested>, output: Output) -> Result<Answer, Wrong> {
    if output.json {
        answer_json(&attested)?;
    } else if let Some(attested) = &attested {
        answer(&text(attested))?;
    }
    if attested.is_none() {
        eprintln!(
            "nothing is due: days go by the term announced (`[log] retention_days`), and never earlier here; that would \
             take two persons, and a later version"
        );
    }
    Ok(Answer::Done)
}

/// Shows every certificate there is.
pub(super) fn certificates(config: &Config, output: Output) -> Result<Answer, Wrong> {
    let all = match register::public(config) {
        Ok(public) => retention::certificates(&config.register_dir(), &public).map_err(Wrong::because)?,
        // Without a key there has been no register.
        Err(_) => Vec::new(),
    };
    let all: Vec<Attested> = all.into_iter().map(|(hash, certificate)| Attested { certificate, hash }).collect();
    if output.json {
        answer_json(&all)?;
    } else {
        answer(&all.iter().map(text).collect::<Vec<_>>().join("\n"))?;
    }
    if all.is_empty() {
        eprintln!("no certificate: nothing was erased so far");
    }
    Ok(Answer::Done)
}

fn text(Attested { certificate, hash }: &Attested) -> String {
    let Certificate {
        organisation,
        node,
        days,
        acts,
        stores,
        hold_numbers,
        released,
        began,
        ended,
        trigger,
        program,
        ..
    } = certificate;
    let mut text = String::new();
    let mut row = |name: &str, what: String| {
        // Writing into a String does not fail.
        let _ = writeln!(text, "{name:<12} {what}");
    };
    row("certificate", hash.clone());
    let organisation = if organisation.is_empty() { "not named" } else { organisation };
    row("register", format!("of {organisation}, gate {node}"));
    row("erased", format!("{}, from {}", plural(days.len() as u64, "day", "days"), stores.join(", ")));
    if let Some(ErasedActs { acts, before, .. }) = acts {
        row("", format!("{} before {before}", plural(*acts, "act", "acts")));
    }
    for ErasedDay { day, records, root, term_days, kept_until, .. } in days {
        let records = records.map_or_else(|| "not sealed".to_owned(), |count| plural(count, "record", "records"));
        let root = root.as_ref().map(|root| format!(", root {root}")).unwrap_or_default();
        row("", format!("{day}: {records}, term {term_days} days, to {kept_until}{root}"));
    }
    if let Some(ReleasedHold { hold, days, records }) = released {
        let days = plural(*days, "day", "days");
        row("", format!("what hold {hold} kept: {} of {days}", plural(*records, "record", "records")));
    }
    if !hold_numbers.is_empty() {
        let numbers: Vec<String> = hold_numbers.iter().map(u64::to_string).collect();
        row("holds", format!("{}, which had records taken out first", numbers.join(", ")));
    }
    row("when", format!("{began} to {ended}"));
    row("because of", format!("{trigger}, by octroi {program}"));
    text
}
