//! Holds added, extended, looked at again, released: each checked against what the ledger says, and on the disk when it returns.
//!
//! That two persons decide is asked for before, of the ledger of approvals; the number of the approval is kept here.

use super::terms::{date, end, review, text};
use super::{Event, Hold, Holds, Refusal, Standing, Terms};
use crate::keys::Keys;
use crate::ledger::{Entry, Ledger, LedgerError, OpenLedger};
use jiff::civil::Date;
use std::path::Path;

/// The holds of a register, held against other processes until it is dropped; no day is erased meanwhile.
pub struct Desk<'k> {
    pub(super) ledger: OpenLedger<'k>,
    pub(super) holds: Holds,
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The answer is no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The ledger cannot be read or written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl<'k> Desk<'k> {
    /// Opens it.
    pub fn open(dir: &Path, keys: &'k Keys) -> Result<Desk<'k>, LedgerError> {
        let ledger = OpenLedger::open(dir, keys, Ledger::Holds)?;
        let holds = Holds::of(&ledger.read()?);
        Ok(Desk { ledger, holds })
    }

    /// Every hold.
    pub fn holds(&self) -> &Holds {
        &self.holds
    }

    /// Today (UTC), and never before the last entry.
    pub fn today(&self) -> Date {
        date(self.ledger.now())
    }

    /// Adds a hold, in force from now on. Its number.
    pub fn add(&mut self, by: &str, mut terms: Terms, approval: Option<u64>) -> Result<u64, DeskError> {
        terms.reason = terms.reason.trim().to_owned();
        terms.check(self.today())?;
        Ok(self.write(by, &Event::Added { terms: Box::new(terms), approval })?)
    }

    /// Has a hold end later. It needs a reason of its own.
    pub fn extend(
        &mut self,
        number: u64,
        by: &str,
        until: Date,
        reason: &str,
        approval: Option<u64>,
    ) -> Result<&Hold, DeskError> {
        self.may_extend(number, until, reason)?;
        let reason = reason.trim().to_owned();
        self.write(by, &Event::Extended { hold: number, until, reason, approval })?;
        Ok(self.holds.get(number)?)
    }

    /// Whether it can end then.
    pub fn may_extend(&self, number: u64, until: Date, reason: &str) -> Result<(), Refusal> {
        let hold = self.in_force(number)?;
        text("the reason", reason)?;
        end(self.today(), until)?;
        if until <= hold.terms.until {
            return Err(Refusal::Form(format!(
                "hold {number} ends on {} already: to end it before, release it",
                hold.terms.until
            )));
        }
        let before = hold.extensions.iter().map(|said| &said.reason).chain([&hold.terms.reason]);
        if before.into_iter().any(|before| before == reason.trim()) {
            return Err(Refusal::Form("a hold is extended for a new reason: this one was given before".to_owned()));
        }
        Ok(())
    }

    /// Says that somebody has looked at a hold again, that it is still needed, and by when it is looked at the next time.
    pub fn review(&mut self, number: u64, by: &str, next: Date, reason: &str) -> Result<&Hold, DeskError> {
        let hold = self.in_force(number)?;
        text("the reason", reason)?;
        review(self.today(), next, hold.terms.until)?;
        self.write(by, &Event::Reviewed { hold: number, review: next, reason: reason.trim().to_owned() })?;
        Ok(self.holds.get(number)?)
    }

    /// Releases a hold. What was taken out for it is to be destroyed: [`settle`](super::settle()).
    pub fn release(&mut self, number: u64, by: &str, reason: &str, approval: Option<u64>) -> Result<&Hold, DeskError> {
        self.may_release(number, reason)?;
        self.write(by, &Event::Released { hold: number, reason: reason.trim().to_owned(), approval })?;
        Ok(self.holds.get(number)?)
    }

    /// Whether it can be released.
    pub fn may_release(&self, number: u64, reason: &str) -> Result<(), Refusal> {
        if !self.holds.get(number)?.is_kept() {
            return Err(Refusal::Over(number));
        }
        text("the reason", reason)
    }

    /// Notes that so many records are read under a hold, before they are shown.
    pub fn count(&mut self, number: u64, by: &str, count: u64, reason: &str) -> Result<(), DeskError> {
        text("the reason", reason)?;
        if !self.holds.get(number)?.is_kept() {
            return Err(Refusal::Over(number).into());
        }
        self.write(by, &Event::Read { hold: number, count, reason: reason.trim().to_owned() })?;
        Ok(())
    }

    fn in_force(&self, number: u64) -> Result<&Hold, Refusal> {
        let hold = self.holds.get(number)?;
        match hold.standing(self.today()) {
            Standing::Held | Standing::Overdue => Ok(hold),
            Standing::Over | Standing::Released => Err(Refusal::Over(number)),
        }
    }

    pub(super) fn write(&mut self, by: &str, event: &Event) -> Result<u64, LedgerError> {
        let number = self.ledger.add(by, event)?;
        let (at, who) = (self.ledger.now(), by.to_owned());
        self.holds.apply(&Entry { number, at, who, what: event.clone() });
        Ok(number)
    }

    /// Destroys the keys that extracts are hidden under.
    pub(super) fn erase(&mut self, entries: &[u64], ground: &str) -> Result<(), LedgerError> {
        self.ledger.erase(entries, ground)?;
        self.holds.forget(entries);
        Ok(())
    }
}
