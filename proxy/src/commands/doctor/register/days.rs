//! The days of the register: sealed in time, erased in time, in chains that hold, on a disk with room, by a clock that is
//! right.

use crate::commands::doctor::sheet::Sheet;
use crate::config::Config;
use crate::register;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use logstore::audit::{self, Act};
use logstore::{ChainState, Condition, Keys};
use std::path::Path;

/// An offset of the clock that shows: records are dated to the second at least.
const OFFSET_US: i64 = 500_000;
/// Days that the disk lasts: below the first it is bad, below the second to be watched.
const LAST_WEEK: u64 = 7;
const LAST_MONTH: u64 = 30;
/// Free space below which nothing else counts.
const LITTLE: u64 = 256 << 20;

/// A day's file.
pub(super) struct OnDisk {
    pub(super) day: Date,
    bytes: u64,
}

/// The day files, oldest first.
pub(super) fn on_disk(register: &Path) -> Vec<OnDisk> {
    let files = std::fs::read_dir(register).into_iter().flatten().flatten();
    let day = |entry: std::fs::DirEntry| {
        let name = entry.file_name();
        let day: Date = name.to_str()?.strip_suffix(".sqlite")?.parse().ok()?;
        Some(OnDisk { day, bytes: entry.metadata().map_or(0, |data| data.len()) })
    };
    let mut days: Vec<OnDisk> = files.filter_map(day).collect();
    days.sort_by_key(|file| file.day);
    days
}

pub(super) fn examine(config: &Config, keys: &Keys, days: &[OnDisk], sheet: &mut Sheet) {
    let (dir, now) = (config.register_dir(), Timestamp::now());
    match logstore::condition(&dir, keys, now.as_microsecond()) {
        Ok(condition) => {
            sealed(&condition, sheet);
            due(&condition, sheet);
            condition.chains.iter().for_each(|chain| chained(chain, sheet));
            room(&condition, days, now, sheet);
            clock(&condition, sheet);
        }
        Err(why) => sheet.bad_because(
            ("le registre ne peut pas être examiné", "the register cannot be looked at"),
            why,
            ("corrigez la cause", "mend the cause"),
        ),
    }
    history(&dir, now, sheet);
}

fn sealed(condition: &Condition, sheet: &mut Sheet) {
    match condition.unsealed.first() {
        None => {
            let (sealed, days) = (condition.sealed, condition.days);
            sheet.good((
                &format!("jours scellés : {sealed} sur {days} ; aucun n’attend depuis plus d’un jour"),
                &format!("days sealed: {sealed} of {days}; none has waited longer than a day"),
            ));
        }
        Some(first) => {
            let count = condition.unsealed.len();
            sheet.warning(
                (
                    &format!("jours non scellés : {count}, le premier est le {first}"),
                    &format!("days not sealed: {count}, the first is {first}"),
                ),
                (
                    "démarrez la passerelle, qui les scelle ; si elle tourne, `octroi status` dit ce qui l’en empêche",
                    "start the gate, which seals them; if it runs, `octroi status` says what stops it",
                ),
            );
        }
    }
}

fn due(condition: &Condition, sheet: &mut Sheet) {
    let Some(first) = condition.due.first() else {
        return sheet.good(("rien n’est échu", "nothing is past its term"));
    };
    let (count, late) = (condition.due.len(), condition.late_days);
    let what = (
        format!("jours échus et non effacés : {count} ; retard du premier, le {first}, en jours : {late}"),
        format!("days past their term and not erased: {count}; the first, {first}, is late by this many days: {late}"),
    );
    let remedy = (
        "lancez `octroi log purge` ; s’il échoue, il dit pourquoi",
        "run `octroi log purge`; if it fails, it says why",
    );
    // More than 48 hours is a breach of what people were told.
    if late >= 2 { sheet.bad((&what.0, &what.1), remedy) } else { sheet.warning((&what.0, &what.1), remedy) }
}

fn chained(chain: &ChainState, sheet: &mut Sheet) {
    let (file, entries) = (&chain.file, chain.entries);
    match &chain.broken {
        None => {
            sheet.good((&format!("{file} tient (entrées : {entries})"), &format!("{file} holds (entries: {entries})")))
        }
        Some(why) => sheet.bad_because(
            (&format!("{file} ne tient pas"), &format!("{file} does not hold")),
            why,
            (
                "gardez tout en l’état, lancez `octroi log verify`, et cherchez qui a écrit dans ce fichier",
                "leave everything as it is, run `octroi log verify`, and find out who wrote that file",
            ),
        ),
    }
}

