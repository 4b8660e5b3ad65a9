//! `octroi user role` and `undertake`: who may do what with names, and who has promised to keep them to themselves.
//!
//! Who gives what: the first roles are given by the account of the operating system alone, until there is an approver. From then
//! on, for good, an operator or an approver gives them: roles that bear names by two persons, the others alone, the auditor's by
//! an approver, and nobody to themselves. A role that stands still ([`super::still`]) is given anew the same way; its holder may
//! ask for that. When no approver is left, one is announced for 72 hours, loudly, and then named.

use super::super::{Answer, Wrong, answer};
use crate::access::{self, Actor};
use crate::accounts::rule::Name;
use crate::accounts::{file, tries};
use crate::cli::{ChangeRoles, TextLanguage, Undertake};
use crate::config::Config;
use crate::pages::Language;
use crate::undertaking;
use jiff::Timestamp;
use logstore::approvals::{Asked, Kind, LONGEST, Moment, Subject};
use logstore::people::{Event, People, Period, Role};
use logstore::{Ledger, OpenLedger};
use std::collections::BTreeMap;

/// What the command is called in refusals.
const ACT: &str = "user role";

/// By which right roles are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// There never was an approver: the operating system's account gives the first.
    First,
    /// There was one, and none is left.
    Announcement,
    /// There is one.
    Two,
}

impl By {
    fn of(people: &People, table: &file::Table) -> By {
        let is_left = |account: &str| is_open(table, account) && !people.is_suspended(account, Role::Approver);
        match people.holders(Role::Approver).any(is_left) {
            true => By::Two,
            false if people.had_approver() => By::Announcement,
            false => By::First,
        }
    }
}

/// Whether an account is there, and not disabled.
pub(super) fn is_open(table: &file::Table, account: &str) -> bool {
    Name::parse(account).is_ok_and(|name| table.open_account(&name).is_some())
}

/// Changes the roles of an account.
pub(super) fn role(config: &Config, asked: &ChangeRoles) -> Result<Answer, Wrong> {
    let name = Name::parse(&asked.name).map_err(Wrong::because)?;
    if let Some(role) = asked.add.iter().find(|role| asked.remove.contains(role)) {
        return Err(Wrong(format!("{} is given and taken at once", role.name())));
    }
    let table = accounts(config)?;
    if table.open_account(&name).is_none() && !asked.add.is_empty() {
        eprintln!("`{name}` has no account, or a disabled one; `octroi user add` opens it");
        return Ok(Answer::No);
    }
    if let Some(role) = asked.add.iter().find(|role| role.bears_names())
        && let Some(word) = shared(&name)
    {
        eprintln!(
            "refused: `{name}` is no person's name (`{word}`), and {} takes an account of one's own: a shared account tells nobody \
             who looked",
            role.name()
        );
        return Ok(Answer::No);
    }
    let people = access::people(config)?;
    let by = By::of(&people, &table);
    let Some(actor) = giver(config, asked, &name, by, &people)? else { return Ok(Answer::No) };
    let own = !actor.is_alone() && people.same_person(actor.who(), name.as_str());
    let mut done = Answer::Done;
    for role in &asked.add {
        if people.has(name.as_str(), *role) && !people.is_suspended(name.as_str(), *role) {
            eprintln!("{name} has the role {} already", role.name());
        } else if !give(config, &actor, &name, *role, by, own)? {
            done = Answer::No;
        }
    }
    for role in &asked.remove {
        if !people.has(name.as_str(), *role) {
            eprintln!("{name} has not the role {}", role.name());
            done = Answer::No;
        } else if !take(config, &actor, &name, *role)? {
            done = Answer::No;
        }
    }
    Ok(done)
}

/// Who may give what is asked for: nobody else than the operating system's account as long as there was no approver.
fn giver(config: &Config, asked: &ChangeRoles, name: &Name, by: By, people: &People) -> Result<Option<Actor>, Wrong> {
    let account = name.as_str();
    match by {
        By::First => return access::first(config, &asked.acting, ACT),
        By::Announcement if asked.remove.is_empty() && asked.add == [Role::Approver] => {
            return access::first(config, &asked.acting, ACT);
        }
        By::Announcement | By::Two => {}
    }
    // Whose roles stand still asks for them by the password they have now; another person decides whether it is them.
    let still = !asked.add.is_empty() && asked.add.iter().all(|role| people.is_suspended(account, *role));
    let own =
        asked.acting.acting.as_deref().and_then(|acting| Name::parse(acting).ok()).is_some_and(|one| one == *name);
    if still && own && asked.remove.is_empty() {
        let who = access::authenticated(config, account, asked.acting.password_stdin, ACT)?;
        return Ok(who.map(Actor::proven));
    }
    let auditor = asked.add.contains(&Role::Auditor) || asked.remove.contains(&Role::Approver);
    let may: &[Role] = if auditor { &[Role::Approver] } else { &[Role::Operator, Role::Approver] };
    access::enter(config, &asked.acting, may, ACT)
}

