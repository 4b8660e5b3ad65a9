//! What else there is about a person than their records: accounts, roles, requests, statements; and what a gate can have and this
//! one has not, each with the reason.

use super::person::{Whose, same};
use crate::accounts::file::Table;
use crate::directory::WrittenPerson;
use jiff::Timestamp;
use logstore::ledger::Entry;
use logstore::people::Period;
use logstore::requests::Requests;
use logstore::statements::{Concerns, Says, Statement, Statements};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A statement, with its number, its date and who wrote it.
pub(super) type Said<'s> = &'s Entry<Statement>;

/// `account.json`: how the person is known to the gate. Of a local account everything but the hash of its password.
pub(super) fn account(
    whose: &Whose,
    local: &Table,
    kept: &[WrittenPerson],
    requests: &Requests,
    reference: &str,
    withheld: u64,
) -> Value {
    let period = |period: &Period| json!({ "from": period.from.map(utc), "to": period.to.map(utc) });
    let accounts: Vec<Value> =
        whose.accounts.iter().map(|(name, of)| json!({ "account": name, "period": period(of) })).collect();
    let addresses: Vec<Value> =
        whose.addresses.iter().map(|(address, of)| json!({ "address": address, "period": period(of) })).collect();
    let locals = local.accounts.iter().filter(|(name, _)| whose.is_called(name));
    let locals: Vec<Value> = locals
        .map(|(name, account)| {
            json!({
                "account": name,
                "created": account.created.to_string(),
                "changed": account.changed.to_string(),
                "disabled": account.disabled,
            })
        })
        .collect();
    // Groups that the charter names, as the directory last said them (art. 15(1)(g)).
    let kept = kept.iter().filter(|person| whose.is_called(&person.account));
    let kept: Vec<Value> = kept
        .map(|person| json!({ "account": person.account, "groups": person.groups, "said": person.at.to_string() }))
        .collect();
    let mut roles = Vec::new();
    for (name, _) in &whose.accounts {
        let given = whose.people().roles(name);
        roles.extend(
            given.map(|(role, given)| json!({ "account": name, "role": role.name(), "since": utc(given.since) })),
        );
    }
    let undertakings = whose.accounts.iter().filter_map(|(name, _)| {
        let signed = whose.people().undertaking(name)?;
        Some(json!({ "account": name, "signed": utc(signed.at), "language": signed.language, "text_sha256": signed.text }))
    });
    let theirs = requests.all().iter().filter(|request| {
        request.opening.user.as_ref().is_some_and(|user| whose.is_called(user)) || request.reference == reference
    });
    let theirs: Vec<Value> = theirs
        .map(|request| {
            // How the one that is being answered stands is another thing each time one looks.
            let end = (request.reference != reference).then_some(&request.end);
            json!({
                "reference": request.reference,
                "received": request.opening.received.to_string(),
                "right": request.opening.right.as_str(),
                "channel": request.opening.channel,
                "end": end,
            })
        })
        .collect();
    json!({
        "person": whose.person,
        "accounts": accounts,
        "addresses": addresses,
        "local_accounts": locals,
        "directory": kept,
        "roles": roles,
        "undertakings": undertakings.collect::<Vec<_>>(),
        "requests": theirs,
        "withheld": {
            "records_of_shared_addresses": withheld,
            "why_fr": "Des adresses ont été utilisées par plusieurs personnes : leurs lignes révéleraient les connexions d’autrui \
                       (RGPD, article 15, paragraphe 4).",
            "why_en": "Addresses were used by several people: their lines would reveal other people’s connections \
                       (GDPR, Article 15(4)).",
        },
    })
}

