//! The roles' part: who opens names, who approves, what was not signed, recorded or reviewed.

use super::sheet::Sheet;
use crate::access;
use crate::accounts::file;
use crate::accounts::rule::Name;
use crate::config::Config;
use jiff::Timestamp;
use logstore::people::{People, Role};

/// Looks at the roles.
pub(super) fn examine(config: &Config, sheet: &mut Sheet) {
    steps(config, sheet);
    let people = match access::people(config) {
        Ok(people) => people,
        Err(why) => {
            sheet.bad_because(
                (
                    "les habilitations ne se lisent pas : aucun nom ne s’ouvre",
                    "the roles cannot be read: no name opens",
                ),
                why,
                ("lancez `octroi log verify`", "run `octroi log verify`"),
            );
            return;
        }
    };
    if !access::enforced(config, &people) {
        sheet.warning(
            (
                "une personne ouvre seule les noms : le compte du système suffit",
                "one person opens names alone: the account of the system is enough",
            ),
            (
                "donnez les rôles `investigator` et `approver` à deux personnes (`octroi user role`), ou dites dans vos documents \
                 qu’une personne agit seule",
                "give the roles `investigator` and `approver` to two persons (`octroi user role`), or say in your documents that \
                 one person acts alone",
            ),
        );
        return;
    }
    settings(config, sheet);
    alarm(config, sheet);
    persons(config, &people, sheet);
    glass(config, sheet);
}

/// Whether anybody is told by mail that names were opened without a second person.
fn alarm(config: &Config, sheet: &mut Sheet) {
    if let Some(why) = access::alarm::missing(config) {
        sheet.warning(
            (
                &*format!("un bris de glace n’est signalé à personne par courriel : {why}"),
                &*format!("nobody is told by mail of a break-glass: {why}"),
            ),
            (
                "indiquez `[organisation] dpo`, `[roles] alarm`, et `[log.anchor] smtp` avec `mail_from`",
                "write `[organisation] dpo`, `[roles] alarm`, and `[log.anchor] smtp` with `mail_from`",
            ),
        );
    }
}

/// Persons who hold both sides of an act, from before that was refused or because two accounts turned out to be one person's.
fn both_sides(people: &People, holders: &[&str], sheet: &mut Sheet) {
    for holder in holders {
        let found = people.roles(holder).find_map(|(role, _)| Some((role, people.excluding(holder, role)?)));
        // Of a pair each is found from the other: once is enough.
        let Some((role, (account, other, _))) = found.filter(|(role, (_, other, _))| role < other) else { continue };
        let (role, other) = (role.name(), other.name());
        sheet.warning(
            (
                &format!("une même personne tient les deux côtés : {role} ({holder}) et {other} ({account})"),
                &format!("one person holds both sides: {role} ({holder}) and {other} ({account})"),
            ),
            (
                &format!("retirez l’un des deux rôles : `octroi user role {holder} --remove {role}`"),
                &format!("take one of the two away: `octroi user role {holder} --remove {role}`"),
            ),
        );
    }
}

/// What the files loosen and nobody has approved.
fn settings(config: &Config, sheet: &mut Sheet) {
    let Ok(loaded) = config.charter() else { return };
    for why in access::settings::waiting(config, &loaded.charter).into_iter().flatten().flatten() {
        sheet.bad_because(
            (
                "un réglage plus large attend une seconde personne : il n’est pas en vigueur",
                "a looser setting waits for a second person: it is not in force",
            ),
            why,
            (
                "demandez-le (`octroi scope setting`), ou remettez l’ancienne valeur",
                "ask for it (`octroi scope setting`), or put the former value back",
            ),
        );
    }
}

/// Those who hold roles that bear names.
fn persons(config: &Config, people: &People, sheet: &mut Sheet) {
    let Ok(table) = file::read(&file::path(&config.data_dir)) else { return };
    let open = |account: &str| Name::parse(account).is_ok_and(|name| table.open_account(&name).is_some());
    let bearing = Role::ALL.into_iter().filter(|role| role.bears_names());
    let mut holders: Vec<&str> = bearing.flat_map(|role| people.holders(role)).collect();
    holders.sort_unstable();
    holders.dedup();
    let approvers: Vec<&str> = people
        .holders(Role::Approver)
        .filter(|account| open(account) && people.may_act(account, Role::Approver))
        .collect();
    unagreed(people, sheet);
    if approvers.is_empty() {
        sheet.bad(
            (
                "personne ne peut approuver : aucun nom ne s’ouvre, sauf en urgence",
                "nobody can approve: no name opens, but in an emergency",
            ),
            (
                "donnez le rôle `approver` à une personne, qui signe son engagement (`octroi user undertake`) ; s’il n’y a plus \
                 d’approbateur, 72 heures passent entre l’annonce et le rôle",
                "give the role `approver` to somebody, who signs the undertaking (`octroi user undertake`); when no approver is left, 72 \
                 hours pass between the announcement and the role",
            ),
        );
    } else {
        sheet.good((
            &format!("les noms s’ouvrent à deux ; approuvent : {}", approvers.join(", ")),
            &format!("names take two persons; these approve: {}", approvers.join(", ")),
        ));
    }
    both_sides(people, &holders, sheet);
    for holder in holders {
        if !open(holder) {
            sheet.warning(
                (
                    &format!("le compte {holder} est fermé et garde ses rôles"),
                    &format!("the account {holder} is closed and keeps its roles"),
                ),
                (
                    &format!("retirez-les : `octroi user role {holder} --remove …`"),
                    &format!("take them away: `octroi user role {holder} --remove …`"),
                ),
            );
        } else if people.suspended().any(|account| account == holder) {
            let still = Role::ALL.into_iter().filter(|role| people.is_suspended(holder, *role));
            let add: Vec<String> = still.map(|role| format!("--add {}", role.name())).collect();
            let give = format!("octroi user role {holder} {} --as {holder}", add.join(" "));
            sheet.warning(
                (
                    &format!("les rôles de {holder} sont suspendus : quelqu’un d’autre a posé son mot de passe"),
                    &format!("{holder}'s roles stand still: somebody else set the password"),
                ),
                (
                    &format!(
                        "assurez-vous que c’est bien {holder} : `{give}`, une autre personne approuve, la même commande encore, puis \
                         `octroi user undertake {holder}`"
                    ),
                    &format!(
                        "make sure that it is {holder}: `{give}`, another person approves, the same again, then `octroi user undertake \
                         {holder}`"
                    ),
                ),
            );
        } else if people.undertaking(holder).is_none() {
            sheet.warning(
                (
                    &format!("{holder} n’a pas signé l’engagement de confidentialité : ses rôles n’ouvrent rien"),
                    &format!("{holder} has not signed the undertaking of confidentiality: the roles open nothing"),
                ),
                (
                    &format!("faites-le signer : `octroi user undertake {holder}`"),
                    &format!("have it signed: `octroi user undertake {holder}`"),
                ),
            );
        }
    }
}

