//! `octroi scope request` and `break-glass`: names asked for, and names opened alone when a security incident cannot wait.

use super::super::when::{Day, instant};
use super::super::{Answer, Wrong, log};
use super::{charter_shut, remind};
use crate::access;
use crate::cli::{BreakGlass, Reach, RequestScope, RequestSetting};
use crate::config::{Config, Purpose};
use crate::control::{self, Request};
use logstore::HostFilter;
use logstore::approvals::{Asked, Kind, LONGEST, SETTING, Subject, VALUE};
use logstore::people::{self, People, Period, Role};
use std::collections::BTreeMap;

/// Asks for a setting to be loosened: whoever keeps the gate, its charter or its documents does.
pub(super) fn setting(config: &Config, asked: &RequestSetting) -> Result<Answer, Wrong> {
    const MAY: [Role; 3] = [Role::Operator, Role::Policy, Role::Rights];
    let (name, value) = asked.setting.split_once('=').unwrap_or((&asked.setting, ""));
    access::settings::known(name, value).map_err(Wrong)?;
    let Some(actor) = access::enter(config, &asked.acting, &MAY, "scope setting")? else { return Ok(Answer::No) };
    if actor.is_alone() {
        eprintln!("no request is needed as long as one person acts alone: `octroi reload` puts settings in force");
        return Ok(Answer::No);
    }
    // Nobody decides that they are no longer protected themselves.
    let about = name.ends_with("users").then(|| people::name(value)).transpose();
    let about = about.map_err(|why| Wrong(format!("{name}: {why}")))?;
    let fields = [(SETTING, name), (VALUE, value)];
    let wanted = Asked {
        kind: Kind::Setting,
        purpose: None,
        reason: asked.reason.trim().to_owned(),
        about: about.map(Subject::User).into_iter().collect(),
        period: Period::default(),
        longer: None,
        fields: fields.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        lasts: LONGEST,
        incident: None,
    };
    let Some(number) = access::ask(config, &actor, wanted)? else { return Ok(Answer::No) };
    println!("{number}");
    eprintln!(
        "request {number}: another person says `octroi scope approve {number} --as ACCOUNT`; `octroi reload` puts it in force then, within \
         the hours that an approval is open"
    );
    Ok(Answer::Done)
}

/// Asks for names.
pub(super) fn request(config: &Config, asked: &RequestScope) -> Result<Answer, Wrong> {
    let act = "scope request";
    let Some(actor) = access::enter(config, &asked.acting, &[Role::Investigator], act)? else { return Ok(Answer::No) };
    if actor.is_alone() {
        eprintln!("no scope is needed as long as one person acts alone: `octroi log search --purpose … --reason …`");
        return Ok(Answer::No);
    }
    let wanted = scope(config, &asked.reach, &asked.purpose, &asked.reason, None)?;
    if let Some(why) = shut(config, &asked.purpose) {
        access::refused::<()>(config, Some(actor.who()), None, act, &why)?;
        return Ok(Answer::No);
    }
    let Some(number) = access::ask(config, &actor, wanted)? else { return Ok(Answer::No) };
    println!("{number}");
    eprintln!("request {number}: another person says `octroi scope approve {number} --as ACCOUNT`");
    Ok(Answer::Done)
}

/// Opens names without a second person, and raises the alarm.
pub(super) fn break_glass(config: &Config, asked: &BreakGlass) -> Result<Answer, Wrong> {
    let act = "scope break-glass";
    let Some(actor) = access::enter(config, &asked.acting, &[Role::Investigator], act)? else { return Ok(Answer::No) };
    if actor.is_alone() {
        eprintln!("there is no glass to break as long as one person acts alone");
        return Ok(Answer::No);
    }
    let security = Purpose::Security.code();
    let wanted = scope(config, &asked.reach, security, &asked.reason, Some(asked.incident.trim().to_owned()))?;
    if let Some(why) = shut(config, security) {
        access::refused::<()>(config, Some(actor.who()), None, act, &why)?;
        return Ok(Answer::No);
    }
    let Some(number) = access::ask(config, &actor, wanted)? else { return Ok(Answer::No) };
    println!("{number}");
    eprintln!(
        "the glass is broken: names are open for 24 hours, and the approvers and the data protection officer are to know at once; \
         an approver reviews it in writing within 72 hours: `octroi scope review {number} --text … --as ACCOUNT`"
    );
    remind(config);
    // A gate that runs raises the alarm in its log when it looks at its register; asked how it is, it looks now.
    let _ = control::ask(&config.data_dir, &Request::Status);
    Ok(Answer::Done)
}

/// Why names do not open for a purpose; nothing when they may.
pub(in super::super) fn shut(config: &Config, code: &str) -> Option<String> {
    let declared = &config.log.purposes;
    match Purpose::of_code(code).filter(|purpose| declared.contains(purpose)) {
        None => {
            let known: Vec<&str> = declared.iter().map(|purpose| purpose.code()).collect();
            let known = known.join(", ");
            Some(format!("`{code}` is not a declared purpose of the register; `[log] purposes` has: {known}"))
        }
        Some(Purpose::Judicial) => {
            Some("requisitions are answered by `octroi export requisition`, never by a scope".into())
        }
        Some(Purpose::Rights) => {
            Some("requests of persons are answered by `octroi export subject`, never by a scope".into())
        }
        Some(Purpose::Charter) => {
            Some(access::missing_steps(config)).filter(|steps| !steps.is_empty()).map(|steps| charter_shut(&steps))
        }
        Some(Purpose::Security) => None,
    }
}

fn scope(
    config: &Config,
    reach: &Reach,
    purpose: &str,
    reason: &str,
    incident: Option<String>,
) -> Result<Asked, Wrong> {
    let zone = &config.time_zone;
    let from = instant("--from", &reach.from, zone, Day::Begins)?.as_microsecond();
    let to = instant("--to", &reach.to, zone, Day::Ends)?.as_microsecond();
    if from >= to {
        return Err(Wrong("--from is later than --to".to_owned()));
    }
    access::within_term(config, from)?;
    Ok(Asked {
        kind: Kind::Scope,
        purpose: Some(purpose.to_owned()),
        reason: reason.trim().to_owned(),
        about: subjects(&access::people(config)?, reach, to)?,
        period: Period { from: Some(from), to: Some(to) },
        longer: reach.longer_because.as_deref().map(|why| why.trim().to_owned()),
        fields: BTreeMap::new(),
        lasts: LONGEST,
        incident,
    })
}

fn subjects(people: &People, reach: &Reach, to: i64) -> Result<Vec<Subject>, Wrong> {
    let mut subjects = Vec::new();
    for user in &reach.users {
        let name = people::name(user).map_err(|why| Wrong(format!("--user: {why}")))?;
        // By the name they have now: a former one is theirs for its time alone.
        let owner = people.owner(&name, to - 1).to_owned();
        if owner != name {
            eprintln!("{name} is {owner}'s: this is asked about {owner}");
        }
        subjects.push(Subject::User(owner));
    }
    for client in &reach.clients {
        subjects.push(Subject::Client(log::network(client).map_err(|why| Wrong(format!("--client {}", why.0)))?));
    }
    for host in &reach.hosts {
        let filter = log::host_filter(host).map_err(|why| Wrong(format!("--host {why}")))?;
        let (HostFilter::Exactly(name) | HostFilter::WithSubdomains(name)) = filter;
        subjects.push(Subject::Host(name));
    }
    Ok(subjects)
}
