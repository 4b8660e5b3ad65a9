//! Statements beside records: what is said of them since, and never written into them. Rectified (RGPD art. 16), erased
//! (17), restricted (18), told to who had them (19), objected to (21).
//!
//! A ledger. Records are only ever added to the register, so that what is wrong stays, and what is right stands beside it:
//! whoever shows a record asks here for what concerns it, and whether it may be shown at all.

mod concerns;
mod linked;

pub use concerns::{Concerns, Marks, Place, Span};

use crate::day::Day;
use crate::keys::Keys;
use crate::ledger::{self, Entry, Ledger, LedgerError, OpenLedger};
use crate::people::{self, Attribution, Link, Mark, People};
use crate::record::{Record, words};
use concerns::folded;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::path::Path;

/// Why records are restricted (art. 18(1)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestrictionGround {
    /// The person says that they are wrong, which is looked into (a).
    Accuracy,
    /// They should not have been recorded, and the person wants them kept all the same (b).
    Unlawful,
    /// The person needs them for a claim (c).
    Claim,
    /// The person objected, which is looked into (d).
    Objection,
}
words!(RestrictionGround, "ground of a restriction": Accuracy = "accuracy", Unlawful = "unlawful", Claim = "claim",
    Objection = "objection");

/// Why records are erased (art. 17(1)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErasureGround {
    /// They are not needed any more for what they were kept for (a).
    NotNeeded,
    /// The person objected, and nothing stands against it (c).
    Objection,
    /// They should not have been recorded (d).
    Unlawful,
    /// The law asks for it (e).
    Law,
}
words!(ErasureGround, "ground of an erasure": NotNeeded = "not-needed", Objection = "objection", Unlawful = "unlawful",
    Law = "law");

/// What a statement says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Says {
    /// The records are wrong, and what is right.
    Rectification {
        /// Which records.
        concerns: Concerns,
        /// Who had them and must be told.
        recipients: Vec<String>,
    },
    /// The records may not be shown.
    Restriction {
        /// Which records.
        concerns: Concerns,
        /// Why.
        ground: RestrictionGround,
        /// Who had them and must be told.
        recipients: Vec<String>,
    },
    /// A restriction is over, of which the person was told before (art. 18(3)).
    Lifted {
        /// The restriction's number.
        of: u64,
        /// When the person was told.
        told: Date,
    },
    /// The person wants no more of it: their records are restricted until that is decided.
    Objection {
        /// Which records; of a person, those to come as well.
        concerns: Concerns,
    },
    /// What was decided on an objection.
    Decided {
        /// The objection's number.
        of: u64,
        /// The person is right: they are masked from then on, and what there is stays restricted. Otherwise compelling
        /// grounds stand against it, and the restriction is over.
        upheld: bool,
        /// When the person was told.
        told: Date,
    },
    /// The records are to be erased, as two persons have decided. They are restricted until it is done.
    Erasure {
        /// Which records.
        concerns: Concerns,
        /// Why.
        ground: ErasureGround,
        /// The number of the approval.
        approval: Option<u64>,
        /// Who had them and must be told.
        recipients: Vec<String>,
    },
    /// The records of a day were erased.
    Erased {
        /// The erasure's number.
        of: u64,
        /// The day.
        day: String,
        /// How many records went; their leaves stay in the day's tree.
        count: u64,
        /// What these were known by, when the erasure names records and nothing else of them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        marks: Option<Marks>,
    },
    /// All that was to be erased is.
    Done {
        /// The erasure's number.
        of: u64,
    },
    /// Somebody who had the records was told (art. 19).
    Told {
        /// The number of the statement.
        of: u64,
        /// Who.
        recipient: String,
        /// When.
        on: Date,
    },
}

