//! The answer to a request for access (art. 15 GDPR): everything it is made from, a letter, and a report.
//!
//! A [`SubjectFile`] is what was found, by whoever may look; from here on nothing is looked up. What the law forbids to show
//! has no place in it: who looked (only the role), requisitions, judicial holds and looks made for them (art. 4(9)), lines of
//! an address that several people share (art. 15(4)), of which only the number is told.
mod copy;
mod glossary;
mod letter;
mod processing;
mod report;
#[cfg(test)]
mod tests;

pub(super) use processing::who_has_it;

use super::document::Document;
use super::parties::{Organisation, Person};
use crate::pages::Language;
use jiff::ZonedDateTime;
use jiff::civil::Date;
use policy::verdict::Text;

/// The letter: what was asked, what was found in a few figures, what comes with it, and what can be done next.
pub(crate) fn letter(file: &SubjectFile, language: Language) -> Document {
    letter::letter(file, language)
}

/// The report: every item of art. 15 under its own heading, in the order of the article, a summary before them.
pub(crate) fn report(file: &SubjectFile, language: Language) -> Document {
    report::report(file, language)
}

/// The newest records that a report shows; all of them are in the files beside it.
pub(crate) const SHOWN: usize = 500;

/// What one person's answer is made from.
#[derive(Debug, Clone)]
pub(crate) struct SubjectFile {
    /// The controller.
    pub(crate) organisation: Organisation,
    /// The person who asked.
    pub(crate) person: Person,
    /// The number of the request.
    pub(crate) reference: String,
    /// When the request was received.
    pub(crate) received: Date,
    /// When the answer was made; its time zone is that of every local time in the documents.
    pub(crate) answered: ZonedDateTime,
    /// What was searched for, and where.
    pub(crate) searched: Searched,
    /// What is processed, why, and by whom.
    pub(crate) processing: Processing,
    /// How many.
    pub(crate) counts: Counts,
    /// The newest records, newest first; of more than [`SHOWN`] the rest is left out.
    pub(crate) records: Vec<Record>,
    /// What else there is about the person.
    pub(crate) beside: Beside,
    /// Each look at the person's records, but those for authorities.
    pub(crate) looks: Vec<Look>,
    /// Why records of the person are kept beyond their term, judicial holds left out.
    pub(crate) holds: Vec<Hold>,
    /// The charter in force.
    pub(crate) charter: Charter,
    /// The files that come with the answer.
    pub(crate) files: Vec<JoinedFile>,
    /// SHA-256 of the register's public key, as hexadecimal digits.
    pub(crate) key_fingerprint: String,
}

/// What was searched for, and where.
#[derive(Debug, Clone, Default)]
pub(crate) struct Searched {
    /// First day.
    pub(crate) from: Date,
    /// Last day.
    pub(crate) to: Date,
    /// Accounts under all the names they had, with the days they had them.
    pub(crate) accounts: Vec<Attributed>,
    /// Addresses that were this person's alone, with the days they were.
    pub(crate) addresses: Vec<Attributed>,
    /// Every store.
    pub(crate) stores: Vec<Store>,
}

/// A name or an address, and from when to when it was the person's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attributed {
    /// The name or the address.
    pub(crate) name: String,
    /// First day.
    pub(crate) from: Date,
    /// Last day.
    pub(crate) to: Date,
}

/// Where data of a person can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    /// Day files and the journal.
    Register,
    /// Records kept beyond their term.
    Held,
    /// Who looked at the register.
    AuditTrail,
    /// Accounts, their groups and roles.
    Accounts,
    /// Statements, requests, approvals.
    Ledgers,
    /// A register for several gates.
    #[expect(dead_code, reason = "there is no central store yet")]
    Central,
}

/// What is processed, why, and by whom.
#[derive(Debug, Clone)]
pub(crate) struct Processing {
    /// Purposes that were declared beforehand.
    pub(crate) purposes: Vec<Purpose>,
    /// How much of an address is kept.
    pub(crate) detail: Detail,
    /// Names of the fields in force, as they are in the files.
    pub(crate) fields: Vec<String>,
    /// Categories whose visits are recorded without saying where.
    pub(crate) masked_categories: Vec<Text>,
    /// What leaves for the programs that watch the network.
    pub(crate) copies: Copies,
    /// Whether no role was given to anybody: then one person alone opens names.
    pub(crate) alone: bool,
    /// Whether visits of protected persons are too.
    pub(crate) masked_persons: bool,
    /// How long records are kept, in days.
    pub(crate) retention_days: u32,
    /// Why so long, when somebody wrote it down.
    pub(crate) retention_reason: Text,
    /// Who runs the gate for the organisation.
    pub(crate) processor: Stated<String>,
    /// Whoever hosts the register.
    pub(crate) hosting: Stated<String>,
    /// Countries outside the European Union that data go to, with the safeguards.
    pub(crate) transfers: Stated<Text>,
}

/// Copies of records that leave for a system of logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Copies {
    /// None do.
    None,
    /// Under pseudonyms.
    Pseudonyms,
    /// With accounts and addresses.
    Names,
}

/// A value that can be unknown, known to be none, or known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Stated<T> {
    /// Nobody has configured it.
    #[default]
    Unknown,
    /// There is none.
    None,
    /// It is this.
    Is(T),
}

