//! `octroi export subject`: the answer to a request for access (RGPD art. 15), everything about one person in one file.
//!
//! In this order: who acts, which request, whose data; then one pass over the register; then the documents; then it is noted, and
//! only then does the file get its name. Nothing found is an answer too: a bundle says so, and the exit status is 0.

use super::admissible::{admissible, in_time};
use super::answer::Answer as Told;
use super::kept::Kept;
use super::looks::{Looks, Trail};
use super::person::{Seen, Theirs, Whose};
use super::tally::Tally;
use super::{Dated, DayByDay, OPENED_BY, SUBJECT, beside, dated, file, language, options, terms};
use crate::access;
use crate::accounts::file as accounts;
use crate::cli::export::ExportSubject;
use crate::commands::log::bring_up_to_date;
use crate::commands::when::{Day, instant};
use crate::commands::{Answer, Wrong, answer, answer_json, charter, configuration, letterhead, no_register, plural};
use crate::config::{Config, Purpose};
use crate::legal::{html, method, pdf, subject as documents};
use crate::pages::Language;
use crate::register;
use jiff::Timestamp;
use logstore::audit;
use logstore::bundle::{self, Bundle, Head, Made};
use logstore::hold::{Hold, Holds};
use logstore::people::{self, Period, Role, is_machine};
use logstore::requests::{self, Bundled, Desk, Requests, is_reference};
use logstore::statements::Statements;
use logstore::{Keys, Ledger, ProvenDay, Record, approvals};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;

