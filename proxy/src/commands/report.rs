//! `octroi report`: what a month was, for those who answer for the gate: figures about nobody, and what happened to the
//! register itself.

mod labels;

use super::log::stats::{Entered, READERS, count, enter, oldest, said, zone};
use super::log::trace;
use super::{Answer, Wrong, answer, answer_json, no_register};
use crate::access;
use crate::aggregate::activity::{Activity, Event, Review};
use crate::aggregate::{Aggregates, Period};
use crate::cli::Report;
use crate::config::Config;
use crate::legal;
use jiff::Timestamp;
use logstore::approvals::{self, Request, Subject};
use logstore::audit::{self, Act};
use logstore::people::Mark;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Reports on a month.
pub(crate) fn report(path: Option<&Path>, asked: &Report) -> Result<Answer, Wrong> {
    let config = super::configuration(path)?;
    let now = Timestamp::now();
    let whole = Period::month(asked.month.as_deref(), now, &config.time_zone).map_err(Wrong)?;
    if oldest(&config)?.is_none() {
        eprintln!("{}", no_register(&config));
        return Ok(Answer::No);
    }
    let Entered::As(actor) = enter(&config, &asked.acting, &READERS, "report")? else { return Ok(Answer::No) };
    let month = whole.first.strftime("%Y-%m").to_string();
    let Some(period) = whole.closed(now, &config.time_zone) else {
        eprintln!("nothing found: no week of {month} has ended yet");
        return Ok(Answer::No);
    };
    if period != whole {
        eprintln!("figures are of whole weeks that have ended: these are of {} to {}", period.first, period.last);
    }
    let (statistics, unread) = count(&config, period)?;
    let acts = acts(&config, whole)?;
    let scope = BTreeMap::from([("month".to_owned(), month.clone()), ("time_zone".to_owned(), zone(&config))]);
    let counted = statistics.total.map_or(0, |total| total.exchanges as usize);
    trace(&config, "report", None, scope, counted, actor.as_ref())?;
    let activity = Activity {
        month,
        organisation: &config.organisation.name,
        aggregates: Aggregates::of(&config, period, &statistics),
        alone: acts.iter().filter(|act| is_alone(act)).count() as u64,
        break_glass: glass(&config, whole)?,
        holes: events(&acts, is_hole),
        late_purges: events(&acts, |act| kind(act) == Some("late purge")),
        unread: &unread,
    };
    if let Some(dir) = &asked.out {
        for file in written(&config, period, &activity, dir)? {
            eprintln!("written: {}", file.display());
        }
    }
    if asked.output.json {
        answer_json(&activity)?;
    } else if asked.out.is_none() {
        answer(&activity.text())?;
    }
    Ok(said(&statistics, &unread))
}

/// Writes the report as a page and as a PDF, each whole or not at all.
fn written(config: &Config, period: Period, activity: &Activity<'_>, dir: &Path) -> Result<[PathBuf; 2], Wrong> {
    let language = config.locale;
    // Dated by the days it is about: the same figures give the same bytes.
    let midnight = config.time_zone.to_timestamp(period.last.to_datetime(jiff::civil::Time::midnight()));
    let issued = midnight.map_err(Wrong::because)?.to_zoned_datetime(config.time_zone.clone());
    let charter = super::charter(config)?.charter;
    let label = |category: &str| charter.label(category).and_then(|text| Some(language.words(text)?.text.to_owned()));
    let rules = labels::rules(&charter, language);
    let rule = |rule: &str| rules.get(rule).cloned();
    let labels = legal::activity::Labels { category: &label, rule: &rule };
    let document = legal::activity::report(language, activity, period, issued, labels);
    let name = format!("{}-{}", language.pick("rapport", "report"), activity.month);
    let pdf = legal::pdf::render(&document).map_err(Wrong::because)?;
    let page = legal::html::render(&document).into_bytes();
    crate::files::private_dir(dir).map_err(|why| Wrong::because(format!("{}: {why}", dir.display())))?;
    let files = [(dir.join(format!("{name}.html")), page), (dir.join(format!("{name}.pdf")), pdf)];
    for (file, bytes) in &files {
        let written = crate::files::replace(file, |out| out.write_all(bytes));
        written.map_err(|why| Wrong::because(format!("{}: {why}", file.display())))?;
    }
    Ok(files.map(|(file, _)| file))
}

/// From when to when these days are (UTC µs).
fn instants(config: &Config, period: Period) -> Result<std::ops::Range<i64>, Wrong> {
    let calendar = period.calendar(&config.time_zone).map_err(Wrong)?;
    let begins = calendar.days.first().map_or(calendar.end, |(begins, _)| *begins);
    Ok(begins..calendar.end)
}

/// Each glass that was broken in these days: how many records were read by it, and what its review says.
fn glass(config: &Config, period: Period) -> Result<Vec<Event>, Wrong> {
    let days = instants(config, period)?;
    let approvals = approvals::read(&config.register_dir(), &access::keys(config)?).map_err(Wrong::because)?;
    let broken = approvals.requests().filter(|request| request.is_glass() && days.contains(&request.at));
    Ok(broken.map(event_of).collect())
}

