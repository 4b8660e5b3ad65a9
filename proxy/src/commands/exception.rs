//! `octroi exception`: temporary exceptions granted, listed, ended. A matter of the charter, and of its editor (`law.md` 8).

use super::when::{Day, instant};
use super::{Answer, Wrong, answer, answer_json, charter, columns, configuration};
use crate::access::{self, Actor};
use crate::accounts::rule::Name;
use crate::cli::{AddException, Exception, ListExceptions, RevokeException};
use crate::config::Config;
use crate::control::{self, AskError, Request};
use jiff::{SignedDuration, Timestamp};
use logstore::exceptions::{self, Grant, Refusal, Whom};
use logstore::people::Role;
use policy::exception::Subject;
use policy::{Charter, Exceptions, Scheme, Target};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// No exception lasts longer: what is to hold for good belongs into the charter.
const LONGEST: SignedDuration = SignedDuration::from_hours(31 * 24);

/// Runs one of the commands.
pub(crate) fn exception(path: Option<&Path>, command: &Exception) -> Result<Answer, Wrong> {
    let config = configuration(path)?;
    match command {
        Exception::Add(asked) => add(&config, asked),
        Exception::List(asked) => list(&config, asked),
        Exception::Revoke(asked) => revoke(&config, asked),
    }
}

fn add(config: &Config, asked: &AddException) -> Result<Answer, Wrong> {
    let grant = granted(config, asked, Timestamp::now())?;
    let Some(actor) = access::enter(config, &asked.acting, &[Role::Policy], "exception add")? else {
        return Ok(Answer::No);
    };
    if let Whom::User(user) = &grant.whom
        && !actor.is_alone()
        && access::people(config)?.same_person(user, actor.who())
    {
        let why = "nobody grants an exception to themselves: ask another who edits the charter";
        access::refused::<()>(config, Some(actor.who()), None, "exception add", why)?;
        return Ok(Answer::No);
    }
    let keys = access::keys(config)?;
    let until = grant.until;
    let number = exceptions::grant(&config.register_dir(), &keys, actor.who(), grant).map_err(Wrong::because)?;
    noted(config, &actor, "exception granted", number)?;
    let in_force = tell(config)?;
    if asked.output.json {
        answer_json(&serde_json::json!({ "number": number, "until": instant_of(until), "in_force": in_force }))?;
    } else {
        answer(&format!("exception {number}, until {}\n", local(config, until)))?;
    }
    Ok(Answer::Done)
}

/// What is asked for, if it can be granted.
fn granted(config: &Config, asked: &AddException, now: Timestamp) -> Result<Grant, Wrong> {
    let charter = charter(config)?.charter;
    if asked.reason.trim().is_empty() {
        return Err(Wrong("--reason: say why, for whoever reads it later".into()));
    }
    let until = match (&asked.lasting, &asked.until) {
        (Some(long), _) => {
            let long =
                lasting(long).ok_or_else(|| Wrong(format!("--for {long}: expected a time such as 30m, 4h or 2d")))?;
            now.checked_add(long).map_err(Wrong::because)?
        }
        (None, Some(until)) => instant("--until", until, &config.time_zone, Day::Ends)?,
        (None, None) => return Err(Wrong("say --for or --until".into())),
    };
    if until <= now {
        return Err(Wrong("the exception would be over before it begins".into()));
    }
    if until > now.checked_add(LONGEST).map_err(Wrong::because)? {
        return Err(Wrong(
            "an exception lasts 31 days at most: what is to hold longer belongs into the charter".into(),
        ));
    }
    let whom = match (&asked.user, &asked.group) {
        (Some(user), _) => Whom::User(Name::parse(user).map_err(|why| Wrong(format!("--user: {why}")))?.to_string()),
        (None, Some(group)) if charter.has_group(group) => Whom::Group(group.clone()),
        (None, Some(group)) => return Err(Wrong(format!("--group {group}: the charter has no such group"))),
        (None, None) => Whom::Everybody,
    };
    let subject = subject_of(asked, &charter)?;
    let (kind, name) = (subject.kind().to_owned(), subject.name().to_owned());
    Ok(Grant { whom, kind, name, reason: asked.reason.trim().to_owned(), until: until.as_microsecond() })
}

