//! What there is of holds, and what they cover: `octroi hold list`, `show`, `records`.

use super::super::log::{self, format};
use super::super::{Answer, Wrong, answer, answer_json, columns, plural, runtime};
use super::{found, note};
use crate::access::{self, Actor};
use crate::cli::{Format, HoldRecords, ListHolds, ShowHold};
use crate::config::Config;
use crate::shown::Shown;
use jiff::Timestamp;
use jiff::civil::Date;
use logstore::approvals::concerns;
use logstore::hold::{self, Desk, DeskError, Ground, Hold, Holds, Refusal};
use logstore::people::{People, Period, Role};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::ops::ControlFlow;

/// Who sees that there are holds.
const SEE: [Role; 5] = [Role::Investigator, Role::Rights, Role::Judicial, Role::Approver, Role::Auditor];

/// Whether there is this hold for somebody: a judicial one is for the desk that answers requisitions and approvers alone.
pub(super) fn is_seen(actor: &Actor, people: &People, hold: &Hold) -> bool {
    let has = |role| people.may_act(actor.who(), role);
    let terms = &hold.terms;
    let period = Period { from: Some(terms.from), to: Some(terms.to) };
    // Whom it is about does not learn of it, whatever their role.
    let about = || concerns(&terms.about, period, actor.who(), people);
    actor.is_alone() || !hold.is_secret() || ((has(Role::Judicial) || has(Role::Approver)) && !about())
}

/// Whether somebody sees whose records a hold is on: an auditor does not.
fn names_are_seen(actor: &Actor, people: &People) -> bool {
    let names = SEE.iter().filter(|role| **role != Role::Auditor);
    actor.is_alone() || names.into_iter().any(|role| people.may_act(actor.who(), *role))
}

/// What somebody sees of them.
struct Seen {
    holds: Vec<Hold>,
    names: bool,
    today: Date,
}

fn seen(config: &Config, acting: &crate::cli::As, act: &str) -> Result<Option<Seen>, Wrong> {
    let Some(actor) = access::look(config, acting, &SEE, act)? else { return Ok(None) };
    let (keys, people) = (access::keys(config)?, access::people(config)?);
    let all = Holds::read(&config.register_dir(), &keys).map_err(Wrong::because)?;
    let holds = all.all().filter(|hold| is_seen(&actor, &people, hold)).cloned().collect();
    let today = jiff::tz::TimeZone::UTC.to_datetime(Timestamp::now()).date();
    Ok(Some(Seen { names: names_are_seen(&actor, &people), holds, today }))
}

/// Lists them. None is a no.
pub(super) fn list(config: &Config, asked: &ListHolds) -> Result<Answer, Wrong> {
    let Some(Seen { holds, names, today, .. }) = seen(config, &asked.acting, "hold list")? else {
        return Ok(Answer::No);
    };
    if asked.output.json {
        answer_json(&holds.iter().map(|hold| in_json(hold, names, today)).collect::<Vec<_>>())?;
    } else {
        let row = |hold: &Hold| {
            [
                hold.number.to_string(),
                hold.standing(today).as_str().to_owned(),
                format!("{} {}", hold.terms.ground.name(), hold.terms.ground.named()),
                about(hold, names),
                format!("review {}", hold.terms.review),
                format!("until {}", hold.terms.until),
                plural(
                    hold.extracts.iter().map(|extract| extract.records).sum(),
                    "record taken out",
                    "records taken out",
                ),
            ]
        };
        answer(&columns(&holds.iter().map(row).collect::<Vec<_>>()))?;
    }
    for reminder in holds.iter().filter_map(|hold| hold.reminder(today)) {
        eprintln!("{reminder}");
    }
    if holds.is_empty() {
        eprintln!("nothing is held");
        return Ok(Answer::No);
    }
    Ok(Answer::Done)
}

/// Shows one.
pub(super) fn show(config: &Config, asked: &ShowHold) -> Result<Answer, Wrong> {
    let Some(Seen { holds, names, today, .. }) = seen(config, &asked.acting, "hold show")? else {
        return Ok(Answer::No);
    };
    let Some(hold) = holds.iter().find(|hold| hold.number == asked.number) else {
        eprintln!("{}", Refusal::Unknown(asked.number));
        return Ok(Answer::No);
    };
    if asked.output.json {
        answer_json(&in_json(hold, names, today))?;
        return Ok(Answer::Done);
    }
    let at = |micros: i64| local(config, micros);
    let approval = |approval: Option<u64>| approval.map(|number| format!(", request {number}")).unwrap_or_default();
    let terms = &hold.terms;
    let mut rows = vec![
        ["hold".to_owned(), format!("{}, {}", hold.number, hold.standing(today).as_str())],
        [terms.ground.name().to_owned(), terms.ground.named().to_owned()],
        ["about".to_owned(), about(hold, names)],
        ["from".to_owned(), at(terms.from)],
        ["to".to_owned(), at(terms.to)],
        ["review".to_owned(), terms.review.to_string()],
        ["until".to_owned(), terms.until.to_string()],
        ["added".to_owned(), format!("{}, {}{}: {}", hold.by, at(hold.at), approval(hold.approval), terms.reason)],
    ];
    let said = |said: &hold::Said| {
        let day = said.day.map(|day| format!(" to {day}")).unwrap_or_default();
        format!("{}, {}{day}{}: {}", said.by, at(said.at), approval(said.approval), said.reason)
    };
    rows.extend(hold.extensions.iter().map(|one| ["extended".to_owned(), said(one)]));
    rows.extend(hold.reviews.iter().map(|one| ["reviewed".to_owned(), said(one)]));
    if hold.looks > 0 {
        rows.push(["read".to_owned(), plural(hold.looks, "time", "times")]);
    }
    for extract in &hold.extracts {
        rows.push([
            "taken out".to_owned(),
            format!("{}: {}", extract.day, plural(extract.records, "record", "records")),
        ]);
    }
    rows.extend(hold.released.iter().map(|one| ["released".to_owned(), said(one)]));
    if let Some(destroyed) = &hold.destroyed {
        let when = destroyed.at.map_or_else(|| "not yet".to_owned(), at);
        let certificate =
            destroyed.certificate.as_ref().map(|hash| format!(", certificate {hash}")).unwrap_or_default();
        rows.push(["destroyed".to_owned(), format!("{when}: {} records{certificate}", destroyed.records)]);
    }
    answer(&columns(&rows))?;
    Ok(Answer::Done)
}