fn event_of(request: &Request) -> Event {
    let utc = |micros: i64| Timestamp::from_microsecond(micros).map(|at| at.to_string()).unwrap_or_default();
    let review = match (&request.review, request.review_due()) {
        (Some(said), _) => Some(Review::Written {
            at: utc(said.at),
            text: nameless(said.text.as_deref().unwrap_or_default(), request),
        }),
        (None, due) => due.map(|due| Review::Due { by: utc(due) }),
    };
    Event {
        at: utc(request.at),
        purpose: request.asked.purpose.clone(),
        what: "break-glass".to_owned(),
        count: request.records,
        review,
    }
}

/// What somebody wrote of a request, without the accounts and addresses that it knows: the report names nobody.
fn nameless(text: &str, request: &Request) -> String {
    let mut names = vec![request.by.to_lowercase()];
    names.extend([&request.review, &request.closed].into_iter().flatten().map(|said| said.by.to_lowercase()));
    names.extend(request.asked.about.iter().filter_map(|subject| match subject {
        Subject::User(user) => Some(user.to_lowercase()),
        Subject::Client(network) => Some(network.addr().to_string()),
        Subject::Host(_) => None,
    }));
    for link in &request.accounts {
        names.push(link.person.to_lowercase());
        names.extend(match &link.mark {
            Mark::Account(name) => Some(name.to_lowercase()),
            Mark::Address(_) => None,
        });
    }
    let cover = |word: &str| {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        if names.contains(&bare.to_lowercase()) { word.replace(bare, "…") } else { word.to_owned() }
    };
    text.split_whitespace().map(cover).collect::<Vec<_>>().join(" ")
}

/// What the audit trail says of these days.
fn acts(config: &Config, period: Period) -> Result<Vec<Act>, Wrong> {
    let days = instants(config, period)?;
    let within = |act: &Act| act.at.parse::<Timestamp>().is_ok_and(|at| days.contains(&at.as_microsecond()));
    let trail = audit::read(&config.register_dir()).map_err(Wrong::because)?;
    Ok(trail.acts.into_iter().filter(within).collect())
}

fn kind(act: &Act) -> Option<&str> {
    act.scope.get("kind").map(String::as_str)
}

/// Names opened, or an answer made, by somebody who had no role for it: nobody has any. What is done for authorities is none of
/// this report's.
fn is_alone(act: &Act) -> bool {
    let names = act.act == "search" && act.purpose.is_some() || act.act == crate::commands::export::SUBJECT;
    names && !act.scope.contains_key("role") && !crate::access::is_restricted_act(act)
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
        Event {
            at: act.at.clone(),
            purpose: act.purpose.clone(),
            what: parts.join(", "),
            count: act.count,
            review: None,
        }
    };
    acts.iter().filter(|act| is(act)).map(event).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use logstore::approvals::{Asked, Event, Kind, Moment};
    use logstore::ledger::Entry;
    use logstore::people;

    #[test]
    fn a_broken_glass_is_told_with_what_was_read_and_its_review_without_names_law_8() {
        let asked = Asked {
            kind: Kind::Scope,
            purpose: Some("security".into()),
            reason: "ransomware at a.martin's".into(),
            about: vec![Subject::User("a.martin".into())],
            period: people::Period { from: Some(1), to: Some(2) },
            longer: None,
            fields: BTreeMap::new(),
            lasts: approvals::LONGEST,
            incident: Some("INC-7".into()),
        };
        let asked = Event::Asked { asked: Box::new(asked), moment: Moment::now(), accounts: vec![] };
        let review = Event::Reviewed { request: 1, text: "Justified: (A.Martin) was hit, p.dupont looked.".into() };
        let read = |count| Event::Read { request: 1, count };
        let entry = |number: u64, who: &str, what: Event| Entry { number, at: 3_600_000_000, who: who.into(), what };
        let mut entries =
            vec![entry(1, "p.dupont", asked), entry(2, "p.dupont", read(20)), entry(3, "p.dupont", read(22))];
        let told = |entries: &[Entry<Event>]| event_of(approvals::Approvals::of(entries).get(1).expect("asked"));
        let glass = told(&entries);
        assert_eq!((glass.what.as_str(), glass.count, glass.purpose.as_deref()), ("break-glass", 42, Some("security")));
        assert_eq!(glass.review, Some(Review::Due { by: "1970-01-04T01:00:00Z".into() }));
        entries.push(entry(4, "c.third", review));
        let Some(Review::Written { text, .. }) = told(&entries).review else { panic!("not reviewed") };
        assert_eq!(text, "Justified: (…) was hit, … looked.");
    }

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
        let alone = |act: &Act| Some((act.act.clone(), is_alone(act)));
        assert_eq!(alone(&acts[0]), Some(("search".to_owned(), false)), "under pseudonyms");
        let mut named = acts[0].clone();
        named.purpose = Some("security".into());
        assert!(is_alone(&named), "no role stands beside it");
        named.scope.insert("role".into(), "investigator".into());
        assert!(!is_alone(&named));
        named.scope.insert("role".into(), "judicial".into());
        assert!(!is_alone(&named));
        let holes: Vec<String> = events(&acts, is_hole).into_iter().map(|hole| hole.what).collect();
        assert_eq!(holes, ["incident, day 2026-11-20", "recovery, damaged 2, torn_bytes 70"]);
        assert_eq!(events(&acts, |act| kind(act) == Some("late purge")).len(), 1);
        let all = serde_json::to_string(&events(&acts, |_| true)).expect("written");
        assert!(!all.contains("martin") && !all.contains("dupont"), "{all}");
    }
}
