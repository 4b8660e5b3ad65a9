//! Approvals: acts that two persons decide. One asks, another approves or refuses; what is approved opens for some hours,
//! what was read by it is counted, and it closes.
//!
//! What is written is [`Event`]s, in the ledger `approvals`; what they make together is [`Approvals`], a state machine without
//! files or clocks. [`Desk`] holds it to the ledger. Every kind of act is asked for in one form, [`Asked`], and granted for
//! exactly that.

mod asked;
mod bounds;
mod desk;
mod moment;
mod settings;

pub use asked::{Asked, Kind, PERIOD, Subject, TEXT_CHARS, concerns};
pub use bounds::bounded;
pub use desk::{Desk, DeskError, read};
pub use moment::{Moment, Now};
pub use settings::{DETAIL, Loosening, PURPOSES, RETENTION, Settings};

use crate::ledger::Entry;
use crate::people::{Link, People};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

/// For how long an approval opens at most (µs).
pub const LONGEST: i64 = 8 * HOUR;
/// For how long a broken glass is open (µs).
pub const GLASS: i64 = 24 * HOUR;
/// By when a broken glass is to be reviewed (µs).
pub const REVIEW_WITHIN: i64 = 72 * HOUR;
/// How long a request waits; nobody approves an older one, whose occasion is over (µs).
pub const WAITS: i64 = 31 * DAY;
/// The field of a request for a setting that names it.
pub const SETTING: &str = "setting";
/// The field that has its new value, or what is no longer masked.
pub const VALUE: &str = "value";
/// Who closes what is over.
const OWN: &str = "octroi";

/// What is written in the ledger. The number of a request is that of its entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Somebody asks.
    Asked {
        /// For what.
        asked: Box<Asked>,
        /// When, by more than the clock.
        moment: Moment,
        /// Which accounts were whose then, of the persons it is about: it opens these, and none that is linked later.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        accounts: Vec<Link>,
    },
    /// Somebody else approves.
    Approved {
        /// Which request.
        request: u64,
        /// For how long it is open (µs).
        lasts: i64,
        /// When, by more than the clock.
        moment: Moment,
    },
    /// Somebody else refuses.
    Refused {
        /// Which request.
        request: u64,
        /// Why.
        reason: String,
    },
    /// It is over: somebody has closed it, what it was for is done, or its time has passed.
    Closed {
        /// Which request.
        request: u64,
    },
    /// Something was read or done by it.
    Read {
        /// Which request.
        request: u64,
        /// How many records.
        count: u64,
    },
    /// Somebody says in writing what they think of a broken glass.
    Reviewed {
        /// Which request.
        request: u64,
        /// What.
        text: String,
    },
    /// These settings are in force from now on.
    InForce {
        /// All of them.
        settings: Settings,
    },
}

/// Why something is not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such request.
    #[error("there is no request {0}")]
    Unknown(u64),
    /// Who asked does not decide.
    #[error("request {0} is one's own: another person decides on it, whatever account one uses")]
    Own(u64),
    /// Who is concerned does not decide.
    #[error("request {0} is about the person who would decide on it: somebody else has to")]
    About(u64),
    /// It is decided, closed or too old.
    #[error("request {0} is {1}: nothing is to be decided on it")]
    NotWaiting(u64, &'static str),
    /// It is not open.
    #[error("request {0} is {1}")]
    NotOpen(u64, &'static str),
    /// The glass was not broken, or what happened was reviewed.
    #[error("request {0} has nothing to review")]
    NothingToReview(u64),
    /// The glass that the same person broke before was not reviewed.
    #[error(
        "request {0} was opened without a second person, and nobody has reviewed it: an approver writes that first"
    )]
    Unreviewed(u64),
    /// Something is missing in it, or too much.
    #[error("{0}")]
    Form(String),
}

/// How a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "standing")]
pub enum Standing {
    /// Nobody has decided.
    Waiting,
    /// It opens what was asked for, for so long from now on (µs).
    Open {
        /// µs.
        left: i64,
    },
    /// It was refused.
    Refused,
    /// It was closed.
    Closed,
    /// Its time has passed.
    Expired,
}

