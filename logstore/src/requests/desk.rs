//! The register of requests held for writing: what can be done to a request, when, and why not.

use super::is_reference;
use super::{
    Bundled, Delivery, Identity, KEPT_YEARS, Line, Opening, REFERENCE_BYTES, Request, Requests, Right, Step, Unfollowed,
};
use crate::clock::timestamp;
use crate::deadline;
use crate::keys::Keys;
use crate::ledger::{Ledger, LedgerError, OpenLedger};
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::path::{Path, PathBuf};

/// Something that cannot be done to a request, or to the register of requests.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A reference that has been used.
    #[error("the reference {0} is used: each request has its own; leave --reference out and one is made")]
    Used(String),
    /// A reference in another form.
    #[error(
        "`{0}` is no reference: 1 to {REFERENCE_BYTES} letters without accents, digits, `.`, `_`, `-`, beginning with a letter \
         or a digit"
    )]
    Form(String),
    /// No such request.
    #[error("no request has the reference {0}: `octroi requests list --all` shows all there are")]
    Unknown(String),
    /// It has ended.
    #[error("the request {0} has ended, on {1}: open another")]
    Ended(String, Date),
    /// A day that has not come.
    #[error("{what} on {day}: that day has not come, today is {today}")]
    Future {
        /// What.
        what: &'static str,
        /// The day given.
        day: Date,
        /// Today.
        today: Date,
    },
    /// A day before the request was received.
    #[error("{what} on {day}: the request was received later, on {received}")]
    TooEarly {
        /// What.
        what: &'static str,
        /// The day given.
        day: Date,
        /// When the request was received.
        received: Date,
    },
    /// A day so long ago that the request is past its five years.
    #[error("received on {0}: that is longer ago than requests are kept, {KEPT_YEARS} years")]
    TooOld(Date),
    /// An extension after the first month.
    #[error(
        "the request {reference} can no longer be extended: that had to be told by {until}, and today is {today} \
         (RGPD art. 12(3)). Answer it now"
    )]
    TooLate {
        /// Which.
        reference: String,
        /// Until when.
        until: Date,
        /// Today.
        today: Date,
    },
    /// A second extension.
    #[error("the request {0} was extended already, and can be only once")]
    Twice(String),
    /// Somebody else's bundle.
    #[error("the request {0} is another person's: its first answer was made for another account")]
    Bound(String),
    /// A bundle that bears an earlier day than the last.
    #[error("the request {reference} is answered by a bundle of {last}: one of {dated} does not take its place")]
    Older {
        /// Which.
        reference: String,
        /// The day of the one that came.
        dated: Date,
        /// The day of the last.
        last: Date,
    },
    /// Papers that are still kept.
    #[error(
        "the request {0} was identified by papers, and nobody has said that they are deleted: \
         `octroi requests identify {0} --how papers --papers-deleted DATE`"
    )]
    Papers(String),
    /// Nobody checked who asks.
    #[error("nobody has said how the identity was checked: `octroi requests identify {0} --how HOW` first")]
    Unidentified(String),
    /// Access answered without a bundle.
    #[error(
        "the request {0} is one of access, and nothing says what answers it: give the bundle that was handed over, --bundle FILE, or \
         say why there is none, --not-done TEXT"
    )]
    NoBundle(String),
    /// A bundle that was not made for this request, or that another has taken the place of.
    #[error("{}", not_its_bundle(reference, noted.as_deref()))]
    NotItsBundle {
        /// Which.
        reference: String,
        /// The SHA-256 of the last that was made for it.
        noted: Option<String>,
    },
}

fn not_its_bundle(reference: &str, noted: Option<&str>) -> String {
    let made = match noted {
        Some(sha256) => format!("the last one made has the SHA-256 {sha256}"),
        None => "none was made: `octroi export subject` makes it".to_owned(),
    };
    format!("this file is not the bundle that answers the request {reference}: {made}")
}

/// The register of requests held for writing.
pub struct Desk<'k> {
    pub(super) dir: PathBuf,
    pub(super) keys: &'k Keys,
    ledger: OpenLedger<'k>,
    requests: Requests,
    zone: TimeZone,
}

