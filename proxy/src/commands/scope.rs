//! `octroi scope`: acts that two persons decide. Names are asked for here; holds, requisitions, erasures and roles are asked for
//! by their own commands, and decided here with the rest.

mod ask;
mod own;
mod show;

pub(super) use ask::shut;

use super::{Answer, Wrong, configuration};
use crate::access::{self, Actor};
use crate::cli::{As, Decide, Refuse, Review, Scope};
use crate::config::{Config, Purpose};
use crate::undertaking;
use jiff::Timestamp;
use logstore::approvals::{self, Desk, DeskError, Request, Standing};
use logstore::people::{People, Role};
use std::collections::BTreeMap;

/// Runs one of the commands.
pub(crate) fn scope(path: Option<&std::path::Path>, command: &Scope) -> Result<Answer, Wrong> {
    let config = configuration(path)?;
    match command {
        Scope::Request(asked) => ask::request(&config, asked),
        Scope::Setting(asked) => ask::setting(&config, asked),
        Scope::BreakGlass(asked) => ask::break_glass(&config, asked),
        Scope::List(asked) => show::list(&config, asked),
        Scope::Show(asked) => show::show(&config, asked),
        Scope::Approve(decided) => approve(&config, decided),
        Scope::Refuse(decided) => refuse(&config, decided),
        Scope::Close(decided) => close(&config, decided),
        Scope::Review(review) => reviewed(&config, review),
    }
}

fn approve(config: &Config, decided: &Decide) -> Result<Answer, Wrong> {
    let Some(actor) = second_person(config, &decided.acting, "scope approve")? else { return Ok(Answer::No) };
    let longest = i64::try_from(config.roles.open_for.as_micros()).unwrap_or(i64::MAX);
    let steps = access::missing_steps(config);
    let approvals = approvals::read(&config.register_dir(), &access::keys(config)?).map_err(Wrong::because)?;
    let waiting =
        approvals.get(decided.number).ok().filter(|request| request.standing(&approvals.now()) == Standing::Waiting);
    let own = waiting.map(|request| own::was_there(config, actor.who(), request)).transpose()?.unwrap_or(false);
    at_desk(config, &actor, decided.number, "approved", |desk, people| {
        let asked = &desk.approvals().get(decided.number)?.asked;
        if asked.purpose.as_deref() == Some(Purpose::Charter.code()) && !steps.is_empty() {
            return Err(logstore::approvals::Refusal::Form(charter_shut(&steps)).into());
        }
        if own {
            return Err(logstore::approvals::Refusal::About(decided.number).into());
        }
        let request = desk.approve(decided.number, actor.who(), people, longest)?.clone();
        if let Standing::Open { left } = request.standing(&desk.now()) {
            let until = Timestamp::now().as_microsecond().saturating_add(left);
            eprintln!("request {} is open for {} until {}", request.number, request.by, show::local(config, until));
        }
        Ok(request)
    })
}

fn refuse(config: &Config, decided: &Refuse) -> Result<Answer, Wrong> {
    let Some(actor) = second_person(config, &decided.acting, "scope refuse")? else { return Ok(Answer::No) };
    at_desk(config, &actor, decided.number, "refused", |desk, people| {
        Ok(desk.refuse(decided.number, actor.who(), people, &decided.reason)?.clone())
    })
}

/// Who asked closes it, or an approver.
fn close(config: &Config, decided: &Decide) -> Result<Answer, Wrong> {
    let Some(actor) = access::enter(config, &decided.acting, &Role::ALL, "scope close")? else { return Ok(Answer::No) };
    let people = access::people(config)?;
    let approver = actor.is_alone() || people.may_act(actor.who(), Role::Approver);
    at_desk(config, &actor, decided.number, "closed", |desk, people| {
        let request = desk.approvals().get(decided.number)?;
        if !approver && !people.same_person(&request.by, actor.who()) {
            return Err(logstore::approvals::Refusal::Unknown(decided.number).into());
        }
        Ok(desk.close(decided.number, actor.who())?.clone())
    })
}

fn reviewed(config: &Config, review: &Review) -> Result<Answer, Wrong> {
    let Some(actor) = second_person(config, &review.acting, "scope review")? else { return Ok(Answer::No) };
    at_desk(config, &actor, review.number, "reviewed", |desk, people| {
        let late = desk.approvals().get(review.number)?.review_due().is_some_and(|due| desk.now().at > due);
        let request = desk.review(review.number, actor.who(), people, &review.text)?.clone();
        if late {
            eprintln!("the review came late: it was due within 72 hours");
        }
        Ok(request)
    })
}

/// An approver. Alone, nobody is asked to approve anything.
fn second_person(config: &Config, acting: &As, act: &str) -> Result<Option<Actor>, Wrong> {
    let Some(actor) = access::enter(config, acting, &[Role::Approver], act)? else { return Ok(None) };
    if actor.is_alone() {
        eprintln!("nothing waits for a second person as long as one acts alone");
        return Ok(None);
    }
    Ok(Some(actor))
}

/// Does something about a request, and notes it; says why not, and notes that too.
fn at_desk(
    config: &Config,
    actor: &Actor,
    number: u64,
    act: &str,
    act_on: impl FnOnce(&mut Desk<'_>, &People) -> Result<Request, DeskError>,
) -> Result<Answer, Wrong> {
    let (keys, people) = (access::keys(config)?, access::people(config)?);
    let mut restricts = BTreeMap::new();
    let outcome = {
        let mut desk = Desk::open(&config.register_dir(), &keys).map_err(Wrong::because)?;
        let known = desk.approvals().get(number).ok();
        if let Some(request) = known.filter(|request| access::is_restricted(request.asked.kind, &request.asked.fields))
        {
            let fields = request.asked.fields.get_key_value("judicial");
            restricts.extend(fields.map(|(name, value)| (name.clone(), value.clone())));
            restricts.insert("kind".to_owned(), request.asked.kind.name().to_owned());
        }
        match known.is_some_and(|request| access::is_hidden(request, actor.who(), &people)) {
            true => Err(logstore::approvals::Refusal::Unknown(number).into()),
            false => act_on(&mut desk, &people),
        }
    };
    match outcome {
        Ok(request) => {
            let said = request.refused.as_ref().or(request.review.as_ref()).and_then(|said| said.text.as_deref());
            let reason = said.unwrap_or(&request.asked.reason);
            let scope = access::noted(number, &request.asked);
            actor.note(config, act, request.asked.purpose.as_deref(), Some(reason), scope, request.records)?;
            Ok(Answer::Done)
        }
        Err(DeskError::Refused(why)) => {
            let (who, act) = (Some(actor.who()), format!("{act} {number}"));
            access::refused_of::<()>(config, who, None, &act, &why.to_string(), restricts)?;
            Ok(Answer::No)
        }
        Err(DeskError::Ledger(why)) => Err(Wrong::because(why)),
    }
}

/// Why no scope of the charter opens.
fn charter_shut(steps: &[&str]) -> String {
    format!(
        "names open for the purpose `charter` only when the works council was consulted and persons were informed: `[legal]` lacks \
         the date of {}",
        steps.join(" and ")
    )
}

/// What is said when names open.
pub(crate) fn remind(config: &Config) {
    eprintln!("{}", undertaking::reminder(config.locale));
}