impl Standing {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Standing::Waiting => "waiting",
            Standing::Open { .. } => "open",
            Standing::Refused => "refused",
            Standing::Closed => "closed",
            Standing::Expired => "expired",
        }
    }
}

/// What somebody did about a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Said {
    /// The account.
    pub by: String,
    /// UTC µs.
    pub at: i64,
    /// What they wrote, if they had to.
    pub text: Option<String>,
}

/// A request and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its number.
    pub number: u64,
    /// Who asked.
    pub by: String,
    /// When (UTC µs).
    pub at: i64,
    /// For what.
    pub asked: Asked,
    /// Which accounts were whose when it was asked, of the persons it is about.
    pub accounts: Vec<Link>,
    /// Who approved.
    pub approved: Option<Said>,
    /// Who refused, and why.
    pub refused: Option<Said>,
    /// Who closed it.
    pub closed: Option<Said>,
    /// How often something was read or done by it.
    pub looks: u64,
    /// How many records that was, each time counted.
    pub records: u64,
    /// The review of a broken glass.
    pub review: Option<Said>,
    opened: Option<Opening>,
}

/// Since when something is open, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Opening {
    at: i64,
    moment: Moment,
    lasts: i64,
}

/// What the entries of the ledger make together: every request, by number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Approvals {
    requests: BTreeMap<u64, Request>,
    in_force: Option<Settings>,
    last_at: i64,
}

impl Request {
    /// How it stands.
    pub fn standing(&self, now: &Now) -> Standing {
        if self.refused.is_some() {
            return Standing::Refused;
        }
        match &self.closed {
            Some(closed) if closed.by == OWN => return Standing::Expired,
            Some(_) => return Standing::Closed,
            None => {}
        }
        match &self.opened {
            Some(opening) => match now.left(opening.at, &opening.moment, opening.lasts) {
                Some(left) => Standing::Open { left },
                None => Standing::Expired,
            },
            None if now.at - self.at > WAITS => Standing::Expired,
            None => Standing::Waiting,
        }
    }

    /// Whether the glass was broken.
    pub fn is_glass(&self) -> bool {
        self.asked.incident.is_some()
    }

    /// When its review is due (UTC µs): of a broken glass that nobody has reviewed.
    pub fn review_due(&self) -> Option<i64> {
        (self.is_glass() && self.review.is_none()).then_some(self.at + REVIEW_WITHIN)
    }

    /// What was known of whose accounts are whose when it was asked: what is approved reaches no further.
    pub fn people(&self) -> People {
        People::of_links(self.accounts.clone())
    }

    /// Whether this account may decide on it, as far as persons go: no account of who asked or is concerned may.
    pub fn may_decide(&self, account: &str, people: &People) -> Result<(), Refusal> {
        if people.same_person(&self.by, account) {
            return Err(Refusal::Own(self.number));
        }
        if self.asked.is_about(account, people) {
            return Err(Refusal::About(self.number));
        }
        Ok(())
    }

    /// Whether somebody may use it now: who asked for it may, as long as it is open.
    pub fn may_use(&self, account: &str, people: &People, now: &Now) -> Result<(), Refusal> {
        match self.standing(now) {
            Standing::Open { .. } if people.same_person(&self.by, account) => Ok(()),
            Standing::Open { .. } => Err(Refusal::NotOpen(self.number, "somebody else's")),
            other => Err(Refusal::NotOpen(self.number, other.word())),
        }
    }
}

impl Approvals {
    /// What these entries make. One that breaks a rule counts for nothing: it opens nothing.
    pub fn of(entries: &[Entry<Event>]) -> Approvals {
        let mut approvals = Approvals::default();
        for entry in entries {
            approvals.apply(entry);
        }
        approvals
    }