/// The statements that concern these records, or the person at all, with what was decided on them; oldest first.
pub(super) fn concerning<'s>(
    statements: &'s Statements,
    whose: &Whose,
    of_records: &BTreeSet<u64>,
) -> Vec<&'s Entry<Statement>> {
    let theirs = |entry: &&Entry<Statement>| {
        let concerns = entry.what.says.concerns();
        of_records.contains(&entry.number)
            || concerns.is_some_and(|concerns| match concerns {
                Concerns::User(user, _) => whose.is_called(user),
                Concerns::Records(_) | Concerns::Client(..) => false,
            })
            || entry.what.says.of().is_some_and(|of| of_records.contains(&of))
    };
    let told = |entry: &&Entry<Statement>| matches!(entry.what.says, Says::Told { .. });
    let first: BTreeSet<u64> = statements.all().iter().filter(theirs).map(|entry| entry.number).collect();
    // Of records that were erased nothing leads to what became of it but the statement itself.
    let follows = |entry: &&Entry<Statement>| entry.what.says.of().is_some_and(|of| first.contains(&of));
    statements.all().iter().filter(|entry| (first.contains(&entry.number) || follows(entry)) && !told(entry)).collect()
}

/// `statements.json`: what was said of the records. Never by whom, nor whom else it was told. Texts that answer other people's
/// requests may name these: they are withheld until somebody has read them.
pub(super) fn statements(all: &[&Entry<Statement>], requests: &Requests, whose: &Whose, reviewed: bool) -> Value {
    let told: Vec<Value> = all
        .iter()
        .map(|entry| {
            let text = text(entry, requests, whose, reviewed);
            let records = match entry.what.says.concerns() {
                Some(Concerns::Records(places)) => Some(places.iter().map(|place| place.id).collect::<Vec<_>>()),
                _ => None,
            };
            // An erasure is decided, carried out day by day, and done.
            let (day, erased) = match &entry.what.says {
                Says::Erased { day, count, .. } => (Some(day), Some(count)),
                _ => (None, None),
            };
            json!({
                "number": entry.number,
                "at": utc(entry.at),
                "kind": entry.what.says.kind(),
                "follows": entry.what.says.of(),
                "records": records,
                "day": day,
                "erased": erased,
                "text": text,
                "withheld": text.is_none().then_some("other persons"),
            })
        })
        .collect();
    json!(told)
}

/// What a statement says, unless it may name others.
pub(super) fn text<'s>(
    entry: &'s Entry<Statement>,
    requests: &Requests,
    whose: &Whose,
    reviewed: bool,
) -> Option<&'s str> {
    let request = requests.get(&entry.what.reference);
    let others = request
        .and_then(|request| request.opening.user.as_ref())
        .is_some_and(|user| !whose.is_called(user) && !same(user, &whose.person));
    (reviewed || !others).then_some(entry.what.text.as_str())
}

/// `other.json`: what law asks for and this gate keeps little or nothing of, with the reason. What there is of it is added by
/// [`super::terms::beside`].
pub(super) fn other() -> Value {
    let none = |fr: &str, en: &str| json!({ "entries": [], "why_fr": fr, "why_en": en });
    json!({
        "acknowledgements": none(
            "Avertissements de la charte que la personne a lus, tels que ses enregistrements les disent (ACKNOWLEDGE).",
            "Warnings of the charter that the person has read, as their records tell (ACKNOWLEDGE).",
        ),
        "exceptions": none(
            "Exceptions temporaires accordées à la personne nommément, gardées aussi longtemps qu’un enregistrement après leur \
             fin.",
            "Temporary exceptions granted to the person by name, kept as long as a record after they ended.",
        ),
        "sessions": none(
            "Aucune session : chaque connexion est identifiée à nouveau, rien n’est conservé entre deux.",
            "No session: each connection is identified anew, nothing is kept in between.",
        ),
        "groups": none(
            "Aucun groupe ici : ceux que l’annuaire a indiqués sont dans `account.json`, les autres se lisent dans la charte.",
            "No group here: those that the directory has told are in `account.json`, others are read in the charter.",
        ),
    })
}

/// RFC 3339, UTC.
pub(super) fn utc(micros: i64) -> String {
    Timestamp::from_microsecond(micros).map(|at| at.to_string()).unwrap_or_default()
}
