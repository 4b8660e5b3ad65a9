//! Legal holds: records that are kept beyond their term because somebody may have to show them, and nobody else's with them.
//!
//! A ledger, `holds`, of [`Event`]s; what they make together is [`Holds`], without files or clocks. [`Desk`] holds it to the
//! ledger. Of a day that is due, the keeper takes out what is held, with its proofs, before the day dies (`extract`), and so what
//! a judicial hold keeps of records that are erased, so that these go as if there were none; when a
//! hold is released or over, what was taken out for it is destroyed, and attested ([`settle()`]). Records of days that are not
//! due stay where they are, out of ordinary searches ([`Holds::restricts`]) but for those of judicial holds, of which nothing
//! may be seen.

mod desk;
pub(crate) mod extract;
mod look;
mod release;
mod terms;

pub use desk::{Desk, DeskError};
pub use extract::visit_extracts;
pub use look::{Reach, reach, visit};
pub use release::{Settled, settle};
pub use terms::{END_MONTHS, Ground, REVIEW_MONTHS, Terms};

use crate::keys::Keys;
use crate::ledger::{self, Entry, Ledger, LedgerError};
use crate::people::People;
use crate::record::Record;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// So many days before a hold ends, it is said.
pub const REMINDER: i64 = 14;

/// What is written in the ledger. The number of a hold is that of the entry that adds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    /// A hold is in force from now on.
    Added {
        /// What it is for, and what it reaches.
        terms: Box<Terms>,
        /// The approval it rests on, when two persons decided.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approval: Option<u64>,
    },
    /// It ends later.
    Extended {
        /// Which hold.
        hold: u64,
        /// Its last day.
        until: Date,
        /// Why it is still needed.
        reason: String,
        /// The approval it rests on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approval: Option<u64>,
    },
    /// Somebody has looked at it again: it is still needed.
    Reviewed {
        /// Which hold.
        hold: u64,
        /// By when it is looked at the next time.
        review: Date,
        /// Why it is still needed.
        reason: String,
    },
    /// It is over.
    Released {
        /// Which hold.
        hold: u64,
        /// Why.
        reason: String,
        /// The approval it rests on; none when its last day has passed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approval: Option<u64>,
    },
    /// What it covers was read.
    Read {
        /// Which hold.
        hold: u64,
        /// How many records.
        count: u64,
        /// Why.
        reason: String,
    },
    /// What it covers of a day was taken out of it, hidden under this entry's key.
    Extracted {
        /// Which hold.
        hold: u64,
        /// The UTC day.
        day: String,
        /// How many records.
        records: u64,
        /// SHA-256 of what is hidden, in hexadecimal digits.
        sha256: String,
        /// The erasure it was taken out before, of a day that stays.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        erasure: Option<u64>,
    },
    /// What was taken out for it is about to be destroyed: noted before, so that a crash loses no count.
    Destroying {
        /// Which hold.
        hold: u64,
        /// Of how many days.
        days: u64,
        /// How many records.
        records: u64,
    },
    /// All of it is destroyed.
    Destroyed {
        /// Which hold.
        hold: u64,
        /// The hash of the certificate; none of a judicial hold, of which the chain of certificates says nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        certificate: Option<String>,
    },
}

/// Why something is not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is none of that number.
    #[error("there is no hold {0}")]
    Unknown(u64),
    /// It was released, or its last day has passed.
    #[error("hold {0} is over: add another, if there is a ground for it")]
    Over(u64),
    /// Something is missing in it, or too much.
    #[error("{0}")]
    Form(String),
}

/// How a hold stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// In force.
    Held,
    /// In force, and its review is overdue: neither extended by that nor released.
    Overdue,
    /// Its last day has passed; what was taken out for it is about to be destroyed.
    Over,
    /// It was released.
    Released,
}

impl Standing {
    /// In a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Standing::Held => "held",
            Standing::Overdue => "overdue",
            Standing::Over => "over",
            Standing::Released => "released",
        }
    }
}

