//! What is handed over on a requisition: inventory, draft of the record of handing over, or the statement that there is nothing.
//!
//! The organisation hands over what it holds, within the scope of the act and no farther; it need not say who the author of a
//! connection is, nor analyse anything.
mod method;

use super::document::{Column, Document, Passage, Signature, Table};
use super::parties::Organisation;
use super::prose::Prose;
use super::subject::{self, Stated};
use super::write::Writer;
use super::{references, wording};
use crate::pages::Language;
use jiff::ZonedDateTime;
use jiff::civil::Date;

/// A requisition, and what was found within its scope.
#[derive(Debug, Clone)]
pub(crate) struct Requisition {
    /// Who hands over.
    pub(crate) organisation: Organisation,
    /// Who runs the gate for it.
    pub(crate) processor: Stated<String>,
    /// Who hosts the register; none: the organisation itself.
    pub(crate) hosting: Stated<String>,
    /// Where outside the European Union data go.
    pub(crate) transfers: Stated<String>,
    /// Our number.
    pub(crate) reference: String,
    /// The act.
    pub(crate) act: Act,
    /// From when.
    pub(crate) from: ZonedDateTime,
    /// To when.
    pub(crate) to: ZonedDateTime,
    /// Whom or what it is about.
    pub(crate) scope: Scope,
    /// How many.
    pub(crate) counts: Counts,
    /// The files that are handed over.
    pub(crate) files: Vec<HashedFile>,
    /// Who is in charge of it at the organisation: the accounts of two persons, whose names stand nowhere.
    pub(crate) in_charge: Vec<String>,
    /// How it is delivered.
    pub(crate) delivery: String,
    /// Whether the files are encrypted, and for whom.
    pub(crate) encrypted_for: Option<String>,
    /// How well the clock was kept.
    pub(crate) clock: Clock,
    /// How long records are kept, in days.
    pub(crate) retention_days: u32,
    /// SHA-256 of the register's public key, as hexadecimal digits.
    pub(crate) key_fingerprint: String,
    /// When the register was searched.
    pub(crate) searched: ZonedDateTime,
    /// The day it bears, by its beginning.
    pub(crate) made: ZonedDateTime,
}

/// The act by which something is required.
#[derive(Debug, Clone, Default)]
pub(crate) struct Act {
    /// The authority it comes from.
    pub(crate) authority: String,
    /// The service that acts.
    pub(crate) service: String,
    /// Name and rank of who signed it.
    pub(crate) officer: String,
    /// The article it cites: an id of `references`, or as it stands in the act.
    pub(crate) article: String,
    /// The number of the case.
    pub(crate) case: String,
    /// The day it was received.
    pub(crate) received: Option<Date>,
    /// How its authenticity was checked.
    pub(crate) checked: String,
}

/// Whom or what a requisition is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    /// An account.
    Account(String),
    /// The address of a machine.
    Address(String),
    /// The name of a site.
    Host(String),
}

/// How many records lie within the scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    /// All of them.
    pub(crate) records: u64,
    /// Those whose destination is withheld.
    pub(crate) masked: u64,
    /// How many accounts they name.
    pub(crate) accounts: u64,
    /// Visits of the period whose site is not kept, of which no site finds any; none when it isn't about one.
    pub(crate) out_of_reach: u64,
}

/// A file that is handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HashedFile {
    /// Its name.
    pub(crate) name: String,
    /// Its size.
    pub(crate) bytes: u64,
    /// Its SHA-256, as hexadecimal digits.
    pub(crate) sha256: String,
}

/// How well the clock was kept during the period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Clock {
    /// Nothing says.
    Unknown,
    /// All along: source, and the largest estimated offset in milliseconds.
    Kept {
        /// What kept it.
        source: String,
        /// At most this far off.
        offset_ms: u64,
    },
    /// Not all along.
    Lost {
        /// The days (UTC), the first first.
        days: Vec<Date>,
    },
}

impl Requisition {
    /// The inventory: act, scope, counts, files with their hashes, how records arise and how they are verified.
    pub(crate) fn inventory(&self, language: Language) -> Document {
        let mut body = self.opened(language, "Inventaire des données remises", "Inventory of the data handed over");
        self.holder(&mut body);
        self.act(&mut body);
        self.scope(&mut body);
        body.heading(2, "Fichiers", "Files");
        self.files(&mut body);
        method::clock(&mut body, self);
        method::method(&mut body);
        method::verification(&mut body, self);
        self.closed(body, "Inventaire", "Inventory")
    }