impl<'k> Desk<'k> {
    /// Opens it; waits while another process holds it. Days are those of this zone.
    pub fn open(dir: &Path, keys: &'k Keys, zone: &TimeZone) -> Result<Desk<'k>, LedgerError> {
        let ledger = OpenLedger::open(dir, keys, Ledger::Requests)?;
        let requests = Requests::of(ledger.read()?);
        Ok(Desk { dir: dir.to_path_buf(), keys, ledger, requests, zone: zone.clone() })
    }

    /// What it says now.
    pub fn requests(&self) -> &Requests {
        &self.requests
    }

    /// Today; never before the last entry: a clock that was set back gives nobody more time.
    pub fn today(&self) -> Date {
        timestamp(self.ledger.now()).to_zoned_datetime(self.zone.clone()).date()
    }

    /// Writes a request down. Its reference is made when none is given.
    pub fn receive(&mut self, who: &str, reference: Option<&str>, opening: Opening) -> Result<Request, Refusal> {
        let today = self.today();
        let received = opening.received;
        if received > today {
            return Err(Refusal::Future { what: "received", day: received, today });
        }
        if received.saturating_add(KEPT_YEARS.years()) < today {
            return Err(Refusal::TooOld(received));
        }
        let reference = match reference {
            Some(given) if !is_reference(given) => return Err(Refusal::Form(given.to_owned())),
            Some(given) if self.requests.get(given).is_some() => return Err(Refusal::Used(given.to_owned())),
            Some(given) => given.to_owned(),
            None => self.requests.next_reference(today.year()),
        };
        self.write(who, &reference, Step::Opened(opening))
    }

    /// Notes how who asks was checked.
    pub fn identify(
        &mut self,
        who: &str,
        reference: &str,
        how: Identity,
        papers_deleted: Option<Date>,
    ) -> Result<Request, Refusal> {
        let request = self.waiting(reference)?;
        if let Some(day) = papers_deleted {
            self.within("papers deleted", day, request.opening.received)?;
        }
        self.write(who, reference, Step::Identified { how, papers_deleted })
    }

    /// Extends the term by two months: once, within the first month, with reasons.
    pub fn extend(&mut self, who: &str, reference: &str, reason: String) -> Result<Request, Refusal> {
        let (request, today) = (self.waiting(reference)?, self.today());
        if request.extended.is_some() {
            return Err(Refusal::Twice(reference.to_owned()));
        }
        let until = deadline::due(request.opening.received);
        if today > until {
            return Err(Refusal::TooLate { reference: reference.to_owned(), until, today });
        }
        self.write(who, reference, Step::Extended { reason })
    }

    /// Notes the hash of what answers it.
    pub fn bundled(&mut self, who: &str, reference: &str, sha256: String) -> Result<Request, Refusal> {
        self.waiting(reference)?;
        let made = Bundled { sha256, user: None, dated: None, path: None };
        self.write(who, reference, Step::Bundled(made))
    }

    /// Closes it: answered that day, and how. Who asked must have been identified. `bundle`: SHA-256 of what was handed over, the
    /// last that was made for it; access needs it. `not_done`: why what was asked for was not done.
    pub fn close(
        &mut self,
        who: &str,
        reference: &str,
        answered: Date,
        delivery: Delivery,
        bundle: Option<&str>,
        not_done: Option<String>,
    ) -> Result<Request, Refusal> {
        let request = self.waiting(reference)?;
        self.within("answered", answered, request.opening.received)?;
        match request.identity {
            None => return Err(Refusal::Unidentified(reference.to_owned())),
            Some((Identity::Papers, None)) => return Err(Refusal::Papers(reference.to_owned())),
            Some(_) => {}
        }
        if request.opening.right == Right::Access && bundle.is_none() && not_done.is_none() {
            return Err(Refusal::NoBundle(reference.to_owned()));
        }
        if bundle.is_some() && bundle != request.bundle.as_deref() {
            return Err(Refusal::NotItsBundle { reference: reference.to_owned(), noted: request.bundle });
        }
        self.write(who, reference, Step::Closed { answered, delivery, not_done })
    }

    /// Refuses it: unfounded or excessive, with the reasons that the letter gives.
    pub fn refuse(
        &mut self,
        who: &str,
        reference: &str,
        answered: Date,
        ground: Unfollowed,
        why: String,
    ) -> Result<Request, Refusal> {
        let request = self.waiting(reference)?;
        self.within("answered", answered, request.opening.received)?;
        if let Some((Identity::Papers, None)) = request.identity {
            return Err(Refusal::Papers(reference.to_owned()));
        }
        self.write(who, reference, Step::Refused { answered, ground, why })
    }

    /// Erases the requests that ended more than five years ago, and what was taken out for those that were answered more than
    /// thirty days ago. How many requests.
    pub fn forget(&mut self) -> Result<usize, LedgerError> {
        let today = self.today();
        let over: Vec<&Request> = self.requests.all.iter().filter(|request| request.is_forgettable(today)).collect();
        let numbers: Vec<u64> = over.iter().flat_map(|request| request.entries.iter().copied()).collect();
        let count = over.len();
        let extracts = self.requests.all.iter().filter(|request| !request.is_forgettable(today));
        let extracts: Vec<u64> = extracts.flat_map(|request| request.forgettable_extracts(today)).collect();
        self.ledger.erase(&extracts, "what was taken out for a request is kept thirty days after its answer")?;
        self.ledger.erase(&numbers, "requests are kept five years after they ended")?;
        self.requests = Requests::of(self.ledger.read()?);
        if let Err(error) = self.sweep() {
            // Their key is gone: nothing opens them. The next time does it.
            tracing::warn!(%error, "files of what was taken out for requests cannot be deleted");
        }
        Ok(count)
    }

    pub(super) fn waiting(&self, reference: &str) -> Result<Request, Refusal> {
        let request = self.requests.get(reference).ok_or_else(|| Refusal::Unknown(reference.to_owned()))?;
        match &request.end {
            Some(end) => Err(Refusal::Ended(reference.to_owned(), end.on())),
            None => Ok(request.clone()),
        }
    }

    fn within(&self, what: &'static str, day: Date, received: Date) -> Result<(), Refusal> {
        let today = self.today();
        if day > today {
            return Err(Refusal::Future { what, day, today });
        }
        if day < received { Err(Refusal::TooEarly { what, day, received }) } else { Ok(()) }
    }

    pub(super) fn write(&mut self, who: &str, reference: &str, step: Step) -> Result<Request, Refusal> {
        self.ledger.add(who, &Line { reference: reference.to_owned(), step })?;
        self.requests = Requests::of(self.ledger.read()?);
        self.requests.get(reference).cloned().ok_or_else(|| Refusal::Unknown(reference.to_owned()))
    }
}