/// What somebody did about a hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Said {
    /// The account.
    pub by: String,
    /// UTC µs.
    #[serde(serialize_with = "crate::clock::serialize")]
    pub at: i64,
    /// Why.
    pub reason: String,
    /// The day it set: of the end, or of the next review.
    pub day: Option<Date>,
    /// The approval it rests on.
    pub approval: Option<u64>,
}

/// What was taken out of a day for a hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Extracted {
    /// The entry under whose key it is hidden.
    pub entry: u64,
    /// The UTC day.
    pub day: String,
    /// How many records.
    pub records: u64,
    /// SHA-256 of what is hidden.
    #[serde(skip)]
    pub(crate) sha256: String,
    /// The erasure it was taken out before: the day stays, without these records.
    #[serde(skip)]
    pub(crate) erasure: Option<u64>,
}

/// What was destroyed of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Destroyed {
    /// When (UTC µs); none while it is under way.
    #[serde(serialize_with = "crate::clock::serialize_opt")]
    pub at: Option<i64>,
    /// Of how many days.
    pub days: u64,
    /// How many records.
    pub records: u64,
    /// The hash of the certificate.
    pub certificate: Option<String>,
}

/// A hold and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hold {
    /// Its number.
    pub number: u64,
    /// Who added it.
    pub by: String,
    /// When (UTC µs).
    #[serde(serialize_with = "crate::clock::serialize")]
    pub at: i64,
    /// The approval it rests on.
    pub approval: Option<u64>,
    /// Its terms, with the dates in force now.
    #[serde(skip)]
    pub terms: Terms,
    /// How often it was extended.
    pub extensions: Vec<Said>,
    /// How often somebody looked at it again.
    pub reviews: Vec<Said>,
    /// How often it was read.
    pub looks: u64,
    /// How it ended.
    pub released: Option<Said>,
    /// What was taken out of days for it, and is there.
    pub extracts: Vec<Extracted>,
    /// What was destroyed of it.
    pub destroyed: Option<Destroyed>,
}

impl Hold {
    /// How it stands today (UTC).
    pub fn standing(&self, today: Date) -> Standing {
        match () {
            () if self.released.is_some() => Standing::Released,
            () if today > self.terms.until => Standing::Over,
            () if today > self.terms.review => Standing::Overdue,
            () => Standing::Held,
        }
    }

    /// Whether it still keeps records. One whose last day has passed does, until that is written down: a clock that is ahead
    /// releases nothing by itself.
    pub fn is_kept(&self) -> bool {
        self.released.is_none()
    }

    /// Whether all that was taken out for it is destroyed.
    pub fn is_destroyed(&self) -> bool {
        self.destroyed.as_ref().is_some_and(|destroyed| destroyed.at.is_some())
    }

    /// Whether nobody but the judicial desk and approvers may know of it.
    pub fn is_secret(&self) -> bool {
        self.terms.ground.is_secret()
    }
}

/// All holds, as the ledger tells them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holds {
    holds: BTreeMap<u64, Hold>,
}

impl Holds {
    /// Reads the holds of the register in `dir`. Fails rather than leave one out.
    pub fn read(dir: &Path, keys: &Keys) -> Result<Holds, LedgerError> {
        Ok(Holds::of(&ledger::read(dir, keys, Ledger::Holds)?))
    }

    /// What these entries make.
    pub fn of(entries: &[Entry<Event>]) -> Holds {
        let mut holds = Holds::default();
        entries.iter().for_each(|entry| holds.apply(entry));
        holds
    }

