//! The register of rights requests (RGPD art. 12 and 15 to 22): who asked for what and when, until when it must be
//! answered, what came of it.
//!
//! A ledger, kept five years after a request ended; then its entries are erased. What a request is now is told by its
//! entries in order; nothing is ever changed.

mod bundled;
mod desk;
mod extract;

use crate::deadline::{self, Standing};
use crate::keys::Keys;
use crate::ledger::{self, Entry, Ledger, LedgerError};
use crate::record::words;
use jiff::ToSpan;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

pub use bundled::Bundled;
pub use desk::{Desk, Refusal};
pub use extract::{Extract, ExtractError, extracted};

/// A request is forgotten so many years after it ended.
const KEPT_YEARS: i32 = 5;
/// The gate's own copy of what was answered is deleted so many days after the answer.
const COPY_DAYS: i64 = 30;
/// Longest reference, in bytes.
const REFERENCE_BYTES: usize = 64;

/// Which right is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Right {
    /// A copy of one's data (art. 15).
    Access,
    /// What is wrong put right (art. 16).
    Rectification,
    /// What must go erased (art. 17).
    Erasure,
    /// What is in dispute set aside (art. 18).
    Restriction,
    /// One's data to take along (art. 20): does not apply here, which is answered.
    Portability,
    /// No further processing, on grounds of one's own situation (art. 21).
    Objection,
}
words!(Right, "right": Access = "access", Rectification = "rectification", Erasure = "erasure",
    Restriction = "restriction", Portability = "portability", Objection = "objection");

impl Right {
    /// Its article of the RGPD.
    pub fn article(self) -> u8 {
        match self {
            Right::Access => 15,
            Right::Rectification => 16,
            Right::Erasure => 17,
            Right::Restriction => 18,
            Right::Portability => 20,
            Right::Objection => 21,
        }
    }
}

/// How an answer was handed over. There is no word for a plain message: none may carry what the register says of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// From hand to hand.
    InHand,
    /// Encrypted, the password by another way.
    Encrypted,
}
words!(Delivery, "delivery": InHand = "in-hand", Encrypted = "encrypted");

/// Why a request is not followed (art. 12(5)): the controller has to prove it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unfollowed {
    /// Manifestly unfounded.
    Unfounded,
    /// Excessive, by its repetition above all.
    Excessive,
}
words!(Unfollowed, "ground of a refusal": Unfounded = "unfounded", Excessive = "excessive");

/// How it was made sure that whoever asks is who they say (art. 12(6)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Identity {
    /// By their own session on the company's network.
    Session,
    /// By their mailbox of the company's.
    Mailbox,
    /// Known to who received them.
    Known,
    /// By a mandate that was shown.
    Mandate,
    /// By papers, on reasonable doubt; deleted as soon as checked.
    Papers,
}
words!(Identity, "identity check": Session = "session", Mailbox = "mailbox", Known = "known", Mandate = "mandate",
    Papers = "papers");

/// What is known of a request when it is received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// The day it was received, by whomever in the company.
    pub received: Date,
    /// How it came: a counter, a mailbox, a letter.
    pub channel: String,
    /// Who asks, as letters address them.
    pub who: String,
    /// Their account, when they have or had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Which right.
    pub right: Right,
    /// The language of the letters: `fr` or `en`.
    pub language: String,
}

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "lowercase")]
pub enum Step {
    /// It was received.
    Opened(Opening),
    /// Who asks was checked.
    Identified {
        /// How.
        how: Identity,
        /// When the papers were deleted, if there were any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        papers_deleted: Option<Date>,
    },
    /// It takes longer, which was told.
    Extended {
        /// Why.
        reason: String,
    },
    /// What would be gone before it is answered was taken out.
    Extracted {
        /// The UTC days.
        days: Vec<String>,
        /// How many records.
        records: u64,
        /// SHA-256 of what is hidden.
        sha256: String,
    },
    /// What answers it was made.
    Bundled(Bundled),
    /// It was answered.
    Closed {
        /// When.
        answered: Date,
        /// How.
        delivery: Delivery,
        /// Why what was asked for was not done, when it was not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        not_done: Option<String>,
    },
    /// It was answered with a refusal.
    Refused {
        /// When.
        answered: Date,
        /// On which ground.
        ground: Unfollowed,
        /// The reasons, as the letter gives them.
        why: String,
    },
}

/// An entry of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Line {
    reference: String,
    step: Step,
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "ended")]
pub enum End {
    /// It was answered.
    Answered {
        /// When.
        on: Date,
        /// How.
        delivery: Delivery,
        /// Why what was asked for was not done, when it was not.
        not_done: Option<String>,
    },
    /// It was refused.
    Refused {
        /// When.
        on: Date,
        /// On which ground.
        ground: Unfollowed,
        /// Why.
        why: String,
    },
}

impl End {
    /// The day it was answered, one way or the other.
    pub fn on(&self) -> Date {
        match self {
            End::Answered { on, .. } | End::Refused { on, .. } => *on,
        }
    }
}

/// A request as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Request {
    /// By what it is named everywhere.
    pub reference: String,
    /// When it was written down (UTC µs).
    #[serde(serialize_with = "crate::clock::serialize")]
    pub opened_at: i64,
    /// What was received.
    #[serde(flatten)]
    pub opening: Opening,
    /// How who asks was checked, and when the papers were deleted.
    pub identity: Option<(Identity, Option<Date>)>,
    /// The day by which it must be answered.
    pub due: Date,
    /// Why it takes longer, when it was extended.
    pub extended: Option<String>,
    /// SHA-256 of what answers it.
    pub bundle: Option<String>,
    /// The same, with whose it is, which day it bears, and where it was put.
    #[serde(skip)]
    pub made: Option<Bundled>,
    /// What would have been gone before it is answered, taken out of the register.
    pub extracts: Vec<Extract>,
    /// How it ended.
    pub end: Option<End>,
    /// Its entries in the ledger.
    #[serde(skip)]
    entries: Vec<u64>,
}

