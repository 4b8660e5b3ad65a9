//! `[identity.basic]`: what the passwords of local accounts must be.

use crate::accounts::rule::{CharterRule, Rule, Strength};
use crate::config::Basic;
use policy::document::Table;
use policy::{Problem, Target};
use std::ops::RangeInclusive;

pub(super) fn basic(table: Option<&Table<'_>>) -> Basic {
    let Some(table) = table else { return Basic::default() };
    let strength = table.integer("password_bits", 50..=80).and_then(|bits| match bits.value {
        80 => Some(Strength::Alone),
        50 => Some(Strength::Throttled),
        _ => {
            let label = "expected 80, or 50 where it is enough that guessing is slowed down";
            table.note(Problem::error(bits.span, "`password_bits` has two values", label));
            None
        }
    });
    let rule = Rule { strength: strength.unwrap_or_default(), charter: charter_rule(table) };
    if let (Some(charter), Some(at)) = (rule.charter, table.key("charter_rule"))
        && charter.is_weaker(rule.strength)
    {
        let what = "the charter asks less of passwords than CNIL délibération 2022-100";
        table.note(Problem::warning(at, what, "it is shown; new passwords must meet the stronger rule, the gate's"));
    }
    let days = table.integer("change_after_days", 0..=3650).filter(|days| days.value > 0);
    if let Some(days) = &days {
        let what = "passwords that are changed by the calendar become weaker ones";
        let label = "CNIL délibération 2022-100 asks for no such change of users: leave 0, and change what has leaked";
        table.note(Problem::warning(days.span.clone(), what, label));
    }
    let days = days.and_then(|days| u16::try_from(days.value).ok());
    let default = Basic::default();
    let host = host(table).unwrap_or(default.host);
    Basic { rule, change_after_days: days.unwrap_or_default(), host }
}

/// The name of the page where passwords are changed.
fn host(table: &Table<'_>) -> Option<Box<str>> {
    let text = table.string("host")?;
    match Target::of_host(text.value) {
        Ok(target) if target.ip().is_none() => Some(target.host().into()),
        _ => {
            let what = format!("`{}` is not a valid name", text.value);
            table.note(Problem::error(
                text.span,
                what,
                "expected such as \"compte.octroi.internal\", which no site has",
            ));
            None
        }
    }
}

/// `charter_rule = { length = 8, classes = 4 }`.
fn charter_rule(table: &Table<'_>) -> Option<CharterRule> {
    let rule = table.inline_table("charter_rule", "such as { length = 8, classes = 4 }")?;
    if !rule.has("length") && !rule.has("classes") {
        rule.end();
        return None;
    }
    let number = |key: &str, bounds: RangeInclusive<i64>| {
        let number = rule.integer(key, bounds).and_then(|number| usize::try_from(number.value).ok());
        if rule.has(key) { number } else { rule.missing(key) }
    };
    let (length, classes) = (number("length", 1..=128), number("classes", 1..=4));
    rule.end();
    Some(CharterRule { length: length?, classes: classes? })
}
