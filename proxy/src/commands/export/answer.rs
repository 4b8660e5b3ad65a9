//! What was found, as letter and report tell it: values of the configuration, of the charter and of the register put into one
//! [`SubjectFile`].

use super::beside::{self, Said};
use super::looks::{Deed, Look};
use super::person::Whose;
use super::tally::{Tally, decided, destination};
use super::terms;
use crate::accounts::file::Table;
use crate::commands::letterhead::organisation;
use crate::config::{Config, Detail, Forward};
use crate::directory::WrittenPerson;
use crate::legal::parties::Person;
use crate::legal::subject::{
    self, Attributed, Beside, Charter, Copies, Counts, JoinedFile, Processing, Purpose, Role, Searched, Store,
    SubjectFile, Unfinished,
};
use crate::pages::Language;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, ZonedDateTime};
use logstore::exceptions::Exception;
use logstore::fields::{Export, fields};
use logstore::hold::{Ground, Hold};
use logstore::people::{Period, Role as Held};
use logstore::requests::Requests;
use logstore::{Outcome, Record};
use policy::Charter as Rules;
use policy::verdict::Text;

/// Acts that the report shows at most, the newest; all of them are in the files beside it.
const ACTS_SHOWN: usize = 500;

/// The groups of names that are protected as shipped (`policy/builtin/protected.toml`), in words.
const PROTECTED: [(&str, &str, &str); 7] = [
    ("health", "santé", "health"),
    ("unions", "syndicats", "trade unions"),
    ("politics", "opinions politiques", "politics"),
    ("religion", "religion", "religion"),
    ("sexuality", "sexualité et rencontres", "sexuality and dating"),
    ("legal-aid", "aide juridique", "legal aid"),
    ("whistleblowing", "signalement d’alertes", "whistleblowing"),
];

/// The files of a bundle, and what each holds.
const FILES: [(&str, &str, &str); 13] = [
    ("letter.pdf, letter.html", "la lettre", "the letter"),
    ("report.pdf, report.html", "ce rapport", "this report"),
    ("records.csv", "toutes les connexions, pour un tableur", "all connections, for a spreadsheet"),
    ("records.json", "toutes les connexions, valeurs exactes", "all connections, exact values"),
    ("statements.json", "les déclarations jointes aux connexions", "statements attached to connections"),
    ("account.json", "les comptes, adresses, habilitations et demandes", "accounts, addresses, roles and requests"),
    ("looks.json", "les consultations de vos données", "looks at your data"),
    ("acts.json", "vos actes sur le registre", "your acts on the register"),
    ("other.json", "confirmations, exceptions, sessions, groupes", "acknowledgements, exceptions, sessions, groups"),
    ("method-fr.txt, method-en.txt", "la méthode et ses limites", "the method and its limits"),
    (
        "verify-fr.txt, verify-en.txt, verify_bundle.py",
        "la vérification, pas à pas, et le programme qui la fait",
        "verification, step by step, and the program that does it",
    ),
    ("proofs.jsonl, seals.jsonl", "les preuves et les sceaux signés", "proofs and signed seals"),
    ("manifest.json, key.pem", "l’inventaire et la clé publique", "the inventory and the public key"),
];

/// What an answer is made from.
pub(super) struct Answer<'a> {
    pub(super) config: &'a Config,
    pub(super) charter: &'a Rules,
    pub(super) reference: &'a str,
    pub(super) whose: &'a Whose,
    pub(super) local: &'a Table,
    pub(super) of_directory: &'a [WrittenPerson],
    pub(super) requests: &'a Requests,
    pub(super) language: Language,
    pub(super) answered: ZonedDateTime,
    /// Whether one person alone opens names.
    pub(super) alone: bool,
    /// The searched time.
    pub(super) period: Period,
    pub(super) tally: &'a Tally,
    pub(super) withheld: u64,
    pub(super) looks: &'a [Look],
    pub(super) deeds: &'a [Deed],
    pub(super) statements: &'a [Said<'a>],
    /// The exceptions granted to the person.
    pub(super) granted: &'a [Exception],
    pub(super) reviewed: bool,
    /// Why some of the records are kept beyond their term; none of those that nobody may know of.
    pub(super) holds: Vec<&'a Hold>,
    pub(super) fingerprint: String,
}

