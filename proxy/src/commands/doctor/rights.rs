//! The part of the rights: requests that press, erasures that wait, recipients that are still to be told.

use super::sheet::Sheet;
use crate::config::Config;
use crate::rights::{pressing, statements};

/// Looks at requests and statements; says nothing of whom they are about.
pub(super) fn examine(config: &Config, sheet: &mut Sheet) {
    if !crate::register::is_begun(config) {
        return sheet.good((
            "il n’y a pas encore de registre, ni donc de demande",
            "there is no register yet, and so no request",
        ));
    }
    let keys = match crate::register::keys(config) {
        Ok(keys) => keys,
        // The register's part tells of it.
        Err(_) => return,
    };
    match pressing(&config.register_dir(), &keys, &config.time_zone) {
        Err(why) => sheet.bad_because(
            ("le registre des demandes ne se lit pas", "the register of requests cannot be read"),
            why,
            ("remettez le fichier depuis une sauvegarde", "put the file back from a backup"),
        ),
        Ok(found) if found.sentences.is_empty() => {
            sheet.good(("aucune demande n’approche de son échéance", "no request is close to its due date"));
        }
        Ok(found) => {
            let (count, overdue) = (found.sentences.len(), found.overdue);
            let remedy = ("lancez `octroi requests list`, et répondez", "run `octroi requests list`, and answer");
            let french = format!("{count} demande(s) à traiter sans tarder, dont {overdue} en retard");
            let english = format!("{count} request(s) to be answered soon, of which {overdue} overdue");
            match overdue {
                0 => sheet.warning((&french, &english), remedy),
                _ => sheet.bad_because((&french, &english), found.sentences.join("; "), remedy),
            }
        }
    }
    match statements(config) {
        Err(why) => sheet.bad_because(
            ("ce qui a été dit des enregistrements ne se lit pas", "what was said of records cannot be read"),
            why,
            ("remettez le fichier depuis une sauvegarde", "put the file back from a backup"),
        ),
        Ok(statements) => {
            let untold = statements.all().iter().filter(|entry| !statements.untold(entry).is_empty()).count();
            if untold > 0 {
                sheet.warning(
                    (
                        &format!("{untold} déclaration(s) restent à notifier à leurs destinataires (RGPD art. 19)"),
                        &format!("{untold} statement(s) are still to be told to their recipients (RGPD art. 19)"),
                    ),
                    ("lancez `octroi statements list`", "run `octroi statements list`"),
                );
            }
            let waiting = statements.pending().len();
            if waiting > 0 {
                sheet.warning(
                    (
                        &format!("{waiting} effacement(s) attendent que leurs journées soient scellées"),
                        &format!("{waiting} erasure(s) wait for their days to be sealed"),
                    ),
                    (
                        "laissez tourner la passerelle, ou lancez `octroi erase run`",
                        "let the gate run, or run `octroi erase run`",
                    ),
                );
            }
        }
    }
}
