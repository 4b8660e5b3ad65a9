//! `octroi export requisition`: exactly the scope of a requisition, in one sealed file.
//!
//! Three times the same words: the requisition is written down and a second person asked; once that person has approved, the same
//! command makes the bundle; said once more, it answers that it was made. Only the desk that answers requisitions learns that there
//! is any: every act carries the role `judicial`, which trails, lists and answers to persons leave out (`law.md` 9 and 11).

mod papers;
mod scope;

use super::kept::Kept;
use super::subject::{add_document, add_texts, head};
use super::tally::Tally;
use super::{Dated, DayByDay, OPENED_BY, REQUISITION, dated, file, language, options};
use crate::access::{self, Actor};
use crate::cli::export::ExportRequisition;
use crate::commands::log::bring_up_to_date;
use crate::commands::{Answer, Wrong, answer, answer_json, configuration, letterhead, no_register, plural};
use crate::config::{Config, Purpose};
use crate::pages::Language;
use crate::register;
use jiff::Timestamp;
use logstore::approvals::{Asked, Kind, LONGEST};
use logstore::bundle::{self, Bundle, Encryption, Head, Made};
use logstore::hold::Holds;
use logstore::people::Role;
use logstore::requests::{self, is_reference};
use logstore::requisitions::{Act, Desk, Produced, Refusal, Required, Requisitions};
use logstore::statements::Statements;
use logstore::{ClockState, Keys, ProvenDay, Record, seal};
use scope::Scope;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{self, BufRead, IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// What is asked for, read and judged.
struct Order<'c> {
    config: &'c Config,
    asked: &'c ExportRequisition,
    act: Act,
    dated: Dated,
    scope: Scope,
    keys: Keys,
    language: Language,
}

/// Writes the requisition down, asks for a second person, or makes the bundle: whichever is next.
pub(super) fn requisition(path: Option<&Path>, asked: &ExportRequisition) -> Result<Answer, Wrong> {
    let config = configuration(path)?;
    if !is_reference(&asked.reference) {
        return Err(Wrong(requests::Refusal::Form(asked.reference.clone()).to_string()));
    }
    let (act, dated) = (act(asked)?, dated(asked.into.date, &config.time_zone)?);
    let bounds = scope::Bounds::of(&config, asked)?;
    if !register::is_begun(&config) {
        return Err(Wrong(no_register(&config)));
    }
    let Some(actor) = access::enter(&config, &asked.acting, &[Role::Judicial], "export requisition")? else {
        return Ok(Answer::No);
    };
    let scope = match Scope::of(&config, asked, bounds)? {
        Ok(scope) => scope,
        Err(why) => return no(&why),
    };
    let keys = access::keys(&config)?;
    let language = language(asked.into.lang, config.locale);
    let order = Order { config: &config, asked, act, dated, scope, keys, language };
    if let Err(why) = order.check() {
        return no(&why.to_string());
    }
    let runtime = crate::commands::runtime()?;
    bring_up_to_date(&config, &runtime)?;
    // Before anybody is asked: who decides must know how far it reaches.
    let reach = order.reach(&runtime)?;
    if !order.confirmed(&reach)? {
        return Ok(Answer::No);
    }
    if let Err(why) = order.write_down(&actor)? {
        return no(&why.to_string());
    }
    let Some(grant) = access::two_persons(&config, &actor, order.asked())? else { return Ok(Answer::No) };
    letterhead::warn(&config, letterhead::Says::WhoHasTheData);
    order.produce(&actor, &grant, &runtime)
}

/// The act, as it was typed: nothing in it that isn't seen.
fn act(asked: &ExportRequisition) -> Result<Act, Wrong> {
    let typed = |option: &str, text: Option<&String>| match text {
        None => Ok(String::new()),
        Some(text) => logstore::people::name(text).map_err(|why| Wrong(format!("{option}: {why}"))),
    };
    Ok(Act {
        authority: typed("--authority", Some(&asked.authority))?,
        service: typed("--service", asked.service.as_ref())?,
        officer: typed("--officer-name", asked.officer_name.as_ref())?,
        rank: typed("--officer-rank", asked.officer_rank.as_ref())?,
        article: typed("--article", asked.article.as_ref())?,
        case: typed("--case", asked.case.as_ref())?,
        checked: typed("--checked", asked.checked.as_ref())?,
        delivery: typed("--delivery", asked.delivery.as_ref())?,
    })
}