/// Makes the bundle.
pub(super) fn subject(path: Option<&Path>, asked: &ExportSubject) -> Result<Answer, Wrong> {
    let config = configuration(path)?;
    let name = people::name(&asked.user).map_err(|why| Wrong(format!("USER: {why}")))?;
    if !is_reference(&asked.reference) {
        return Err(Wrong(requests::Refusal::Form(asked.reference.clone()).to_string()));
    }
    if is_machine(&name) {
        return Err(Wrong(format!("USER: {name} is a machine's account: what it asked for is nobody's")));
    }
    let dated = dated(asked.into.date, &config.time_zone)?;
    let period = period(&config, asked, &dated)?;
    if !register::is_begun(&config) {
        return Err(Wrong(no_register(&config)));
    }
    let Some(actor) = access::enter(&config, &asked.acting, &[Role::Rights], "export subject")? else {
        return Ok(Answer::No);
    };
    let keys = access::keys(&config)?;
    let dir = config.register_dir();
    let local = accounts::read(&accounts::path(&config.data_dir)).map_err(Wrong::because)?;
    let lines = logstore::ledger::read(&dir, &keys, Ledger::People).map_err(Wrong::because)?;
    let whose = match Whose::ever(lines, &local, &name, asked.exactly) {
        Ok(whose) => whose,
        Err(why) => return no(&why),
    };
    if !super::person::same(&whose.person, &name) {
        eprintln!("{name} is an account of {}'s: all of theirs are searched", whose.person);
    }
    let requests = Requests::read(&dir, &keys).map_err(Wrong::because)?;
    let acts = audit::read(&dir).map_err(Wrong::because)?.acts;
    if let Err(why) = admissible(&requests, &acts, &whose, asked, actor.is_alone()) {
        return no(&why);
    }
    let request = requests.get(&asked.reference);
    in_time(&config, request, &whose, &dated)?;
    let wanted = request.and_then(|request| Language::of_tag(&request.opening.language)).unwrap_or(config.locale);
    let language = language(asked.into.lang, wanted);
    let rules = charter(&config)?.charter;
    let file = file(&asked.into, &asked.reference, ".zip")?;
    let options = options(&asked.into, &config, language)?;
    let statements = Statements::read(&dir, &keys).map_err(Wrong::because)?;
    let approvals = approvals::read(&dir, &keys).map_err(Wrong::because)?;
    let holds = Holds::read(&dir, &keys).map_err(Wrong::because)?;
    let pseudonyms = register::pseudonyms(&config).map_err(Wrong::because)?;

    letterhead::warn(&config, letterhead::Says::WhoHasTheData);
    let runtime = crate::commands::runtime()?;
    bring_up_to_date(&config, &runtime)?;
    let trail = Trail {
        acts: &acts,
        approvals: &approvals,
        holds: &holds,
        reference: &asked.reference,
        until: dated.until,
        zone: &config.time_zone,
    };
    let mut looks = Looks::of(&trail, &whose, pseudonyms);
    let mut bundle = Bundle::begin(&file, options, head(&config, &asked.reference, period, &dated), &keys)
        .map_err(Wrong::because)?;
    let mut tally = Tally::new(config.time_zone.clone(), documents::SHOWN);
    let (mut withheld, mut failed) = (0, None);
    let mut shown = DayByDay::new(
        period.from.and_then(|from| Timestamp::from_microsecond(from).ok()),
        dated.until,
        config.log.retention_days,
    );
    // What was taken out for this request when it was received; its days may be purged since.
    let taken_out =
        request.map(|request| requests::extracted(&dir, &keys, request)).transpose().map_err(Wrong::because)?;
    // And what holds have kept of theirs, but for those that nobody may know of.
    let holds: Vec<&Hold> = holds.all().filter(|hold| hold.is_kept() && !hold.is_secret()).collect();
    let mut kept = Kept::for_holds(&dir, &keys, holds.iter().copied(), |record| whose.concerns(record))?;
    taken_out.into_iter().flatten().for_each(|day| kept.add(day));
    let mut held: BTreeSet<u64> = BTreeSet::new();
    let mut seen = Seen::default();
    let mut take = |mut day: ProvenDay| {
        whose.note(day.records.iter().map(|found| &found.record), &mut seen);
        day.retain(|record| {
            let theirs = if period.holds(record.opened_at) { whose.holds_beside(record, &seen) } else { Theirs::No };
            withheld += u64::from(theirs == Theirs::Shared);
            theirs == Theirs::Yes
        });
        for found in &day.records {
            let covers = |hold: &&&Hold| hold.terms.covers(&found.record, whose.people());
            held.extend(holds.iter().filter(covers).map(|hold| hold.number));
            tally.add(&found.record, &statements);
            looks.see(&found.record, &whose);
        }
        shown.at(&day.day, tally.total);
        match bundle.add_day(&day) {
            Ok(()) => ControlFlow::Continue(()),
            Err(why) => {
                failed = Some(why);
                ControlFlow::Break(())
            }
        }
    };
    let visited = runtime.block_on(logstore::visit_proven(&dir, &keys, &whose.searches(period), |day| {
        while let Some(before) = kept.before(&day.day) {
            take(before)?;
        }
        kept.is_there(&day.day);
        take(day)
    }));
    while let Some(day) = kept.next() {
        if take(day).is_break() {
            break;
        }
    }
    drop(shown);
    if let Some(why) = failed {
        return Err(Wrong::because(why));
    }
    if let Some(day) = visited.map_err(Wrong::because)?.first() {
        return no(&format!("nothing is made, because the answer would not be whole: {day}"));
    }

    let granted = logstore::exceptions::read(&dir, &keys).map_err(Wrong::because)?;
    let granted = terms::granted(granted, &whose);
    let said = beside::concerning(&statements, &whose, &tally.statements);
    let numbers: Vec<u64> = said.iter().map(|entry| entry.number).collect();
    let (looks, deeds) = (looks.into_certain(&numbers), trail.deeds(&whose));
    let of_directory = crate::directory::kept(&config.data_dir).map_err(Wrong::because)?;
    let told = Told {
        config: &config,
        charter: &rules,
        reference: &asked.reference,
        whose: &whose,
        local: &local,
        of_directory: &of_directory,
        requests: &requests,
        language,
        answered: dated.answered.clone(),
        alone: actor.is_alone(),
        period,
        tally: &tally,
        withheld,
        looks: &looks,
        deeds: &deeds,
        statements: &said,
        granted: &granted,
        reviewed: asked.texts_reviewed,
        holds: holds.iter().copied().filter(|hold| held.contains(&hold.number)).collect(),
        fingerprint: keys.public().fingerprint(),
    };
    let found = told.file();
    let joined = [
        ("statements.json", beside::statements(&said, &requests, &whose, asked.texts_reviewed)),
        ("account.json", beside::account(&whose, &local, &of_directory, &requests, &asked.reference, withheld)),
        ("looks.json", json!(looks)),
        ("acts.json", json!(deeds)),
        ("other.json", terms::beside(beside::other(), &granted, &tally.acknowledged, asked.texts_reviewed)),
    ];
    add_documents(&mut bundle, &found, language)?;
    for (name, value) in &joined {
        add_json(&mut bundle, name, value, language)?;
    }
    // Of two that kept different records of one day, what the larger has not.
    let is_theirs =
        |record: &&Record| period.holds(record.opened_at) && whose.holds_beside(record, &seen) == Theirs::Yes;
    let rest: Vec<&Record> = kept.rest().iter().filter(is_theirs).collect();
    if !rest.is_empty() {
        add_json(&mut bundle, "held.json", &json!(rest), language)?;
    }
    add_texts(&mut bundle, &asked.reference, &keys)?;

    let mut scope =
        BTreeMap::from([("user".to_owned(), whose.person.clone()), ("reference".to_owned(), asked.reference.clone())]);
    scope.extend(
        [("from", &asked.from), ("to", &asked.to)].into_iter().filter_map(|(n, v)| Some((n.to_owned(), v.clone()?))),
    );
    actor.note(&config, SUBJECT, Some(Purpose::Rights.code()), None, scope.clone(), tally.total)?;
    let made = match bundle.finish() {
        Ok(made) => made,
        Err(why) => {
            // What was noted did not take place, which is noted too.
            scope.insert("failed".to_owned(), "true".to_owned());
            let _ = actor.note(&config, SUBJECT, Some(Purpose::Rights.code()), None, scope, 0);
            return Err(Wrong::because(why));
        }
    };
    let bundled = Bundled {
        sha256: made.sha256.clone(),
        user: Some(whose.person.clone()),
        dated: Some(dated.answered.date()),
        path: std::path::absolute(&file).ok().map(|path| path.display().to_string()),
    };
    if request.is_some()
        && let Err(why) = remember(&config, &keys, actor.who(), &asked.reference, &whose, bundled)
    {
        // A bundle that no request names is not the answer to one.
        let _ = std::fs::remove_file(&file);
        return Err(why);
    }
    tell(asked, &file, &made, &found, withheld)
}

