//! `octroi audit`: who did what with the register, when and why, and whether each line holds.
//!
//! Reading the trail asks for no purpose: it is what the use of purposes is checked by. Yet it names those who were looked
//! for, so a reading is an act like another: the first of each account on each UTC day is noted. One line for each
//! reading would let a screen that shows the trail drown it.
//!
//! Once roles are asked for, an auditor reads it, without what was done for requisitions: that the desk which answers them reads,
//! and nobody else learns that there is any (`law.md` 8 and 11). Lines are numbered as they are shown.

use super::log::format::cell;
use super::when::{Day, instant};
use super::{Answer, Wrong, answer, columns, configuration, keys, no_register, plural};
use crate::access::{self, Actor};
use crate::cli::{Audit, AuditFormat};
use crate::config::Config;
use jiff::Timestamp;
use logstore::audit::{self, Act, Checked};
use logstore::people::{People, Role};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// A line as it is shown.
#[derive(Serialize)]
struct Shown<'a> {
    line: u64,
    /// Why it doesn't hold; none when it does.
    broken: Option<&'a str>,
    at: Option<&'a str>,
    who: Option<&'a str>,
    act: Option<&'a str>,
    purpose: Option<&'a str>,
    reason: Option<&'a str>,
    scope: Option<&'a BTreeMap<String, String>>,
    count: Option<u64>,
}

/// Shows the trail. A line that doesn't hold is a no, wherever it stands; so is a trail without what is looked for.
pub(crate) fn audit(path: Option<&Path>, asked: &Audit) -> Result<Answer, Wrong> {
    let config = configuration(path)?;
    let zone = &config.time_zone;
    let from = asked.from.as_deref().map(|text| instant("--from", text, zone, Day::Begins)).transpose()?;
    let to = asked.to.as_deref().map(|text| instant("--to", text, zone, Day::Ends)).transpose()?;
    if from.zip(to).is_some_and(|(from, to)| from > to) {
        return Err(Wrong("--from is later than --to".to_owned()));
    }
    let Some(keys) = keys(&config)? else { return Err(Wrong(no_register(&config))) };
    let lines = audit::checked(&config.register_dir(), &keys.public()).map_err(Wrong::because)?;
    let Some(actor) = access::look(&config, &asked.acting, &[Role::Auditor, Role::Judicial], "audit")? else {
        return Ok(Answer::No);
    };
    let lines = visible(lines, &actor, &access::people(&config)?);
    note(&config, &actor, &lines);
    let wanted = |line: &&Checked| {
        let Some(act) = &line.act else { return asked.act.is_none() };
        let at = act.at.parse::<Timestamp>().ok();
        // A line whose date cannot be read may be of any.
        let within = at.is_none_or(|at| from.is_none_or(|from| at >= from) && to.is_none_or(|to| at < to));
        within && asked.act.as_ref().is_none_or(|wanted| *wanted == act.act)
    };
    let shown: Vec<Shown<'_>> = lines.iter().filter(wanted).map(Shown::of).collect();
    let format = if asked.json { AuditFormat::Json } else { asked.format };
    answer(&text(format, &shown, &config)?)?;
    let broken: Vec<&Checked> = lines.iter().filter(|line| line.broken.is_some()).collect();
    for Checked { line, broken, .. } in &broken {
        eprintln!("audit.jsonl, line {line}: {}", broken.as_deref().unwrap_or_default());
    }
    if !broken.is_empty() {
        eprintln!("the trail does not hold: {}", plural(broken.len() as u64, "line", "lines"));
        return Ok(Answer::No);
    }
    if shown.is_empty() {
        eprintln!("nothing found");
        return Ok(Answer::No);
    }
    Ok(Answer::Done)
}