impl<T> Stated<T> {
    /// The same, told otherwise.
    pub(crate) fn map<U>(self, told: impl FnOnce(T) -> U) -> Stated<U> {
        match self {
            Stated::Unknown => Stated::Unknown,
            Stated::None => Stated::None,
            Stated::Is(value) => Stated::Is(told(value)),
        }
    }
}

/// A declared purpose.
#[derive(Debug, Clone)]
pub(crate) struct Purpose {
    /// Its code: `security`, `charter`, or one of the organisation's.
    pub(crate) code: String,
    /// What it means; for the two known codes it may be empty.
    pub(crate) words: Text,
}

/// How much of an address is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// The name of the site.
    Host,
    /// And the path.
    Path,
    /// And what follows the question mark.
    Url,
}

/// How many records there are, and of which kind.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    /// All of them.
    pub(crate) total: u64,
    /// Those whose destination is withheld.
    pub(crate) masked: u64,
    /// Lines of addresses that several people share: counted, not shown.
    pub(crate) shared: u64,
    /// By month: year, month, number; oldest first.
    pub(crate) by_month: Vec<(i16, i8, u64)>,
    /// By category, most first.
    pub(crate) by_category: Vec<(Text, u64)>,
    /// By what was decided.
    pub(crate) by_action: Vec<(Action, u64)>,
}

/// What was decided of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Let through.
    Allowed,
    /// Turned back.
    Blocked,
    /// Let through after a warning.
    Warned,
    /// Let through on a budget.
    Budgeted,
}

/// Why a connection that was let through was not answered whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfinished {
    /// The site could not be reached, or did not answer.
    Failed,
    /// The browser left.
    Abandoned,
    /// The gate stopped.
    Interrupted,
}

/// Why a destination is withheld.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Masked {
    /// The category is protected.
    Category,
    /// The person is.
    Person,
    /// It was a guest.
    Guest,
}

/// A record as the report shows it.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    /// Its number.
    #[expect(dead_code, reason = "the table is of those a person knows by time and site")]
    pub(crate) id: u64,
    /// When it began, in local time.
    pub(crate) opened: ZonedDateTime,
    /// Where to, or why that is not known.
    pub(crate) host: Result<String, Masked>,
    /// Its category, if any.
    pub(crate) category: Option<Text>,
    /// What was decided.
    pub(crate) action: Action,
    /// What came between it and its end.
    pub(crate) unfinished: Option<Unfinished>,
    /// The address of the machine.
    pub(crate) client: String,
    /// Bytes in both directions.
    pub(crate) bytes: u64,
}

/// What else there is about the person.
#[derive(Debug, Clone, Default)]
pub(crate) struct Beside {
    /// Statements attached to records: when, and what they say.
    pub(crate) statements: Vec<(Date, String)>,
    /// Warnings that were acknowledged, the charter read: when, and what.
    pub(crate) acknowledgements: Vec<(Date, String)>,
    /// Exceptions granted: first and last day, and what for.
    pub(crate) exceptions: Vec<(Date, Date, String)>,
    /// Sessions: begin, end if it has ended, address.
    pub(crate) sessions: Vec<(ZonedDateTime, Option<ZonedDateTime>, String)>,
    /// Groups that are remembered: name, and since when.
    pub(crate) groups: Vec<(String, Date)>,
    /// Accounts: name, since when, and the roles it has.
    pub(crate) accounts: Vec<(String, Date, Vec<Role>)>,
    /// Acts of the person on the register: when, and what, in words that name nobody.
    pub(crate) acts: Vec<(ZonedDateTime, String)>,
}

/// A role. Those who answer authorities are not among them: see the head of this file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Looks after the machine.
    Operator,
    /// Writes the charter.
    Policy,
    /// Reads aggregates.
    Statistics,
    /// Looks into what a scope opens.
    Investigator,
    /// The second person.
    Approver,
    /// Answers requests such as this one.
    Rights,
    /// Checks who looked.
    Auditor,
}

/// A look at the person's records.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    /// When.
    pub(crate) at: ZonedDateTime,
    /// For which purpose.
    pub(crate) purpose: Purpose,
    /// In which role. Never who (CJEU C-579/21).
    pub(crate) role: Role,
}

/// Why records are kept beyond their term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ground {
    /// A claim, made or imminent.
    Litigation,
    /// A security incident.
    Incident,
    /// The person needs them.
    Rights,
}

/// Records kept beyond their term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hold {
    /// Why.
    pub(crate) ground: Ground,
    /// Until when, unless it is renewed.
    pub(crate) until: Date,
}

/// The charter in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Charter {
    /// Its title.
    pub(crate) title: String,
    /// Its version.
    pub(crate) version: String,
    /// Its hash, as records name it.
    pub(crate) hash: String,
}

/// A file that comes with the answer.
#[derive(Debug, Clone)]
pub(crate) struct JoinedFile {
    /// Its name.
    pub(crate) name: String,
    /// What it holds.
    pub(crate) what: Text,
}

impl SubjectFile {
    /// Whether anything was found about the person.
    pub(crate) fn found(&self) -> bool {
        let Beside { statements, acknowledgements, exceptions, sessions, groups, accounts, acts } = &self.beside;
        self.counts.total > 0
            || !self.looks.is_empty()
            || !self.holds.is_empty()
            || !statements.is_empty()
            || !acknowledgements.is_empty()
            || !exceptions.is_empty()
            || !sessions.is_empty()
            || !groups.is_empty()
            || !accounts.is_empty()
            || !acts.is_empty()
    }
}