/// The time that is searched.
fn period(config: &Config, asked: &ExportSubject, dated: &Dated) -> Result<Period, Wrong> {
    let zone = &config.time_zone;
    let from = asked.from.as_deref().map(|text| instant("--from", text, zone, Day::Begins)).transpose()?;
    let to = asked.to.as_deref().map(|text| instant("--to", text, zone, Day::Ends)).transpose()?;
    if from.zip(to).is_some_and(|(from, to)| from >= to) {
        return Err(Wrong("--from is later than --to".to_owned()));
    }
    if from.is_some_and(|from| from >= dated.until) {
        return Err(Wrong("--from is later than the day of the answer".to_owned()));
    }
    let kept = config.log.retention_days;
    let oldest = dated.answered.timestamp() - jiff::SignedDuration::from_hours(24 * (i64::from(kept) + 1));
    if let Some(to) = to.filter(|to| *to <= oldest) {
        return Err(Wrong(format!(
            "--to {}: records are kept for {kept} days, so that there is none before {}; leave --to out",
            asked.to.as_deref().unwrap_or(&to.to_string()),
            zone.to_datetime(oldest).date()
        )));
    }
    if from.is_some_and(|from| from < oldest) {
        eprintln!("note: records are kept for {kept} days; what is before {} is gone", zone.to_datetime(oldest).date());
    }
    let to = to.map_or(dated.until, |to| to.min(dated.until));
    Ok(Period { from: from.map(Timestamp::as_microsecond), to: Some(to.as_microsecond()) })
}

/// What the manifest says of the whole.
pub(super) fn head(config: &Config, reference: &str, period: Period, dated: &Dated) -> Head {
    let utc = |micros: i64| Timestamp::from_microsecond(micros).map(|at| at.to_string()).ok();
    let statement = [Language::French, Language::English].map(|language| {
        let note = bundle::csv_note(language.tag());
        (language.tag().to_owned(), format!("{}\n\n{note}", method::statement(language)))
    });
    Head {
        kind: bundle::Kind::Subject,
        reference: reference.to_owned(),
        organisation: config.organisation.name.clone(),
        node: register::settings(config).node,
        from: period.from.and_then(utc),
        to: period.to.and_then(utc),
        made_at: dated.answered.timestamp().to_string(),
        program: format!("octroi {}", env!("CARGO_PKG_VERSION")),
        statement: BTreeMap::from(statement),
    }
}

fn add_documents(bundle: &mut Bundle<'_>, found: &documents::SubjectFile, language: Language) -> Result<(), Wrong> {
    let letter = (documents::letter(found, language), "letter", language.pick("La lettre", "The letter"));
    let report = (documents::report(found, language), "report", language.pick("Le rapport", "The report"));
    for (document, name, what) in [letter, report] {
        add_document(bundle, &document, name, what)?;
    }
    Ok(())
}