fn subject_of(asked: &AddException, charter: &Charter) -> Result<Subject, Wrong> {
    let subject = match asked {
        AddException { host: Some(host), .. } => {
            let host = host.strip_prefix("*.").unwrap_or(host);
            let target = Target::of_host(host).map_err(|why| Wrong(format!("--host {host}: {why}")))?;
            Subject::Host(target.host().to_owned())
        }
        AddException { url: Some(url), .. } => {
            let target = Target::of_url(url).map_err(|why| Wrong(format!("--url {url}: {why}")))?;
            if target.scheme() == Scheme::Https {
                let host = target.host();
                return Err(Wrong(format!("--url {url}: of https the gate sees the host alone: say --host {host}")));
            }
            Subject::Url(format!("{}{}", target.host(), target.path()))
        }
        AddException { category: Some(category), .. } if charter.label(category).is_some() => {
            Subject::Category(category.clone())
        }
        AddException { category: Some(category), .. } => {
            return Err(Wrong(format!("--category {category}: the charter has no such category")));
        }
        AddException { rule: Some(rule), .. } if charter.has_rule(rule) => Subject::Rule(rule.clone()),
        AddException { rule: Some(rule), .. } => {
            return Err(Wrong(format!("--rule {rule}: the charter has no such rule")));
        }
        _ => return Err(Wrong("say on what: --host, --url, --category or --rule".into())),
    };
    // As the gate will take it up.
    let now = Timestamp::now();
    let tried = policy::exception::Exception {
        number: 0,
        whom: policy::exception::Whom::Everybody,
        subject: subject.clone(),
        from: now,
        until: now,
    };
    Exceptions::new(vec![tried]).map(|_| subject).map_err(Wrong)
}

/// `30m`, `4h`, `2d`.
fn lasting(text: &str) -> Option<SignedDuration> {
    let unit = text.chars().next_back()?;
    let count: i64 = text.strip_suffix(unit)?.parse().ok().filter(|count| (1..=100_000).contains(count))?;
    match unit {
        'm' => Some(SignedDuration::from_mins(count)),
        'h' => Some(SignedDuration::from_hours(count)),
        'd' => Some(SignedDuration::from_hours(24 * count)),
        _ => None,
    }
}

/// One line of the list.
#[derive(Serialize)]
struct Listed {
    number: u64,
    state: &'static str,
    user: Option<String>,
    group: Option<String>,
    kind: String,
    name: String,
    reason: String,
    from: String,
    until: String,
    by: String,
    revoked_by: Option<String>,
    revoked_because: Option<String>,
}

fn list(config: &Config, asked: &ListExceptions) -> Result<Answer, Wrong> {
    let roles = [Role::Policy, Role::Rights];
    let Some(actor) = access::enter(config, &asked.acting, &roles, "exception list")? else { return Ok(Answer::No) };
    let (keys, now) = (access::keys(config)?, Timestamp::now().as_microsecond());
    let all = exceptions::read(&config.register_dir(), &keys).map_err(Wrong::because)?;
    let shown: Vec<Listed> =
        all.into_iter().filter(|one| asked.all || one.holds(now)).map(|one| listed(one, now)).collect();
    actor.note(config, "exceptions listed", None, None, BTreeMap::new(), shown.len() as u64)?;
    if asked.output.json {
        answer_json(&shown)?;
    } else {
        let head = ["number", "state", "for", "on", "until", "by", "reason"].map(str::to_owned);
        let rows = shown.iter().map(|one| {
            let whom = one.user.clone().or_else(|| one.group.as_ref().map(|group| format!("group {group}")));
            [
                one.number.to_string(),
                one.state.to_owned(),
                whom.unwrap_or_else(|| "everybody".to_owned()),
                format!("{} {}", one.kind, one.name),
                one.until.clone(),
                one.by.clone(),
                one.reason.clone(),
            ]
        });
        let rows: Vec<[String; 7]> = std::iter::once(head).chain(rows).collect();
        if rows.len() > 1 {
            answer(&columns(&rows))?;
        } else {
            eprintln!("no exception is in force");
        }
    }
    Ok(Answer::Done)
}

