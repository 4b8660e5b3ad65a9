//! `octroi hold`: records kept beyond their term because somebody may have to show them.
//!
//! To add, extend and release takes two persons. A judicial hold exists for the desk that answers requisitions and for
//! approvers alone; for everybody else there is none of its number.

mod show;

use super::rights::asker;
use super::when::{Day, instant};
use super::{Answer, Wrong, configuration, log, plural, runtime};
use crate::access::{self, Actor, Grant};
use crate::cli::{AddHold, ExtendHold, GroundName, Hold as Command, ReleaseHold, ReviewHold};
use crate::config::Config;
use crate::register;
use jiff::Timestamp;
use logstore::HostFilter;
use logstore::approvals::{self, Asked, Kind, LONGEST, Subject};
use logstore::hold::{self, Desk, DeskError, Ground, Hold, Holds, Reach, Refusal, Terms};
use logstore::people::{self, People, Period, Role};
use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::path::Path;

/// Who may have anything to do with holds.
const DESKS: [Role; 3] = [Role::Investigator, Role::Rights, Role::Judicial];

/// Runs one of the commands.
pub(crate) fn hold(path: Option<&Path>, command: &Command) -> Result<Answer, Wrong> {
    let config = configuration(path)?;
    match command {
        Command::Add(asked) => add(&config, asked),
        Command::List(asked) => show::list(&config, asked),
        Command::Show(asked) => show::show(&config, asked),
        Command::Records(asked) => show::records(&config, asked),
        Command::Extend(asked) => extend(&config, asked),
        Command::Review(asked) => review(&config, asked),
        Command::Release(asked) => release(&config, asked),
    }
}

/// Which roles act on a hold of this ground.
fn desks(ground: &Ground) -> &'static [Role] {
    match ground {
        Ground::Judicial { .. } => &[Role::Judicial],
        Ground::Rights { .. } => &[Role::Rights],
        Ground::Incident { .. } => &[Role::Investigator],
        Ground::Litigation { .. } => &[Role::Investigator, Role::Rights, Role::Judicial],
    }
}

fn add(config: &Config, asked: &AddHold) -> Result<Answer, Wrong> {
    let ground = ground(asked);
    let Some(actor) = access::enter(config, &asked.acting, desks(&ground), "hold add")? else { return Ok(Answer::No) };
    let (keys, people) = (access::keys(config)?, access::people(config)?);
    let terms = terms(config, asked, ground, &people)?;
    if let Ground::Rights { reference } = &terms.ground {
        let Some(asker) = asker(config, &keys, &actor, reference)? else { return Ok(Answer::No) };
        if !asker.holds(&terms.about) {
            asker.refuse("what is to be held is not known to be");
            return Ok(Answer::No);
        }
    }
    access::within_term(config, terms.from)?;
    let today = Desk::open(&config.register_dir(), &keys).map_err(Wrong::because)?.today();
    terms.check(today).map_err(Wrong::because)?;
    approvals::bounded(Kind::Hold, &terms.about).map_err(Wrong::because)?;
    let reach = shown(config, &terms, &people)?;
    if !asked.yes && io::stdin().is_terminal() && !confirmed()? {
        eprintln!("nothing is held");
        return Ok(Answer::No);
    }
    let wanted = wanted("add", None, &terms, &format!("{} ({})", terms.reason, told(&reach)), BTreeMap::new());
    let Some(grant) = access::two_persons(config, &actor, wanted)? else { return Ok(Answer::No) };
    let approval = grant.number();
    grant.spend(reach.records)?;
    let added = Desk::open(&config.register_dir(), &keys)
        .map_err(DeskError::from)
        .and_then(|mut desk| desk.add(actor.who(), terms.clone(), approval));
    let number = added.map_err(Wrong::because)?;
    note(config, &actor, "add", number, &terms, approval, &terms.reason, reach.records)?;
    println!("{number}");
    eprintln!("hold {number} is in force: looked at again by {}, over after {}", terms.review, terms.until);
    Ok(Answer::Done)
}

/// Whether somebody at a terminal says yes.
fn confirmed() -> Result<bool, Wrong> {
    eprint!("hold these records? [y/N] ");
    let mut line = String::new();
    io::stdin().read_line(&mut line).map_err(Wrong::because)?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes" | "o" | "O" | "oui"))
}

fn ground(asked: &AddHold) -> Ground {
    let text = |text: &Option<String>| text.as_deref().unwrap_or_default().trim().to_owned();
    match asked.ground {
        GroundName::Judicial => Ground::Judicial { reference: text(&asked.reference) },
        GroundName::Rights => Ground::Rights { reference: text(&asked.reference) },
        GroundName::Litigation => Ground::Litigation { claim: text(&asked.claim) },
        GroundName::Incident => Ground::Incident { incident: text(&asked.incident) },
    }
}