impl Answer<'_> {
    /// Everything in one.
    pub(super) fn file(&self) -> SubjectFile {
        let config = self.config;
        let request = self.requests.get(self.reference);
        let name = request.map(|request| request.opening.who.clone()).filter(|name| *name != self.whose.person);
        let searched = self.searched();
        SubjectFile {
            organisation: organisation(config),
            person: Person { name: name.unwrap_or_default(), address: Vec::new(), account: self.whose.person.clone() },
            reference: self.reference.to_owned(),
            received: request.map_or(self.answered.date(), |request| request.opening.received),
            answered: self.answered.clone(),
            searched,
            processing: processing(config, self.charter, self.alone),
            counts: self.counts(),
            records: self.tally.last.iter().rev().map(|found| record(found, self.charter, &config.time_zone)).collect(),
            beside: self.beside(),
            looks: self.looks.iter().filter_map(|look| self.look(look)).collect(),
            holds: self.holds.iter().filter_map(|hold| kept(hold)).collect(),
            charter: Charter {
                title: self.charter.title().to_owned(),
                version: self.charter.version().to_owned(),
                hash: self.charter.identity().to_owned(),
            },
            files: FILES.iter().map(|(name, fr, en)| joined(name, fr, en)).collect(),
            key_fingerprint: self.fingerprint.clone(),
        }
    }

    /// The days that were searched: those asked for, else all for which anything can be there.
    fn searched(&self) -> Searched {
        let zone = &self.config.time_zone;
        let kept = i64::from(self.config.log.retention_days) + 1;
        let oldest = self.answered.date().saturating_sub(kept.days());
        let first = self.tally.days.map_or(oldest, |(first, _)| first.min(oldest));
        let from = self.period.from.map_or(first, |from| day(from, zone));
        let to = self.period.to.map_or(self.answered.date(), |to| day(to.saturating_sub(1), zone));
        let within = |period: &Period| {
            let from = period.from.map_or(from, |begin| day(begin, zone).max(from));
            (from, period.to.map_or(to, |end| day(end.saturating_sub(1), zone).min(to)))
        };
        let attributed = |name: String, period: &Period| {
            let (from, to) = within(period);
            (from <= to).then_some(Attributed { name, from, to })
        };
        let accounts = self.whose.accounts.iter().filter_map(|(name, period)| attributed(name.clone(), period));
        let addresses =
            self.whose.addresses.iter().filter_map(|(address, period)| attributed(address.to_string(), period));
        Searched {
            from,
            to,
            accounts: accounts.collect(),
            addresses: addresses.collect(),
            stores: vec![Store::Register, Store::Held, Store::AuditTrail, Store::Accounts, Store::Ledgers],
        }
    }

    fn counts(&self) -> Counts {
        let tally = self.tally;
        let unlisted = Text { fr: "non classé".into(), en: "not categorised".into() };
        let label = |category: &Option<String>| match category {
            None => unlisted.clone(),
            Some(category) => labelled(self.charter, category),
        };
        let mut categories: Vec<(Text, u64)> =
            tally.categories.iter().map(|(category, count)| (label(category), *count)).collect();
        categories.sort_by(|(one, many), (other, more)| more.cmp(many).then_with(|| one.fr.cmp(&other.fr)));
        Counts {
            total: tally.total,
            masked: tally.masked,
            shared: self.withheld,
            by_month: tally.months.iter().map(|((year, month), count)| (*year, *month, *count)).collect(),
            by_category: categories,
            by_action: tally.by_action(),
        }
    }

    fn beside(&self) -> Beside {
        let zone = &self.config.time_zone;
        let withheld = self.language.pick(
            "[texte à relire avant communication : il peut nommer d’autres personnes]",
            "[text to be reviewed before it is disclosed: it may name other people]",
        );
        let statements = self.statements.iter().map(|entry| {
            let text = beside::text(entry, self.requests, self.whose, self.reviewed).unwrap_or(withheld);
            let kind = statement_in_words(entry.what.says.kind(), self.language);
            let text = if text.is_empty() { kind.to_owned() } else { format!("{kind} – {text}") };
            (day(entry.at, zone), text)
        });
        let theirs = self.local.accounts.iter().filter(|(name, _)| self.whose.is_called(name));
        let accounts = theirs.map(|(name, account)| {
            let held = self.whose.people().roles(name).filter_map(|(held, _)| role(held)).collect();
            (name.clone(), account.created.to_zoned_datetime(zone.clone()).date(), held)
        });
        let deeds = self.deeds.iter().rev().take(ACTS_SHOWN).filter_map(|deed| {
            let at = deed.at.parse::<Timestamp>().ok()?.to_zoned_datetime(zone.clone());
            let what = act_in_words(&deed.act, self.language);
            let purpose = deed.purpose.as_ref().map(|purpose| format!(" ({purpose})")).unwrap_or_default();
            Some((at, format!("{what}{purpose}")))
        });
        let kept = self.of_directory.iter().filter(|person| self.whose.is_called(&person.account));
        let groups = kept.flat_map(|person| {
            let since = day(person.at.as_microsecond(), zone);
            person.groups.iter().map(move |group| (group.clone(), since))
        });
        let read = self.tally.acknowledged.iter();
        let read = read.map(|warning| (day(warning.at, zone), warning.in_words(self.language)));
        let granted = self.granted.iter().map(|one| terms::told(one, self.reviewed, |at| day(at, zone)));
        Beside {
            statements: statements.collect(),
            acknowledgements: read.collect(),
            exceptions: granted.collect(),
            groups: groups.collect(),
            accounts: accounts.collect(),
            acts: deeds.collect(),
            ..Beside::default()
        }
    }

    fn look(&self, look: &Look) -> Option<subject::Look> {
        let at = look.at.parse::<Timestamp>().ok()?.to_zoned_datetime(self.config.time_zone.clone());
        let words = Text { fr: "sous pseudonyme".into(), en: "under a pseudonym".into() };
        let code = look.purpose.clone().unwrap_or_else(|| "pseudonym".to_owned());
        Some(subject::Look { at, purpose: Purpose { code, words }, role: role(Held::of_name(look.role)?)? })
    }
}

