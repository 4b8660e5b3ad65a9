//! On which terms the charter let a person through: warnings they acknowledged, told by their records, and exceptions granted to
//! them, told by the ledger. Budgets are counted under tags that nobody can read: there is nothing to tell of them.

use super::beside::utc;
use super::person::Whose;
use crate::pages::Language;
use crate::record::ACKNOWLEDGE;
use jiff::civil::Date;
use logstore::exceptions::{Exception, Whom};
use logstore::{Action, Record};
use serde_json::{Value, json};

/// A warning that was acknowledged.
pub(super) struct Acknowledged {
    /// When (UTC µs).
    pub(super) at: i64,
    record: i64,
    rule: Option<String>,
    article: Option<String>,
    category: Option<String>,
}

impl Acknowledged {
    /// What a record says of one; `None`: it is of something else.
    pub(super) fn of(record: &Record) -> Option<Acknowledged> {
        let is = &*record.method == ACKNOWLEDGE && record.action == Action::Warn;
        is.then(|| Acknowledged {
            at: record.opened_at,
            record: record.id,
            rule: record.rule.as_deref().map(str::to_owned),
            article: record.article.as_deref().map(str::to_owned),
            category: record.category.as_deref().map(str::to_owned),
        })
    }

    /// In words of the documents.
    pub(super) fn in_words(&self, language: Language) -> String {
        let article = self.article.as_ref().map(|article| format!(", article {article}")).unwrap_or_default();
        let what = self.category.as_deref().or(self.rule.as_deref()).unwrap_or_default();
        match language {
            Language::French => format!("Avertissement lu : {what}{article}"),
            Language::English => format!("Warning read: {what}{article}"),
        }
    }
}

/// The exceptions granted to a person by name.
pub(super) fn granted(all: Vec<Exception>, whose: &Whose) -> Vec<Exception> {
    let theirs = |one: &Exception| matches!(&one.grant.whom, Whom::User(user) if whose.is_called(user));
    all.into_iter().filter(theirs).collect()
}

/// An exception as the documents tell it: first and last day, and what on. Its reason, which may name others, is told when
/// somebody has read it.
pub(super) fn told(one: &Exception, reviewed: bool, day: impl Fn(i64) -> Date) -> (Date, Date, String) {
    let reason = if reviewed { format!(" – {}", one.grant.reason) } else { String::new() };
    (day(one.from), day(one.end()), format!("{}{reason}", one.grant.name))
}

/// `other.json`, with these.
pub(super) fn beside(mut other: Value, granted: &[Exception], read: &[Acknowledged], reviewed: bool) -> Value {
    if let Some(entries) = other.pointer_mut("/acknowledgements/entries").and_then(Value::as_array_mut) {
        entries.extend(read.iter().map(|warning| {
            let Acknowledged { at, record, rule, article, category } = warning;
            json!({ "at": utc(*at), "record": record, "rule": rule, "article": article, "category": category })
        }));
    }
    if let Some(entries) = other.pointer_mut("/exceptions/entries").and_then(Value::as_array_mut) {
        entries.extend(granted.iter().map(|one| {
            json!({
                "number": one.number,
                "from": utc(one.from),
                "until": utc(one.end()),
                "on": one.grant.kind,
                "name": one.grant.name,
                "reason": reviewed.then_some(&one.grant.reason),
                "withheld": (!reviewed).then_some("other persons"),
            })
        }));
    }
    other
}