    fn apply(&mut self, Entry { number, at, who, what }: &Entry<Event>) {
        let said = |reason: &str, day: Option<Date>, approval: Option<u64>| Said {
            by: who.clone(),
            at: *at,
            reason: reason.to_owned(),
            day,
            approval,
        };
        let named = match what {
            Event::Added { terms, approval } => {
                let hold = Hold {
                    number: *number,
                    by: who.clone(),
                    at: *at,
                    approval: *approval,
                    terms: (**terms).clone(),
                    extensions: Vec::new(),
                    reviews: Vec::new(),
                    looks: 0,
                    released: None,
                    extracts: Vec::new(),
                    destroyed: None,
                };
                self.holds.insert(*number, hold);
                return;
            }
            Event::Extended { hold, .. }
            | Event::Reviewed { hold, .. }
            | Event::Released { hold, .. }
            | Event::Read { hold, .. }
            | Event::Extracted { hold, .. }
            | Event::Destroying { hold, .. }
            | Event::Destroyed { hold, .. } => hold,
        };
        let Some(hold) = self.holds.get_mut(named) else { return };
        match what {
            Event::Extended { until, reason, approval, .. } if hold.released.is_none() => {
                hold.terms.until = *until;
                hold.extensions.push(said(reason, Some(*until), *approval));
            }
            Event::Reviewed { review, reason, .. } if hold.released.is_none() => {
                hold.terms.review = *review;
                hold.reviews.push(said(reason, Some(*review), None));
            }
            Event::Released { reason, approval, .. } if hold.released.is_none() => {
                hold.released = Some(said(reason, None, *approval));
            }
            Event::Read { .. } => hold.looks += 1,
            Event::Extracted { day, records, sha256, erasure, .. } => hold.extracts.push(Extracted {
                entry: *number,
                day: day.clone(),
                records: *records,
                sha256: sha256.clone(),
                erasure: *erasure,
            }),
            Event::Destroying { days, records, .. } => {
                hold.destroyed = Some(Destroyed { at: None, days: *days, records: *records, certificate: None });
            }
            Event::Destroyed { certificate, .. } => {
                if let Some(destroyed) = &mut hold.destroyed {
                    (destroyed.at, destroyed.certificate) = (Some(*at), certificate.clone());
                }
            }
            _ => {}
        }
    }

    /// Extracts whose keys are gone.
    fn forget(&mut self, entries: &[u64]) {
        for hold in self.holds.values_mut() {
            hold.extracts.retain(|extract| !entries.contains(&extract.entry));
        }
    }

    /// Every hold, oldest first.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = &Hold> {
        self.holds.values()
    }

    /// The hold of this number.
    pub fn get(&self, number: u64) -> Result<&Hold, Refusal> {
        self.holds.get(&number).ok_or(Refusal::Unknown(number))
    }

    /// Those that keep records.
    pub fn kept(&self) -> impl Iterator<Item = &Hold> {
        self.all().filter(|hold| hold.is_kept())
    }

    /// Whether a record is out of ordinary searches because it is held: the number of the hold under whose scope it can be
    /// read. A judicial hold changes nothing that others see.
    pub fn restricts(&self, record: &Record, people: &People) -> Option<u64> {
        let open = self.kept().filter(|hold| !hold.is_secret());
        open.filter(|hold| hold.terms.covers(record, people)).map(|hold| hold.number).next()
    }

    /// What must not be forgotten, a sentence each, by numbers alone: reviews that are overdue, ends that are near. Nothing
    /// of judicial holds.
    pub fn reminders(&self, today: Date) -> Vec<String> {
        self.all().filter(|hold| !hold.is_secret()).filter_map(|hold| hold.reminder(today)).collect()
    }
}

impl Hold {
    /// What must not be forgotten of it.
    pub fn reminder(&self, today: Date) -> Option<String> {
        let (number, Terms { review, until, .. }) = (self.number, &self.terms);
        match self.standing(today) {
            Standing::Overdue => Some(format!(
                "the review of hold {number} is overdue since {review}: `octroi hold review {number}`, or \
                 `octroi hold release {number}`"
            )),
            Standing::Over => Some(format!("hold {number} was over on {until}, and is not yet destroyed")),
            Standing::Released if !self.is_destroyed() => {
                Some(format!("hold {number} is released, and what was taken out for it is not yet destroyed"))
            }
            Standing::Held if crate::deadline::days_left(today, *until) <= REMINDER => Some(format!(
                "hold {number} ends on {until}, and what was taken out for it is destroyed then: \
                 `octroi hold extend {number}`, if it is still needed"
            )),
            Standing::Held | Standing::Released => None,
        }
    }
}

#[cfg(test)]
#[path = "hold/tests.rs"]
mod tests;
