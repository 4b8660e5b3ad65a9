//! The state machine held to its ledger: every act is checked against what the ledger says, and on the disk when it returns.

use super::asked::text;
use super::{Approvals, Asked, Event, LONGEST, Moment, Now, OWN, Refusal, Request, Settings, Standing};
use crate::keys::Keys;
use crate::ledger::{self, Ledger, LedgerError, OpenLedger};
use crate::people::People;
use std::path::Path;

/// The approvals of a register, held against other processes until it is dropped.
pub struct Desk<'k> {
    ledger: OpenLedger<'k>,
    approvals: Approvals,
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The rules forbid it: the answer is no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The ledger cannot be read or written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Reads the approvals of a register without holding them.
pub fn read(dir: &Path, keys: &Keys) -> Result<Approvals, LedgerError> {
    Ok(Approvals::of(&ledger::read(dir, keys, Ledger::Approvals)?))
}

impl<'k> Desk<'k> {
    /// Opens it. What is found to be over is closed, so that no clock that is set back opens it again.
    pub fn open(dir: &Path, keys: &'k Keys) -> Result<Desk<'k>, LedgerError> {
        let ledger = OpenLedger::open(dir, keys, Ledger::Approvals)?;
        let approvals = Approvals::of(&ledger.read()?);
        let mut desk = Desk { ledger, approvals };
        let now = desk.now();
        let over = desk.approvals.requests().filter(|request| request.standing(&now) == Standing::Expired);
        let over: Vec<u64> = over.map(|request| request.number).collect();
        for request in over {
            desk.write(OWN, &Event::Closed { request })?;
        }
        Ok(desk)
    }

    /// Every request.
    pub fn approvals(&self) -> &Approvals {
        &self.approvals
    }

    /// Now, never before the last entry.
    pub fn now(&self) -> Now {
        self.approvals.now()
    }

    /// Asks. Breaks the glass, when an incident is named. The number of the request.
    pub fn ask(&mut self, by: &str, asked: Asked, people: &People) -> Result<u64, DeskError> {
        asked.check()?;
        if asked.incident.is_some()
            && let Some(before) = self.approvals.unreviewed(by, people)
        {
            return Err(Refusal::Unreviewed(before).into());
        }
        let accounts = asked.accounts(people);
        Ok(self.write(by, &Event::Asked { asked: Box::new(asked), moment: Moment::now(), accounts })?)
    }

    /// Approves: from now on it is open, for as long as was asked and no longer than `longest` (µs).
    pub fn approve(&mut self, number: u64, by: &str, people: &People, longest: i64) -> Result<&Request, DeskError> {
        let request = self.waiting(number, by, people)?;
        let lasts = request.asked.lasts.min(longest).min(LONGEST);
        self.write(by, &Event::Approved { request: number, lasts, moment: Moment::now() })?;
        Ok(self.approvals.get(number)?)
    }

    /// Refuses.
    pub fn refuse(&mut self, number: u64, by: &str, people: &People, reason: &str) -> Result<&Request, DeskError> {
        text("the reason", reason)?;
        self.waiting(number, by, people)?;
        self.write(by, &Event::Refused { request: number, reason: reason.trim().to_owned() })?;
        Ok(self.approvals.get(number)?)
    }

    /// Closes what is open or waits.
    pub fn close(&mut self, number: u64, by: &str) -> Result<&Request, DeskError> {
        let standing = self.approvals.get(number)?.standing(&self.now());
        if !matches!(standing, Standing::Open { .. } | Standing::Waiting) {
            return Err(Refusal::NotOpen(number, standing.word()).into());
        }
        self.write(by, &Event::Closed { request: number })?;
        Ok(self.approvals.get(number)?)
    }

    /// Counts what is read or done by an open request, before it is shown or done.
    pub fn count(&mut self, number: u64, by: &str, people: &People, count: u64) -> Result<(), DeskError> {
        self.approvals.get(number)?.may_use(by, people, &self.now())?;
        self.write(by, &Event::Read { request: number, count })?;
        Ok(())
    }

    /// Reviews a broken glass.
    pub fn review(&mut self, number: u64, by: &str, people: &People, said: &str) -> Result<&Request, DeskError> {
        text("the review", said)?;
        let request = self.approvals.get(number)?;
        if request.review_due().is_none() {
            return Err(Refusal::NothingToReview(number).into());
        }
        request.may_decide(by, people)?;
        self.write(by, &Event::Reviewed { request: number, text: said.trim().to_owned() })?;
        Ok(self.approvals.get(number)?)
    }

    /// Remembers which settings are in force from now on.
    pub fn put_in_force(&mut self, by: &str, settings: Settings) -> Result<(), LedgerError> {
        self.write(by, &Event::InForce { settings }).map(drop)
    }

    /// A request that somebody may decide on.
    fn waiting(&self, number: u64, by: &str, people: &People) -> Result<&Request, Refusal> {
        let request = self.approvals.get(number)?;
        request.may_decide(by, people)?;
        match request.standing(&self.now()) {
            Standing::Waiting => Ok(request),
            other => Err(Refusal::NotWaiting(number, other.word())),
        }
    }

    fn write(&mut self, by: &str, event: &Event) -> Result<u64, LedgerError> {
        let number = self.ledger.add(by, event)?;
        self.approvals = Approvals::of(&self.ledger.read()?);
        Ok(number)
    }
}