/// Shows what a hold covers, by name, and notes it before.
pub(super) fn records(config: &Config, asked: &HoldRecords) -> Result<Answer, Wrong> {
    let Some((actor, hold)) = found(config, &asked.acting, asked.number, "hold records")? else {
        return Ok(Answer::No);
    };
    if !hold.is_kept() {
        eprintln!("{}", Refusal::Over(hold.number));
        return Ok(Answer::No);
    }
    let runtime = runtime()?;
    log::bring_up_to_date(config, &runtime)?;
    let (dir, keys, people) = (config.register_dir(), access::keys(config)?, access::people(config)?);
    // What a person's restriction keeps from being shown, a claim of theirs or a court may see (art. 18(2)).
    let statements = crate::rights::statements(config).map_err(Wrong::because)?;
    let is_open = matches!(hold.terms.ground, Ground::Judicial { .. } | Ground::Rights { .. });
    let (mut newest, mut more, mut restricted) = (VecDeque::new(), false, 0);
    let visited = hold::visit(&dir, &keys, &hold, &people, |record| {
        if !is_open && statements.restricts(&record).is_some() {
            restricted += 1;
            return ControlFlow::Continue(());
        }
        newest.push_back(record);
        if newest.len() > asked.limit {
            newest.pop_front();
            more = true;
        }
        ControlFlow::Continue(())
    });
    let missed = runtime.block_on(visited).map_err(Wrong::because)?;
    let count = newest.len() as u64;
    let counted = Desk::open(&dir, &keys)
        .map_err(DeskError::from)
        .and_then(|mut desk| desk.count(hold.number, actor.who(), count, &asked.reason));
    counted.map_err(Wrong::because)?;
    note(config, &actor, "read", hold.number, &hold.terms, hold.approval, &asked.reason, count)?;
    let shown: Vec<Shown> = newest.into_iter().map(|record| Shown::stated(record, None, &statements)).collect();
    let format = if asked.json { Format::Json } else { asked.format };
    answer(&format::all(format, &shown, &config.time_zone).map_err(Wrong::because)?)?;
    if more {
        let newest = plural(asked.limit as u64, "record", "records");
        eprintln!("there are more: only the newest {newest} shown (--limit)");
    }
    if restricted > 0 {
        eprintln!("{} restricted, and not shown (octroi restrict list)", plural(restricted, "record", "records"));
    }
    for day in &missed {
        eprintln!("not read: {day}");
    }
    if shown.is_empty() {
        eprintln!("nothing found");
        return Ok(Answer::No);
    }
    Ok(if missed.is_empty() { Answer::Done } else { Answer::No })
}

fn about(hold: &Hold, names: bool) -> String {
    let sort = |subject: String| match names {
        true => subject,
        false => subject.split(' ').next().unwrap_or_default().to_owned(),
    };
    hold.terms.about.iter().map(|subject| sort(subject.to_string())).collect::<Vec<_>>().join(", ")
}

fn local(config: &Config, micros: i64) -> String {
    let at = Timestamp::from_microsecond(micros).unwrap_or_default().to_zoned_datetime(config.time_zone.clone());
    at.strftime("%Y-%m-%d %H:%M:%S%:z").to_string()
}

fn in_json(hold: &Hold, names: bool, today: Date) -> Value {
    let instant = |micros: i64| Timestamp::from_microsecond(micros).map(|at| at.to_string()).ok();
    let mut value = json!(hold);
    let terms = json!({
        "standing": hold.standing(today),
        "ground": hold.terms.ground.name(),
        "named": hold.terms.ground.named(),
        "about": about(hold, names),
        "from": instant(hold.terms.from),
        "to": instant(hold.terms.to),
        "review": hold.terms.review.to_string(),
        "until": hold.terms.until.to_string(),
        "reason": names.then_some(&hold.terms.reason),
    });
    if let (Value::Object(value), Value::Object(terms)) = (&mut value, terms) {
        value.extend(terms);
    }
    value
}