/// The lines that the actor may read. One that doesn't hold is always among them: then without what it says.
fn visible(lines: Vec<Checked>, actor: &Actor, people: &People) -> Vec<Checked> {
    if actor.is_alone() {
        return lines;
    }
    let (auditor, judicial) = (people.may_act(actor.who(), Role::Auditor), people.may_act(actor.who(), Role::Judicial));
    let may = |act: &Act| if access::is_restricted_act(act) { judicial } else { auditor };
    let seen = lines.into_iter().filter_map(|line| match &line.act {
        Some(act) if !may(act) => line.broken.is_some().then_some(Checked { act: None, ..line }),
        _ => Some(line),
    });
    (1..).zip(seen).map(|(number, line)| Checked { line: number, ..line }).collect()
}

/// Notes the reading, unless this account has read today.
fn note(config: &Config, actor: &Actor, lines: &[Checked]) {
    let (who, today) = (actor.who(), format!("{:.10}", Timestamp::now().to_string()));
    let read = |act: &Act| act.act == "audit" && act.who == who && act.at.starts_with(&today);
    if lines.iter().filter_map(|line| line.act.as_ref()).any(read) {
        return;
    }
    if let Err(Wrong(why)) = actor.note(config, "audit", None, None, BTreeMap::new(), lines.len() as u64) {
        // Whoever looks for what went wrong must be able to read on.
        eprintln!("warning: the trail cannot say that it was read: {why}");
    }
}

