//! `octroi import`: logs of another proxy taken into the register, under the law of the register.
//!
//! Dates are kept, and with them the retention: what is too old already is refused. Query strings are always cut, and a
//! path is kept only where `[log] detail` asks for paths. Destinations that are withheld are withheld here too, before
//! anything is written.
//!
//! A log may be of any size. Records are handed over a day at a time, when the log comes to the next day; those of a
//! tunnel that crossed midnight, which Squid writes at its end, follow with the day after. A busy day, or a log in
//! disorder, costs no more memory: when [`AT_ONCE`] records are held, the fullest day is handed over. So a day may come in
//! several parts, in order within each.

mod lines;
mod squid;

use super::{Answer, Wrong, answer, answer_json, configuration, plural};
use crate::cli::{Import, SquidLog};
use crate::config::{Config, Detail};
use crate::record::Masking;
use crate::register;
use lines::{Cut, Lines};
use logstore::{Action, Auth, Outcome, Record};
use policy::Query;
use serde::Serialize;
use squid::{Line, NoLine};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// What stands in an imported record for the gate that wrote it.
const NODE: &str = "squid";
/// And for the charter it was decided by, which nobody knows any more.
const CHARTER: &str = "import";
/// Records held at most; some 100 MB.
const AT_ONCE: usize = 100_000;
/// Bad lines shown; all are counted.
const SHOWN: usize = 5;
/// How far a log's clock may be ahead of ours.
const AHEAD: i64 = DAY;
const DAY: i64 = 86_400_000_000;

/// What was imported and what was not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Summary {
    /// Lines read.
    lines: u64,
    /// Records kept.
    kept: u64,
    /// Records that an earlier import had brought.
    known: u64,
    /// Records that are not brought back, because they were erased (RGPD art. 17).
    erased: u64,
    /// Lines whose destination is withheld, whether they were kept now or known already.
    masked: u64,
    /// Lines older than the register keeps.
    too_old: u64,
    /// Lines from the future.
    future: u64,
    /// Lines of Squid's own affairs, which are no exchange of anybody's.
    skipped: u64,
    /// Lines that cannot be read.
    bad: u64,
    /// The first of these.
    first_bad: Vec<BadLine>,
    /// Why the log could not be read to its end.
    broken_off: Option<String>,
}

/// A line that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct BadLine {
    /// Its number, from 1.
    line: u64,
    /// Why.
    why: String,
}

/// Runs one of the imports.
pub(crate) fn import(path: Option<&Path>, command: &Import) -> Result<Answer, Wrong> {
    let config = configuration(path)?;
    match command {
        Import::SquidLog(asked) => squid_log(&config, asked),
    }
}

fn squid_log(config: &Config, asked: &SquidLog) -> Result<Answer, Wrong> {
    let unreadable = |why: io::Error| Wrong(format!("{} cannot be read: {why}", asked.file.display()));
    let input: Box<dyn Read> = match asked.file.to_str() {
        Some("-") => Box::new(io::stdin().lock()),
        _ => Box::new(File::open(&asked.file).map_err(unreadable)?),
    };
    let lines = Lines::of(input).map_err(unreadable)?;
    let now = jiff::Timestamp::now().as_microsecond();
    let masking = Masking::of(config).map_err(Wrong)?;
    // An import may be what begins a register.
    register::pseudonyms(config).map_err(Wrong::because)?;
    let runtime = super::runtime()?;
    let mut register = runtime.block_on(logstore::Importer::begin(&register::settings(config))).map_err(held)?;
    let (mut filed, mut known, mut erased) = (0, 0, 0);
    let mut hand_over = |records| {
        let imported = runtime.block_on(register.take(records)).map_err(Wrong::because)?;
        (filed, known, erased) = (filed + imported.filed, known + imported.known, erased + imported.erased);
        Ok(imported.filed)
    };
    let read = Importer::new(config, &masking, now, AT_ONCE, &mut hand_over).run(lines);
    // What was taken before the log, or the disk, failed is sealed all the same.
    let finished = runtime.block_on(register.finish()).map_err(Wrong::because);
    let traced = if filed > 0 { trace(config, &asked.file, filed) } else { Ok(()) };
    let mut summary = read?;
    finished?;
    traced?;
    (summary.known, summary.erased) = (known, erased);
    if asked.output.json {
        answer_json(&summary)?;
    } else {
        answer(&summary.text())?;
    }
    // JSON has both.
    let said = !asked.output.json;
    for BadLine { line, why } in summary.first_bad.iter().filter(|_| said) {
        eprintln!("line {line}: {why}");
    }
    if let Some(why) = summary.broken_off.as_ref().filter(|_| said) {
        eprintln!("the log breaks off after line {}: {why}", summary.lines);
    }
    Ok(if summary.kept + summary.known + summary.erased > 0 && summary.broken_off.is_none() {
        Answer::Done
    } else {
        Answer::No
    })
}

