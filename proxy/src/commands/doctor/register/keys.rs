//! The keys of the register: there, of this register, opening every day.

use super::days::OnDisk;
use crate::commands::doctor::sheet::Sheet;
use crate::config::Config;
use crate::register;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use logstore::Keys;
use std::collections::BTreeSet;

/// Looks at the keys, and gives them when they can be used.
pub(super) fn examine(config: &Config, days: &[OnDisk], sheet: &mut Sheet) -> Option<Keys> {
    let dir = config.keys_dir();
    for (name, lost) in [
        ("master", ("aucun jour enregistré ne peut être lu", "no day recorded so far can be read")),
        ("seal.key", ("plus rien ne peut être scellé ni signé", "nothing can be sealed or signed any more")),
    ] {
        let file = dir.join(name);
        if !file.exists() {
            let file = file.display();
            sheet.bad(
                (
                    &format!("la clé {file} manque : {}, et la passerelle ne démarre pas", lost.0),
                    &format!("the key {file} is missing: {}, and the gate does not start", lost.1),
                ),
                (
                    "remettez-la depuis sa copie de sûreté, sous le compte de la passerelle",
                    "put it back from its safe copy, under the gate's account",
                ),
            );
            return None;
        }
    }
    let keys = match register::keys(config) {
        Ok(keys) => keys,
        Err(why) => {
            sheet.bad_because(
                ("les clés ne peuvent pas servir", "the keys cannot be used"),
                why,
                (
                    "remettez les clés de ce registre, depuis leur copie de sûreté",
                    "put the keys of this register back, from their safe copy",
                ),
            );
            return None;
        }
    };
    let name = keys.master_name().unwrap_or_default();
    match keys.closed() {
        Ok(closed) if closed.is_empty() => sheet.good((
            &format!("la clé maîtresse {name} ouvre les clés de tous les jours"),
            &format!("the master key {name} opens the keys of all days"),
        )),
        Ok(closed) => {
            let (count, first) = (closed.len(), &closed[0]);
            sheet.bad(
                (
                    &format!(
                        "la clé maîtresse {name} n’ouvre pas la clé de tous les jours ; restent fermés : \
                              {count}, dont le {first}"
                    ),
                    &format!(
                        "the master key {name} does not open the keys of all days; closed: {count}, {first} \
                              among them"
                    ),
                ),
                (
                    "remettez la clé maîtresse sous laquelle elles ont été cachées ; `octroi status` en disait le nom",
                    "put back the master key under which they were hidden; `octroi status` said its name",
                ),
            );
        }
        Err(why) => sheet.bad_because(
            ("les clés des jours ne peuvent pas être lues", "the keys of days cannot be read"),
            why,
            ("rendez le dossier à la passerelle", "give the folder to the gate's account"),
        ),
    }
    match_days(&keys, days, config.log.retention_days, sheet);
    Some(keys)
}

/// A key for every day, and no other.
fn match_days(keys: &Keys, days: &[OnDisk], retention_days: u16, sheet: &mut Sheet) {
    let with_key: BTreeSet<String> = keys.days().unwrap_or_default().into_iter().collect();
    let with_file: BTreeSet<String> = days.iter().map(|day| day.day.to_string()).collect();
    let today = Timestamp::now().to_zoned_datetime(TimeZone::UTC).date();
    let gone = today.checked_sub((i64::from(retention_days) + 1).days()).unwrap_or(Date::MIN).to_string();
    let today = today.to_string();
    let lost: Vec<&String> = with_file.difference(&with_key).collect();
    if let Some(first) = lost.first() {
        let count = lost.len();
        sheet.bad(
            (
                &format!("jours sans clé : {count}, dont le {first} ; leurs enregistrements ne peuvent pas être lus"),
                &format!("days without a key: {count}, {first} among them; their records cannot be read"),
            ),
            (
                "remettez les fichiers de `days/` depuis leur copie ; s’il n’y en a pas, ces jours sont perdus, notez \
                 l’incident",
                "put the files of `days/` back from their copy; if there is none, these days are lost, note the \
                 incident",
            ),
        );
    }
    let lonely: Vec<&String> = with_key.difference(&with_file).filter(|day| **day < today).collect();
    // A gate makes a key for each day it sees, whether anybody uses it or not.
    if let Some(first) = lonely.first() {
        let count = lonely.len();
        let what = (
            format!(
                "clés de jours sans fichier : {count}, la première du {first} ; personne ne s’est servi de la \
                 passerelle ces jours-là, ou le fichier a été enlevé"
            ),
            format!(
                "keys of days without a file: {count}, the first of {first}; nobody used the gate on them, or the \
                 file was taken away"
            ),
        );
        let remedy = (
            "supprimez ces clés dans `days/` : elles ouvriraient une copie qui ne doit plus exister",
            "delete these keys in `days/`: they would open a copy that must not be there any more",
        );
        if **first < gone { sheet.warning((&what.0, &what.1), remedy) } else { sheet.good((&what.0, &what.1)) }
    }
}