/// Gives a role, or has it approved first. Whether the account has it now.
fn give(config: &Config, actor: &Actor, name: &Name, role: Role, by: By, own: bool) -> Result<bool, Wrong> {
    if let Some(why) = excluded(&access::people(config)?, name, role) {
        access::refused::<()>(config, Some(actor.who()), None, ACT, &why)?;
        return Ok(false);
    }
    let mut approval = None;
    if role.bears_names() && by != By::Announcement {
        let fields = [("account", name.as_str()), ("role", role.name())];
        let asked = Asked {
            kind: Kind::Role,
            purpose: None,
            reason: format!("the role {} for {name}", role.name()),
            about: vec![Subject::User(name.to_string())],
            period: Period::default(),
            longer: None,
            fields: fields.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            lasts: LONGEST,
            incident: None,
        };
        let Some(grant) = access::two_persons(config, actor, asked)? else { return Ok(false) };
        approval = grant.number();
        grant.spend(0)?;
    } else if own {
        access::refused::<()>(config, Some(actor.who()), None, ACT, "nobody gives a role to themselves")?;
        return Ok(false);
    }
    // What was so when the command began is looked at again with the ledger held: another command may have changed it.
    let keys = access::keys(config)?;
    let mut ledger = OpenLedger::open(&config.register_dir(), &keys, Ledger::People).map_err(Wrong::because)?;
    let people = People::of(&ledger.read().map_err(Wrong::because)?);
    let now = By::of(&people, &accounts(config)?);
    let changed = role.bears_names() && now != by && (by != By::Two || approval.is_none());
    let why = match excluded(&people, name, role) {
        Some(why) => Some(why),
        None if changed => Some("who may give roles has changed meanwhile: say the same again".to_owned()),
        None => None,
    };
    if let Some(why) = why {
        drop(ledger);
        access::refused::<()>(config, Some(actor.who()), None, ACT, &why)?;
        return Ok(false);
    }
    if by == By::Announcement && role == Role::Approver {
        let announced = people.announced().iter().find(|one| one.account == name.as_str());
        let left = match announced {
            Some(one) => one.left(ledger.now(), &Moment::now()),
            None => {
                let event = Event::Announced { account: name.to_string(), moment: Moment::now() };
                ledger.add(actor.who(), &event).map_err(Wrong::because)?;
                Some(logstore::people::ANNOUNCED)
            }
        };
        if let Some(left) = left {
            let (is_new, at) = (announced.is_none(), ledger.now().saturating_add(left));
            drop(ledger);
            if is_new {
                noted(config, actor, name, "announced", role, None)?;
            }
            eprintln!(
                "no approver is left, and nobody can agree: that {name} will be one is announced, in `octroi status`, in the log and in \
                 `octroi doctor roles`; say the same again from {} on",
                Timestamp::from_microsecond(at).map(|at| format!("{at:.0}")).unwrap_or_default()
            );
            return Ok(false);
        }
    }
    ledger.add(actor.who(), &Event::RoleGiven { account: name.to_string(), role, approval }).map_err(Wrong::because)?;
    drop(ledger);
    noted(config, actor, name, "added", role, approval)?;
    if role.bears_names() && people.undertaking(name.as_str()).is_none() {
        eprintln!("{name} signs the undertaking before using it: `octroi user undertake {name}`");
    }
    Ok(true)
}

/// Why somebody does not get a role: they have another that it does not go with.
fn excluded(people: &People, name: &Name, role: Role) -> Option<String> {
    let (account, had, why) = people.excluding(name.as_str(), role)?;
    let whose =
        if account == name.as_str() { name.to_string() } else { format!("{account}, which is the same person's,") };
    Some(format!("{whose} has the role {}, which does not go with {}: {why}", had.name(), role.name()))
}

/// Takes a role away; whether it was. An approver's is taken by another approver, who stays.
fn take(config: &Config, actor: &Actor, name: &Name, role: Role) -> Result<bool, Wrong> {
    let keys = access::keys(config)?;
    let mut ledger = OpenLedger::open(&config.register_dir(), &keys, Ledger::People).map_err(Wrong::because)?;
    let people = People::of(&ledger.read().map_err(Wrong::because)?);
    let another = people.may_act(actor.who(), Role::Approver)
        && !people.same_person(actor.who(), name.as_str())
        && is_open(&accounts(config)?, actor.who());
    if role == Role::Approver && !another {
        drop(ledger);
        let why = "the role approver is taken by another approver: there is always one left";
        access::refused::<()>(config, Some(actor.who()), None, ACT, why)?;
        return Ok(false);
    }
    ledger.add(actor.who(), &Event::RoleTaken { account: name.to_string(), role }).map_err(Wrong::because)?;
    drop(ledger);
    noted(config, actor, name, "removed", role, None)?;
    Ok(true)
}