/// Where records came from that no gate of ours wrote is part of what can be asked of a register.
fn trace(config: &Config, file: &Path, count: u64) -> Result<(), Wrong> {
    let scope = [("squid-log", file.display().to_string())];
    let noted = register::keys(config).map_err(|why| why.to_string()).and_then(|keys| {
        let noted = register::note(&config.register_dir(), &keys, register::who(), "import", scope, count);
        noted.map_err(|why| why.to_string())
    });
    noted.map_err(|why| Wrong(format!("{count} records are imported, and the audit trail cannot say so: {why}")))
}

/// Days that are written must be nobody else's meanwhile.
fn held(why: logstore::StartError) -> Wrong {
    match why {
        logstore::StartError::Held(_) => Wrong(
            "a gate keeps the register: stop it, import, and start it again; no other command may write days that are over"
                .to_owned(),
        ),
        other => Wrong::because(other),
    }
}

/// A log on its way into the register.
struct Importer<'i> {
    config: &'i Config,
    masking: &'i Masking,
    now: i64,
    /// Records held at most.
    at_once: usize,
    hand_over: &'i mut dyn FnMut(Vec<Record>) -> Result<u64, Wrong>,
    /// By the UTC day they were opened in.
    held: BTreeMap<i64, Vec<Record>>,
    /// How many.
    holding: usize,
    /// The day that the log has come to.
    today: i64,
    summary: Summary,
}

impl<'i> Importer<'i> {
    fn new(
        config: &'i Config,
        masking: &'i Masking,
        now: i64,
        at_once: usize,
        hand_over: &'i mut dyn FnMut(Vec<Record>) -> Result<u64, Wrong>,
    ) -> Importer<'i> {
        Importer {
            config,
            masking,
            now,
            at_once,
            hand_over,
            held: BTreeMap::new(),
            holding: 0,
            today: i64::MIN,
            summary: Summary::default(),
        }
    }

    fn run(mut self, mut lines: Lines<'_>) -> Result<Summary, Wrong> {
        loop {
            match lines.next() {
                Ok(None) => break,
                Ok(Some(line)) => {
                    self.summary.lines += 1;
                    match line {
                        Ok(line) => self.line(line)?,
                        Err(cut @ Cut) => self.bad(cut.to_string()),
                    }
                }
                Err(why) => {
                    self.summary.broken_off = Some(why.to_string());
                    break;
                }
            }
        }
        while let Some((_, records)) = self.held.pop_first() {
            self.give(records)?;
        }
        Ok(self.summary)
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Wrong> {
        let line = match squid::parse(line) {
            Ok(line) => line,
            Err(NoLine::Own) => {
                self.summary.skipped += 1;
                return Ok(());
            }
            Err(NoLine::Bad(why)) => {
                self.bad(why.to_string());
                return Ok(());
            }
        };
        let (opened, now) = (line.opened_at.div_euclid(DAY), self.now.div_euclid(DAY));
        if line.closed_at > self.now.saturating_add(AHEAD) {
            self.summary.future += 1;
            return Ok(());
        }
        // A record of day D lives to the end of D + N, wherever it comes from.
        if opened + i64::from(self.config.log.retention_days) < now {
            self.summary.too_old += 1;
            return Ok(());
        }
        let closed = line.closed_at.div_euclid(DAY);
        let Some(record) = record(self.config, self.masking, line) else {
            self.bad("the time of field 1 cannot be".to_owned());
            return Ok(());
        };
        self.summary.masked += u64::from(record.masked.is_some());
        if closed > self.today {
            self.today = closed;
            while let Some(day) = self.held.first_entry().filter(|day| *day.key() < closed) {
                let records = day.remove();
                self.give(records)?;
            }
        }
        self.held.entry(opened).or_default().push(record);
        self.holding += 1;
        if self.holding >= self.at_once {
            let fullest = self.held.iter().max_by_key(|(_, records)| records.len()).map(|(day, _)| *day);
            let records = fullest.and_then(|day| self.held.remove(&day));
            self.give(records.unwrap_or_default())?;
        }
        Ok(())
    }

    fn bad(&mut self, why: String) {
        self.summary.bad += 1;
        if self.summary.first_bad.len() < SHOWN {
            self.summary.first_bad.push(BadLine { line: self.summary.lines, why });
        }
    }

    fn give(&mut self, mut records: Vec<Record>) -> Result<(), Wrong> {
        self.holding -= records.len();
        records.sort_by_key(|record| record.opened_at);
        self.summary.kept += (self.hand_over)(records)?;
        Ok(())
    }
}

