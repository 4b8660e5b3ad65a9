//! The register of requisitions: what an authority required, by which act, and what was handed over. For the desk that answers
//! them alone: nothing else in the register tells that there is any.
//!
//! A ledger. A requisition is written down when it is received, and again when it was answered; six years after that its entries
//! are erased.

use crate::approvals::Subject;
use crate::clock::timestamp;
use crate::keys::Keys;
use crate::ledger::{self, Entry, Ledger, LedgerError, OpenLedger};
use crate::people::Period;
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// A requisition is forgotten so many years after it was answered, or received when it never was.
pub const KEPT_YEARS: i32 = 6;

/// The act by which something is required, as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// The authority.
    pub authority: String,
    /// The service that acts, if other than the authority.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub service: String,
    /// Who signed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub officer: String,
    /// Their rank or quality.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rank: String,
    /// The text it cites.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub article: String,
    /// The number of the case.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub case: String,
    /// How it was made sure that it is genuine.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub checked: String,
    /// How the answer is handed over.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub delivery: String,
}

/// What is required: of whom or what, of which time. The same again is the same requisition; anything else is another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Required {
    /// Whom or what.
    pub about: Vec<Subject>,
    /// Of which time; bounded on both sides.
    pub period: Period,
}

/// What was handed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Produced {
    /// SHA-256 of the bundle, in hexadecimal digits.
    pub sha256: String,
    /// How many records; none is an answer too.
    pub records: u64,
    /// The approval it rests on, when two persons decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<u64>,
}

/// What happens to a requisition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "lowercase")]
enum Step {
    Received { on: Date, act: Box<Act>, required: Required },
    Answered { on: Date, produced: Produced },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Line {
    reference: String,
    #[serde(flatten)]
    step: Step,
}

/// A requisition as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Requisition {
    /// Our reference.
    pub reference: String,
    /// Who wrote it down.
    pub by: String,
    /// The day it was received.
    pub received: Date,
    /// The act.
    pub act: Act,
    /// What is required.
    pub required: Required,
    /// When it was answered, and by what.
    pub answered: Option<(Date, Produced)>,
    #[serde(skip)]
    entries: Vec<u64>,
}

impl Requisition {
    fn is_forgettable(&self, today: Date) -> bool {
        let last = self.answered.as_ref().map_or(self.received, |(on, _)| *on);
        last.saturating_add(KEPT_YEARS.years()) < today
    }
}

/// All requisitions, as the ledger tells them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requisitions {
    all: Vec<Requisition>,
}

/// Why something is not done.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The reference is another requisition's.
    #[error("the reference {0} is used by a requisition of another scope: each has its own reference")]
    Used(String),
    /// It was answered.
    #[error("the requisition {0} was answered on {1}; what was handed over has the SHA-256 {2}")]
    Answered(String, Date, String),
    /// There is none.
    #[error("there is no requisition {0}")]
    Unknown(String),
    /// It cannot have been received then.
    #[error("received on {day}: that day has not come, today is {today}")]
    Future {
        /// The day given.
        day: Date,
        /// Today.
        today: Date,
    },
}

impl Requisitions {
    /// Reads the register of requisitions of the register in `dir`.
    pub fn read(dir: &Path, keys: &Keys) -> Result<Requisitions, LedgerError> {
        Ok(Requisitions::of(ledger::read(dir, keys, Ledger::Requisitions)?))
    }

    fn of(entries: Vec<Entry<Line>>) -> Requisitions {
        let (mut all, mut places): (Vec<Requisition>, BTreeMap<String, usize>) = (Vec::new(), BTreeMap::new());
        for Entry { number, who, what: Line { reference, step }, .. } in entries {
            let known = places.get(&reference).and_then(|place| all.get_mut(*place));
            match (known, step) {
                (None, Step::Received { on, act, required }) => {
                    places.insert(reference.clone(), all.len());
                    let (by, act, entries) = (who, *act, vec![number]);
                    all.push(Requisition { reference, by, received: on, act, required, answered: None, entries });
                }
                (Some(known), Step::Answered { on, produced }) => {
                    known.entries.push(number);
                    known.answered = known.answered.take().or(Some((on, produced)));
                }
                // Written down twice, or answered when it was erased: by a mistake alone.
                (Some(known), Step::Received { .. }) => known.entries.push(number),
                (None, Step::Answered { .. }) => {}
            }
        }
        Requisitions { all }
    }