impl Request {
    fn take(&mut self, number: u64, step: Step) {
        match step {
            Step::Opened(_) => {}
            Step::Identified { how, papers_deleted } => self.identity = Some((how, papers_deleted)),
            Step::Extended { reason } => {
                self.due = deadline::extended(self.opening.received);
                self.extended = Some(reason);
            }
            Step::Extracted { days, records, sha256 } => {
                self.extracts.push(Extract { entry: number, days, records, sha256 });
            }
            Step::Bundled(made) => {
                self.bundle = Some(made.sha256.clone());
                self.made = Some(match self.made.take() {
                    None => made,
                    Some(before) => made.after(before),
                });
            }
            Step::Closed { answered, delivery, not_done } => {
                self.end = Some(End::Answered { on: answered, delivery, not_done });
            }
            Step::Refused { answered, ground, why } => self.end = Some(End::Refused { on: answered, ground, why }),
        }
    }

    /// How it stands; `None` when it has ended.
    pub fn standing(&self, today: Date) -> Option<Standing> {
        self.end.is_none().then(|| Standing::of(today, self.due))
    }

    /// The last day on which the gate's own copy of the answer may be there; `None` while it is not answered.
    pub fn copy_until(&self) -> Option<Date> {
        self.end.as_ref().map(|end| end.on().saturating_add(COPY_DAYS.days()))
    }

    /// The entries of what was taken out for it and may not be there any more: thirty days after the answer.
    fn forgettable_extracts(&self, today: Date) -> impl Iterator<Item = u64> {
        let is_over = self.copy_until().is_some_and(|until| until < today);
        self.extracts.iter().filter(move |_| is_over).map(|extract| extract.entry)
    }

    /// Whether nothing of it may be there any more.
    fn is_forgettable(&self, today: Date) -> bool {
        self.end.as_ref().is_some_and(|end| end.on().saturating_add(KEPT_YEARS.years()) < today)
    }
}

/// All requests, as the ledger tells them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requests {
    all: Vec<Request>,
}

impl Requests {
    /// Reads the register of requests of the register in `dir`.
    pub fn read(dir: &Path, keys: &Keys) -> Result<Requests, LedgerError> {
        Ok(Requests::of(ledger::read(dir, keys, Ledger::Requests)?))
    }

    fn of(entries: Vec<Entry<Line>>) -> Requests {
        let (mut all, mut places): (Vec<Request>, BTreeMap<String, usize>) = (Vec::new(), BTreeMap::new());
        for Entry { number, at, what: Line { reference, step }, .. } in entries {
            match (places.get(&reference), step) {
                (Some(place), step) => {
                    all[*place].entries.push(number);
                    all[*place].take(number, step);
                }
                (None, Step::Opened(opening)) => {
                    places.insert(reference.clone(), all.len());
                    let due = deadline::due(opening.received);
                    let (identity, extended, bundle, end) = (None, None, None, None);
                    let (entries, extracts) = (vec![number], Vec::new());
                    all.push(Request {
                        reference,
                        opened_at: at,
                        opening,
                        identity,
                        due,
                        extended,
                        bundle,
                        made: None,
                        extracts,
                        end,
                        entries,
                    });
                }
                // Of a request whose opening was erased nothing is left but by a mistake.
                (None, _) => {}
            }
        }
        Requests { all }
    }

    /// All of them, in the order they were opened.
    pub fn all(&self) -> &[Request] {
        &self.all
    }

    /// The one of this reference.
    pub fn get(&self, reference: &str) -> Option<&Request> {
        self.all.iter().find(|request| request.reference == reference)
    }

    /// Those that wait for their answer and of which a reminder is due, with the days left; the most pressing first.
    pub fn pressing(&self, today: Date) -> Vec<(&Request, Standing)> {
        let standing = |request| Request::standing(request, today).map(|standing| (request, standing));
        let due = |(_, standing): &(&Request, Standing)| *standing != Standing::Open;
        let mut pressing: Vec<(&Request, Standing)> = self.all.iter().filter_map(standing).filter(due).collect();
        pressing.sort_by_key(|(request, _)| request.due);
        pressing
    }

    /// Whether something of them must go: one ended more than five years ago, or what was taken out for it is past its term.
    pub fn has_forgettable(&self, today: Date) -> bool {
        self.all
            .iter()
            .any(|request| request.is_forgettable(today) || request.forgettable_extracts(today).next().is_some())
    }

    /// `DD-2026-0001`: the reference of the next request of that year.
    fn next_reference(&self, year: i16) -> String {
        let before = format!("DD-{year:04}-");
        let numbers =
            self.all.iter().filter_map(|request| request.reference.strip_prefix(&before)?.parse::<u32>().ok());
        format!("{before}{:04}", numbers.max().unwrap_or(0).saturating_add(1))
    }
}

/// Whether it can be a reference: it stands in file names as it is.
pub fn is_reference(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    first && text.len() <= REFERENCE_BYTES && text.bytes().all(good)
}

#[cfg(test)]
#[path = "requests/tests.rs"]
mod tests;