    fn apply(&mut self, entry: &Entry<Event>) {
        let Entry { number, at, who, what } = entry;
        self.last_at = self.last_at.max(*at);
        let said = |text: Option<&str>| Some(Said { by: who.clone(), at: *at, text: text.map(str::to_owned) });
        let named = match what {
            Event::Asked { asked, moment, accounts } => {
                if asked.check().is_ok() {
                    self.requests.insert(*number, Request::new(*number, who, *at, asked, moment, accounts));
                }
                return;
            }
            Event::InForce { settings } => {
                self.in_force = Some(settings.clone());
                return;
            }
            Event::Approved { request, .. }
            | Event::Refused { request, .. }
            | Event::Closed { request }
            | Event::Read { request, .. }
            | Event::Reviewed { request, .. } => request,
        };
        let Some(request) = self.requests.get_mut(named) else { return };
        let undecided = request.opened.is_none() && request.refused.is_none() && request.closed.is_none();
        let another = *who != request.by;
        match what {
            Event::Approved { lasts, moment, .. } if undecided && another => {
                request.approved = said(None);
                let lasts = (*lasts).min(request.asked.lasts).min(LONGEST);
                request.opened = Some(Opening { at: *at, moment: moment.clone(), lasts });
            }
            Event::Refused { reason, .. } if undecided && another => request.refused = said(Some(reason)),
            Event::Closed { .. } if request.closed.is_none() => request.closed = said(None),
            Event::Read { count, .. } => {
                request.looks += 1;
                request.records = request.records.saturating_add(*count);
            }
            Event::Reviewed { text, .. } if request.review_due().is_some() && another => {
                request.review = said(Some(text));
            }
            _ => {}
        }
    }

    /// The settings that were last in force, of those that two persons loosen; none before the first start.
    pub fn in_force(&self) -> Option<&Settings> {
        self.in_force.as_ref()
    }

    /// The request by which somebody may loosen a setting so, if it is open.
    pub fn loosens(&self, wanted: &Loosening, now: &Now) -> Option<&Request> {
        let says = |request: &Request, name: &str, value: &str| {
            request.asked.fields.get(name).is_some_and(|said| said == value)
        };
        self.requests().rev().find(|request| {
            request.asked.kind == Kind::Setting
                && says(request, SETTING, &wanted.setting)
                && says(request, VALUE, &wanted.value)
                && matches!(request.standing(now), Standing::Open { .. })
        })
    }

    /// Every request, oldest first.
    pub fn requests(&self) -> impl DoubleEndedIterator<Item = &Request> {
        self.requests.values()
    }

    /// The request of this number.
    pub fn get(&self, number: u64) -> Result<&Request, Refusal> {
        self.requests.get(&number).ok_or(Refusal::Unknown(number))
    }

    /// The newest request of this person for exactly this, of the accounts that are known, that is open, or else waiting.
    pub fn find(&self, wanted: &Asked, account: &str, people: &People, now: &Now) -> Option<&Request> {
        let accounts = wanted.accounts(people);
        let same = |request: &Request| request.asked.is_same(wanted) && request.accounts == accounts;
        let theirs = |request: &&Request| same(request) && people.same_person(&request.by, account);
        let of = |open: bool| {
            self.requests().rev().filter(theirs).find(|request| match request.standing(now) {
                Standing::Open { .. } => open,
                Standing::Waiting => !open,
                _ => false,
            })
        };
        of(true).or_else(|| of(false))
    }

    /// The glass that this person broke, under whatever account, and that nobody has reviewed.
    pub fn unreviewed(&self, account: &str, people: &People) -> Option<u64> {
        let theirs = |request: &&Request| request.review_due().is_some() && people.same_person(&request.by, account);
        self.requests().find(theirs).map(|request| request.number)
    }

    /// Now, never before the last entry.
    pub fn now(&self) -> Now {
        Now::after(self.last_at)
    }
}

impl Request {
    fn new(number: u64, by: &str, at: i64, asked: &Asked, moment: &Moment, accounts: &[Link]) -> Request {
        let glass = asked.incident.is_some().then(|| Opening { at, moment: moment.clone(), lasts: GLASS });
        Request {
            number,
            by: by.to_owned(),
            at,
            asked: asked.clone(),
            accounts: accounts.to_vec(),
            approved: None,
            refused: None,
            closed: None,
            looks: 0,
            records: 0,
            review: None,
            opened: glass,
        }
    }
}

#[cfg(test)]
#[path = "approvals/tests.rs"]
mod tests;
