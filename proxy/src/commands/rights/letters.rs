//! Letters to who asks, written when something is done: as HTML to read and PDF to send, in their language.

use super::super::Wrong;
use super::Office;
use crate::legal::document::Document;
use crate::legal::letters::answer::{Answer, Decision, Outcome};
use crate::legal::letters::{
    Correspondence, Extension, Ground, Lifting, Portability, Receipt, Refusal, Right as Asked,
};
use crate::legal::parties::{Organisation, Person};
use crate::legal::{html, pdf};
use crate::pages::Language;
use jiff::Timestamp;
use jiff::civil::Date;
use logstore::deadline;
use logstore::ledger::Entry;
use logstore::requests::{End, Identity, Request, Right, Unfollowed};
use logstore::statements::{Says, Statement, Statements};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Which letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Letter {
    /// It was received, and is answered by such a day.
    Receipt,
    /// It takes two months more, and why.
    Extension,
    /// It is not followed, why, and where to complain.
    Refusal,
    /// What was done, or why it was not. Of access the bundle says so.
    Answer,
    /// A restriction will be lifted.
    Lifting {
        /// Since when it is there.
        since: Date,
        /// When it will be.
        on: Date,
        /// Why.
        reasons: String,
    },
}

impl Letter {
    fn word(&self) -> &'static str {
        match self {
            Letter::Receipt => "receipt",
            Letter::Extension => "extension",
            Letter::Refusal => "refusal",
            Letter::Answer => "answer",
            Letter::Lifting { .. } => "lifting",
        }
    }
}

/// Writes a letter about a request into a folder, twice. The path of the PDF; none when the bundle is the answer.
pub(super) fn write(
    office: &Office,
    letter: &Letter,
    request: &Request,
    folder: &Path,
) -> Result<Option<PathBuf>, Wrong> {
    let language = if request.opening.language == "fr" { Language::French } else { Language::English };
    let Some(document) = document(office, letter, request, language)? else { return Ok(None) };
    let wrong = |path: &Path, why: std::io::Error| Wrong(format!("{}: {why}", path.display()));
    crate::files::private_dir(folder).map_err(|why| wrong(folder, why))?;
    let path = |ending| folder.join(format!("{}-{}.{ending}", request.reference, letter.word()));
    let portable = pdf::render(&document).map_err(Wrong::because)?;
    for (path, bytes) in [(path("html"), html::render(&document).as_bytes()), (path("pdf"), &portable[..])] {
        crate::files::replace(&path, |file| file.write_all(bytes)).map_err(|why| wrong(&path, why))?;
    }
    Ok(Some(path("pdf")))
}

fn document(
    office: &Office,
    letter: &Letter,
    request: &Request,
    language: Language,
) -> Result<Option<Document>, Wrong> {
    let (to, right) = (correspondence(office, request), right(request.opening.right));
    Ok(Some(match letter {
        Letter::Receipt => {
            let identity_doubted = matches!(request.identity, None | Some((Identity::Papers, _)));
            Receipt { to, right, due: request.due, identity_doubted }.letter(language)
        }
        Letter::Extension => {
            let reasons = request.extended.clone().unwrap_or_default();
            let due = deadline::due(request.opening.received);
            Extension { to, right, due, extended: request.due, reasons }.letter(language)
        }
        Letter::Refusal => {
            let (ground, reasons) = match &request.end {
                Some(End::Refused { ground: Unfollowed::Excessive, why, .. }) => (Ground::Excessive, why.clone()),
                Some(End::Refused { why, .. }) => (Ground::Unfounded, why.clone()),
                _ => (Ground::Unfounded, String::new()),
            };
            Refusal { to, right, ground, reasons }.letter(language)
        }
        Letter::Lifting { since, on, reasons } => {
            Lifting { to, since: *since, on: *on, reasons: reasons.clone() }.letter(language)
        }
        Letter::Answer => match request.opening.right {
            Right::Access => return Ok(None),
            Right::Portability => Portability { to }.letter(language),
            _ => {
                let (decision, outcome) = outcome(&office.statements()?, request, &office.config.time_zone);
                Answer { to, decision, outcome }.letter(language)
            }
        },
    }))
}

fn correspondence(office: &Office, request: &Request) -> Correspondence {
    let organisation = &office.config.organisation;
    Correspondence {
        organisation: Organisation {
            name: organisation.name.clone(),
            contact: organisation.contact.clone(),
            dpo: organisation.dpo.clone(),
            ..Organisation::default()
        },
        person: Person {
            name: request.opening.who.clone(),
            account: request.opening.user.clone().unwrap_or_default(),
            ..Person::default()
        },
        reference: request.reference.clone(),
        received: request.opening.received,
        issued: Timestamp::now().to_zoned_datetime(office.config.time_zone.clone()),
    }
}

fn right(right: Right) -> Asked {
    match right {
        Right::Access => Asked::Access,
        Right::Rectification => Asked::Rectification,
        Right::Erasure => Asked::Erasure,
        Right::Restriction => Asked::Restriction,
        Right::Portability => Asked::Portability,
        Right::Objection => Asked::Objection,
    }
}

/// The statements that answer a request: those of its kind that bear its reference.
pub(super) fn answering<'s>(statements: &'s Statements, request: &Request) -> Vec<&'s Entry<Statement>> {
    let answers = |says: &Says| match request.opening.right {
        Right::Rectification => matches!(says, Says::Rectification { .. }),
        Right::Erasure => matches!(says, Says::Erasure { .. }),
        Right::Restriction => matches!(says, Says::Restriction { .. }),
        Right::Objection => matches!(says, Says::Objection { .. }),
        Right::Access | Right::Portability => false,
    };
    let all = statements.all().iter();
    all.filter(|entry| entry.what.reference == request.reference && answers(&entry.what.says)).collect()
}

/// What was asked for, and what the statements say became of it.
fn outcome(statements: &Statements, request: &Request, zone: &jiff::tz::TimeZone) -> (Decision, Outcome) {
    let of = answering(statements, request);
    let texts: Vec<&str> = of.iter().map(|entry| entry.what.text.as_str()).collect();
    let decision = match request.opening.right {
        Right::Erasure => Decision::Erasure,
        Right::Restriction => Decision::Restriction,
        Right::Objection => Decision::Objection,
        _ => Decision::Rectification { statement: texts.join(" ") },
    };
    if let Some(End::Answered { not_done: Some(reasons), .. }) = &request.end {
        return (decision, Outcome::Refused { reasons: reasons.clone() });
    }
    let after = || of.iter().flat_map(|entry| statements.after(entry.number));
    if request.opening.right == Right::Objection
        && let Some(decided) = after().find(|after| matches!(after.what.says, Says::Decided { upheld: false, .. }))
    {
        return (decision, Outcome::Refused { reasons: decided.what.text.clone() });
    }
    let told = after().filter_map(|after| match &after.what.says {
        Says::Told { recipient, .. } => Some(recipient.clone()),
        _ => None,
    });
    let since = of.first().map_or(request.opening.received, |entry| {
        Timestamp::from_microsecond(entry.at).unwrap_or_default().to_zoned_datetime(zone.clone()).date()
    });
    let records = of.iter().map(|entry| match entry.what.says {
        Says::Erasure { .. } => statements.erased(entry.number).values().sum(),
        _ => entry.what.records,
    });
    (decision, Outcome::Granted { since, records: records.sum(), told: told.collect() })
}
