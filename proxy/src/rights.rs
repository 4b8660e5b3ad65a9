//! Rights of the persons concerned, as the gate keeps them: whom an objection has masked, what waits for an answer, what
//! is erased because it was decided.

use crate::config::Config;
use crate::gate::Gate;
use crate::register;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use logstore::Keys;
use logstore::deadline::{self, Standing};
use logstore::ledger::LedgerError;
use logstore::people::{self, People};
use logstore::requests::{Desk, Requests};
use logstore::statements::Statements;
use policy::InForce;
use std::path::Path;
use std::sync::Arc;

/// The statements beside the records; none when no register was begun. Fails rather than leave one out.
pub(crate) fn statements(config: &Config) -> Result<Statements, String> {
    if !register::is_begun(config) {
        return Ok(Statements::default());
    }
    let keys = register::keys(config).map_err(|error| error.to_string())?;
    Statements::read(&config.register_dir(), &keys)
        .map_err(|error| format!("what was said of records cannot be read, and may mask or restrict somebody: {error}"))
}

/// The same charter, with those masked whose objection was upheld (RGPD art. 21), under every account and address that is
/// theirs. Fails rather than leave one out.
pub(crate) fn protecting(in_force: InForce, config: &Config) -> Result<InForce, String> {
    let statements = statements(config)?;
    let people = match register::is_begun(config) {
        true => {
            let keys = register::keys(config).map_err(|error| error.to_string())?;
            people::read(&config.register_dir(), &keys)
                .map_err(|error| format!("whose accounts are whose cannot be read, and may mask somebody: {error}"))?
        }
        false => People::default(),
    };
    let masked = statements.masked(&people, Timestamp::now().as_microsecond());
    Ok(in_force.protecting(masked.users.iter().map(String::as_str), masked.clients))
}

/// Today in the organisation's zone.
pub(crate) fn today(zone: &TimeZone) -> Date {
    Timestamp::now().to_zoned_datetime(zone.clone()).date()
}

/// Requests that press, a sentence each, by their references alone; the most pressing first.
pub(crate) fn reminders(requests: &Requests, today: Date) -> Vec<String> {
    let sentence = |reference: &str, due: Date, standing| {
        let left = deadline::days_left(today, due);
        let days = crate::commands::plural(left.unsigned_abs(), "day", "days");
        match standing {
            Standing::Overdue => {
                format!("the request {reference} is overdue: it was to be answered by {due}, {days} ago")
            }
            _ => format!("the request {reference} is to be answered by {due}: {days} left"),
        }
    };
    let pressing = requests.pressing(today).into_iter();
    pressing.map(|(request, standing)| sentence(&request.reference, request.due, standing)).collect()
}

/// The same, of the register in `dir`; in `overdue`, how many are overdue.
pub(crate) fn pressing(dir: &Path, keys: &Keys, zone: &TimeZone) -> Result<Pressing, LedgerError> {
    let (requests, today) = (Requests::read(dir, keys)?, today(zone));
    let overdue = requests.pressing(today).iter().filter(|(_, standing)| *standing == Standing::Overdue).count();
    Ok(Pressing { overdue, sentences: reminders(&requests, today) })
}

/// What waits for an answer and must not be forgotten.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pressing {
    /// How many requests are overdue.
    pub(crate) overdue: usize,
    /// A sentence for each that is due soon or overdue; names nobody.
    pub(crate) sentences: Vec<String>,
}

/// What a gate does for the rights of persons: erases what was decided, forgets requests past their five years, and says
/// which press. A failure is said in the log, and tried again within the hour.
pub(crate) async fn keep(gate: &Gate) {
    match gate.register.erase_pending().await {
        Ok(erased) => {
            for (number, day, records) in &erased.days {
                tracing::info!(erasure = number, day, records, "records were erased, as was decided");
            }
            for number in &erased.done {
                tracing::info!(erasure = number, "an erasure is done");
            }
        }
        Err(error) => {
            tracing::error!(%error, "what was decided to be erased is not; it is tried again within the hour")
        }
    }
    let (register, zone) = (gate.register.clone(), gate.state().config.time_zone.clone());
    let looked = move || -> Result<_, Failure> {
        let (dir, keys) = (register.dir(), register.keys());
        let statements = Statements::read(dir, keys)?;
        if Requests::read(dir, keys)?.has_forgettable(today(&zone)) {
            let count = Desk::open(dir, keys, &zone)?.forget()?;
            tracing::info!(count, "requests that ended more than five years ago were erased");
        }
        Ok((statements, pressing(dir, keys, &zone)?))
    };
    let note =
        |error: Failure| tracing::error!(%error, "requests and statements cannot be read: what was read before holds");
    match tokio::task::spawn_blocking(looked).await {
        Ok(Ok((statements, pressing))) => {
            gate.upkeep.statements.store(Some(Arc::new(statements)));
            let before = gate.upkeep.pressing.swap(Some(Arc::new(pressing.clone())));
            if before.as_deref() != Some(&pressing) {
                pressing.sentences.iter().for_each(|sentence| tracing::warn!("{sentence}"));
            }
        }
        Ok(Err(error)) => note(error),
        Err(panic) => note(panic.into()),
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use logstore::requests::{Opening, Right};

    #[test]
    fn reminders_name_a_reference_and_nobody_law_9() {
        let dir = tempfile::tempdir().expect("a folder");
        let register = dir.path().join("register");
        std::fs::create_dir(&register).expect("made");
        let keys = Keys::open(&dir.path().join("keys"), &register).expect("made");
        let mut desk = Desk::open(&register, &keys, &TimeZone::UTC).expect("opened");
        let received = desk.today();
        let opening = Opening {
            received,
            channel: "mailbox".into(),
            who: "Alice Martin".into(),
            user: Some("a.martin".into()),
            right: Right::Access,
            language: "fr".into(),
        };
        desk.receive("dpo", Some("RH-1"), opening).expect("received");
        let due = deadline::due(received);
        assert_eq!(reminders(desk.requests(), received), Vec::<String>::new());
        let soon = reminders(desk.requests(), due);
        assert_eq!(soon, [format!("the request RH-1 is to be answered by {due}: 0 days left")]);
        let late = reminders(desk.requests(), due.saturating_add(jiff::ToSpan::days(1)));
        assert_eq!(late, [format!("the request RH-1 is overdue: it was to be answered by {due}, 1 day ago")]);
        assert!(date(2026, 1, 1) < received);
    }
}