impl Says {
    /// `rectification`, `restriction`, `lifted`, `objection`, `decided`, `erasure`, `erased`, `done`, `told`.
    pub fn kind(&self) -> &'static str {
        match self {
            Says::Rectification { .. } => "rectification",
            Says::Restriction { .. } => "restriction",
            Says::Lifted { .. } => "lifted",
            Says::Objection { .. } => "objection",
            Says::Decided { .. } => "decided",
            Says::Erasure { .. } => "erasure",
            Says::Erased { .. } => "erased",
            Says::Done { .. } => "done",
            Says::Told { .. } => "told",
        }
    }

    /// The records it concerns; none when it follows another statement.
    pub fn concerns(&self) -> Option<&Concerns> {
        match self {
            Says::Rectification { concerns, .. }
            | Says::Restriction { concerns, .. }
            | Says::Objection { concerns }
            | Says::Erasure { concerns, .. } => Some(concerns),
            _ => None,
        }
    }

    /// The number of the statement that it follows.
    pub fn of(&self) -> Option<u64> {
        match self {
            Says::Lifted { of, .. }
            | Says::Decided { of, .. }
            | Says::Erased { of, .. }
            | Says::Done { of }
            | Says::Told { of, .. } => Some(*of),
            _ => None,
        }
    }

    /// Who had the records and must be told.
    pub fn recipients(&self) -> &[String] {
        match self {
            Says::Rectification { recipients, .. }
            | Says::Restriction { recipients, .. }
            | Says::Erasure { recipients, .. } => recipients,
            _ => &[],
        }
    }
}

/// A statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// What it says.
    #[serde(flatten)]
    pub says: Says,
    /// In words, by whoever wrote it; may name people.
    pub text: String,
    /// The reference of the request it answers.
    pub reference: String,
    /// How many records it concerned when it was made.
    #[serde(default)]
    pub records: u64,
}

/// All statements, as the ledger tells them, and where they stand.
#[derive(Debug, Default)]
pub struct Statements {
    all: Vec<Entry<Statement>>,
    /// What follows each statement, by its number: places in `all`.
    after: HashMap<u64, Vec<usize>>,
    records: HashMap<i64, Vec<usize>>,
    users: HashMap<String, Vec<usize>>,
    clients: HashMap<IpAddr, Vec<usize>>,
    linked: linked::Linked,
}

/// Whom the gate masks from now on, because an objection of theirs was upheld.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Masked {
    /// Accounts.
    pub users: BTreeSet<String>,
    /// Addresses.
    pub clients: BTreeSet<IpAddr>,
}

impl Masked {
    fn person(&mut self, user: &str, people: &People, at: i64) {
        self.users.insert(user.to_owned());
        for Link { person, mark, .. } in people.links().iter().filter(|link| people.same_person(user, &link.person)) {
            self.users.insert(person.clone());
            match mark {
                Mark::Account(account) => {
                    self.users.insert(account.clone());
                }
                Mark::Address(address) => {
                    let is_theirs = match people.attribution(*address, at) {
                        Attribution::Nobody => false,
                        Attribution::One(one) => people.same_person(user, one),
                        Attribution::Shared(all) => all.iter().all(|one| people.same_person(user, one)),
                    };
                    if is_theirs {
                        self.clients.insert(*address);
                    }
                }
            }
        }
    }
}

impl Statements {
    /// Reads the statements of the register in `dir`. Fails rather than leave one out: it may be a restriction.
    pub fn read(dir: &Path, keys: &Keys) -> Result<Statements, LedgerError> {
        let read = Statements::of_entries(ledger::read(dir, keys, Ledger::Statements)?);
        if read.users.is_empty() {
            return Ok(read);
        }
        Ok(read.reaching(&people::read(dir, keys)?))
    }

    pub(crate) fn of_entries(all: Vec<Entry<Statement>>) -> Statements {
        let mut read = Statements { all, ..Statements::default() };
        for (place, entry) in read.all.iter().enumerate() {
            match entry.what.says.concerns() {
                Some(Concerns::Records(places)) => {
                    let ids: BTreeSet<i64> = places.iter().map(|at| at.id).collect();
                    ids.into_iter().for_each(|id| read.records.entry(id).or_default().push(place));
                }
                Some(Concerns::User(user, _)) => read.users.entry(folded(user)).or_default().push(place),
                Some(Concerns::Client(client, _)) => {
                    read.clients.entry(client.to_canonical()).or_default().push(place);
                }
                None => {}
            }
            if let Some(of) = entry.what.says.of() {
                read.after.entry(of).or_default().push(place);
            }
        }
        read
    }

    /// All of them, oldest first.
    pub fn all(&self) -> &[Entry<Statement>] {
        &self.all
    }