    /// The draft of the record of handing over, to be completed and signed by both sides.
    pub(crate) fn handover(&self, language: Language) -> Document {
        let mut body = self.opened(language, "Procès-verbal de remise", "Record of handing over");
        body.note(
            "**Projet.** À relire, à compléter et à signer par les deux parties lors de la remise.",
            "**Draft.** To be read, completed and signed by both sides upon handing over.",
            &[],
        );
        self.holder(&mut body);
        self.act(&mut body);
        self.scope(&mut body);
        body.heading(2, "Objet de la remise", "What is handed over");
        match self.counts.records {
            0 => body.paragraph(
                "En exécution de l'acte ci-dessus, l'organisation n'a trouvé aucun enregistrement qui corresponde à son étendue et remet \
                 l'état néant, dans les fichiers suivants :",
                "In execution of the act above, the organisation found no record that corresponds to its scope and hands over the \
                 statement that nothing is held, in the following files:",
                &[],
            ),
            1 => body.paragraph(
                "En exécution de l'acte ci-dessus, l'organisation remet un enregistrement, qui correspond à son étendue et à elle seule, \
                 dans les fichiers suivants :",
                "In execution of the act above, the organisation hands over one record, which corresponds to its scope and to nothing \
                 else, in the following files:",
                &[],
            ),
            _ => body.paragraph(
                "En exécution de l'acte ci-dessus, l'organisation remet {}, qui correspondent à son étendue et à elle seule, dans les \
                 fichiers suivants :",
                "In execution of the act above, the organisation hands over {}, which correspond to its scope and to nothing else, in \
                 the following files:",
                &[&self.records(language)],
            ),
        }
        self.files(&mut body);
        if self.counts.records > 0 {
            body.paragraph(
                "Ces données sont remises telles que l'organisation les détient. Elles ne sont pas analysées ; l'organisation ne se \
                 prononce pas sur l'identité de l'auteur d'une connexion.",
                "These data are handed over as the organisation holds them. They are not analysed; the organisation does not state who \
                 the author of a connection is.",
                &[],
            );
        }
        self.delivery(&mut body);
        body.paragraph(
            "Fait en deux exemplaires, à {}, le {}.",
            "Done in duplicate, at {}, on {}.",
            &[&body.stated(&self.organisation.place), &"…".repeat(12)],
        );
        self.signatures(&mut body, true);
        self.closed(body, "Procès-verbal de remise", "Record of handing over")
    }

    /// The signed statement that nothing was found.
    pub(crate) fn nothing(&self, language: Language) -> Document {
        let mut body = self.opened(language, "État néant", "Statement that nothing is held");
        self.holder(&mut body);
        self.act(&mut body);
        self.scope(&mut body);
        body.note(
            "**Néant.** Aucun enregistrement détenu par l'organisation ne correspond à l'étendue de l'acte.",
            "**Nothing.** No record held by the organisation corresponds to the scope of the act.",
            &[],
        );
        let days = wording::count(
            language,
            u64::from(self.retention_days),
            language.pick("jour", "day"),
            language.pick("jours", "days"),
        );
        let searched = wording::moment(language, &self.searched);
        body.paragraph(
            "La recherche a été faite le {}. Les enregistrements sont conservés {}, puis détruits : cette réponse ne dit rien de connexions \
             plus anciennes, ni de celles qui ne sont pas passées par le serveur mandataire.",
            "The search was made on {}. Records are kept for {} and then destroyed: this answer says nothing about older connections, nor \
             about those that did not pass through the proxy server.",
            &[&searched, &days],
        );
        method::clock(&mut body, self);
        self.signatures(&mut body, false);
        self.closed(body, "État néant", "Statement that nothing is held")
    }

    fn opened(&self, language: Language, french: &str, english: &str) -> Writer {
        let mut body = Writer::new(language);
        let title = body.words(french, english, &[]);
        body.passages.push(Passage::Title { above: self.organisation.shown(language), title });
        body
    }

    fn closed(&self, body: Writer, french: &str, english: &str) -> Document {
        let reference = body.stated(&self.reference);
        Document {
            title: format!("{} – {reference}", body.words(french, english, &[])),
            language: body.language,
            author: self.organisation.shown(body.language),
            subject: body.words("Réponse à une réquisition", "Answer to a requisition", &[]),
            reference,
            issued: self.made.clone(),
            passages: body.passages,
        }
    }