/// What the register keeps of a line; `None` when its time is none.
fn record(config: &Config, masking: &Masking, line: Line) -> Option<Record> {
    let at = jiff::Timestamp::from_microsecond(line.opened_at).ok()?;
    let target = &line.target;
    let query =
        Query { target, method: &line.method, user: line.user.as_deref(), groups: &[], client: line.client, at };
    // What this gate wrote in Squid's form without saying where it went says so again.
    let masked = masking.withholds(&query).or_else(|| withheld_before(target.host()));
    let shown = |text: &str| (masked.is_none() && !text.is_empty()).then(|| text.to_owned());
    let path = match config.log.detail {
        Detail::Host => None,
        // Never with the query string, which people were not told of.
        Detail::Path | Detail::Url => shown(target.path()),
    };
    let refused = line.outcome == Outcome::Refused;
    Some(Record {
        id: 0,
        node: NODE.to_owned(),
        opened_at: line.opened_at,
        closed_at: Some(line.closed_at),
        auth: if line.user.is_some() { Auth::Basic } else { Auth::Address },
        client_ip: line.client,
        scheme: target.scheme().as_str().to_owned(),
        host: shown(target.host()),
        port: target.port(),
        tls_name: None,
        path,
        destination_ip: line.destination.filter(|_| masked.is_none()),
        masked: masked.map(str::to_owned),
        status: line.status,
        bytes_sent: 0,
        bytes_received: line.bytes,
        action: if refused { Action::Block } else { Action::Allow },
        outcome: Some(line.outcome),
        rule: None,
        article: None,
        category: None,
        charter: CHARTER.to_owned(),
        user: line.user,
        method: line.method,
    })
}

/// Why `octroi log search --format squid` withheld a destination.
fn withheld_before(host: &str) -> Option<&'static str> {
    let why = host.strip_suffix(".masked.invalid")?;
    ["category", "person", "guest"].into_iter().find(|known| *known == why)
}

impl Summary {
    fn text(&self) -> String {
        let mut text = String::new();
        let mut row = |name: &str, what: String| {
            // Writing into a String does not fail.
            let _ = writeln!(text, "{name:<9} {what}");
        };
        row("read", plural(self.lines, "line", "lines"));
        row("kept", plural(self.kept, "record", "records"));
        for (name, count, what) in [
            ("masked", self.masked, "of the log's records, new or known: where they went is withheld"),
            ("known", self.known, "that an earlier import had brought"),
            ("erased", self.erased, "not brought back: they were erased"),
            ("skipped", self.skipped, "that are no exchange of anybody's"),
            ("too old", self.too_old, "from before what the register keeps (`[log] retention_days`)"),
            ("future", self.future, "more than a day ahead of this clock"),
            ("bad", self.bad, "that cannot be read"),
        ] {
            if count > 0 {
                row(name, format!("{count} {what}"));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests;
