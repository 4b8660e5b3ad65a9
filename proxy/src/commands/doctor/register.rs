//! The register's part: what people were told, the files, the keys, the days, and who holds them.

mod days;
mod files;
mod holder;
mod holds;
mod keys;

use super::sheet::Sheet;
use crate::config::{Config, Detail, Durability, SIX_MONTHS, YEAR};
use crate::register;
use days::OnDisk;
use holder::Holder;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use logstore::retention;

/// Looks at the register.
pub(super) fn examine(config: &Config, sheet: &mut Sheet) {
    announced(config, sheet);
    let days = days::on_disk(&config.register_dir());
    if !register::is_begun(config) {
        if days.is_empty() {
            sheet.good((
                "il n’y a pas encore de registre : la passerelle le crée à son premier démarrage",
                "there is no register yet: the gate makes it at its first start",
            ));
        } else {
            sheet.warning(
                (
                    "les jours du registre sont de la première forme, ni chiffrés ni scellés",
                    "the days of the register are of the first form, neither encrypted nor sealed",
                ),
                ("démarrez la passerelle : elle les convertit", "start the gate: it converts them"),
            );
        }
        return;
    }
    let holder = Holder::of(config);
    files::examine(config, &holder, sheet);
    holder.examine(sheet);
    if let Some(keys) = keys::examine(config, &days, sheet) {
        days::examine(config, &keys, &days, sheet);
        holds::examine(config, &keys, sheet);
    }
    terms(config, &days, sheet);
}

/// What the configuration has people told, against the law.
fn announced(config: &Config, sheet: &mut Sheet) {
    let log = &config.log;
    let days = log.retention_days;
    if days > YEAR {
        let reason = &log.retention_reason;
        sheet.warning(
            (
                &format!("les enregistrements sont gardés {days} jours, au-delà d’un an, pour ce motif : {reason}"),
                &format!("records are kept {days} days, longer than a year, for this reason: {reason}"),
            ),
            (
                "vérifiez que ce motif figure au registre des traitements, dans l’analyse d’impact et dans \
                 l’information des personnes",
                "make sure that the reason stands in the record of processing, the impact assessment and what people \
                 are told",
            ),
        );
    } else if days < SIX_MONTHS {
        sheet.warning(
            (
                &format!(
                    "les enregistrements sont gardés {days} jours, soit moins que la fourchette de six mois à un an \
                     recommandée par la CNIL"
                ),
                &format!("records are kept {days} days, less than the six months to a year that the CNIL recommends"),
            ),
            (
                "portez `[log] retention_days` à 180 au moins, ou écrivez pourquoi moins suffit",
                "raise `[log] retention_days` to 180 at least, or write down why less is enough",
            ),
        );
    } else {
        sheet.good((
            &format!("la durée de conservation, {days} jours, est dans la fourchette de la CNIL"),
            &format!("the retention, {days} days, is within the range of the CNIL"),
        ));
    }
    let kept = match log.detail {
        Detail::Host => None,
        Detail::Path => Some(("les chemins", "paths")),
        Detail::Url => Some(("les adresses entières, recherches comprises", "whole addresses, searches included")),
    };
    if let Some((french, english)) = kept {
        sheet.warning(
            (
                &format!("le registre garde {french} : cela dit ce que les personnes ont lu"),
                &format!("the register keeps {english}: they tell what people read"),
            ),
            (
                "remettez `[log] detail` à `host`, ou justifiez-le dans l’analyse d’impact",
                "set `[log] detail` back to `host`, or justify it in the impact assessment",
            ),
        );
    }
    match log.durability {
        Durability::Power => sheet.good((
            "aucun enregistrement n’est perdu si le courant est coupé",
            "no record is lost when the power fails",
        )),
        Durability::Process => sheet.good((
            "aucun enregistrement n’est perdu si le processus est tué ; une coupure de courant peut emporter les \
             dernières secondes (`[log] durability`)",
            "no record is lost when the process is killed; a power cut may take the last seconds (`[log] durability`)",
        )),
    }
}

/// The terms that were announced, and what they mean for the days there are.
fn terms(config: &Config, days: &[OnDisk], sheet: &mut Sheet) {
    let Ok(public) = crate::register::public(config) else { return };
    let terms = match retention::terms(&config.register_dir(), &public) {
        Ok(terms) => terms,
        // The chain is told of with the others.
        Err(_) => return,
    };
    let Some(last) = terms.last() else { return };
    let wanted = config.log.retention_days;
    if last.days != wanted {
        let announced = last.days;
        sheet.warning(
            (
                &format!(
                    "la configuration dit {wanted} jours, et la dernière durée mise en vigueur est de {announced}"
                ),
                &format!("the configuration says {wanted} days, and the last term put in force is {announced}"),
            ),
            ("lancez `octroi reload`", "run `octroi reload`"),
        );
    }
    // The days recorded under a shorter term keep it.
    let now = Timestamp::now();
    let today = now.to_zoned_datetime(TimeZone::UTC).date();
    let kept = days.iter().map(|file| file.day).chain([today]).filter_map(|day| {
        let begins = TimeZone::UTC.to_timestamp(day.to_datetime(Time::midnight())).ok()?.as_microsecond();
        let term = retention::term(now.as_microsecond(), begins, &terms)?;
        Some((day.checked_add(i64::from(term).days()).ok()?, day, term))
    });
    if let Some((gone, recorded, term)) = kept.filter(|(_, _, term)| *term < last.days).max() {
        let long = last.days;
        sheet.good((
            &format!(
                "les jours jusqu’au {recorded} gardent la durée annoncée alors, {term} jours ; celle de {long} jours \
                 ne \
                 vaut que pour les suivants, et le dernier des anciens part après le {gone}"
            ),
            &format!(
                "the days up to {recorded} keep the term announced then, {term} days; that of {long} days is for the \
                 later \
                 ones alone, and the last of the old ones goes after {gone}"
            ),
        ));
    }
}