impl Order<'_> {
    fn reference(&self) -> &str {
        &self.asked.reference
    }

    fn required(&self) -> Required {
        Required { about: self.scope.about.clone(), period: self.scope.period }
    }

    /// What the second person approves.
    fn asked(&self) -> Asked {
        let fields = [("reference", self.reference()), ("authority", &self.act.authority)];
        let act = &self.act;
        let more =
            [("article", &act.article), ("case", &act.case), ("service", &act.service), ("officer", &act.officer)];
        let more =
            more.into_iter().chain([("rank", &act.rank), ("checked", &act.checked), ("delivery", &act.delivery)]);
        // For whom it is encrypted, and when the act came, are approved too.
        let received = self.asked.received.map(|day| day.to_string()).unwrap_or_default();
        let age = self.asked.age_recipient.clone().unwrap_or_default();
        let more = more.chain([("received", &received), ("age recipient", &age)]);
        let more = more.filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name, value.as_str()));
        let fields = fields.into_iter().chain(more);
        Asked {
            kind: Kind::Requisition,
            purpose: None,
            reason: format!("{}, {}", self.reference(), self.act.authority),
            about: self.scope.about.clone(),
            period: self.scope.period,
            longer: None,
            fields: fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            lasts: LONGEST,
            incident: None,
        }
    }

    /// Whether it can still be answered.
    fn check(&self) -> Result<(), Refusal> {
        let all = Requisitions::read(&self.config.register_dir(), &self.keys)?;
        let Some(known) = all.get(self.reference()) else { return Ok(()) };
        match &known.answered {
            Some((on, produced)) => Err(Refusal::Answered(self.reference().to_owned(), *on, produced.sha256.clone())),
            None if known.required != self.required() => Err(Refusal::Used(self.reference().to_owned())),
            None => Ok(()),
        }
    }

    /// Writes it down, unless it was.
    fn write_down(&self, actor: &Actor) -> Result<Result<(), Refusal>, Wrong> {
        let received = self.asked.received.unwrap_or_else(|| crate::rights::today(&self.config.time_zone));
        let mut desk =
            Desk::open(&self.config.register_dir(), &self.keys, &self.config.time_zone).map_err(Wrong::because)?;
        let known = match desk.receive(actor.who(), self.reference(), received, self.act.clone(), self.required()) {
            Ok(known) => known,
            Err(Refusal::Ledger(why)) => return Err(Wrong::because(why)),
            Err(why) => return Ok(Err(why)),
        };
        drop(desk);
        if !known {
            self.note(actor, "received", 0)?;
        }
        Ok(Ok(()))
    }

    /// Notes what is done for it.
    fn note(&self, actor: &Actor, step: &str, count: u64) -> Result<(), Wrong> {
        let about: Vec<String> = self.scope.about.iter().map(ToString::to_string).collect();
        let utc = |at: Option<i64>| at.and_then(|at| Timestamp::from_microsecond(at).ok()).map(|at| at.to_string());
        let said = [
            ("reference", Some(self.reference().to_owned())),
            ("authority", Some(self.act.authority.clone())),
            ("step", Some(step.to_owned())),
            ("about", Some(about.join(", "))),
            ("from", utc(self.scope.period.from)),
            ("to", utc(self.scope.period.to)),
            // Of whoever acts alone nothing else says in which role.
            ("role", Some(Role::Judicial.name().to_owned())),
        ];
        let scope: BTreeMap<String, String> =
            said.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        actor.note(self.config, REQUISITION, Some(Purpose::Judicial.code()), None, scope, count)
    }

    /// How far it reaches.
    fn reach(&self, runtime: &tokio::runtime::Runtime) -> Result<Tally, Wrong> {
        let mut tally = Tally::new(self.config.time_zone.clone(), 0);
        let statements = Statements::default();
        let mut unread = Vec::new();
        let dir = self.config.register_dir();
        for search in self.scope.searches() {
            let visited = logstore::visit(&dir, &self.keys, &search, |record: Record| {
                if self.scope.holds(&record) {
                    tally.add(&record, &statements);
                }
                ControlFlow::Continue(())
            });
            unread.extend(runtime.block_on(visited).map_err(Wrong::because)?);
        }
        let mut kept = self.kept(|record| self.scope.holds(record))?;
        while let Some(day) = kept.next() {
            day.records.iter().for_each(|found| tally.add(&found.record, &statements));
        }
        match unread.first() {
            Some(day) => Err(Wrong(format!("nothing is made, because the answer would not be whole: {day}"))),
            None => Ok(tally),
        }
    }

    /// How many visits of the period no host finds, because theirs is not kept; none when it is about no host.
    fn out_of_reach(&self, runtime: &tokio::runtime::Runtime) -> Result<u64, Wrong> {
        let Some(wherever) = self.scope.wherever() else { return Ok(0) };
        let (dir, mut count) = (self.config.register_dir(), 0);
        for search in wherever.searches() {
            let visited = logstore::visit(&dir, &self.keys, &search, |record: Record| {
                count += u64::from(wherever.conceals(&record));
                ControlFlow::Continue(())
            });
            if let Some(day) = runtime.block_on(visited).map_err(Wrong::because)?.first() {
                return Err(Wrong(format!("nothing is made, because the answer would not be whole: {day}")));
            }
        }
        let mut kept = self.kept(|record| wherever.conceals(record))?;
        while let Some(day) = kept.next() {
            count += day.records.len() as u64;
        }
        Ok(count)
    }

    /// What holds have kept of it, whatever their ground.
    fn kept(&self, within: impl FnMut(&Record) -> bool) -> Result<Kept, Wrong> {
        let dir = self.config.register_dir();
        let holds = Holds::read(&dir, &self.keys).map_err(Wrong::because)?;
        let holds = holds.all().filter(|hold| hold.is_kept());
        Kept::for_holds(&dir, &self.keys, holds, within)
    }

    /// Says how many persons an address or a host opens; whether that is understood.
    fn confirmed(&self, reach: &Tally) -> Result<bool, Wrong> {
        let (records, persons) = (plural(reach.total, "record", "records"), reach.persons.len() as u64);
        if reach.total == 0 || self.scope.is_of_a_person() {
            eprintln!("{records} in its scope");
            return Ok(true);
        }
        let told = plural(persons, "person or unnamed address", "persons or unnamed addresses");
        eprintln!("{records} in its scope, of {told}: all of them are opened by it");
        if persons <= 1 || self.asked.confirm {
            return Ok(true);
        }
        if !io::stdin().is_terminal() {
            eprintln!("say --confirm if this is what the act requires; a narrower scope may be asked of the authority");
            return Ok(false);
        }
        eprint!("Is this what the act requires? [y/N] ");
        io::stderr().flush().map_err(Wrong::because)?;
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line).map_err(Wrong::because)?;
        Ok(["y", "yes", "o", "oui"].contains(&line.trim().to_lowercase().as_str()))
    }

    /// Makes the bundle, and the papers that go with it.
    fn produce(
        &self,
        actor: &Actor,
        grant: &access::Grant<'_>,
        runtime: &tokio::runtime::Runtime,
    ) -> Result<Answer, Wrong> {
        let (config, dir) = (self.config, self.config.register_dir());
        let mut options = options(&self.asked.into, config, self.language)?;
        let ends = match &self.asked.age_recipient {
            Some(recipient) => {
                options.encryption = Encryption::Age(recipient.clone());
                ".zip.age"
            }
            None => ".zip",
        };
        let is_hidden = options.encryption != Encryption::None;
        let file = file(&self.asked.into, self.reference(), ends)?;
        let head =
            Head { kind: bundle::Kind::Requisition, ..head(config, self.reference(), self.scope.period, &self.dated) };
        let mut bundle = Bundle::begin(&file, options, head, &self.keys).map_err(Wrong::because)?;
        let statements = Statements::read(&dir, &self.keys).map_err(Wrong::because)?;
        let mut tally = Tally::new(config.time_zone.clone(), 0);
        let mut clocks: Vec<(String, ClockState)> = Vec::new();
        let mut failed = None;
        let from = self.scope.period.from.and_then(|from| Timestamp::from_microsecond(from).ok());
        let mut shown = DayByDay::new(from, self.dated.until, config.log.retention_days);
        let searches = self.scope.searches();
        let mut kept = self.kept(|record| self.scope.holds(record))?;
        let mut take = |mut day: ProvenDay| {
            day.retain(|record| self.scope.holds(record));
            day.records.iter().for_each(|found| tally.add(&found.record, &statements));
            clocks.extend(day.seal.as_deref().and_then(seal::said).map(|seal| (seal.day, seal.clock)));
            shown.at(&day.day, tally.total);
            match bundle.add_day(&day) {
                Ok(()) => ControlFlow::Continue(()),
                Err(why) => {
                    failed = Some(why);
                    ControlFlow::Break(())
                }
            }
        };
        let visited = logstore::visit_proven(&dir, &self.keys, &searches, |day| {
            while let Some(before) = kept.before(&day.day) {
                take(before)?;
            }
            kept.is_there_without_erased(&day);
            take(day)
        });
        let unread = runtime.block_on(visited).map_err(Wrong::because)?;
        while let Some(day) = kept.next() {
            if take(day).is_break() {
                break;
            }
        }
        kept.rest().iter().for_each(|record| tally.add(record, &statements));
        if !kept.rest().is_empty() {
            let rest = serde_json::to_vec_pretty(kept.rest()).map_err(Wrong::because)?;
            let what = self
                .language
                .pick("Des enregistrements conservés au-delà de leur terme", "Records kept beyond their term");
            bundle.add_file("held.json", "application/json", what, &rest).map_err(Wrong::because)?;
        }
        drop(shown);
        if let Some(why) = failed {
            return Err(Wrong::because(why));
        }
        if let Some(day) = unread.first() {
            return no(&format!("nothing is made, because the answer would not be whole: {day}"));
        }
        let in_charge = access::in_charge(config, actor, grant)?;
        let out_of_reach = self.out_of_reach(runtime)?;
        let paper = papers::paper(self, &tally, &clocks, in_charge, is_hidden, out_of_reach)?;
        if tally.total == 0 {
            add_document(&mut bundle, &paper.nothing(self.language), "neant", "Néant")?;
        }
        add_texts(&mut bundle, self.reference(), &self.keys)?;
        self.note(actor, "answered", tally.total)?;
        // Fails when the approval is over meanwhile, whatever the clock says.
        grant.count(tally.total)?;
        let made = match bundle.finish() {
            Ok(made) => made,
            Err(why) => {
                let _ = self.note(actor, "failed", 0);
                return Err(Wrong::because(why));
            }
        };
        let papers = match papers::write(self, paper, &file, &made) {
            Ok(papers) => self.remember(actor, grant, &made).map(|()| papers),
            Err(why) => Err(why),
        };
        let papers = papers.inspect_err(|_| {
            // What nobody has noted is not to be handed over.
            let _ = std::fs::remove_file(&file);
        })?;
        grant.close()?;
        self.tell(&file, &papers, &made, &tally, out_of_reach)
    }

    fn remember(&self, actor: &Actor, grant: &access::Grant<'_>, made: &Made) -> Result<(), Wrong> {
        let mut desk =
            Desk::open(&self.config.register_dir(), &self.keys, &self.config.time_zone).map_err(Wrong::because)?;
        let produced = Produced { sha256: made.sha256.clone(), records: made.records, approval: grant.number() };
        desk.answer(actor.who(), self.reference(), produced).map_err(Wrong::because)
    }

    fn tell(
        &self,
        file: &Path,
        papers: &[PathBuf],
        made: &Made,
        tally: &Tally,
        out_of_reach: u64,
    ) -> Result<Answer, Wrong> {
        let Made { sha256, bytes, days, records, proved } = made;
        if self.asked.output.json {
            answer_json(&json!({
                "file": file, "papers": papers, "sha256": sha256, "bytes": bytes, "days": days, "records": records,
                "proved": proved, "masked": tally.masked, "persons": tally.persons.len(), "out_of_reach": out_of_reach,
            }))?;
        } else {
            let lines: String = papers.iter().map(|paper| format!("{}\n", paper.display())).collect();
            answer(&format!("{}\n{lines}", file.display()))?;
        }
        let records = plural(*records, "record", "records");
        eprintln!("{records} of {}, {proved} of them proved; SHA-256 {sha256}", plural(*days, "day", "days"));
        if self.asked.into.is_encrypted() {
            eprintln!("{OPENED_BY}");
        }
        if tally.total == 0 {
            eprintln!("nothing lies in its scope: the signed statement says so (néant), and is the answer");
        }
        if out_of_reach > 0 {
            let visits = plural(out_of_reach, "visit", "visits");
            eprintln!("{visits} of that time cannot be found by a host: theirs is not kept; the papers say so");
        }
        Ok(Answer::Done)
    }
}

/// A refusal, said.
fn no(why: &str) -> Result<Answer, Wrong> {
    eprintln!("{why}");
    Ok(Answer::No)
}
