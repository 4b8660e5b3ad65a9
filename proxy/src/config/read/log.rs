//! `[log]`: what the register keeps, for how long, and for what.

use super::{later_texts, outward, section, texts};
use crate::config::{Anchor, Detail, Durability, Forward, Log, Purpose, SIX_MONTHS, YEAR};
use policy::Problem;
use policy::document::Table;
use std::path::Path;

/// No record is kept longer, whatever the reason.
const LONGEST_RETENTION: u16 = 1095;

/// Relative paths start from `folder`.
pub(super) fn log(table: Option<&Table<'_>>, folder: &Path) -> Log {
    let default = Log {
        detail: Detail::Host,
        retention_days: YEAR,
        retention_reason: String::new(),
        audit_days: YEAR,
        audit_reason: String::new(),
        purposes: vec![Purpose::Security, Purpose::Charter],
        durability: Durability::Process,
        keys: None,
        forward: Forward::default(),
        anchor: Anchor::default(),
    };
    let Some(table) = table else { return default };
    later_texts(Some(table), &["central"], &[]);
    let retention_reason = table.string("retention_reason").map(|text| text.value.trim()).unwrap_or_default();
    let retention_days = retention(table, retention_reason).unwrap_or(default.retention_days);
    let audit_reason = table.string("audit_reason").map(|text| text.value.trim()).unwrap_or_default();
    Log {
        detail: detail(table).unwrap_or(default.detail),
        retention_days,
        retention_reason: retention_reason.to_owned(),
        audit_days: audit(table, audit_reason, retention_days).unwrap_or(default.audit_days.max(retention_days)),
        audit_reason: audit_reason.to_owned(),
        purposes: purposes(table).unwrap_or(default.purposes),
        durability: table
            .word("durability", &[("process", Durability::Process), ("power", Durability::Power)])
            .map_or(default.durability, |word| word.value),
        keys: table.string("keys").filter(|keys| !keys.is_empty()).map(|keys| folder.join(keys.value)),
        forward: section(table, "forward", |forward| outward::forward(forward, folder)),
        anchor: section(table, "anchor", |anchor| outward::anchor(anchor, folder)),
    }
}

fn detail(table: &Table<'_>) -> Option<Detail> {
    let detail = table.word("detail", &[("host", Detail::Host), ("path", Detail::Path), ("url", Detail::Url)])?;
    let warning = match detail.value {
        Detail::Host => None,
        Detail::Path => Some(("records will keep paths, which tell what was read", "`host` is enough to filter")),
        Detail::Url => Some((
            "records will keep query strings: searches, subjects of messages, tokens",
            "the impact assessment must justify it; `host` is enough to filter",
        )),
    };
    if let Some((what, label)) = warning {
        table.note(Problem::warning(detail.span, what, label));
    }
    Some(detail.value)
}

fn retention(table: &Table<'_>, reason: &str) -> Option<u16> {
    let days = table.integer("retention_days", 1..=i64::from(LONGEST_RETENTION))?;
    let span = days.span;
    let days = u16::try_from(days.value).ok()?;
    if days > YEAR && reason.is_empty() {
        let what = format!("{days} days are more than a year, and no reason is written");
        let label = "write it as `retention_reason`, or keep records 365 days at most";
        let mut problem = Problem::error(span, what, label);
        if let Some(empty) = table.key("retention_reason") {
            problem = problem.also(empty, "this says nothing");
        }
        table.note(problem);
    } else if days > YEAR {
        let what = format!("records are kept {days} days, longer than the year that the CNIL recommends at most");
        table.note(Problem::warning(span, what, "the reason written will be shown"));
    } else if days < SIX_MONTHS {
        let what = format!("records are kept {days} days, less than the six months to a year that the CNIL recommends");
        table.note(Problem::warning(span, what, "an intrusion is often found later"));
    }
    Some(days)
}

/// How long acts are kept: never shorter than the records they are about.
fn audit(table: &Table<'_>, reason: &str, retention_days: u16) -> Option<u16> {
    let days = table.integer("audit_days", 1..=i64::from(LONGEST_RETENTION))?;
    let span = days.span;
    let days = u16::try_from(days.value).ok()?;
    if days < retention_days {
        let what = format!("acts would be kept {days} days, and the records they are about {retention_days}");
        let problem = Problem::error(span, what, format!("keep them {retention_days} days at least"));
        table.note(match table.key("retention_days") {
            Some(records) => problem.also(records, "as long as this"),
            None => problem,
        });
    } else if days > YEAR && reason.is_empty() {
        let what = format!("{days} days are more than a year, and no reason is written");
        table.note(Problem::error(span, what, "write it as `audit_reason`, or keep acts 365 days at most"));
    }
    Some(days)
}

fn purposes(table: &Table<'_>) -> Option<Vec<Purpose>> {
    let words = Purpose::ALL.map(|purpose| (purpose.code(), purpose));
    let none = |at| {
        let what = "a register without a purpose may not be kept";
        Problem::error(at, what, "declare at least one: `security`, `charter`")
    };
    let named = texts(table, "purposes", none)?;
    Some(named.iter().filter_map(|text| table.one_of("purposes", text, &words)).collect())
}