fn processing(config: &Config, charter: &Rules, alone: bool) -> Processing {
    let log = &config.log;
    let protected = PROTECTED.iter().map(|(_, fr, en)| Text { fr: (*fr).into(), en: (*en).into() });
    let reason = Text { fr: log.retention_reason.clone(), en: log.retention_reason.clone() };
    let in_force = fields().iter().filter(|field| field.export.contains(&Export::Subject));
    Processing {
        purposes: log
            .purposes
            .iter()
            .map(|purpose| Purpose { code: purpose.code().to_owned(), words: Text::default() })
            .collect(),
        detail: match log.detail {
            Detail::Host => subject::Detail::Host,
            Detail::Path => subject::Detail::Path,
            Detail::Url => subject::Detail::Url,
        },
        fields: in_force.map(|field| field.name.clone()).collect(),
        masked_categories: protected.chain(charter.masked_categories().into_iter().cloned()).collect(),
        copies: copies(&log.forward),
        alone,
        masked_persons: charter.masks_persons(),
        retention_days: log.retention_days.into(),
        retention_reason: reason,
        processor: config.legal.processor.clone(),
        hosting: config.legal.hosting.clone(),
        transfers: config.legal.transfers.clone().map(|text| Text { fr: text.clone(), en: text }),
    }
}

/// What `[log.forward]` has leave the gate.
fn copies(forward: &Forward) -> Copies {
    match (forward.json || forward.syslog.is_some(), forward.names) {
        (false, _) => Copies::None,
        (true, false) => Copies::Pseudonyms,
        (true, true) => Copies::Names,
    }
}

/// Why it was not answered whole.
fn unfinished(outcome: Option<Outcome>) -> Option<Unfinished> {
    match outcome? {
        Outcome::Failed => Some(Unfinished::Failed),
        Outcome::Abandoned => Some(Unfinished::Abandoned),
        Outcome::Interrupted => Some(Unfinished::Interrupted),
        Outcome::Completed | Outcome::Refused | Outcome::Continued => None,
    }
}

fn record(found: &Record, charter: &Rules, zone: &TimeZone) -> subject::Record {
    subject::Record {
        id: found.id.unsigned_abs(),
        opened: Timestamp::from_microsecond(found.opened_at).unwrap_or_default().to_zoned_datetime(zone.clone()),
        host: destination(found),
        category: found.category.as_ref().map(|category| labelled(charter, category)),
        action: decided(found.action),
        unfinished: unfinished(found.outcome),
        client: found.client_ip.to_string(),
        bytes: found.bytes_sent.saturating_add(found.bytes_received),
    }
}

/// A category by its label; by its name when the charter in force knows it no more.
fn labelled(charter: &Rules, category: &str) -> Text {
    let named = || Text { fr: category.to_owned(), en: category.to_owned() };
    charter.label(category).cloned().unwrap_or_else(named)
}

/// A hold as documents tell it; none of one that nobody may know of.
fn kept(hold: &Hold) -> Option<subject::Hold> {
    let ground = match hold.terms.ground {
        Ground::Judicial { .. } => return None,
        Ground::Litigation { .. } => subject::Ground::Litigation,
        Ground::Incident { .. } => subject::Ground::Incident,
        Ground::Rights { .. } => subject::Ground::Rights,
    };
    Some(subject::Hold { ground, until: hold.terms.until })
}

/// A role as documents name it; none for that of the desk that answers authorities.
fn role(held: Held) -> Option<Role> {
    Some(match held {
        Held::Operator => Role::Operator,
        Held::Policy => Role::Policy,
        Held::Statistics => Role::Statistics,
        Held::Investigator => Role::Investigator,
        Held::Approver => Role::Approver,
        Held::Rights => Role::Rights,
        Held::Auditor => Role::Auditor,
        Held::Judicial => return None,
    })
}