fn listed(one: exceptions::Exception, now: i64) -> Listed {
    let until = instant_of(one.end());
    let state = match (&one.revoked, one.holds(now)) {
        (Some(_), _) => "revoked",
        (None, true) => "in force",
        (None, false) => "ended",
    };
    let (user, group) = match one.grant.whom {
        Whom::Everybody => (None, None),
        Whom::User(user) => (Some(user), None),
        Whom::Group(group) => (None, Some(group)),
    };
    let (revoked_by, revoked_because) = one.revoked.map(|end| (end.by, end.reason)).unzip();
    Listed {
        number: one.number,
        state,
        user,
        group,
        kind: one.grant.kind,
        name: one.grant.name,
        reason: one.grant.reason,
        from: instant_of(one.from),
        until,
        by: one.by,
        revoked_by,
        revoked_because,
    }
}

fn revoke(config: &Config, asked: &RevokeException) -> Result<Answer, Wrong> {
    let Some(actor) = access::enter(config, &asked.acting, &[Role::Policy], "exception revoke")? else {
        return Ok(Answer::No);
    };
    let keys = access::keys(config)?;
    match exceptions::revoke(&config.register_dir(), &keys, actor.who(), asked.number, &asked.reason) {
        Ok(_) => {}
        Err(Refusal::Ledger(why)) => return Err(Wrong::because(why)),
        Err(why) => {
            eprintln!("{why}");
            return Ok(Answer::No);
        }
    }
    noted(config, &actor, "exception revoked", asked.number)?;
    tell(config)?;
    answer(&format!("exception {} is over\n", asked.number))?;
    Ok(Answer::Done)
}

/// The audit trail names the exception, and nobody: for whom, on what and why stands in the ledger, where it can be erased.
fn noted(config: &Config, actor: &Actor, act: &str, number: u64) -> Result<(), Wrong> {
    actor.note(config, act, None, None, BTreeMap::from([("exception".to_owned(), number.to_string())]), 1)
}

/// Has the running gate go by the ledger at once. Whether one does.
fn tell(config: &Config) -> Result<bool, Wrong> {
    match control::ask(&config.data_dir, &Request::Exceptions) {
        Ok(control::Answer::Kept) => Ok(true),
        Ok(control::Answer::Failed { why }) => Err(Wrong(why)),
        Ok(other) => Err(super::status::unexpected(other)),
        Err(AskError::NoGate) => {
            eprintln!("no gate runs: the next start takes it up");
            Ok(false)
        }
        Err(why) => Err(Wrong::because(why)),
    }
}

fn instant_of(micros: i64) -> String {
    Timestamp::from_microsecond(micros).map(|at| format!("{at:.0}")).unwrap_or_default()
}

fn local(config: &Config, micros: i64) -> String {
    let at = Timestamp::from_microsecond(micros).map(|at| at.to_zoned_datetime(config.time_zone.clone()));
    at.map(|at| at.strftime("%Y-%m-%d %H:%M %:z").to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_is_written_short() {
        for (text, minutes) in [("30m", Some(30)), ("4h", Some(240)), ("2d", Some(2880))] {
            assert_eq!(lasting(text).map(|long| long.as_mins()), minutes, "{text}");
        }
        for text in ["", "h", "4", "0h", "-4h", "4 h", "4s", "99999999999d", "é"] {
            assert_eq!(lasting(text), None, "{text}");
        }
    }
}