    /// The one of this number.
    pub fn get(&self, number: u64) -> Option<&Entry<Statement>> {
        self.all.iter().find(|entry| entry.number == number)
    }

    /// What follows the statement of this number, oldest first.
    pub fn after(&self, number: u64) -> impl Iterator<Item = &Entry<Statement>> {
        self.after.get(&number).into_iter().flatten().filter_map(|place| self.all.get(*place))
    }

    fn concerning(&self, record: &Record) -> impl Iterator<Item = &Entry<Statement>> {
        let user =
            record.user.as_deref().filter(|_| !self.users.is_empty()).and_then(|name| self.users.get(&folded(name)));
        let lists = [self.records.get(&record.id), user, self.clients.get(&record.client_ip.to_canonical())];
        let places = lists.into_iter().flatten().flatten().filter_map(|place| self.all.get(*place));
        let named = places.filter(|entry| entry.what.says.concerns().is_some_and(|concerns| concerns.covers(record)));
        named.chain(self.linked(record).filter_map(|place| self.all.get(*place)))
    }

    /// What concerns a record, oldest first: what was said of it and what was decided on that, without whom it was told.
    pub fn of(&self, record: &Record) -> Vec<&Entry<Statement>> {
        let mut of: Vec<&Entry<Statement>> = Vec::new();
        for entry in self.concerning(record) {
            of.push(entry);
            of.extend(self.after(entry.number).filter(|after| !matches!(after.what.says, Says::Told { .. })));
        }
        of.sort_by_key(|entry| entry.number);
        of
    }

    /// Whether a record may not be shown: the number of the restriction, objection or erasure that stands against it. An
    /// erasure that is done does, too: what it erased may have been brought again.
    pub fn restricts(&self, record: &Record) -> Option<u64> {
        let hides = |entry: &&Entry<Statement>| self.is_restricting(entry) || self.has_erased(entry, record);
        self.concerning(record).find(hides).map(|entry| entry.number)
    }

    /// The number of the erasure that has erased such a record, if one has.
    pub(crate) fn erases(&self, record: &Record) -> Option<u64> {
        self.concerning(record).find(|entry| self.has_erased(entry, record)).map(|entry| entry.number)
    }

    /// Whether an erasure has erased what there was like this record, which it concerns.
    fn has_erased(&self, entry: &Entry<Statement>, record: &Record) -> bool {
        let Says::Erasure { concerns, .. } = &entry.what.says else { return false };
        let ends = match concerns {
            Concerns::Records(_) => i64::MAX,
            // What came after it was decided is none of it.
            Concerns::User(_, span) | Concerns::Client(_, span) => span.to.unwrap_or(entry.at),
        };
        let is_done = |says: &Says| match says {
            Says::Done { .. } => true,
            Says::Erased { day, .. } => *day == Day::of(record.opened_at).to_string(),
            _ => false,
        };
        record.opened_at < ends && self.after(entry.number).any(|after| is_done(&after.what.says))
    }

    /// What records of a day are known by that were erased one by one.
    pub(crate) fn marks(&self, day: Day) -> impl Iterator<Item = &Marks> {
        let day = day.to_string();
        self.all.iter().filter_map(move |entry| match &entry.what.says {
            Says::Erased { day: of, marks, .. } if *of == day => marks.as_ref(),
            _ => None,
        })
    }

    /// Whether a statement keeps the records it concerns from being shown.
    pub fn is_restricting(&self, entry: &Entry<Statement>) -> bool {
        let followed = |ends: &dyn Fn(&Says) -> bool| self.after(entry.number).any(|after| ends(&after.what.says));
        match entry.what.says {
            Says::Restriction { .. } => !followed(&|says| matches!(says, Says::Lifted { .. })),
            Says::Objection { .. } => !followed(&|says| matches!(says, Says::Decided { upheld: false, .. })),
            Says::Erasure { .. } => !followed(&|says| matches!(says, Says::Done { .. })),
            _ => false,
        }
    }

    /// What was decided on an objection: upheld or not; `None` while it waits.
    pub fn decision(&self, number: u64) -> Option<bool> {
        self.after(number).find_map(|after| match after.what.says {
            Says::Decided { upheld, .. } => Some(upheld),
            _ => None,
        })
    }

