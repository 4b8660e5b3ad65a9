//! `octroi report`: what a month was, for those who answer for the gate: figures about nobody, and what happened to the
//! register itself.

use super::log::stats::{count, oldest, said};
use super::log::trace;
use super::{Answer, Wrong, answer, answer_json, no_register};
use crate::aggregate::{Aggregates, Period};
use crate::cli::Report;
use crate::config::Config;
use jiff::Timestamp;
use logstore::audit::{self, Act};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Rows of a table of text.
const SHOWN: usize = 10;

/// A month, for management and staff representatives.
#[derive(Debug, Serialize)]
pub(crate) struct Activity<'a> {
    /// `2026-11`.
    pub(crate) month: String,
    /// Whose gate it is.
    pub(crate) organisation: &'a str,
    /// The figures.
    #[serde(flatten)]
    pub(crate) aggregates: Aggregates<'a>,
    /// Names opened by one person alone, in an emergency.
    pub(crate) break_glass: Vec<Event>,
    /// Records that the register has lost.
    pub(crate) holes: Vec<Event>,
    /// Days that were erased late.
    pub(crate) late_purges: Vec<Event>,
    /// Days that could not be read for these figures.
    pub(crate) unread: &'a [String],
}

/// Something of the audit trail, without anybody's name and without the words of a reason, which may hold one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Event {
    /// RFC 3339.
    pub(crate) at: String,
    /// The declared purpose, when names were opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) purpose: Option<String>,
    /// What it is about.
    pub(crate) what: String,
    /// How many records or days.
    pub(crate) count: u64,
}

/// Reports on a month.
pub(crate) fn report(path: Option<&Path>, asked: &Report) -> Result<Answer, Wrong> {
    let config = super::configuration(path)?;
    let period = Period::month(asked.month.as_deref(), Timestamp::now(), &config.time_zone).map_err(Wrong)?;
    if oldest(&config)?.is_none() {
        eprintln!("{}", no_register(&config));
        return Ok(Answer::No);
    }
    let (statistics, unread) = count(&config, period)?;
    let acts = acts(&config, period)?;
    let month = period.first.strftime("%Y-%m").to_string();
    let scope = BTreeMap::from([("month".to_owned(), month.clone())]);
    trace(&config, "report", None, scope, statistics.total.map_or(0, |total| total.exchanges as usize))?;
    let activity = Activity {
        month,
        organisation: &config.organisation.name,
        aggregates: Aggregates::of(&config, period, &statistics),
        break_glass: events(&acts, is_break_glass),
        holes: events(&acts, is_hole),
        late_purges: events(&acts, |act| kind(act) == Some("late purge")),
        unread: &unread,
    };
    if asked.output.json {
        answer_json(&activity)?
    } else {
        answer(&activity.text())?
    }
    Ok(said(&statistics, &unread))
}

/// What the audit trail says of these days.
fn acts(config: &Config, period: Period) -> Result<Vec<Act>, Wrong> {
    let calendar = period.calendar(&config.time_zone).map_err(Wrong)?;
    let begins = calendar.days.first().map_or(calendar.end, |(begins, _)| *begins);
    let within = |act: &Act| {
        let at = act.at.parse::<Timestamp>().map(|at| at.as_microsecond());
        at.is_ok_and(|at| (begins..calendar.end).contains(&at))
    };
    let trail = audit::read(&config.register_dir()).map_err(Wrong::because)?;
    Ok(trail.acts.into_iter().filter(within).collect())
}

fn kind(act: &Act) -> Option<&str> {
    act.scope.get("kind").map(String::as_str)
}

fn is_break_glass(act: &Act) -> bool {
    act.act == "break-glass" || kind(act) == Some("break-glass")
}

/// A day's file that was lost, or records that a crash tore.
fn is_hole(act: &Act) -> bool {
    let number = |name: &str| act.scope.get(name).and_then(|number| number.parse::<u64>().ok()).unwrap_or(0);
    kind(act) == Some("lost file") || act.act == "recovery" && number("damaged") + number("torn_bytes") > 0
}

fn events(acts: &[Act], is: impl Fn(&Act) -> bool) -> Vec<Event> {
    let event = |act: &Act| {
        let told = ["day", "damaged", "torn_bytes"];
        let parts = told.iter().filter_map(|name| Some(format!("{name} {}", act.scope.get(*name)?)));
        let parts: Vec<String> = [act.act.clone()].into_iter().chain(parts).collect();
        Event { at: act.at.clone(), purpose: act.purpose.clone(), what: parts.join(", "), count: act.count }
    };
    acts.iter().filter(|act| is(act)).map(event).collect()
}

impl Activity<'_> {
    fn text(&self) -> String {
        let mut text = format!("{} {}\n", self.month, self.organisation).trim_end().to_owned() + "\n";
        text.push_str(&self.aggregates.text(SHOWN));
        for (title, events) in [
            ("names opened by one person alone (break-glass)", &self.break_glass),
            ("holes in the register", &self.holes),
            ("days erased late", &self.late_purges),
        ] {
            text.push_str(&format!("{title}: {}\n", events.len()));
            for Event { at, purpose, what, .. } in events {
                let purpose = purpose.as_deref().map(|purpose| format!(" for {purpose}")).unwrap_or_default();
                text.push_str(&format!("  {at} {what}{purpose}\n"));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_told_without_names_and_reasons() {
        let act = |act: &str, scope: &[(&str, &str)], reason: Option<&str>| Act {
            at: "2026-11-23T10:00:00.000000Z".into(),
            who: "p.dupont".into(),
            act: act.into(),
            purpose: Some("security".to_owned()).filter(|_| act == "break-glass"),
            reason: reason.map(str::to_owned),
            scope: scope.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            count: 3,
        };
        let acts = [
            act("search", &[("user", "a.martin")], Some("because of a.martin")),
            act("break-glass", &[("user", "a.martin")], Some("because of a.martin")),
            act("incident", &[("kind", "lost file"), ("day", "2026-11-20")], None),
            act("incident", &[("kind", "late purge"), ("day", "2025-11-20")], None),
            act("recovery", &[("damaged", "0"), ("torn_bytes", "0")], None),
            act("recovery", &[("damaged", "2"), ("torn_bytes", "70")], None),
        ];
        let glass = events(&acts, is_break_glass);
        assert_eq!((glass.len(), glass[0].what.as_str(), glass[0].count), (1, "break-glass", 3));
        assert_eq!(glass[0].purpose.as_deref(), Some("security"));
        let holes: Vec<String> = events(&acts, is_hole).into_iter().map(|hole| hole.what).collect();
        assert_eq!(holes, ["incident, day 2026-11-20", "recovery, damaged 2, torn_bytes 70"]);
        assert_eq!(events(&acts, |act| kind(act) == Some("late purge")).len(), 1);
        let all = serde_json::to_string(&events(&acts, |_| true)).expect("written");
        assert!(!all.contains("martin") && !all.contains("dupont"), "{all}");
    }
}
