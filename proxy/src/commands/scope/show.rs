//! `octroi scope list` and `show`: what was asked for, and how it stands, to whom it concerns.
//!
//! Everybody sees what they asked for. An approver sees everything, an auditor everything but requisitions, which nobody else
//! learns of than the desk that answers them and who approves.

use super::super::{Answer, Wrong, answer, answer_json, columns};
use crate::access::{self, Actor};
use crate::cli::{ListScopes, ShowScope};
use crate::config::Config;
use jiff::Timestamp;
use logstore::approvals::{self, Approvals, Now, Request, Said, Standing};
use logstore::people::{Link, Mark, People, Role};
use serde_json::{Value, json};

/// Lists the requests that the actor may see. None is a no.
pub(super) fn list(config: &Config, asked: &ListScopes) -> Result<Answer, Wrong> {
    let Some(actor) = access::look(config, &asked.acting, &Role::ALL, "scope list")? else { return Ok(Answer::No) };
    let (approvals, people) = (read(config)?, access::people(config)?);
    let now = approvals.now();
    let seen: Vec<&Request> = approvals.requests().filter(|request| is_shown(&actor, &people, request)).collect();
    if asked.output.json {
        answer_json(&seen.iter().map(|request| json(request, &now)).collect::<Vec<_>>())?;
    } else {
        let row = |request: &&Request| {
            let about: Vec<String> = request.asked.about.iter().map(ToString::to_string).collect();
            [
                request.number.to_string(),
                kind(request).to_owned(),
                stands(config, request, &now),
                request.by.clone(),
                local(config, request.at),
                about.join(", "),
                request.asked.reason.clone(),
            ]
        };
        answer(&columns(&seen.iter().map(row).collect::<Vec<_>>()))?;
    }
    if seen.is_empty() {
        eprintln!("nothing found");
        return Ok(Answer::No);
    }
    Ok(Answer::Done)
}

/// Shows one request; one that the actor may not see is none.
pub(super) fn show(config: &Config, asked: &ShowScope) -> Result<Answer, Wrong> {
    let Some(actor) = access::look(config, &asked.acting, &Role::ALL, "scope show")? else { return Ok(Answer::No) };
    let (approvals, people) = (read(config)?, access::people(config)?);
    let now = approvals.now();
    let Ok(request) = approvals
        .get(asked.number)
        .map_err(drop)
        .and_then(|request| if is_shown(&actor, &people, request) { Ok(request) } else { Err(()) })
    else {
        eprintln!("there is no request {}", asked.number);
        return Ok(Answer::No);
    };
    if asked.output.json {
        answer_json(&json(request, &now))?;
        return Ok(Answer::Done);
    }
    let asked = &request.asked;
    let about: Vec<String> = asked.about.iter().map(ToString::to_string).collect();
    let mut rows = vec![
        ["request".to_owned(), format!("{}, {}", request.number, kind(request))],
        ["standing".to_owned(), stands(config, request, &now)],
        ["asked".to_owned(), format!("{}, {}", request.by, local(config, request.at))],
    ];
    let mut row = |name: &str, text: Option<String>| {
        rows.extend(text.filter(|text| !text.is_empty()).map(|text| [name.to_owned(), text]));
    };
    row("purpose", asked.purpose.clone());
    let account = |link: &Link| match &link.mark {
        Mark::Account(name) => Some(format!("{name} is {}'s", link.person)),
        Mark::Address(_) => None,
    };
    row("accounts", Some(request.accounts.iter().filter_map(account).collect::<Vec<_>>().join(", ")));
    row("reason", Some(asked.reason.clone()));
    row("about", Some(about.join(", ")));
    row("from", asked.period.from.map(|at| local(config, at)));
    row("to", asked.period.to.map(|at| local(config, at)));
    row("longer", asked.longer.clone());
    row("incident", asked.incident.clone());
    for (name, value) in &asked.fields {
        row(name, Some(value.clone()));
    }
    for (name, said) in [("approved", &request.approved), ("refused", &request.refused), ("closed", &request.closed)] {
        row(name, said.as_ref().map(|said| told(config, said)));
    }
    row("read", (request.looks > 0).then(|| format!("{} times, {} records", request.looks, request.records)));
    row("review", request.review.as_ref().map(|said| told(config, said)));
    row("review due", request.review_due().map(|due| local(config, due)));
    answer(&columns(&rows))?;
    Ok(Answer::Done)
}

fn read(config: &Config) -> Result<Approvals, Wrong> {
    let keys = access::keys(config)?;
    approvals::read(&config.register_dir(), &keys).map_err(Wrong::because)
}

fn is_shown(actor: &Actor, people: &People, request: &Request) -> bool {
    let has = |role| people.may_act(actor.who(), role);
    let restricted = access::is_restricted(request.asked.kind, &request.asked.fields);
    actor.is_alone()
        || people.same_person(&request.by, actor.who())
        || (!access::is_hidden(request, actor.who(), people)
            && (has(Role::Approver) || (restricted && has(Role::Judicial)) || (!restricted && has(Role::Auditor))))
}

/// What is asked for, in a word; names opened without a second person are told apart.
fn kind(request: &Request) -> &'static str {
    if request.is_glass() { "break-glass" } else { request.asked.kind.name() }
}

fn stands(config: &Config, request: &Request, now: &Now) -> String {
    let stands = match request.standing(now) {
        Standing::Open { left } => format!("open until {}", local(config, now.at.saturating_add(left))),
        other => other.word().to_owned(),
    };
    match request.review_due() {
        Some(due) if due < now.at => format!("{stands}, review overdue since {}", local(config, due)),
        Some(due) => format!("{stands}, review due until {}", local(config, due)),
        None if request.is_glass() => format!("{stands}, reviewed"),
        None => stands,
    }
}

fn told(config: &Config, said: &Said) -> String {
    let text = said.text.as_deref().map(|text| format!(": {text}")).unwrap_or_default();
    format!("{}, {}{text}", said.by, local(config, said.at))
}

/// An instant as people of the configuration's zone read it.
pub(super) fn local(config: &Config, micros: i64) -> String {
    let at = Timestamp::from_microsecond(micros).unwrap_or_default().to_zoned_datetime(config.time_zone.clone());
    at.strftime("%Y-%m-%d %H:%M:%S%:z").to_string()
}

fn json(request: &Request, now: &Now) -> Value {
    let instant = |micros: i64| Timestamp::from_microsecond(micros).map(|at| at.to_string()).ok();
    let said = |said: &Option<Said>| {
        said.as_ref().map(|said| json!({ "by": said.by, "at": instant(said.at), "text": said.text }))
    };
    let asked = &request.asked;
    let open_until = match request.standing(now) {
        Standing::Open { left } => instant(now.at.saturating_add(left)),
        _ => None,
    };
    json!({
        "number": request.number,
        "kind": asked.kind,
        "standing": request.standing(now).word(),
        "open_until": open_until,
        "by": request.by,
        "at": instant(request.at),
        "purpose": asked.purpose,
        "reason": asked.reason,
        "about": asked.about,
        "from": asked.period.from.and_then(instant),
        "to": asked.period.to.and_then(instant),
        "longer": asked.longer,
        "incident": asked.incident,
        "fields": asked.fields,
        "accounts": request.accounts,
        "approved": said(&request.approved),
        "refused": said(&request.refused),
        "closed": said(&request.closed),
        "looks": request.looks,
        "records": request.records,
        "review": said(&request.review),
        "review_due": request.review_due().and_then(instant),
    })
}