    /// Who hands over, and who else has what is handed over.
    fn holder(&self, body: &mut Writer) {
        body.heading(2, "Détenteur des données", "Who holds the data");
        let address = body.stated(&self.organisation.address.join(", "));
        let mut pairs = vec![
            (body.words("Organisation", "Organisation", &[]), Prose::plain(self.organisation.shown(body.language))),
            (body.words("Adresse", "Address", &[]), Prose::plain(address)),
        ];
        pairs.extend(subject::who_has_it(body, &self.processor, &self.hosting, &self.transfers));
        body.definitions(pairs);
    }

    fn records(&self, language: Language) -> String {
        let one = language.pick("enregistrement", "record");
        wording::count(language, self.counts.records, one, language.pick("enregistrements", "records"))
    }

    fn act(&self, body: &mut Writer) {
        let language = body.language;
        let Act { authority, service, officer, article, case, received, checked } = &self.act;
        let cited = wording::set(language, references::cite(article, language));
        let received = received.map_or_else(String::new, |day| wording::date(language, day));
        body.heading(2, "Acte", "Act");
        let pairs = [
            (("Autorité", "Authority"), authority),
            (("Service", "Service"), service),
            (("Nom et qualité", "Name and rank"), officer),
            (("Texte visé", "Provision cited"), &cited),
            (("Numéro de procédure", "Case number"), case),
            (("Reçu le", "Received on"), &received),
            (("Authenticité vérifiée", "Authenticity checked"), checked),
            (("Nos références", "Our reference"), &self.reference),
        ];
        let pairs = pairs.map(|((fr, en), value)| (body.words(fr, en, &[]), Prose::plain(body.typed(value))));
        body.definitions(pairs.into());
    }

    fn scope(&self, body: &mut Writer) {
        let language = body.language;
        let (what, value) = match &self.scope {
            Scope::Account(name) => (("Compte", "Account"), name),
            Scope::Address(address) => (("Adresse", "Address"), address),
            Scope::Host(host) => (("Site", "Site"), host),
        };
        let (from, to) = (wording::moment(language, &self.from), wording::moment(language, &self.to));
        let number = |value| Prose::plain(wording::number(language, value));
        body.heading(2, "Étendue", "Scope");
        body.definitions(vec![
            (body.words(what.0, what.1, &[]), Prose::plain(body.stated(value))),
            (body.words("Période", "Period", &[]), body.say("du {} au {}", "from {} to {}", &[&from, &to])),
            (body.words("Enregistrements trouvés", "Records found", &[]), number(self.counts.records)),
            (
                body.words("dont sans le site, non conservé", "of which without the site, not kept", &[]),
                number(self.counts.masked),
            ),
            (body.words("Comptes désignés", "Accounts named", &[]), number(self.counts.accounts)),
        ]);
        if self.counts.out_of_reach > 0 {
            let visits = wording::count(
                language,
                self.counts.out_of_reach,
                language.pick("visite", "visit"),
                language.pick("visites", "visits"),
            );
            body.paragraph(
                "Une recherche par le nom d'un site ne peut retrouver les visites dont le site n'est pas conservé : {} dans la période. \
                 Rien ne permet de dire si certaines concernaient le site demandé.",
                "A search by the name of a site cannot find visits whose site is not kept: {} in the period. Nothing tells whether any \
                 of them went to the site asked for.",
                &[&visits],
            );
        }
    }

    fn files(&self, body: &mut Writer) {
        let language = body.language;
        let rows = self.files.iter();
        let rows = rows.map(|file| vec![file.name.clone(), wording::number(language, file.bytes), file.sha256.clone()]);
        let table = Table {
            caption: String::new(),
            columns: vec![
                Column::words(language.pick("Fichier", "File")),
                Column::numbers(language.pick("Octets", "Bytes")),
                Column::words("SHA-256"),
            ],
            rows: rows.collect(),
            row_headings: true,
        };
        body.table(table, "Aucun fichier.", "No file.");
    }

    fn delivery(&self, body: &mut Writer) {
        let encrypted = match &self.encrypted_for {
            Some(whom) => body.say("oui, pour {}", "yes, for {}", &[whom]),
            None => body.say("non", "no", &[]),
        };
        body.definitions(vec![
            (body.words("Mode de remise", "Mode of delivery", &[]), Prose::plain(body.typed(&self.delivery))),
            (body.words("Chiffrement", "Encrypted", &[]), encrypted),
        ]);
    }