fn terms(config: &Config, asked: &AddHold, ground: Ground, people: &People) -> Result<Terms, Wrong> {
    let zone = &config.time_zone;
    let from = instant("--from", &asked.from, zone, Day::Begins)?.as_microsecond();
    let to = instant("--to", &asked.to, zone, Day::Ends)?.as_microsecond();
    let mut about = Vec::new();
    for user in &asked.users {
        let name = people::name(user).map_err(|why| Wrong::because(format!("--user: {why}")))?;
        // By the name they have now: a former one is theirs for its time alone.
        let owner = people.owner(&name, to - 1).to_owned();
        if owner != name {
            eprintln!("{name} is {owner}'s: this holds {owner}'s records");
        }
        about.push(Subject::User(owner));
    }
    for client in &asked.clients {
        about.push(Subject::Client(log::network(client)?));
    }
    for host in &asked.hosts {
        let filter = log::host_filter(host).map_err(|why| Wrong::because(format!("--host {why}")))?;
        let (HostFilter::Exactly(name) | HostFilter::WithSubdomains(name)) = filter;
        about.push(Subject::Host(name));
    }
    let (review, until, reason) = (asked.review, asked.until, asked.reason.trim().to_owned());
    Ok(Terms { ground, about, from, to, review, until, reason })
}

/// Shows how much a hold would reach.
fn shown(config: &Config, terms: &Terms, people: &People) -> Result<Reach, Wrong> {
    let runtime = runtime()?;
    log::bring_up_to_date(config, &runtime)?;
    let keys = access::keys(config)?;
    let dir = config.register_dir();
    let counted = hold::reach(&dir, &keys, terms, people);
    let (reach, missed) = runtime.block_on(counted).map_err(Wrong::because)?;
    for day in &missed {
        eprintln!("not counted: {day}");
    }
    eprintln!("this holds {}", told(&reach));
    Ok(reach)
}

fn told(reach: &Reach) -> String {
    let Reach { records, persons, addresses, masked } = reach;
    let nobody = match addresses {
        0 => String::new(),
        _ => format!(", {} of nobody known", plural(*addresses, "address", "addresses")),
    };
    format!(
        "{} of {}{nobody}, {masked} masked, which stay so",
        plural(*records, "record", "records"),
        plural(*persons, "person", "persons")
    )
}

fn extend(config: &Config, asked: &ExtendHold) -> Result<Answer, Wrong> {
    let Some((actor, hold)) = found(config, &asked.acting, asked.number, "hold extend")? else { return Ok(Answer::No) };
    let keys = access::keys(config)?;
    let open = || Desk::open(&config.register_dir(), &keys).map_err(Wrong::because);
    if let Some(no) = refusal(open()?.may_extend(hold.number, asked.until, &asked.reason))? {
        return Ok(no);
    }
    let more = BTreeMap::from([("until".to_owned(), asked.until.to_string())]);
    let Some(grant) = granted(config, &actor, "extend", &hold, &asked.reason, more)? else { return Ok(Answer::No) };
    let approval = grant.number();
    grant.spend(0)?;
    let terms = match open()?.extend(hold.number, actor.who(), asked.until, &asked.reason, approval) {
        Ok(hold) => hold.terms.clone(),
        Err(why) => return Err(Wrong::because(why)),
    };
    note(config, &actor, "extend", hold.number, &terms, approval, &asked.reason, 0)?;
    eprintln!("hold {} is over after {}", hold.number, terms.until);
    Ok(Answer::Done)
}

fn review(config: &Config, asked: &ReviewHold) -> Result<Answer, Wrong> {
    let Some((actor, hold)) = found(config, &asked.acting, asked.number, "hold review")? else { return Ok(Answer::No) };
    let keys = access::keys(config)?;
    let reviewed = Desk::open(&config.register_dir(), &keys).map_err(DeskError::from).and_then(|mut desk| {
        desk.review(hold.number, actor.who(), asked.review, &asked.reason).map(|hold| hold.terms.clone())
    });
    let terms = match reviewed {
        Ok(terms) => terms,
        Err(DeskError::Refused(why)) => return refusal(Err(why)).map(|no| no.unwrap_or(Answer::No)),
        Err(why) => return Err(Wrong::because(why)),
    };
    note(config, &actor, "review", hold.number, &terms, None, &asked.reason, 0)?;
    eprintln!("hold {} is looked at again by {}", hold.number, terms.review);
    Ok(Answer::Done)
}