/// How long the disk lasts at the rate of the last week.
fn room(condition: &Condition, days: &[OnDisk], now: Timestamp, sheet: &mut Sheet) {
    let utc = |at: Timestamp| at.to_zoned_datetime(TimeZone::UTC).date();
    let (from, today) = (utc(now - SignedDuration::from_hours(7 * 24)), utc(now));
    let week: Vec<u64> = days.iter().filter(|day| day.day >= from && day.day < today).map(|day| day.bytes).collect();
    let rate = week.iter().sum::<u64>() / (week.len() as u64).max(1);
    let (libre, free) = (size(condition.free_bytes, "io", ","), size(condition.free_bytes, "iB", "."));
    // Beyond some years a rate says nothing.
    let left = condition.free_bytes.checked_div(rate).filter(|left| *left < 3650);
    let what = match left {
        Some(left) => (
            format!("il reste {libre} sur le disque du registre : {left} jours au rythme de la dernière semaine"),
            format!("{free} are free on the register's disk: {left} days at the rate of the last week"),
        ),
        None => {
            (format!("il reste {libre} sur le disque du registre"), format!("{free} are free on the register's disk"))
        }
    };
    let (what, remedy) = (
        (what.0.as_str(), what.1.as_str()),
        (
            "faites de la place : un disque plein ferme la passerelle ; n’effacez aucun jour à la main",
            "make room: a full disk shuts the gate; erase no day by hand",
        ),
    );
    match left {
        _ if condition.free_bytes < LITTLE => sheet.bad(what, remedy),
        Some(left) if left < LAST_WEEK => sheet.bad(what, remedy),
        Some(left) if left < LAST_MONTH => sheet.warning(what, remedy),
        _ => sheet.good(what),
    }
}

/// In mebibytes, or gibibytes with a decimal.
fn size(bytes: u64, unit: &str, point: &str) -> String {
    let mebibytes = bytes >> 20;
    if mebibytes < 1024 {
        return format!("{mebibytes} M{unit}");
    }
    let tenths = mebibytes * 10 / 1024;
    format!("{}{point}{} G{unit}", tenths / 10, tenths % 10)
}

fn clock(condition: &Condition, sheet: &mut Sheet) {
    let clock = &condition.clock;
    let milliseconds = clock.offset_us / 1000;
    if !clock.synchronised {
        sheet.warning(
            (
                "rien ne tient l’horloge à l’heure : les dates du registre ne valent que ce qu’elle vaut",
                "nothing keeps the clock: the dates of the register are worth no more than it is",
            ),
            ("installez et activez chrony ou systemd-timesyncd", "install and enable chrony or systemd-timesyncd"),
        );
    } else if clock.offset_us.abs() > OFFSET_US {
        sheet.warning(
            (
                &format!("l’horloge est décalée de {milliseconds} ms, et on la corrige"),
                &format!("the clock is off by {milliseconds} ms, and is being corrected"),
            ),
            ("regardez-la de nouveau dans une heure", "look at it again in an hour"),
        );
    } else {
        sheet.good((
            &format!("l’horloge est synchronisée, décalée de {milliseconds} ms"),
            &format!("the clock is synchronised, off by {milliseconds} ms"),
        ));
    }
}

/// What the audit trail knows of the last month.
fn history(dir: &Path, now: Timestamp, sheet: &mut Sheet) {
    let since = now - SignedDuration::from_hours(31 * 24);
    let acts = audit::read(dir).unwrap_or_default().acts;
    let stepped = |act: &&Act| act.act == "clock step" && act.at.parse::<Timestamp>().is_ok_and(|at| at >= since);
    if let Some(last) = acts.iter().rev().find(stepped) {
        let at = &last.at;
        let french =
            at.parse::<Timestamp>().map(|at| at.to_zoned_datetime(TimeZone::UTC).strftime("%d/%m/%Y à %H:%M:%S UTC"));
        let french = french.map_or_else(|_| at.clone(), |french| french.to_string());
        let step = last.scope.get("microseconds").map_or("?", String::as_str);
        sheet.warning(
            (
                &format!(
                    "l’horloge a été changée le {french}, de {step} µs : les dates d’avant et d’après ne se comparent pas"
                ),
                &format!("the clock was set on {at}, by {step} µs: dates before and after it do not compare"),
            ),
            (
                "cherchez ce qui l’a changée ; une horloge tenue par NTP avance sans saut",
                "find out what set it; a clock kept by NTP goes on without a step",
            ),
        );
    }
    for incident in register::incidents(dir, now) {
        sheet.warning_because(
            ("incident au cours du dernier mois", "incident of the last month"),
            incident,
            (
                "inscrivez-le à votre registre des incidents, avec sa cause",
                "enter it in your register of incidents, with its cause",
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!((size(300 << 20, "io", ","), size(1536 << 20, "io", ",")), ("300 Mio".into(), "1,5 Gio".into()));
        assert_eq!(size(61_000 << 20, "iB", "."), "59.5 GiB");
    }
}
