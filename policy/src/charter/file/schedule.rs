//! `[holidays]` and `[schedules.ID]` as they are written.
use super::signed;
use crate::document::{Located, Table, quoted_list};
use crate::holidays::{Dates, Holidays, Region};
use crate::problem::Problem;
use crate::schedule::{DAYS, Days, OnHolidays, Schedule, Window, nearest_day};
use std::sync::Arc;

/// What is a holiday.
pub(super) fn holidays(table: Table<'_>) -> Holidays {
    const REGIONS: [(&str, Region); 2] = [("metropole", Region::Metropole), ("alsace-moselle", Region::AlsaceMoselle)];
    let holidays = Holidays {
        region: table.word("region", &REGIONS).map(|region| region.value).unwrap_or_default(),
        also: dates(&table, "dates"),
        worked: dates(&table, "except_dates"),
    };
    table.end();
    holidays
}

pub(super) fn schedule(id: &Located<&str>, table: Table<'_>, calendar: &Arc<Holidays>) -> Schedule {
    let entries = signed(&table, "days");
    let day = |word: &Located<&str>| {
        let day = DAYS.iter().find(|(name, _)| *name == word.value).map(|(_, day)| *day);
        if day.is_none() {
            let label = match nearest_day(word.value) {
                Some(near) => format!("nearest: `{near}`"),
                None => format!("expected {}", quoted_list(DAYS.iter().map(|(day, _)| day))),
            };
            table.note(Problem::error(word.span.clone(), format!("`{}` is not a day of the week", word.value), label));
        }
        day
    };
    let dates = |key| self::dates(&table, key);
    let (dates, except_dates) = (dates("dates"), dates("except_dates"));
    let on_holidays = table.word("holidays", &OnHolidays::WORDS).map(|word| word.value).unwrap_or_default();
    // Dates alone, or holidays besides, are all there is: no day of the week was asked for.
    let alone = table.key("days").is_none() && (!dates.is_empty() || on_holidays == OnHolidays::Also);
    let alone = alone && matches!(on_holidays, OnHolidays::Alike | OnHolidays::Also);
    let first = if alone || !entries.adds.is_empty() { Days::NONE } else { Days::ALL };
    let days = entries.adds.iter().filter_map(day).fold(first, Days::with);
    let days = entries.removes.iter().filter_map(day).fold(days, Days::without);
    let hours = table.strings("hours").unwrap_or_default();
    let hours = hours.iter().filter_map(|text| match Window::parse(text) {
        Ok(window) => Some(window),
        Err(label) => {
            let what = format!("`{}` is not a valid time of day", text.value);
            table.note(Problem::error(text.span.clone(), what, label));
            None
        }
    });
    let schedule = Schedule {
        id: id.value.to_owned(),
        days,
        hours: hours.collect(),
        on_holidays,
        holidays: Arc::clone(calendar),
        dates,
        except_dates,
    };
    let nothing_besides = schedule.dates.is_empty() && on_holidays != OnHolidays::Also;
    if days == Days::NONE && table.key("days").is_some() && !entries.removes.is_empty() && nothing_besides {
        let what = format!("schedule `{}` has no day left", id.value);
        table.note(Problem::error(id.span.clone(), what, "it never holds"));
    }
    table.end();
    schedule
}

/// Days of a year, `"2026-12-24"`, and ranges of them.
fn dates(table: &Table<'_>, key: &str) -> Vec<Dates> {
    let read = |text: &Located<&str>| match Dates::parse(text.value) {
        Ok(dates) => Some(dates),
        Err(label) => {
            let what = format!("`{}` is not a valid date", text.value.escape_debug());
            table.note(Problem::error(text.span.clone(), what, label));
            None
        }
    };
    table.strings(key).unwrap_or_default().iter().filter_map(read).collect()
}
