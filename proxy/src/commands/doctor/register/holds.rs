//! Legal holds: reviews that are overdue, ends that are near, what is not destroyed. By numbers alone, and nothing of judicial
//! ones.

use super::super::sheet::Sheet;
use crate::config::Config;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use logstore::Keys;
use logstore::hold::{Holds, Standing};

/// Looks at the holds.
pub(super) fn examine(config: &Config, keys: &Keys, sheet: &mut Sheet) {
    let holds = match Holds::read(&config.register_dir(), keys) {
        Ok(holds) => holds,
        Err(error) => {
            return sheet.bad_because(
                (
                    "les gels ne se lisent pas\u{a0}: aucun jour n’est effacé tant que l’on ignore ce qui doit rester",
                    "what is held cannot be read: no day is erased as long as nobody knows what must stay",
                ),
                error,
                (
                    "remettez en place, depuis une copie, ce qui manque au dossier des clés ou à `ledgers/holds.jsonl`",
                    "put back, from a copy, what is missing in the folder of keys or in `ledgers/holds.jsonl`",
                ),
            );
        }
    };
    let today = TimeZone::UTC.to_datetime(Timestamp::now()).date();
    for hold in holds.all().filter(|hold| !hold.is_secret() && hold.reminder(today).is_some()) {
        let (number, review, until) = (hold.number, hold.terms.review, hold.terms.until);
        match hold.standing(today) {
            Standing::Overdue => sheet.bad(
                (
                    &format!("le réexamen du gel n°\u{a0}{number} aurait dû avoir lieu le {review} au plus tard"),
                    &format!("the review of hold {number} was due on {review}"),
                ),
                (
                    &format!(
                        "réexaminez-le (`octroi hold review {number}`) ou levez-le (`octroi hold release {number}`)"
                    ),
                    &format!(
                        "review it (`octroi hold review {number}`), or release it (`octroi hold release {number}`)"
                    ),
                ),
            ),
            Standing::Held => sheet.warning(
                (
                    &format!(
                        "le gel n°\u{a0}{number} prend fin le {until}\u{a0}: ce qu’il conserve sera alors détruit"
                    ),
                    &format!("hold {number} ends on {until}: what it keeps is destroyed then"),
                ),
                (
                    &format!("s’il reste nécessaire, prolongez-le\u{a0}: `octroi hold extend {number}`"),
                    &format!("extend it, if it is still needed: `octroi hold extend {number}`"),
                ),
            ),
            Standing::Over | Standing::Released => sheet.bad(
                (
                    &format!("le gel n°\u{a0}{number} est terminé, et ce qu’il conservait n’est pas encore détruit"),
                    &format!("hold {number} is over, and what it kept is not yet destroyed"),
                ),
                (
                    "démarrez la passerelle, ou lisez dans son journal pourquoi elle n’y parvient pas",
                    "start the gate, or read in its log why it does not manage to",
                ),
            ),
        }
    }
}