fn release(config: &Config, asked: &ReleaseHold) -> Result<Answer, Wrong> {
    let Some((actor, hold)) = found(config, &asked.acting, asked.number, "hold release")? else {
        return Ok(Answer::No);
    };
    let keys = access::keys(config)?;
    let open = || Desk::open(&config.register_dir(), &keys).map_err(Wrong::because);
    if let Some(no) = refusal(open()?.may_release(hold.number, &asked.reason))? {
        return Ok(no);
    }
    let Some(grant) = granted(config, &actor, "release", &hold, &asked.reason, BTreeMap::new())? else {
        return Ok(Answer::No);
    };
    let approval = grant.number();
    grant.spend(0)?;
    open()?.release(hold.number, actor.who(), &asked.reason, approval).map_err(Wrong::because)?;
    note(config, &actor, "release", hold.number, &hold.terms, approval, &asked.reason, 0)?;
    let node = register::settings(config).node;
    if let Err(why) = hold::settle(&config.register_dir(), &keys, &config.organisation.name, &node) {
        eprintln!(
            "hold {} is released, and what was taken out for it is not destroyed: {why}; a gate tries again",
            hold.number
        );
        return Ok(Answer::No);
    }
    let after = Holds::read(&config.register_dir(), &keys).map_err(Wrong::because)?;
    let destroyed = after.get(hold.number).ok().and_then(|hold| hold.destroyed.clone());
    let (days, records) = destroyed.as_ref().map_or((0, 0), |destroyed| (destroyed.days, destroyed.records));
    eprintln!(
        "hold {} is released: {} of {} destroyed",
        hold.number,
        plural(records, "record", "records"),
        plural(days, "day", "days")
    );
    if let Some(certificate) = destroyed.and_then(|destroyed| destroyed.certificate) {
        println!("{certificate}");
    }
    Ok(Answer::Done)
}

/// Who acts on a hold, and the hold; nothing when they may not, or when for them there is none.
fn found(config: &Config, acting: &crate::cli::As, number: u64, act: &str) -> Result<Option<(Actor, Hold)>, Wrong> {
    let Some(actor) = access::enter(config, acting, &DESKS, act)? else { return Ok(None) };
    let (keys, people) = (access::keys(config)?, access::people(config)?);
    let holds = Holds::read(&config.register_dir(), &keys).map_err(Wrong::because)?;
    let hold = match holds.get(number) {
        Ok(hold) if show::is_seen(&actor, &people, hold) => hold.clone(),
        _ => {
            eprintln!("{}", Refusal::Unknown(number));
            return Ok(None);
        }
    };
    let roles = desks(&hold.terms.ground);
    if !actor.is_alone() && !roles.iter().any(|role| people.may_act(actor.who(), *role)) {
        let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
        let why = format!("it takes the role {}, which {} has not", names.join(" or "), actor.who());
        return access::refused(config, Some(actor.who()), None, act, &why);
    }
    Ok(Some((actor, hold)))
}

/// The answer to what the rules forbid: wrong usage, or no.
fn refusal(checked: Result<(), Refusal>) -> Result<Option<Answer>, Wrong> {
    match checked {
        Ok(()) => Ok(None),
        Err(why @ Refusal::Form(_)) => Err(Wrong::because(why)),
        Err(why) => {
            eprintln!("{why}");
            Ok(Some(Answer::No))
        }
    }
}

fn granted<'c>(
    config: &'c Config,
    actor: &Actor,
    act: &str,
    hold: &Hold,
    reason: &str,
    more: BTreeMap<String, String>,
) -> Result<Option<Grant<'c>>, Wrong> {
    access::two_persons(config, actor, wanted(act, Some(hold.number), &hold.terms, reason.trim(), more))
}

/// What is asked of a second person: exactly this. That it is for a requisition restricts who sees it.
fn wanted(act: &str, number: Option<u64>, terms: &Terms, reason: &str, more: BTreeMap<String, String>) -> Asked {
    let Terms { ground, about, from, to, review, until, .. } = terms;
    let mut fields = BTreeMap::from([
        ("act".to_owned(), act.to_owned()),
        (ground.name().to_owned(), ground.named().to_owned()),
        ("review".to_owned(), review.to_string()),
        ("until".to_owned(), until.to_string()),
        // Of one that is added the reason asked with says besides how far it reaches, which moves.
        ("reason".to_owned(), if number.is_none() { &terms.reason } else { reason }.trim().to_owned()),
    ]);
    fields.extend(number.map(|number| ("hold".to_owned(), number.to_string())));
    fields.extend(more);
    Asked {
        kind: Kind::Hold,
        purpose: None,
        reason: reason.to_owned(),
        about: about.clone(),
        period: Period { from: Some(*from), to: Some(*to) },
        longer: None,
        fields,
        lasts: LONGEST,
        incident: None,
    }
}

/// Notes an act on a hold in the audit trail, as its request was.
#[expect(clippy::too_many_arguments, reason = "each is a column of the trail")]
fn note(
    config: &Config,
    actor: &Actor,
    act: &str,
    number: u64,
    terms: &Terms,
    approval: Option<u64>,
    reason: &str,
    count: u64,
) -> Result<(), Wrong> {
    let at = |micros: i64| Timestamp::from_microsecond(micros).map(|at| at.to_string()).unwrap_or_default();
    let mut scope = wanted(act, Some(number), terms, reason, BTreeMap::new()).fields;
    scope.remove("reason");
    let about: Vec<String> = terms.about.iter().map(ToString::to_string).collect();
    scope.extend(
        [("about", about.join(", ")), ("from", at(terms.from)), ("to", at(terms.to))].map(|(k, v)| (k.to_owned(), v)),
    );
    scope.extend(approval.map(|approval| ("request".to_owned(), approval.to_string())));
    actor.note(config, "hold", None, Some(reason.trim()), scope, count)
}
