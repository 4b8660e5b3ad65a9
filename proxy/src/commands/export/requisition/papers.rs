//! The papers of a requisition: inventory, draft of the record of handing over, or the statement that there is nothing. Inventory and
//! record name the bundle with its hash, so they stand beside it and not in it.

use super::super::tally::Tally;
use super::Order;
use crate::commands::Wrong;
use crate::commands::letterhead::organisation;
use crate::files;
use crate::legal::requisition::{Act, Clock, Counts, HashedFile, Requisition, Scope};
use crate::legal::{html, pdf};
use jiff::civil::Date;
use jiff::{Timestamp, ZonedDateTime};
use logstore::ClockState;
use logstore::approvals::Subject;
use logstore::bundle::Made;
use logstore::requisitions::Requisitions;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

/// What the papers are made from, but for the files.
pub(super) fn paper(
    order: &Order<'_>,
    tally: &Tally,
    clocks: &[(String, ClockState)],
    in_charge: Vec<String>,
    is_hidden: bool,
    out_of_reach: u64,
) -> Result<Requisition, Wrong> {
    let (config, act) = (order.config, &order.act);
    let zoned = |micros: Option<i64>| -> Result<ZonedDateTime, Wrong> {
        let at = Timestamp::from_microsecond(micros.unwrap_or_default()).map_err(Wrong::because)?;
        Ok(at.to_zoned_datetime(config.time_zone.clone()))
    };
    // As it was written down: the same command may be said again on another day.
    let all = Requisitions::read(&config.register_dir(), &order.keys).map_err(Wrong::because)?;
    let received = all.get(order.reference()).map(|known| known.received);
    let named = tally.persons.iter().filter(|person| person.is_ok()).count();
    let recipient = order.asked.age_recipient.clone();
    Ok(Requisition {
        organisation: organisation(config),
        processor: config.legal.processor.clone(),
        hosting: config.legal.hosting.clone(),
        transfers: config.legal.transfers.clone(),
        reference: order.reference().to_owned(),
        act: Act {
            authority: act.authority.clone(),
            service: act.service.clone(),
            officer: [act.officer.as_str(), act.rank.as_str()]
                .into_iter()
                .filter(|text| !text.is_empty())
                .collect::<Vec<_>>()
                .join(", "),
            article: act.article.clone(),
            case: act.case.clone(),
            received,
            checked: act.checked.clone(),
        },
        from: zoned(order.scope.period.from)?,
        to: zoned(order.scope.period.to)?,
        scope: scope(&order.scope.about),
        counts: Counts { records: tally.total, masked: tally.masked, accounts: named as u64, out_of_reach },
        files: Vec::new(),
        in_charge,
        delivery: act.delivery.clone(),
        encrypted_for: is_hidden.then(|| recipient.unwrap_or_else(|| act.authority.clone())),
        clock: clock(clocks),
        retention_days: config.log.retention_days.into(),
        key_fingerprint: order.keys.public().fingerprint(),
        searched: Timestamp::now().to_zoned_datetime(config.time_zone.clone()),
        made: order.dated.answered.clone(),
    })
}

/// What it is about, in the one line that papers have for it.
fn scope(about: &[Subject]) -> Scope {
    let beside = about.iter().find_map(|subject| match subject {
        Subject::Host(host) => Some(host.clone()),
        _ => None,
    });
    let with = |name: String| beside.as_ref().map_or(name.clone(), |host| format!("{name} → {host}"));
    match about.first() {
        Some(Subject::User(user)) => Scope::Account(with(user.clone())),
        Some(Subject::Client(network)) if network.prefix_len() == network.max_prefix_len() => {
            Scope::Address(with(network.addr().to_string()))
        }
        Some(Subject::Client(network)) => Scope::Address(with(network.to_string())),
        Some(Subject::Host(host)) => Scope::Host(host.clone()),
        None => Scope::Host(String::new()),
    }
}

/// How the clock was kept, as the seals of these days say.
fn clock(clocks: &[(String, ClockState)]) -> Clock {
    let lost = clocks.iter().filter(|(_, clock)| !clock.synchronised).filter_map(|(day, _)| day.parse().ok());
    let lost: BTreeSet<Date> = lost.collect();
    match clocks {
        [] => Clock::Unknown,
        _ if !lost.is_empty() => Clock::Lost { days: lost.into_iter().collect() },
        [(_, first), ..] => {
            let offset = clocks.iter().map(|(_, clock)| clock.offset_us.unsigned_abs()).max().unwrap_or(0);
            Clock::Kept { source: first.source.clone(), offset_ms: offset.div_ceil(1000) }
        }
    }
}

/// Writes inventory and record beside the bundle; where they are.
pub(super) fn write(order: &Order<'_>, paper: Requisition, bundle: &Path, made: &Made) -> Result<Vec<PathBuf>, Wrong> {
    let name = bundle.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let files = vec![HashedFile { name, bytes: made.bytes, sha256: made.sha256.clone() }];
    let paper = Requisition { files, ..paper };
    let (reference, out, language) = (order.reference(), &order.asked.into.out, order.language);
    let all = [("inventory", paper.inventory(language)), ("handover", paper.handover(language))];
    let mut written = Vec::new();
    for (kind, document) in all {
        let rendered: [(&str, Vec<u8>); 2] =
            [("pdf", pdf::render(&document).map_err(Wrong::because)?), ("html", html::render(&document).into_bytes())];
        for (ends, bytes) in rendered {
            let file = out.join(format!("{reference}-{kind}.{ends}"));
            files::replace(&file, |to| to.write_all(&bytes))
                .map_err(|why| Wrong(format!("{}: {why}", file.display())))?;
            written.push(file);
        }
    }
    Ok(written)
}