    fn signatures(&self, body: &mut Writer, both: bool) {
        let organisation = self.organisation.shown(body.language);
        let name = body.words("Nom, qualité, date et signature", "Name, position, date and signature", &[]);
        let quality = |account: &String| {
            body.words(
                "Pour {}, le titulaire du compte {}",
                "For {}, the holder of the account {}",
                &[&organisation, account],
            )
        };
        let mut places: Vec<Signature> =
            self.in_charge.iter().map(|who| Signature { quality: quality(who), name: name.clone() }).collect();
        if places.is_empty() {
            places.push(Signature { quality: body.words("Pour {}", "For {}", &[&organisation]), name });
        }
        if both {
            places.push(Signature {
                quality: body.words("Pour le service requérant", "For the requiring service", &[]),
                name: body.words("Nom, qualité, date et signature", "Name, rank, date and signature", &[]),
            });
        }
        body.passages.push(Passage::Signatures(places));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::legal::{example, html};

    fn words(document: &Document) -> String {
        html::render(document).replace("&nbsp;", " ").replace("&#8239;", " ")
    }

    #[test]
    fn the_inventory_has_the_act_the_scope_every_file_and_how_all_of_it_is_verified() {
        let inventory = words(&example::requisition().inventory(Language::French));
        for said in [
            "Procureur de la République de Lyon",
            "article 60-1 du code de procédure pénale",
            "PV n° 2026/00412",
            "a.martin",
            "1 284",
            "proofs.jsonl",
            "Horloge",
            "12 ms",
            "un compte ou une adresse, non une personne",
            "Ed25519",
        ] {
            assert!(inventory.contains(said), "{said}");
        }
    }

    #[test]
    fn the_handover_is_a_draft_that_both_sides_sign() {
        let handover = example::requisition().handover(Language::French);
        let Some(Passage::Signatures(places)) = handover.passages.last() else { panic!("it ends with places to sign") };
        assert_eq!(places.len(), 3, "two persons in charge, and the service");
        // An account is no name: whoever signs writes theirs.
        assert!(places.iter().all(|place| place.name == "Nom, qualité, date et signature"), "{places:?}");
        assert!(places[0].quality.contains("compte j.judicial"), "{places:?}");
        assert!(words(&handover).contains("Projet."));
    }

    #[test]
    fn nothing_found_is_said_and_nothing_is_invented() {
        let nothing = words(&example::requisition_for_nothing().nothing(Language::French));
        assert!(nothing.contains("Néant.") && nothing.contains("conservés 365 jours"), "{nothing}");
        assert!(nothing.contains("article 145 du code de procédure civile"), "an article is cited as the act has it");
        assert!(nothing.contains("La recherche a été faite le 24 novembre 2026 à 10 h 15 (UTC+01:00)"), "{nothing}");
        assert!(nothing.contains("[à compléter]") && nothing.contains("Rien n’indique si l’horloge"), "{nothing}");
    }

    #[test]
    fn a_record_of_nothing_hands_over_the_statement_and_says_what_no_search_finds() {
        let mut none = example::requisition_for_nothing();
        none.counts.out_of_reach = 1_284;
        let handover = words(&none.handover(Language::French));
        assert!(
            handover.contains("n’a trouvé aucun enregistrement") && handover.contains("remet l’état néant"),
            "{handover}"
        );
        assert!(
            !handover.contains("0 enregistrement,") && !handover.contains("Ces données sont remises"),
            "{handover}"
        );
        for paper in [none.nothing(Language::French), none.inventory(Language::French)] {
            assert!(words(&paper).contains("1 284 visites dans la période"), "{}", paper.title);
        }
        let inventory = words(&none.inventory(Language::English));
        assert!(inventory.contains("1,284 visits in the period") && !inventory.contains("other people"), "{inventory}");
    }

    #[test]
    fn days_without_a_kept_clock_are_days_in_words() {
        let days = ["2026-11-02", "2026-11-03", "2026-11-04", "2026-11-19"].map(example::day).to_vec();
        let lost = Requisition { clock: Clock::Lost { days }, ..example::requisition() };
        let said = words(&lost.inventory(Language::French));
        assert!(said.contains("du 2 novembre 2026 au 4 novembre 2026, 19 novembre 2026"), "{said}");
        assert!(!said.contains("2026-11-19") && !said.contains("pendant toute la période"), "{said}");
    }

    #[test]
    fn the_act_was_received_on_a_day_without_an_hour() {
        let inventory = words(&example::requisition().inventory(Language::French));
        assert!(inventory.contains("20 novembre 2026<"), "{inventory}");
    }
}