impl<'a> Shown<'a> {
    fn of(line: &'a Checked) -> Shown<'a> {
        let act = line.act.as_ref();
        Shown {
            line: line.line,
            broken: line.broken.as_deref(),
            at: act.map(|act| act.at.as_str()),
            who: act.map(|act| act.who.as_str()),
            act: act.map(|act| act.act.as_str()),
            purpose: act.and_then(|act| act.purpose.as_deref()),
            reason: act.and_then(|act| act.reason.as_deref()),
            scope: act.map(|act| &act.scope),
            count: act.map(|act| act.count),
        }
    }

    /// Where it stands, whether it holds, and what it says.
    fn cells(&self, at: String) -> [String; 8] {
        self.cells_with(at, |_, value| value.to_owned())
    }

    /// The same for people: of the clock whether it was kept, and of hashes enough to tell them apart.
    fn brief_cells(&self, at: String) -> [String; 8] {
        self.cells_with(at, |name, value| {
            // `synchronised, offset 3 µs, …`.
            let value = if name == "clock" { value.split(", ").next().unwrap_or(value) } else { value };
            shortened(value)
        })
    }

    fn cells_with(&self, at: String, value: impl Fn(&str, &str) -> String) -> [String; 8] {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let scope = self.scope.map(|scope| {
            let pairs: Vec<String> = scope.iter().map(|(name, is)| format!("{name}={}", value(name, is))).collect();
            pairs.join(" ")
        });
        let act = if self.act.is_none() { "unreadable".to_owned() } else { text(self.act) };
        let count = self.count.map(|count| count.to_string());
        let holds = if self.broken.is_some() { "BROKEN" } else { "holds" };
        let rest = [text(self.purpose), text(self.reason), scope.unwrap_or_default()];
        let [purpose, reason, scope] = rest;
        [at, text(self.who), act, holds.to_owned(), count.unwrap_or_default(), purpose, reason, scope]
    }
}

const NAMES: [&str; 8] = ["when", "who", "act", "chain", "count", "purpose", "reason", "scope"];

fn text(format: AuditFormat, shown: &[Shown<'_>], config: &Config) -> Result<String, Wrong> {
    match format {
        AuditFormat::Json => {
            let lines: Result<Vec<String>, _> = shown.iter().map(serde_json::to_string).collect();
            let lines = lines.map_err(Wrong::because)?;
            Ok(if lines.is_empty() { "[]\n".to_owned() } else { format!("[\n{}\n]\n", lines.join(",\n")) })
        }
        AuditFormat::Csv => {
            let mut csv = format!("line,{}\r\n", NAMES.join(","));
            for line in shown {
                let cells = line.cells(line.at.unwrap_or_default().to_owned());
                let cells = cells.into_iter().map(|text| cell(&Value::String(text)));
                let cells: Vec<String> = [line.line.to_string()].into_iter().chain(cells).collect();
                csv.push_str(&cells.join(","));
                csv.push_str("\r\n");
            }
            Ok(csv)
        }
        AuditFormat::Table => {
            let mut rows = vec![NAMES.map(str::to_owned)];
            rows.extend(shown.iter().map(|line| line.brief_cells(local(line.at, config))));
            Ok(if shown.is_empty() { String::new() } else { columns(&rows) })
        }
    }
}

/// Hashes of 64 digits by their first 12, as `git log` does.
fn shortened(text: &str) -> String {
    let words = text.split_inclusive(|c: char| !c.is_ascii_alphanumeric());
    words
        .map(|word| {
            let digits = word.chars().take_while(char::is_ascii_hexdigit).count();
            let rest = word.get(digits..).unwrap_or_default();
            let hash = digits == 64 && !rest.starts_with(|c: char| c.is_ascii_alphanumeric());
            if hash { format!("{}…{rest}", &word[..12]) } else { word.to_owned() }
        })
        .collect()
}

/// An instant as people of the configuration's zone read it.
fn local(at: Option<&str>, config: &Config) -> String {
    let at = at.unwrap_or_default();
    let zoned = at.parse::<Timestamp>().map(|instant| instant.to_zoned_datetime(config.time_zone.clone()));
    zoned.map_or_else(|_| at.to_owned(), |zoned| zoned.strftime("%Y-%m-%d %H:%M:%S%:z").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use logstore::ledger::Entry;
    use logstore::people::Event;

    fn line(number: u64, scope: &[(&str, &str)], broken: Option<&str>) -> Checked {
        let scope = scope.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let act = Act {
            at: "2026-11-23T18:45:00Z".into(),
            who: "p.dupont".into(),
            act: "asked".into(),
            purpose: None,
            reason: None,
            scope,
            count: 0,
        };
        Checked { line: number, act: Some(act), broken: broken.map(str::to_owned) }
    }

    #[test]
    fn what_is_done_for_requisitions_is_shown_to_the_desk_that_answers_them_and_to_nobody_else() {
        let lines = || {
            vec![
                line(1, &[("kind", "scope")], None),
                line(2, &[("kind", "requisition")], None),
                line(3, &[("role", "judicial")], None),
                line(4, &[("kind", "hold"), ("judicial", "yes")], Some("it was changed")),
                line(5, &[("kind", "hold")], None),
            ]
        };
        let seen = |roles: &[Role]| -> Vec<(u64, Option<String>)> {
            let signed = Event::Undertaken { account: "a.martin".into(), text: String::new(), language: "fr".into() };
            let given =
                roles.iter().map(|role| Event::RoleGiven { account: "a.martin".into(), role: *role, approval: None });
            let entry = |what| Entry { number: 1, at: 0, who: String::new(), what };
            let people = People::of(&given.chain([signed]).map(entry).collect::<Vec<_>>());
            let seen = visible(lines(), &Actor::proven("a.martin".into()), &people);
            let kind = |act: Act| act.scope.get("kind").cloned().unwrap_or_default();
            seen.into_iter().map(|line| (line.line, line.act.map(kind))).collect()
        };
        let said = |kind: &str| Some(kind.to_owned());
        // That a line doesn't hold is told, not what it says; and no gap in the numbers tells that there is more.
        assert_eq!(seen(&[Role::Auditor]), [(1, said("scope")), (2, None), (3, said("hold"))]);
        assert_eq!(seen(&[Role::Judicial]), [(1, said("requisition")), (2, said("")), (3, said("hold"))]);
        assert_eq!(seen(&[Role::Auditor, Role::Judicial]).len(), 5);
    }

    #[test]
    fn hashes_are_shortened_and_nothing_else_is() {
        let hash = "0123456789abcdef".repeat(4);
        assert_eq!(shortened(&format!("1@{hash}, {hash}")), "1@0123456789ab…, 0123456789ab…");
        for kept in ["", "é 12", &hash[1..], &format!("{hash}0"), &format!("{hash}z")] {
            assert_eq!(shortened(kept), kept);
        }
    }
}