fn statement_in_words(kind: &str, language: Language) -> &str {
    match kind {
        "rectification" => language.pick("rectification", "rectification"),
        "restriction" => language.pick("limitation", "restriction"),
        "lifted" => language.pick("limitation levée", "restriction lifted"),
        "objection" => language.pick("opposition", "objection"),
        "decided" => language.pick("décision sur une opposition", "decision on an objection"),
        "erasure" => language.pick("effacement décidé", "erasure decided"),
        "erased" | "done" => language.pick("effacement effectué", "erasure done"),
        other => other,
    }
}

/// An act in words that name nobody. One that has none is told by its name in the audit trail.
fn act_in_words(act: &str, language: Language) -> String {
    let words = match act {
        "search" => ("recherche dans le registre", "search in the register"),
        "stats" | "report" => ("chiffres qui ne désignent personne", "figures about nobody"),
        "replay" => ("essai d'un projet de charte, sans noms", "trial of a draft charter, without names"),
        "hold" => ("conservation de données au-delà de leur terme", "data kept beyond their term"),
        "search refused" => ("recherche refusée", "search refused"),
        "tail" => ("suivi en direct, sous pseudonymes", "live view, under pseudonyms"),
        "verify" => ("vérification du registre", "verification of the register"),
        "audit" => ("lecture du journal des consultations", "reading of the trail of looks"),
        "purge" | "purge asked" => ("destruction des journées échues", "destruction of days past their term"),
        "import" => ("reprise de journaux", "logs taken over"),
        "erase" => ("effacement", "erasure"),
        "exception granted" => ("exception à la charte accordée", "exception to the charter granted"),
        "exception revoked" => ("exception à la charte révoquée", "exception to the charter revoked"),
        "exceptions listed" => ("liste des exceptions à la charte", "list of exceptions to the charter"),
        "rekey" => ("changement de clé", "change of key"),
        "start" => ("démarrage", "start"),
        "stop" => ("arrêt", "stop"),
        "role" => ("habilitation donnée ou retirée", "role given or taken"),
        "undertaking" => ("engagement de confidentialité", "confidentiality undertaking"),
        "unlink" => ("rattachement retiré", "link withdrawn"),
        "link" => ("rattachement d'un compte ou d'une adresse", "account or address linked"),
        "asked" => ("demande d'accord", "approval asked for"),
        "approved" => ("accord donné", "approval given"),
        "refused" => ("accord refusé", "approval refused"),
        "closed" => ("accord clos", "approval closed"),
        "break-glass" => ("ouverture d'urgence", "broken glass"),
        "reviewed" => ("compte rendu d'une ouverture d'urgence", "review of a broken glass"),
        "access refused" => ("accès refusé", "access refused"),
        "request" => ("demande d'une personne", "request of a person"),
        "statement" => ("déclaration jointe à des enregistrements", "statement attached to records"),
        "read restricted" => ("lecture d'enregistrements limités", "reading of restricted records"),
        "export" => ("réponse à une demande d'accès", "answer to a request for access"),
        "account" => ("compte ouvert, modifié ou fermé", "account opened, changed or closed"),
        other => return other.to_owned(),
    };
    crate::legal::wording::set(language, language.pick(words.0, words.1))
}

fn joined(name: &str, fr: &str, en: &str) -> JoinedFile {
    JoinedFile { name: name.to_owned(), what: Text { fr: fr.to_owned(), en: en.to_owned() } }
}

fn day(micros: i64, zone: &TimeZone) -> Date {
    zone.to_datetime(Timestamp::from_microsecond(micros).unwrap_or_default()).date()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_of_protected_names_has_its_words_law_9_b() {
        let shipped = include_str!("../../../../policy/builtin/protected.toml");
        let groups: Vec<&str> = shipped.lines().filter_map(|line| line.strip_prefix('[')?.strip_suffix(']')).collect();
        assert_eq!(groups, PROTECTED.map(|(group, ..)| group));
    }

    #[test]
    fn every_act_of_the_trail_has_its_words_but_those_of_the_gate_itself_and_of_requisitions() {
        let own = [
            "incident",
            "retention",
            "setting",
            "alarm",
            "seal",
            "anchor",
            "recovery",
            "clock step",
            crate::commands::export::REQUISITION,
        ];
        for act in crate::register::ACTS.iter().filter(|act| !own.contains(act)) {
            assert_ne!(act_in_words(act, Language::French), **act, "{act}");
        }
    }
}