fn accounts(config: &Config) -> Result<file::Table, Wrong> {
    file::read(&file::path(&config.data_dir)).map_err(Wrong::because)
}

fn write(config: &Config, who: &str, event: &Event) -> Result<(), Wrong> {
    let keys = access::keys(config)?;
    let mut ledger = OpenLedger::open(&config.register_dir(), &keys, Ledger::People).map_err(Wrong::because)?;
    ledger.add(who, event).map(drop).map_err(Wrong::because)
}

fn noted(
    config: &Config,
    actor: &Actor,
    name: &Name,
    change: &str,
    role: Role,
    approval: Option<u64>,
) -> Result<(), Wrong> {
    let mut scope = BTreeMap::from([("account".to_owned(), name.to_string())]);
    scope.insert(change.to_owned(), role.name().to_owned());
    scope.extend(approval.map(|number| ("request".to_owned(), number.to_string())));
    actor.note(config, "role", None, None, scope, 0)
}

/// Shows the text, and has it signed by the password of the account.
pub(super) fn undertake(config: &Config, asked: &Undertake) -> Result<Answer, Wrong> {
    let name = Name::parse(&asked.name).map_err(Wrong::because)?;
    let language = match asked.language {
        Some(TextLanguage::Fr) => Language::French,
        Some(TextLanguage::En) => Language::English,
        None => config.locale,
    };
    let people = access::people(config)?;
    let roles: Vec<Role> =
        people.roles(name.as_str()).map(|(role, _)| role).filter(|role| role.bears_names()).collect();
    let open = tries::is_open(&config.data_dir, &name).map_err(Wrong::because)?;
    if roles.is_empty() || !open {
        eprintln!("{name} has no role that opens names, or no open account: there is nothing to sign");
        return Ok(Answer::No);
    }
    let text = undertaking::text(language, &config.organisation.name, name.as_str(), &roles);
    answer(&text)?;
    eprintln!("{}", language.pick("Le mot de passe du compte vaut signature.", "The account's password signs it."));
    let who = access::authenticated(config, name.as_str(), asked.password_stdin, "user undertake")?;
    let Some(who) = who else { return Ok(Answer::No) };
    let hash = undertaking::hash(&text);
    let event = Event::Undertaken { account: who.clone(), text: hash.clone(), language: language.tag().to_owned() };
    write(config, &who, &event)?;
    let scope = BTreeMap::from([("text".to_owned(), hash), ("language".to_owned(), language.tag().to_owned())]);
    Actor::proven(who).note(config, "undertaking", None, None, scope, 0)?;
    Ok(Answer::Done)
}

/// The word that says that an account is nobody's own: its name is made of such words alone.
pub(crate) fn shared(name: &Name) -> Option<&str> {
    let local = name.as_str().split('@').next().unwrap_or_default();
    let words = local.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| !word.is_empty());
    let mut first = None;
    for word in words {
        if !NOBODYS.contains(&word) {
            return None;
        }
        first = first.or(Some(word));
    }
    first.or(Some(local).filter(|local| !local.is_empty()))
}

/// Words that name a function, a place or nobody.
const NOBODYS: &[&str] = &[
    "accueil",
    "adm",
    "admin",
    "administrateur",
    "administration",
    "administrator",
    "agence",
    "anonymous",
    "approbateur",
    "approver",
    "atelier",
    "auditeur",
    "auditor",
    "backup",
    "bureau",
    "caisse",
    "commercial",
    "commun",
    "compta",
    "comptabilite",
    "compte",
    "contact",
    "default",
    "demo",
    "direction",
    "dpo",
    "dsi",
    "enqueteur",
    "exploitant",
    "guest",
    "helpdesk",
    "hr",
    "info",
    "informatique",
    "infogerant",
    "invite",
    "investigator",
    "it",
    "juridique",
    "local",
    "magasin",
    "machine",
    "octroi",
    "office",
    "operateur",
    "operator",
    "partage",
    "poste",
    "production",
    "public",
    "reception",
    "rh",
    "root",
    "salle",
    "sav",
    "secretariat",
    "service",
    "share",
    "shared",
    "siege",
    "stage",
    "stagiaire",
    "standard",
    "support",
    "sysadmin",
    "system",
    "systeme",
    "team",
    "temp",
    "test",
    "user",
    "utilisateur",
    "visiteur",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_that_are_nobodys_own_are_told_from_persons() {
        for nobodys in [
            "admin",
            "root",
            "administrateur",
            "shared",
            "accueil",
            "poste-accueil",
            "admin2",
            "Admin_Local",
            "dsi@autoconcept.fr",
            "42",
        ] {
            let name = Name::parse(nobodys).expect("a name");
            assert!(shared(&name).is_some(), "{nobodys}");
        }
        for person in ["a.martin", "p.dupont", "j.rootes", "admin.martin", "martin-admin", "leroy2", "testard"] {
            let name = Name::parse(person).expect("a name");
            assert_eq!(shared(&name), None, "{person}");
        }
    }
}