    /// Whom the gate masks as `person`, because an objection of theirs was upheld: every account that is or was theirs, and
    /// at that instant (UTC µs) the addresses that are theirs alone.
    pub fn masked(&self, people: &People, at: i64) -> Masked {
        let mut masked = Masked::default();
        for entry in self.all.iter().filter(|entry| self.decision(entry.number) == Some(true)) {
            match &entry.what.says {
                Says::Objection { concerns: Concerns::User(user, _) } => masked.person(user, people, at),
                Says::Objection { concerns: Concerns::Client(client, _) } => {
                    masked.clients.insert(*client);
                }
                _ => {}
            }
        }
        masked
    }

    /// Erasures that are not done: what is left of them waits for its days to be sealed.
    pub fn pending(&self) -> Vec<&Entry<Statement>> {
        self.all
            .iter()
            .filter(|entry| matches!(entry.what.says, Says::Erasure { .. }) && self.is_restricting(entry))
            .collect()
    }

    /// The days on which an erasure was done, with how many records went on each.
    pub fn erased(&self, number: u64) -> BTreeMap<&str, u64> {
        let days = self.after(number).filter_map(|after| match &after.what.says {
            Says::Erased { day, count, .. } => Some((day.as_str(), *count)),
            _ => None,
        });
        days.collect()
    }

    /// Who had the records of a statement and was not told of it yet (art. 19).
    pub fn untold<'s>(&'s self, entry: &'s Entry<Statement>) -> Vec<&'s str> {
        let told: HashSet<&str> = self
            .after(entry.number)
            .filter_map(|after| match &after.what.says {
                Says::Told { recipient, .. } => Some(recipient.as_str()),
                _ => None,
            })
            .collect();
        entry.what.says.recipients().iter().map(String::as_str).filter(|name| !told.contains(name)).collect()
    }
}

/// A statement that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Unsaid {
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// There is no such statement, or none that this can follow.
    #[error("statement {0} is no {1}")]
    Not(u64, &'static str),
    /// What it follows is over.
    #[error("{1} {0} is over already")]
    Over(u64, &'static str),
    /// Nobody of that name has to be told.
    #[error("statement {of} names no recipient `{recipient}` that is still to be told; it waits for: {waiting}")]
    NoRecipient {
        /// The statement.
        of: u64,
        /// Who was named.
        recipient: String,
        /// Who has to be.
        waiting: String,
    },
}

/// Writes a statement. Its number. What it follows must be there and not be over.
pub fn add(dir: &Path, keys: &Keys, who: &str, statement: &Statement) -> Result<u64, Unsaid> {
    let mut ledger = OpenLedger::open(dir, keys, Ledger::Statements)?;
    let before = Statements::of_entries(ledger.read()?);
    let followed = |of: u64, word, is: &dyn Fn(&Says) -> bool| {
        before.get(of).filter(|entry| is(&entry.what.says)).ok_or(Unsaid::Not(of, word))
    };
    match &statement.says {
        Says::Lifted { of, .. } => {
            let restriction = followed(*of, "restriction", &|says| matches!(says, Says::Restriction { .. }))?;
            if !before.is_restricting(restriction) {
                return Err(Unsaid::Over(*of, "restriction"));
            }
        }
        Says::Decided { of, .. } => {
            followed(*of, "objection", &|says| matches!(says, Says::Objection { .. }))?;
            if before.decision(*of).is_some() {
                return Err(Unsaid::Over(*of, "objection"));
            }
        }
        Says::Erased { of, .. } | Says::Done { of } => {
            followed(*of, "erasure", &|says| matches!(says, Says::Erasure { .. }))?;
        }
        Says::Told { of, recipient, .. } => {
            let entry = before.get(*of).ok_or(Unsaid::Not(*of, "statement"))?;
            let untold = before.untold(entry);
            if !untold.contains(&recipient.as_str()) {
                let waiting = if untold.is_empty() { "nobody".to_owned() } else { untold.join(", ") };
                return Err(Unsaid::NoRecipient { of: *of, recipient: recipient.clone(), waiting });
            }
        }
        Says::Rectification { .. } | Says::Restriction { .. } | Says::Objection { .. } | Says::Erasure { .. } => {}
    }
    Ok(ledger.add(who, statement)?)
}

#[cfg(test)]
#[path = "statements/tests.rs"]
mod tests;