/// Adds a document, for the eye and for paper.
pub(super) fn add_document(
    bundle: &mut Bundle<'_>,
    document: &crate::legal::document::Document,
    name: &str,
    what: &str,
) -> Result<(), Wrong> {
    let paper = pdf::render(document).map_err(Wrong::because)?;
    bundle.add_file(&format!("{name}.pdf"), "application/pdf", what, &paper).map_err(Wrong::because)?;
    let page = html::render(document);
    bundle.add_file(&format!("{name}.html"), "text/html; charset=utf-8", what, page.as_bytes()).map_err(Wrong::because)
}

fn add_json(bundle: &mut Bundle<'_>, name: &str, value: &Value, language: Language) -> Result<(), Wrong> {
    let what = match name {
        "statements.json" => {
            language.pick("Les déclarations jointes aux enregistrements", "Statements attached to records")
        }
        "account.json" => language.pick("Les comptes, adresses, habilitations", "Accounts, addresses, roles"),
        "looks.json" => language.pick("Les consultations : date, finalité, rôle", "Looks: date, purpose, role"),
        "held.json" => {
            language.pick("Des enregistrements conservés au-delà de leur terme", "Records kept beyond their term")
        }
        "acts.json" => language.pick("Les actes de la personne sur le registre", "What the person did to the register"),
        _ => language.pick("Ce dont il n’est rien conservé", "What nothing is kept of"),
    };
    let mut text = serde_json::to_vec_pretty(value).map_err(Wrong::because)?;
    text.push(b'\n');
    bundle.add_file(name, "application/json", what, &text).map_err(Wrong::because)
}

/// Adds method and verification, in both languages, and the program that verifies.
pub(super) fn add_texts(bundle: &mut Bundle<'_>, reference: &str, keys: &Keys) -> Result<(), Wrong> {
    let (file, key) = (format!("{reference}.zip"), keys.public().fingerprint());
    for language in [Language::French, Language::English] {
        let what = language.pick(("La méthode", "La vérification"), ("The method", "Verification"));
        let method = format!("{}\n\n{}\n", method::statement(language), bundle::csv_note(language.tag()));
        let verification = method::verification(language, &file, &key);
        for (name, what, text) in [("method", what.0, method), ("verify", what.1, verification)] {
            let name = format!("{name}-{}.txt", language.tag());
            bundle.add_file(&name, "text/plain; charset=utf-8", what, text.as_bytes()).map_err(Wrong::because)?;
        }
    }
    let what = "Un programme qui vérifie ce dossier – A program that verifies this bundle";
    bundle
        .add_file("verify_bundle.py", "text/x-python; charset=utf-8", what, method::PROGRAM.as_bytes())
        .map_err(Wrong::because)
}

/// Writes the bundle into the request that it answers: its hash, whose it is, where it lies.
fn remember(
    config: &Config,
    keys: &Keys,
    who: &str,
    reference: &str,
    whose: &Whose,
    made: Bundled,
) -> Result<(), Wrong> {
    let mut desk = Desk::open(&config.register_dir(), keys, &config.time_zone).map_err(Wrong::because)?;
    desk.answered_by(who, reference, made, |user| whose.is_called(user)).map(drop).map_err(Wrong::because)
}

fn tell(
    asked: &ExportSubject,
    file: &Path,
    made: &Made,
    found: &documents::SubjectFile,
    withheld: u64,
) -> Result<Answer, Wrong> {
    let Made { sha256, bytes, days, records, proved } = made;
    if asked.output.json {
        answer_json(&json!({
            "file": file, "sha256": sha256, "bytes": bytes, "days": days, "records": records, "proved": proved,
            "withheld": withheld, "looks": found.looks.len(), "found": found.found(),
        }))?;
    } else {
        answer(&format!("{}\n", file.display()))?;
    }
    let records = plural(*records, "record", "records");
    eprintln!("{records} of {}, {proved} of them proved; SHA-256 {sha256}", plural(*days, "day", "days"));
    if withheld > 0 {
        let lines = plural(withheld, "line", "lines");
        eprintln!("{lines} of addresses that several people share withheld (RGPD art. 15(4))");
    }
    if asked.into.is_encrypted() {
        eprintln!("{OPENED_BY}");
    }
    if !found.found() {
        eprintln!("nothing was found about this person: the bundle says so, and is the answer");
    }
    Ok(Answer::Done)
}

/// A refusal, said.
fn no(why: &str) -> Result<Answer, Wrong> {
    eprintln!("{why}");
    Ok(Answer::No)
}