/// Approvers whom nobody agreed to, because none was left.
fn unagreed(people: &People, sheet: &mut Sheet) {
    let announced = people.announced().iter().map(|one| (one.account.as_str(), false));
    for (account, named) in announced.chain(people.recovered().map(|(account, _)| (account, true))) {
        let what = match named {
            false => (
                format!("{account} est annoncé comme approbateur, sans que personne ait pu l’approuver"),
                format!("{account} is announced as approver, without anybody who could agree"),
            ),
            true => (
                format!("{account} est devenu approbateur sans que personne ait pu l’approuver"),
                format!("{account} became approver without anybody who could agree"),
            ),
        };
        sheet.warning(
            (&what.0, &what.1),
            (
                "la direction et le DPO doivent le savoir, et le consigner ; `octroi audit` dit quand",
                "the management and the data protection officer are to know, and to write it down; `octroi audit` says when",
            ),
        );
    }
}

/// Names that were opened without a second person.
fn glass(config: &Config, sheet: &mut Sheet) {
    let broken = access::keys(config).ok().and_then(|keys| access::broken(&config.register_dir(), &keys).ok());
    let now = Timestamp::now().as_microsecond();
    for broken in broken.into_iter().flatten() {
        let number = broken.number;
        let what = (
            &*format!(
                "des noms ont été ouverts par une personne seule, en urgence (demande {number}), sans revue écrite"
            ),
            &*format!(
                "names were opened by one person alone, in an emergency (request {number}), without a written review"
            ),
        );
        let review = format!("octroi scope review {number} --text … --as …");
        let remedy = (
            &*format!("un approbateur la rédige dans les 72 heures : `{review}`"),
            &*format!("an approver writes it within 72 hours: `{review}`"),
        );
        if now > broken.due { sheet.bad(what, remedy) } else { sheet.warning(what, remedy) }
    }
}

/// The legal steps that are not recorded, and what documents lack.
fn steps(config: &Config, sheet: &mut Sheet) {
    for step in access::missing_steps(config) {
        let what = match step {
            "cse_consulted" => (
                "la consultation du CSE n’est pas enregistrée : aucun nom ne s’ouvre pour le contrôle de la charte",
                "the consultation of the works council is not recorded: no name opens for the charter’s sake",
            ),
            _ => (
                "l’information des personnes n’est pas enregistrée : aucun nom ne s’ouvre pour le contrôle de la charte",
                "that persons were informed is not recorded: no name opens for the charter’s sake",
            ),
        };
        let remedy = (
            &*format!("inscrivez sa date : `[legal] {step} = \"2026-11-23\"`"),
            &*format!("write its date: `[legal] {step} = \"2026-11-23\"`"),
        );
        sheet.warning(what, remedy);
    }
    for key in config.legal.unstated() {
        let what = match key {
            "processor" => (
                "le sous-traitant n’est pas indiqué : les réponses aux personnes portent « à compléter »",
                "the processor is not stated: answers to persons say “to be completed”",
            ),
            "hosting" => (
                "l’hébergement n’est pas indiqué : les réponses aux personnes portent « à compléter »",
                "the hosting is not stated: answers to persons say “to be completed”",
            ),
            _ => (
                "les transferts hors de l’Union européenne ne sont pas indiqués : les réponses aux personnes portent « à compléter »",
                "transfers outside the European Union are not stated: answers to persons say “to be completed”",
            ),
        };
        let remedy = (
            &*format!("indiquez-le, ou qu’il n’y en a pas : `[legal] {key} = \"none\"`"),
            &*format!("state it, or that there is none: `[legal] {key} = \"none\"`"),
        );
        sheet.warning(what, remedy);
    }
}