    /// All of them, in the order they were written down.
    pub fn all(&self) -> &[Requisition] {
        &self.all
    }

    /// The one of this reference.
    pub fn get(&self, reference: &str) -> Option<&Requisition> {
        self.all.iter().find(|known| known.reference == reference)
    }
}

/// The register of requisitions held for writing.
pub struct Desk<'k> {
    ledger: OpenLedger<'k>,
    requisitions: Requisitions,
    zone: TimeZone,
}

impl<'k> Desk<'k> {
    /// Opens it; waits while another process holds it. Days are those of this zone.
    pub fn open(dir: &Path, keys: &'k Keys, zone: &TimeZone) -> Result<Desk<'k>, LedgerError> {
        let ledger = OpenLedger::open(dir, keys, Ledger::Requisitions)?;
        let requisitions = Requisitions::of(ledger.read()?);
        Ok(Desk { ledger, requisitions, zone: zone.clone() })
    }

    /// Today; never before the last entry.
    pub fn today(&self) -> Date {
        timestamp(self.ledger.now()).to_zoned_datetime(self.zone.clone()).date()
    }

    /// Writes a requisition down, unless it is there already; whether it was. One that was answered is no more to be.
    pub fn receive(
        &mut self,
        who: &str,
        reference: &str,
        on: Date,
        act: Act,
        required: Required,
    ) -> Result<bool, Refusal> {
        match self.requisitions.get(reference) {
            Some(known) => match &known.answered {
                Some((on, produced)) => Err(Refusal::Answered(reference.to_owned(), *on, produced.sha256.clone())),
                None if known.required != required => Err(Refusal::Used(reference.to_owned())),
                None => Ok(true),
            },
            None => {
                let today = self.today();
                if on > today {
                    return Err(Refusal::Future { day: on, today });
                }
                self.write(who, reference, Step::Received { on, act: Box::new(act), required })?;
                Ok(false)
            }
        }
    }

    /// Notes what was handed over.
    pub fn answer(&mut self, who: &str, reference: &str, produced: Produced) -> Result<(), Refusal> {
        let known = self.requisitions.get(reference).ok_or_else(|| Refusal::Unknown(reference.to_owned()))?;
        if let Some((on, produced)) = &known.answered {
            return Err(Refusal::Answered(reference.to_owned(), *on, produced.sha256.clone()));
        }
        let on = self.today();
        Ok(self.write(who, reference, Step::Answered { on, produced })?)
    }

    fn forget(&mut self) -> Result<usize, LedgerError> {
        let today = self.today();
        let over: Vec<&Requisition> =
            self.requisitions.all.iter().filter(|known| known.is_forgettable(today)).collect();
        let (numbers, count) = (over.iter().flat_map(|known| known.entries.clone()).collect::<Vec<_>>(), over.len());
        // The ground names nothing that a requisition could be told by but the ledger it stands in.
        self.ledger.erase(&numbers, "kept six years after they ended")?;
        self.requisitions = Requisitions::of(self.ledger.read()?);
        Ok(count)
    }

    fn write(&mut self, who: &str, reference: &str, step: Step) -> Result<(), LedgerError> {
        self.ledger.add(who, &Line { reference: reference.to_owned(), step })?;
        self.requisitions = Requisitions::of(self.ledger.read()?);
        Ok(())
    }
}

/// Erases the requisitions that are past their six years. How many. Nothing is made where there is none.
pub fn forget(dir: &Path, keys: &Keys, zone: &TimeZone) -> Result<usize, LedgerError> {
    let today = timestamp(crate::clock::now()).to_zoned_datetime(zone.clone()).date();
    match Requisitions::read(dir, keys)?.all.iter().any(|known| known.is_forgettable(today)) {
        true => Desk::open(dir, keys, zone)?.forget(),
        false => Ok(0),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test says so by failing")]
    use super::*;

    fn register() -> (tempfile::TempDir, Keys) {
        let dir = tempfile::tempdir().unwrap();
        let keys = Keys::open(&dir.path().join("keys"), &dir.path().join("register")).unwrap();
        (dir, keys)
    }

    fn required(user: &str) -> Required {
        let period = Period { from: Some(1), to: Some(2) };
        Required { about: vec![Subject::User(user.into())], period }
    }

    fn act() -> Act {
        Act { authority: "Tribunal judiciaire de Lyon".into(), article: "cpp-77-1-1".into(), ..Act::default() }
    }

    #[test]
    fn a_requisition_is_written_down_once_and_answered_once_law_11() {
        let (dir, keys) = register();
        let mut desk = Desk::open(dir.path(), &keys, &TimeZone::UTC).unwrap();
        let today = desk.today();
        assert!(!desk.receive("counsel", "RQ-1", today, act(), required("a.martin")).unwrap());
        assert!(desk.receive("counsel", "RQ-1", today, act(), required("a.martin")).unwrap(), "the same again");
        let other = desk.receive("counsel", "RQ-1", today, act(), required("p.dupont")).unwrap_err().to_string();
        assert!(other.contains("another scope") && !other.contains("a.martin"), "{other}");
        let produced = Produced { sha256: "ab".repeat(32), records: 0, approval: Some(4) };
        desk.answer("counsel", "RQ-1", produced.clone()).unwrap();
        for again in [
            desk.answer("counsel", "RQ-1", produced.clone()).unwrap_err(),
            desk.receive("counsel", "RQ-1", today, act(), required("a.martin")).unwrap_err(),
        ] {
            assert!(matches!(again, Refusal::Answered(..)), "{again}");
        }
        assert!(matches!(desk.answer("counsel", "RQ-2", produced.clone()), Err(Refusal::Unknown(_))));
        let late = today.saturating_add(1.day());
        assert!(matches!(desk.receive("counsel", "RQ-2", late, act(), required("x")), Err(Refusal::Future { .. })));
        drop(desk);
        let all = Requisitions::read(dir.path(), &keys).unwrap();
        assert_eq!(all.all().len(), 1);
        assert_eq!(all.get("RQ-1").unwrap().answered, Some((today, produced)));
        // Nobody reads it in the file.
        let text = std::fs::read_to_string(Ledger::Requisitions.file(dir.path())).unwrap();
        assert!(!text.contains("RQ-1") && !text.contains("martin") && !text.contains("Lyon"), "{text}");
    }

    #[test]
    fn it_is_kept_six_years_and_then_erased_law_4() {
        let (dir, keys) = register();
        assert_eq!(forget(dir.path(), &keys, &TimeZone::UTC).unwrap(), 0);
        assert!(!Ledger::Requisitions.file(dir.path()).exists());
        let mut desk = Desk::open(dir.path(), &keys, &TimeZone::UTC).unwrap();
        let six_years_ago = desk.today().saturating_sub(KEPT_YEARS.years());
        desk.receive("counsel", "RQ-1", six_years_ago, act(), required("a.martin")).unwrap();
        desk.receive("counsel", "RQ-2", six_years_ago.saturating_sub(1.day()), act(), required("a.martin")).unwrap();
        drop(desk);
        assert_eq!(forget(dir.path(), &keys, &TimeZone::UTC).unwrap(), 1);
        let left = Requisitions::read(dir.path(), &keys).unwrap();
        assert_eq!(left.all().iter().map(|known| known.reference.as_str()).collect::<Vec<_>>(), ["RQ-1"]);
        assert_eq!(forget(dir.path(), &keys, &TimeZone::UTC).unwrap(), 0);
    }
}
